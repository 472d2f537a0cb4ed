"""An account and the events about it, made from a seed: clusters, machines, deliveries. Runs nothing."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import Any, Final

from tests.support.product import EDGE_BINDING, ENS_ID, cluster, ens_instance, sample

SHAPES: Final = (
    "ens-custom.json",
    "ens-cloudmonitor-native.json",
    "ens-cloudmonitor-eventbridge.json",
    "ens-actiontrail-run-instances.json",
    "mns-wrapped.json",
)
"""Samples about one ENS machine, whose id is replaced."""

CLUSTERS: Final = 3
MACHINES_PER_EVENT: Final = 0.3
LOST: Final = 0.05
"""Of the machines; no event names them, so that a sweep has to find them."""
LATE: Final = 0.1
"""Of the machines; they are Starting at first."""
UNBOUND: Final = 6
LARGEST_BATCH: Final = 40


@dataclass(frozen=True, slots=True)
class Account:
    """What there is, and what is delivered.

    Attributes:
        seed: for the local cloud.
        bindings: packed, one for each cluster, and one in mode plan.
        belongs: where each machine has to end, by id; None for nowhere.
        deliveries: payloads of invocations, one event or an array of them, in the order of delivery.
        events: how many events are in the deliveries.
    """

    seed: dict[str, Any]
    bindings: dict[str, Any]
    belongs: dict[str, str | None]
    deliveries: tuple[bytes, ...]
    events: int


def make(seed: int, *, machines: int, events: int) -> Account:
    """An account with so many machines that belong somewhere, and so many events, duplicates included.

    A tenth of the events is an exact repeat of an earlier one, and each machine but the lost ones is named
    in several.
    """
    chance = random.Random(seed)  # noqa: S311 -- no secret
    clusters = [f"c{number}workers" for number in range(CLUSTERS)]
    belongs: dict[str, str | None] = {
        f"i-worker{number:05}": chance.choice(clusters) for number in range(machines)
    }
    others = {f"i-other{number:05}": None for number in range(UNBOUND)}
    named = [one for one in belongs if chance.random() >= LOST]
    all_events = _events(chance, [*named, *others], events)
    return Account(
        seed={
            "cs": {"clusters": [cluster(one) for one in clusters]},
            "ens": {"instances": _machines(chance, belongs | others)},
        },
        bindings={
            "edge": [
                *(_binding(one, mode="apply", tag=one) for one in clusters),
                _binding(clusters[0], mode="plan", tag="only-told"),
            ],
            "search": [],
        },
        belongs=belongs | others,
        deliveries=_deliveries(chance, all_events),
        events=len(all_events),
    )


def _binding(target: str, *, mode: str, tag: str) -> dict[str, Any]:
    return {
        **EDGE_BINDING,
        "name": tag,
        "match": {"tags": {"enlist": [tag]}},
        "cluster": target,
        "mode": mode,
        "max_per_run": 100,
    }


def _machines(chance: random.Random, belongs: dict[str, str | None]) -> list[dict[str, Any]]:
    return [
        ens_instance(
            one,
            Status="Starting" if chance.random() < LATE else "Running",
            Tags={"Tags": [{"TagKey": "enlist", "TagValue": target or chance.choice(["only-told", "none"])}]},
        )
        for one, target in belongs.items()
    ]


def _events(chance: random.Random, machines: list[str], count: int) -> list[dict[str, Any]]:
    """Events in which each machine is named, as often as the count allows, in a random order."""
    repeats = count // 10
    events: list[dict[str, Any]] = []
    while len(events) < count - repeats:
        events += [_about(chance, one, machines) for one in chance.sample(machines, len(machines))]
    del events[count - repeats :]
    events += chance.choices(events, k=repeats)
    chance.shuffle(events)
    return events


def _about(chance: random.Random, one: str, machines: list[str]) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(sample(chance.choice(SHAPES)).replace(ENS_ID.encode(), one.encode()))
    if event.get("source") == "enlist.custom" and chance.random() < MACHINES_PER_EVENT:
        event["data"]["instanceIds"] += chance.sample(machines, 3)
    event["id"] = f"event-{chance.getrandbits(64):016x}"
    return event


def _deliveries(chance: random.Random, events: list[dict[str, Any]]) -> tuple[bytes, ...]:
    """Half of them are one event, half are arrays of events, as a queue delivers them."""
    deliveries: list[bytes] = []
    place = 0
    while place < len(events):
        size = 1 if chance.random() < 0.5 else chance.randint(2, LARGEST_BATCH)
        some = events[place : place + size]
        deliveries.append(json.dumps(some if size > 1 else some[0]).encode())
        place += size
    return tuple(deliveries)
