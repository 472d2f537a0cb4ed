"""EventBridge's older API, by which events are put, as every way to call it sees it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.support.cloud_modes import Keys
from tests.support.cloud_scene import in_modes

if TYPE_CHECKING:
    from tests.support.cloud_scene import Scene

BUS = "mine"


def events(*ids: str, bus: str = BUS) -> bytes:
    """CloudEvents of these ids."""
    rows = [
        {
            "id": one,
            "source": "shop",
            "type": "shop:Order:Created",
            "specversion": "1.0",
            "datacontenttype": "application/json; charset=utf-8",
            "aliyuneventbusname": bus,
            "data": {"n": 7},
        }
        for one in ids
    ]
    return json.dumps(rows).encode()


@in_modes("eventbridge2015")
def test_events_are_put(at: Scene) -> None:
    """Each event is taken by the bus that it names, or refused by itself."""
    at.seed({"eventbridge": {"buses": [{"EventBusName": BUS}]}})
    told = at.does("eventbridge2015", "putEvents", content=events("e-1", "e-2"))
    assert (told["FailedEntryCount"], [row["EventId"] for row in told["EntryList"]]) == (0, ["e-1", "e-2"])
    assert {entry["event"]["id"] for entry in at.became()} == {"e-1", "e-2"}
    lost = at.does("eventbridge2015", "putEvents", content=events("e-3", bus="nobodys"))
    assert lost["FailedEntryCount"] == 1


@in_modes("eventbridge2015")
def test_a_wrong_secret(at: Scene) -> None:
    """A call that is signed with another secret puts nothing."""
    liar = at.signing_with(Keys(secret="wrong"))
    _, code = liar.refuses("eventbridge2015", "putEvents", content=events("e-1", bus="default"))
    assert code == "SignatureDoesNotMatch"
    assert at.became() == []
