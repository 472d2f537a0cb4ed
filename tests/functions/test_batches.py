"""Arrays of events, as queues and streams deliver them: read one by one, applied together, safe to repeat."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from enlist.errors import NotSettledError
from localcloud.conditions.faults import Fault
from tests.support.product import EDGE_BINDING, Product, ens_instance, seed, still_cloud

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

FLEET = [f"i-fleet{number:04}" for number in range(120)]


@pytest.fixture
def product(tmp_path: Path) -> Product:
    """A binding for a large fleet, and room for it."""
    cloud = still_cloud()
    seed(cloud, ens=[ens_instance(one) for one in FLEET])
    cloud.configure(node_quota=1000)
    return Product(cloud, tmp_path, edge=[{**EDGE_BINDING, "max_per_run": 1000}])


def ready(instance_id: str, **data: object) -> dict[str, Any]:
    """A custom event that one machine is ready."""
    return {
        "id": f"event-{instance_id}",
        "source": "enlist.custom",
        "type": "ens:Instance:Ready",
        "specversion": "1.0",
        "data": {"instanceId": instance_id, **data},
    }


def message(event: object) -> dict[str, Any]:
    """The event as a queue's message, as a stream delivers it."""
    return {
        "id": "m-1",
        "source": "MNS-enlist-from-queue",
        "type": "mns:Queue:SendMessage",
        "specversion": "1.0",
        "data": {"requestId": "r", "messageId": "m", "messageBody": json.dumps(event)},
    }


def batch(events: Sequence[object]) -> bytes:
    """What FC delivers for a batch window."""
    return json.dumps(events).encode()


def attach_counts(product: Product) -> set[int]:
    """How often the machines of the fleet were attached, as the cloud counted."""
    state: Any = product.cloud.state()
    return {one["attachCount"] for one in state["ens"]["instances"]}


@pytest.mark.parametrize(("setting", "calls"), [({}, 6), ({"ENLIST_IDS_PER_CALL": "100"}, 2)])
def test_a_batch_is_attached_in_few_calls(product: Product, setting: dict[str, str], calls: int) -> None:
    """A hundred and twenty machines of one cluster are attached together, so many to a call as is set."""
    product.environ = setting
    answer: Any = product.attach(batch([message(ready(one)) for one in FLEET]))
    assert answer["counts"] == {"attaching": len(FLEET)}
    assert product.writes() == ["AttachInstances"] * calls
    assert attach_counts(product) == {1}


def test_a_batch_delivered_again_does_nothing(product: Product) -> None:
    """FC promises no partial answer: a batch comes back whole, and what is done is a no-op."""
    events = batch([ready(one) for one in FLEET])
    product.attach(events)
    answer: Any = product.attach(events)
    assert answer["counts"] == {"attaching": len(FLEET)}
    product.cloud.advance(900)
    answer = product.attach(events)
    assert answer["counts"] == {"already": len(FLEET)}
    assert attach_counts(product) == {1}


def test_one_poisoned_item_does_not_keep_the_others_out(product: Product) -> None:
    """The others are attached, then the batch raises with the items' places; a repeat only raises again."""
    events: list[object] = [message(ready(one)) for one in FLEET]
    events[7] = {**ready("i-1"), "type": ["no", "text"]}
    events[9] = message({**ready("i-2"), "data": {"instanceId": "a/b"}})
    for _ in range(2):
        with pytest.raises(NotSettledError, match=r"2 of 120 not settled: .*\[7\].*\[9\]"):
            product.attach(batch(events))
    assert attach_counts(product) == {0, 1}
    assert product.writes() == ["AttachInstances"] * 6


def test_one_machine_named_twice_is_attached_once(product: Product) -> None:
    """A batch holds duplicates and several shapes of one machine; they are one signal."""
    events = [ready(FLEET[0]), message(ready(FLEET[0])), json.dumps(ready(FLEET[0]))]
    answer: Any = product.attach(batch(events))
    assert answer["counts"] == {"attaching": 1}
    assert product.writes() == ["AttachInstances"]


def test_a_refused_call_lets_the_neighbours_in(product: Product) -> None:
    """An id for which the service refuses a whole call falls out; each other machine is attached once."""
    product.cloud.add_fault(
        Fault(service="cs", action="AttachInstances", times=1, status=400, code="InvalidParameter")
    )
    answer: Any = product.attach(batch([ready(one) for one in FLEET[:20]]))
    assert answer["counts"] == {"attaching": 20}
    assert attach_counts(product) == {0, 1}


def test_a_refused_call_does_not_make_many(product: Product) -> None:
    """After a refusal calls grow again, so a large batch still takes few of them."""
    product.cloud.add_fault(
        Fault(service="cs", action="AttachInstances", times=1, status=400, code="InvalidParameter")
    )
    answer: Any = product.attach(batch([ready(one) for one in FLEET]))
    assert answer["counts"] == {"attaching": len(FLEET)}
    assert attach_counts(product) == {1}
    assert product.writes() == ["AttachInstances"] * 8


def test_a_batch_may_be_larger_than_an_event(product: Product) -> None:
    """The limit of one event is none for an array of them."""
    events = batch([message(ready(one, note="x" * 30_000)) for one in FLEET])
    assert len(events) > 3_000_000
    answer: Any = product.attach(events)
    assert answer["counts"] == {"attaching": len(FLEET)}


def test_a_batch_that_is_too_large_raises(product: Product) -> None:
    """Beyond the limit of a batch nothing is read, and nothing is lost: it raises, whatever is inside."""
    looks_like_a_request = {"requestContext": {}, "isBase64Encoded": False, "padding": "x" * 9_000_000}
    with pytest.raises(NotSettledError, match="at most 8388608 bytes"):
        product.attach(batch([looks_like_a_request]))
    assert product.cloud.calls == []


def test_an_item_that_looks_like_a_request_is_not_answered(product: Product) -> None:
    """An HTTP request has no place in a batch: it is refused there, not answered, so it is not lost."""
    request = {"version": "v1", "requestContext": {"http": {"method": "POST"}}, "isBase64Encoded": False}
    events = [request, {"padding": "x" * 300_000}, ready(FLEET[0])]
    with pytest.raises(NotSettledError, match=r"2 of 3 not settled"):
        product.attach(batch(events))
    assert product.writes() == ["AttachInstances"]


def test_a_batch_of_too_many_items_raises(product: Product) -> None:
    """Many tiny items are refused as a whole, before each is looked at."""
    with pytest.raises(NotSettledError, match="a batch of at most 10000 events, found 10001"):
        product.attach(batch([0] * 10_001))
    assert product.cloud.calls == []
