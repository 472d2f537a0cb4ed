"""What callers may ask of an invocation and what they are told about it, by headers. Knows no transport.

HTTP triggers and both invocation APIs share these headers and limits.

Source: https://help.aliyun.com/zh/functioncompute/fc/product-overview/limits-of-usage, the request metadata
of InvokeFunction, and https://www.alibabacloud.com/help/en/functioncompute/fc/web-functions.
"""

from __future__ import annotations

import base64
import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from localcloud.errors import Refusal
from localcloud.functions.limits import LIMIT_ERROR, RESULT_ERROR, SYNC_PAYLOAD_BYTES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from localcloud.functions.spec import FunctionSpec
    from localcloud.runtime import Invocation

ASYNC_PAYLOAD_BYTES: Final = 128 * 1024
LOG_TAIL_BYTES: Final = 4096
PLATFORM_ERRORS: Final = {
    "CAExited": 412,
    "FunctionNotStarted": 412,
    LIMIT_ERROR: 429,
    RESULT_ERROR: 502,
}
"""Error types that FC says as errors of its own, with their status. Of `FunctionNotStarted` it is a guess."""

_TASK_ID = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,127}")


@dataclass(frozen=True, slots=True)
class InvocationOptions:
    """How a caller wants a function to be run.

    Attributes:
        background: the caller does not wait: FC's invocation type Async.
        log_tail: the caller wants the end of the logs.
        task_id: the caller's name for a background invocation, or a fresh one.
    """

    background: bool
    log_tail: bool
    task_id: str

    @property
    def payload_limit(self) -> int:
        """How many bytes an event may have."""
        return ASYNC_PAYLOAD_BYTES if self.background else SYNC_PAYLOAD_BYTES


def read_options(headers: Mapping[str, str]) -> InvocationOptions:
    """What the headers ask for, names in lower case; refuses values that FC does not have."""
    task_id = headers.get("x-fc-async-task-id", "")
    if task_id and not _TASK_ID.fullmatch(task_id):
        raise Refusal(
            400,
            "InvalidArgument",
            "X-Fc-Async-Task-Id must be at most 128 letters, digits, _ and -, first a letter or _.",
        )
    return InvocationOptions(
        background=_one_of(headers, "x-fc-invocation-type", "Sync", "Async") == "Async",
        log_tail=_one_of(headers, "x-fc-log-type", "None", "Tail") == "Tail",
        task_id=task_id or secrets.token_hex(16),
    )


def accepted_headers(options: InvocationOptions, request_id: str) -> dict[str, str]:
    """What the caller of a background invocation is told: only that it was taken."""
    return {"x-fc-request-id": request_id, "x-fc-async-task-id": options.task_id}


def report_headers(options: InvocationOptions, invocation: Invocation, spec: FunctionSpec) -> dict[str, str]:
    """What the caller of a finished invocation is told beside its result; names in lower case."""
    told = {
        "x-fc-request-id": invocation.request_id,
        "x-fc-instance-id": invocation.instance_id,
        "x-fc-invocation-duration": str(round(invocation.duration * 1000)),
        "x-fc-max-memory-usage": str(invocation.memory_mib),
    }
    if spec.code_checksum:
        told["x-fc-code-checksum"] = spec.code_checksum
    if invocation.error_type:
        told["x-fc-error-type"] = invocation.error_type
    if options.log_tail:
        tail = (invocation.logs + invocation.report).encode()[-LOG_TAIL_BYTES:]
        told["x-fc-log-result"] = base64.b64encode(tail).decode()
    return told


def refuse_platform_error(invocation: Invocation) -> None:
    """Refuses where FC answers with an error of its own, and not with one of the function's."""
    status = PLATFORM_ERRORS.get(invocation.error_type)
    if status is not None:
        raise Refusal(status, invocation.error_type, invocation.of_error("Message"))


def _one_of(headers: Mapping[str, str], name: str, default: str, other: str) -> str:
    value = headers.get(name) or default
    if value not in {default, other}:
        raise Refusal(400, "InvalidArgument", f"{name} must be {default} or {other}, not {value!r}.")
    return value
