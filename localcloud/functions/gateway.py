"""FC's gateway for HTTP triggers: finds the trigger, checks the request, runs the function and answers.

Past the gateway a request is an event and a result is an answer; `triggers` makes the one and the other.

Source: https://www.alibabacloud.com/help/en/functioncompute/fc/web-functions (limits), the page on
signatures that `localcloud.signatures.acs3` names, and https://help.aliyun.com/document_detail/85445.html
(status codes).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from email.utils import formatdate
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from localcloud.endpoints import host_name
from localcloud.errors import Refusal
from localcloud.functions.invoking import (
    accepted_headers,
    read_options,
    refuse_platform_error,
    report_headers,
)
from localcloud.functions.spec import HttpTrigger
from localcloud.functions.triggers import HttpRequest
from localcloud.message import Request, Response, json_response
from localcloud.runtime import ClosedError
from localcloud.runtime.invocation import new_request_id
from localcloud.services.fc.codes import FC_CODES

if TYPE_CHECKING:
    from collections.abc import Callable

    from fctoolkit.jsontypes import JsonObject, JsonValue
    from localcloud.conditions.behaviour import Behaviour
    from localcloud.delivery.deliveries import Deliveries
    from localcloud.functions.invoking import InvocationOptions
    from localcloud.functions.spec import FunctionSpec

PREFIX: Final = "/_localcloud/http/"
"""Where triggers are for clients that cannot choose the host they name."""

HEADER_BYTES: Final = 8 * 1024
TARGET_BYTES: Final = 4 * 1024

_DEFAULT_DOMAIN = re.compile(
    r"(?P<name>[\w-]+)-(?P<account>\d+)\.(?P<region>[a-z0-9-]+)\.fcapp\.(?:run|invalid)"
)
_LOCAL_DOMAIN = re.compile(r"(?P<name>[\w-]+)\.localhost")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request to a trigger is addressed.

    Attributes:
        name: the function, as the address names it.
        path: the path that the function sees, percent-encoded.
        account: as the address says; empty when it does not.
        region: as the address says; empty when it does not.
    """

    name: str
    path: str
    account: str = ""
    region: str = ""

    @property
    def default_domain(self) -> bool:
        """Whether it is the address that FC gives to each trigger."""
        return bool(self.account)


class Gateway:
    """Answers at the addresses of HTTP triggers.

    Args:
        deliveries: the functions, and how they are invoked in the background.
        url: where this gateway is served, for the addresses that it tells; empty while it is not.
        check_signature: returns when a request is well signed; else Refusal.
        behaviour: the variants in force.
    """

    def __init__(
        self,
        deliveries: Deliveries,
        url: Callable[[], str],
        check_signature: Callable[[Request], None],
        behaviour: Callable[[], Behaviour],
    ) -> None:
        self.deliveries = deliveries
        self.deployment = deliveries.deployment
        self._url = url
        self._check_signature = check_signature
        self._behaviour = behaviour

    def functions(self) -> list[JsonValue]:
        """Every function with `key`, `name` and the `urls` of its HTTP trigger, none if it has no trigger."""
        url = self._url()
        port = urlsplit(url).port
        rows: list[JsonValue] = []
        for spec in self.deployment.functions:
            hosts = (f"{spec.key}.localhost", f"{spec.name}-{spec.account_id}.{spec.region}.fcapp.invalid")
            urls: list[JsonValue] = []
            if url and _trigger(spec) is not None:
                urls = [f"{url}{PREFIX}{spec.key}/", *(f"http://{host}:{port}/" for host in hosts)]
            row: JsonObject = {"key": spec.key, "name": spec.name, "urls": urls}
            rows.append(row)
        return rows

    @staticmethod
    def place_of(request: Request) -> Place | None:
        """Where a request is addressed; None when that is no trigger's address."""
        if request.path.startswith(PREFIX):
            name, slash, rest = request.path.removeprefix(PREFIX).partition("/")
            return Place(unquote(name), f"/{rest}" if slash else "/")
        host = host_name(request.header("host"))
        if (local := _LOCAL_DOMAIN.fullmatch(host)) is not None:
            return Place(local["name"], request.path or "/")
        if (default := _DEFAULT_DOMAIN.fullmatch(host)) is not None:
            return Place(default["name"], request.path or "/", default["account"], default["region"])
        return None

    def handle(self, request: Request, place: Place) -> Response:
        """Answers one request. Waits while the function runs, unless the caller does not want to."""
        request_id = new_request_id()
        try:
            response = self._answered(request, place, request_id)
        except Refusal as refusal:
            body: JsonObject = {"Code": refusal.code, "Message": refusal.message, "RequestId": request_id}
            response = json_response(body, refusal.status)
        own = {"x-fc-request-id": request_id, "date": formatdate(usegmt=True)}
        if place.default_domain:
            own["content-disposition"] = "attachment"
        response = replace(response, headers={**response.headers, **own})
        if request.method != "HEAD":
            return response
        length = {"content-length": str(len(response.body))}
        return replace(response, headers={**response.headers, **length}, body=b"")

    def _answered(self, request: Request, place: Place, request_id: str) -> Response:
        try:
            return self._answer(request, place, request_id)
        except ClosedError:
            # It was deleted while the request was on its way to it.
            raise Refusal(404, "FunctionNotFound", f"function '{place.name}' does not exist.") from None

    def _answer(self, request: Request, place: Place, request_id: str) -> Response:
        spec = self._function(place)
        trigger = _trigger(spec)
        if trigger is None:
            raise Refusal(404, "TriggerNotFound", f"function '{spec.name}' has no HTTP trigger.")
        self._admit(request, trigger)
        options = read_options(request.headers)
        target = f"{place.path}?{request.query}" if request.query else place.path
        _refuse_large(request, target, options)
        asked = HttpRequest(request.method, target, request.headers, request.body)
        if options.background:
            payload = self.deployment.http_payload(spec, asked, request_id)
            self.deliveries.invoke_later(spec, payload, request_id)
            return Response(202, accepted_headers(options, request_id))
        error_status = self._behaviour().trigger_error_status
        exchange = self.deployment.exchange(spec, asked, request_id=request_id, error_status=error_status)
        refuse_platform_error(exchange.invocation)
        answer = exchange.answer
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return Response(
            answer.status, {**headers, **report_headers(options, exchange.invocation, spec)}, answer.body
        )

    def _function(self, place: Place) -> FunctionSpec:
        """The function at a place; hosts are compared as hosts are, in any case."""
        spec = self.deployment.named(place.name, any_case=True)
        if (
            spec is None
            or place.account not in {"", spec.account_id}
            or place.region not in {"", spec.region}
            or (place.default_domain and place.name.lower() != spec.name.lower())
        ):
            known = ", ".join(one.name for one in self.deployment.functions) or "none"
            raise Refusal(
                404,
                "FunctionNotFound",
                f"function '{place.name}' does not exist here; deployed are: {known}.",
            )
        return spec

    def _admit(self, request: Request, trigger: HttpTrigger) -> None:
        """Refuses whom the trigger does not let in. All refusals of signatures are 403 in FC's gateway."""
        if not trigger.internet:
            raise Refusal(403, "AccessDenied", "the trigger's disableURLInternet is true.")
        if trigger.auth_type != "anonymous":
            try:
                self._check_signature(request)
            except Refusal as refusal:
                unsigned = refusal.code == "MissingAuthorization"
                status = self._behaviour().trigger_unsigned_status if unsigned else 403
                _, code = FC_CODES.get(refusal.code, (status, refusal.code))
                raise Refusal(status, code, refusal.message) from None
        if request.method not in trigger.methods:
            raise Refusal(
                403,
                "AccessDenied",
                f"the trigger does not take {request.method}; it takes {', '.join(trigger.methods)}.",
            )


def _trigger(spec: FunctionSpec) -> HttpTrigger | None:
    """The function's HTTP trigger; FC allows one for each version."""
    return next((trigger for trigger in spec.triggers if isinstance(trigger, HttpTrigger)), None)


def _refuse_large(request: Request, target: str, options: InvocationOptions) -> None:
    parts = (
        ("the headers", sum(len(name) + len(value) for name, value in request.headers.items()), HEADER_BYTES),
        ("path and query", len(target.replace("?", "", 1)), TARGET_BYTES),
        ("the body", len(request.body), options.payload_limit),
    )
    for what, size, limit in parts:
        if size > limit:
            raise Refusal(400, "InvalidArgument", f"{what} may have {limit} bytes, not {size}.")
