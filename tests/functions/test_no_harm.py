"""What must never happen to a machine, tried through the whole function on a local cloud."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from enlist.errors import NotSettledError
from fctoolkit.client import ApiRequest
from fctoolkit.errors import ToolkitError
from localcloud.conditions.faults import Fault
from tests.support.product import (
    CLUSTER,
    EDGE_BINDING,
    ENS_ID,
    TIMER,
    Product,
    cluster,
    custom_event,
    ens_instance,
    seed,
    state_of,
    still_cloud,
)

if TYPE_CHECKING:
    from pathlib import Path

BOUND, UNBOUND, FAR = "c2bound", "c3unbound", "c4far"
REGIONS = {CLUSTER: "cn-hangzhou", BOUND: "cn-hangzhou", UNBOUND: "cn-hangzhou", FAR: "cn-beijing"}
OTHER_BINDING = {
    **EDGE_BINDING,
    "name": "edge-two",
    "match": {"tags": {"enlist": ["second"]}},
    "cluster": BOUND,
}


def machine(instance_id: str, tag: str = "edge-worker", **changes: Any) -> dict[str, Any]:
    """An ENS instance that the binding with this tag chooses."""
    return ens_instance(instance_id, Tags={"Tags": [{"TagKey": "enlist", "TagValue": tag}]}, **changes)


def clusters(**nodes: list[str]) -> list[dict[str, Any]]:
    """All four clusters, with these running nodes; `here` is the target's."""
    names = {"here": CLUSTER, "bound": BOUND, "unbound": UNBOUND, "far": FAR}
    members = {names[name]: ids for name, ids in nodes.items()}
    return [
        cluster(
            one,
            region_id=region,
            nodes=[{"instance_id": node, "state": "running"} for node in members.get(one, [])],
        )
        for one, region in REGIONS.items()
    ]


@pytest.fixture
def product(tmp_path: Path) -> Product:
    """Both functions, no machine yet, four clusters of which two are bound."""
    cloud = still_cloud()
    seed(cloud, ens=[], clusters=clusters())
    return Product(cloud, tmp_path, edge=[EDGE_BINDING, OTHER_BINDING])


def begin_attach(product: Product, cluster_id: str, instance_id: str) -> None:
    """Somebody else attaches a machine, just now."""
    product.call(
        ApiRequest(
            action="AttachInstances",
            version="2015-12-15",
            method="POST",
            endpoint=f"https://cs.{REGIONS[cluster_id]}.aliyuncs.com",
            path=f"/clusters/{cluster_id}/attach",
            body={"instances": [instance_id], "is_edge_worker": True},
            repeatable=False,
        )
    )


def attach_count(product: Product, instance_id: str = ENS_ID) -> int:
    """How often the machine was attached, as the cloud counted."""
    return int(state_of(product.cloud, "ens", instance_id)["attachCount"])


def outcomes(answer: Any) -> dict[str, str]:
    """Results by instance."""
    return {one["instanceId"]: one["result"] for one in answer["outcomes"]}


@pytest.mark.parametrize("where", ["bound", "unbound", "far"])
def test_a_node_of_any_cluster_in_sight_is_left_alone(product: Product, where: str) -> None:
    """Bound to another binding, bound to none, or in another region: a node is not attached elsewhere."""
    crowd = [machine("i-second", "second", Status="Starting")]
    seed(product.cloud, ens=[machine(ENS_ID), *crowd], clusters=clusters(**{where: [ENS_ID]}))
    answer: Any = product.attach(TIMER)
    assert outcomes(answer)[ENS_ID] == "rejected"
    assert product.writes() == []


@pytest.mark.parametrize("where", [BOUND, UNBOUND, FAR])
def test_a_machine_on_its_way_to_any_cluster_in_sight_is_left_alone(product: Product, where: str) -> None:
    """A running task elsewhere is membership, although no node list shows it yet."""
    product.cloud.configure(node_listing=600, node_joining=900, ens_reload=0)
    seed(product.cloud, ens=[machine(ENS_ID)], clusters=clusters())
    begin_attach(product, where, ENS_ID)
    answer: Any = product.attach(TIMER)
    assert outcomes(answer)[ENS_ID] == "rejected"
    assert attach_count(product) == 1


def test_a_slot_that_becomes_free_is_not_given_to_one_that_was_not_looked_at(product: Product) -> None:
    """With max_per_run 1 and two members of another cluster, neither is attached when one is refused."""
    product.edge = [{**EDGE_BINDING, "max_per_run": 1}]
    seed(
        product.cloud,
        ens=[machine("i-a"), machine("i-b")],
        clusters=clusters(unbound=["i-a", "i-b"]),
    )
    assert set(outcomes(product.attach(TIMER)).values()) == {"rejected"}
    assert product.writes() == []


@pytest.mark.parametrize("action", ["DescribeClusterNodes", "DescribeClusterTasks", "DescribeClustersV1"])
@pytest.mark.parametrize("body", ["{}", ""])
def test_an_answer_that_says_nothing_is_not_an_empty_one(product: Product, action: str, body: str) -> None:
    """A 200 without its list is no evidence that a machine is nowhere."""
    seed(product.cloud, ens=[machine(ENS_ID)], clusters=clusters())
    product.cloud.add_fault(Fault(service="cs", action=action, status=200, body=body, times=99))
    with pytest.raises(NotSettledError, match="unreadable"):
        product.attach(custom_event(ENS_ID))
    assert product.writes() == []


def test_a_task_that_has_vanished_does_not_hide_the_others(product: Product) -> None:
    """One task that cannot be found leaves the machine waiting, and the other tasks still count."""
    product.cloud.configure(node_listing=600, node_joining=900, ens_reload=0)
    seed(product.cloud, ens=[machine(ENS_ID)], clusters=clusters())
    begin_attach(product, CLUSTER, ENS_ID)
    begin_attach(product, CLUSTER, ENS_ID)
    product.cloud.add_fault(
        Fault(service="cs", action="DescribeTaskInfo", status=404, code="ErrorTaskNotFound")
    )
    answer: Any = product.attach(custom_event(ENS_ID))
    assert outcomes(answer)[ENS_ID] == "attaching"
    assert attach_count(product) == 2


def test_a_task_that_names_nobody_is_waited_for(product: Product) -> None:
    """While an attach task of the cluster does not say whom it attaches, nobody is attached there."""
    seed(product.cloud, ens=[machine(ENS_ID), machine("i-first")], clusters=clusters())
    begin_attach(product, CLUSTER, "i-first")
    nameless = '{"task_id": "T-1", "state": "running", "task_type": "cluster_scaleout"}'
    product.cloud.add_fault(
        Fault(service="cs", action="DescribeTaskInfo", status=200, body=nameless, times=9)
    )
    answer: Any = product.attach(custom_event(ENS_ID))
    assert outcomes(answer)[ENS_ID] == "deferred"
    assert attach_count(product) == 0


def test_a_cluster_that_may_not_be_looked_into_is_told(
    product: Product, caplog: pytest.LogCaptureFixture
) -> None:
    """A cluster that no binding names and RAM hides cannot be checked: said in the log, and not a stop."""
    seed(product.cloud, ens=[machine(ENS_ID)], clusters=clusters())
    product.cloud.add_fault(
        Fault(service="cs", action="DescribeClusterNodes", path=UNBOUND, status=403, code="Forbidden.RAM")
    )
    answer: Any = product.attach(custom_event(ENS_ID))
    assert outcomes(answer)[ENS_ID] == "attaching"
    (warning,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert warning.startswith(f"cluster {UNBOUND} may not be looked into")


def test_a_bound_cluster_that_may_not_be_looked_into_stops_the_attach(product: Product) -> None:
    """A permission missing for a bound cluster is an operator's mistake: failed, and nothing is attached."""
    seed(product.cloud, ens=[machine(ENS_ID)], clusters=clusters())
    product.cloud.add_fault(
        Fault(service="cs", action="DescribeClusterNodes", path=BOUND, status=403, code="Forbidden.RAM")
    )
    with pytest.raises(NotSettledError, match=r"looking there did not succeed.*Forbidden\.RAM"):
        product.attach(custom_event(ENS_ID))
    assert product.writes() == []


def test_node_pools_are_looked_at_before_an_attach(product: Product) -> None:
    """A binding with a node pool attaches into it, and refuses one that the cluster does not have."""
    pool = {"nodepool_info": {"nodepool_id": "np1", "name": "edge"}}
    seed(product.cloud, ens=[machine(ENS_ID)], clusters=[cluster(nodepools=[pool])])
    product.edge = [{**EDGE_BINDING, "nodepool": "np2"}]
    with pytest.raises(NotSettledError, match="node pool np2 is not in the cluster"):
        product.attach(custom_event(ENS_ID))
    product.edge = [{**EDGE_BINDING, "nodepool": "np1"}]
    assert outcomes(product.attach(custom_event(ENS_ID)))[ENS_ID] == "attaching"


def test_a_refused_call_is_repeated_in_smaller_ones(product: Product) -> None:
    """When a call is refused as a whole, one bad id does not keep its neighbours out."""
    ids = ["i-1", "i-2", "i-3"]
    seed(product.cloud, ens=[machine(one) for one in ids], clusters=clusters())
    product.cloud.add_fault(
        Fault(service="cs", action="AttachInstances", status=400, code="InvalidParameter.Instances")
    )
    assert outcomes(product.attach(TIMER)) == dict.fromkeys(ids, "attaching")


def test_refused_machines_do_not_use_up_the_slots_of_others(product: Product) -> None:
    """With max_per_run 1, an old machine that the service refuses does not starve a newer one."""
    seed(
        product.cloud,
        ens=[machine("i-old", CreationTime="2026-11-01T00:00:00Z"), machine("i-new")],
        clusters=clusters(),
    )
    product.edge = [{**EDGE_BINDING, "max_per_run": 1}]
    product.cloud.add_fault(Fault(service="cs", action="AttachInstances", items={"i-old": "400"}))
    with pytest.raises(NotSettledError, match="i-old failed"):
        product.attach(TIMER)
    assert (attach_count(product, "i-old"), attach_count(product, "i-new")) == (0, 1)


def test_waiting_for_tasks_comes_after_all_attaches(product: Product) -> None:
    """A long wait for the first task does not eat the time in which the others would be attached."""
    ids = [f"i-{number:02}" for number in range(30)]
    seed(product.cloud, ens=[machine(one) for one in ids], clusters=clusters())
    product.edge = [{**EDGE_BINDING, "max_per_run": 30}]
    product.environ["ENLIST_TASK_WAIT"] = "300"
    product.cloud.configure(node_joining=3000)
    assert outcomes(product.attach(TIMER)) == dict.fromkeys(ids, "attaching")


def test_nodes_on_their_way_are_counted_once_against_the_quota(product: Product) -> None:
    """An initial node is in the cluster's size and in a running task; it takes one place, not two."""
    ids = [f"i-{number}" for number in range(6)]
    product.cloud.configure(node_quota=6, node_joining=900, ens_reload=0)
    seed(product.cloud, ens=[machine(one) for one in ids[:3]], clusters=clusters())
    product.attach(TIMER)
    product.cloud.advance(60)
    seed(product.cloud, ens=[machine(one) for one in ids[3:]], clusters=[])
    answer: Any = product.attach(TIMER)
    assert outcomes(answer) == dict.fromkeys(ids, "attaching")
    assert [attach_count(product, one) for one in ids] == [1] * 6


def test_no_room_waits(product: Product) -> None:
    """A full cluster defers: room may come, and nothing is overrun."""
    product.cloud.configure(node_quota=1)
    seed(product.cloud, ens=[machine("i-1"), machine("i-2")], clusters=clusters())
    answer: Any = product.attach(TIMER)
    assert sorted(outcomes(answer).values()) == ["attaching", "deferred"]


def test_mode_plan_tells_what_apply_would_do(product: Product) -> None:
    """A report is as well informed as an action: a member elsewhere would be rejected, not attached."""
    product.edge = [{**EDGE_BINDING, "mode": "plan"}]
    seed(product.cloud, ens=[machine(ENS_ID), machine("i-free")], clusters=clusters(far=[ENS_ID]))
    answer: Any = product.attach(custom_event(ENS_ID, "i-free"))
    reasons = {one["instanceId"]: one["reason"] for one in answer["outcomes"]}
    assert "would be rejected: it is a node of another cluster" in reasons[ENS_ID]
    assert reasons["i-free"] == "mode plan; in apply it would be attached"


@pytest.mark.parametrize("where", [BOUND, UNBOUND, FAR])
def test_a_task_that_has_just_succeeded_elsewhere_counts(product: Product, where: str) -> None:
    """The node list of another cluster lags too: its successful task is membership."""
    product.cloud.configure(node_listing=600, node_joining=90, ens_reload=0)
    seed(product.cloud, ens=[machine(ENS_ID)], clusters=clusters())
    begin_attach(product, where, ENS_ID)
    product.cloud.advance(150)
    answer: Any = product.attach(TIMER)
    assert outcomes(answer)[ENS_ID] == "rejected"
    assert attach_count(product) == 1


@pytest.mark.parametrize(
    "trouble",
    [{"body": "{}", "status": 200}, {"status": 404, "code": "ErrorTaskNotFound"}],
)
def test_an_ended_task_that_cannot_be_read_is_waited_out(product: Product, trouble: dict[str, Any]) -> None:
    """While the node list may lag, a task that ended lately without saying whom it attached counts."""
    product.cloud.configure(node_listing=600, node_joining=60, ens_reload=0)
    seed(product.cloud, ens=[machine(ENS_ID)], clusters=clusters())
    begin_attach(product, CLUSTER, ENS_ID)
    product.cloud.advance(120)
    product.cloud.add_fault(Fault(service="cs", action="DescribeTaskInfo", times=99, **trouble))
    answer: Any = product.attach(TIMER)
    assert outcomes(answer)[ENS_ID] == "deferred"
    assert attach_count(product) == 1


def test_a_hidden_task_of_a_cluster_that_is_not_bound_is_waited_out(product: Product) -> None:
    """A listed task that may not be read may be attaching anybody."""
    product.cloud.configure(node_listing=600, node_joining=900, ens_reload=0)
    seed(product.cloud, ens=[machine(ENS_ID)], clusters=clusters())
    begin_attach(product, UNBOUND, ENS_ID)
    product.cloud.add_fault(
        Fault(service="cs", action="DescribeTaskInfo", status=403, code="Forbidden.RAM", times=99)
    )
    answer: Any = product.attach(TIMER)
    assert outcomes(answer)[ENS_ID] == "deferred"
    assert attach_count(product) == 1


def test_a_list_knows_better_than_a_binding_where_a_cluster_is(product: Product) -> None:
    """A binding that names a wrong region for its cluster does not hide that cluster's nodes."""
    product.edge = [EDGE_BINDING, {**OTHER_BINDING, "cluster": FAR}]
    seed(product.cloud, ens=[machine(ENS_ID)], clusters=clusters(far=[ENS_ID]))
    answer: Any = product.attach(TIMER)
    assert outcomes(answer)[ENS_ID] == "rejected"
    assert product.writes() == []


def test_a_cluster_that_refuses_everything_is_not_asked_for_everybody(product: Product) -> None:
    """After a few refusals in a row the rest waits: max_per_run bounds calls too."""
    ids = [f"i-{number:03}" for number in range(100)]
    seed(product.cloud, ens=[machine(one) for one in ids], clusters=clusters())
    product.cloud.add_fault(
        Fault(service="cs", action="AttachInstances", status=400, code="InvalidParameter.X", times=999)
    )
    answer: Any = product.attach(TIMER)
    assert answer["counts"] == {"deferred": 95, "rejected": 5}
    # Ten together, five, two, then five alone.
    assert len(product.writes()) == 8


def test_machines_that_just_joined_count_against_the_quota(product: Product) -> None:
    """Attached, not yet listed: the place is taken, and no call is made that can only be refused."""
    product.cloud.configure(node_quota=1, node_listing=600, node_joining=30, ens_reload=0)
    seed(product.cloud, ens=[machine("i-1")], clusters=clusters())
    product.attach(TIMER)
    product.cloud.advance(60)
    seed(product.cloud, ens=[machine("i-2")], clusters=[])
    answer: Any = product.attach(TIMER)
    assert outcomes(answer) == {"i-1": "attached", "i-2": "deferred"}
    assert product.writes() == ["AttachInstances"]


places = st.sampled_from(["nowhere", "node", "task"])
homes = st.sampled_from(sorted(REGIONS))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    machines=st.lists(
        st.tuples(st.sampled_from(["edge-worker", "second", ""]), places, homes), min_size=1, max_size=6
    ),
    steps=st.lists(
        st.tuples(st.sampled_from(["sweep", "events"]), st.sampled_from([0, 15, 50, 300])), max_size=4
    ),
    most=st.integers(1, 3),
    mode=st.sampled_from(["plan", "apply"]),
)
def test_no_machine_is_attached_that_is_somewhere(
    tmp_path: Path,
    machines: list[tuple[str, str, str]],
    steps: list[tuple[str, int]],
    most: int,
    mode: str,
) -> None:
    """Whoever is a node or in a task stays so; others are attached once, where their binding says."""
    cloud = still_cloud()
    ids = [f"i-{number}" for number in range(len(machines))]
    nodes: dict[str, list[dict[str, Any]]] = {one: [] for one in REGIONS}
    for instance_id, (_, place, home) in zip(ids, machines, strict=True):
        if place == "node":
            nodes[home].append({"instance_id": instance_id, "state": "running"})
    seed(
        cloud,
        ens=[machine(one, tag) for one, (tag, _, _) in zip(ids, machines, strict=True)],
        clusters=[cluster(one, region_id=region, nodes=nodes[one]) for one, region in REGIONS.items()],
    )
    edge = [{**one, "max_per_run": most, "mode": mode} for one in (EDGE_BINDING, OTHER_BINDING)]
    product = Product(cloud, tmp_path, edge=edge)
    for instance_id, (_, place, home) in zip(ids, machines, strict=True):
        if place == "task":
            begin_attach(product, home, instance_id)
    before = {one: attach_count(product, one) for one in ids}
    for door, seconds in steps:
        with contextlib.suppress(ToolkitError):
            product.attach(TIMER if door == "sweep" else custom_event(*ids))
        cloud.advance(seconds)
    for instance_id, (tag, place, _) in zip(ids, machines, strict=True):
        added = attach_count(product, instance_id) - before[instance_id]
        if place != "nowhere" or mode == "plan" or not tag:
            assert added == 0
        assert added <= 1
    state: Any = cloud.state()
    for one in state["cs"]["clusters"]:
        for node in one["nodes"]:
            tag, place, home = machines[ids.index(node["instance_id"])]
            target = {"edge-worker": CLUSTER, "second": BOUND}.get(tag)
            assert one["cluster_id"] == (target if place == "nowhere" else home)
