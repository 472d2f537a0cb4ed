"""Many clusters: they are looked at together, in few calls, and what does not fit into the time is told."""

from __future__ import annotations

import threading
import time
from math import ceil
from typing import TYPE_CHECKING, Any

import pytest

from enlist.effects import Effects
from fctoolkit.testing import FakeContext, FakeFunction
from fctoolkit.together import one_by_one
from localcloud.conditions.clock import iso_time
from localcloud.conditions.faults import Fault
from tests.support.product import (
    EDGE_BINDING,
    NOON,
    SEARCH_BINDING,
    TIMER,
    Product,
    cluster,
    ens_instance,
    es_instance,
    seed,
    still_cloud,
)

if TYPE_CHECKING:
    from pathlib import Path

    import httpx2


def name_of(number: int) -> str:
    """A cluster's id."""
    return f"c{number:032x}"


def many(folder: Path, machines: int, clusters: int, *, strangers: int = 0, most: int = 20) -> Product:
    """Ready machines, spread over bound clusters without nodes; the last machine is the oldest.

    Args:
        folder: for the bindings.
        machines: how many.
        clusters: how many of them are bound.
        strangers: how many clusters there are that are not.
        most: the bindings' max_per_run.
    """
    cloud = still_cloud()
    seed(
        cloud,
        ens=[
            ens_instance(
                f"i-{number:05}",
                Tags={"Tags": [{"TagKey": "home", "TagValue": str(number % clusters)}]},
                CreationTime=iso_time(NOON - 86400 - number),
            )
            for number in range(machines)
        ],
        clusters=[cluster(name_of(number)) for number in range(clusters + strangers)],
    )
    cloud.configure(node_quota=1000)
    bindings = [
        {
            **EDGE_BINDING,
            "name": f"edge-{number}",
            "match": {"tags": {"home": [str(number)]}},
            "cluster": name_of(number),
            "max_per_run": most,
        }
        for number in range(clusters)
    ]
    return Product(cloud, folder, edge=bindings)


def homes(product: Product) -> dict[str, str]:
    """The cluster in which each node is, by instance; a machine in two of them fails the test."""
    state: Any = product.cloud.state()
    found: dict[str, str] = {}
    for one in state["cs"]["clusters"]:
        for node in one["nodes"]:
            assert node["instance_id"] not in found
            found[node["instance_id"]] = one["cluster_id"]
    return found


def test_many_clusters_take_a_fraction_of_the_time(tmp_path: Path) -> None:
    """A sweep over twelve clusters, each call slow, is at least twice as fast as one after the other."""

    def seconds(effects: Effects) -> float:
        product = many(tmp_path, 12, 12)
        # Mode plan: the same looks, and no write, which would go one after the other.
        product.edge = [{**one, "mode": "plan"} for one in product.edge]
        product.effects = effects
        product.on_the_way = lambda _: time.sleep(0.05)
        started = time.perf_counter()
        answer: Any = product.attach(TIMER)
        assert answer["counts"] == {"ignored": 12}
        return time.perf_counter() - started

    # A busy machine gets more than one try.
    assert any(2 * seconds(Effects()) < seconds(Effects(together=one_by_one)) for _ in range(4))


@pytest.mark.parametrize(
    ("action", "calls"), [("ListConnectedClusters", 8), ("DescribeConnectableClusters", 7)]
)
def test_pairs_are_looked_at_together(tmp_path: Path, action: str, calls: int) -> None:
    """Elasticsearch instances are asked about together: each call waits until all of them are on the way."""
    cloud = still_cloud()
    seed(cloud, es=[es_instance(f"es-cn-{number:04}") for number in range(8)])
    product = Product(cloud, tmp_path, search=[{**SEARCH_BINDING, "peers": "same-binding", "mode": "plan"}])
    meeting = threading.Barrier(calls)

    def meet(request: httpx2.Request) -> None:
        if request.headers["x-acs-action"] == action:
            meeting.wait(20)

    product.on_the_way = meet
    assert product.connect(TIMER)["counts"] == {"ignored": 28}


@pytest.mark.parametrize(("machines", "clusters", "strangers"), [(40, 8, 3), (1200, 30, 5)])
def test_all_ready_machines_join_in_few_calls(
    tmp_path: Path, machines: int, clusters: int, strangers: int
) -> None:
    """N ready machines in C clusters, among S others: each joins its own in ceil(N / C / max_per_run) sweeps.

    A sweep makes at most ceil(N / 100) + 5 * C + 2 * S + 2 calls, and one for each task: pages of machines;
    of each bound cluster nodes by id, state, tasks, all nodes, and an attach; of the others nodes and tasks;
    the region's quota and its clusters. Nothing is multiplied with the number of machines.
    """
    product = many(tmp_path, machines, clusters, strangers=strangers)
    each = machines // clusters
    for sweep in range(ceil(each / 20)):
        before = len(product.cloud.calls)
        answer: Any = product.attach(TIMER)
        calls = [str(call["action"]) for call in product.cloud.calls[before:]]
        tasks = calls.count("DescribeTaskInfo")
        assert tasks <= sweep * clusters
        assert len(calls) <= ceil(machines / 100) + 5 * clusters + 2 * strangers + 2 + tasks
        assert answer["counts"]["attaching"] == min(20, each - 20 * sweep) * clusters
        product.cloud.advance(900)
    assert homes(product) == {f"i-{one:05}": name_of(one % clusters) for one in range(machines)}


def test_many_machines_are_looked_for_in_the_whole_list_of_a_cluster(tmp_path: Path) -> None:
    """A cluster of another binding and one of none, each with a few nodes, are listed once and not by id."""
    product = many(tmp_path, 500, 2, strangers=1, most=1000)
    member = ens_instance("i-00499", Tags={"Tags": [{"TagKey": "home", "TagValue": "1"}]})
    nodes = [{"instance_id": "i-00499", "state": "running"}]
    seed(product.cloud, ens=[member], clusters=[cluster(name_of(2), nodes=nodes)])
    answer: Any = product.attach(TIMER)
    assert answer["counts"] == {"attaching": 499, "rejected": 1}
    stranger = [call for call in product.cloud.calls if name_of(2) in str(call["path"])]
    assert [call["action"] for call in stranger] == ["DescribeClusterNodes", "DescribeClusterTasks"]


def short(product: Product, seconds: int) -> None:
    """Gives the function so much time."""
    product.context = FakeContext(function=FakeFunction(timeout=seconds))


def test_what_there_is_no_time_to_look_into_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Looking into all clusters does not fit: nothing is attached, nothing fails, and it says what to do."""
    product = many(tmp_path, 5, 5, strangers=30)
    # The cloud's clock adds up what threads would wait together.
    product.effects = Effects(together=one_by_one)
    product.cloud.add_fault(Fault(service="cs", action="*", delay=1.5, times=999))
    short(product, 60)
    answer: Any = product.attach(TIMER)
    assert answer["counts"] == {"deferred": 5}
    reason = answer["outcomes"][0]["reason"]
    assert "there was time to look into" in reason
    assert "of 35; raise the function's timeout" in reason
    assert [one for one in caplog.records if one.levelname == "WARNING" and "of 35" in one.getMessage()]
    assert product.writes() == []
    # A quarter of the time would have been left for attaches.
    assert 40 < product.cloud.clock.now() - NOON <= 0.75 * 59
    short(product, 600)
    assert product.attach(TIMER)["counts"] == {"attaching": 5}


@pytest.mark.parametrize("seconds", range(5, 60, 6))
@pytest.mark.parametrize("delay", [0.4, 2.0, 6.0])
def test_a_look_that_the_deadline_cuts_is_no_failure(tmp_path: Path, seconds: int, delay: float) -> None:
    """However short the time, and however slow CS: what could not be looked at is deferred, not failed."""
    product = many(tmp_path, 8, 8)
    product.cloud.add_fault(Fault(service="cs", action="*", delay=delay, times=9999))
    short(product, seconds)
    answer: Any = product.attach(TIMER)
    assert set(answer["counts"]) <= {"deferred", "attaching"}


def test_each_sweep_gets_on_and_the_oldest_go_first(tmp_path: Path) -> None:
    """Attaches that do not fit into a sweep are made by the next ones, those who wait longest first."""
    product = many(tmp_path, 30, 30)
    product.cloud.add_fault(Fault(service="cs", action="AttachInstances", delay=4.0, times=999))
    short(product, 60)
    joined: list[list[str]] = []
    while sum(map(len, joined)) < 30:
        answer: Any = product.attach(TIMER)
        results = {one["instanceId"]: one["result"] for one in answer["outcomes"]}
        joined.append(sorted(one for one, result in results.items() if result == "attaching"))
        assert joined[-1]
        assert set(results.values()) <= {"attaching", "deferred"}
        product.cloud.advance(900)
    assert 2 <= len(joined) <= 4
    # The oldest have the largest numbers, and the bindings stand in the order of the numbers.
    assert [one for some in joined for one in reversed(some)] == [f"i-{29 - one:05}" for one in range(30)]


def test_pairs_that_were_looked_at_in_time_are_connected(tmp_path: Path) -> None:
    """Where there is no time for all pairs, the oldest are connected and the others wait."""
    cloud = still_cloud()
    instances = [
        es_instance(f"es-cn-{number:04}", createdAt=f"2026-11-20T00:{number:02}:00Z") for number in range(30)
    ]
    seed(cloud, es=[*instances, es_instance("es-cn-hub000000000001", tag="")])
    product = Product(cloud, tmp_path, search=[{**SEARCH_BINDING, "max_peers": 99}])
    product.effects = product.effects._replace(together=one_by_one)
    cloud.add_fault(Fault(service="elasticsearch", action="DescribeConnectableClusters", delay=4.0, times=99))
    answer: Any = product.connect(TIMER)
    results = {one["instanceId"]: one["result"] for one in answer["outcomes"]}
    assert set(results.values()) == {"connected", "deferred"}
    connected = [one for one, result in results.items() if result == "connected"]
    assert sorted(connected) == [f"es-cn-{number:04}" for number in range(len(connected))]
