"""Answers as OSS writes them: XML, and the headers of an object. Knows no bucket."""

from __future__ import annotations

import base64
import re
from email.utils import formatdate
from typing import TYPE_CHECKING, TypeAlias

from localcloud.message import Response
from localcloud.services.oss.codes import MESSAGES
from localcloud.xmltext import escaped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from localcloud.errors import Refusal
    from localcloud.services.oss.model import StoredObject

Fields: TypeAlias = "Sequence[tuple[str, str | int | Fields]]"
"""Elements by name, in their order: with a text, a number, or elements of their own."""

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def xml(root: str, fields: Fields, status: int = 200) -> Response:
    """An answer that is one element with what it holds."""
    return Response(status, {"content-type": "application/xml"}, _document(root, fields))


def error(refusal: Refusal, request_id: str, host: str) -> Response:
    """An `Error` element. A header says the same, for answers that have no body."""
    told = [
        ("Code", refusal.code),
        ("Message", MESSAGES.get(refusal.code, refusal.message)),
        ("RequestId", request_id),
        ("HostId", host),
    ]
    details = [(_DETAILS.get(name, name), value) for name, value in refusal.details.items()]
    if text := refusal.details.get("StringToSign"):
        details.append(("StringToSignBytes", text.encode().hex(" ").upper()))
    answer = xml("Error", [*told, *details], refusal.status)
    header = {"x-oss-err": base64.b64encode(_document("Error", told)).decode()}
    return Response(answer.status, {**answer.headers, **header}, answer.body)


_DETAILS = {"AccessKeyId": "OSSAccessKeyId"}


def object_headers(stored: StoredObject) -> dict[str, str]:
    """What is told of an object beside its content."""
    return {
        **stored.headers,
        "accept-ranges": "bytes",
        "content-length": str(len(stored.content)),
        "etag": stored.etag,
        "last-modified": formatdate(stored.modified, usegmt=True),
        "x-oss-hash-crc64ecma": stored.checksum,
        "x-oss-object-type": "Normal",
        "x-oss-storage-class": "Standard",
    }


def content(stored: StoredObject, wanted: str) -> Response:
    """The content of an object, or the part of it that a Range header wants.

    A range that is not valid is no range: the whole object is the answer.
    """
    headers, size = object_headers(stored), len(stored.content)
    first, last = _part(wanted, size)
    if first > last:
        return Response(200, headers, stored.content)
    own = {"content-length": str(last - first + 1), "content-range": f"bytes {first}-{last}/{size}"}
    return Response(206, {**headers, **own}, stored.content[first : last + 1])


def _part(wanted: str, size: int) -> tuple[int, int]:
    """First and last byte of a range; the first is after the last when it is not valid."""
    match = _RANGE.fullmatch(wanted)
    if match is None or not any(match.groups()):
        return 0, -1
    if not match[1]:
        return max(size - int(match[2]), 0), size - 1
    first, last = int(match[1]), int(match[2] or size - 1)
    return (first, min(last, size - 1)) if first < size and first <= last else (0, -1)


def _document(root: str, fields: Fields) -> bytes:
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{_element(root, fields)}'.encode()


def _element(name: str, value: str | int | Fields) -> str:
    if isinstance(value, str | int):
        inner = escaped(str(value))
    else:
        inner = "".join(_element(*field) for field in value)
    return f"<{name}>{inner}</{name}>"
