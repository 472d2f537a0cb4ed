"""What every store promises: the contract of `Store`, and what NoStore makes of it."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from fctoolkit.idempotency import NoStore, Store
from fctoolkit.idempotency.key import MAX_KEY_LENGTH, MAX_OUTCOME_BYTES, Key
from fctoolkit.idempotency.sqlitestore import SqliteStore
from tests.support.api_calls import FakeTime
from tests.support.claims import LEASE, Bench, Flaky, key

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.redis_server import RedisServer


def text_of(store: Store, name: str = "k") -> str | None:
    """What is stored."""
    return store.read(name).text


def test_a_swap_replaces_what_is_there_and_nothing_else(bench: Bench) -> None:
    """A swap happens only from the very text that is stored, or from nothing where nothing is."""
    store = bench.store
    assert text_of(store) is None
    assert not store.swap("k", "a", "b", 60)
    assert not store.swap("k", "a", None, 60)
    assert store.swap("k", None, None, 60)
    assert store.swap("k", None, "a", 60)
    assert not store.swap("k", None, "b", 60)
    assert not store.swap("k", None, None, 60)
    assert not store.swap("k", "A", "b", 60)
    assert not store.swap("k", "A", None, 60)
    assert text_of(store) == "a"
    assert store.swap("k", "a", "b", 60)
    assert (text_of(store), text_of(store, "other")) == ("b", None)
    assert store.swap("k", "b", None, 60)
    assert text_of(store) is None


def test_texts_and_keys_come_back_to_the_letter(bench: Bench) -> None:
    """The longest key and the longest outcome are kept, and no character is lost."""
    name = Key("1", "f", "o", "é" * 300).text
    assert len(name) == MAX_KEY_LENGTH
    text = "é\U0001f600\x00'\"\\\n\r" + "x" * MAX_OUTCOME_BYTES * 2
    assert bench.store.swap(name, None, text, 60)
    assert text_of(bench.store, name) == text
    assert bench.store.swap(name, text, "é", 60)


def test_of_many_swaps_one_wins(bench: Bench) -> None:
    """Of swaps from one text in many threads exactly one succeeds, again and again."""
    winners: list[list[int]] = [[] for _ in range(10)]
    texts: list[str | None] = [None, *(f"round {number}" for number in range(len(winners)))]
    barrier = threading.Barrier(6)

    def run(number: int) -> None:
        for turn, won in enumerate(winners):
            barrier.wait(10)
            if bench.store.swap("k", texts[turn], texts[turn + 1], 60):
                won.append(number)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(won) for won in winners] == [1] * len(winners)
    assert text_of(bench.store) == texts[-1]


def test_one_step_is_one_reading_and_at_most_one_swap(bench: Bench) -> None:
    """Nothing is hidden: a simulator that sees reads and swaps sees every operation."""
    seen = Flaky(bench.store)
    guard = bench.guard(seen)
    claim = guard.claim(key())
    claim.extend()
    claim.complete()
    guard.claim(key())
    guard.look(key())
    guard.forget(key())
    assert seen.calls == ["read", "swap"] * 3 + ["read"] * 2 + ["read", "swap"]


def test_a_store_can_be_used_after_it_was_closed(bench: Bench) -> None:
    """Closing lets go of connections, not of claims."""
    bench.guard().claim(key()).complete(7)
    bench.store.close()
    bench.store.close()
    assert bench.guard().claim(key()).outcome == 7


def test_no_store_says_that_it_must_look() -> None:
    """Without a store every claim succeeds, counts as the first, replays nothing, and tells to look."""
    bench = Bench(NoStore())
    assert not bench.store.remembers
    bench.store.check()
    guard = bench.guard()
    first, second = guard.claim(key(), 1), guard.claim(key(), 2)
    for claim in (first, second):
        assert (claim.attempts, claim.replayed, claim.must_look) == (1, False, True)
    first.extend(LEASE * 2)
    assert first.seconds_left() == LEASE * 2
    assert first.complete({"a": (1,)}) == {"a": [1]}
    second.fail("x", maybe_done=False)
    assert (first.settled, second.settled) == (True, True)
    assert guard.look(key()) is None
    guard.forget(key())
    bench.store.close()
    assert bench.time.slept == []


def test_redis_forgets_every_record_by_itself(redis: RedisServer) -> None:
    """No key stays for ever: each has an expiry, on the server's clock, in every state."""
    from fctoolkit.idempotency.redisstore import RedisAddress, RedisStore

    bench = Bench(RedisStore(RedisAddress("127.0.0.1", redis.port)))
    guard = bench.guard(keep=3600)
    claims = {name: guard.claim(key(name)) for name in ("claim", "complete", "release", "fail", "extend")}
    claims["complete"].complete()
    claims["release"].release()
    claims["fail"].fail("x", maybe_done=True)
    claims["extend"].extend(LEASE * 2)
    names = {f"claim:{key(name).text}": name for name in claims}
    assert {*redis.client.keys()} == {*names}
    for name, state in names.items():
        lease = {"claim": LEASE, "extend": LEASE * 2}.get(state, 0)
        assert 3600 + lease - 20 < redis.client.ttl(name) <= 3600 + lease


def test_sqlite_clears_away_what_expired(tmp_path: Path) -> None:
    """A SQLite file does not grow for ever: new records take the place of expired ones."""
    file = str(tmp_path / "claims.db")
    time = FakeTime()
    bench = Bench(SqliteStore(file, clock=time.clock), time)
    guard = bench.guard(keep=10)
    for number in range(20):
        guard.claim(key(f"old-{number}")).complete()
    bench.wait(11)
    for number in range(10):
        guard.claim(key(f"new-{number}"))
    bench.store.close()
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("select count(*) from claims").fetchone() == (10,)


EVENT_PATH = """
import sys
import fctoolkit.router, fctoolkit.client, fctoolkit.logging, fctoolkit.context
print([name for name in sys.modules if "idempotency" in name])
"""

CLAIMS = """
import sys
from fctoolkit.idempotency import Guard, Key, open_store
Guard(open_store(""), timeout=1).claim(Key("a", "f", "o", "r")).complete()
print([name for name in ("redis", "sqlite3", "asyncio", "pydantic", "httpx2") if name in sys.modules])
"""


@pytest.mark.parametrize("program", [EVENT_PATH, CLAIMS])
def test_nobody_pays_for_what_is_not_used(program: str) -> None:
    """Claims import no store's library and no event loop; functions without claims import no claims."""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603  # ours
    assert done.stdout.strip() == "[]"
