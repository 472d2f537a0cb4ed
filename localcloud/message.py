"""Requests and answers as values, between the wire and the services. Knows no HTTP library and no service."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from pydantic_core import to_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fctoolkit.jsontypes import FrozenJson

JSON_TYPE = "application/json;charset=utf-8"
FORM_TYPE = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request as it came over the wire.

    Attributes:
        method: upper case.
        path: the raw path, still percent-encoded; signatures are computed over it.
        query: the raw query string, without the question mark.
        headers: names in lower case.
        body: the bytes after the headers.
    """

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def header(self, name: str) -> str:
        """The value of a header, empty when it was not sent."""
        return self.headers.get(name, "")

    def query_pairs(self) -> list[tuple[str, str]]:
        """The decoded query parameters in the order they came, empty values included."""
        return parse_qsl(self.query, keep_blank_values=True)

    def form_pairs(self) -> list[tuple[str, str]]:
        """The decoded fields of a form body; none when the body is not a form."""
        if not self.header("content-type").startswith(FORM_TYPE):
            return []
        return parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True)


@dataclass(frozen=True, slots=True)
class Response:
    """One answer, and how the wire carries it.

    Attributes:
        status: HTTP status.
        headers: names in lower case.
        body: the bytes after the headers.
        delay: seconds that pass before the answer is given.
        dropped: the connection is cut and nothing is answered.
        cut_after: the connection is cut after so many bytes of the body, though its whole length was told.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    delay: float = 0.0
    dropped: bool = False
    cut_after: int | None = None


def json_response(value: FrozenJson, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """An answer with a JSON body."""
    return Response(status, {"content-type": JSON_TYPE, **(headers or {})}, to_json(value))


def joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Names and values as a mapping: of a repeated name the values are joined by commas."""
    values: dict[str, str] = {}
    for name, value in pairs:
        values[name] = f"{values[name]},{value}" if name in values else value
    return values
