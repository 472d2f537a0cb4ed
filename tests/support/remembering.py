"""The product with a store of claims that the test can break, watch and act upon in the middle of a step."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from enlist.errors import NotSettledError
from fctoolkit.client import ApiRequest
from fctoolkit.errors import StoreError
from fctoolkit.idempotency import Key, MemoryStore, Reading, Store
from tests.support.product import ACCOUNT, CLUSTER, ENS_ID, TIMER, Product, custom_event, state_of
from tests.support.store_around import StoreAround

if TYPE_CHECKING:
    from collections.abc import Callable

    from fctoolkit.clock import Clock

PASSWORD = "not-to-be-shown"
DAY = 86_400.0


class Watched(StoreAround):
    """A store in memory.

    Attributes:
        broken: every operation fails.
        writes: how many swaps were made.
        before_swap: called once, before the next swap.
    """

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self.broken = False
        self.writes = 0
        self.before_swap: list[Callable[[], object]] = []

    def check(self) -> None:
        """Fails while broken."""
        self._fail()

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
    store = Watched(MemoryStore(product.effects.clock._replace(now=product.cloud.clock.now)))

    def opened(url: str, clock: Clock) -> Store:
        store.check()
        return store

    product.environ["ENLIST_STORE"] = f"redis://:{PASSWORD}@host"
    product.effects = product.effects._replace(store=opened)
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


def attach_count(product: Product, instance_id: str = ENS_ID) -> int:
    """How often the machine was attached, as the cloud counted."""
    return int(state_of(product.cloud, "ens", instance_id)["attachCount"])


def tick(product: Product) -> Any:
    """A timer tick five minutes after what was before; what it raises is left to the next."""
    product.cloud.advance(300)
    try:
        return product.attach(TIMER)
    except NotSettledError as error:
        return str(error)


def is_attach(request: Any) -> bool:
    """Whether a request is AttachInstances."""
    return bool(request.header("x-acs-action") == "AttachInstances")


def crash(product: Product, *, after: bool = False) -> None:
    """An invocation that dies at AttachInstances, before or after its effect."""

    class Death(BaseException):
        """Nothing in the function catches it, as nothing catches SIGKILL."""

    handle = product.cloud.handle

    def dying(request: Any) -> Any:
        if not is_attach(request):
            return handle(request)
        if after:
            handle(request)
        raise Death

    product.cloud.handle = dying  # type: ignore[method-assign]
    try:
        with pytest.raises(Death):
            product.attach(custom_event(ENS_ID))
    finally:
        product.cloud.handle = handle  # type: ignore[method-assign]


def attach_request() -> ApiRequest:
    """AttachInstances for the machine, as somebody else sends it."""
    return ApiRequest(
        action="AttachInstances",
        version="2015-12-15",
        method="POST",
        endpoint="https://cs.cn-hangzhou.aliyuncs.com",
        path=f"/clusters/{CLUSTER}/attach",
        body={"instances": [ENS_ID], "is_edge_worker": True},
        repeatable=False,
    )
