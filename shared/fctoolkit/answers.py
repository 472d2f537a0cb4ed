"""Reads what Alibaba Cloud APIs answer: JSON or XML, success or failure. Knows no network and no API.

Sources: the services' own pages, which show JSON in two spellings and XML with and without a root element;
and the bodies that gateways and proxies put in their place.
"""

from __future__ import annotations

import json
import re
from codecs import BOM_UTF8
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Mapping
    from xml.etree.ElementTree import Element

    from fctoolkit.jsontypes import JsonObject, JsonValue

_CODE = ("code", "Code", "errorCode", "ErrorCode")
_MESSAGE = ("message", "Message", "errorMessage", "ErrorMessage")
_REQUEST_ID = ("requestId", "RequestId", "requestid", "request_id")
_ACCESS_DENIED = ("accessDeniedDetail", "AccessDeniedDetail")
_REQUEST_ID_HEADER = "x-acs-request-id"
_MESSAGE_LENGTH = 300


class UnreadableBodyError(ValueError):
    """A body that is neither a JSON object nor XML. The message says what it is, and quotes none of it."""


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """What an error answer says of itself; whatever it does not say is empty."""

    code: str = ""
    message: str = ""
    request_id: str = ""
    access_denied: JsonObject = field(default_factory=dict)


def read_payload(body: bytes) -> JsonObject:
    """The body of an answer as a JSON object. What it is, is decided by the body, not by its content type.

    * nothing but white space: an empty object.
    * a JSON object: itself.
    * XML: an object. Repeated elements become a list, leaves stay text (XML has no booleans or numbers:
      `"true"`, `"200"`), attributes are dropped. A root element around fields is taken off
      (`<AnyResponse><Result>true</Result></AnyResponse>`); fields without a root, as some pages show them,
      read the same.

    Raises:
        UnreadableBodyError: anything else: no JSON object, HTML, XML with a DOCTYPE, broken, too deep.
    """
    text = body.removeprefix(BOM_UTF8).strip()
    if not text:
        return {}
    if text.startswith(b"<"):
        return _from_xml(text)
    try:
        value = cast("JsonValue", json.loads(text))
    except (ValueError, RecursionError):
        raise UnreadableBodyError("neither JSON nor XML") from None
    if not isinstance(value, dict):
        raise UnreadableBodyError(f"JSON of type {type(value).__name__} where an object was expected")
    return value


def read_error(headers: Mapping[str, str], body: bytes) -> ErrorBody:
    """What an error answer says, in any of the spellings in use; never raises.

    Args:
        headers: of the answer, names in lower case; `x-acs-request-id` stands in for a body without an id.
        body: JSON, XML, HTML, nothing. One that cannot be read gives its text as the message.
    """
    try:
        payload = read_payload(body)
    except UnreadableBodyError:
        return ErrorBody(
            message=body.decode("utf-8", "replace"), request_id=headers.get(_REQUEST_ID_HEADER, "")
        )
    detail = next((payload[name] for name in _ACCESS_DENIED if name in payload), None)
    return ErrorBody(
        code=_text(payload, _CODE),
        message=_text(payload, _MESSAGE),
        request_id=request_id_of(headers, payload),
        access_denied=detail if isinstance(detail, dict) else {},
    )


def request_id_of(headers: Mapping[str, str], payload: JsonObject) -> str:
    """The vendor's request id, from the body in any spelling, else from the header, else empty."""
    return _text(payload, _REQUEST_ID) or headers.get(_REQUEST_ID_HEADER, "")


def read_in_band_error(payload: JsonObject) -> ErrorBody | None:
    """The failure inside a 2xx answer whose `Code` (or `code`) is neither 0, 200 nor absent, as ENS answers.

    Only a typed client knows whether its API speaks this way.
    """
    code = _text(payload, _CODE)
    if code in {"", "0", "200"}:
        return None
    return ErrorBody(code=code, message=_text(payload, _MESSAGE), request_id=_text(payload, _REQUEST_ID))


def retry_after_of(headers: Mapping[str, str]) -> float:
    """Seconds of `x-acs-retry-after`, which is in milliseconds; 0.0 unless it is 1 to 9 digits."""
    text = headers.get("x-acs-retry-after", "").strip()
    return int(text) / 1000 if re.fullmatch(r"[0-9]{1,9}", text) else 0.0


def shorten(text: str, limit: int = _MESSAGE_LENGTH) -> str:
    """`text` on one line, at most `limit` characters long, the last one an ellipsis when it was cut."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _text(payload: JsonObject, names: tuple[str, ...]) -> str:
    """The first of the names that holds a text or a number, as text."""
    for name in names:
        value = payload.get(name)
        if isinstance(value, str | int | float) and not isinstance(value, bool) and value != "":
            return str(value)
    return ""


def _from_xml(body: bytes) -> JsonObject:
    # Imported here: answers are JSON nearly always, and the parser costs a cold start some milliseconds.
    from xml.etree import ElementTree as ET  # noqa: PLC0415 - see above

    text = body.decode("utf-8", "replace")
    if text.startswith("<?xml"):
        text = text.partition("?>")[2]
    try:
        # The added root makes a document of fields without one. Inside it a DOCTYPE is a syntax error, and
        # without a DOCTYPE no entity can be declared: nothing expands, nothing is fetched.
        top = list(ET.fromstring(f"<answer>{text}</answer>"))  # noqa: S314 - see above
        if not top or any(element.tag.lower() == "html" for element in top):
            raise UnreadableBodyError("markup, but not an answer in XML")
        only_root = len(top) == 1 and len(top[0]) > 0
        return _children(list(top[0]) if only_root else top)
    except (ET.ParseError, RecursionError):
        raise UnreadableBodyError("markup that is not well-formed XML, or XML with a DOCTYPE") from None


def _children(elements: list[Element]) -> JsonObject:
    fields: JsonObject = {}
    for element in elements:
        value: JsonValue = _children(list(element)) if len(element) else (element.text or "").strip()
        name = element.tag.rpartition("}")[2]  # without its namespace
        if name not in fields:
            fields[name] = value
            continue
        earlier = fields[name]
        fields[name] = [*earlier, value] if isinstance(earlier, list) else [earlier, value]
    return fields
