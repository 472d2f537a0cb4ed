"""What FC makes of a tick and of an HTTP request: the function's event, and the HTTP answer. Pure.

Source: https://www.alibabacloud.com/help/en/functioncompute/fc/http-trigger-invoking-function.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from localcloud.message import Request

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fctoolkit.jsontypes import JsonObject
    from localcloud.message import Response
    from localcloud.template import FunctionSpec, TimerTrigger

# Which types count as text is not documented; these are, in the emulations that exist.
_TEXT_TYPES: Final = frozenset(
    {
        *("application/json", "application/ld+json", "application/xml", "application/xhtml+xml"),
        *("application/atom+xml", "application/javascript", "application/x-www-form-urlencoded"),
    }
)
# Headers of a custom runtime's response that are FC's own, or belong to its connection.
_NOT_PASSED: Final = frozenset(
    {"connection", "content-length", "date", "keep-alive", "server", "transfer-encoding"}
)


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
    headers = {_canonical(name): value for name, value in request.headers.items()}
    target = urlsplit(request.target)
    body, encoded = _event_body(request.body, headers.get("Content-Type", ""))
    event: JsonObject = {
        "version": "v1",
        "rawPath": target.path,
        "body": body,
        "isBase64Encoded": encoded,
        "headers": {**headers},
        "queryParameters": {**_joined(parse_qsl(target.query, keep_blank_values=True))},
        "requestContext": {
            "accountId": spec.account_id,
            "domainName": _domain(spec),
            "domainPrefix": _domain(spec).partition(".")[0],
            "http": {
                "method": request.method,
                "path": unquote(target.path),
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


def http_answer(payload: bytes, request_id: str, error_type: str = "") -> HttpAnswer:
    """A function's result as an HTTP answer.

    A JSON object with a `statusCode` is taken apart; anything else is the body of a 200, as JSON.
    """
    own = _own_headers(request_id, error_type)
    result = _json_object(payload)
    status = result.get("statusCode")
    if isinstance(status, bool) or not isinstance(status, int):
        return HttpAnswer(200, {"Content-Type": "application/json", **own}, payload)
    headers = result.get("headers")
    named = {name: str(value) for name, value in headers.items()} if isinstance(headers, dict) else {}
    return HttpAnswer(status, {**named, **own}, _answer_body(result))


def passed_request(request: HttpRequest, spec: FunctionSpec) -> Request:
    """An HTTP request as a custom runtime gets it: unchanged, at the host that the trigger has."""
    path, _, query = request.target.partition("?")
    headers = {name.lower(): value for name, value in request.headers.items()}
    return Request(request.method, path, query, {"host": _domain(spec)} | headers, request.body)


def passed_answer(response: Response, request_id: str, error_type: str = "") -> HttpAnswer:
    """A custom runtime's own HTTP response as the caller gets it, without the headers that FC sets itself."""
    headers = {
        _canonical(name): value
        for name, value in response.headers.items()
        if name not in _NOT_PASSED and not name.startswith("x-fc-")
    }
    return HttpAnswer(response.status, headers | _own_headers(request_id, error_type), response.body)


def _own_headers(request_id: str, error_type: str) -> dict[str, str]:
    return {"X-Fc-Request-Id": request_id, **({"X-Fc-Error-Type": error_type} if error_type else {})}


def _answer_body(result: JsonObject) -> bytes:
    body = result.get("body", "")
    text = body if isinstance(body, str) else json.dumps(body)
    if result.get("isBase64Encoded") is True:
        try:
            return base64.b64decode(text, validate=True)
        except binascii.Error:
            return text.encode()
    return text.encode()


def _json_object(payload: bytes) -> JsonObject:
    try:
        value: object = json.loads(payload)
    except ValueError:
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


def _joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Repeated names become one, their values joined by commas."""
    joined: dict[str, str] = {}
    for name, value in pairs:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def _domain(spec: FunctionSpec) -> str:
    """FC makes up a host for each trigger; a name that cannot be resolved keeps anybody from calling it."""
    return f"{spec.name}-{spec.account_id}.{spec.region}.fcapp.invalid"


def _canonical(name: str) -> str:
    return "-".join(part.capitalize() for part in name.split("-"))


def _utc(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
