"""Signed requests from a desk: what `./dev call` and `./dev redrive` have in common. Knows no routes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import httpx2

from fctoolkit.transport import AcsAuth, open_http

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from typing import Self

    from fctoolkit.credentials import Credentials
    from fctoolkit.transport import HttpClient

READ_SECONDS: Final = 120.0
"""A function may take its whole timeout to answer."""


class UnreachableError(Exception):
    """No answer came. The message names the address."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, whatever its status; names of headers in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes


class Caller:
    """Signs each request with ACS3-HMAC-SHA256 and sends it once, over connections that are kept.

    Args:
        credentials: whose signature it is.
        http: the pool; one of its own by default.
    """

    def __init__(self, credentials: Credentials, http: HttpClient | None = None) -> None:
        self._auth = AcsAuth(credentials)
        self._http = http or open_http(read=READ_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def send(
        self, method: str, url: str, content: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Sends one request; a body is JSON unless the headers say otherwise. Raises UnreachableError."""
        typed = {"content-type": "application/json"} if content is not None else {}
        try:
            answer = self._http.request(
                method, url, content=content, headers={**typed, **(headers or {})}, auth=self._auth
            )
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise UnreachableError(f"{url} cannot be reached: {error or type(error).__name__}") from None
        lowered = {name.lower(): value for name, value in answer.headers.items()}
        return Answer(answer.status_code, lowered, answer.content)
