"""add_connectable_cluster with a store: one owner at a time, what is taken away stays away, quarantine."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest

from enlist.errors import NotSettledError
from localcloud.conditions.faults import Fault
from tests.support.product import ES_ID, HUB_ID, TIMER, Product, custom_event, http_event, only, state_of
from tests.support.remembering import DAY, Watched, record

EVENT = custom_event(ES_ID, kind="search")
LEASE = 90
PAIR = ":".join(sorted((ES_ID, HUB_ID)))


def ask(product: Product, **options: object) -> dict[str, Any]:
    """What a request about the instance is answered."""
    return only(json.loads(product.connect(http_event({"instances": [ES_ID], **options}))["body"]))


def kept(store: Watched) -> dict[str, Any]:
    """What the store has on the pair."""
    return record(store, PAIR, search=True) or {}


def connections(product: Product) -> int:
    """How often a connection of the new instance took effect, as the cloud counted."""
    return int(sum(state_of(product.cloud, "elasticsearch", ES_ID)["connectCount"].values()))


def test_a_connection_is_remembered(product: Product, store: Watched) -> None:
    """The record says which request made it."""
    outcome = only(product.connect(EVENT))
    assert (outcome["result"], outcome["attempts"]) == ("connected", 1)
    assert kept(store)["status"] == "completed"
    assert json.loads(kept(store)["outcome"])["requestId"] == outcome["requestId"]


def test_two_invocations_at_once_connect_once(product: Product, store: Watched) -> None:
    """One that looked before another connected the pair sends nothing after it."""
    store.before_swap.append(lambda: product.connect(EVENT))
    assert only(product.connect(EVENT))["result"] == "deferred"
    assert product.writes() == ["AddConnectableCluster"]


def test_what_was_taken_away_stays_away(product: Product, store: Watched) -> None:
    """A connection that somebody took away is not made again, until an operator asks for it."""
    product.connect(EVENT)
    product.disconnect()
    product.cloud.advance(DAY)
    for outcome in (only(product.connect(EVENT)), only(product.connect(TIMER)), ask(product, dryRun=True)):
        assert outcome["result"] == "held"
        assert "they were connected on 2026-11-22" in outcome["reason"]
    assert connections(product) == 1
    assert ask(product, retry=True)["result"] == "connected"
    assert kept(store)["status"] == "completed"


def test_without_a_store_it_comes_back(product: Product) -> None:
    """Without a memory a connection that was taken away is made again."""
    product.connect(EVENT)
    product.disconnect()
    product.cloud.advance(DAY)
    assert only(product.connect(EVENT))["result"] == "connected"


def test_what_keeps_failing_is_quarantined(product: Product, store: Watched) -> None:
    """Refused as often as is allowed, once in some minutes, nothing more is sent, and all are told why."""
    product.environ["ENLIST_ATTEMPTS"] = "3"
    product.cloud.add_fault(
        Fault(
            service="elasticsearch", action="AddConnectableCluster", status=400, code="NotTogether", times=3
        )
    )
    for deliveries in (4, 4, 1):
        for _ in range(deliveries):  # the platform delivers what raised again, seconds later
            with pytest.raises(NotSettledError, match="NotTogether"):
                product.connect(EVENT)
        product.cloud.advance(300)
    answer = product.connect(EVENT)
    assert answer["counts"] == {"held": 1, "quarantined": 1}
    assert "quarantined after 3 attempts" in ask(product, dryRun=True)["reason"]
    assert len(product.writes()) == 3
    assert ask(product, retry=True)["result"] == "connected"


@pytest.mark.parametrize("code", ["InsufficientBalance", "Throttling", "InstanceActivating", "Forbidden.RAM"])
def test_what_is_not_the_pairs_fault_is_no_attempt(product: Product, store: Watched, code: str) -> None:
    """What waiting or an administrator mends does not lead to quarantine."""
    product.cloud.add_fault(
        Fault(service="elasticsearch", action="AddConnectableCluster", status=400, code=code, times=99)
    )
    for _ in range(6):
        product.cloud.advance(300)
        with contextlib.suppress(NotSettledError):
            product.connect(TIMER)
    assert (kept(store)["status"], kept(store)["attempts"]) == ("released", 0)


def test_an_unclear_end_may_be_repeated_at_once(product: Product, store: Watched) -> None:
    """After a lost answer the same request may be sent again: nobody waits for a lease."""
    product.cloud.add_fault(
        Fault(service="elasticsearch", action="AddConnectableCluster", drop=True, times=4)
    )
    with pytest.raises(NotSettledError):
        product.connect(EVENT)
    assert (kept(store)["status"], kept(store)["maybe_done"]) == ("failed", True)
    assert only(product.connect(EVENT))["result"] == "connected"
    assert connections(product) == 1


class _DeathError(BaseException):
    """Nothing in the function catches it."""


def _die() -> None:
    raise _DeathError


def test_what_a_dead_run_connected_is_remembered(product: Product, store: Watched) -> None:
    """The event that comes again after a death finds the pair connected and writes that down."""
    store.before_swap.append(lambda: store.before_swap.append(_die))
    with pytest.raises(_DeathError):
        product.connect(EVENT)
    assert (connections(product), kept(store)["status"]) == (1, "claimed")
    product.cloud.advance(LEASE)
    assert only(product.connect(EVENT))["result"] == "already"
    assert kept(store)["status"] == "completed"
    product.disconnect()
    product.cloud.advance(DAY)
    assert only(product.connect(TIMER))["result"] == "held"


def test_an_outage_shuts_no_pair_out_for_good(product: Product, store: Watched) -> None:
    """Pairs that were quarantined while the service did not answer are connected when it does."""
    product.environ["ENLIST_ATTEMPTS"] = "2"
    product.cloud.add_fault(
        Fault(service="elasticsearch", action="AddConnectableCluster", drop=True, times=8)
    )
    for _ in range(2):
        with pytest.raises(NotSettledError):
            product.connect(EVENT)
    assert only(product.connect(EVENT))["result"] == "held"
    product.cloud.advance(3601)
    answer = only(product.connect(TIMER))
    assert answer["result"] == "connected", answer
