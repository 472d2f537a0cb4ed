"""Function Compute's invocation APIs: FC 3.0, version 2023-03-30, and FC 2.0, version 2016-08-15.

Both run the functions that are deployed, and differ in how a function is named, how a request is signed and
how an error is spelled. Of a function there is one version, LATEST.

Source: the vendor's request metadata, and the clients alibabacloud_fc20230330 and aliyun-fc2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.errors import Refusal
from localcloud.invoking import accepted_headers, read_options, refuse_not_started, report_headers
from localcloud.message import Response, json_response
from localcloud.services.fc.codes import FC_CODES
from localcloud.validation import only

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fctoolkit.jsontypes import JsonObject
    from localcloud.delivery.deliveries import Deliveries
    from localcloud.deployment import Deployment
    from localcloud.function_spec import FunctionSpec
    from localcloud.services.base import Call, Handler, Moment, Work

LATEST = "LATEST"


class _InvocationService:
    """What both APIs have in common."""

    name = ""
    request_id_header = "x-fc-request-id"
    error_codes = FC_CODES

    def __init__(self, deliveries: Callable[[], Deliveries | None]) -> None:
        self._current = deliveries
        self.actions: Mapping[str, Handler] = {"InvokeFunction": self._invoke_function}

    def seed(self, records: JsonObject, moment: Moment) -> Callable[[], None]:  # noqa: ARG002 - nothing is dated
        """Takes nothing: functions come from a template."""
        only(records, frozenset(), self.name)
        return lambda: None

    def state(self, moment: Moment) -> JsonObject:  # noqa: ARG002 - nothing is dated
        """Nothing: the functions that a template brings are listed beside the services."""
        return {}

    def _invoke_function(self, call: Call) -> Response | Work:
        raise NotImplementedError

    def _deliveries(self, call: Call) -> Deliveries:
        deliveries = self._current()
        if deliveries is None or not deliveries.deployment.functions:
            raise Refusal(
                404,
                "FunctionNotFound",
                f"function '{call.path['functionName']}' does not exist: nothing is deployed. "
                "Start the local cloud with `localcloud serve --template s.yaml`.",
            )
        return deliveries


class FcService(_InvocationService):
    """FC 3.0: a function is known by its name."""

    name = "fc"

    def error_response(self, refusal: Refusal, request_id: str, host: str) -> Response:  # noqa: ARG002 - FC names no host
        """`Code`, `Message` and `RequestId`."""
        body: JsonObject = {"Code": refusal.code, "Message": refusal.message, "RequestId": request_id}
        return json_response(body, refusal.status)

    def _invoke_function(self, call: Call) -> Response | Work:
        deliveries = self._deliveries(call)
        deployment = deliveries.deployment
        spec = _function(deployment, call)
        _refuse_other_version(call.query.get("qualifier", ""), f"function '{spec.name}'")
        return _invocation(deliveries, spec, call)


class Fc2Service(_InvocationService):
    """FC 2.0: a function belongs to a service, here to the one that the template's `name` names."""

    name = "fc2"

    def error_response(self, refusal: Refusal, request_id: str, host: str) -> Response:  # noqa: ARG002 - FC names no host
        """`ErrorCode` and `ErrorMessage`; the request's id is in a header."""
        return json_response({"ErrorCode": refusal.code, "ErrorMessage": refusal.message}, refusal.status)

    def _invoke_function(self, call: Call) -> Response | Work:
        deliveries = self._deliveries(call)
        deployment = deliveries.deployment
        service, _, qualifier = call.path["serviceName"].partition(".")
        known = deployment.template.name
        if service != known:
            there = (
                f"the template's is '{known}'" if known else "the template has no `name`, which would be it"
            )
            raise Refusal(404, "ServiceNotFound", f"service '{service}' does not exist; {there}.")
        spec = _function(deployment, call)
        _refuse_other_version(qualifier, f"service '{service}'")
        return _invocation(deliveries, spec, call)


def _function(deployment: Deployment, call: Call) -> FunctionSpec:
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


def _refuse_other_version(qualifier: str, owner: str) -> None:
    if qualifier in {"", LATEST}:
        return
    what, code = ("version", "VersionNotFound") if qualifier.isdecimal() else ("alias", "AliasNotFound")
    raise Refusal(
        404, code, f"{what} '{qualifier}' of {owner} does not exist: the local cloud has {LATEST} only."
    )


def _invocation(deliveries: Deliveries, spec: FunctionSpec, call: Call) -> Response | Work:
    """Starts a background invocation now; a synchronous one is the rest of the work."""
    options = read_options(call.headers)
    if len(call.content) > options.payload_limit:
        raise Refusal(
            400,
            "EntityTooLarge",
            f"payload size exceeds maximum allowed size ({options.payload_limit} bytes): "
            f"this one has {len(call.content)}.",
        )
    if options.background:
        deliveries.invoke_later(spec, call.content, call.request_id)
        return Response(202, accepted_headers(options, call.request_id))

    def run() -> Response:
        invocation = deliveries.deployment.run(spec.key, call.content, call.request_id)
        refuse_not_started(invocation)
        headers = {
            "content-type": "application/json" if invocation.error_type else "application/octet-stream",
            "x-fc-instance-id": invocation.instance_id,
            "x-fc-invocation-duration": str(round(invocation.duration * 1000)),
            **report_headers(options, invocation),
        }
        return Response(200, headers, invocation.payload)

    return run
