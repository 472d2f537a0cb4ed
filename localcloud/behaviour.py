"""How the local cloud behaves where time or a variant of the documentation decides. Knows no service.

Every field has the default that is most likely true; the others are the variants that documents or clients
show.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

Seconds: TypeAlias = Annotated[float, Field(ge=0)]


class Behaviour(BaseModel):
    """Times in seconds of the state clock, and documented variants by name.

    Attributes:
        node_list_lag_seconds: an accepted attach shows in DescribeClusterNodes only after so long.
        attach_seconds: how long the task of an attach runs; the node is `initial` meanwhile.
        removing_seconds: how long a node that is being removed stays in the list.
        reload_seconds: how long an ENS instance is `Starting` after an accepted attach.
        ens_start_seconds: how long a new or started ENS instance is `Starting`.
        cluster_seconds: how long a new cluster is `initial`.
        es_activation_seconds: how long a new Elasticsearch instance is `activating`.
        connect_activating_seconds: how long AddConnectableCluster puts both instances into `activating`.
            Whether it does so at all is not documented.
        token_memory_seconds: how long a clientToken is remembered. Not documented.
        attach_status: HTTP status of AttachInstances; older pages say 202, newer ones 200.
        node_quota: nodes in a cluster.
        ens_tags: `described` when DescribeInstances gives tags, `separate` when only ListTagResources does.
        connected_key: the key of an instance's id in ListConnectedClusters and DescribeConnectableClusters.
        task_success: how the state of a finished task is spelled.
        task_failure: how the state of a failed task is spelled.
        node_ready: how `node_status` of a node in service is spelled.
        connect_format: AddConnectableCluster answers JSON, or XML without a root element as its page shows.
        trigger_payload: what a signature at an HTTP trigger may have in the place of the body's hash. FC's
            samples leave it empty, the general rule says the hash; `either` takes both, `hash` only
            signatures that cover the body, `empty` only such as the samples make.
        trigger_unsigned_status: HTTP status for a request without a signature. One page and reports of users
            say 400, another page 403.
        trigger_error_status: HTTP status when the function behind an HTTP trigger fails.
        async_invocation_true: what `asyncInvocationType: true` of an eventbridge trigger means; `false` is
            the other. FC 2.0's pages say `asynchronous`, as the name does; the SDK of FC 3.0 `synchronous`.
        async_backoff_seconds: how long FC waits before it retries an asynchronous invocation; it doubles each
            time. Documented for throttling; for errors of functions no page has a number.
        timer_destinations: whether a tick that failed for good goes to the function's destination. An older
            page says that timers invoke asynchronously and that destinations do not apply to them.
        large_letter: what is written in the place of a dead letter of more than 64 KB, which no queue takes.
            `reference` an address instead of the event, `cut` its beginning, `lost` nothing. The page on
            destinations says only that such a delivery may fail.
        batch_letters: whether the events of a batch that failed are dead letters one by one (`items`), or
            together as the array that the function got (`batch`). Not documented.
        batch_items: how a batch carries its events: as `objects`, or as `strings` that hold JSON. Samples
            show both.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    node_list_lag_seconds: Seconds = 20.0
    attach_seconds: Seconds = 90.0
    removing_seconds: Seconds = 30.0
    reload_seconds: Seconds = 30.0
    ens_start_seconds: Seconds = 120.0
    cluster_seconds: Seconds = 300.0
    es_activation_seconds: Seconds = 600.0
    connect_activating_seconds: Seconds = 0.0
    token_memory_seconds: Seconds = 86400.0
    attach_status: Literal[200, 202] = 202
    node_quota: Annotated[int, Field(ge=0)] = 100
    ens_tags: Literal["described", "separate"] = "described"
    connected_key: Literal["instances", "instanceId"] = "instances"
    task_success: Literal["success", "succeeded"] = "success"
    task_failure: Literal["fail", "failed"] = "fail"
    node_ready: Literal["Ready", "true"] = "Ready"
    connect_format: Literal["json", "xml"] = "json"
    trigger_payload: Literal["either", "hash", "empty"] = "either"
    trigger_unsigned_status: Literal[400, 403] = 400
    trigger_error_status: Literal[200, 502] = 502
    async_invocation_true: Literal["asynchronous", "synchronous"] = "asynchronous"
    async_backoff_seconds: Seconds = 0.5
    timer_destinations: bool = False
    large_letter: Literal["reference", "cut", "lost"] = "reference"
    batch_letters: Literal["items", "batch"] = "items"
    batch_items: Literal["objects", "strings"] = "objects"
