"""attach_instances against a local cloud in another process: its invocations, and what each used."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import TYPE_CHECKING, Final, cast

import httpx2

from bench.case import BenchError
from bench.remote import RemoteCloud
from bench.resources import Meter, Usage
from enlist.edge.job import run
from enlist.effects import Effects
from enlist.function import Function
from fctoolkit.clock import Clock
from fctoolkit.idempotency.opening import open_store
from fctoolkit.testing import FakeContext, FakeFunction
from fctoolkit.transport import open_http
from localcloud.transport import CloudTransport
from tests.support.store_around import StoreAround

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.account import Account
    from fctoolkit.idempotency.store import Reading, Store


TIMEOUT: Final = 60
"""Seconds: the function's timeout in s.yaml."""

_CONTEXT: Final = FakeContext(function=FakeFunction(timeout=TIMEOUT))


class _Counted(StoreAround):
    """A store of claims that counts what is asked of it."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self._lock = Lock()
        self.reads = 0
        self.swaps = 0

    def read(self, key: str) -> Reading:
        with self._lock:
            self.reads += 1
        return super().read(key)

    def swap(self, key: str, old: str | None, new: str | None, seconds: float) -> bool:
        with self._lock:
            self.swaps += 1
        return super().swap(key, old, new, seconds)


@dataclass(slots=True)
class Bench:
    """A function that is warm, and the cloud that it sees.

    Attributes:
        cloud: where its calls go.
        stores: the store of claims, once it was opened.
        function: the product.
        used: what each invocation used, in order.
    """

    cloud: RemoteCloud
    function: Function
    stores: list[_Counted]
    used: list[Usage] = field(default_factory=list)

    @property
    def store_reads(self) -> int:
        """How often the store of claims was read."""
        return sum(one.reads for one in self.stores)

    @property
    def store_swaps(self) -> int:
        """How often the store of claims was written, or refused to be."""
        return sum(one.swaps for one in self.stores)

    def invoke(self, event: bytes) -> dict[str, int]:
        """One invocation; gives how many outcomes of each result it told. Raises what the function raises."""
        before = self.cloud.count_calls()
        meter = Meter()
        answer = self.function.handle(event, _CONTEXT)
        wall, cpu = meter.read()
        self.used.append(Usage(wall, cpu, self.cloud.count_calls() - before))
        if not isinstance(answer, dict):
            raise BenchError(f"expected a report, found {answer!r}")
        return cast("dict[str, int]", answer["counts"])


class _Slow(httpx2.BaseTransport):
    """Waits before each call as long as a network would take there and back."""

    def __init__(self, inner: httpx2.BaseTransport, seconds: float) -> None:
        self._inner = inner
        self._seconds = seconds

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        time.sleep(self._seconds)
        return self._inner.handle_request(request)


@contextmanager
def opened(account: Account, *, store: str, latency: float) -> Iterator[Bench]:
    """The function, initialized, and its cloud with the account in it.

    Args:
        account: what the cloud is seeded with, and the bindings the function carries.
        store: URL of the store of claims, empty for none.
        latency: seconds that each call waits. With 0 the function's deadline stands still, so that the same
            is done on a slow machine; else it passes as in the cloud.
    """
    with TemporaryDirectory() as folder, RemoteCloud() as cloud:
        cloud.seed(account.seed())
        bindings = Path(folder, "bindings.json")
        bindings.write_text(json.dumps(account.bindings()), encoding="utf-8")
        environ = {
            "ENLIST_BINDINGS": str(bindings),
            "ENLIST_STORE": store,
            "ALIBABA_CLOUD_ACCESS_KEY_ID": "test",
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "test",
        }
        carrier: httpx2.BaseTransport = CloudTransport(cloud)
        clock = Clock(now=cloud.now, monotonic=cloud.now, sleep=cloud.wait)
        if latency:
            carrier, clock = _Slow(carrier, latency), Clock(now=cloud.now)
        stores: list[_Counted] = []

        def opened_store(url: str, clock: Clock) -> Store:
            stores.append(_Counted(open_store(url, clock=clock)))
            return stores[-1]

        effects = Effects(http=lambda: open_http(transport=carrier), clock=clock, store=opened_store)
        function = Function("edge", run, "/attach", environ=environ, effects=effects)
        function.initialize(_CONTEXT)
        yield Bench(cloud, function, stores)
