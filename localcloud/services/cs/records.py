"""The shapes of clusters, nodes, node pools and tasks in seeds and answers. Knows no time."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from localcloud.functions.spec import DEFAULT_REGION

NodeState = Literal["running", "initial", "failed", "removing"]


def _spelled(value: object) -> object:
    """A truth value as the text that stands for it; anything else as it came."""
    return str(value).lower() if isinstance(value, bool) else value


class NodeRecord(BaseModel):
    """A node as DescribeClusterNodes returns it. Fields that are not named here are kept as they came.

    Attributes:
        node_status: a text, such as `Ready` or `true`; seeds may give a truth value.
    """

    model_config = ConfigDict(extra="allow")

    instance_id: str = Field(min_length=1)
    instance_name: str = ""
    node_name: str = ""
    nodepool_id: str = ""
    state: NodeState = "running"
    node_status: Annotated[str, BeforeValidator(_spelled)] = ""
    instance_role: str = "Worker"
    is_aliyun_node: bool = True
    instance_type: str = ""
    instance_type_family: str = ""
    image_id: str = ""
    host_name: str = ""
    ip_address: list[str] = Field(default_factory=list)
    instance_status: str = "Running"
    error_message: str = ""
    creation_time: str = ""
    expired_time: str = ""
    instance_charge_type: str = "PostPaid"


class NodepoolInfo(BaseModel):
    """The `nodepool_info` part of a node pool."""

    model_config = ConfigDict(extra="allow")

    nodepool_id: str = Field(min_length=1)
    name: str = ""
    type: str = "edge"
    is_default: bool = False
    region_id: str = ""
    created: str = ""
    updated: str = ""


class NodepoolRecord(BaseModel):
    """A node pool as DescribeClusterNodePools returns it, without the counts of nodes, which are computed."""

    model_config = ConfigDict(extra="allow")

    nodepool_info: NodepoolInfo


class TaskError(BaseModel):
    """Why a task failed."""

    code: str = ""
    message: str = ""


class TaskResult(BaseModel):
    """How a task went for one instance."""

    data: str
    status: str


class TaskRecord(BaseModel):
    """A task as DescribeTaskInfo returns it."""

    model_config = ConfigDict(extra="allow")

    task_id: str = Field(min_length=1)
    cluster_id: str = ""
    task_type: str = "cluster_scaleout"
    state: str = "running"
    created: str = ""
    updated: str = ""
    current_stage: str = ""
    error: TaskError | None = None
    task_result: list[TaskResult] = Field(default_factory=list)


class ClusterRecord(BaseModel):
    """A cluster as DescribeClusterDetail returns it. Fields that are not named here are kept as they came.

    Attributes:
        nodes: in seeds and state only.
        nodepools: in seeds and state only; a cluster without one gets a default pool.
        tasks: in seeds and state only.
    """

    model_config = ConfigDict(extra="allow")

    cluster_id: str = Field(min_length=1)
    name: str = ""
    region_id: str = DEFAULT_REGION
    cluster_type: str = "ManagedKubernetes"
    cluster_spec: str = "ack.pro.small"
    profile: str = "Edge"
    state: str = "running"
    current_version: str = "1.34.1-aliyun.1"
    created: str = ""
    updated: str = ""
    vpc_id: str = "vpc-local"
    nodes: list[NodeRecord] = Field(default_factory=list)
    nodepools: list[NodepoolRecord] = Field(default_factory=list)
    tasks: list[TaskRecord] = Field(default_factory=list)
