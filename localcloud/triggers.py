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

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fctoolkit.jsontypes import JsonObject
    from localcloud.template import FunctionSpec, TimerTrigger

# Which types count as text is not documented; these are, in the emulations that exist.
_TEXT_TYPES: Final = frozenset(
    {
        *("application/json", "application/ld+json", "application/xml", "application/xhtml+xml"),
        *("application/atom+xml", "application/javascript", "application/x-www-form-urlencoded"),
    }
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
    # FC makes up a host for each trigger; a name that cannot be resolved keeps anybody from calling it.
    prefix = f"{spec.name}-{spec.account_id}"
    event: JsonObject = {
        "version": "v1",
        "rawPath": target.path,
        "body": body,
        "isBase64Encoded": encoded,
        "headers": {**headers},
        "queryParameters": {**_joined(parse_qsl(target.query, keep_blank_values=True))},
        "requestContext": {
            "accountId": spec.account_id,
            "domainName": f"{prefix}.{spec.region}.fcapp.invalid",
            "domainPrefix": prefix,
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
    own = {"X-Fc-Request-Id": request_id, **({"X-Fc-Error-Type": error_type} if error_type else {})}
    result = _json_object(payload)
    status = result.get("statusCode")
    if isinstance(status, bool) or not isinstance(status, int):
        return HttpAnswer(200, {"Content-Type": "application/json", **own}, payload)
    headers = result.get("headers")
    named = {name: str(value) for name, value in headers.items()} if isinstance(headers, dict) else {}
    return HttpAnswer(status, {**named, **own}, _answer_body(result))


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


def _canonical(name: str) -> str:
    return "-".join(part.capitalize() for part in name.split("-"))


def _utc(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
