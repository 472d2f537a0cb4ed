"""HTTP for signed calls: the connection pool, the signature on its way out, and what came back or did not.

The only module that imports httpx2. It knows no API, no error code and no retry: it makes one exchange.
"""

from __future__ import annotations

import logging
import secrets
import time
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias
from urllib.parse import parse_qsl

import httpx2

from fctoolkit.signing import is_signed_header, sha256_hex, sign
from fctoolkit.tls import as_by_default, lazy_context

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Generator, Mapping

    from fctoolkit.clock import Clock, Deadline
    from fctoolkit.credentials import Credentials

HttpClient: TypeAlias = httpx2.Client
"""The connection pool, so that other modules can name it without importing httpx2."""

USER_AGENT = "fctoolkit"

_KEEP_ALIVE_SECONDS = 5.0
_MAX_CONNECTIONS = 20


def open_http(
    *,
    transport: httpx2.BaseTransport | None = None,
    connect: float = 3.0,
    read: float = 10.0,
    write: float = 5.0,
    pool: float = 3.0,
) -> HttpClient:
    """Opens the connection pool of an instance; share it between threads and close it when done.

    No redirect is followed: a signature is good for one URL. The environment's proxies, certificate paths
    and `.netrc` are not used: where signed calls go must not depend on variables that other tools read. Who
    needs a proxy passes a transport. An idle connection is dropped after 5 seconds: FC freezes instances
    between invocations, and on a connection that died meanwhile a write may or may not have been done.

    httpx2 logs each URL, query included, at INFO. Its logger is set to WARNING here, unless it has a level.

    Args:
        transport: what carries the requests instead of the network, such as a fake cloud. Without one the TLS
            context is made here, once.
        connect: seconds to open a connection, and again for its TLS handshake.
        read: seconds to wait for each part of the answer.
        write: seconds to wait for each part of the request to leave.
        pool: seconds to wait for a free connection.
    """
    httpx_logger = logging.getLogger("httpx2")
    if httpx_logger.level == logging.NOTSET:
        httpx_logger.setLevel(logging.WARNING)
    return httpx2.Client(
        transport=transport,
        verify=True if transport is not None else _tls_context(),
        timeout=httpx2.Timeout(connect=connect, read=read, write=write, pool=pool),
        limits=httpx2.Limits(max_connections=_MAX_CONNECTIONS, keepalive_expiry=_KEEP_ALIVE_SECONDS),
        follow_redirects=False,
        trust_env=False,
        headers={"user-agent": USER_AGENT},
    )


def _tls_context() -> ssl.SSLContext:
    # httpx2's own reads all authorities there are.
    return as_by_default(lazy_context() or httpx2.create_ssl_context(trust_env=False))


def new_nonce() -> str:
    """A fresh `x-acs-signature-nonce`: 32 random hex digits."""
    return secrets.token_hex(16)


class ServiceTime:
    """The services' clock: ours, plus what was learned from an answer. Safe to share between threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        # Replaced as a whole, and right in itself whichever thread wrote it last: no lock is needed.
        self._offset = 0.0

    def now(self) -> float:
        """Seconds since the epoch, as the services see it."""
        return self._clock.now() + self._offset

    def learn(self, date: str) -> None:
        """Takes over the time of an answer's `Date` header; one that is absent or no date changes nothing."""
        try:
            moment = parsedate_to_datetime(date)
        except ValueError:
            return
        self._offset = moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() - self._clock.now()


class Signature(httpx2.Auth):
    """What signs requests: `exchange` asks it for headers; given to httpx2 as `auth`, it sets them itself."""

    requires_request_body = True

    def headers_for(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> Mapping[str, str]:
        """The headers that sign a request.

        Args:
            method: upper case.
            target: path and query as they are on the wire.
            headers: all those that are sent, `host` among them; names in lower case.
            body: empty when there is none.
        """
        raise NotImplementedError

    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        """Yields the request once, signed."""
        headers = dict(request.headers.items())
        target = request.url.raw_path.decode("ascii")
        request.headers.update(self.headers_for(request.method, target, headers, request.content))
        yield request


class AcsAuth(Signature):
    """Signs each request on its way out with ACS3-HMAC-SHA256.

    Sets `x-acs-date` (UTC, whole seconds), `x-acs-signature-nonce`, `x-acs-content-sha256`, with STS
    `x-acs-security-token`, and `Authorization`. Date and nonce are fresh each time. Signed are `host`,
    `content-type` and every `x-acs-*` header, path and query as they are on the wire.

    `x-acs-accesskey-id`, which the vendor's client adds with STS, is not sent: no page asks for it and
    `Authorization` names the key already.

    Args:
        credentials: whose signature it is.
        now: wall clock, seconds since the epoch; the service allows 15 minutes of difference.
        nonce: makes a text that is unique per request.

    Raises:
        ValueError: when a request repeats a query name; V3 defines no form for that.
    """

    def __init__(
        self,
        credentials: Credentials,
        *,
        now: Callable[[], float] = time.time,
        nonce: Callable[[], str] = new_nonce,
    ) -> None:
        self._credentials = credentials
        self._now = now
        self._nonce = nonce

    def headers_for(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> dict[str, str]:
        """As for every signature."""
        path, _, query = target.partition("?")
        added = {
            "x-acs-date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._now())),
            "x-acs-signature-nonce": self._nonce(),
            "x-acs-content-sha256": sha256_hex(body),
        }
        if self._credentials.security_token is not None:
            added["x-acs-security-token"] = self._credentials.security_token
        signed = sign(
            method=method,
            path=path,
            query=_query_of(query),
            headers={name: value for name, value in {**headers, **added}.items() if is_signed_header(name)},
            body_sha256=added["x-acs-content-sha256"],
            access_key_id=self._credentials.access_key_id,
            access_key_secret=self._credentials.access_key_secret,
        )
        added["authorization"] = signed.authorization
        return added


class HeaderAuth(Signature):
    """Adds to each request on its way out the headers that `sign` makes of it.

    Args:
        sign: of the method, of path and query as they are on the wire, and of the headers so far.
    """

    def __init__(self, sign: Callable[[str, str, Mapping[str, str]], Mapping[str, str]]) -> None:
        self._sign = sign

    def headers_for(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> Mapping[str, str]:
        """As for every signature; the body is not signed."""
        del body
        return self._sign(method, target, headers)


def _query_of(query: str) -> dict[str, str]:
    """The decoded query, as the service decodes it before it checks the signature."""
    pairs = parse_qsl(query, keep_blank_values=True, errors="strict")
    decoded = dict(pairs)
    if len(decoded) != len(pairs):
        raise ValueError("a query name appears twice; a V3 signature cannot cover that")
    return decoded


_AS_IT_IS: Final = httpx2.Auth()
"""Adds nothing to a request."""


class Reply(NamedTuple):
    """An HTTP answer, whatever its status.

    Attributes:
        status: HTTP status.
        headers: names in lower case; a repeated header's values are joined by a comma.
        body: after decompression.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


class NoReply(NamedTuple):
    """No answer came.

    Attributes:
        code: a name of ours: `connect`, `connect_timeout`, `pool_timeout`, `read_timeout`, `write_timeout`,
            `deadline` or `connection_lost`.
        message: one line for people. It never quotes the request.
        never_sent: True when the service cannot have seen the request; otherwise it may have acted on it.
    """

    code: str
    message: str
    never_sent: bool


def exchange(
    http: HttpClient,
    *,
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes | None,
    auth: Signature,
    deadline: Deadline,
) -> Reply | NoReply:
    """Sends one request and reads its answer, within the time that is left.

    Each phase may take its own timeout, and no more than its share of the remaining time; an answer that
    trickles in is given up at the deadline.

    Args:
        http: from `open_http`.
        method: upper case.
        url: absolute, path and query percent-encoded.
        headers: without those `auth` sets; names in lower case.
        body: None for none.
        auth: signs the request.
        deadline: when the answer is of no more use.
    """
    # Made at once as it leaves: to add a header to a request costs more than to sign it.
    address = _address(url)
    sent = {"host": address.netloc.decode("ascii"), **dict(http.headers.items()), **headers}
    sent.update(auth.headers_for(method, address.raw_path.decode("ascii"), sent, body or b""))
    limits = {"timeout": _within(http.timeout, deadline.remaining())}
    request = httpx2.Request(method, address, headers=sent, content=body, extensions=limits)
    try:
        response = http.send(request, auth=_AS_IT_IS, stream=True)
        try:
            content = bytearray()
            late = False
            for chunk in response.iter_bytes():
                if late:
                    return NoReply(
                        "deadline", "the answer was still arriving when the time was up", never_sent=False
                    )
                content += chunk
                late = not deadline.remaining()
        finally:
            response.close()
    except httpx2.RequestError as error:
        return _no_reply(error)
    # Their names are in lower case already, and repeated ones are joined.
    return Reply(response.status_code, dict(response.headers.items()), bytes(content))


@lru_cache(maxsize=64)  # most calls of an event are those of the one before: the same clusters, lists, quotas
def _address(url: str) -> httpx2.URL:
    """The URL in its parts. To find them costs as much as to sign the request."""
    return httpx2.URL(url)


def _within(limits: httpx2.Timeout, remaining: float) -> dict[str, float]:
    """`limits`, cut so that all phases together fit in `remaining` seconds.

    Waiting for the answer may take half of it; the connection from the pool, its opening, its TLS handshake
    and the sending an eighth each.
    """
    half, eighth = remaining / 2, remaining / 8

    def cut(limit: float | None, share: float) -> float:
        return share if limit is None else min(limit, share)

    return {
        "connect": cut(limits.connect, eighth),
        "read": cut(limits.read, half),
        "write": cut(limits.write, eighth),
        "pool": cut(limits.pool, eighth),
    }


def _no_reply(error: httpx2.RequestError) -> NoReply:
    """What an exception of httpx2 means for the question that matters: may the service have acted?

    Only a failed connection is described in its own words (the operating system's or TLS's). Other messages
    of the HTTP library may quote a header, and its exceptions hold the request: neither leaves this module.
    """
    match error:
        case httpx2.ConnectTimeout():
            return NoReply("connect_timeout", "the connection could not be opened in time", never_sent=True)
        case httpx2.PoolTimeout():
            return NoReply("pool_timeout", "no connection of the pool became free in time", never_sent=True)
        case httpx2.ConnectError() | httpx2.ProxyError():
            return NoReply("connect", f"the connection could not be opened: {error}", never_sent=True)
        case httpx2.ReadTimeout():
            return NoReply("read_timeout", "the request was sent, no answer came in time", never_sent=False)
        case httpx2.WriteTimeout():
            return NoReply("write_timeout", "the request could not be sent in full in time", never_sent=False)
        case _:
            kind = type(error).__name__
            return NoReply(
                "connection_lost",
                f"the connection broke before the answer was complete ({kind})",
                never_sent=False,
            )
