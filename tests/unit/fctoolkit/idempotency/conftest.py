"""Every store that remembers, and one Redis for all tests of a process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fctoolkit.idempotency import MemoryStore, Store
from fctoolkit.idempotency.sqlitestore import SqliteStore
from tests.support.api_calls import FakeTime
from tests.support.claims import Bench
from tests.support.redis_server import RedisServer, redis_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def running_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One server for all tests of this process."""
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def redis(running_redis: RedisServer) -> RedisServer:
    """The server, empty."""
    running_redis.client.flushall()
    return running_redis


@pytest.fixture(params=["memory", "sqlite", "redis"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    """Each store that remembers, on a clock that the test moves."""
    time = FakeTime()
    store = _store(request, tmp_path, time)
    store.check()
    yield Bench(store, time)
    store.close()


def _store(request: pytest.FixtureRequest, folder: Path, time: FakeTime) -> Store:
    if request.param == "memory":
        return MemoryStore(time.clock)
    if request.param == "sqlite":
        return SqliteStore(str(folder / "claims.db"), clock=time.clock)
    from fctoolkit.idempotency.redisstore import RedisAddress, RedisStore

    server: RedisServer = request.getfixturevalue("redis")
    return RedisStore(RedisAddress("127.0.0.1", server.port), clock=time.clock)
