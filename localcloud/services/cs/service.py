"""Container Service 2015-12-15, ROA style: clusters, node pools, nodes and tasks.

Source: the vendor's CS API reference and request metadata. What AttachInstances does is in `attach`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from localcloud.conditions.clock import iso_time
from localcloud.conditions.progress import look, under_way
from localcloud.errors import Refusal
from localcloud.message import Response, json_response
from localcloud.services.base import (
    NOT_IMPLEMENTED,
    REQUEST_ID_HEADER,
    SAME_CODES,
    Call,
    Handler,
    Moment,
    integer,
    invalid,
    json_strings,
    new_id,
    page_of,
    required_text,
)
from localcloud.services.cs.attach import attach_instances
from localcloud.services.cs.model import Cluster, Node, Task, seeded
from localcloud.services.cs.records import NodepoolRecord
from localcloud.validation import as_list, checked, only

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from fctoolkit.jsontypes import JsonObject, JsonValue
    from localcloud.conditions.behaviour import Behaviour
    from localcloud.services.ens.model import Fleet

MAXIMUM_PAGE = 100
LISTED_OF_TASKS = frozenset({"task_id", "task_type", "state", "created", "updated", "error"})
NODE_STATES = frozenset({"all", "running", "removing", "initial", "failed"})


class _Changing(Protocol):
    """What a list shows: a cluster, a node or a task."""

    def look(self, moment: Moment) -> None: ...

    def view(self, moment: Moment) -> JsonObject: ...


class CsService:
    """Container Service over the clusters and, for AttachInstances, the ENS fleet."""

    name = "cs"
    request_id_header = REQUEST_ID_HEADER
    error_codes = SAME_CODES

    def __init__(self, fleet: Fleet, behaviour: Callable[[], Behaviour]) -> None:
        self._fleet = fleet
        self._behaviour = behaviour
        self._clusters: dict[str, Cluster] = {}
        self.actions: Mapping[str, Handler] = {
            "AttachInstances": self._attach_instances,
            "CreateCluster": self._create_cluster,
            "CreateClusterNodePool": self._create_cluster_node_pool,
            "DeleteClusterNodes": self._delete_cluster_nodes,
            "DescribeClusterDetail": self._describe_cluster_detail,
            "DescribeClusterNodePoolDetail": self._describe_cluster_node_pool_detail,
            "DescribeClusterNodePools": self._describe_cluster_node_pools,
            "DescribeClusterNodes": self._describe_cluster_nodes,
            "DescribeClusterTasks": self._describe_cluster_tasks,
            "DescribeClustersV1": self._describe_clusters_v1,
            "DescribeTaskInfo": self._describe_task_info,
            "DescribeUserQuota": self._describe_user_quota,
        }

    def error_response(self, refusal: Refusal, request_id: str, host: str) -> Response:  # noqa: ARG002 - CS names no host
        """`code` and `message` in lower camel case, with the status repeated."""
        numbers = self._behaviour().cs_codes == "numbers"
        body: JsonObject = {
            "code": str(refusal.status) if numbers else refusal.code,
            "message": refusal.message,
            "requestId": request_id,
            "status": refusal.status,
        }
        return json_response(body, refusal.status)

    def seed(self, records: JsonObject, moment: Moment) -> Callable[[], None]:
        """Takes `{"clusters": […]}`; a cluster of a known id is replaced with its nodes and tasks."""
        only(records, frozenset({"clusters"}), "cs")
        values = as_list(records.get("clusters", []), "cs.clusters")
        clusters = [seeded(value, f"cs.clusters[{index}]", moment) for index, value in enumerate(values)]

        def place() -> None:
            for cluster in clusters:
                self._clusters[cluster.cluster_id] = cluster

        return place

    def state(self, moment: Moment) -> JsonObject:
        """`{"clusters": […]}`: each with its `nodes` (those not listed yet too), `nodepools` and `tasks`."""
        clusters: list[JsonValue] = []
        for cluster in self._clusters.values():
            nodes: list[JsonValue] = [node.view(moment) for node in cluster.members(moment)]
            pools: list[JsonValue] = [cluster.nodepool_view(pool_id, moment) for pool_id in cluster.nodepools]
            tasks: list[JsonValue] = [task.view(moment) for task in cluster.tasks.values()]
            clusters.append({**cluster.view(moment), "nodes": nodes, "nodepools": pools, "tasks": tasks})
        return {"clusters": clusters}

    def _attach_instances(self, call: Call) -> Response:
        return attach_instances(call, self._cluster(call), self._fleet, self._clusters.values())

    def _describe_cluster_detail(self, call: Call) -> Response:
        cluster = self._cluster(call)
        cluster.look(call.moment)
        return json_response(cluster.view(call.moment))

    def _describe_clusters_v1(self, call: Call) -> Response:
        """`name` matches any part of the name, the other filters the whole value."""
        equal = ("cluster_id", "cluster_type", "cluster_spec", "profile", "region_id")
        clusters = [
            cluster
            for cluster in self._clusters.values()
            if call.query.get("name", "") in str(cluster.record["name"])
            and all(cluster.record[key] == call.query[key] for key in equal if call.query.get(key))
        ]
        return _paged(call, "clusters", clusters, "page_info")

    def _describe_cluster_nodes(self, call: Call) -> Response:
        """`nodepool_id` makes `instanceIds` ignored, as at the vendor's."""
        cluster = self._cluster(call)
        state = call.query.get("state") or "all"
        if state not in NODE_STATES:
            raise invalid("state", f"must be one of {', '.join(sorted(NODE_STATES))}, not {state!r}")
        wanted = _wanted(call, cluster.members(call.moment))
        look(call.moment, *(node.listing for node in wanted))
        nodes = [node for node in wanted if not under_way(node.listing, call.moment)]
        if state != "all":
            # Also a node that its state alone keeps off the list was looked at.
            for node in nodes:
                node.look(call.moment)
            nodes = [node for node in nodes if node.state(call.moment) == state]
        return _paged(call, "nodes", nodes, "page", number_name="pageNumber", size_name="pageSize")

    def _describe_cluster_tasks(self, call: Call) -> Response:
        """A list entry names no instances; DescribeTaskInfo does."""
        tasks = [*reversed(self._cluster(call).tasks.values())]
        extra: JsonObject = {"requestId": call.request_id}
        return _paged(call, "tasks", tasks, "page_info", shown=LISTED_OF_TASKS, extra=extra)

    def _describe_task_info(self, call: Call) -> Response:
        task_id = call.path["task_id"]
        for cluster in self._clusters.values():
            if task_id in cluster.tasks and _in_region(cluster, call):
                task = cluster.tasks[task_id]
                task.look(call.moment)
                return json_response(task.view(call.moment))
        raise Refusal(404, "ErrorTaskNotFound", f"The task {task_id} does not exist{_there(call)}.")

    def _describe_cluster_node_pools(self, call: Call) -> Response:
        cluster = self._cluster(call)
        views = [cluster.nodepool_view(pool_id, call.moment) for pool_id in cluster.nodepools]
        name = call.query.get("NodepoolName")
        pools: list[JsonValue] = [view for view in views if not name or _pool_name(view) == name]
        return json_response({"nodepools": pools})

    def _describe_cluster_node_pool_detail(self, call: Call) -> Response:
        cluster = self._cluster(call)
        nodepool_id = call.path["NodepoolId"]
        if nodepool_id not in cluster.nodepools:
            raise Refusal(404, "ErrorNodePoolNotFound", f"The node pool {nodepool_id} does not exist.")
        return json_response(cluster.nodepool_view(nodepool_id, call.moment))

    def _describe_user_quota(self, call: Call) -> Response:
        return json_response(
            {
                "amk_cluster_quota": 50,
                "ask_cluster_quota": 50,
                "cluster_quota": 50,
                "cluster_nodepool_quota": 20,
                "node_quota": call.moment.behaviour.node_quota,
            }
        )

    def _create_cluster(self, call: Call) -> Response:
        """Of the many fields, those that DescribeClusterDetail shows again have an effect here."""
        shown = ("cluster_type", "cluster_spec", "profile", "tags")
        record: JsonObject = {key: call.body[key] for key in shown if key in call.body}
        record |= {
            "cluster_id": new_id("c", 32),
            "name": required_text(call, "name"),
            "region_id": required_text(call, "region_id"),
            "vpc_id": call.body.get("vpcid") or "vpc-local",
        }
        cluster = seeded(record, "body", call.moment)
        self._clusters[cluster.cluster_id] = cluster
        pace = call.moment.behaviour.cluster_creation
        task = cluster.add_task("cluster_create", pace, (), {}, call.moment)
        cluster.creation = task.change
        return json_response(
            {"cluster_id": cluster.cluster_id, "request_id": call.request_id, "task_id": task.task_id}, 202
        )

    def _create_cluster_node_pool(self, call: Call) -> Response:
        cluster = self._cluster(call)
        given = call.body.get("nodepool_info")
        info: JsonObject = dict(given) if isinstance(given, dict) else {}
        info |= {
            "nodepool_id": new_id("np", 32),
            "region_id": cluster.record["region_id"],
            "created": iso_time(call.moment.now),
            "updated": iso_time(call.moment.now),
        }
        pool = checked(NodepoolRecord, {"nodepool_info": info}, "body")
        cluster.nodepools[pool.nodepool_info.nodepool_id] = pool.model_dump()
        pace = call.moment.behaviour.nodepool_creation
        task = cluster.add_task("nodepool_create", pace, (), {}, call.moment)
        return json_response(
            {
                "nodepool_id": pool.nodepool_info.nodepool_id,
                "request_id": call.request_id,
                "task_id": task.task_id,
            }
        )

    def _delete_cluster_nodes(self, call: Call) -> Response:
        """Takes nodes by their names in the cluster, as the vendor does; the machines stay."""
        cluster = self._cluster(call)
        if call.body.get("release_node"):
            raise Refusal(
                501, NOT_IMPLEMENTED, "DeleteClusterNodes: the local cloud does not play release_node."
            )
        names = call.body.get("nodes")
        if not isinstance(names, list) or not names:
            raise invalid("nodes", "must be a list of at least one node name")
        by_name = {str(node.record["node_name"]): node for node in cluster.listed(call.moment)}
        missing = [str(name) for name in names if str(name) not in by_name]
        if missing:
            raise Refusal(
                404, "ErrorNodeNotFound", f"These nodes are not in the cluster: {', '.join(missing)}."
            )
        task: Task = cluster.remove([by_name[str(name)] for name in names], call.moment)
        return json_response(
            {"cluster_id": cluster.cluster_id, "request_id": call.request_id, "task_id": task.task_id}, 202
        )

    def _cluster(self, call: Call) -> Cluster:
        """The cluster the path names; one of another region than the host's does not exist there."""
        cluster_id = call.path.get("ClusterId") or call.path["cluster_id"]
        cluster = self._clusters.get(cluster_id)
        if cluster is None or not _in_region(cluster, call):
            raise Refusal(
                404, "ErrorClusterNotFound", f"The cluster {cluster_id} does not exist{_there(call)}."
            )
        return cluster


def _in_region(cluster: Cluster, call: Call) -> bool:
    return call.region in {"", cluster.record["region_id"]}


def _there(call: Call) -> str:
    return f" in {call.region}" if call.region else ""


def _pool_name(view: JsonObject) -> JsonValue:
    info = view["nodepool_info"]
    return info.get("name") if isinstance(info, dict) else None


def _wanted(call: Call, nodes: Iterable[Node]) -> list[Node]:
    """The nodes that DescribeClusterNodes is asked for. `instanceIds` is a comma list or a JSON array."""
    if call.query.get("nodepool_id"):
        return [node for node in nodes if node.record["nodepool_id"] == call.query["nodepool_id"]]
    text = call.query.get("instanceIds", "").strip()
    if not text:
        return list(nodes)
    wanted = {*(json_strings(call, "instanceIds") if text.startswith("[") else text.split(","))}
    return [node for node in nodes if node.instance_id in wanted]


def _paged(
    call: Call,
    key: str,
    items: Sequence[_Changing],
    page_key: str,
    *,
    shown: frozenset[str] = frozenset(),
    number_name: str = "page_number",
    size_name: str = "page_size",
    extra: JsonObject | None = None,
) -> Response:
    """One page of a list: 10 items unless asked otherwise, 100 at most.

    Of each item all is shown, or what has a value and is in `shown`.
    """
    number = integer(call, number_name, 1)
    size = integer(call, size_name, 10, maximum=MAXIMUM_PAGE)
    page: JsonObject = {"page_number": number, "page_size": size, "total_count": len(items)}
    rows: list[JsonValue] = []
    for item in page_of(items, number, size):
        item.look(call.moment)
        view = item.view(call.moment)
        if shown:
            view = {name: value for name, value in view.items() if name in shown and value is not None}
        rows.append(view)
    return json_response({**(extra or {}), key: rows, page_key: page})
