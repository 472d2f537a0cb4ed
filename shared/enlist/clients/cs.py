"""Container Service (CS 2015-12-15): edge clusters, their nodes and tasks, and AttachInstances.

Sources: the vendor's pages of each action and its request catalogue; spellings that differ between editions
of those pages are all read. CS answers in lower case: `cluster_id`, `task_id`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator

from enlist.clients.wire import PAGE_SIZE, Answer, Page, Session, chunks, paged, read
from enlist.identifiers import ResourceId
from fctoolkit.client import ApiRequest, path_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from enlist.endpoints import Endpoints

VERSION = "2015-12-15"

EDGE_PROFILE = "Edge"
"""`profile` of a managed edge cluster (ACK Edge)."""

TASK_PAGE_SIZE = 50


class AttachInstancesRequest(BaseModel):
    """Attach existing ENS instances to a managed edge cluster, as worker nodes.

    The machine restarts loading; one edition of the page says that its system disk is replaced. The API has
    no idempotency token: look at nodes and tasks before it is sent, and before it is sent again.

    Attributes:
        cluster_id: the cluster.
        instances: 1 to 100 instance ids; how many the vendor takes in one call is not documented.
        is_edge_worker: must be true for an edge cluster, so it cannot be anything else here.
        nodepool_id: a node pool of the cluster; without one the default pool.
    """

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True)

    cluster_id: ResourceId
    instances: Annotated[tuple[ResourceId, ...], Field(min_length=1, max_length=100)]
    is_edge_worker: Literal[True] = True
    nodepool_id: ResourceId | None = None

    def body(self) -> JsonValue:
        """The request's body."""
        body: dict[str, JsonValue] = {"instances": [*self.instances], "is_edge_worker": self.is_edge_worker}
        return body if self.nodepool_id is None else {**body, "nodepool_id": self.nodepool_id}


class AttachedItem(Answer):
    """What AttachInstances says of one instance. Any code but "200" is a failure; others are undocumented."""

    code: str = ""
    instance_id: Annotated[str, Field(alias="instanceId")] = ""
    message: str = ""

    @property
    def accepted(self) -> bool:
        """True when the instance is on its way."""
        return self.code == "200"


class AttachInstancesAnswer(Answer):
    """The answer, HTTP 200 or 202. An id that is not in `items` is unknown, neither accepted nor refused."""

    items: Annotated[tuple[AttachedItem, ...], Field(alias="list")] = ()
    task_id: str = ""
    request_id: str = ""


class TaskState(StrEnum):
    """A task's state, in one spelling."""

    UNFINISHED = "unfinished"
    SUCCESS = "success"
    FAILED = "failed"


_TASK_STATES: Mapping[str, TaskState] = {
    "success": TaskState.SUCCESS,
    "succeeded": TaskState.SUCCESS,
    "fail": TaskState.FAILED,
    "failed": TaskState.FAILED,
    "error": TaskState.FAILED,
    "canceled": TaskState.FAILED,
    "cancelled": TaskState.FAILED,
}


def task_state(spelling: str) -> TaskState:
    """The state behind any documented spelling.

    `running`, `pending`, `paused`, `initial` (also `initail`) and whatever is not known count as unfinished,
    so that nothing is done over them.
    """
    return _TASK_STATES.get(spelling.strip().lower(), TaskState.UNFINISHED)


class TaskError(Answer):
    """Why a task failed."""

    code: str = ""
    message: str = ""


class TaskPart(Answer):
    """What a task did to one resource: `data` is the instance id."""

    data: str = ""
    status: str = ""


class Task(Answer):
    """One task, from DescribeTaskInfo, or from DescribeClusterTasks (then without `parts`).

    A task that succeeded as a whole can hide a part that failed: ask `state_of`.
    """

    task_id: ResourceId
    cluster_id: str = ""
    task_type: str = ""
    state: str = ""
    created: str = ""
    updated: str = ""
    error: TaskError | None = None
    parts: Annotated[tuple[TaskPart, ...], Field(alias="task_result")] = ()

    @property
    def overall(self) -> TaskState:
        """The state of the task as a whole."""
        return task_state(self.state)

    def state_of(self, instance_id: str) -> TaskState | None:
        """The state of one instance's part; None when the task does not name the instance."""
        for part in self.parts:
            if part.data == instance_id:
                state = task_state(part.status)
                # A failed task does not leave a part running.
                return (
                    TaskState.FAILED
                    if self.overall is TaskState.FAILED and state is not TaskState.SUCCESS
                    else state
                )
        return None

    def why(self) -> str:
        """The error, for a person; empty when the task gives none."""
        return f"{self.error.code} {self.error.message}".strip() if self.error else ""


class Node(Answer):
    """One node of a cluster.

    `state`: pending, initial, running, removing, failed … `node_status`: Ready, NotReady, Unknown, Offline,
    or true and false in an older edition.
    """

    instance_id: str = ""
    state: str = ""
    node_status: str = ""
    error_message: str = ""

    @field_validator("node_status", mode="before")
    @classmethod
    def _flag_as_text(cls, status: JsonValue) -> JsonValue:
        return str(status).lower() if isinstance(status, bool) else status


class Cluster(Answer):
    """One cluster, from DescribeClusterDetail or DescribeClustersV1. `size` is its number of nodes."""

    cluster_id: ResourceId
    region_id: str = ""
    profile: str = ""
    state: str = ""
    size: int | None = None


class _PageInfo(Answer):
    total_count: int = 0


class _NodePage(Answer):
    nodes: tuple[Node, ...]
    page: Annotated[_PageInfo, Field(default_factory=_PageInfo)]


class _TaskPage(Answer):
    tasks: tuple[Task, ...]
    page_info: Annotated[_PageInfo, Field(default_factory=_PageInfo)]


class _ClusterPage(Answer):
    clusters: tuple[Cluster, ...]
    page_info: Annotated[_PageInfo, Field(default_factory=_PageInfo)]


class _NodePools(Answer):
    class _Pool(Answer):
        class _Info(Answer):
            nodepool_id: str = ""

        nodepool_info: Annotated[_Info, Field(default_factory=_Info)]

    nodepools: tuple[_Pool, ...]


class _Quota(Answer):
    node_quota: int | None = None


class CsClient:
    """CS as one invocation uses it. Every method raises the `ApiError` tree. Regions are the clusters'."""

    def __init__(self, session: Session, endpoints: Endpoints) -> None:
        self._session = session
        self._endpoints = endpoints

    def attach_instances(self, region: str, request: AttachInstancesRequest) -> AttachInstancesAnswer:
        """POST /clusters/{ClusterId}/attach. Not repeated after an unclear end."""
        answer = self._session.send(
            ApiRequest(
                action="AttachInstances",
                version=VERSION,
                method="POST",
                endpoint=self._endpoints.of("cs", region),
                path=path_of("/clusters/{ClusterId}/attach", ClusterId=request.cluster_id),
                body=request.body(),
                repeatable=False,
            )
        )
        accepted = read(AttachInstancesAnswer, answer)
        return accepted.model_copy(update={"request_id": accepted.request_id or answer.request_id})

    def describe_task_info(self, region: str, task_id: str) -> Task:
        """GET /tasks/{task_id}. Task ids are region-scoped."""
        path = path_of("/tasks/{task_id}", task_id=task_id)
        return read(Task, self._session.send(self._get(region, "DescribeTaskInfo", path)), task_id=task_id)

    def describe_cluster_tasks(self, region: str, cluster_id: str) -> tuple[Task, ...]:
        """GET /clusters/{cluster_id}/tasks: every task the cluster remembers, without parts."""
        path = path_of("/clusters/{cluster_id}/tasks", cluster_id=cluster_id)
        request = self._get(region, "DescribeClusterTasks", path, page_size=str(TASK_PAGE_SIZE))

        def page(one: ApiRequest) -> Page[Task]:
            answer = self._session.send(one)
            listed = read(_TaskPage, answer)
            return Page(listed.tasks, listed.page_info.total_count, answer)

        return tuple(paged(request, "page_number", page))

    def describe_cluster_nodes(
        self, region: str, cluster_id: str, instance_ids: Sequence[str] | None = None
    ) -> tuple[Node, ...]:
        """GET /clusters/{ClusterId}/nodes: the nodes with these instance ids, or all; 100 a call."""
        path = path_of("/clusters/{ClusterId}/nodes", ClusterId=cluster_id)
        base = self._get(region, "DescribeClusterNodes", path, state="all", pageSize=str(PAGE_SIZE))

        def page(one: ApiRequest) -> Page[Node]:
            answer = self._session.send(one)
            listed = read(_NodePage, answer)
            return Page(listed.nodes, listed.page.total_count, answer)

        if instance_ids is None:
            return tuple(paged(base, "pageNumber", page))
        found: list[Node] = []
        for some in chunks(instance_ids, PAGE_SIZE):
            request = self._get(
                region, "DescribeClusterNodes", path, **base.query, instanceIds=",".join(some)
            )
            found.extend(paged(request, "pageNumber", page))
        return tuple(found)

    def describe_cluster_detail(self, region: str, cluster_id: str) -> Cluster:
        """GET /clusters/{ClusterId}. `ErrorClusterNotFound` commonly means the wrong region."""
        path = path_of("/clusters/{ClusterId}", ClusterId=cluster_id)
        return read(Cluster, self._session.send(self._get(region, "DescribeClusterDetail", path)))

    def describe_edge_clusters(self, region: str) -> tuple[Cluster, ...]:
        """GET /api/v1/clusters (DescribeClustersV1): the edge clusters that the caller can see."""
        request = self._get(
            region, "DescribeClustersV1", "/api/v1/clusters", profile=EDGE_PROFILE, page_size=str(PAGE_SIZE)
        )

        def page(one: ApiRequest) -> Page[Cluster]:
            answer = self._session.send(one)
            listed = read(_ClusterPage, answer)
            return Page(listed.clusters, listed.page_info.total_count, answer)

        return tuple(paged(request, "page_number", page))

    def describe_cluster_node_pools(self, region: str, cluster_id: str) -> frozenset[str]:
        """GET /clusters/{ClusterId}/nodepools: the ids of the cluster's node pools."""
        path = path_of("/clusters/{ClusterId}/nodepools", ClusterId=cluster_id)
        pools = read(_NodePools, self._session.send(self._get(region, "DescribeClusterNodePools", path)))
        return frozenset(pool.nodepool_info.nodepool_id for pool in pools.nodepools)

    def describe_node_quota(self, region: str) -> int | None:
        """GET /quota (DescribeUserQuota): how many nodes a cluster may have; None when CS does not say."""
        return read(_Quota, self._session.send(self._get(region, "DescribeUserQuota", "/quota"))).node_quota

    def _get(self, region: str, action: str, path: str, **query: str) -> ApiRequest:
        return ApiRequest(
            action=action,
            version=VERSION,
            method="GET",
            endpoint=self._endpoints.of("cs", region),
            path=path,
            query=query,
            repeatable=True,
        )
