"""The default bus: which rules an event matches, why not the others, and what the bus adds to an event."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from fctoolkit.errors import EventError
from fctoolkit.pattern import compile_pattern
from localcloud.delivery.bus import MAX_EVENT_BYTES, EventBus, Rule

if TYPE_CHECKING:
    from fctoolkit.jsontypes import FrozenJson, JsonObject

EVENT: JsonObject = {"id": "1", "source": "acs.ens", "type": "ens:Test", "data": {"name": "x"}}


def bus(*patterns: FrozenJson) -> EventBus:
    """A bus with one rule for each pattern, at a known time."""
    rules = (
        Rule(f"rule-{index}", compile_pattern(json.dumps(pattern))) for index, pattern in enumerate(patterns)
    )
    return EventBus(tuple(rules), account_id="1000", region="cn-hangzhou", now=lambda: 1767323045.179)


def test_matches_and_misses() -> None:
    """A receipt has every rule, either as matched or as missed with the field that was the reason."""
    receipt = bus({"source": ["acs.ens"]}, {"data": {"name": ["y"]}}, {}).put(EVENT)
    assert [rule.name for rule in receipt.matched] == ["rule-0", "rule-2"]
    assert [miss.rule.name for miss in receipt.missed] == ["rule-1"]
    assert "data.name" in receipt.missed[0].reason


def test_what_the_bus_adds() -> None:
    """An event gets the attributes of the bus; its time of publishing has the vendor's zone, not RFC 3339."""
    assert bus().put(EVENT).event == {
        **EVENT,
        "specversion": "1.0",
        "aliyunaccountid": "1000",
        "aliyunpublishtime": "2026-01-02T11:04:05.179PRC",
        "aliyuneventbusname": "default",
        "aliyunregionid": "cn-hangzhou",
        "aliyunpublishaddr": "127.0.0.1",
    }


def test_what_the_bus_leaves() -> None:
    """An attribute that an event brings along stays as it is."""
    assert bus().put({**EVENT, "aliyunaccountid": "2000"}).event["aliyunaccountid"] == "2000"


def test_what_is_delivered_is_a_copy() -> None:
    """Changing a receipt's event does not reach the caller's."""
    event: JsonObject = {**EVENT, "data": {"list": [1]}}
    bus().put(event).event["data"] = None
    assert event["data"] == {"list": [1]}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"id": None}, "id"),
        ({"id": ""}, "id"),
        ({"id": 7}, "id"),
        ({"id": "x" * 129}, "id"),
        ({"source": None}, "source"),
        ({"type": "x" * 65}, "type"),
        ({"subject": "x" * 513}, "subject"),
        ({"data": "x" * MAX_EVENT_BYTES}, ""),
    ],
)
def test_what_eventbridge_does_not_take(change: JsonObject, field: str) -> None:
    """An event without a name, or beyond EventBridge's limits, is refused with the field."""
    with pytest.raises(EventError) as caught:
        bus().put({**EVENT, **change})
    assert caught.value.field == field
