"""XML as MNS writes and reads it. Knows no queue."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as ET

from localcloud.errors import Refusal
from localcloud.message import Response
from localcloud.xmltext import escaped

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NAMESPACE: Final = "http://mns.aliyuncs.com/doc/v1/"
VERSION: Final = "2015-06-06"


def one(name: str, fields: Mapping[str, str | int], status: int = 200) -> Response:
    """An answer that is one element with fields."""
    return _answer(f'<{name} xmlns="{NAMESPACE}">{_fields(fields)}</{name}>', status)


def several(
    root: str,
    name: str,
    rows: Sequence[Mapping[str, str | int]],
    status: int = 200,
    *,
    also: Mapping[str, str | int] = MappingProxyType({}),
) -> Response:
    """An answer that is a list of elements with fields, and fields of its own after them."""
    inner = "".join(f"<{name}>{_fields(row)}</{name}>" for row in rows) + _fields(also)
    return _answer(f'<{root} xmlns="{NAMESPACE}">{inner}</{root}>', status)


def nothing(status: int = 204) -> Response:
    """An answer without a body."""
    return Response(status, {"x-mns-version": VERSION})


def read(content: bytes) -> ET.Element:
    """The root of a request's body, names without namespace. Refuses what is malformed or has a DOCTYPE."""
    try:
        if b"<!DOCTYPE" in content:
            raise Refusal(400, "MalformedXML", "The XML you provided has a DOCTYPE.")
        root = ET.fromstring(content)  # noqa: S314 - without a DOCTYPE no entity can be declared
    except ET.ParseError as error:
        raise Refusal(400, "MalformedXML", f"The XML you provided was not well-formed: {error}.") from None
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


def _fields(fields: Mapping[str, str | int]) -> str:
    return "".join(f"<{name}>{escaped(str(value))}</{name}>" for name, value in fields.items())


def _answer(inner: str, status: int) -> Response:
    body = f'<?xml version="1.0" encoding="utf-8"?>{inner}'.encode()
    return Response(status, {"content-type": "text/xml;charset=utf-8", "x-mns-version": VERSION}, body)
