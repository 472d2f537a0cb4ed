"""attach_instances with a store, where an end is in doubt: nothing twice, and nobody shut out by mistake."""

from __future__ import annotations

import json
from typing import Any

import pytest

from localcloud.faults import Fault
from tests.support.product import ENS_ID, TIMER, Product, custom_event, http_event
from tests.support.remembering import (
    DAY,
    Watched,
    attach_count,
    attach_request,
    crash,
    record,
    remember,
    tick,
)

EVENT = custom_event(ENS_ID)
LEASE = 90


@pytest.fixture
def store(product: Product) -> Watched:
    """The store that the product has in these tests."""
    return remember(product)


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
    product.cloud.configure(attach_seconds=600 if door == TIMER else 60)
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
