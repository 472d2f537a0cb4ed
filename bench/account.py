"""An account full of ready machines, the bindings that say where each belongs, and the events about them.

Data only: knows no function. Machines are spread evenly, each cluster has its own binding.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from fctoolkit.jsontypes import JsonObject, JsonValue

REGION = "cn-hangzhou"
HOME = "home"
"""The tag by which bindings choose machines."""


@dataclass(frozen=True, slots=True)
class Account:
    """Machines that are ready and no nodes yet.

    Attributes:
        machines: how many.
        clusters: over how many clusters they are spread.
        max_per_run: of every binding.
        node_quota: nodes that a cluster may have.
    """

    machines: int
    clusters: int
    max_per_run: int
    node_quota: int

    @property
    def homes(self) -> dict[str, str]:
        """The cluster each machine belongs to; machines of one cluster follow each other."""
        return {
            f"i-{number:07}": _cluster_id(number * self.clusters // self.machines)
            for number in range(self.machines)
        }

    def seed(self) -> JsonObject:
        """The account as the local cloud takes it."""
        machines: list[JsonValue] = [_machine(one, home) for one, home in self.homes.items()]
        clusters: list[JsonValue] = [
            {"cluster_id": _cluster_id(number), "region_id": REGION, "profile": "Edge", "state": "running"}
            for number in range(self.clusters)
        ]
        return {
            "ens": {"instances": machines},
            "cs": {"clusters": clusters},
            "behaviour": {"node_quota": self.node_quota},
        }

    def bindings(self) -> JsonObject:
        """One binding for each cluster."""
        edge: list[JsonValue] = [
            {
                "name": f"edge-{number}",
                "match": {"tags": {HOME: [_cluster_id(number)]}},
                "cluster": _cluster_id(number),
                "region": REGION,
                "mode": "apply",
                "max_per_run": self.max_per_run,
            }
            for number in range(self.clusters)
        ]
        return {"edge": edge, "search": []}

    def batches(self, size: int, *, shuffled: bool = False) -> Iterator[tuple[str, ...]]:
        """The machines in runs of at most `size`: cluster by cluster, or in one order of chance."""
        ids = [*self.homes]
        if shuffled:
            Random(size).shuffle(ids)  # noqa: S311 - no secret is made of it
        for start in range(0, len(ids), size):
            yield tuple(ids[start : start + size])


def batch_event(instance_ids: Sequence[str]) -> bytes:
    """An event in a queue for each of the machines, as an array: what s.batch.yaml delivers."""
    return json.dumps([_message(_ready(one)) for one in instance_ids]).encode()


def timer_event() -> bytes:
    """A tick of the timer."""
    return json.dumps(
        {"triggerTime": "2026-11-22T12:00:00Z", "triggerName": "sweep", "payload": "sweep"}
    ).encode()


def places(state: Mapping[str, JsonValue]) -> tuple[dict[str, list[str]], dict[str, int]]:
    """From a state: the clusters in which each machine is a node, and how often each was attached."""
    seen = json.loads(json.dumps(state))
    nodes: dict[str, list[str]] = {}
    for cluster in seen["cs"]["clusters"]:
        for node in cluster["nodes"]:
            nodes.setdefault(node["instance_id"], []).append(cluster["cluster_id"])
    return nodes, {one["InstanceId"]: one["attachCount"] for one in seen["ens"]["instances"]}


def _cluster_id(number: int) -> str:
    return f"c{number:032x}"


def _machine(instance_id: str, home: str) -> JsonObject:
    return {
        "InstanceId": instance_id,
        "EnsRegionId": "cn-hangzhou-cmcc",
        "Status": "Running",
        "Cpu": "4",
        "Memory": 8192,
        "OSName": "CentOS 7.6 64bit",
        "CreationTime": "2026-11-20T00:00:00Z",
        "Tags": {"Tags": [{"TagKey": HOME, "TagValue": home}]},
    }


def _ready(instance_id: str) -> JsonObject:
    return {
        "id": f"event-{instance_id}",
        "source": "enlist.custom",
        "type": "ens:Instance:Ready",
        "specversion": "1.0",
        "data": {"instanceId": instance_id},
    }


def _message(event: JsonObject) -> JsonObject:
    return {
        "id": f"message-{event['id']}",
        "source": "MNS-enlist-from-queue",
        "type": "mns:Queue:SendMessage",
        "specversion": "1.0",
        "data": {"requestId": "r", "messageId": "m", "messageBody": json.dumps(event)},
    }
