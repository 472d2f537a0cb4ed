"""attach_instances with a store, where an end is in doubt: nothing twice, and nobody shut out by mistake."""

from __future__ import annotations

import json
from typing import Any

import pytest

from enlist.errors import NotSettledError
from fctoolkit.errors import ConfigurationError
from fctoolkit.idempotency import Key, Reading
from localcloud.conditions.faults import Fault
from tests.support.product import (
    ACCOUNT,
    ENS_ID,
    TIMER,
    Product,
    custom_event,
    ens_instance,
    http_event,
    seed,
)
from tests.support.remembering import (
    DAY,
    Watched,
    attach_count,
    attach_request,
    crash,
    is_attach,
    record,
    tick,
)

EVENT = custom_event(ENS_ID)
LEASE = 90


def ask(product: Product, **options: object) -> dict[str, Any]:
    """What a request is answered about the instance."""
    answer = product.attach(http_event({"instances": [ENS_ID], **options}))
    (outcome,) = json.loads(answer["body"])["outcomes"]
    return outcome  # type: ignore[no-any-return]


def test_an_operator_does_not_repeat_what_has_just_landed(product: Product, store: Watched) -> None:
    """With retry, too, a taken over claim is looked at once more: the dead run's effect may have landed."""
    crash(product)
    product.cloud.advance(LEASE)
    store.before_swap.append(lambda: product.call(attach_request()))
    assert ask(product, retry=True)["result"] == "attaching"
    assert attach_count(product) == 1


def test_a_found_attach_that_fails_later_is_not_taken_for_a_removal(product: Product, store: Watched) -> None:
    """An attach whose answer was lost and that was found is remembered with its task, which may fail."""
    product.cloud.add_fault(
        Fault(
            service="cs", action="AttachInstances", effect="after", drop=True, task_items={ENS_ID: "no disk"}
        )
    )
    product.attach(EVENT)
    product.cloud.advance(600)
    product.remove_node(ENS_ID)
    product.cloud.advance(2 * DAY)
    product.attach(TIMER)
    assert attach_count(product) == 2


@pytest.mark.parametrize("door", [EVENT, TIMER], ids=["event", "tick"])
@pytest.mark.parametrize("seconds", [LEASE, 300])
def test_what_a_dead_run_attached_is_remembered(
    product: Product, store: Watched, door: bytes, seconds: int
) -> None:
    """Who sees on its way what a dead run had claimed writes that down, so that it stays out once removed."""
    product.cloud.configure(node_joining=600 if door == TIMER else 60)
    crash(product, after=True)
    product.cloud.advance(seconds)
    product.attach(door)
    assert (record(store) or {})["status"] == "completed"
    product.cloud.advance(600)
    product.remove_node(ENS_ID)
    product.cloud.advance(2 * DAY)
    assert ask(product)["result"] == "held"
    assert attach_count(product) == 1


def test_a_sweep_asks_for_no_memories_of_those_that_are_there(
    product: Product, store: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where all is in its place, a sweep reads nothing of the store."""
    product.attach(EVENT)
    read: list[str] = []
    monkeypatch.setattr(store, "read", read.append)
    assert tick(product)["counts"] == {"already": 1}
    assert read == []


def test_a_record_of_another_release_concerns_its_machine_only(product: Product, store: Watched) -> None:
    """What cannot be read is left alone, fails with its key, and keeps nobody else out."""
    ids = ("i-0", "i-1", "i-2")
    seed(product.cloud, ens=[ens_instance(one) for one in ids])
    key = Key(ACCOUNT, "attach_instances", "AttachInstances", "i-0").text
    store.inner.swap(key, None, '{"v":2}', DAY)
    with pytest.raises(NotSettledError, match=r"1 of 3 not settled: i-0 failed.*no record of version 1"):
        product.attach(custom_event(*ids))
    assert [attach_count(product, one) for one in ids] == [0, 1, 1]
    assert store.inner.read(key).text == '{"v":2}'


def test_a_store_that_takes_no_more_claims_hides_no_outcome(
    product: Product, store: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When rights are taken away in the middle, what was done is told, and what was not fails."""
    product.environ["ENLIST_IDS_PER_CALL"] = "1"
    ids = ("i-0", "i-1", "i-2")
    seed(product.cloud, ens=[ens_instance(one) for one in ids])
    swap = store.swap

    def refusing(key: str, old: str | None, new: str | None, seconds: float) -> bool:
        if "i-0" not in key:
            raise ConfigurationError("ENLIST_STORE: host does not allow what is needed")
        return swap(key, old, new, seconds)

    monkeypatch.setattr(store, "swap", refusing)
    with pytest.raises(NotSettledError, match=r"2 of 3 not settled: i-1 failed.*ENLIST_STORE.*i-2 failed"):
        product.attach(custom_event(*ids))
    assert [attach_count(product, one) for one in ids] == [1, 0, 0]


def test_a_store_that_is_lost_after_the_effect_is_asked_once(
    product: Product, store: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Claims that cannot be settled cost one wait, not one each; what was attached is remembered later."""
    product.cloud.configure(node_joining=600)
    ids = [f"i-{number}" for number in range(8)]
    seed(product.cloud, ens=[ens_instance(one) for one in ids])
    handle, read = product.cloud.handle, store.read
    asked: list[str] = []

    def handling(request: Any) -> Any:
        store.broken = store.broken or is_attach(request)
        return handle(request)

    def reading(key: str) -> Reading:
        asked.extend([key] if store.broken else [])
        return read(key)

    monkeypatch.setattr(product.cloud, "handle", handling)
    monkeypatch.setattr(store, "read", reading)
    assert product.attach(custom_event(*ids))["counts"] == {"attaching": 8}
    assert 0 < len(asked) <= 3
    monkeypatch.undo()
    store.broken = False
    product.cloud.advance(LEASE)
    product.attach(TIMER)
    assert {(record(store, one) or {})["status"] for one in ids} == {"completed"}


def test_what_breaks_its_call_keeps_nobody_out(product: Product, store: Watched) -> None:
    """A machine whose calls never have a clear end keeps out neither its neighbours nor the younger."""
    ids = [f"i-{number}" for number in range(8)]
    product.cloud.reset()
    seed(product.cloud, ens=[ens_instance(one) for one in ids])
    handle = product.cloud.handle

    def picky(request: Any) -> Any:
        if is_attach(request) and b'"i-3"' in request.body:
            product.cloud.add_fault(Fault(service="cs", action="AttachInstances", status=500))
        return handle(request)

    product.cloud.handle = picky  # type: ignore[method-assign]
    tick(product)
    seed(product.cloud, clusters=[], es=[], ens=[ens_instance("i-8", CreationTime="2026-11-21T00:00:00Z")])
    for _ in range(2):
        tick(product)
    assert {one: attach_count(product, one) for one in (*ids, "i-8")} == {
        **dict.fromkeys((*ids, "i-8"), 1),
        "i-3": 0,
    }


def test_an_outage_shuts_nobody_out_for_good(product: Product, store: Watched) -> None:
    """A quarantine of which nobody knows the cause ends after an hour, with as many attempts as before."""
    outage = Fault(service="cs", action="AttachInstances", status=503, times=9999)
    product.cloud.add_fault(outage)
    for _ in range(5):
        tick(product)
    held = tick(product)
    assert held["counts"] == {"held": 1, "quarantined": 1}
    assert "no clear end. It is tried again after 2026-11-22T13:25:00Z" in held["outcomes"][0]["reason"]
    for _ in range(11):
        tick(product)
    assert len(product.writes()) == 6
    assert (record(store) or {})["attempts"] == 1
    product.cloud.reset()
    seed(product.cloud)
    assert tick(product)["counts"] == {"attaching": 1}


def test_a_quarantine_that_has_a_cause_is_not_ended_by_time(product: Product, store: Watched) -> None:
    """What was refused stays out, also when an attempt before that had no clear end."""
    product.environ["ENLIST_ATTEMPTS"] = "2"
    product.cloud.add_fault(Fault(service="cs", action="AttachInstances", status=503))
    tick(product)
    product.cloud.add_fault(Fault(service="cs", action="AttachInstances", items={ENS_ID: "InUse"}, times=9))
    tick(product)
    product.cloud.advance(5 * DAY)
    (outcome,) = tick(product)["outcomes"]
    assert "the last: refused with code InUse" in outcome["reason"]
    assert len(product.writes()) == 2
