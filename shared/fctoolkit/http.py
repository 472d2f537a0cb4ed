"""FC's HTTP trigger on the built-in runtimes: its event, a request to work with, a response. Knows no routes.

Source: https://www.alibabacloud.com/help/en/functioncompute/fc/http-trigger-invoking-function (shapes) and
…/web-functions (limits, reserved headers).
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Literal
from urllib.parse import quote, unquote

from pydantic import BeforeValidator, Field

from fctoolkit.errors import EventError, ToolkitError
from fctoolkit.eventmodel import EventModel, FrozenModel, Number
from fctoolkit.strictjson import JsonError, decode, excerpt

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fctoolkit.jsontypes import FrozenJson, JsonObject, JsonValue

HEADER_LIMIT_BYTES = 8 * 1024
"""Names and values of a response's headers together; FC answers 502 BadResponse beyond it."""

_RESERVED: Final = frozenset({"connection", "content-length", "date", "keep-alive", "server"})
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")

_Strings = Annotated[dict[str, str], BeforeValidator(lambda value: {} if value is None else value)]


class HttpCall(FrozenModel):
    """`requestContext.http`. `path` is decoded."""

    method: str
    path: str = "/"
    protocol: str | None = None
    source_ip: str | None = None
    user_agent: str | None = None


class HttpContext(FrozenModel):
    """`requestContext`. `request_id` may be empty in the vendor's own templates."""

    http: HttpCall
    account_id: Number | None = None
    domain_name: str | None = None
    request_id: str | None = None


class HttpEvent(EventModel):
    """The trigger's envelope. `raw_path` is percent-encoded; repeated values are comma-joined."""

    shape: ClassVar[Literal["http"]] = "http"

    version: Literal["v1"]
    request_context: HttpContext
    raw_path: str | None = None
    headers: _Strings = Field(default_factory=dict, repr=False)
    query_parameters: _Strings = Field(default_factory=dict)
    body: str | None = Field(default=None, repr=False)
    is_base64_encoded: bool = Field(default=False, alias="isBase64Encoded")

    def account_ids(self) -> frozenset[str]:
        """The account that owns the trigger."""
        known = self.request_context.account_id
        return frozenset((known,) if known else ())

    def request(self) -> HttpRequest:
        """The request to work with. Raises EventError when the body is marked base64 and is not."""
        call = self.request_context.http
        raw_path = self.raw_path or quote(call.path)
        return HttpRequest(
            method=call.method.upper(),
            path=unquote(raw_path),
            segments=tuple(unquote(part) for part in raw_path.split("/") if part),
            query=self.query_parameters,
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self._body(),
            account_id=self.request_context.account_id or "",
            request_id=self.request_context.request_id or "",
        )

    def _body(self) -> bytes:
        text = self.body or ""
        if not self.is_base64_encoded:
            return text.encode()
        try:
            return base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            raise EventError("body", "base64, as isBase64Encoded says", excerpt(text)) from None


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One HTTP request.

    Attributes:
        method: in capitals.
        path: decoded; `segments` are its parts, decoded one by one, so that `%2F` does not split one.
        query: the query's parameters; repeated ones are comma-joined by FC.
        headers: by name in lower case; use `header`.
        body: the bytes sent.
        account_id: the account that owns the trigger.
        request_id: FC's id of the request, empty when unknown.
        parameters: what the route's `{name}` segments stood for.
    """

    method: str
    path: str
    segments: tuple[str, ...] = ()
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    body: bytes = field(default=b"", repr=False)
    account_id: str = ""
    request_id: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict[str, str])

    def header(self, name: str) -> str | None:
        """A header's value, whatever the case of its name."""
        return self.headers.get(name.lower())

    def json(self) -> JsonValue:
        """The body as JSON. Raises EventError with a field under `body`."""
        try:
            return decode(self.body)
        except JsonError as error:
            field_name = f"body.{error.path}" if error.path else "body"
            raise EventError(field_name, error.expected, error.found) from None


class HttpError(ToolkitError):
    """A request that is answered with an error.

    Attributes:
        status: HTTP status, 400 to 599.
        code: a word for programs, such as `NotFound`.
        message: a sentence for people. It is sent to the caller.
        field: the input at fault, if one is.
        headers: sent with the answer.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        field: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status = status
        self.code = code
        self.message = message
        self.field = field
        self.headers: Mapping[str, str] = dict(headers or {})
        super().__init__(f"HTTP {status} {code}: {message}")

    def response(self, request_id: str) -> HttpResponse:
        """The answer: `{"error": {"code", "message", "field"?}, "requestId"}`."""
        error: JsonObject = {"code": self.code, "message": self.message}
        if self.field is not None:
            error["field"] = self.field
        return HttpResponse(self.status, {"error": error, "requestId": request_id}, self.headers)


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """One HTTP response.

    Attributes:
        status: 200 to 599.
        body: bytes and text go out as they are, any other value as JSON.
        headers: `content-type` is set from the body unless it is given.

    Raises ValueError when FC could not send it: a status out of range, a header that FC sets itself or that
    is malformed, or headers beyond `HEADER_LIMIT_BYTES`.
    """

    status: int
    body: FrozenJson | bytes = ""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    def __post_init__(self) -> None:
        if not 200 <= self.status <= 599:  # noqa: PLR2004 -- the range of final HTTP statuses
            raise ValueError(f"HTTP status {self.status} is not between 200 and 599")
        for name, value in self.headers.items():
            _require_sendable(name, value)
        size = sum(len(name) + len(value) for name, value in self.headers.items())
        if size > HEADER_LIMIT_BYTES:
            raise ValueError(f"response headers of {size} bytes; FC sends at most {HEADER_LIMIT_BYTES}")

    def to_fc(self) -> JsonObject:
        """The dict that FC makes an HTTP response of when a handler returns it."""
        binary = isinstance(self.body, bytes)
        headers: JsonObject = dict(self.headers)
        if all(name.lower() != "content-type" for name in self.headers):
            headers["Content-Type"] = self._content_type()
        return {
            "statusCode": self.status,
            "headers": headers,
            "isBase64Encoded": binary,
            "body": self._text(),
        }

    def _content_type(self) -> str:
        if isinstance(self.body, bytes):
            return "application/octet-stream"
        return "text/plain; charset=utf-8" if isinstance(self.body, str) else "application/json"

    def _text(self) -> str:
        if isinstance(self.body, bytes):
            return base64.b64encode(self.body).decode("ascii")
        if isinstance(self.body, str):
            return self.body
        return json.dumps(self.body, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _require_sendable(name: str, value: str) -> None:
    lower = name.lower()
    if not _TOKEN.fullmatch(name):
        raise ValueError(f"{name!r} is not a header name")
    if lower.startswith("x-fc-") or lower in _RESERVED:
        raise ValueError(f"FC sets the header {name} itself")
    if not _HEADER_VALUE.fullmatch(value):
        raise ValueError(f"the value of header {name} has characters that HTTP does not allow")
    if lower == "content-disposition" and value.strip().lower().startswith("attachment"):
        raise ValueError("FC does not let a function set Content-Disposition: attachment")
