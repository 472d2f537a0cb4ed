"""Finds which action of which service a request asks for, and its parameters. Knows no behaviour.

ROA requests are found by method and path, RPC requests by action name, those of MNS by method, path,
parameters and body, those of OSS by method, bucket, object and parameters. The service is told by
`x-eventbridge-version`, `x-acs-version` or `x-mns-version`, by the query's `Version`, by OSS's hosts and
signatures, by a version that begins the path, by the Host header, or by the rest of the path, in this order.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fctoolkit.strictjson import JsonError, decode
from localcloud import catalogue
from localcloud.endpoints import endpoint_of
from localcloud.errors import Refusal
from localcloud.message import FORM_TYPE, Request
from localcloud.object_address import OSS, address_of, is_oss, marks_of, parameters_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fctoolkit.jsontypes import JsonObject
    from localcloud.catalogue import Catalogue, Operation

EVENTBRIDGE_2015 = "eventbridge2015"
SERVICES = (
    *("cs", "ens", "elasticsearch", "fc", "fc2", "mns", "oss", "resourcemanager", "sts"),
    *("eventbridge", EVENTBRIDGE_2015),
)
DEFAULT_RPC_SERVICE = "ens"
MNS = "mns"

# What every request may carry, whatever its action.
COMMON_PARAMETERS = frozenset(
    {
        "AccessKeyId",
        "Action",
        "Format",
        "RegionId",
        "SecurityToken",
        "Signature",
        "SignatureMethod",
        "SignatureNonce",
        "SignatureType",
        "SignatureVersion",
        "Timestamp",
        "Version",
    }
)


@dataclass(frozen=True, slots=True)
class Target:
    """What a request asks for.

    Attributes:
        operation: the action.
        region: the region the Host header names, or empty.
        path: decoded path parameters.
        query: decoded query parameters, common ones left out.
    """

    operation: Operation
    region: str
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)


class Dispatcher:
    """The catalogues of all services."""

    def __init__(self) -> None:
        self._catalogues = {name: catalogue.load(name) for name in SERVICES}

    def service_of(self, request: Request) -> str:
        """The service a request is meant for; empty when it names a version that no service here has."""
        if request.header("x-eventbridge-version"):
            return EVENTBRIDGE_2015  # its version number is MNS's, too
        version = _version(request)
        for name, known in self._catalogues.items():
            if version == known.version:
                return name
        if version:
            return ""
        if is_oss(request):
            return OSS
        for name, known in self._catalogues.items():
            if request.path.startswith(f"/{known.version}/"):
                return name
        named = endpoint_of(request.header("host")).service
        if named:
            return named
        if request.path.startswith("/openapi/"):
            return "elasticsearch"
        return self._rpc_service(action_of(request)) if request.path in {"", "/"} else "cs"

    def target(self, request: Request, service: str) -> Target:
        """The action and its parameters; refuses what the vendor does not have."""
        parameters = dict(request.query_pairs())
        action = action_of(request)
        known = self._known(request, service)
        if service == OSS:
            address = address_of(request)
            operation = known.told(request.method, address.template, marks_of(request))
            named = {"bucket": address.bucket, "key": address.key}
            return Target(operation, address.region, named, parameters_of(request))
        region = endpoint_of(request.header("host")).region
        if known.is_rpc:
            return Target(
                self._rpc(known, action), region, {}, _own({**parameters, **dict(request.form_pairs())})
            )
        if action:
            known.named(action)
        operation, path = known.matching(request.method, request.path)
        if service == MNS:
            return Target(known.named(_mns_action(request, operation)), region, path, parameters)
        if action and action != operation.action:
            raise Refusal(
                400,
                "InvalidAction.NotFound",
                f"x-acs-action says {action}, but {request.method} {request.path} is {operation.action}.",
            )
        return Target(operation, region, path, _own(parameters))

    def _known(self, request: Request, service: str) -> Catalogue:
        known = self._catalogues.get(service)
        if known is None:
            versions = ", ".join(f"{name} {known.version}" for name, known in self._catalogues.items())
            raise Refusal(
                404,
                "InvalidVersion",
                f"Specified parameter Version {_version(request)!r} is not valid; "
                f"the local cloud has {versions}.",
            )
        return known

    def _rpc_service(self, action: str) -> str:
        """The service of the RPC style that has an action, when nothing but the action tells."""
        having = (name for name, known in self._catalogues.items() if known.is_rpc and known.has(action))
        return next(having, DEFAULT_RPC_SERVICE)

    @staticmethod
    def _rpc(known: Catalogue, action: str) -> Operation:
        if not action:
            raise Refusal(400, "MissingAction", "Action is mandatory for this request.")
        return known.named(action)


def action_of(request: Request) -> str:
    """The action that a request names, known or not; empty when it is told by method and path alone."""
    return request.header("x-acs-action") or dict(request.query_pairs()).get("Action", "")


def decoded_body(request: Request, operation: Operation) -> JsonObject:
    """The JSON body, empty when there is none; refuses other bodies and keys the action does not have.

    What no answer could repeat is refused, too: half surrogate pairs, and numbers that are none.
    """
    if operation.raw or not request.body or request.header("content-type").startswith(FORM_TYPE):
        return {}
    try:
        value = decode(request.body)
    except JsonError as error:
        raise Refusal(400, "InvalidParameter.body", f"The body is not valid JSON: {error}.") from None
    if not isinstance(value, dict):
        raise Refusal(400, "InvalidParameter.body", "The body must be a JSON object.")
    refuse_unknown(operation, "body keys", operation.unknown_body(value))
    return value


def refuse_unknown(operation: Operation, kind: str, names: list[str]) -> None:
    """Refuses parameters the action does not have: a client that misspells one must not pass unnoticed."""
    if names:
        raise Refusal(
            400, "LocalCloud.UnknownParameter", f"{operation.action} has no such {kind}: {', '.join(names)}."
        )


def _version(request: Request) -> str:
    own = request.header("x-acs-version") or request.header("x-mns-version")
    return own or dict(request.query_pairs()).get("Version", "")


def _mns_action(request: Request, operation: Operation) -> str:
    """The action of MNS: at one path and method, parameters and the body tell several apart."""
    names = {name.lower() for name, _ in request.query_pairs()}
    if not operation.path.endswith("/messages"):
        return "SetQueueAttributes" if "metaoverride" in names else operation.action
    batch = "numofmessages" in names
    match request.method:
        case "GET" if "peekonly" in names:
            return "BatchPeekMessage" if batch else "PeekMessage"
        case "GET":
            return "BatchReceiveMessage" if batch else "ReceiveMessage"
        case "POST":
            return "BatchSendMessage" if b"<Messages" in request.body else "SendMessage"
        case "DELETE":
            return "DeleteMessage" if "receipthandle" in names else "BatchDeleteMessage"
        case _:
            return operation.action


def _own(parameters: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in parameters.items() if name not in COMMON_PARAMETERS}
