"""InvokeFunction as FC 2.0 and FC 3.0 have it in common. Knows no control plane.

Source: the vendor's request metadata, and the clients alibabacloud_fc20230330 and aliyun-fc2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.errors import Refusal
from localcloud.functions.invoking import (
    accepted_headers,
    read_options,
    refuse_platform_error,
    report_headers,
)
from localcloud.functions.spec import LATEST
from localcloud.message import Response
from localcloud.services.fc.codes import missing

if TYPE_CHECKING:
    from collections.abc import Callable

    from localcloud.delivery.deliveries import Deliveries
    from localcloud.functions.deployment import Deployment
    from localcloud.functions.spec import FunctionSpec
    from localcloud.services.base import Call, Work


def refuse_nothing_deployed(call: Call) -> Refusal:
    """The answer for any function while there is none at all."""
    return Refusal(
        404,
        "FunctionNotFound",
        f"function '{call.path['functionName']}' does not exist: nothing is deployed. Create it, or "
        "start the local cloud with `localcloud serve --template s.yaml`.",
    )


def template_function(deployment: Deployment, call: Call) -> FunctionSpec:
    """The function that the path names; one of another region than the host's does not exist there."""
    name = call.path["functionName"]
    spec = deployment.named(name)
    if spec is None or call.region not in {"", spec.region}:
        there = f" in {call.region}" if call.region else ""
        known = ", ".join(one.name for one in deployment.functions) or "none"
        raise Refusal(
            404, "FunctionNotFound", f"function '{name}' does not exist{there}; deployed are: {known}."
        )
    return spec


def refuse_other_version(qualifier: str, owner: str) -> None:
    """Refuses what a function of a template does not have: published versions, and aliases."""
    if qualifier not in {"", LATEST}:
        raise missing("Version" if qualifier.isdecimal() else "Alias", qualifier, owner)


def invocation(
    deliveries: Deliveries,
    spec: FunctionSpec,
    call: Call,
    taken: Callable[[str], None] = lambda _: None,
) -> Response | Work:
    """Starts a background invocation now; a synchronous one is the rest of the work.

    `taken` is told the task id of a background invocation before it starts.
    """
    # Only who has functions needs what runs them.
    from localcloud.runtime import ClosedError  # noqa: PLC0415

    options = read_options(call.headers)
    if len(call.content) > options.payload_limit:
        raise Refusal(
            400,
            "EntityTooLarge",
            f"payload size exceeds maximum allowed size ({options.payload_limit} bytes): "
            f"this one has {len(call.content)}.",
        )
    if options.background:
        taken(options.task_id)
        deliveries.invoke_later(spec, call.content, call.request_id)
        return Response(202, accepted_headers(options, call.request_id))

    def run() -> Response:
        try:
            invoked = deliveries.deployment.run(spec.key, call.content, call.request_id)
        except ClosedError:
            raise missing("Function", spec.name) from None
        refuse_platform_error(invoked)
        headers = {
            "content-type": "application/json" if invoked.error_type else "application/octet-stream",
            **report_headers(options, invoked, spec),
        }
        return Response(200, headers, invoked.payload)

    return run
