"""An HTTP request as the event of FC's HTTP trigger, and a handler's result as an HTTP reply. Pure.

Source: https://www.alibabacloud.com/help/en/functioncompute/fc/http-trigger-invoking-function. Which types of
bodies count as text is not documented there; those below do in the emulations that exist.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import parse_qsl, unquote

from fctoolkit.customruntime.wire import Reply

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fctoolkit.customruntime.context import RequestContext
    from fctoolkit.customruntime.wire import Request
    from fctoolkit.jsontypes import JsonObject, JsonValue

_TEXT_TYPES: Final = frozenset(
    {
        *("application/json", "application/ld+json", "application/xml", "application/xhtml+xml"),
        *("application/atom+xml", "application/javascript", "application/x-www-form-urlencoded"),
    }
)
_OWN_PREFIX: Final = "x-fc-"
_NOT_SENT: Final = frozenset(
    {"connection", "content-length", "date", "keep-alive", "server", "transfer-encoding"}
)
"""Response headers that FC, or the server, sets itself."""
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_FIRST_STATUS, _LAST_STATUS = 200, 599


class UnsendableError(Exception):
    """A result asks for an HTTP response that cannot be sent."""


def event_of(request: Request, context: RequestContext, at: float) -> bytes:
    """The event of a request that came at `at`, seconds since the epoch.

    Headers of FC's own, which hold the role's key, are for the context and stay out of it.
    """
    told = request.joined_headers()
    body, encoded = _event_body(request.body, told.get("content-type", ""))
    headers: JsonObject = {
        _canonical(name): value for name, value in told.items() if not name.startswith(_OWN_PREFIX)
    }
    queries: JsonObject = {**_joined(parse_qsl(request.query, keep_blank_values=True))}
    host = told.get("host", "").partition(":")[0]
    when = datetime.fromtimestamp(at, UTC)
    event: JsonObject = {
        "version": "v1",
        "rawPath": request.path,
        "body": body,
        "isBase64Encoded": encoded,
        "headers": headers,
        "queryParameters": queries,
        "requestContext": {
            "accountId": context.account_id,
            "domainName": host,
            "domainPrefix": host.partition(".")[0],
            "http": {
                "method": request.method,
                "path": unquote(request.path),
                "protocol": "HTTP/1.1",
                "sourceIp": _source(request),
                "userAgent": told.get("user-agent", ""),
            },
            "requestId": context.request_id,
            "time": when.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "timeEpoch": str(int(at * 1000)),
        },
    }
    return json.dumps(event).encode()


def reply_of(payload: bytes) -> Reply:
    """A handler's result as the answer of its HTTP trigger.

    A JSON object with a `statusCode` is taken apart; anything else is the body of a 200, as JSON. Raises
    UnsendableError.
    """
    result = _json_object(payload)
    status = result.get("statusCode")
    if isinstance(status, bool) or not isinstance(status, int):
        return Reply(200, (("Content-Type", "application/json"),), payload)
    if not _FIRST_STATUS <= status <= _LAST_STATUS:
        raise UnsendableError(f"statusCode {status} is not between {_FIRST_STATUS} and {_LAST_STATUS}")
    headers = result.get("headers")
    named = headers.items() if isinstance(headers, dict) else ()
    return Reply(status, tuple(_sent_headers(named)), _reply_body(result))


def _sent_headers(named: Iterable[tuple[str, JsonValue]]) -> Iterable[tuple[str, str]]:
    for name, given in named:
        lower = name.lower()
        if lower.startswith(_OWN_PREFIX) or lower in _NOT_SENT:
            continue
        for one in given if isinstance(given, list) else [given]:
            value = one if isinstance(one, str) else json.dumps(one)
            if not _TOKEN.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
                raise UnsendableError(f"the header {name!r} has characters that HTTP does not allow")
            yield name, value


def _reply_body(result: JsonObject) -> bytes:
    body = result.get("body", "")
    text = body if isinstance(body, str) else json.dumps(body)
    if result.get("isBase64Encoded") is True:
        try:
            return base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            pass
    return text.encode(errors="replace")


def _json_object(payload: bytes) -> JsonObject:
    try:
        value: object = json.loads(payload)
    except (ValueError, RecursionError):
        return {}
    return cast("JsonObject", value) if isinstance(value, dict) else {}


def _event_body(body: bytes, content_type: str) -> tuple[str, bool]:
    kind = content_type.partition(";")[0].strip().lower()
    if not body or not kind or kind.startswith("text/") or kind in _TEXT_TYPES:
        try:
            return body.decode(), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(body).decode(), True


def _source(request: Request) -> str:
    """The caller's address. The last of a chain is the one that FC wrote: callers can invent the others."""
    told = request.joined_headers()
    return (
        told.get("x-fc-client-ip") or told.get("x-forwarded-for", "").split(",")[-1].strip() or request.peer
    )


def _joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in pairs:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def _canonical(name: str) -> str:
    return "-".join(part.capitalize() for part in name.split("-"))
