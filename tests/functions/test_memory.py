"""attach_instances with a store: one owner at a time, memory, quarantine."""

from __future__ import annotations

import json
from typing import Any

import pytest

from enlist.errors import NotSettledError
from fctoolkit.errors import StoreError
from localcloud.conditions.faults import Fault
from tests.support.product import (
    CLUSTER,
    EDGE_BINDING,
    ENS_ID,
    OTHER_CLUSTER,
    TIMER,
    Product,
    cluster,
    custom_event,
    ens_instance,
    http_event,
    only,
    seed,
)
from tests.support.remembering import (
    DAY,
    PASSWORD,
    Watched,
    attach_count,
    attach_request,
    crash,
    is_attach,
    record,
    tick,
)

EVENT = custom_event(ENS_ID)
RETRY = {"instances": [ENS_ID], "retry": True}
LEASE = 90


def look(product: Product) -> dict[str, Any]:
    """What a dry run says of the instance."""
    answer = product.attach(http_event({"instances": [ENS_ID], "dryRun": True}))
    return only(json.loads(answer["body"]))


def ask(product: Product, **body: object) -> dict[str, Any]:
    """What a request is answered about the instance."""
    return only(json.loads(product.attach(http_event({**RETRY, **body}))["body"]))


def attach_calls(product: Product) -> int:
    """Calls of AttachInstances."""
    return len(product.writes())


def test_what_was_accepted_is_remembered(product: Product, store: Watched) -> None:
    """The record says where the machine went, as which task and by which request."""
    outcome = only(product.attach(EVENT))
    assert (outcome["result"], outcome["attempts"]) == ("attaching", 1)
    found = record(store)
    assert found is not None
    assert found["status"] == "completed"
    assert json.loads(found["outcome"]) == {
        "target": CLUSTER,
        "region": "cn-hangzhou",
        "taskId": outcome["taskId"],
        "requestId": outcome["requestId"],
    }


def test_two_invocations_at_once_attach_once(product: Product, store: Watched) -> None:
    """One that looked before another attached does not attach after it."""
    others: list[Any] = []
    store.before_swap.append(lambda: others.append(product.attach(EVENT)))
    mine = only(product.attach(EVENT))
    assert only(others[0])["result"] == "attaching"
    assert (mine["result"], attach_count(product)) == ("deferred", 1)
    assert "another run has just done it" in mine["reason"]


def test_who_is_at_it_is_left_alone_until_its_lease_is_over(product: Product, store: Watched) -> None:
    """After a death between claim and call, nobody acts before the lease ends; then one does."""
    crash(product)
    assert (record(store) or {})["status"] == "claimed"
    outcome = only(product.attach(EVENT))
    assert outcome["result"] == "deferred"
    assert "another run is at it" in outcome["reason"]
    product.cloud.advance(LEASE)
    assert only(product.attach(EVENT))["attempts"] == 2
    assert attach_count(product) == 1


@pytest.mark.parametrize("lag", [20, 300])
@pytest.mark.parametrize("seconds", [0, 30, 91, 300, 800])
def test_a_death_after_the_effect_attaches_nothing_twice(
    product: Product, store: Watched, seconds: int, lag: int
) -> None:
    """However long after the death the next delivery comes, the machine stays attached once."""
    product.cloud.configure(node_listing=lag, node_joining=60)
    crash(product, after=True)
    product.cloud.advance(seconds)
    product.attach(EVENT)
    tick(product)
    assert attach_count(product) == 1
    assert store.writes >= 1


def test_after_a_lapsed_lease_it_looks_once_more(product: Product, store: Watched) -> None:
    """An effect that lands between the look and the claim of a taken over instance is seen before acting."""
    crash(product)
    product.cloud.advance(LEASE)
    store.before_swap.append(
        lambda: product.call(attach_request())  # the effect of the dead invocation lands at last
    )
    assert only(product.attach(EVENT))["result"] == "attaching"
    assert attach_count(product) == 1
    assert (record(store) or {})["status"] == "completed"


def test_an_unclear_end_waits_for_its_lease(product: Product, store: Watched) -> None:
    """After a time-out without a trace, the next try comes when no late effect need be feared any more."""
    product.cloud.add_fault(Fault(service="cs", action="AttachInstances", drop=True))
    with pytest.raises(NotSettledError, match="unclear whether it was accepted"):
        product.attach(EVENT)
    assert only(product.attach(EVENT))["result"] == "deferred"
    product.cloud.advance(LEASE)
    assert only(product.attach(EVENT))["result"] == "attaching"
    assert (attach_count(product), (record(store) or {})["attempts"]) == (1, 2)


def test_an_answer_that_was_lost_is_found(product: Product, store: Watched) -> None:
    """After a time-out whose effect shows, the record says that it was accepted."""
    product.cloud.configure(node_listing=0)
    product.cloud.add_fault(Fault(service="cs", action="AttachInstances", drop=True, effect="after"))
    assert only(product.attach(EVENT))["result"] == "attaching"
    assert (record(store) or {})["status"] == "completed"


@pytest.mark.parametrize(
    ("status", "code"), [(400, "Throttling.User"), (400, "ErrorClusterState"), (403, "Forbidden.RAM")]
)
def test_a_refusal_of_the_call_is_no_attempt(
    product: Product, store: Watched, status: int, code: str
) -> None:
    """A refusal for rate, state of the cluster or rights says nothing about the machine."""
    product.cloud.add_fault(Fault(service="cs", action="AttachInstances", status=status, code=code, times=99))
    for _ in range(6):
        tick(product)
    found = record(store)
    assert found is not None
    assert (found["status"], found["attempts"]) == ("released", 0)
    product.cloud.reset()
    seed(product.cloud)
    assert only(product.attach(EVENT))["result"] == "attaching"


def test_once_removed_stays_out(product: Product, store: Watched) -> None:
    """A node that was attached here and that somebody removed stays out, until an operator asks for it."""
    product.attach(EVENT)
    product.cloud.advance(300)
    product.remove_node(ENS_ID)
    product.cloud.advance(2 * DAY)
    for outcome in (only(product.attach(EVENT)), only(tick(product)), look(product)):
        assert outcome["result"] == "held"
        assert "somebody took that back" in outcome["reason"]
    assert (attach_count(product), store.writes) == (1, 2)
    assert ask(product)["result"] == "attaching"
    assert attach_count(product) == 2


def test_without_a_store_it_comes_back_after_a_day(product: Product) -> None:
    """Without a memory the cluster's own tasks are all there is: they hold a removed node out for a day."""
    product.attach(EVENT)
    product.cloud.advance(300)
    product.remove_node(ENS_ID)
    assert only(product.attach(EVENT))["result"] == "held"
    product.cloud.advance(2 * DAY)
    assert only(product.attach(EVENT))["result"] == "attaching"


def test_an_accepted_attach_that_nothing_shows_is_believed(product: Product, store: Watched) -> None:
    """Where neither node nor task shows an accepted attach, the memory keeps it from a second one."""
    product.cloud.configure(node_listing=3600, node_joining=3600, ens_reload=0)
    product.attach(EVENT)
    product.cloud.add_fault(
        Fault(service="cs", action="DescribeClusterTasks", times=9, body='{"tasks": [], "page_info": {}}')
    )
    product.cloud.add_fault(
        Fault(service="cs", action="DescribeTaskInfo", times=9, status=404, code="ErrorTaskNotFound")
    )
    for retry in (False, True):
        answer = ask(product, retry=retry)
        assert answer["result"] == "attaching", answer
        assert "not shown yet" in answer["reason"]
    assert (attach_count(product), store.writes) == (1, 2)


def test_two_operators_at_once_attach_once(product: Product, store: Watched) -> None:
    """Of two requests with retry at the same time, one begins anew and the other finds it begun."""
    product.attach(EVENT)
    product.cloud.advance(300)
    product.remove_node(ENS_ID)
    product.cloud.advance(2 * DAY)
    others: list[dict[str, Any]] = []
    store.before_swap.append(lambda: others.append(ask(product)))
    assert ask(product)["result"] == "deferred"
    assert (others[0]["result"], attach_count(product)) == ("attaching", 2)


def test_an_operator_brings_back_what_was_removed_at_once(product: Product, store: Watched) -> None:
    """Minutes after the attach its node is removed: with retry it is attached anew, once."""
    product.attach(EVENT)
    product.cloud.advance(200)
    product.remove_node(ENS_ID)
    product.cloud.advance(60)
    assert look(product)["result"] == "held"
    assert [ask(product)["result"] for _ in range(2)] == ["attaching", "attaching"]
    assert attach_count(product) == 2


def test_what_keeps_being_refused_is_quarantined(
    product: Product, store: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    """After five refusals of a machine, one a day, no more calls are made for it, and all are told why."""
    product.cloud.add_fault(Fault(service="cs", action="AttachInstances", items={ENS_ID: "InUse"}, times=99))
    for attempt in range(1, 6):
        product.cloud.advance(2 * DAY)
        assert "refused with code InUse" in tick(product)
        assert (record(store) or {})["attempts"] == attempt
    product.cloud.advance(2 * DAY)
    caplog.clear()
    quarantined = tick(product)
    assert quarantined["counts"] == {"held": 1, "quarantined": 1}
    assert [one.getMessage() for one in caplog.records if one.levelname == "WARNING"] == ["held"]
    for outcome in (only(quarantined), look(product)):
        assert (outcome["result"], outcome["attempts"]) == ("held", 5)
        assert "quarantined after 5 attempts, the last: refused with code InUse" in outcome["reason"]
    assert attach_calls(product) == 5


def test_an_operator_ends_a_quarantine(product: Product, store: Watched) -> None:
    """With retry the count begins anew, and when the cause is mended the machine is attached."""
    product.environ["ENLIST_ATTEMPTS"] = "1"
    product.cloud.add_fault(Fault(service="cs", action="AttachInstances", items={ENS_ID: "InUse"}, times=2))
    for first in (tick, ask):
        first(product)
        product.cloud.advance(2 * DAY)
        assert only(tick(product))["result"] == "held"
    assert ask(product)["result"] == "attaching"
    assert (record(store) or {})["attempts"] == 1


def test_a_task_that_fails_is_an_attempt_a_day(product: Product, store: Watched) -> None:
    """A failed task keeps the machine out for a day; after as many as are allowed, for good."""
    product.environ["ENLIST_ATTEMPTS"] = "2"
    product.cloud.add_fault(
        Fault(service="cs", action="AttachInstances", task_items={ENS_ID: "no disk"}, times=9)
    )
    for attempt in (1, 2):
        product.attach(TIMER)
        product.cloud.advance(300)
        assert (record(store) or {})["attempts"] == attempt
        assert "no disk" in only(product.attach(TIMER))["reason"]
        product.remove_node(ENS_ID)
        product.cloud.advance(2 * DAY)
    outcome = only(product.attach(TIMER))
    assert (outcome["result"], outcome["attempts"], attach_calls(product)) == ("held", 2, 2)
    assert "quarantined after 2 attempts, the last: task T-" in outcome["reason"]
    assert "no disk" in outcome["reason"]


def test_one_bad_id_is_counted_and_its_neighbours_are_not(product: Product, store: Watched) -> None:
    """Where the service refuses a call for one id, that id has failed and its neighbours are in."""
    ids = [f"i-{number}" for number in range(8)]
    seed(product.cloud, ens=[ens_instance(one) for one in ids])
    handle = product.cloud.handle

    def picky(request: Any) -> Any:
        if is_attach(request) and b'"i-5"' in request.body:
            product.cloud.add_fault(
                Fault(service="cs", action="AttachInstances", status=400, code="InvalidParameter.i-5")
            )
        return handle(request)

    product.cloud.handle = picky  # type: ignore[method-assign]
    assert "1 of 8 not settled: i-5 rejected" in tick(product) or tick(product)
    assert {one: (record(store, one) or {})["status"] for one in ids} == {
        **dict.fromkeys(ids, "completed"),
        "i-5": "failed",
    }


def test_a_store_that_does_not_answer_lets_nothing_happen(product: Product, store: Watched) -> None:
    """While the store is away nothing is attached, and the event raises and names the setting."""
    store.broken = True
    with pytest.raises(StoreError, match="ENLIST_STORE: host:6379 cannot be reached") as raised:
        product.attach(EVENT)
    assert PASSWORD not in str(raised.value)
    assert attach_calls(product) == 0
    store.broken = False
    assert only(product.attach(EVENT))["result"] == "attaching"


def test_who_asks_over_http_is_told_that_the_store_is_away(product: Product, store: Watched) -> None:
    """The caller gets 503 and the setting's name, and health still answers: with the kind of store alone."""
    store.broken = True
    answer = product.attach(http_event(RETRY))
    error = json.loads(answer["body"])["error"]
    assert (answer["statusCode"], error["code"]) == (503, "StoreError")
    assert "ENLIST_STORE: host:6379 cannot be reached" in error["message"]
    health = product.attach(http_event("", method="GET", path="/health"))
    assert (health["statusCode"], json.loads(health["body"])["store"]) == (200, "redis")
    assert PASSWORD not in answer["body"] + health["body"]


@pytest.mark.parametrize("operation", [0, 1])
def test_a_store_that_goes_away_lets_nothing_happen(
    product: Product, store: Watched, operation: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that is lost between the look and the claim, or before the look, keeps everybody out."""
    seed(product.cloud, ens=[ens_instance(f"i-{number}") for number in range(3)])
    asked = iter(range(100))
    original = store.read

    def read(key: str) -> Any:
        if operation == 0 or next(asked) >= 3:
            store.broken = True
        return original(key)

    monkeypatch.setattr(store, "read", read)
    with pytest.raises(NotSettledError, match="cannot be reached"):
        product.attach(custom_event("i-0", "i-1", "i-2"))
    assert attach_calls(product) == 0


def test_a_dry_run_writes_nothing_down(product: Product, store: Watched) -> None:
    """Neither a dry run nor a binding in mode plan claims anything."""
    assert look(product)["reason"].startswith("dry run: it would be attached now")
    product.edge = [{**EDGE_BINDING, "mode": "plan"}]
    product.attach(EVENT)
    assert store.writes == 0


def test_nothing_is_claimed_for_which_no_time_is_left(product: Product, store: Watched) -> None:
    """What does not fit into the invocation is left to the next one as it was, without a claim."""
    product.environ["ENLIST_IDS_PER_CALL"] = "1"
    seed(product.cloud, clusters=[cluster()], ens=[ens_instance(one) for one in ("i-1", "i-2")])
    product.cloud.add_fault(Fault(service="cs", action="AttachInstances", delay=58.5))
    first, second = product.attach(custom_event("i-1", "i-2"))["outcomes"]
    assert {first["result"], second["result"]} == {"attaching", "deferred"}
    assert [bool(record(store, one)) for one in ("i-1", "i-2")] == [True, False]


def test_a_task_that_may_not_be_read_any_more_stops_nobody(product: Product, store: Watched) -> None:
    """The task of an earlier attach, in a cluster that is hidden by now, keeps only its own machine out."""
    product.attach(EVENT)
    product.cloud.advance(300)
    product.remove_node(ENS_ID)
    product.cloud.advance(2 * DAY)
    seed(product.cloud, ens=[ens_instance(), ens_instance("i-2")])
    product.cloud.add_fault(Fault(service="cs", action="DescribeTaskInfo", status=403, code="Forbidden.RAM"))
    results = {one["instanceId"]: one["result"] for one in product.attach(TIMER)["outcomes"]}
    assert results == {ENS_ID: "held", "i-2": "attaching"}


def test_there_may_be_no_time_to_remember_everybody(
    product: Product, store: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the store is slow, the oldest are settled and the others wait for the next run."""
    ids = [f"i-{number}" for number in range(6)]
    seed(product.cloud, ens=[ens_instance(one) for one in ids])
    read = store.read

    def slow(key: str) -> Any:
        product.cloud.advance(12)
        return read(key)

    monkeypatch.setattr(store, "read", slow)
    results = [one["result"] for one in product.attach(custom_event(*ids))["outcomes"]]
    assert results.count("deferred") >= 2
    assert sum(record(store, one) is not None for one in ids) <= 3
    monkeypatch.setattr(store, "read", read)
    for _ in range(4):
        tick(product)
    assert all(attach_count(product, one) == 1 for one in ids)


def test_a_machine_that_changes_its_cluster_is_asked_for(product: Product, store: Watched) -> None:
    """A machine taken out of one cluster does not enter another because a binding changed meanwhile."""
    seed(product.cloud, clusters=[cluster(), cluster(OTHER_CLUSTER)])
    product.attach(EVENT)
    product.cloud.advance(300)
    product.remove_node(ENS_ID)
    product.cloud.advance(2 * DAY)
    product.edge = [{**EDGE_BINDING, "cluster": OTHER_CLUSTER}]
    assert CLUSTER in only(product.attach(EVENT))["reason"]
    assert ask(product)["target"] == OTHER_CLUSTER
    assert json.loads((record(store) or {})["outcome"])["target"] == OTHER_CLUSTER
