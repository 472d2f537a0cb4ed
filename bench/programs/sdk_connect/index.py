"""The job of add_connectable_cluster on the official SDK: an instance is connected with its hub.

It looks at the same things before it connects, in the same order, and stops at the first that speaks against
it. It has one policy, in constants, and no bindings, sweeps, HTTP or claims.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from functools import cache

from alibabacloud_elasticsearch20170613 import models
from alibabacloud_elasticsearch20170613.client import Client
from alibabacloud_tea_openapi.models import Config
from darabonba.runtime import RuntimeOptions

HUB = "es-cn-hub000000000001"
REGION = "cn-hangzhou"
VPC = "vpc-logs"
TAG = ("enlist", "logs")
HOLD = "enlist:hold"
CREATED_AFTER = "2026-11-01T00:00:00Z"
MAX_PEERS = 5

RUNTIME = RuntimeOptions(autoretry=True, max_attempts=3, connect_timeout=5_000, read_timeout=10_000)

logger = logging.getLogger()


def initialize(context: object) -> None:
    """FC calls it once per instance, before the first event."""
    client()


def handler(event: bytes, context: object) -> dict[str, str]:
    """FC calls it for each event."""
    instance_id = json.loads(event)["data"]["instanceId"]
    reason = why_not(instance_id)
    if reason:
        logger.info("%s is left alone: %s", instance_id, reason)
        return {"instanceId": instance_id, "result": "left alone", "reason": reason}
    connect(instance_id)
    logger.info("%s is connected with %s", instance_id, HUB)
    return {"instanceId": instance_id, "result": "connected", "target": HUB}


@cache
def client() -> Client:
    """The client, made once. An endpoint of one's own counts when the environment names one."""
    url = os.environ.get("ENLIST_ENDPOINT_URL") or f"https://elasticsearch.{REGION}.aliyuncs.com"
    protocol, _, endpoint = url.partition("://")
    return Client(
        Config(
            access_key_id=os.environ["ALIBABA_CLOUD_ACCESS_KEY_ID"],
            access_key_secret=os.environ["ALIBABA_CLOUD_ACCESS_KEY_SECRET"],
            security_token=os.environ.get("ALIBABA_CLOUD_SECURITY_TOKEN"),
            region_id=REGION,
            protocol=protocol,
            endpoint=endpoint,
        )
    )


def why_not(instance_id: str) -> str:
    """Why the instance must not be connected now; empty when nothing speaks against it."""
    instance = describe(instance_id)
    tags = {tag.tag_key: tag.tag_value for tag in instance.tags}
    if instance.network_config.vpc_id != VPC or tags.get(TAG[0]) != TAG[1]:
        return "not asked for"
    if HOLD in tags:
        return f"tagged {HOLD}"
    if instance.created_at < CREATED_AFTER:
        return "it was there before"
    return unfit(instance, describe(HUB)) or full(instance_id)


def describe(instance_id: str) -> models.DescribeInstanceResponseBodyResult:
    """The instance, as Elasticsearch knows it."""
    return client().describe_instance_with_options(instance_id, {}, RUNTIME).body.result


def unfit(*both: models.DescribeInstanceResponseBodyResult) -> str:
    """Why two instances cannot be connected."""
    for one in both:
        if one.status != "active" or one.arch_type == "public":
            return f"{one.instance_id} is {one.status}, of architecture {one.arch_type}"
    own, hub = (one.network_config.vpc_id for one in both)
    return "" if own == hub else f"{own} is not {hub}"


def full(instance_id: str) -> str:
    """Whether they are connected, can be, and have room for one more."""
    own = connected(instance_id)
    if HUB in own:
        return "connected already"
    request = models.DescribeConnectableClustersRequest(already_set_items=True)
    body = client().describe_connectable_clusters_with_options(instance_id, request, {}, RUNTIME).body
    if HUB not in {one.instances for one in body.result}:
        return f"{HUB} is not connectable"
    if max(len(own), len(connected(HUB))) >= MAX_PEERS:
        return f"{instance_id} or {HUB} has {MAX_PEERS} peers already"
    return ""


def connected(instance_id: str) -> set[str]:
    """The instances that this one is connected with."""
    told = client().list_connected_clusters_with_options(instance_id, {}, RUNTIME).to_map()["body"]["Result"]
    # The client's model has a level more than the documented answer: what has items stays as it came.
    items = told["Result"] if isinstance(told, dict) else told
    return {one["instances"] for one in items}


def connect(instance_id: str) -> None:
    """Connects both. The token makes a repeat within the hour the same request."""
    one, other = sorted((instance_id, HUB))
    token = hashlib.sha256(f"{one} {other} {int(time.time()) // 3600}".encode()).hexdigest()
    request = models.AddConnectableClusterRequest(body=json.dumps({"instanceId": other}), client_token=token)
    body = client().add_connectable_cluster_with_options(one, request, {}, RUNTIME).body
    if not body.result or HUB not in connected(instance_id):
        raise RuntimeError(f"{instance_id} and {HUB} are not connected; request {body.request_id}")
