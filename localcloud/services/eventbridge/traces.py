"""What the vendor's queries tell of the events that came. Pure.

The statuses of pushes are no documented list; here they are the local cloud's words for what follows a try.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fctoolkit.jsontypes import JsonObject, JsonValue
    from localcloud.delivery.journal import Entry


def summary(entry: Entry) -> JsonObject:
    """An event as QueryTracedEvents lists it."""
    event = entry.receipt.event
    return {
        "EventBusName": entry.receipt.bus,
        "EventId": event["id"],
        "EventReceivedTime": _milliseconds(entry.at),
        "EventSource": event["source"],
        "EventType": event["type"],
    }


def traces(entry: Entry) -> Iterator[JsonValue]:
    """An event's way as QueryEventTraces tells it: put, filtered by each rule that matched, pushed."""
    event, came = entry.receipt.event, _milliseconds(entry.at)
    common: JsonObject = {
        "EventBusName": entry.receipt.bus,
        "EventId": event["id"],
        "EventSource": event["source"],
    }
    yield {**common, "Action": "PutEvent", "ActionTime": came, "ReceivedTime": came}
    for rule in entry.receipt.matched:
        matched: JsonObject = {**common, "RuleName": rule.name, "RuleMatchingTime": str(came)}
        yield {**matched, "Action": "FilterEvent", "ActionTime": came}
        for target in rule.targets:
            for attempt in entry.attempts.get(rule.source(target), ()):
                at = _milliseconds(attempt.at)
                yield {
                    **common,
                    "RuleName": rule.name,
                    "Action": "PushEvent",
                    "ActionTime": at,
                    "Endpoint": target.endpoint,
                    "NotifyTime": at,
                    "NotifyLatency": str(at - came),
                    "NotifyStatus": attempt.told["then"],
                }


def _milliseconds(at: float) -> int:
    return int(at * 1000)
