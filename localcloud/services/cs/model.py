"""Clusters with their nodes and tasks, and how they change over time. Knows no API style.

An attach is accepted at once; its task runs for a while, the node list shows the node later still, and the
node is `initial` until the task has ended. All of it is computed when somebody looks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from localcloud.conditions.clock import iso_time
from localcloud.conditions.progress import Change, Looks, look, under_way
from localcloud.services.base import Moment, new_id
from localcloud.services.cs.records import ClusterRecord, NodepoolRecord, NodeRecord, TaskRecord
from localcloud.validation import checked

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from fctoolkit.jsontypes import JsonObject, JsonValue

ATTACH = "cluster_scaleout"
REMOVE = "cluster_scalein"


@dataclass(slots=True)
class Node:
    """One node.

    Attributes:
        record: as DescribeClusterNodes returns it once nothing is under way.
        listing: the node list shows it once this is over.
        joining: it is `initial` until this is over.
        leaving: it is `removing`, and gone once this is over; None when nobody removes it.
        failure: why it does not join; it is `failed` once its task has ended.
    """

    record: JsonObject
    listing: Change | None = None
    joining: Change | None = None
    leaving: Change | None = None
    failure: str = ""

    @property
    def instance_id(self) -> str:
        """The id of the machine behind it."""
        return str(self.record["instance_id"])

    def look(self, moment: Moment) -> None:
        """Its state is looked at."""
        look(moment, self.joining, self.leaving)

    def state(self, moment: Moment) -> str:
        """`initial`, `running`, `removing` or `failed`."""
        if self.leaving is not None:
            return "removing"
        if under_way(self.joining, moment):
            return "initial"
        return "failed" if self.failure else str(self.record["state"])

    def view(self, moment: Moment) -> JsonObject:
        """The node as DescribeClusterNodes returns it now."""
        state = self.state(moment)
        ready = moment.behaviour.node_ready
        not_ready = "false" if ready == "true" else "NotReady"
        return {
            **self.record,
            "state": state,
            "node_status": self.record["node_status"]
            or (ready if state in {"running", "removing"} else not_ready),
            "error_message": self.failure
            if state == "failed" and self.failure
            else self.record["error_message"],
        }


@dataclass(frozen=True, slots=True)
class Task:
    """One task of a cluster.

    Attributes:
        record: as DescribeTaskInfo returns it when it does not change over time.
        change: it runs until this is over; None for a task that stays as it was seeded.
        instances: what it works on.
        failures: instances that fail in it, with their messages.
    """

    record: JsonObject
    change: Change | None = None
    instances: tuple[str, ...] = ()
    failures: Mapping[str, str] = field(default_factory=dict)

    @property
    def task_id(self) -> str:
        """The task id."""
        return str(self.record["task_id"])

    def look(self, moment: Moment) -> None:
        """Its state is looked at."""
        look(moment, self.change)

    def state(self, moment: Moment) -> str:
        """Its state now. A task in which only some instances failed is a success all the same."""
        if self.change is None:
            return str(self.record["state"])
        if not self.change.is_over(moment):
            return "running"
        failed = bool(self.failures) and len(self.failures) == len(self.instances)
        return moment.behaviour.task_failure if failed else moment.behaviour.task_success

    def view(self, moment: Moment) -> JsonObject:
        """The task as DescribeTaskInfo returns it now."""
        if self.change is None:
            return dict(self.record)
        ended = self.change.is_over(moment)
        results: list[JsonValue] = [
            {
                "data": item,
                "status": ("failed" if item in self.failures else "success")
                if ended
                else moment.behaviour.task_initial,
            }
            for item in self.instances
        ]
        view: JsonObject = {
            **self.record,
            "state": self.state(moment),
            "updated": iso_time(self.change.latest(moment)),
            "task_result": results,
        }
        if ended and self.failures:
            item, message = next(iter(self.failures.items()))
            view["error"] = {"code": "TaskFailed", "message": f"{item}: {message}"}
        return view


@dataclass(slots=True)
class Cluster:
    """One cluster, its nodes by instance id, its node pools and tasks by id."""

    record: JsonObject
    creation: Change | None = None
    nodes: dict[str, Node] = field(default_factory=dict)
    nodepools: dict[str, JsonObject] = field(default_factory=dict)
    tasks: dict[str, Task] = field(default_factory=dict)

    @property
    def cluster_id(self) -> str:
        """The cluster id."""
        return str(self.record["cluster_id"])

    def state(self, moment: Moment) -> str:
        """Its state now."""
        return "initial" if under_way(self.creation, moment) else str(self.record["state"])

    def look(self, moment: Moment) -> None:
        """Its state is looked at."""
        look(moment, self.creation)

    def members(self, moment: Moment) -> list[Node]:
        """Every node that is, whether the node list shows it yet or not; forgets those that are gone."""
        for instance_id, node in list(self.nodes.items()):
            if node.leaving is not None and node.leaving.is_over(moment):
                del self.nodes[instance_id]
        return list(self.nodes.values())

    def listed(self, moment: Moment) -> list[Node]:
        """The nodes that the node list shows."""
        return [node for node in self.members(moment) if not under_way(node.listing, moment)]

    def view(self, moment: Moment) -> JsonObject:
        """The cluster as DescribeClusterDetail returns it now."""
        return {**self.record, "state": self.state(moment), "size": len(self.listed(moment))}

    def default_nodepool(self) -> str:
        """The pool of nodes that ask for none."""
        default = (pool_id for pool_id, pool in self.nodepools.items() if _info(pool).get("is_default"))
        return next(default, next(iter(self.nodepools)))

    def nodepool_view(self, nodepool_id: str, moment: Moment) -> JsonObject:
        """The node pool as DescribeClusterNodePools returns it now."""
        states = [
            node.state(moment) for node in self.listed(moment) if node.record["nodepool_id"] == nodepool_id
        ]
        status: JsonObject = {
            "state": "active",
            "total_nodes": len(states),
            "healthy_nodes": states.count("running"),
            "serving_nodes": states.count("running"),
            "initial_nodes": states.count("initial"),
            "removing_nodes": states.count("removing"),
            "failed_nodes": states.count("failed"),
            "offline_nodes": 0,
        }
        return {**self.nodepools[nodepool_id], "status": status}

    def attach(self, records: Sequence[JsonObject], failures: Mapping[str, str], moment: Moment) -> Task:
        """Takes nodes in and returns the task that does it. A node that is one already joins once more."""
        behaviour = moment.behaviour
        joining = tuple(str(record["instance_id"]) for record in records)
        failing = {instance_id: failures[instance_id] for instance_id in joining if instance_id in failures}
        task = self.add_task(ATTACH, behaviour.node_joining, joining, failing, moment)
        listing = Change(moment.now, behaviour.node_listing)
        for record in records:
            instance_id = str(record["instance_id"])
            known = self.nodes.get(instance_id)
            self.nodes[instance_id] = Node(
                record,
                listing=known.listing if known else listing,
                joining=task.change,
                failure=failing.get(instance_id, ""),
            )
        return task

    def remove(self, nodes: Iterable[Node], moment: Moment) -> Task:
        """Lets nodes leave and returns the task that does it."""
        leaving = list(nodes)
        ids = tuple(node.instance_id for node in leaving)
        task = self.add_task(REMOVE, moment.behaviour.node_removal, ids, {}, moment)
        for node in leaving:
            node.leaving = task.change
        return task

    def add_task(
        self,
        task_type: str,
        pace: float | Looks,
        instances: tuple[str, ...],
        failures: Mapping[str, str],
        moment: Moment,
    ) -> Task:
        """Notes a task that runs for so long."""
        record = TaskRecord(
            task_id=new_id("T-", 24),
            cluster_id=self.cluster_id,
            task_type=task_type,
            created=iso_time(moment.now),
        )
        task = Task(record.model_dump(exclude_none=True), Change(moment.now, pace), instances, failures)
        self.tasks[task.task_id] = task
        return task


def seeded(value: JsonValue, where: str, moment: Moment) -> Cluster:
    """A cluster from a seed. Its nodes and tasks stay in the states they were seeded with."""
    checked_record = checked(ClusterRecord, value, where)
    record: JsonObject = checked_record.model_dump(exclude={"nodes", "nodepools", "tasks"})
    record["created"] = record["created"] or iso_time(moment.now)
    cluster = Cluster(record)
    for pool in checked_record.nodepools or [default_nodepool(cluster, moment)]:
        cluster.nodepools[pool.nodepool_info.nodepool_id] = pool.model_dump(exclude={"status"})
    for node in checked_record.nodes:
        cluster.nodes[node.instance_id] = Node(node_record(node, cluster))
    for task in checked_record.tasks:
        cluster.tasks[task.task_id] = Task(
            {**task.model_dump(exclude_none=True), "cluster_id": cluster.cluster_id}
        )
    return cluster


def node_record(node: NodeRecord, cluster: Cluster) -> JsonObject:
    """A node's record with what follows from its instance and its cluster."""
    return node.model_copy(
        update={
            "node_name": node.node_name or node.instance_id,
            "nodepool_id": node.nodepool_id or cluster.default_nodepool(),
        }
    ).model_dump()


def default_nodepool(cluster: Cluster, moment: Moment) -> NodepoolRecord:
    """The node pool a cluster has when nobody made one."""
    info: JsonObject = {
        "nodepool_id": f"np-{cluster.cluster_id}-default",
        "name": "default-nodepool",
        "is_default": True,
        "region_id": cluster.record["region_id"],
        "created": iso_time(moment.now),
        "updated": iso_time(moment.now),
    }
    return checked(NodepoolRecord, {"nodepool_info": info}, "nodepool")


def _info(pool: JsonObject) -> JsonObject:
    info = pool["nodepool_info"]
    return info if isinstance(info, dict) else {}
