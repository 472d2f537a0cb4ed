"""Elasticsearch instances, their connections and remembered client tokens. Knows no API style.

A connection belongs to the pair: whichever side asked, both see it. What time does is computed when asked.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from localcloud.conditions.clock import iso_time
from localcloud.conditions.progress import Change, Looks, look, under_way
from localcloud.services.base import Moment, new_id
from localcloud.services.elasticsearch.records import InstanceRecord
from localcloud.validation import checked

if TYPE_CHECKING:
    from fctoolkit.jsontypes import JsonObject, JsonValue
    from localcloud.message import Response

ACTIVE = "active"
ACTIVATING = "activating"


@dataclass(slots=True)
class Instance:
    """One Elasticsearch instance.

    Attributes:
        record: as DescribeInstance returns it once nothing is under way.
        activating: it is `activating` until all of these are over, whatever the record says.
    """

    record: JsonObject
    activating: tuple[Change, ...] = ()

    @property
    def instance_id(self) -> str:
        """The instance id."""
        return str(self.record["instanceId"])

    def network(self, key: str) -> str:
        """A value of `networkConfig`, such as `vpcId`; empty when it is not there."""
        config = self.record["networkConfig"]
        return str(config.get(key) or "") if isinstance(config, dict) else ""

    @property
    def region(self) -> str:
        """The region of its zone, or empty when no zone is known."""
        return self.network("vsArea").rpartition("-")[0]

    def look(self, moment: Moment) -> None:
        """Its status is looked at."""
        look(moment, *self.activating)

    def status(self, moment: Moment) -> str:
        """Its status now."""
        if any(under_way(change, moment) for change in self.activating):
            return ACTIVATING
        return str(self.record["status"])

    def tags(self) -> dict[str, str]:
        """Its tags."""
        tags = self.record["tags"]
        rows = tags if isinstance(tags, list) else []
        return {str(row["tagKey"]): str(row["tagValue"]) for row in rows if isinstance(row, dict)}

    def view(self, moment: Moment) -> JsonObject:
        """The instance as DescribeInstance returns it now."""
        return {**self.record, "status": self.status(moment)}

    def activate(self, pace: float | Looks, moment: Moment) -> None:
        """Lets it be `activating` for so long and `active` after that."""
        self.record["status"] = ACTIVE
        going_on = (change for change in self.activating if not change.is_over(moment))
        self.activating = (*going_on, Change(moment.now, pace))


@dataclass(frozen=True, slots=True)
class Remembered:
    """A request that bore a clientToken, and what was answered."""

    request: str
    answer: Response
    at: float


class Tokens:
    """The client tokens that are still remembered."""

    def __init__(self) -> None:
        self._remembered: dict[str, Remembered] = {}

    def recall(self, token: str, moment: Moment) -> Remembered | None:
        """What the token was used for, unless that was too long ago."""
        known = self._remembered.get(token)
        if known is None or moment.now >= known.at + moment.behaviour.token_memory_seconds:
            return None
        return known

    def remember(self, token: str, request: str, answer: Response, moment: Moment) -> None:
        """Notes what the token was used for."""
        self._remembered[token] = Remembered(request, answer, moment.now)


@dataclass(slots=True)
class Connections:
    """Which pairs are connected, and how often each pair was."""

    pairs: set[frozenset[str]] = field(default_factory=set)
    counts: dict[frozenset[str], int] = field(default_factory=dict)

    def connect(self, one: str, other: str) -> None:
        """Connects a pair and counts it, also when it is connected already."""
        pair = frozenset((one, other))
        self.pairs.add(pair)
        self.counts[pair] = self.counts.get(pair, 0) + 1

    def disconnect(self, one: str, other: str) -> bool:
        """Disconnects a pair; False when it was not connected."""
        pair = frozenset((one, other))
        known = pair in self.pairs
        self.pairs.discard(pair)
        return known

    def peers(self, instance_id: str) -> list[str]:
        """The ids an instance is connected with, sorted."""
        return sorted(peer for pair in self.pairs if instance_id in pair for peer in pair - {instance_id})

    def counted(self, instance_id: str) -> dict[str, int]:
        """By id, how often the instance was connected with another."""
        return {
            peer: count
            for pair, count in self.counts.items()
            if instance_id in pair
            for peer in sorted(pair - {instance_id})
        }


def seeded(value: JsonValue, where: str, moment: Moment) -> tuple[Instance, InstanceRecord]:
    """An instance from a seed, and the seed with its connections.

    One that is seeded `activating` becomes `active` as a new one does.
    """
    checked_record = checked(InstanceRecord, value, where)
    record: JsonObject = checked_record.model_dump(exclude={"connectedClusters", "connectCount"})
    record["createdAt"] = record["createdAt"] or iso_time(moment.now)
    record["updatedAt"] = record["updatedAt"] or record["createdAt"]
    instance = Instance(record)
    if record["status"] == ACTIVATING:
        instance.activate(moment.behaviour.es_activation, moment)
    return instance, checked_record


def created(given: JsonObject, moment: Moment) -> Instance:
    """An instance as createInstance makes it: `activating` first."""
    record = {**given, "instanceId": new_id("es-cn-", 20), "status": ACTIVATING}
    return seeded(record, "body", moment)[0]
