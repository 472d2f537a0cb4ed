"""A store from a setting: what is refused, how, and that no password is shown."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

from fctoolkit.errors import ConfigurationError, StoreError, ToolkitError
from fctoolkit.idempotency import Guard, NoStore, open_store
from fctoolkit.idempotency.opening import check_url
from fctoolkit.idempotency.sqlitestore import SqliteStore
from tests.support.claims import TIMEOUT, key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.redis_server import RedisServer

SETTING = "THE_STORE"


def refused(url: str, error: type[ToolkitError] = ConfigurationError, **environ: str) -> str:
    """What is said about a setting that cannot be used; always by its name, never with a secret."""
    with pytest.raises(error) as caught:
        open_store(url, setting=SETTING, environ=environ)
    message = str(caught.value)
    assert message.startswith(f"{SETTING}: ")
    assert "s3cret" not in message
    return message


def test_nothing_is_no_store() -> None:
    """An empty setting is a store that remembers nothing."""
    assert isinstance(open_store("  ", environ={}), NoStore)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("claims.db", "no store is named so; expected sqlite:///FILE"),
        ("mysql://u:s3cret@h/db", "no store is named so"),
        ("redis://[::1", "not a URL"),
        ("redis://:s3cret@h:port/0", "not a URL"),
        ("redis://:s3cret@/0", "names no host"),
        ("redis://:s3cret@h/db", "the database of a Redis is a number"),
        (
            "redis://:s3cret@h/0?timout=s3cret",
            "has no option 'timout'; known are certificates, connect_timeout, ",
        ),
        ("redis://h/0?timeout=0", "the option timeout is a number of seconds, above 0, at most 60"),
        ("redis://h/0?timeout=s3cret", "the option timeout is a number"),
        ("redis://h/0?timeout=1&timeout=2", "names an option twice"),
        ("redis://h/0?may_evict=s3cret", "the option may_evict is yes or no"),
        ("redis://h/0?certificates=/ca.pem", "certificates are for rediss://"),
        ("redis://:s3#cret@h/0", "not a URL"),
        ("redis://h/0#1", "has a #; write it as %23"),
        ("sqlite://claims.db", "names no file; write sqlite:///relative.db"),
        ("sqlite:///", "names no file"),
        ("sqlite:///a%00b", "names no file"),
        ("redis://u:?s3cret@h/0", "has an @ after a ?; write the ? in a name or password as %3F"),
        ("redis://u:12?s3cret&cret@h/0", "has an @ after a ?"),
        ("redis://:s3cret@a..b/0", "names no host"),
        ("redis://:s3cret@" + "h" * 70 + "/0", "names no host"),
        ("redis://:s3cret@h/" + "9" * 5000, "the database of a Redis is a number"),
        ("rediss://:s3cret@h/0?certificates=/no/s3cret.pem", "certificates names a file that is not there"),
        ("sqlite:///claims.db?mode=ro", "has no option 'mode'; known are one_machine, timeout"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(url: str, said: str) -> None:
    """A setting that cannot be understood says what is wrong with it and shows no value."""
    message = refused(url)
    assert said in message
    assert "cret" not in message


@pytest.mark.parametrize(
    "url", ["", "redis://:s3cret@nowhere.invalid/3", "rediss://nowhere.invalid?certificates=/opt/ca.pem"]
)
def test_a_url_is_judged_without_what_it_names(url: str) -> None:
    """Whether a URL can be read is said where neither its server nor its files are."""
    check_url(url, setting=SETTING, environ={})


@pytest.mark.parametrize("url", ["redis://:s3cret@h:port", "redis://h?timeout=0", "sqlite:///claims.db"])
def test_a_url_is_refused_as_the_store_would_be(url: str) -> None:
    """What judges a URL and what opens it say the same of it."""
    cloud = {"FC_FUNC_CODE_PATH": "/code"}
    with pytest.raises(ConfigurationError) as caught:
        check_url(url, setting=SETTING, environ=cloud)
    assert str(caught.value) == refused(url, **cloud)


def test_sqlite_is_refused_on_function_compute(tmp_path: Path) -> None:
    """A disk of each instance's own would be false safety, so SQLite is refused there, with the reason."""
    url = f"sqlite:///{tmp_path}/claims.db"
    for environ in ({"FC_FUNC_CODE_PATH": "/code"}, {"FC_INSTANCE_ID": "c-1"}):
        said = refused(url, **environ)
        assert "sqlite is refused on Function Compute: each instance has a disk of its own" in said
    assert "is refused" in refused(f"{url}?one_machine=yes", FC_FUNC_CODE_PATH="/code/", FC_INSTANCE_ID="c-1")
    assert not (tmp_path / "claims.db").exists()
    local = {"FC_FUNC_CODE_PATH": "/home/me/functions/one", "FC_INSTANCE_ID": "c-1"}
    assert "add ?one_machine=yes" in refused(url, **local)
    open_store(f"{url}?one_machine=yes", environ=local).close()


def test_sqlite_files_are_relative_or_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three slashes name a file from the working folder, four one from the root; escapes are read."""
    monkeypatch.chdir(tmp_path)
    open_store("sqlite:///a%20b.db", environ={}).close()
    open_store(f"sqlite:///{tmp_path}/c.db", environ={}).close()
    assert (tmp_path / "a b.db").is_file()
    assert (tmp_path / "c.db").is_file()


def test_sqlite_that_cannot_be_opened(tmp_path: Path) -> None:
    """No folder, no SQLite file, another program's table: each is named, and nothing is written."""
    assert "cannot be opened; its folder must exist" in refused(f"sqlite:///{tmp_path}/no/claims.db")
    text = tmp_path / "text.db"
    text.write_text("no database " * 1000)
    assert f"{text} is no SQLite file, or a damaged one" in refused(f"sqlite:///{text}")
    other = tmp_path / "other.db"
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("create table claims (id integer)")
    before = other.read_bytes()
    assert f"{other} is not a file of this store" in refused(f"sqlite:///{other}")
    assert other.read_bytes() == before


@pytest.mark.parametrize("made", ["create table orders (id integer)", "pragma user_version = 7"])
def test_a_file_of_another_program_is_left_alone(tmp_path: Path, made: str) -> None:
    """A SQLite file in which somebody else keeps something is refused, and not a byte of it changes."""
    file = tmp_path / "orders.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(made)
    before = file.read_bytes()
    assert f"{file} is not a file of this store" in refused(f"sqlite:///{file}")
    assert file.read_bytes() == before


READ_ONLY = """
import os, sys
import fctoolkit.idempotency.sqlitestore
from fctoolkit.errors import ConfigurationError
from fctoolkit.idempotency import open_store
if os.getuid() == 0:  # Root may write anywhere, so somebody else has to try.
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
try:
    open_store(sys.argv[1], setting="THE_STORE", environ={})
except ConfigurationError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("old", "said"),
    [(False, "cannot be opened; its folder must"), (True, "is read-only; let this process write")],
)
def test_sqlite_that_is_read_only(said: str, *, old: bool) -> None:
    """A file or folder that this process may not write to is named as such."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "claims.db"
        if old:
            open_store(f"sqlite:///{file}", environ={}).close()
            file.chmod(0o444)
        folder.chmod(0o555)
        command = [sys.executable, "-c", READ_ONLY, f"sqlite:///{file}"]
        done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603  # ours
        folder.chmod(0o755)
    assert f"THE_STORE: {file} {said}" in done.stdout


def fill(guard: Guard) -> tuple[int, StoreError]:
    """Claim until nothing more goes in; the number of the claim that failed, and how it did."""
    for number in range(1000):
        try:
            guard.claim(key(f"i-{number}"))
        except StoreError as error:
            return number, error
    raise AssertionError("never full")


def test_sqlite_that_is_full(tmp_path: Path) -> None:
    """A full disk is a clear error without effect, and the next claim works once there is room."""
    file = tmp_path / "claims.db"
    store = open_store(f"sqlite:///{file}", setting=SETTING, environ={})
    assert isinstance(store, SqliteStore)
    guard = Guard(store, timeout=TIMEOUT)
    held = guard.claim(key("held"))
    # SQLite's own limit is told as the disk's is: no page more than there are.
    connection = store._open()
    (pages,) = connection.execute("pragma page_count").fetchone()
    connection.execute(f"pragma max_page_count = {pages}")
    number, caught = fill(guard)
    assert "no space is left for it; make room" in str(caught)
    assert (caught.maybe_done, caught.transient) == (False, False)
    assert guard.look(key(f"i-{number}")) is None
    with pytest.raises(StoreError, match="no space is left"):
        held.complete("x" * 60_000)
    record = guard.look(key("held"))
    assert record is not None
    assert record.status == "claimed"
    connection.execute("pragma max_page_count = 100000")
    held.complete("x" * 60_000)
    assert guard.claim(key(f"i-{number}")).attempts == 1
    store.close()


def test_sqlite_that_is_locked(tmp_path: Path) -> None:
    """A writer that holds the file too long is an error in passing, without effect; readers never wait."""
    file = tmp_path / "claims.db"
    store = open_store(f"sqlite:///{file}?timeout=0.1", setting=SETTING, environ={})
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("begin immediate")
        with pytest.raises(StoreError, match="is locked by another process") as caught:
            store.swap("k", None, "v", 60)
        assert (caught.value.maybe_done, caught.value.transient) == (False, True)
        assert store.read("k").text is None
        other.execute("rollback")
    assert store.swap("k", None, "v", 60)
    store.close()


def test_sqlite_is_made_to_be_shared(tmp_path: Path) -> None:
    """The file is in WAL mode, and what was granted has reached the disk."""
    store = open_store(f"sqlite:///{tmp_path}/claims.db", environ={})
    assert isinstance(store, SqliteStore)
    connection = store._open()
    assert connection.execute("pragma journal_mode").fetchone() == ("wal",)
    assert connection.execute("pragma synchronous").fetchone() == (2,)
    store.close()


@pytest.fixture
def without_redis_py() -> Iterator[None]:
    """As where the extra is not installed."""
    kept = {name: sys.modules.pop(name) for name in [*sys.modules] if name.split(".")[0] == "redis"}
    ours = sys.modules.pop("fctoolkit.idempotency.redisstore", None)
    sys.modules["redis"] = None
    yield
    del sys.modules["redis"]
    sys.modules |= kept
    if ours is not None:
        sys.modules["fctoolkit.idempotency.redisstore"] = ours


@pytest.mark.usefixtures("without_redis_py")
def test_redis_without_its_library() -> None:
    """Where redis-py is missing, the error names the extra and the layer."""
    told = refused("redis://:s3cret@h")
    assert (
        "the package redis is not there; install the extra redis, or on Function Compute add the layer"
        in told
    )


def test_redis_that_does_not_answer(redis: RedisServer) -> None:
    """A port where nobody listens is named, without the password, and nothing was done."""
    with pytest.raises(
        StoreError, match=r"redis://127\.0\.0\.1:1/0 does not answer: Connection refused;"
    ) as caught:
        open_store("redis://u:s3cret@127.0.0.1:1", setting=SETTING, environ={})
    assert (caught.value.maybe_done, caught.value.transient) == (False, True)
    assert "s3cret" not in str(caught.value)
    open_store(redis.url, environ={}).close()


def test_a_port_without_tls(redis: RedisServer) -> None:
    """Where TLS is asked of a port that does not speak it, the error names that as a cause."""
    with pytest.raises(StoreError, match=r"does not answer: no connection within .* has to speak TLS"):
        open_store(f"rediss://127.0.0.1:{redis.port}?connect_timeout=0.2", setting=SETTING, environ={})
