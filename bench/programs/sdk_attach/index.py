"""The job of attach_instances on the official SDKs: a new ENS instance becomes a node of its edge cluster.

It looks at the same things before it attaches, in the same order, and stops at the first that speaks against
it. It has one policy, in constants, and no bindings, sweeps, HTTP, claims or second look after a lost answer.
"""

from __future__ import annotations

import json
import logging
import os
from functools import cache

from alibabacloud_cs20151215 import models as cs_models
from alibabacloud_cs20151215.client import Client as CsClient
from alibabacloud_ens20171110 import models as ens_models
from alibabacloud_ens20171110.client import Client as EnsClient
from alibabacloud_tea_openapi.models import Config
from darabonba.runtime import RuntimeOptions

CLUSTER = "c1f0a2b3c4d5e6f708192a3b4c5d6e7f8"
REGION = "cn-hangzhou"
ENS_REGIONS = "cn-hangzhou"
TAG = ("enlist", "edge-worker")
HOLD = "enlist:hold"
CREATED_AFTER = "2026-11-01T00:00:00Z"
SYSTEMS = tuple(f"CentOS 7.{minor}" for minor in range(4, 10))
MIN_CPU = 2
MIN_MEMORY_MIB = 4096

RUNTIME = RuntimeOptions(autoretry=True, max_attempts=3, connect_timeout=5_000, read_timeout=10_000)

logger = logging.getLogger()


def initialize(context: object) -> None:
    """FC calls it once per instance, before the first event."""
    clients()


def handler(event: bytes, context: object) -> dict[str, str]:
    """FC calls it for each event."""
    instance_id = json.loads(event)["data"]["content"]["instanceId"]
    reason = why_not(instance_id)
    if reason:
        logger.info("%s is left alone: %s", instance_id, reason)
        return {"instanceId": instance_id, "result": "left alone", "reason": reason}
    task_id = attach(instance_id)
    logger.info("%s is attached by task %s", instance_id, task_id)
    return {"instanceId": instance_id, "result": "attaching", "taskId": task_id}


@cache
def clients() -> tuple[CsClient, EnsClient]:
    """Both clients, made once."""
    return CsClient(config("cs")), EnsClient(config("ens"))


def config(service: str) -> Config:
    """The function's role as credentials; an endpoint of one's own when the environment names one."""
    url = os.environ.get("ENLIST_ENDPOINT_URL") or f"https://{service}.{REGION}.aliyuncs.com"
    protocol, _, endpoint = url.partition("://")
    return Config(
        access_key_id=os.environ["ALIBABA_CLOUD_ACCESS_KEY_ID"],
        access_key_secret=os.environ["ALIBABA_CLOUD_ACCESS_KEY_SECRET"],
        security_token=os.environ.get("ALIBABA_CLOUD_SECURITY_TOKEN"),
        region_id=REGION,
        protocol=protocol,
        endpoint=endpoint,
    )


def why_not(instance_id: str) -> str:
    """Why the instance must not be attached now; empty when nothing speaks against it."""
    instance = describe(instance_id)
    if instance is None:
        return "no such instance"
    return unwanted(instance) or not_fit(instance) or membership(instance_id) or elsewhere(instance_id)


def describe(instance_id: str) -> ens_models.DescribeInstancesResponseBodyInstancesInstance | None:
    """The instance, as ENS knows it."""
    _, ens = clients()
    request = ens_models.DescribeInstancesRequest(instance_ids=json.dumps([instance_id]), page_size="100")
    found = ens.describe_instances_with_options(request, RUNTIME).body.instances.instance
    return found[0] if found else None


def unwanted(instance: ens_models.DescribeInstancesResponseBodyInstancesInstance) -> str:
    """Why the policy does not ask for the instance."""
    tags = {tag.tag_key: tag.tag_value for tag in instance.tags.tags}
    if not instance.ens_region_id.startswith(ENS_REGIONS) or tags.get(TAG[0]) != TAG[1]:
        return "not asked for"
    if HOLD in tags:
        return f"tagged {HOLD}"
    return "it was there before" if instance.creation_time < CREATED_AFTER else ""


def not_fit(instance: ens_models.DescribeInstancesResponseBodyInstancesInstance) -> str:
    """What the instance lacks."""
    if instance.status != "Running":
        return f"status {instance.status}"
    if int(instance.cpu) < MIN_CPU or instance.memory < MIN_MEMORY_MIB:
        return f"{instance.cpu} vCPU and {instance.memory} MiB are too small"
    return "" if instance.osname.startswith(SYSTEMS) else f"operating system {instance.osname}"


def membership(instance_id: str) -> str:
    """Whether it is in the cluster, or on its way, and whether the cluster takes nodes."""
    cs, _ = clients()
    if instance_id in nodes(CLUSTER, instance_ids=instance_id):
        return "a node already"
    cluster = cs.describe_cluster_detail_with_options(CLUSTER, {}, RUNTIME).body
    if (cluster.profile, cluster.region_id, cluster.state) != ("Edge", REGION, "running"):
        return f"cluster {cluster.profile} in {cluster.region_id} is {cluster.state}"
    return running_task(CLUSTER)


def elsewhere(instance_id: str) -> str:
    """Whether the cluster has room, and no other edge cluster has the instance."""
    cs, _ = clients()
    request = cs_models.DescribeClustersV1Request(profile="Edge", page_size=100)
    clusters = cs.describe_clusters_v1with_options(request, {}, RUNTIME).body.clusters
    quota = cs.describe_user_quota_with_options({}, RUNTIME).body.node_quota
    members = nodes(CLUSTER)
    if len(members) >= quota:
        return f"the cluster has {len(members)} nodes, and may have {quota}"
    for other in (cluster.cluster_id for cluster in clusters if cluster.cluster_id != CLUSTER):
        if instance_id in nodes(other, instance_ids=instance_id):
            return f"a node of {other}"
        if task := running_task(other):
            return task
    return ""


def nodes(cluster_id: str, **by: str) -> set[str]:
    """The instances that are nodes of a cluster; more than a page of them are asked for by id."""
    cs, _ = clients()
    request = cs_models.DescribeClusterNodesRequest(state="all", page_size="100", **by)
    body = cs.describe_cluster_nodes_with_options(cluster_id, request, {}, RUNTIME).body
    return {node.instance_id for node in body.nodes}


def running_task(cluster_id: str) -> str:
    """A task that goes on in a cluster, in words; which instances it is about would take a call for each."""
    cs, _ = clients()
    request = cs_models.DescribeClusterTasksRequest(page_size=50)
    for task in cs.describe_cluster_tasks_with_options(cluster_id, request, {}, RUNTIME).body.tasks:
        if task.state not in ("success", "failed"):
            return f"task {task.task_id} of {cluster_id} is {task.state}"
    return ""


def attach(instance_id: str) -> str:
    """The task that attaches the instance. An attach is not repeated: the API has no token for it."""
    cs, _ = clients()
    request = cs_models.AttachInstancesRequest(instances=[instance_id], is_edge_worker=True)
    body = cs.attach_instances_with_options(
        CLUSTER, request, {}, RuntimeOptions(autoretry=False, connect_timeout=5_000, read_timeout=10_000)
    ).body
    for item in body.list:
        if item.code != "200":
            raise RuntimeError(f"{item.instance_id}: {item.code} {item.message}")
    return str(body.task_id)
