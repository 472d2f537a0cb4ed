"""The account that the demo plays in: who is there, and where each must be in the end. Data only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fctoolkit.jsontypes import JsonObject, JsonValue

CLUSTER = "c1f0a2b3c4d5e6f708192a3b4c5d6e7f8"
OTHER_CLUSTER = "c2a9b8c7d6e5f4a3b2c1d0e9f8a7b6c5d"
HUB = "es-cn-hub000000000001"

DEAD_LETTERS = "enlist-dev-dead-letters"

NEW = "i-5ens00000000000001"
SLOW = "i-5slow0000000000002"
LOST = "i-5lost0000000000003"
HELD = "i-5held0000000000004"
SMALL = "i-5smal0000000000005"
OLD = "i-5oldd0000000000006"
TAKEN = "i-5take0000000000007"
PLAIN = "i-5plan0000000000008"

LOGS = "es-cn-logs000000000001"
METRICS = "es-cn-metrics00000001"
FOREIGN = "es-cn-foreign00000001"


@dataclass(frozen=True, slots=True)
class Ending:
    """Where one instance must be in the end, and why, for the last table.

    Attributes:
        instance_id: the instance.
        place: cluster or peer that it belongs to; empty when it must be left alone.
        why: what its story shows.
    """

    instance_id: str
    place: str
    why: str


ENDINGS = (
    Ending(NEW, CLUSTER, "its event came twice"),
    Ending(SLOW, CLUSTER, "was still starting when its event came; the timer finished it"),
    Ending(LOST, CLUSTER, "its event never came; the timer found it"),
    Ending(HELD, "", "left alone: somebody tagged it enlist:hold"),
    Ending(SMALL, "", "left alone: 1 vCPU is too small for a node; its event became a dead letter"),
    Ending(OLD, "", "left alone: it was there before created_after"),
    Ending(TAKEN, OTHER_CLUSTER, "left alone: a node of another cluster"),
    Ending(PLAIN, "", "left alone: without the tag no binding matches"),
    Ending(METRICS, HUB, "connected as soon as its event came"),
    Ending(LOGS, HUB, "was still activating when its event came; the timer finished it"),
    Ending(FOREIGN, "", "left alone: in another VPC no binding matches"),
)


def seed() -> JsonObject:
    """The account at the start, as the local cloud takes it."""
    machines: list[JsonValue] = [
        machine(NEW),
        machine(SLOW, Status="Starting"),
        machine(LOST),
        machine(HELD, tags={"enlist": "edge-worker", "enlist:hold": "being repaired"}),
        machine(SMALL, Cpu="1"),
        machine(OLD, CreationTime="2026-03-01T08:00:00Z"),
        machine(TAKEN),
        machine(PLAIN, tags={}),
    ]
    taken: JsonObject = {"instance_id": TAKEN, "state": "running"}
    return {
        "cs": {"clusters": [cluster(CLUSTER, []), cluster(OTHER_CLUSTER, [taken])]},
        "ens": {"instances": machines},
        "mns": {"queues": [{"QueueName": DEAD_LETTERS}]},
        "elasticsearch": {
            "instances": [
                search(HUB, tags={}, createdAt="2026-01-10T08:00:00Z"),
                search(LOGS, status="activating"),
                search(METRICS),
                search(FOREIGN, vpc="vpc-other"),
            ]
        },
    }


def a_minute_later() -> JsonObject:
    """What becomes ready by itself meanwhile."""
    return {"ens": {"instances": [machine(SLOW)]}, "elasticsearch": {"instances": [search(LOGS)]}}


def machine(instance_id: str, *, tags: dict[str, str] | None = None, **changes: JsonValue) -> JsonObject:
    """An ENS instance as DescribeInstances returns it."""
    told = {"enlist": "edge-worker"} if tags is None else tags
    return {
        "InstanceId": instance_id,
        "EnsRegionId": "cn-hangzhou-cmcc",
        "Status": "Running",
        "Cpu": "4",
        "Memory": 8192,
        "OSName": "CentOS 7.6 64bit",
        "CreationTime": "2026-11-20T08:00:00Z",
        "Tags": {"Tags": [{"TagKey": key, "TagValue": value} for key, value in told.items()]},
        **changes,
    }


def search(
    instance_id: str, *, tags: dict[str, str] | None = None, vpc: str = "vpc-logs", **changes: JsonValue
) -> JsonObject:
    """An Elasticsearch instance as DescribeInstance returns it."""
    told = {"enlist": "logs"} if tags is None else tags
    return {
        "instanceId": instance_id,
        "status": "active",
        "esVersion": "7.10.0_with_X-Pack",
        "archType": "exclusive",
        "networkConfig": {"type": "vpc", "vpcId": vpc, "vswitchId": "vsw-1", "vsArea": "cn-hangzhou-i"},
        "createdAt": "2026-11-20T08:00:00Z",
        "tags": [{"tagKey": key, "tagValue": value} for key, value in told.items()],
        **changes,
    }


def cluster(cluster_id: str, nodes: list[JsonValue]) -> JsonObject:
    """A running managed edge cluster."""
    return {
        "cluster_id": cluster_id,
        "region_id": "cn-hangzhou",
        "profile": "Edge",
        "state": "running",
        "nodes": nodes,
    }
