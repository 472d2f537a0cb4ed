"""Claims in a SQLite file, for the processes of one machine. Knows what a store is, not what it keeps.

Whose clock counts: the machine's. Each step is one conditional statement, committed by itself. The file is in
WAL mode: whoever reads waits for nobody, whoever writes waits for at most `timeout` seconds.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import weakref
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Final, TypeVar

from fctoolkit.clock import SYSTEM_CLOCK, Clock
from fctoolkit.errors import ConfigurationError, StoreError
from fctoolkit.idempotency.store import Reading

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

_VERSION: Final = 1
"""Of the table, kept in the file."""

_CREATE: Final = """
create table if not exists claims (
    key text primary key not null,
    record text not null,
    expires_at real not null
) without rowid"""
_OURS: Final = "select count(*) from sqlite_master where tbl_name = 'claims'"
_OTHERS: Final = """
select count(*) from sqlite_master where tbl_name <> 'claims' and tbl_name not like 'sqlite~_%' escape '~'"""
_COLUMNS: Final = "select key, record, expires_at from claims limit 0"
_READ: Final = "select record from claims where key = ?"
_INSERT: Final = "insert into claims (record, expires_at, key) values (?, ?, ?) on conflict (key) do nothing"
_REPLACE: Final = "update claims set record = ?, expires_at = ? where key = ? and record = ?"
_REMOVE: Final = "delete from claims where key = ? and record = ?"
_EXPIRED: Final = "create index if not exists claims_by_expiry on claims (expires_at)"
_CLEAR: Final = "delete from claims where key in (select key from claims where expires_at < ? limit 2)"


class SqliteStore:
    """Claims in one file of a local disk. Threads may share it; so may processes, each with its own."""

    @property
    def remembers(self) -> bool:
        """See Store."""
        return True

    def __init__(
        self,
        path: str,
        *,
        setting: str = "the SQLite store",
        clock: Clock = SYSTEM_CLOCK,
        timeout: float = 5.0,
    ) -> None:
        """Keep claims in the file `path`, which is made when first used.

        Args:
            path: on a local disk; network file systems lock unreliably.
            setting: where the path was set; messages begin with it.
            clock: whose `now` all users of the file share.
            timeout: seconds to wait for other writers.
        """
        self._path = path
        self._setting = setting
        self._clock = clock
        self._timeout = timeout
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._process = 0
        _STORES.add(self)

    def __repr__(self) -> str:
        return f"SqliteStore({self._path!r})"

    def check(self) -> None:
        """Open the file and write to it. Raises ConfigurationError when that cannot work, else StoreError."""
        self._execute(f"pragma user_version = {_VERSION}")

    def read(self, key: str) -> Reading:
        """See Store."""
        row = self._run(lambda connection: _one(connection, key))
        return Reading(row, self._clock.now())

    def swap(self, key: str, old: str | None, new: str | None, seconds: float) -> bool:
        """See Store. A new record takes the place of up to two that have expired."""
        now = self._clock.now()
        if new is None:
            return self.read(key).text is None if old is None else self._execute(_REMOVE, key, old)
        if old is not None:
            return self._execute(_REPLACE, new, now + seconds, key, old)
        inserted = self._execute(_INSERT, new, now + seconds, key)
        if inserted:
            self._clear(now)
        return inserted

    def close(self) -> None:
        """Close the file. It may be used again."""
        with self._lock:
            self._close()

    def before_fork(self) -> None:
        """Close the file and let nobody open it, until `after_fork` in both processes."""
        self._lock.acquire()
        self._close()

    def after_fork(self) -> None:
        """See `before_fork`."""
        self._lock.release()

    def _close(self) -> None:
        if self._connection is not None and self._process == os.getpid():
            self._connection.close()
            self._connection = None

    def _clear(self, now: float) -> None:
        # The claim stands; if this goes wrong, the next one clears.
        with suppress(StoreError, ConfigurationError):
            self._execute(_CLEAR, now)

    def _execute(self, statement: str, *values: str | float) -> bool:
        def run(connection: sqlite3.Connection) -> bool:
            with closing(connection.execute(statement, values)) as cursor:
                return cursor.rowcount > 0

        return self._run(run)

    def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with self._lock:
            try:
                return work(self._open())
            except sqlite3.Error as error:
                raise self._translated(error) from error

    def _open(self) -> sqlite3.Connection:
        if self._connection is not None:
            if self._process != os.getpid():
                raise ConfigurationError(
                    f"{self._setting}: {self._path} was opened before this process was forked, unseen by "
                    "Python; open the store afterwards"
                )
            return self._connection
        connection = sqlite3.connect(
            self._path, timeout=self._timeout, isolation_level=None, check_same_thread=False
        )
        try:
            self._require_own(connection)
            self._share(connection)
            # A claim that was granted survives a power cut.
            connection.execute("pragma synchronous = full").close()
            connection.execute(_CREATE).close()
            connection.execute(_EXPIRED).close()
            _one(connection, "")
        except BaseException:
            connection.close()
            raise
        self._connection, self._process = connection, os.getpid()
        return connection

    def _require_own(self, connection: sqlite3.Connection) -> None:
        version = _first(connection, "pragma user_version")
        if _first(connection, _OTHERS) or version not in (0, _VERSION):
            raise ConfigurationError(
                f"{self._setting}: {self._path} is not a file of this store (others keep things in it); "
                "name another"
            )
        if _first(connection, _OURS):
            connection.execute(_COLUMNS).close()

    def _share(self, connection: sqlite3.Connection) -> None:
        mode = str(_first(connection, "pragma journal_mode = wal"))
        if mode != "wal":
            raise ConfigurationError(
                f"{self._setting}: SQLite cannot share {self._path} (journal mode {mode}); "
                "name a file on a local disk"
            )

    def _translated(self, error: sqlite3.Error) -> ConfigurationError | StoreError:
        # Errors of the module itself, such as a closed connection, have no code.
        code: int = getattr(error, "sqlite_errorcode", 0) & 0xFF
        where = f"{self._setting}: {self._path}"
        match code:
            case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
                return StoreError(f"{where} is locked by another process", transient=True)
            case sqlite3.SQLITE_FULL:
                return StoreError(f"{where}: no space is left for it; make room on the disk")
            case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM:
                return ConfigurationError(
                    f"{where} is read-only; let this process write to the file and its folder"
                )
            case sqlite3.SQLITE_CANTOPEN:
                return ConfigurationError(
                    f"{where} cannot be opened; its folder must exist and let this process write"
                )
            case sqlite3.SQLITE_NOTADB | sqlite3.SQLITE_CORRUPT:
                return ConfigurationError(f"{where} is no SQLite file, or a damaged one; name another")
            case sqlite3.SQLITE_ERROR:
                return ConfigurationError(f"{where} is not a file of this store ({error}); name another")
            case _:
                return StoreError(f"{where}: {error}", maybe_done=True)


def _one(connection: sqlite3.Connection, key: str) -> str | None:
    value = _first(connection, _READ, key)
    return None if value is None else str(value)


def _first(connection: sqlite3.Connection, statement: str, *values: str) -> object:
    """The first column of the first row, None when there is no row."""
    with closing(connection.execute(statement, values)) as cursor:
        row: tuple[object, ...] | None = cursor.fetchone()
        return None if row is None else row[0]


# SQLite's locks are a process's. A child that inherits an open file believes that it holds its parent's
# locks, however often it opens the file anew. The parent may then remove the log from under it, and both
# grant claims.
_STORES: Final[weakref.WeakSet[SqliteStore]] = weakref.WeakSet()
_FORKING: Final = threading.Lock()
_HELD: Final[list[SqliteStore]] = []


def _before_fork() -> None:
    _FORKING.acquire()
    _HELD.extend(_STORES)
    for store in _HELD:
        store.before_fork()


def _after_fork() -> None:
    for store in _HELD:
        store.after_fork()
    _HELD.clear()
    _FORKING.release()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
