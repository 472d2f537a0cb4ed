"""A store from a setting. Imports the one that is named, and no other."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from fctoolkit.clock import SYSTEM_CLOCK, Clock
from fctoolkit.errors import ConfigurationError
from fctoolkit.idempotency.store import NoStore, Store

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_SETTING: Final = "the store's URL"

_FORMS: Final = (
    "sqlite:///FILE, redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE] or rediss://…; nothing for no store"
)
_REDIS_PORT: Final = 6379
_DATABASE_DIGITS: Final = 9
_YES: Final = {"yes": True, "no": False}


def open_store(
    url: str,
    *,
    setting: str = DEFAULT_SETTING,
    clock: Clock = SYSTEM_CLOCK,
    environ: Mapping[str, str] | None = None,
) -> Store:
    """The store that a URL names, checked: it answers and is set up so that its promises hold.

    Args:
        url: `sqlite:///relative`, `sqlite:////absolute`, `redis://…`, `rediss://…` (TLS), or empty for none.
            Names, passwords and files are percent-encoded. Options follow a `?`; docs/stores.md lists them.
        setting: where the URL was set, such as the name of a variable; messages begin with it.
        clock: the machine's clock. Redis uses its own.
        environ: tells FC from other machines; the process's own unless given.

    Raises ConfigurationError when somebody has to change a setting, StoreError when the store cannot be used
    right now. Neither shows a password.
    """
    store = _named(url.strip(), setting, clock, os.environ if environ is None else environ)
    store.check()
    return store


def check_url(url: str, *, setting: str = DEFAULT_SETTING, environ: Mapping[str, str]) -> None:
    """Raises the ConfigurationError of `open_store` for a URL that it refuses on any machine.

    Connects to nothing and looks for no file. `environ` is that of the machine that will open it.
    """
    _named(url.strip(), setting, SYSTEM_CLOCK, environ)


def _named(url: str, setting: str, clock: Clock, environ: Mapping[str, str]) -> Store:
    if not url:
        return NoStore(clock)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ConfigurationError(f"{setting}: not a URL; expected {_FORMS}") from None
    options = _Options(parts, setting)
    if parts.scheme == "sqlite":
        return _sqlite(parts, options, setting, clock, environ)
    if parts.scheme in ("redis", "rediss"):
        return _redis(parts, port, options, setting)
    raise ConfigurationError(f"{setting}: no store is named so; expected {_FORMS}")


def _sqlite(
    parts: SplitResult, options: _Options, setting: str, clock: Clock, environ: Mapping[str, str]
) -> Store:
    path = unquote(parts.path.removeprefix("/"))
    if parts.netloc or not path or "\0" in path:
        raise ConfigurationError(
            f"{setting}: names no file; write sqlite:///relative.db, or sqlite:////absolute.db"
        )
    one_machine = options.flag("one_machine")
    timeout = options.seconds("timeout", 5.0)
    options.done()
    _refuse_on_fc(setting, environ, one_machine=one_machine)
    from fctoolkit.idempotency.sqlitestore import SqliteStore  # noqa: PLC0415  # only who names it pays

    return SqliteStore(path, setting=setting, clock=clock, timeout=timeout)


def _refuse_on_fc(setting: str, environ: Mapping[str, str], *, one_machine: bool) -> None:
    code = environ.get("FC_FUNC_CODE_PATH", "")
    if not (code or environ.get("FC_INSTANCE_ID")):
        return
    # In the cloud the code is always in /code. A local runtime sets the same variables, with other folders.
    if one_machine and code.rstrip("/") != "/code":
        return
    raise ConfigurationError(
        f"{setting}: sqlite is refused on Function Compute: each instance has a disk of its own, so no "
        "instance would see another's claims. Name a Redis, or nothing. Where all instances are processes of "
        "one machine, as in a local runtime, add ?one_machine=yes"
    )


def _redis(parts: SplitResult, port: int | None, options: _Options, setting: str) -> Store:
    database = parts.path.strip("/") or "0"
    if not _is_host(parts.hostname or ""):
        raise ConfigurationError(f"{setting}: names no host; expected {_FORMS}")
    if not (database.isascii() and database.isdecimal() and len(database) <= _DATABASE_DIGITS):
        raise ConfigurationError(f"{setting}: the database of a Redis is a number, such as /0")
    connect_timeout = options.seconds("connect_timeout", 1.0)
    timeout = options.seconds("timeout", 2.0)
    may_evict = options.flag("may_evict")
    certificates = options.text("certificates")
    options.done()
    if certificates and parts.scheme == "redis":
        raise ConfigurationError(f"{setting}: certificates are for rediss://")
    try:
        from fctoolkit.idempotency.redisstore import RedisAddress, RedisStore  # noqa: PLC0415  # as above
    except ModuleNotFoundError as error:
        if error.name != "redis":
            raise
        raise ConfigurationError(
            f"{setting}: names a Redis, and the package redis is not there; install the extra redis, or on "
            "Function Compute add the layer that brings it, see docs/stores.md"
        ) from None
    address = RedisAddress(
        host=parts.hostname or "",
        port=port or _REDIS_PORT,
        database=int(database),
        username=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        tls=parts.scheme == "rediss",
        certificates=certificates,
    )
    return RedisStore(
        address, setting=setting, connect_timeout=connect_timeout, timeout=timeout, may_evict=may_evict
    )


def _is_host(name: str) -> bool:
    """Whether a name can be looked up: the system's own answer is no error of a network."""
    try:
        return bool(name.encode("idna"))
    except UnicodeError:
        return False


class _Options:
    """The options of a URL. What is unknown, double or unreadable is refused by name, never by value."""

    def __init__(self, parts: SplitResult, setting: str) -> None:
        self._setting = setting
        self._known: list[str] = []
        if parts.fragment:
            raise ConfigurationError(f"{setting}: has a #; write it as %23")
        if "@" in parts.query:
            # A password with a ? ends up here; no part of it may be shown.
            raise ConfigurationError(
                f"{setting}: has an @ after a ?; write the ? in a name or password as %3F, the @ as %40"
            )
        pairs = parse_qsl(parts.query, keep_blank_values=True)
        self._left = dict(pairs)
        if len(self._left) < len(pairs):
            raise ConfigurationError(f"{setting}: names an option twice")

    def text(self, name: str) -> str:
        return self._taken(name) or ""

    def flag(self, name: str) -> bool:
        value = self._taken(name)
        if value is None:
            return False
        if value not in _YES:
            raise ConfigurationError(f"{self._setting}: the option {name} is yes or no")
        return _YES[value]

    def seconds(self, name: str, default: float) -> float:
        text = self._taken(name)
        if text is None:
            return default
        try:
            value = float(text)
        except ValueError:
            value = 0.0
        if not 0 < value <= 60:  # noqa: PLR2004  # longer than a minute is no limit
            raise ConfigurationError(
                f"{self._setting}: the option {name} is a number of seconds, above 0, at most 60"
            )
        return value

    def done(self) -> None:
        """Refuses what was not asked for."""
        known = ", ".join(sorted(self._known))
        for name in self._left:
            raise ConfigurationError(f"{self._setting}: has no option {name[:40]!r}; known are {known}")

    def _taken(self, name: str) -> str | None:
        self._known.append(name)
        return self._left.pop(name, None)
