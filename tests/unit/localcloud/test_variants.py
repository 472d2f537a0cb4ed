"""What the vendor's documents leave open is a variant by name, and each makes a difference."""

from __future__ import annotations

import typing
from typing import TYPE_CHECKING, Any

import pytest

from localcloud import Behaviour, LocalCloud
from tests.support.cloud_client import CloudClient, Signer, edge_seed, search_seed, state_of

if TYPE_CHECKING:
    from collections.abc import Callable

TRIED_ELSEWHERE = {
    "function_python",
    "trigger_payload",
    "trigger_unsigned_status",
    "trigger_error_status",
    "async_invocation_true",
    "timer_destinations",
    "large_letter",
    "batch_letters",
    "batch_items",
    "target_errors",
}
"""What takes a function to be seen; tests/unit/localcloud_runtime has those tests."""


def _attach_twice(client: CloudClient) -> object:
    client.attach("i-1")
    rows = client.attach("i-1").json()["list"]
    return [row["code"] for row in rows], state_of(client.cloud, "ens", "instances")["attachCount"]


def _codes(client: CloudClient) -> object:
    client.cloud.seed({"ens": {"instances": [{"InstanceId": "i-2", "Cpu": "1"}]}})
    return [row["code"] for row in client.attach("i-9", "i-2", "i-1").json()["list"]]


def _rows(client: CloudClient) -> object:
    return [row["instanceId"] for row in client.attach("i-9", "i-1").json()["list"]]


def _attach_to_a_scaling_cluster(client: CloudClient) -> object:
    client.cloud.seed({"cs": {"clusters": [{"cluster_id": "c2", "state": "scaling"}]}})
    return client.attach("i-1", cluster="c2").status_code


def _attach_centos_8(client: CloudClient) -> object:
    client.cloud.seed({"ens": {"instances": [{"InstanceId": "i-2", "OSName": "CentOS 8.2"}]}})
    return client.attach("i-2").json()["list"][0]["code"]


def _task(client: CloudClient, instance_id: str, seconds: int) -> dict[str, Any]:
    task_id = client.attach(instance_id).json()["task_id"]
    client.cloud.advance(seconds)
    return client.task(task_id)


def _node(client: CloudClient) -> object:
    _task(client, "i-1", 100)
    return client.nodes()[0]["node_status"]


def _connect_twice(client: CloudClient) -> object:
    client.connect("es-1", "es-2")
    return client.connect("es-1", "es-2").status_code


def _repeat_a_token(client: CloudClient) -> object:
    client.connect("es-1", "es-2", clientToken="t")
    return client.connect("es-1", "es-2", clientToken="t").status_code


def _missing_bus(client: CloudClient) -> object:
    client.bus_answer("GetEventBus", EventBusName="nothing")
    return client.cloud.calls[-1]["status"]


def _activated(client: CloudClient) -> object:
    client.cloud.configure(es_connection=60)
    client.connect("es-1", "es-2")
    return [row["status"] for row in client.es("ListInstance").json()["Result"][:2]]


def _connect_unfit(client: CloudClient) -> object:
    answer = client.connect("es-1", "es-3")
    return answer.status_code, answer.json().get("Result")


def _capital(client: CloudClient) -> object:
    query = {"alreadySetItems": "True"}
    return client.es("DescribeConnectableClusters", "/es-1/connectable-clusters", params=query).status_code


def _unsigned_by(**signer: str) -> Callable[[CloudClient], object]:
    def see(client: CloudClient) -> object:
        other = CloudClient(client.cloud, Signer(**signer))
        return other.cs("DescribeUserQuota", "/quota").status_code

    return see


def _ens_refusal(client: CloudClient) -> object:
    answer = client.ens("StopInstance", InstanceId="i-9")
    return answer.status_code, answer.json()["Code"]


def _es_refusal(client: CloudClient) -> object:
    return sorted(client.es("DescribeInstance", "/es-9").json())


VARIANTS: dict[str, tuple[Callable[[CloudClient], object], object, dict[object, object]]] = {
    "attach_codes": (
        _codes,
        ["404", "400", "200"],
        {"names": ["InstanceIdNotFound", "InstanceTypeNotSupported", "200"]},
    ),
    "attach_most": (lambda client: client.attach("i-1", "i-9").status_code, 202, {1: 400, 2: 202}),
    "attach_repeat": (_attach_twice, (["200"], 2), {"refused": (["400"], 1), "ignored": (["200"], 1)}),
    "attach_rows": (_rows, ["i-9", "i-1"], {"refused": ["i-9"]}),
    "attach_status": (lambda client: client.attach("i-1").status_code, 202, {200: 200}),
    "attach_systems": (_attach_centos_8, "200", {"listed": "400"}),
    "attach_while": (_attach_to_a_scaling_cluster, 400, {"changing": 202}),
    "task_success": (
        lambda client: _task(client, "i-1", 100)["state"],
        "success",
        {"succeeded": "succeeded"},
    ),
    "task_failure": (
        lambda client: _task(client, "i-9", 100)["state"],
        "fail",
        {"failed": "failed", "error": "error"},
    ),
    "task_initial": (
        lambda client: _task(client, "i-1", 0)["task_result"][0]["status"],
        "initial",
        {"initail": "initail"},
    ),
    "node_ready": (_node, "Ready", {"true": "true"}),
    "node_quota": (lambda client: client.attach("i-1").status_code, 202, {0: 403}),
    "cs_codes": (
        lambda client: client.cs("DescribeTaskInfo", "/tasks/none").json()["code"],
        "ErrorTaskNotFound",
        {"numbers": "404"},
    ),
    "ens_tags": (
        lambda client: "Tags" in client.ens("DescribeInstances").json()["Instances"]["Instance"][0],
        True,
        {"separate": False},
    ),
    "ens_failures": (
        _ens_refusal,
        (400, "InstanceIdNotFound"),
        {"in_band": (200, "InstanceIdNotFound")},
    ),
    "es_codes": (
        _es_refusal,
        ["Code", "HostId", "Message", "RequestId"],
        {"lower": ["code", "message", "requestId"]},
    ),
    "es_not_found_status": (
        lambda client: client.es("DescribeInstance", "/es-9").status_code,
        404,
        {400: 400},
    ),
    "connected_key": (
        lambda client: [sorted(row) for row in (client.connect("es-1", "es-2"), client.connected("es-1"))[1]],
        [["instances", "networkType"]],
        {"instanceId": [["instanceId", "networkType"]]},
    ),
    "connect_format": (
        lambda client: client.connect("es-1", "es-2").headers["content-type"].partition(";")[0],
        "application/json",
        {"xml": "text/xml"},
    ),
    "connect_unfit": (_connect_unfit, (400, None), {"result": (200, False)}),
    "connect_repeat": (_connect_twice, 200, {"refused": 400}),
    "connect_activates": (
        _activated,
        ["activating", "activating"],
        {"asked": ["activating", "active"], "peer": ["active", "activating"]},
    ),
    "connect_capital": (_capital, 200, {"refused": 400}),
    "repeat_answer": (_repeat_a_token, 200, {"processing": 400}),
    "eventbridge_refusal_status": (_missing_bus, 200, {400: 400}),
    "unknown_key_status": (_unsigned_by(key_id="nobody"), 404, {400: 400}),
    "wrong_signature_status": (_unsigned_by(secret="wrong"), 400, {403: 403}),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_makes_the_difference_that_it_says(name: str) -> None:
    """The default is seen unless another variant is asked for, and that one is seen then."""
    see, default, others = VARIANTS[name]
    expected = {Behaviour.model_fields[name].default: default, **others}
    for variant, seen in expected.items():
        cloud = LocalCloud()
        cloud.seed({**edge_seed(), **search_seed({}, {}, {"networkConfig": {"vpcId": "vpc-other"}})})
        cloud.configure(**{name: variant})  # type: ignore[arg-type] # the table holds JSON
        assert see(CloudClient(cloud)) == seen, variant
    assert len({str(seen) for seen in expected.values()}) > 1


def _choices(name: str) -> set[object]:
    """The values that a field of the behaviour may have; none when it is a number or a list."""
    kind = Behaviour.model_fields[name].annotation
    return {True, False} if kind is bool else set(typing.get_args(kind))


def test_every_variant_is_tried() -> None:
    """Each field with named values is in the table above with all of them, or is tried with functions."""
    named = {name for name in Behaviour.model_fields if typing.get_origin(_kind(name)) is typing.Literal}
    assert named - VARIANTS.keys() - TRIED_ELSEWHERE == set()
    for name in named - TRIED_ELSEWHERE:
        assert _choices(name) == {Behaviour.model_fields[name].default, *VARIANTS[name][2]}, name


def _kind(name: str) -> object:
    return Behaviour.model_fields[name].annotation


def test_a_machine_of_another_cluster_is_a_repeat_too() -> None:
    """Whoever is a node anywhere is refused, or ignored, and reloads no second time."""
    for variant, code in (("refused", "400"), ("ignored", "200")):
        cloud = LocalCloud()
        cloud.seed(edge_seed())
        cloud.seed({"cs": {"clusters": [{"cluster_id": "c2"}]}})
        cloud.configure(attach_repeat=variant)
        client = CloudClient(cloud)
        client.attach("i-1", cluster="c2")
        assert client.attach("i-1").json()["list"][0]["code"] == code
        assert state_of(cloud, "ens", "instances")["attachCount"] == 1
        assert client.nodes() == []
