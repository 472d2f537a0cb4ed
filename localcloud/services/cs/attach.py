"""AttachInstances for edge clusters: what is refused as a whole, what for one instance, and what is accepted.

Source: "Add existing ENS nodes to a managed edge Kubernetes cluster" and the ENS pages on what such a node
needs. The codes of single instances are not documented; those here are the local cloud's own choice.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from localcloud.conditions.clock import iso_time
from localcloud.errors import Refusal
from localcloud.message import Response, json_response
from localcloud.services.base import NOT_IMPLEMENTED, Call, Moment, invalid
from localcloud.services.cs.model import ATTACH, Cluster, node_record
from localcloud.services.cs.records import NodeRecord
from localcloud.services.ens.model import RUNNING, STARTING, Fleet, Machine

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fctoolkit.jsontypes import JsonObject, JsonValue

MINIMUM_CPU = 2
MINIMUM_MEMORY_MB = 4096
EDGE = "Edge"

LISTED_CENTOS = ((7, 4), (7, 6))

_TAKES_NODES: Final = {"running": {"running"}, "changing": {"running", "scaling", "updating"}}

_CODES: Final = {
    "MISSING": ("404", "InstanceIdNotFound"),
    "STATUS": ("400", "IncorrectInstanceStatus"),
    "SIZE": ("400", "InstanceTypeNotSupported"),
    "SYSTEM": ("400", "ImageNotSupported"),
    "MEMBER": ("400", "InstanceAlreadyInCluster"),
}
"""By what is wrong with an instance, its code as a number and as a name."""

_CENTOS = re.compile(r"centos\D*(?P<major>\d+)(?:\.(?P<minor>\d+))?", re.IGNORECASE)


def attach_instances(call: Call, cluster: Cluster, fleet: Fleet, clusters: Iterable[Cluster]) -> Response:
    """Takes the instances that can join, reloads their machines, and answers a code for each instance.

    A machine that is a node already is accepted and reloaded once more, unless a variant says otherwise: the
    vendor has no idempotency token here, and a second attach does harm. How often it happened is in the
    machine's `attachCount`.
    """
    behaviour = call.moment.behaviour
    instances = _instances(call)
    _refuse_cluster(call, cluster, instances)
    nodepool_id = _nodepool(call, cluster)
    members: set[str] = set()
    if behaviour.attach_repeat != "accepted":
        members = {node.instance_id for one in clusters for node in one.members(call.moment)}
    problems = {
        item: problem
        for place, item in enumerate(instances, start=1)
        if (problem := _problem(item, place, call, fleet)) is not None
    }
    if behaviour.attach_repeat == "refused":
        there = ("MEMBER", "The instance is a node of a cluster already.")
        problems = {item: there for item in instances if item in members} | problems
    left_alone = members | problems.keys()
    accepted = [
        machine for item in instances if item not in left_alone and (machine := fleet.get(item)) is not None
    ]
    records = [_node_of(machine, nodepool_id, cluster, call.moment) for machine in accepted]
    if records:
        task = cluster.attach(records, call.failing_items, call.moment)
    else:
        refused = {item: message for item, (_, message) in problems.items()}
        task = cluster.add_task(ATTACH, 0.0, tuple(instances), refused, call.moment)
    for machine in accepted:
        machine.reload(call.moment)
    rows: list[JsonValue] = []
    for item in instances:
        kind, message = problems.get(item, ("200", "successful"))
        number, name = _CODES.get(kind, (kind, kind))
        if item in problems or behaviour.attach_rows == "all":
            code = name if behaviour.attach_codes == "names" else number
            rows.append({"code": code, "instanceId": item, "message": message})
    return json_response({"list": rows, "task_id": task.task_id}, behaviour.attach_status)


def _instances(call: Call) -> list[str]:
    value = call.body.get("instances")
    if not isinstance(value, list) or not value or not all(isinstance(item, str) and item for item in value):
        raise invalid("instances", "must be a list of at least one instance id")
    instances = [str(item) for item in value]
    if len(set(instances)) != len(instances):
        raise invalid("instances", "names an instance twice")
    most = call.moment.behaviour.attach_most
    if most is not None and len(instances) > most:
        raise invalid("instances", f"takes at most {most} ids, not {len(instances)}")
    return instances


def _refuse_cluster(call: Call, cluster: Cluster, instances: list[str]) -> None:
    """What stands against the request as a whole."""
    edge = call.body.get("is_edge_worker", False)
    if not isinstance(edge, bool):
        raise invalid("is_edge_worker", "must be a boolean")
    if cluster.record["profile"] == EDGE and not edge:
        raise invalid("is_edge_worker", "must be true for a managed edge cluster")
    if cluster.record["profile"] != EDGE and edge:
        raise invalid("is_edge_worker", "must not be true: the cluster is no edge cluster")
    if not edge:
        raise Refusal(
            501, NOT_IMPLEMENTED, "AttachInstances: the local cloud attaches to edge clusters only."
        )
    state = cluster.state(call.moment)
    if state not in _TAKES_NODES[call.moment.behaviour.attach_while]:
        cluster.look(call.moment)
        raise Refusal(400, "ErrorClusterState", f"The cluster is {state}; it takes nodes only while running.")
    quota = call.moment.behaviour.node_quota
    members = {node.instance_id for node in cluster.members(call.moment)}
    if len(members.union(instances)) > quota:
        raise Refusal(403, "QuotaExceeded.Node", f"The cluster may have {quota} nodes.")


def _nodepool(call: Call, cluster: Cluster) -> str:
    asked = str(call.body.get("nodepool_id") or "")
    if not asked:
        return cluster.default_nodepool()
    if asked not in cluster.nodepools:
        raise Refusal(404, "ErrorNodePoolNotFound", f"The node pool {asked} does not exist in the cluster.")
    return asked


def _problem(item: str, place: int, call: Call, fleet: Fleet) -> tuple[str, str] | None:
    """Kind and message when this instance cannot join, else None; a fault gives its code for a kind."""
    if (refused := call.refused(place, item)) is not None:
        return refused, "refused by a fault"
    machine = fleet.get(item)
    if machine is None:
        return "MISSING", f"The instance {item} does not exist."
    cpu, memory = machine.record["Cpu"], machine.record["Memory"]
    status = machine.status(call.moment)
    if status != RUNNING and not (status == STARTING and machine.reloading):
        machine.look(call.moment)
        return "STATUS", f"The instance is {status}, not {RUNNING}."
    if int(str(cpu)) < MINIMUM_CPU or int(str(memory)) < MINIMUM_MEMORY_MB:
        return (
            "SIZE",
            f"It has {cpu} vCPU and {memory} MB; it needs {MINIMUM_CPU} vCPU and {MINIMUM_MEMORY_MB} MB.",
        )
    centos = _CENTOS.search(str(machine.record["OSName"]))
    version = (int(centos["major"]), int(centos["minor"] or 0)) if centos else (0, 0)
    later = call.moment.behaviour.attach_systems == "later"
    if version < LISTED_CENTOS[0] or (not later and version not in LISTED_CENTOS):
        supported = "CentOS 7.4 or later is" if later else "CentOS 7.4 and 7.6 are"
        return "SYSTEM", f"The operating system {machine.record['OSName']} is not supported; {supported}."
    return None


def _node_of(machine: Machine, nodepool_id: str, cluster: Cluster, moment: Moment) -> JsonObject:
    """The node that a machine becomes."""
    record = machine.record
    node = NodeRecord(
        instance_id=machine.instance_id,
        instance_name=str(record["InstanceName"]),
        nodepool_id=nodepool_id,
        instance_type=str(record["SpecName"]),
        image_id=str(record["ImageId"]),
        ip_address=_addresses(record),
        creation_time=iso_time(moment.now),
    )
    return node_record(node, cluster)


def _addresses(record: JsonObject) -> list[str]:
    network = record["NetworkAttributes"]
    private = network.get("PrivateIpAddress") if isinstance(network, dict) else None
    addresses = private.get("IpAddress") if isinstance(private, dict) else None
    return [str(address) for address in addresses] if isinstance(addresses, list) else []
