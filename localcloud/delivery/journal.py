"""What became of each event on a bus: which rules took it, why others did not, and what the tries came to.

Keeps the last events only. Not safe for several threads: whoever keeps it locks it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from localcloud.conditions.clock import iso_time

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fctoolkit.jsontypes import JsonObject, JsonValue
    from localcloud.delivery.bus import Receipt, Rule
    from localcloud.runtime import Invocation

MOST_EVENTS: Final = 1000
LONGEST_RESULT: Final = 1000
"""Characters that are kept of what a function returned."""

AGAIN: Final = "tried again at"


@dataclass(frozen=True, slots=True)
class DeliveryRecord:
    """One try to deliver.

    Attributes:
        source: the rule, queue trigger or timer, named as FC names it: `<function>-<trigger>`; or
            `InvokeFunction`; of a rule that FC did not make `<bus>/<rule>/<target>`.
        function: the function's resource key; empty for other targets.
        tries: how many there were, with this one.
        then: what follows, in words.
    """

    source: str
    function: str
    invocation: Invocation
    tries: int = 1
    then: str = "delivered"

    @property
    def over(self) -> bool:
        """Whether there will be no further try."""
        return not self.then.startswith(AGAIN)

    def told(self) -> JsonObject:
        """The same in JSON, for who put the event on the bus."""
        return {
            "rule": self.source,
            "function": self.function,
            "requestId": self.invocation.request_id,
            "errorType": self.invocation.error_type,
            "result": self.invocation.payload.decode(errors="replace"),
            "durationMs": round(self.invocation.duration * 1000),
            "cold": self.invocation.cold,
            "then": self.then,
        }


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to deliver an event to a target.

    Attributes:
        at: when it was over, seconds since the epoch.
        ok: whether it was delivered.
        told: what there is to say of it.
    """

    at: float
    ok: bool
    told: JsonObject


@dataclass(slots=True)
class Entry:
    """An event that was put on a bus.

    Attributes:
        number: tells it from others, also from the same event on another bus.
        at: when it came, seconds since the epoch.
        attempts: by what deliveries to the target are known by.
    """

    number: int
    receipt: Receipt
    at: float
    attempts: dict[str, list[Attempt]] = field(default_factory=dict)

    def told(self) -> JsonObject:
        """The event, and each rule's answer with each target's deliveries."""
        rules: list[JsonValue] = [self._taken(rule) for rule in self.receipt.matched]
        rules.extend(
            {"rule": miss.rule.name, "matched": False, "reason": miss.reason} for miss in self.receipt.missed
        )
        return {
            "bus": self.receipt.bus,
            "receivedAt": iso_time(self.at),
            "event": self.receipt.event,
            "rules": rules,
        }

    def _taken(self, rule: Rule) -> JsonObject:
        targets: list[JsonValue] = [
            {
                "target": target.id,
                "type": target.kind,
                "endpoint": target.endpoint,
                "deliveries": [attempt.told for attempt in self.attempts.get(rule.source(target), ())],
            }
            for target in rule.targets
        ]
        return {"rule": rule.name, "matched": True, "targets": targets}


class Journal:
    """The events that came, in order."""

    def __init__(self) -> None:
        self._entries: dict[int, Entry] = {}
        self._count = 0

    def note(self, receipt: Receipt, at: float) -> int:
        """Notes an event that came, and returns its number."""
        self._count += 1
        self._entries[self._count] = Entry(self._count, receipt, at)
        if len(self._entries) > MOST_EVENTS:
            del self._entries[next(iter(self._entries))]
        return self._count

    def tell(self, number: int, source: str, attempt: Attempt) -> None:
        """Notes a try; nothing when the event is forgotten, or was on no bus."""
        entry = self._entries.get(number)
        if entry is not None:
            entry.attempts.setdefault(source, []).append(attempt)

    def entries(self, event_id: str = "", bus: str = "") -> Iterator[Entry]:
        """Those of an event's id, or of all, and on a bus, or on all."""
        for entry in self._entries.values():
            if bus in {"", entry.receipt.bus} and event_id in {"", entry.receipt.event.get("id")}:
                yield entry


def shortened(told: JsonObject) -> JsonObject:
    """What is kept of a try: a long result is cut."""
    result = told.get("result")
    return {**told, "result": result[:LONGEST_RESULT]} if isinstance(result, str) else told
