"""What FC makes of a tick and of an HTTP request: the function's event, and the HTTP answer. Pure.

Source: https://www.alibabacloud.com/help/en/functioncompute/fc/http-trigger-invoking-function.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, unquote

from localcloud.message import Request, joined

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fctoolkit.jsontypes import JsonObject, JsonValue
    from localcloud.functions.spec import FunctionSpec, TimerTrigger
    from localcloud.message import Response

# Which types count as text is not documented; these are, in the emulations that exist.
_TEXT_TYPES: Final = frozenset(
    {
        *("application/json", "application/ld+json", "application/xml", "application/xhtml+xml"),
        *("application/atom+xml", "application/javascript", "application/x-www-form-urlencoded"),
    }
)
ANSWER_HEADER_BYTES: Final = 8 * 1024
FUNCTION_ERROR_STATUS: Final = 502
"""Of a request whose function failed, as FC's table of HTTP errors has it."""

# Headers that a caller and a function cannot set for each other; so are all that begin with `x-fc-`.
_UNHEARD: Final = frozenset({"connection", "keep-alive"})
_UNSAID: Final = frozenset(
    {"connection", "content-length", "date", "keep-alive", "server", "transfer-encoding"}
)
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_BODILESS: Final = frozenset({204, 304})
_STATUSES: Final = range(200, 600)


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request to an HTTP trigger. `target` is path and query as sent, percent-encoded."""

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What the trigger's caller gets."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def timer_event(trigger: TimerTrigger, at: float) -> bytes:
    """The event of a timer that fires at `at`, seconds since the epoch."""
    event = {"triggerTime": _utc(at), "triggerName": trigger.name, "payload": trigger.payload}
    return json.dumps(event).encode()


def http_event(request: HttpRequest, spec: FunctionSpec, request_id: str, at: float) -> bytes:
    """The event of an HTTP request: an envelope with the body as text, or in base64 when it is none."""
    headers = {_canonical(name): value for name, value in _heard(request)}
    # No URL is parsed: what follows two slashes at its start would be taken for a host.
    path, _, query = request.target.partition("?")
    body, encoded = _event_body(request.body, headers.get("Content-Type", ""))
    event: JsonObject = {
        "version": "v1",
        "rawPath": path,
        "body": body,
        "isBase64Encoded": encoded,
        "headers": {**headers},
        "queryParameters": {**joined(parse_qsl(query, keep_blank_values=True))},
        "requestContext": {
            "accountId": spec.account_id,
            "domainName": _domain(spec),
            "domainPrefix": _domain(spec).partition(".")[0],
            "http": {
                "method": request.method,
                "path": unquote(path),
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": headers.get("User-Agent", ""),
            },
            "requestId": request_id,
            "time": _utc(at),
            "timeEpoch": str(int(at * 1000)),
        },
    }
    return json.dumps(event).encode()


def http_answer(
    payload: bytes, request_id: str, error_type: str = "", error_status: int = FUNCTION_ERROR_STATUS
) -> HttpAnswer:
    """A function's result as an HTTP answer.

    A JSON object with a `statusCode` is taken apart; anything else is the body of a 200, as JSON. An error
    payload is the body of a 502. What cannot be sent, or has more than 8 KB of headers, is `BadResponse`.
    """
    own = _own_headers(request_id, error_type)
    if error_type:
        return HttpAnswer(error_status, {"Content-Type": "application/json", **own}, payload)
    result = _json_object(payload)
    status = result.get("statusCode")
    if isinstance(status, bool) or not isinstance(status, int):
        return HttpAnswer(200, {"Content-Type": "application/json", **own}, payload)
    headers = result.get("headers")
    named = (
        {name: _header_text(value) for name, value in headers.items()} if isinstance(headers, dict) else {}
    )
    return _sent(status, named, _answer_body(result), own)


def passed_request(request: HttpRequest, spec: FunctionSpec) -> Request:
    """An HTTP request as a custom runtime gets it: as it came, at the host that the trigger has."""
    path, _, query = request.target.partition("?")
    headers = {name.lower(): value for name, value in _heard(request)}
    return Request(request.method, path, query, {"host": _domain(spec)} | headers, request.body)


def passed_event(passed: Request, spec: FunctionSpec, request_id: str, at: float) -> bytes:
    """The event of what `passed_request` made for a custom runtime."""
    target = f"{passed.path}?{passed.query}" if passed.query else passed.path
    request = HttpRequest(passed.method, target, passed.headers, passed.body)
    return http_event(request, spec, request_id, at)


def passed_answer(response: Response, request_id: str, error_type: str = "") -> HttpAnswer:
    """A custom runtime's own HTTP response as the caller gets it; `BadResponse` as in `http_answer`."""
    headers = {_canonical(name): value for name, value in response.headers.items()}
    return _sent(response.status, headers, response.body, _own_headers(request_id, error_type))


def _sent(status: int, headers: Mapping[str, str], body: bytes, own: Mapping[str, str]) -> HttpAnswer:
    """A function's answer as it leaves the gateway: of the headers that are FC's to say only its own."""
    said = {name: value.strip(" \t") for name, value in headers.items() if _may_say(name, value)}
    trouble = _trouble(status, said)
    if trouble:
        error = {"Code": "BadResponse", "Message": trouble, "RequestId": own["X-Fc-Request-Id"]}
        return HttpAnswer(502, {"Content-Type": "application/json", **own}, json.dumps(error).encode())
    return HttpAnswer(status, {**said, **own}, b"" if status in _BODILESS else body)


def _heard(request: HttpRequest) -> list[tuple[str, str]]:
    """The headers of a request that a function gets to see."""
    return [
        (name, value)
        for name, value in request.headers.items()
        if name.lower() not in _UNHEARD and not _is_own(name)
    ]


def _may_say(name: str, value: str) -> bool:
    low = name.lower()
    if low == "content-disposition":
        return value.strip().lower() != "attachment"
    return low not in _UNSAID and not _is_own(name)


def _is_own(name: str) -> bool:
    return name.lower().startswith("x-fc-")


def _trouble(status: int, headers: Mapping[str, str]) -> str:
    """Why an answer cannot be sent; empty when it can."""
    if status not in _STATUSES:
        return f"statusCode {status} is none of an answer: 200 to 599."
    for name, value in headers.items():
        if not (_HEADER_NAME.fullmatch(name) and _HEADER_VALUE.fullmatch(value)):
            return f"the header {name!r} has a name or a value that HTTP cannot carry."
    size = sum(len(name) + len(value) for name, value in headers.items())
    if size > ANSWER_HEADER_BYTES:
        return f"the headers of an answer may have {ANSWER_HEADER_BYTES} bytes, not {size}."
    return ""


def _own_headers(request_id: str, error_type: str) -> dict[str, str]:
    return {"X-Fc-Request-Id": request_id, **({"X-Fc-Error-Type": error_type} if error_type else {})}


def _answer_body(result: JsonObject) -> bytes:
    body = result.get("body", "")
    text = body if isinstance(body, str) else json.dumps(body)
    if result.get("isBase64Encoded") is True:
        try:
            return base64.b64decode(text, validate=True)
        except ValueError:
            pass
    return text.encode(errors="replace")


def _header_text(value: JsonValue) -> str:
    """A header's value: of several the joined ones, and what is no text as JSON."""
    if isinstance(value, list):
        return ", ".join(_header_text(one) for one in value)
    return value if isinstance(value, str) else json.dumps(value)


def _json_object(payload: bytes) -> JsonObject:
    try:
        value: object = json.loads(payload)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _event_body(body: bytes, content_type: str) -> tuple[str, bool]:
    kind = content_type.partition(";")[0].strip().lower()
    if not body or not kind or kind.startswith("text/") or kind in _TEXT_TYPES:
        try:
            return body.decode(), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(body).decode(), True


def _domain(spec: FunctionSpec) -> str:
    """FC makes up a host for each trigger; a name that cannot be resolved keeps anybody from calling it."""
    return f"{spec.name}-{spec.account_id}.{spec.region}.fcapp.invalid"


def _canonical(name: str) -> str:
    return "-".join(part.capitalize() for part in name.split("-"))


def _utc(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
