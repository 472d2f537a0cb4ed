"""The product with a store of claims that the test can break, watch and act upon in the middle of a step."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from fctoolkit.errors import StoreError
from fctoolkit.idempotency import Key, MemoryStore, Reading, Store
from tests.support.product import ACCOUNT, ENS_ID, Product

if TYPE_CHECKING:
    from collections.abc import Callable

    from fctoolkit.clock import Clock

PASSWORD = "not-to-be-shown"
DAY = 86_400.0


@dataclass
class Watched:
    """A store in memory.

    Attributes:
        broken: every operation fails.
        writes: how many swaps were made.
        before_swap: called once, before the next swap.
    """

    inner: Store
    broken: bool = False
    writes: int = 0
    before_swap: list[Callable[[], object]] = field(default_factory=list)

    @property
    def remembers(self) -> bool:
        """As the store behind."""
        return self.inner.remembers

    def check(self) -> None:
        """Fails while broken."""
        self._fail()

    def close(self) -> None:
        """As the store behind."""
        self.inner.close()

    def read(self, key: str) -> Reading:
        """Reads, unless broken."""
        self._fail()
        return self.inner.read(key)

    def swap(self, key: str, old: str | None, new: str | None, seconds: float) -> bool:
        """Swaps, unless broken; what waits for a swap comes first."""
        self._fail()
        if self.before_swap:
            self.before_swap.pop()()
        self.writes += 1
        return self.inner.swap(key, old, new, seconds)

    def _fail(self) -> None:
        if self.broken:
            raise StoreError("ENLIST_STORE: host:6379 cannot be reached", transient=True)


def remember(product: Product) -> Watched:
    """Gives the product a store, which all its instances share; the cloud's clock is the store's."""
    store = Watched(MemoryStore(replace(product.effects.clock, now=product.cloud.clock.now)))

    def opened(url: str, clock: Clock) -> Store:
        store.check()
        return store

    product.environ["ENLIST_STORE"] = f"redis://:{PASSWORD}@host"
    product.effects = replace(product.effects, store=opened)
    return store


def record(store: Watched, resource: str = ENS_ID, *, search: bool = False) -> dict[str, Any] | None:
    """What the store has on an instance, or a pair `a:b`; None when there is nothing."""
    function, operation = (
        ("add_connectable_cluster", "AddConnectableCluster")
        if search
        else ("attach_instances", "AttachInstances")
    )
    text = store.inner.read(Key(ACCOUNT, function, operation, resource).text).text
    return json.loads(text) if text else None
