"""What becomes of a request to a function, and FC's words for it. Values only; runs nothing."""

from __future__ import annotations

import json
import math
import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from localcloud.runtime.memory import MIB

if TYPE_CHECKING:
    from localcloud.message import Response

INVOCATION_ERROR: Final = "UnhandledInvocationError"
INITIALIZATION_ERROR: Final = "InitializationError"


@dataclass(frozen=True, slots=True)
class Credentials:
    """The key of a function's role."""

    access_key_id: str = ""
    access_key_secret: str = field(default="", repr=False)
    security_token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Invocation:
    """What became of one request.

    Attributes:
        request_id: FC's id of the request.
        payload: the result, or FC's error payload.
        error_type: what FC says in `X-Fc-Error-Type`; empty when the function returned. What FC says as an
            error of its own is here, too: `ResourceExhausted`, `BadResponse`, and of a process that does
            not start `CAExited` or `FunctionNotStarted`.
        logs: everything printed and logged, standard output and error together. Where an instance takes
            several requests at once, what it has printed since another one of them ended.
        duration: seconds, of the handler, or of the initializer when that failed.
        cold: whether an instance was started for it.
        response: the HTTP response that a custom runtime gave to an HTTP request; None for events, and when
            there was none.
        instance_id: what the instance has in `FC_INSTANCE_ID`; empty when none started.
        memory: the most bytes that the instance held meanwhile; 0 where that is not known.
        memory_size: MB that the function may have.
    """

    request_id: str
    payload: bytes
    error_type: str
    logs: str
    duration: float
    cold: bool
    response: Response | None = None
    instance_id: str = ""
    memory: int = 0
    memory_size: int = 0

    @property
    def ok(self) -> bool:
        """Whether the function returned."""
        return not self.error_type

    def of_error(self, part: Literal["Type", "Message"]) -> str:
        """A part of the error that it ended with, as its payload says; empty when there is none."""
        if self.ok:
            return ""
        try:
            payload: object = json.loads(self.payload)
        except (ValueError, RecursionError):
            # A custom runtime says in a header that it failed, and in the body whatever it likes.
            payload = None
        return str(payload.get(f"error{part}", "")) if isinstance(payload, dict) else ""

    @property
    def memory_mib(self) -> float:
        """`memory` as FC tells it: in MB, two digits after the point."""
        return round(self.memory / MIB, 2)

    @property
    def report(self) -> str:
        """The line with which FC ends the logs that it sends back."""
        milliseconds = self.duration * 1000
        return (
            f"\nDuration: {milliseconds:.2f} ms, Billed Duration: {math.ceil(milliseconds)} ms, "
            f"Memory Size: {self.memory_size} MB, Max Memory Used: {self.memory_mib:.2f} MB"
        )


def new_request_id() -> str:
    """A request id in the form of FC's."""
    return f"1-{int(time.time()):08x}-{secrets.token_hex(8)}"


def error_payload(message: str, error_type: str = "") -> bytes:
    """FC's error payload when the function itself could not make one; as a rule it has no `errorType`."""
    payload = {"errorMessage": message, **({"errorType": error_type} if error_type else {})}
    return json.dumps(payload, indent=4).encode()
