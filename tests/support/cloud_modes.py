"""Ways to call a local cloud that look alike: a scenario calls actions by name and does not know which way.

Here are the ways without a vendor's client: signed requests, in process and over HTTP.
"""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote, unquote
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

import httpx2

from fctoolkit.credentials import Credentials
from fctoolkit.mns.signing import signed_headers
from fctoolkit.transport import HeaderAuth
from localcloud import catalogue
from tests.support.cloud_client import CS, ENS, ES, Signer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from localcloud.catalogue import Operation

CONTENT = "content"
"""The parameter that holds a body of any bytes."""
HEADERS = "headers"
"""The parameter that holds further headers."""
NO_ANSWER = "NoAnswer"
"""The code where a connection was cut."""
UNREADABLE = "Unreadable"
"""The code where an answer is none that the caller could read."""

_PATH_PARAMETER = re.compile(r"\{(\w+)\}")
_VENDOR_ROOTS = {
    "cs": CS,
    "ens": ENS,
    "elasticsearch": ES,
    "eventbridge": "https://eventbridge-console.cn-hangzhou.aliyuncs.com",
    "fc": "https://1234567890123456.cn-hangzhou.fc.aliyuncs.com",
    "mns": "https://1234567890123456.mns.cn-hangzhou.aliyuncs.com",
}
# What is JSON in the RPC style, by service and parameter; other lists are sent as `Name.1`, `Name.2`.
_JSON = frozenset({("ens", "Tags")})
_JSON_SERVICES = frozenset({"eventbridge"})


@dataclass(frozen=True)
class Keys:
    """What a caller signs with."""

    key_id: str = "test"
    secret: str = "test"
    token: str = ""


DEFAULT_KEYS = Keys()


@dataclass(frozen=True)
class Answer:
    """What came of a call, whichever way it went.

    Attributes:
        status: HTTP status; 0 when no answer came, or none that the caller could read.
        code: of the error; empty when it went well.
        body: decoded, with the vendor's names: JSON as it is, an element of XML as names and texts, several
            of them as a list; bytes where the action answers bytes.
        message: of the error.
        headers: names in lower case.
        is_raw: the client's own model could not read the answer; `body` is what came.
    """

    status: int
    code: str = ""
    body: Any = None
    message: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    is_raw: bool = False

    @property
    def ok(self) -> bool:
        """Whether the call went well."""
        return not self.code

    @property
    def refusal(self) -> tuple[int, str]:
        """Status and code."""
        return self.status, self.code


@dataclass(frozen=True)
class Plain:
    """A request before anybody signed it: path as on the wire, query decoded, headers in lower case."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes = b""


class Caller(Protocol):
    """Somebody who calls actions."""

    def client(self, service: str, action: str) -> str:
        """Who makes the call of an action: the name of a package, or empty for plain requests."""
        ...

    def call(self, service: str, action: str, parameters: Mapping[str, Any]) -> Answer:
        """Calls an action with the vendor's names, wherever each has its place in the request."""
        ...


class PlainCaller:
    """Signed requests with httpx2.

    Args:
        http: what carries them.
        url: where all services are; without it, each is where the vendor has it.
        keys: what is signed with; without them nothing is.
    """

    def __init__(self, http: httpx2.Client, url: str = "", keys: Keys | None = DEFAULT_KEYS) -> None:
        self._http = http
        self._url = url
        self._keys = keys

    def client(self, service: str, action: str) -> str:
        """None of the vendor's."""
        return ""

    def call(self, service: str, action: str, parameters: Mapping[str, Any]) -> Answer:
        """One request."""
        plain = plain_request(service, action, parameters)
        root = self._url or _VENDOR_ROOTS.get(service, "http://127.0.0.1")
        try:
            response = self._http.request(
                plain.method,
                root + plain.path,
                params=plain.query,
                content=plain.content,
                headers=plain.headers,
                auth=self._auth(service),
            )
        except httpx2.TransportError:
            return Answer(0, NO_ANSWER)
        return _answer(response)

    def _auth(self, service: str) -> httpx2.Auth | None:
        keys = self._keys
        if keys is None:
            return None
        if service == "mns":
            signer = Credentials(keys.key_id, keys.secret, keys.token or None)
            return HeaderAuth(
                lambda method, resource, headers: signed_headers(
                    method, resource, headers, date=formatdate(usegmt=True), credentials=signer
                )
            )
        if service == "oss":
            return OssAuth(keys)
        if service == "eventbridge2015":
            return OlderEventsAuth(keys)
        return Fc2Auth(keys) if service == "fc2" else Signer(keys.key_id, keys.secret, keys.token)


class Fc2Auth(httpx2.Auth):
    """Function Compute 2.0's signature, made by its client's own code."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def auth_flow(self, request: httpx2.Request) -> Iterator[httpx2.Request]:  # type: ignore[override] # nothing is sent back
        """Adds date, key and signature."""
        from fc2.auth import Auth

        headers = {"date": formatdate(usegmt=True), "content-type": "application/octet-stream"}
        if self._keys.token:
            headers["x-fc-security-token"] = self._keys.token
        request.headers.update(headers)
        signed = Auth(self._keys.key_id, self._keys.secret, self._keys.token).sign_request(
            request.method, unquote(request.url.path), dict(request.headers)
        )
        request.headers["authorization"] = signed
        yield request


class OlderEventsAuth(httpx2.Auth):
    """The signature of EventBridge's older API, made by its client's own code."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def auth_flow(self, request: httpx2.Request) -> Iterator[httpx2.Request]:  # type: ignore[override] # nothing is sent back
        """Adds date, nonce, token and signature."""
        from alibabacloud_eventbridge_util.client import Client
        from Tea.request import TeaRequest

        keys = self._keys
        request.headers["date"] = formatdate(usegmt=True)
        request.headers["content-type"] = "application/cloudevents-batch+json; charset=utf-8"
        request.headers["x-acs-signature-nonce"] = uuid.uuid4().hex
        if keys.token:
            request.headers["x-acs-security-token"] = keys.token
        asked = TeaRequest()
        asked.method, asked.pathname, asked.query = request.method, request.url.path, {}
        asked.headers = {name.lower(): value for name, value in request.headers.items()}
        signature = Client.get_signature(Client.get_string_to_sign(asked), keys.secret)
        request.headers["authorization"] = f"acs:{keys.key_id}:{signature}"
        yield request


class OssAuth(httpx2.Auth):
    """OSS's signature of version 4, made by its client's own code."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def auth_flow(self, request: httpx2.Request) -> Iterator[httpx2.Request]:  # type: ignore[override] # nothing is sent back
        """Adds date, token and signature."""
        import oss2

        keys = self._keys
        provider = oss2.credentials.StaticCredentialsProvider(keys.key_id, keys.secret, keys.token or None)
        bucket, _, key = unquote(request.url.path).strip("/").partition("/")
        asked = oss2.http.Request(
            request.method,
            "http://example.invalid",
            params=dict(request.url.params),
            headers={},
            region="cn-hangzhou",
            product="oss",
        )
        oss2.ProviderAuthV4(provider)._sign_request(asked, bucket, key)
        request.headers.update({name: str(value) for name, value in asked.headers.items() if value})
        yield request


def plain_request(service: str, action: str, parameters: Mapping[str, Any]) -> Plain:
    """The request that calls an action with these parameters."""
    operation = catalogue.load(service).named(action)
    given = dict(parameters)
    headers = {**_version(operation), **given.pop(HEADERS, {})}
    content = given.pop(CONTENT, b"")
    path = _PATH_PARAMETER.sub(lambda match: quote(str(given.pop(match[1])), safe=""), operation.path)
    if service == "mns":
        content = _mns_content(action, given)
    query = dict(query_of(operation, given))
    body = {name: value for name, value in given.items() if name not in operation.query}
    if body and operation.path != "/":
        content, headers["content-type"] = json.dumps(body).encode(), "application/json"
    method = "POST" if "POST" in operation.methods else min(operation.methods)
    return Plain(method, path, query, headers, content)


def _version(operation: Operation) -> dict[str, str]:
    """The headers that tell the service and the action."""
    version = catalogue.load(operation.service).version
    if operation.service == "mns":
        return {"x-mns-version": version}
    if operation.service == "fc2":
        return {}
    if operation.service == "eventbridge2015":
        return {"x-eventbridge-version": version}
    if operation.service == "oss":  # told by the scheme of its signature
        return {"authorization": "OSS4-HMAC-SHA256 "}
    return {"x-acs-version": version, "x-acs-action": operation.action}


def query_of(operation: Operation, given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What of the parameters stands in the query; all of them in the RPC style."""
    for name, value in given.items():
        if operation.path == "/" and not _is_json(operation.service, name):
            yield from _flat(name, value)
        elif operation.path == "/" or name in operation.query:
            yield name, _text(value)


def _is_json(service: str, name: str) -> bool:
    return service in _JSON_SERVICES or (service, name) in _JSON


def _flat(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(f"{name}.{key}", inner)
    elif isinstance(value, list):
        for number, inner in enumerate(value, 1):
            yield from _flat(f"{name}.{number}", inner)
    else:
        yield name, _text(value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _mns_content(action: str, given: dict[str, Any]) -> bytes:
    """The XML of the actions of MNS that have a body; takes what it holds out of the parameters."""
    match action:
        case "SendMessage":
            names = [name for name in given if name in {"MessageBody", "DelaySeconds", "Priority"}]
            return _message({name: given.pop(name) for name in names}).encode()
        case "BatchSendMessage":
            rows = "".join(_message({"MessageBody": body}) for body in given.pop("MessageBodies"))
            return f"<Messages>{rows}</Messages>".encode()
        case "BatchDeleteMessage":
            rows = "".join(
                f"<ReceiptHandle>{escape(handle)}</ReceiptHandle>" for handle in given.pop("ReceiptHandles")
            )
            return f"<ReceiptHandles>{rows}</ReceiptHandles>".encode()
        case "CreateQueue" | "SetQueueAttributes":
            names = [name for name in given if name[0].isupper()]
            inner = "".join(f"<{name}>{given.pop(name)}</{name}>" for name in names)
            if action == "SetQueueAttributes":
                given["metaoverride"] = "true"
            return f"<Queue>{inner}</Queue>".encode()
        case "PeekMessage" | "BatchPeekMessage":
            given["peekonly"] = "true"
            return b""
        case _:
            return b""


def _message(fields: Mapping[str, Any]) -> str:
    inner = "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in fields.items())
    return f"<Message>{inner}</Message>"


def _answer(response: httpx2.Response) -> Answer:
    headers = {name.lower(): value for name, value in response.headers.items()}
    kind = headers.get("content-type", "")
    try:
        body = _decoded(response.content, kind)
    except (ValueError, ET.ParseError):
        return Answer(0, UNREADABLE, headers=headers)
    if response.is_success:
        return Answer(response.status_code, body=body, headers=headers)
    error = body[0] if isinstance(body, list) else body or {}
    code = next((str(error[name]) for name in ("Code", "code", "ErrorCode") if name in error), "")
    message = next((str(error[name]) for name in ("Message", "message", "ErrorMessage") if name in error), "")
    return Answer(response.status_code, code, body, message, headers)


def _decoded(content: bytes, kind: str) -> Any:
    if "json" in kind:
        return json.loads(content)
    if "xml" in kind and content:
        return xml_value(ET.fromstring(content))  # noqa: S314 - our own answer
    return content


def xml_value(root: ET.Element) -> Any:
    """An element as names and texts; several elements as a list of those."""
    if root.tag.endswith("ListBucketResult"):
        return {"Key": [one.text for one in root.iterfind("{*}Contents/{*}Key")]}
    if any(len(child) for child in root):
        return [xml_value(child) for child in root]
    return {child.tag.rpartition("}")[2]: child.text or "" for child in root}
