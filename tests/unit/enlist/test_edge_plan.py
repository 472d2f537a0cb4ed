"""The edge plan: each rule with its reason, on data alone."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enlist.bindings.model import EdgeBinding
from enlist.clients.cs import Node, Task
from enlist.edge.history import hides_somebody, newest_first
from enlist.edge.plan import plan
from enlist.edge.view import ClusterView, EdgeView
from enlist.facts import HOLD_TAG, EdgeFacts
from enlist.outcomes import Result
from enlist.signals import Signal
from enlist.troubles import Trouble
from tests.support.edge_plans import (
    BINDING,
    CLUSTER,
    FACTS,
    NOW,
    VIEW,
    attached,
    binding,
    decide,
    only,
    task,
    view,
)


@pytest.mark.parametrize(("home", "result"), [("c1", "attached"), ("c9", "rejected")])
def test_a_task_that_goes_on_for_others_has_no_old_end(home: str, result: str) -> None:
    """Its part has succeeded and the task still runs: the instance is attached, however old the time."""
    running = task("running", "success", age=timedelta(days=2), cluster_id=home)
    assert only(decide(view(tasks={"i-1": (running,)}))).result.value == result


def test_a_ready_instance_is_attached() -> None:
    """An instance that meets every rule, and nothing else, becomes an action."""
    made = decide(VIEW)
    assert made.outcomes == ()
    assert [(action.binding.name, action.instance_ids) for action in made.actions] == [("one", ("i-1",))]


@pytest.mark.parametrize(
    ("facts", "result", "reason"),
    [
        (FACTS._replace(tags={}), Result.IGNORED, "no binding matches: one (tags.enlist"),
        (FACTS._replace(tags=None), Result.IGNORED, "no binding matches"),
        (FACTS._replace(tags={"enlist": "yes", HOLD_TAG: ""}), Result.HELD, HOLD_TAG),
        (FACTS._replace(status="Starting"), Result.DEFERRED, "Starting, not Running"),
        (FACTS._replace(status=""), Result.DEFERRED, "unknown, not Running"),
        (FACTS._replace(cpu=1), Result.REJECTED, "1 vCPU and 8192 MiB"),
        (FACTS._replace(memory_mib=4095), Result.REJECTED, "4 vCPU and 4095 MiB"),
        (FACTS._replace(cpu=None), Result.REJECTED, "does not say its cpu"),
        (FACTS._replace(memory_mib=None, os_name=""), Result.REJECTED, "its memoryMiB, osName"),
        (FACTS._replace(os_name="Windows Server 2019"), Result.REJECTED, "'Windows Server 2019' is not in"),
        (FACTS._replace(os_name="CentOS 7.3 64bit"), Result.REJECTED, "'CentOS 7.3 64bit' is not in"),
    ],
)
def test_facts_that_keep_an_instance_out(facts: EdgeFacts, result: Result, reason: str) -> None:
    """Each fact that rules an instance out does so with its own result and reason."""
    outcome = only(decide(view(facts)))
    assert outcome.result is result
    assert reason in outcome.reason


def test_nothing_is_attached_that_was_not_looked_at_closely() -> None:
    """An instance that nothing keeps out is a candidate first; only a closer look makes it an action."""
    made = decide(VIEW._replace(cleared=frozenset()))
    assert (only(made).result, made.candidates) == (Result.DEFERRED, ("i-1",))


def test_a_task_that_names_nobody_is_waited_for() -> None:
    """While an attach task does not say whom it attaches, it may be anybody."""
    target = ClusterView(cluster=CLUSTER, unnamed_task="T-7")
    outcome = only(decide(view(clusters={"c1": target})))
    assert (outcome.result, "T-7" in outcome.reason) == (Result.DEFERRED, True)


def test_what_was_said_before_is_standing() -> None:
    """A failure of an earlier run is told apart from one of this run: not every tick raises for it."""
    node = Node(instance_id="i-1", state="failed")
    assert only(decide(view(nodes={"i-1": {"c1": node}}))).standing
    assert only(decide(view(tasks={"i-1": (task("fail", "failed"),)}))).standing
    assert not only(decide(view(elsewhere=Trouble(Result.FAILED, "no answer")))).standing


def test_unreadable_tags_are_rejected() -> None:
    """When tags could not be read and the binding does not need them, hold cannot be ruled out: rejected."""
    outcome = only(decide(view(FACTS._replace(tags=None)), binding(match={"status": ["Running"]})))
    assert outcome.result is Result.REJECTED
    assert HOLD_TAG in outcome.reason


@pytest.mark.parametrize(
    ("cluster", "result", "reason"),
    [
        (None, Result.REJECTED, "could not be looked at"),
        ({"profile": "Default"}, Result.REJECTED, "profile is Default, not Edge"),
        (
            {"region_id": "cn-beijing"},
            Result.REJECTED,
            "is in region cn-beijing, the binding says cn-hangzhou",
        ),
        ({"state": "updating"}, Result.DEFERRED, "cluster state is updating"),
        ({"state": "scaling"}, Result.DEFERRED, "cluster state is scaling"),
        ({"state": "deleting"}, Result.REJECTED, "cluster state is deleting"),
        ({"state": ""}, Result.DEFERRED, "cluster state is unknown"),
        ({"size": None}, Result.REJECTED, "size is not known"),
        ({"size": 100}, Result.DEFERRED, "quota is 100 nodes, 100 were taken"),
    ],
)
def test_clusters_that_take_no_node(cluster: dict[str, Any] | None, result: Result, reason: str) -> None:
    """A cluster that cannot take the node, or is not known to, says so."""
    seen = None if cluster is None else CLUSTER.model_copy(update=cluster)
    outcome = only(decide(view(clusters={"c1": ClusterView(cluster=seen)})))
    assert (outcome.result, outcome.target) == (result, "c1")
    assert reason in outcome.reason


def test_unknown_quota_is_rejected() -> None:
    """A quota that CS does not tell is not taken for unlimited."""
    outcome = only(decide(view(node_quotas={"cn-hangzhou": None})))
    assert outcome.result is Result.REJECTED
    assert "quota" in outcome.reason


def test_instances_on_their_way_count_against_the_quota() -> None:
    """Nodes that exist and instances in running tasks together fill the quota."""
    target = ClusterView(cluster=CLUSTER.model_copy(update={"size": 98}), in_flight=frozenset({"i-8", "i-9"}))
    assert "100 nodes, 100 were taken" in only(decide(view(clusters={"c1": target}))).reason


@pytest.mark.parametrize(("pools", "attached"), [({"np1"}, True), ({"np2"}, False), (set(), False)])
def test_node_pool_must_be_in_the_cluster(pools: set[str], attached: bool) -> None:
    """A binding's node pool must be one of the cluster's own, and known to be."""
    made = decide(
        view(clusters={"c1": ClusterView(cluster=CLUSTER, nodepools=frozenset(pools))}),
        binding(nodepool="np1"),
    )
    assert bool(made.actions) is attached
    if not attached:
        assert "node pool np1 is not in the cluster" in only(made).reason


@pytest.mark.parametrize(
    ("node", "result", "reason"),
    [
        (Node(instance_id="i-1", state="running", node_status="Ready"), Result.ALREADY, "Ready"),
        (Node(instance_id="i-1", state="running", node_status="NotReady"), Result.ALREADY, "NotReady"),
        (Node(instance_id="i-1", state="initial"), Result.ATTACHING, "initial"),
        (Node(instance_id="i-1", state="something-new"), Result.ATTACHING, "something-new"),
        (Node(instance_id="i-1", state="removing"), Result.HELD, "removing"),
        (Node(instance_id="i-1", state="failed", error_message="no route"), Result.FAILED, "no route"),
    ],
)
def test_a_node_is_never_attached_again(node: Node, result: Result, reason: str) -> None:
    """Whatever state a node of the target is in, the instance is not attached."""
    outcome = only(decide(view(nodes={"i-1": {"c1": node}})))
    assert outcome.result is result
    assert reason in outcome.reason


def test_a_node_of_another_cluster_is_rejected() -> None:
    """Membership anywhere else forbids an attach, and the other cluster is named."""
    outcome = only(decide(view(nodes={"i-1": {"c2": Node(instance_id="i-1", state="running")}})))
    assert (outcome.result, "c2" in outcome.reason) == (Result.REJECTED, True)


@pytest.mark.parametrize(
    ("seen", "result"),
    [
        (task("running", "initial"), Result.ATTACHING),
        (task("pending", ""), Result.ATTACHING),
        (task("paused", "initail"), Result.ATTACHING),
        (task("success", "running"), Result.ATTACHING),
        (task("running", "initial", cluster_id="c2"), Result.REJECTED),
        (task("running", "initial", task_type="cluster_scalein"), Result.HELD),
        (task("success", "success", task_type="cluster_scalein"), Result.HELD),
        (task("success", "success"), Result.ATTACHED),
        (task("success", "failed"), Result.FAILED),
        (task("fail", "initial"), Result.FAILED),
        (task("failed", "failed"), Result.FAILED),
        (task("cancelled", "initial"), Result.FAILED),
    ],
)
def test_tasks_count_as_membership(seen: Task, result: Result) -> None:
    """A task that names the instance decides before a node list does, in every spelling of its state."""
    outcome = only(decide(view(tasks={"i-1": (seen,)})))
    assert (outcome.result, outcome.task_id) == (result, "T-1")


@pytest.mark.parametrize(
    "seen",
    [
        task("success", "success", age=timedelta(minutes=16)),
        task("fail", "failed", age=timedelta(hours=25)),
        task("success", "success", task_type="cluster_scalein", age=timedelta(hours=25)),
        task("success", "success", task_type="cluster_scalein", cluster_id="c2"),
        task("fail", "failed", task_type="cluster_scalein"),
        task("fail", "failed", cluster_id="c2"),
    ],
)
def test_old_tasks_are_history(seen: Task) -> None:
    """A task that ended long ago, failed to remove the node, or ended elsewhere does not forbid an attach."""
    assert attached(decide(view(tasks={"i-1": (seen,)}))) == ("i-1",)


def test_a_task_whose_time_cannot_be_read_is_recent() -> None:
    """What cannot be dated keeps its weight: the safe side."""
    assert (
        only(decide(view(tasks={"i-1": (task("fail", "failed", updated="yesterday"),)}))).result
        is Result.FAILED
    )


def test_a_failed_or_removed_node_is_attached_again_only_when_asked() -> None:
    """Each attempt reloads the machine: only an operator's retry passes a failed attach or a removal."""
    for last in (task("fail", "failed"), task("success", "success", task_type="nodepool_remove_nodes")):
        seen = view(tasks={"i-1": (last,)})
        assert "retry" in only(decide(seen)).reason
        assert attached(decide(seen, retry=True)) == ("i-1",)


def test_of_two_tasks_at_once_the_removal_counts() -> None:
    """An attach and a removal created in the same second leave the node removed."""
    both = newest_first([task("success", "success"), task("success", "success", task_type="remove_nodes")])
    assert only(decide(view(tasks={"i-1": both}))).result is Result.HELD


def test_a_removal_that_failed_does_not_hide_a_failed_attach() -> None:
    """What had no effect says nothing; the task before it does."""
    attach = task("fail", "failed", age=timedelta(hours=2), created=(NOW - timedelta(hours=2)).isoformat())
    removal = task("fail", "failed", task_type="remove_nodes", created=NOW.isoformat())
    seen = view(tasks={"i-1": newest_first([attach, removal])})
    assert only(decide(seen)).result is Result.FAILED


def test_a_nameless_task_of_another_kind_hides_nobody() -> None:
    """An upgrade that names no instance attaches none; an attach that is stuck for days is history."""
    assert not hides_somebody(Task(task_id="T-1", task_type="addon_upgrade", state="running"), NOW)
    old = (NOW - timedelta(days=2)).isoformat()
    assert not hides_somebody(Task(task_id="T-1", state="running", updated=old), NOW)
    assert hides_somebody(Task(task_id="T-1", task_type="cluster_scaleout", state="running"), NOW)


def test_retry_does_not_pass_a_running_task() -> None:
    """Not even an operator attaches a machine that is being attached."""
    assert (
        only(decide(view(tasks={"i-1": (task("running", "initial"),)}), retry=True)).result
        is Result.ATTACHING
    )


@pytest.mark.parametrize("where", ["target", "elsewhere"])
def test_what_cannot_be_established_stops_the_attach(where: str) -> None:
    """Trouble with the target, or with the other clusters, reaches the outcome with its request id."""
    trouble = Trouble(Result.FAILED, "tasks could not be read", "R-1")
    seen = (
        view(clusters={"c1": ClusterView(cluster=CLUSTER, trouble=trouble)})
        if where == "target"
        else view(elsewhere=trouble)
    )
    outcome = only(decide(seen))
    assert (outcome.result, outcome.reason, outcome.request_id) == (Result.FAILED, trouble.reason, "R-1")


def test_an_unknown_instance_is_deferred() -> None:
    """An id that is not visible may become so: nothing is done, and a sweep looks again."""
    assert only(decide(VIEW._replace(instances={}))).result is Result.DEFERRED


@pytest.mark.parametrize(
    ("created", "result"),
    [
        (NOW - timedelta(days=2), Result.IGNORED),
        (None, Result.REJECTED),
        (NOW - timedelta(hours=1), None),
    ],
)
def test_created_after_keeps_old_machines_out(created: datetime | None, result: Result | None) -> None:
    """Older machines are ignored, machines of unknown age rejected, newer ones attached."""
    made = decide(view(FACTS._replace(created_at=created)), binding(created_after=NOW - timedelta(days=1)))
    if result is None:
        assert attached(made) == ("i-1",)
    else:
        assert only(made).result is result


def test_mode_plan_only_reports() -> None:
    """In mode plan an attach and a refusal alike are ignored, with what apply would do."""
    assert "would be attached" in only(decide(VIEW, binding(mode="plan"))).reason
    refused = only(decide(view(FACTS._replace(cpu=1)), binding(mode="plan")))
    assert refused.result is Result.IGNORED
    assert "would be rejected: 1 vCPU" in refused.reason


def test_mode_is_plan_unless_it_says_apply() -> None:
    """A binding without a mode does nothing."""
    data = {key: value for key, value in BINDING.model_dump().items() if key != "mode"}
    assert decide(VIEW, EdgeBinding.model_validate(data)).actions == ()


def test_first_binding_that_matches_decides() -> None:
    """A later binding is not asked, even when the first one only reports."""
    second = binding(name="two", cluster="c2")
    assert only(decide(VIEW, binding(mode="plan"), second)).binding == "one"
    assert decide(VIEW, BINDING, second).actions[0].binding.name == "one"


def fleet(count: int) -> EdgeView:
    """Ready instances, each a minute older than the one before."""
    instances = {
        f"i-{number:03}": FACTS._replace(
            instance_id=f"i-{number:03}", created_at=NOW - timedelta(minutes=number)
        )
        for number in range(count)
    }
    return VIEW._replace(instances=instances, cleared=frozenset(instances))


def test_max_per_run_takes_the_oldest_first() -> None:
    """A mistake is bounded, and what waits longest goes first."""
    seen = fleet(5)
    (action,) = plan(seen, [binding(max_per_run=2)], map(Signal, seen.instances)).actions
    assert action.instance_ids == ("i-004", "i-003", "i-002", "i-001", "i-000")
    assert (action.most, action.limit) == (2, "max_per_run 2 is used up; the next run goes on")


def test_quota_is_shared_by_bindings_of_one_cluster() -> None:
    """Two bindings into one cluster do not overrun its quota together."""
    seen = fleet(4)._replace(node_quotas={"cn-hangzhou": 3})
    names = list(seen.instances)
    first = binding(name="first", match={"instanceId": names[:2]})
    second = binding(name="second", match={"instanceId": names[2:]})
    made = plan(seen, [first, second], map(Signal, names))
    actions = {action.binding.name: action for action in made.actions}
    assert [min(one.most, len(one.instance_ids)) for one in (actions["first"], actions["second"])] == [2, 1]
    assert actions["second"].limit == "no more room in the cluster: its quota is 3 nodes, 2 were taken before"


def test_the_binding_whose_oldest_instance_waits_longest_comes_first() -> None:
    """When there is no time for all bindings, who waits longest has had its turn, wherever it stands."""
    seen = fleet(4)
    young = binding(name="young", match={"instanceId": ["i-000", "i-001"]})
    old = binding(name="old", match={"instanceId": ["i-002", "i-003"]}, cluster="c2")
    view_of_two = seen._replace(clusters={**seen.clusters, "c2": ClusterView(cluster=CLUSTER)})
    made = plan(view_of_two, [young, old], map(Signal, seen.instances))
    assert [action.instance_ids for action in made.actions] == [("i-003", "i-002"), ("i-001", "i-000")]


@given(
    st.lists(st.sampled_from([f"i-{number:03}" for number in range(6)]), max_size=12),
    st.randoms(use_true_random=False),
)
def test_order_and_repeats_of_signals_do_not_matter(ids: list[str], random: Any) -> None:
    """The same instances signalled in any order, any number of times, give the same plan."""
    seen, shuffled = fleet(6), [*ids, *ids]
    random.shuffle(shuffled)
    few = [binding(max_per_run=2)]
    assert plan(seen, few, map(Signal, shuffled)) == plan(seen, few, map(Signal, ids))


facts_of_any_kind = st.builds(
    EdgeFacts,
    instance_id=st.just("i-1"),
    status=st.sampled_from(["Running", "Starting", "Stopped", ""]),
    cpu=st.sampled_from([None, 1, 2, 8]),
    memory_mib=st.sampled_from([None, 1024, 4096]),
    os_name=st.sampled_from(["", "CentOS 7.6 64bit", "Ubuntu"]),
    created_at=st.sampled_from([None, NOW - timedelta(days=9), NOW]),
    tags=st.sampled_from([None, {}, {"enlist": "yes"}, {"enlist": "yes", HOLD_TAG: "1"}]),
)
nodes_of_any_kind = st.one_of(
    st.just({}),
    st.builds(
        lambda cluster, state: {"i-1": {cluster: Node(instance_id="i-1", state=state)}},
        st.sampled_from(["c1", "c2"]),
        st.sampled_from(["running", "initial", "removing", "failed"]),
    ),
)
tasks_of_any_kind = st.lists(
    st.builds(
        task,
        st.sampled_from(["running", "success", "fail"]),
        st.sampled_from(["initial", "success", "failed"]),
        age=st.sampled_from([timedelta(), timedelta(days=2)]),
        cluster_id=st.sampled_from(["c1", "c2"]),
    ),
    max_size=2,
).map(lambda tasks: {"i-1": tuple(tasks)})


@pytest.mark.parametrize("retry", [False, True])
def test_a_task_that_goes_on_is_waited_for(retry: bool) -> None:
    """While a task in which it failed goes on for others, in whichever cluster, it is not attached."""
    elsewhere = task("running", "failed", cluster_id="c2")
    assert only(decide(view(tasks={"i-1": (elsewhere,)}), retry=retry)).result is Result.DEFERRED
    here = task("running", "failed")
    assert attached(decide(view(tasks={"i-1": (here,)}), retry=retry)) == ()


@given(facts_of_any_kind, nodes_of_any_kind, tasks_of_any_kind, st.sampled_from(["plan", "apply"]))
def test_nothing_is_attached_that_should_not_be(
    facts: EdgeFacts, nodes: dict[str, Any], tasks: dict[str, Any], mode: str
) -> None:
    """Whatever was seen: one verdict, and an attach only of a matching, ready machine that is nowhere yet."""
    made = decide(view(facts, nodes=nodes, tasks=tasks), binding(mode=mode))
    assert len(attached(made)) + len(made.outcomes) == 1
    if made.actions:
        assert mode == "apply"
        assert (facts.status, facts.os_name, facts.tags) == ("Running", "CentOS 7.6 64bit", {"enlist": "yes"})
        assert not nodes
        assert all(one.state != "running" for one in tasks["i-1"])
