"""A cluster over its node quota is refused, not overrun: what finds no room waits."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.product import (
    EDGE_BINDING,
    TIMER,
    Product,
    cluster,
    custom_event,
    ens_instance,
    seed,
    still_cloud,
)

if TYPE_CHECKING:
    from pathlib import Path

READY = [f"i-ready{number:03}" for number in range(130)]


def crowded(folder: Path, *, max_per_run: int = 1000) -> Product:
    """A hundred and thirty ready machines for a cluster that may have a hundred nodes."""
    cloud = still_cloud()
    seed(cloud, ens=[ens_instance(one) for one in READY], clusters=[cluster()])
    cloud.configure(node_quota=100)
    return Product(cloud, folder, edge=[{**EDGE_BINDING, "max_per_run": max_per_run}])


def attached(product: Product) -> Counter[int]:
    """How many machines were attached so and so often."""
    state: Any = product.cloud.state()
    return Counter(one["attachCount"] for one in state["ens"]["instances"])


@pytest.mark.parametrize("raw", [custom_event(*READY[:100]), TIMER], ids=["event", "sweep"])
@pytest.mark.parametrize("max_per_run", [30, 1000])
def test_a_cluster_is_filled_up_and_not_overrun(tmp_path: Path, raw: bytes, max_per_run: int) -> None:
    """In one run or several, by event or sweep: as many become nodes as the quota has, once each."""
    product = crowded(tmp_path, max_per_run=max_per_run)
    product.attach(raw)
    for _ in range(5):
        product.cloud.advance(10)
        product.attach(TIMER)
    product.cloud.advance(300)
    answer: Any = product.attach(TIMER)
    assert answer["counts"] == {"already": 100, "deferred": 30}
    assert attached(product) == {1: 100, 0: 30}
    assert [call for call in product.cloud.calls if call["code"]] == []


def test_who_finds_no_room_is_told_of_the_quota(tmp_path: Path) -> None:
    """The reason names the quota and how many nodes there are."""
    product = crowded(tmp_path)
    product.attach(TIMER)
    product.cloud.advance(300)
    answer: Any = product.attach(TIMER)
    reasons = {one["reason"] for one in answer["outcomes"]}
    assert reasons == {"no more room in the cluster: its quota is 100 nodes, 100 were taken before"}


def test_room_that_is_made_is_used(tmp_path: Path) -> None:
    """When nodes leave, as many of those that wait take their place."""
    product = crowded(tmp_path)
    product.attach(TIMER)
    product.cloud.advance(300)
    product.cloud.configure(node_quota=110)
    product.attach(TIMER)
    assert attached(product) == {1: 110, 0: 20}
