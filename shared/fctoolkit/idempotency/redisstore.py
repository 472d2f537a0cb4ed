"""Claims in Redis or Tair, for any number of machines. Knows what a store is, not what it keeps.

Needs the extra `redis`. Whose clock counts: the server's. Each step is one Lua script on one key, sent once:
of redis-py only connections are used, not the client, which repeats by itself. Each key has an expiry, so
nothing stays for ever. docs/stores.md tells what a failover, a replica or eviction does to these promises.
"""

from __future__ import annotations

import logging
import math
import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from redis import exceptions
from redis.connection import Connection, ConnectionPool, SSLConnection

from fctoolkit.errors import ConfigurationError, StoreError
from fctoolkit.idempotency.store import Reading

if TYPE_CHECKING:
    from fctoolkit.clock import Clock

_LOG = logging.getLogger(__name__)

PREFIX: Final = "claim:"
"""What each key begins with, for ACL rules and for whoever looks around."""

_READ: Final = "local t = redis.call('TIME') return {t[1], t[2], redis.call('GET', KEYS[1])}"

_SWAP: Final = """
local found = redis.call('GET', KEYS[1])
if (found or '') ~= ARGV[1] then return 0 end
if ARGV[2] ~= '' then redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
elseif found then redis.call('DEL', KEYS[1]) end
return 1"""

_KEEPS_ALL: Final = "noeviction"

_FORM: Final = "redis://USER:PASSWORD@HOST"
_ADDRESS: Final = re.compile(r"^Error (\S+ )?connecting to \S+\. ?")
_NEEDED: Final = f"EVAL, GET, SET, DEL, TIME and INFO on keys {PREFIX}*"

# Said by a server that did nothing, and that will do it later or elsewhere.
_PASSING: Final = (
    "LOADING",
    "READONLY",
    "MASTERDOWN",
    "CLUSTERDOWN",
    "TRYAGAIN",
    "BUSY ",
    "max number of clients",
)

_FORBIDDEN: Final = ("NOPERM", "executing the script can't")

_ADVICE: Final = {
    "OOM": "the server has no memory left, and rightly evicts nothing; give it more",
    "MISCONF": "the server cannot save to its disk and takes no writes; make room there",
    "NOREPLICAS": "the server has fewer replicas than min-replicas-to-write asks for",
    "WRONGTYPE": "something else is kept under the key; give the claims a database of their own",
    "MOVED": "a node of a cluster; name its proxy, or a Redis that is no cluster",
}
"""What to do about answers that waiting does not mend."""


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """Where a Redis is, and who asks.

    Attributes:
        certificates: file of the authorities to trust with TLS; the system's when empty.
    """

    host: str
    port: int = 6379
    database: int = 0
    username: str = ""
    password: str = field(default="", repr=False)
    tls: bool = False
    certificates: str = ""

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"redis{'s' if self.tls else ''}://{host}:{self.port}/{self.database}"


class _Connection(Protocol):
    """What is used of redis-py's connections, which say little about types."""

    def send_command(self, *args: str | int) -> None: ...
    def read_response(self) -> object: ...
    def disconnect(self) -> None: ...


class _Pool(Protocol):
    """What is used of redis-py's pools."""

    def get_connection(self) -> _Connection: ...
    def release(self, connection: _Connection) -> None: ...
    def disconnect(self, inuse_connections: bool = True) -> None: ...  # noqa: FBT001, FBT002  # redis-py's


class RedisStore:
    """Claims in one database of a Redis. Threads may share it, and a process that forked."""

    @property
    def remembers(self) -> bool:
        """See Store."""
        return True

    def __init__(
        self,
        address: RedisAddress,
        *,
        setting: str = "the Redis store",
        connect_timeout: float = 1.0,
        timeout: float = 2.0,
        may_evict: bool = False,
        clock: Clock | None = None,
    ) -> None:
        """Keep claims at `address`. Connects when first used.

        Args:
            address: host, port, database, user, TLS.
            setting: where the address was set; messages begin with it.
            connect_timeout: seconds to wait for a connection.
            timeout: seconds to wait for each part of an answer.
            may_evict: accept a server that may drop claims when its memory is full.
            clock: for tests of the passing of time; the server's own when None, as it should be.
        """
        self._address = address
        self._setting = setting
        self._may_evict = may_evict
        self._clock = clock
        options: dict[str, Any] = {
            "host": address.host,
            "port": address.port,
            "db": address.database,
            "username": address.username or None,
            "password": address.password or None,
            "socket_connect_timeout": connect_timeout,
            "socket_timeout": timeout,
            "decode_responses": True,
            "encoding_errors": "replace",
            # What every server and proxy speaks; the next one begins with a HELLO that some refuse.
            "protocol": 2,
        }
        if address.tls and address.certificates:
            options["ssl_ca_certs"] = address.certificates
        kind = SSLConnection if address.tls else Connection
        self._pool = cast("_Pool", ConnectionPool(connection_class=kind, **options))

    def __repr__(self) -> str:
        return f"RedisStore({self._address})"

    def check(self) -> None:
        """Connect, run a script, and see that the server never drops what it was given.

        Raises ConfigurationError for certificates that are not there, a refused password or permission, and a
        `maxmemory-policy` other than `noeviction`; StoreError when the server does not answer.
        """
        certificates = self._address.certificates
        if certificates and not os.path.isfile(certificates):  # noqa: PTH113  # as light as the rest
            raise ConfigurationError(f"{self._setting}: certificates names a file that is not there")
        self.read("check")
        try:
            policy = self._policy()
        except StoreError as error:
            if error.transient:
                raise
            policy = ""
        if policy == _KEEPS_ALL:
            return
        trouble = (
            f"{self._setting}: {self._address} has maxmemory-policy {policy or '(not told)'}: when its "
            "memory is full it may drop a claim, and the work is done twice. Set it to noeviction"
        )
        if not self._may_evict:
            raise ConfigurationError(f"{trouble}, or accept that with ?may_evict=yes")
        _LOG.warning("%s", trouble)

    def read(self, key: str) -> Reading:
        """See Store."""
        seconds, micros, text = cast(
            "tuple[str, str, str | None]", self._send("EVAL", _READ, 1, PREFIX + key, writes=False)
        )
        now = int(seconds) + int(micros) / 1e6 if self._clock is None else self._clock.now()
        return Reading(text, now)

    def swap(self, key: str, old: str | None, new: str | None, seconds: float) -> bool:
        """See Store."""
        milliseconds = max(1, math.ceil(seconds * 1000))
        answer = self._send("EVAL", _SWAP, 1, PREFIX + key, old or "", new or "", milliseconds, writes=True)
        return answer == 1

    def close(self) -> None:
        """Close the connections. The store may be used again."""
        self._pool.disconnect()

    def _policy(self) -> str:
        """The server's `maxmemory-policy`; empty when it does not say."""
        # INFO is allowed where CONFIG is not, as in managed services.
        answer = str(self._send("INFO", "memory", writes=False))
        for line in answer.splitlines():
            name, _, value = line.partition(":")
            if name == "maxmemory_policy":
                return value.strip()
        return ""

    def _send(self, *command: str | int, writes: bool) -> object:
        """One command, one answer, no second try."""
        try:
            connection = self._pool.get_connection()
        except exceptions.RedisError as error:
            raise self._translated(error, maybe_done=False) from error
        try:
            connection.send_command(*command)
            return connection.read_response()
        except exceptions.RedisError as error:
            raise self._translated(error, maybe_done=writes) from error
        except BaseException:
            connection.disconnect()  # The answer on its way would be taken for that of the next question.
            raise
        finally:
            self._pool.release(connection)

    def _translated(
        self, error: exceptions.RedisError, *, maybe_done: bool
    ) -> ConfigurationError | StoreError:
        """The same in the toolkit's words. What the server says holds no password."""
        where = f"{self._setting}: {self._address}"
        # An error within a script has its code in the middle of the text, one known to redis-py in the class.
        text = f"{error.status_code} {type(error).__name__.upper()} {error}"
        if isinstance(error, exceptions.AuthenticationError) or "AUTHENTICATION" in text:
            return ConfigurationError(f"{where} refuses the user or password; write {_FORM}, percent-encoded")
        if "DB index" in text:
            return ConfigurationError(f"{where} has no such database; name one with a lower number")
        if any(word in text for word in _FORBIDDEN):
            return ConfigurationError(f"{where} does not allow what is needed, {_NEEDED}: {error}")
        if isinstance(error, (exceptions.ResponseError, exceptions.BusyLoadingError)):
            if any(word in text for word in _PASSING):
                # The name may lead to another server by now: connect anew.
                self._pool.disconnect(inuse_connections=False)
                return StoreError(f"{where} takes nothing just now: {error}", transient=True)
            for word, advice in _ADVICE.items():
                if word in text:
                    return StoreError(f"{where}: {advice}")
            return StoreError(f"{where}: {error}", maybe_done=maybe_done)
        return StoreError(
            f"{where} does not answer: {_cause(error)}; see that it runs and can be reached from here",
            maybe_done=maybe_done,
            transient=True,
        )


def _cause(error: BaseException) -> str:
    """What went wrong, without the address, which the message has already."""
    text = str(error)
    if text.startswith("Timeout connecting"):
        return "no connection within connect_timeout; with rediss:// its port has to speak TLS"
    return _ADDRESS.sub("", text).rstrip(".") or type(error).__name__
