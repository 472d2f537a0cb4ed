"""The search plan: each rule with its reason, on data alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enlist.bindings.model import SearchBinding
from enlist.facts import HOLD_TAG, SearchFacts
from enlist.outcomes import Outcome, Result
from enlist.search.plan import Connect, Plan, carry_out, plan
from enlist.search.view import SearchView, pair_of
from enlist.signals import Signal
from enlist.troubles import Trouble

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
NEW = SearchFacts(
    instance_id="es-new",
    status="active",
    region_id="cn-hangzhou",
    vpc_id="vpc-1",
    arch_type="exclusive",
    created_at=NOW - timedelta(hours=1),
    tags={"enlist": "logs"},
)
HUB = NEW._replace(instance_id="es-hub", tags={}, created_at=NOW - timedelta(days=100))
BINDING = {
    "name": "logs",
    "match": {"tags": {"enlist": ["logs"]}},
    "region": "cn-hangzhou",
    "peers": ["es-hub"],
    "mode": "apply",
}


def binding(**changes: Any) -> SearchBinding:
    """The binding, with changes."""
    return SearchBinding.model_validate({**BINDING, **changes})


def view(*facts: SearchFacts, **changes: Any) -> SearchView:
    """What was seen of these instances, with what the test wants to be different."""
    instances = {one.instance_id: one for one in facts or (NEW, HUB)}
    base = SearchView(
        NOW,
        instances,
        connected=dict.fromkeys(instances, frozenset[str]()),
        connectable=dict.fromkeys(instances, frozenset(instances)),
        cleared=frozenset(pair_of(one, other) for one in instances for other in instances),
    )
    return base._replace(**changes)


def decide(seen: SearchView, *bindings: SearchBinding) -> Plan:
    """The plan for one signal."""
    return plan(seen, bindings or (binding(),), [Signal("es-new")])


def pairs(made: Plan) -> list[tuple[str, str]]:
    """The pairs a plan connects."""
    return [(action.instance_id, action.peer_id) for action in made.actions]


def only(made: Plan) -> Outcome:
    """The one outcome of a plan that does nothing."""
    assert made.actions == ()
    (outcome,) = made.outcomes
    return outcome


def test_a_ready_pair_is_connected() -> None:
    """An active instance and its active peer in one VPC become an action."""
    made = decide(view())
    assert (pairs(made), made.outcomes) == ([("es-new", "es-hub")], ())


@pytest.mark.parametrize(
    ("new", "hub", "result", "reason"),
    [
        (NEW._replace(status="activating"), HUB, Result.DEFERRED, "es-new is activating"),
        (NEW._replace(status="unknown"), HUB, Result.DEFERRED, "es-new is unknown"),
        (NEW._replace(status="invalid"), HUB, Result.REJECTED, "es-new is invalid"),
        (NEW, HUB._replace(status="activating"), Result.DEFERRED, "es-hub is activating"),
        (NEW, HUB._replace(status="inactive"), Result.REJECTED, "es-hub is inactive"),
        (NEW._replace(arch_type="public"), HUB, Result.REJECTED, "es-new has the cloud-native architecture"),
        (NEW, HUB._replace(arch_type="public"), Result.REJECTED, "es-hub has the cloud-native architecture"),
        (NEW, HUB._replace(vpc_id="vpc-2"), Result.REJECTED, "not in one VPC"),
        (NEW._replace(vpc_id=""), HUB._replace(vpc_id=""), Result.REJECTED, "es-new in unknown"),
        (NEW, HUB._replace(tags={HOLD_TAG: "x"}), Result.HELD, "es-hub is tagged"),
        (NEW._replace(tags={"enlist": "logs", HOLD_TAG: ""}), HUB, Result.HELD, HOLD_TAG),
        (NEW._replace(tags={}), HUB, Result.IGNORED, "no binding matches"),
        (NEW._replace(region_id="cn-beijing"), HUB, Result.IGNORED, "cn-beijing is not cn-hangzhou"),
    ],
)
def test_facts_that_keep_a_pair_apart(
    new: SearchFacts, hub: SearchFacts, result: Result, reason: str
) -> None:
    """Each fact that rules a pair out does so with its own result and reason."""
    outcome = only(decide(view(new, hub)))
    assert outcome.result is result
    assert reason in outcome.reason


def test_a_connected_pair_is_left_alone() -> None:
    """What is connected is already where it should be, whatever state it is in now."""
    seen = view(NEW._replace(status="activating"), HUB, connected={"es-new": frozenset({"es-hub"})})
    assert only(decide(seen)).result is Result.ALREADY


def test_what_the_service_does_not_list_is_rejected() -> None:
    """The service's own list of connectable instances is the authority on versions and zones."""
    outcome = only(decide(view(connectable={"es-new": frozenset()})))
    assert (outcome.result, outcome.target) == (Result.REJECTED, "es-hub")


def test_a_peer_that_is_not_visible_is_waited_for() -> None:
    """A peer may be created later: deferred, not rejected."""
    assert only(decide(view(NEW))).result is Result.DEFERRED


def test_what_cannot_be_established_stops_the_connection() -> None:
    """Trouble with either side reaches the outcome with its request id."""
    outcome = only(decide(view(troubles={"es-hub": Trouble(Result.FAILED, "no answer", "R-1")})))
    assert (outcome.result, outcome.reason, outcome.request_id) == (Result.FAILED, "no answer", "R-1")


def test_nothing_is_connected_that_was_not_looked_at_closely() -> None:
    """A pair that nothing keeps apart is a candidate first; only a closer look makes it an action."""
    made = decide(view(cleared=frozenset()))
    assert only(made).result is Result.DEFERRED
    assert [candidate.pair for candidate in made.candidates] == [("es-hub", "es-new")]


def test_either_sides_binding_may_ask_for_a_pair() -> None:
    """A peer whose own binding only reports does not keep the pair from a binding that applies."""
    report = binding(name="report", match={"instanceId": ["es-hub"]}, peers=["es-new"], mode="plan")
    made = plan(view(), [report, binding()], [Signal("es-hub"), Signal("es-new")])
    assert pairs(made) == [("es-new", "es-hub")]
    assert made.outcomes == ()


def test_a_mesh_is_of_those_the_binding_has() -> None:
    """What an earlier binding owns, or created_after keeps out, is no peer of `same-binding`."""
    old = NEW._replace(instance_id="es-old", created_at=NOW - timedelta(days=9))
    owned = NEW._replace(instance_id="es-owned")
    first = binding(name="first", match={"instanceId": ["es-owned"]}, mode="plan")
    recent = (NOW - timedelta(days=1)).isoformat()
    made = plan(
        view(NEW, old, owned),
        [first, binding(peers="same-binding", created_after=recent)],
        [Signal("es-new")],
    )
    assert "no instance is its peer" in only(made).reason


def test_an_instance_is_never_its_own_peer() -> None:
    """A binding that lists the instance itself skips it."""
    made = decide(view(), binding(peers=["es-new", "es-hub"]))
    assert pairs(made) == [("es-new", "es-hub")]
    assert only(decide(view(), binding(peers=["es-new"]))).result is Result.IGNORED


def test_peers_by_match() -> None:
    """Peers may be chosen by their facts, within the region."""
    far = HUB._replace(instance_id="es-far", region_id="cn-beijing")
    made = decide(view(NEW, HUB, far), binding(peers={"match": {"tags": {"enlist": [{"exists": False}]}}}))
    assert pairs(made) == [("es-new", "es-hub")]


def mesh(count: int) -> SearchView:
    """Ready instances, each a minute older than the one before."""
    return view(
        *(
            NEW._replace(instance_id=f"es-{number}", created_at=NOW - timedelta(minutes=number))
            for number in range(count)
        )
    )


def test_a_mesh_connects_each_pair_once() -> None:
    """`same-binding` connects all with all, and no pair from both sides."""
    seen = mesh(4)
    made = plan(seen, [binding(peers="same-binding", max_peers=9)], map(Signal, seen.instances))
    found = [pair_of(*pair) for pair in pairs(made)]
    assert len(found) == 6
    assert len(set(found)) == 6


@pytest.mark.parametrize(("existing", "connects"), [(1, True), (2, False)])
def test_max_peers_counts_what_is_connected_already(existing: int, connects: bool) -> None:
    """An instance gets a connection only while it has fewer than max_peers."""
    others = frozenset(f"es-other{number}" for number in range(existing))
    for end, other in (("es-new", "es-hub"), ("es-hub", "es-new")):
        made = decide(view(connected={end: others, other: frozenset()}), binding(max_peers=2))
        assert bool(made.actions) is connects
    made = decide(view(connected={"es-new": others, "es-hub": frozenset()}), binding(max_peers=2))
    assert bool(made.actions) is connects
    if not connects:
        assert "es-new has 2 peers already; max_peers is 2" in only(made).reason


@given(st.integers(2, 7), st.integers(1, 4), st.integers(1, 8))
def test_a_mesh_never_exceeds_its_limits(count: int, max_peers: int, max_per_run: int) -> None:
    """Whatever its size: no instance over max_peers, no run over max_per_run, each pair judged once."""
    seen = mesh(count)
    limits = binding(peers="same-binding", max_peers=max_peers, max_per_run=max_per_run)
    made = plan(seen, [limits], map(Signal, seen.instances))
    done: list[Connect] = []

    def connect(action: Connect) -> tuple[Outcome, bool]:
        done.append(action)
        return Outcome(action.instance_id, Result.CONNECTED, "done"), True

    settled = list(carry_out(made.actions, seen.connected, connect))
    ends = [one for action in done for one in action.pair]
    assert all(ends.count(one) <= max_peers for one in seen.instances)
    assert len(done) <= max_per_run
    assert len(settled) + len(made.outcomes) == count * (count - 1) // 2


def test_a_refused_pair_takes_no_place() -> None:
    """A pair that the service refuses does not keep the next one out, and calls stay bounded."""
    seen = mesh(5)
    limits = binding(peers="same-binding", max_peers=9, max_per_run=1)
    made = plan(seen, [limits], map(Signal, seen.instances))
    calls: list[Connect] = []

    def refuse_first(action: Connect) -> tuple[Outcome, bool]:
        calls.append(action)
        return Outcome("", Result.REJECTED, "no"), len(calls) > 1

    list(carry_out(made.actions, seen.connected, refuse_first))
    assert len(calls) == 2
    refused = list(
        carry_out(made.actions, seen.connected, lambda _: (Outcome("", Result.REJECTED, "no"), False))
    )
    assert [one.result for one in refused].count(Result.REJECTED) == 2


def test_mode_plan_only_reports() -> None:
    """In mode plan a connection and a refusal alike are ignored, with what apply would do."""
    assert "would be connected" in only(decide(view(), binding(mode="plan"))).reason
    refused = only(decide(view(NEW, HUB._replace(vpc_id="vpc-2")), binding(mode="plan")))
    assert (refused.result, "would be rejected" in refused.reason) == (Result.IGNORED, True)


def test_created_after_keeps_old_instances_out_but_not_their_peers() -> None:
    """The age of the instance that a binding chooses counts, not that of its peer."""
    recent = binding(created_after=(NOW - timedelta(days=1)).isoformat())
    assert pairs(decide(view(), recent)) == [("es-new", "es-hub")]
    assert (
        only(decide(view(NEW._replace(created_at=NOW - timedelta(days=2)), HUB), recent)).result
        is Result.IGNORED
    )
    assert only(decide(view(NEW._replace(created_at=None), HUB), recent)).result is Result.REJECTED


def test_an_unknown_instance_is_deferred() -> None:
    """An id that is not visible may become so: nothing is done, and a sweep looks again."""
    assert only(decide(view(HUB))).result is Result.DEFERRED
