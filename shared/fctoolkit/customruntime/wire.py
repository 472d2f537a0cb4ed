"""A request and its reply as values, between the server and what answers. Knows no sockets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request.

    Attributes:
        method: as sent.
        target: path and query as sent, percent-encoded.
        headers: in the order they came, repeated ones too.
        body: the bytes, taken out of their chunks.
        peer: the address that the connection came from.
    """

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)
    peer: str = ""

    @property
    def path(self) -> str:
        """The target without its query. A target may also be a whole address (RFC 9112, 3.2.2)."""
        return self._parts()[0]

    @property
    def query(self) -> str:
        """What follows the question mark, percent-encoded."""
        return self._parts()[1]

    def joined_headers(self) -> Mapping[str, str]:
        """Headers by name in lower case; the values of repeated ones joined by commas."""
        joined: dict[str, str] = {}
        for name, value in self.headers:
            lower = name.lower()
            joined[lower] = f"{joined[lower]},{value}" if lower in joined else value
        return joined

    def _parts(self) -> tuple[str, str]:
        target = self.target
        if not target.startswith("/"):
            _, scheme, rest = target.partition("://")
            target = f"/{rest.partition('/')[2]}" if scheme else target
        path, _, query = target.partition("?")
        return path or "/", query


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP response. The server adds what carries the body."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
