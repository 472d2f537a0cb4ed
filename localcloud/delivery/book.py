"""What is under way between the platform and the functions, until a reset makes it anew. Runs nothing."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from localcloud.conditions.clock import iso_time
from localcloud.delivery.journal import Journal

if TYPE_CHECKING:
    from fctoolkit.jsontypes import JsonObject, JsonValue
    from localcloud.delivery.routes import Shipment

MOST_LOST: Final = 1000


@dataclass(frozen=True, slots=True)
class Waiting:
    """A shipment before its next try.

    Attributes:
        at: when that is; None while what sends it is blocked.
        error_type: of its last try; empty before the first.
    """

    at: float | None
    shipment: Shipment
    error_type: str = ""


@dataclass(slots=True)
class Book:
    """Not safe for several threads: whoever keeps it locks it.

    Attributes:
        waiting: what will be tried again.
        blocked: rules and queue triggers that stopped at an event that they could not deliver.
        journal: what became of the events.
        under_way: batches that a queue trigger has taken and not finished.
        lost: what could not be delivered and stands in no queue, with the reason; the last ones only.
    """

    waiting: list[Waiting] = field(default_factory=list)
    blocked: set[str] = field(default_factory=set)
    under_way: Counter[str] = field(default_factory=Counter)
    journal: Journal = field(default_factory=Journal)
    lost: deque[JsonObject] = field(default_factory=lambda: deque(maxlen=MOST_LOST))

    def next_at(self) -> float | None:
        """When the first try is due; None when none is."""
        return min((one.at for one in self.waiting if one.at is not None), default=None)

    def take(self, now: float) -> Shipment | None:
        """The shipment whose try is due longest, which waits no more; None when none is due."""
        due = [one for one in self.waiting if one.at is not None and one.at <= now]
        if not due:
            return None
        first = min(due, key=lambda one: one.at or 0.0)
        self.waiting.remove(first)
        return first.shipment

    def forget(self, request_id: str) -> bool:
        """Lets no shipment of FC with this id wait any more; whether one did."""
        kept = [one for one in self.waiting if one.shipment.request_id != request_id]
        found = len(kept) < len(self.waiting)
        self.waiting = kept
        return found

    def block(self, source: str) -> None:
        """Lets nothing of a rule or queue trigger be tried any more."""
        self.blocked.add(source)
        self.waiting = [
            replace(one, at=None) if one.shipment.source == source else one for one in self.waiting
        ]

    def lose(self, shipment: Shipment, error_type: str, why: str, at: float) -> None:
        """Notes what is gone."""
        self.lost.append(
            {
                "function": shipment.function,
                "source": shipment.source,
                "events": [event.decode(errors="replace") for event in shipment.events],
                "tries": shipment.tries,
                "errorType": error_type,
                "why": why,
                "at": iso_time(at),
            }
        )

    def state(self) -> JsonObject:
        """For `state`: what waits, in order, and what is lost."""
        waiting: list[JsonValue] = []
        for one in sorted(self.waiting, key=lambda one: one.at or 0.0):
            row: JsonObject = {
                "function": one.shipment.function,
                "source": one.shipment.source,
                "by": one.shipment.route.name,
                "tries": one.shipment.tries,
                "errorType": one.error_type,
                "next": iso_time(one.at) if one.at is not None else "",
            }
            waiting.append(row)
        return {"waiting": waiting, "blocked": [*sorted(self.blocked)], "lost": [*self.lost]}
