"""How the local cloud behaves where time or a variant of the documentation decides. Knows no service.

Every field has the default that is most likely true; the others are the variants that documents or clients
show.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from localcloud.conditions.progress import Pace
from localcloud.conditions.throttling import Limit
from localcloud.delivery.letters import Large
from localcloud.delivery.settings import Tolerance
from localcloud.signatures.acs3 import TriggerPayload

Seconds: TypeAlias = Annotated[float, Field(ge=0)]


class Behaviour(BaseModel):
    """How changes of state go on, times in seconds of the state clock, and documented variants by name.

    Attributes:
        node_listing: from an accepted attach until DescribeClusterNodes shows the node.
        node_joining: of a node that is `initial`, and of the task of its attach.
        node_removal: of a node that is `removing`, and of the task that removes it.
        nodepool_creation: of the task that creates a node pool; the pool is there at once.
        cluster_creation: of a cluster that is `initial`, and of its task.
        ens_reload: of an ENS instance that is `Starting` after an accepted attach.
        ens_start: of a new or started ENS instance that is `Starting`.
        es_activation: of a new Elasticsearch instance that is `activating`.
        es_connection: of both instances that AddConnectableCluster puts into `activating`. Whether it does so
            at all is not documented.
        limits: how often actions may be called; none by default, as the vendor publishes few.
        token_memory_seconds: how long a clientToken is remembered. Not documented.
        repeat_answer: what a repeated clientToken gets: the answer of the `first` request, or a refusal as if
            that were still `processing`. Not documented.
        unknown_key_status: HTTP status for an access key that is not known; products differ.
        wrong_signature_status: HTTP status for a signature that is not right; products differ.
        cs_codes: CS refuses with `names`, or with the bare status for a code (`numbers`), as reports show.
        ens_failures: ENS refuses with an HTTP `status`, or `in_band`, with a `Code` inside a 200.
        es_codes: Elasticsearch's refusals have keys in `upper` camel case, as the gateway's, or in `lower`.
        es_not_found_status: HTTP status for an Elasticsearch instance that is not there; pages say both.
        attach_status: HTTP status of AttachInstances; older pages say 202, newer ones 200.
        attach_codes: how AttachInstances refuses single instances: by `numbers` such as 404, or by `names`.
            Not documented.
        attach_repeat: what AttachInstances does with a machine that is a node already, here or in another
            cluster: `accepted` and reloaded once more, `refused`, or `ignored` with a good code. Not
            documented.
        attach_rows: whether the `list` of AttachInstances names `all` instances or the `refused` ones only.
        attach_most: how many instances AttachInstances takes; None for any number. Not documented.
        attach_while: the state of clusters that take nodes: `running` only, or also `changing` (scaling,
            updating). Not documented.
        attach_systems: versions of CentOS that can join: 7.4 and `later`, or 7.4 and 7.6 only (`listed`).
            Pages say both.
        node_quota: nodes in a cluster.
        ens_tags: `described` when DescribeInstances gives tags, `separate` when only ListTagResources does.
        connected_key: the key of an instance's id in ListConnectedClusters and DescribeConnectableClusters.
        task_success: how the state of a finished task is spelled.
        task_failure: how the state of a failed task is spelled.
        task_initial: how a task spells that it has not begun with an instance; pages have both.
        node_ready: how `node_status` of a node in service is spelled.
        connect_unfit: how AddConnectableCluster refuses a pair that does not fit: with a `code`, or as a
            `result`, which is `Result: false` in a 200. Not documented.
        connect_repeat: a pair that is connected already is connected once more (`accepted`), or `refused`.
            Not documented.
        connect_activates: whom `es_connection` concerns: `both`, the instance that was `asked`, or its
            `peer`. Not documented.
        connect_capital: whether `alreadySetItems=True`, as Python writes it, is `understood` or `refused`.
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
        target_errors: `ErrorsTolerance` of a target of a rule that does not say it. The page on retries reads
            as if an event that cannot be delivered were dropped and the next ones came (`ALL`). Of FC's
            triggers the default is `NONE`, whatever this is.
        eventbridge_refusal_status: HTTP status of what EventBridge itself refuses. Published clients look for
            `Success: false` in an answer of status 200; the table of errors suggests others.
        function_python: what runs a function that was made by calls where this machine lacks the Python of
            its runtime: `named` nothing, `any` the Python of the local cloud, if the function has neither
            layers nor compiled code.
        role_key_seconds: how long the key of a function's role is accepted, 36 hours in the cloud. A function
            gets another one with the first request after half of that.
        batch_items: how a batch carries its events: as `objects`, or as `strings` that hold JSON. Samples
            show both.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    node_listing: Pace = 20.0
    node_joining: Pace = 90.0
    node_removal: Pace = 30.0
    nodepool_creation: Pace = 0.0
    cluster_creation: Pace = 300.0
    ens_reload: Pace = 30.0
    ens_start: Pace = 120.0
    es_activation: Pace = 600.0
    es_connection: Pace = 0.0
    limits: list[Limit] = Field(default_factory=list)
    token_memory_seconds: Seconds = 86400.0
    repeat_answer: Literal["first", "processing"] = "first"
    unknown_key_status: Literal[400, 404] = 404
    wrong_signature_status: Literal[400, 403] = 400
    cs_codes: Literal["names", "numbers"] = "names"
    ens_failures: Literal["status", "in_band"] = "status"
    es_codes: Literal["upper", "lower"] = "upper"
    es_not_found_status: Literal[400, 404] = 404
    attach_status: Literal[200, 202] = 202
    attach_codes: Literal["numbers", "names"] = "numbers"
    attach_repeat: Literal["accepted", "refused", "ignored"] = "accepted"
    attach_rows: Literal["all", "refused"] = "all"
    attach_most: Annotated[int, Field(ge=1)] | None = None
    attach_while: Literal["running", "changing"] = "running"
    attach_systems: Literal["later", "listed"] = "later"
    node_quota: Annotated[int, Field(ge=0)] = 100
    ens_tags: Literal["described", "separate"] = "described"
    connected_key: Literal["instances", "instanceId"] = "instances"
    task_success: Literal["success", "succeeded"] = "success"
    task_failure: Literal["fail", "failed", "error"] = "fail"
    task_initial: Literal["initial", "initail"] = "initial"
    node_ready: Literal["Ready", "true"] = "Ready"
    connect_unfit: Literal["code", "result"] = "code"
    connect_repeat: Literal["accepted", "refused"] = "accepted"
    connect_activates: Literal["both", "asked", "peer"] = "both"
    connect_capital: Literal["understood", "refused"] = "understood"
    connect_format: Literal["json", "xml"] = "json"
    trigger_payload: TriggerPayload = "either"
    trigger_unsigned_status: Literal[400, 403] = 400
    trigger_error_status: Literal[200, 502] = 502
    async_invocation_true: Literal["asynchronous", "synchronous"] = "asynchronous"
    async_backoff_seconds: Seconds = 0.5
    timer_destinations: bool = False
    large_letter: Large = "reference"
    batch_letters: Literal["items", "batch"] = "items"
    role_key_seconds: Annotated[float, Field(ge=2)] = 129600.0
    target_errors: Tolerance = "ALL"
    eventbridge_refusal_status: Literal[200, 400] = 200
    batch_items: Literal["objects", "strings"] = "objects"
    function_python: Literal["named", "any"] = "named"
