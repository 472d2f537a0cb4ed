"""Function Compute's own client sets, lists and tags what is there, and follows its tasks."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from tests.support.cloud_client import Signer
from tests.support.cloud_modes import Keys
from tests.support.fc_clients import fc2_client, fc3_client, fc3_invoke
from tests.support.fc_control import ARN, ControlPlane, code_of, models, refused

if TYPE_CHECKING:
    from localcloud import LocalCloud

# The vendor's clients leave their sockets to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    pytest.mark.usefixtures("cleared"),
]


def test_settings(plane: ControlPlane) -> None:
    """What is set for a function comes back as it was, is listed by function, and is gone when deleted."""
    client = plane.client
    for name in ("one", "two"):
        plane.create(name)
    destination = models.Destination(destination="acs:mns:cn-hangzhou:1234567890123456:/queues/dead/messages")
    given = models.PutAsyncInvokeConfigInput(
        max_async_retry_attempts=0, destination_config=models.DestinationConfig(on_failure=destination)
    )
    client.put_async_invoke_config("one", models.PutAsyncInvokeConfigRequest(body=given))
    got = client.get_async_invoke_config("one", models.GetAsyncInvokeConfigRequest(qualifier="LATEST")).body
    assert (got.max_async_retry_attempts, got.max_async_event_age_in_seconds) == (0, None)
    assert got.destination_config.on_failure.destination == destination.destination
    reserved = models.PutConcurrencyInput(reserved_concurrency=7)
    client.put_concurrency_config("one", models.PutConcurrencyConfigRequest(body=reserved))
    assert client.get_concurrency_config("one").body.reserved_concurrency == 7
    provision = models.PutProvisionConfigInput(target=2)
    client.put_provision_config("one", models.PutProvisionConfigRequest(body=provision, qualifier="LATEST"))
    kept = client.get_provision_config("one", models.GetProvisionConfigRequest(qualifier="LATEST")).body
    assert (kept.target, kept.function_arn) == (2, f"{ARN}:functions/one")
    scaling = models.PutScalingConfigInput(min_instances=1)
    client.put_scaling_config("one", models.PutScalingConfigRequest(body=scaling))
    assert client.get_scaling_config("one", models.GetScalingConfigRequest()).body.min_instances == 1
    binding = models.CreateVpcBindingRequest(body=models.CreateVpcBindingInput(vpc_id="vpc-1"))
    client.create_vpc_binding("one", binding)
    assert client.list_vpc_bindings("one").body.vpc_ids == ["vpc-1"]
    (spec,) = (one for one in plane.cloud.deliveries.deployment.functions if one.name == "one")
    assert (spec.reserved, spec.provisioned, spec.asynchronous.retries.most) == (7, 2, 0)
    assert spec.asynchronous.on_failure == destination.destination
    lists = {
        "configs": client.list_async_invoke_configs,
        "configs ": client.list_concurrency_configs,
        "provision_configs": client.list_provision_configs,
        "scaling_configs": client.list_scaling_configs,
    }
    requests = {
        "configs": models.ListAsyncInvokeConfigsRequest,
        "configs ": models.ListConcurrencyConfigsRequest,
        "provision_configs": models.ListProvisionConfigsRequest,
        "scaling_configs": models.ListScalingConfigsRequest,
    }
    for key, list_them in lists.items():
        for name, count in {"one": 1, "two": 0, None: 1}.items():
            answer: Any = list_them(requests[key](function_name=name)).body
            assert len(getattr(answer, key.strip()) or []) == count
    client.delete_async_invoke_config("one", models.DeleteAsyncInvokeConfigRequest())
    client.delete_concurrency_config("one")
    client.delete_provision_config("one", models.DeleteProvisionConfigRequest(qualifier="LATEST"))
    client.delete_scaling_config("one", models.DeleteScalingConfigRequest())
    client.delete_vpc_binding("one", "vpc-1")
    (spec,) = (one for one in plane.cloud.deliveries.deployment.functions if one.name == "one")
    assert (spec.reserved, spec.provisioned, spec.asynchronous.on_failure) == (None, 0, "")
    assert client.get_provision_config("one", models.GetProvisionConfigRequest()).body.function_arn is None


def test_instances(plane: ControlPlane) -> None:
    """Provisioned instances come up by themselves and are listed by version, as those of requests are."""
    plane.create("one", "def handler(event, context): return context.function.qualifier")
    plane.publish("one")
    plane.invoke("one")
    given = models.PutProvisionConfigInput(target=2)
    plane.client.put_provision_config("one", models.PutProvisionConfigRequest(body=given, qualifier="1"))
    asked = models.GetProvisionConfigRequest(qualifier="1")
    deadline = time.monotonic() + 20
    while plane.client.get_provision_config("one", asked).body.current != 2:
        assert time.monotonic() < deadline, "two instances did not come up within 20 seconds"
        time.sleep(0.02)

    plane.alias("one", "live", "1")
    plane.client.put_provision_config("one", models.PutProvisionConfigRequest(body=given, qualifier="live"))
    (spec,) = (one for one in plane.cloud.deliveries.deployment.functions if one.key == "one@1")
    assert spec.provisioned == 4
    while len(plane.cloud.deliveries.deployment.instances("one@1")) < spec.provisioned:
        assert time.monotonic() < deadline, "four instances did not come up within 20 seconds"
        time.sleep(0.02)
    for qualifier in ("1", "live"):
        asked = models.GetProvisionConfigRequest(qualifier=qualifier)
        assert plane.client.get_provision_config("one", asked).body.current == 2
    plane.client.delete_provision_config("one", models.DeleteProvisionConfigRequest(qualifier="live"))

    def listed(qualifier: str | None) -> list[Any]:
        request = models.ListInstancesRequest(qualifier=qualifier, with_all_active=True)
        return plane.client.list_instances("one", request).body.instances

    assert {one.version_id for one in listed(None)} == {"1", "LATEST"}
    assert {one.version_id for one in listed("1")} == {"1"}
    (latest,) = listed("LATEST")
    _, headers, _ = fc3_invoke(plane.url, "one", b"")
    assert headers["x-fc-instance-id"] == latest.instance_id
    assert abs(latest.created_time_ms / 1000 - time.time()) < 60


def test_a_failed_asynchronous_invocation(plane: ControlPlane) -> None:
    """One that fails for good is put where the setting of its qualifier says."""
    plane.create("one", "def handler(event, context): raise ValueError('asked to')")
    plane.publish("one")
    plane.cloud.seed({"mns": {"queues": [{"QueueName": "dead"}]}})
    arn = "acs:mns:cn-hangzhou:1234567890123456:/queues/dead/messages"
    failure = models.DestinationConfig(on_failure=models.Destination(destination=arn))
    given = models.PutAsyncInvokeConfigInput(max_async_retry_attempts=0, destination_config=failure)
    request = models.PutAsyncInvokeConfigRequest(body=given, qualifier="1")
    plane.client.put_async_invoke_config("one", request)
    status, _, _ = fc3_invoke(plane.url, "one", b"lost", qualifier="1", x_fc_invocation_type="Async")
    assert status == 202
    deadline = time.monotonic() + 20
    while not (messages := mns_messages(plane.cloud)):
        assert time.monotonic() < deadline, "no dead letter within 20 seconds"
        time.sleep(0.02)
    assert json.loads(messages[0]["MessageBody"])["requestPayload"] == "lost"


def test_lists_are_paged(plane: ControlPlane) -> None:
    """Lists give a page and where the next one begins; versions come newest first."""
    for name in ("a1", "a2", "b1"):
        plane.create(name)
    names: list[str] = []
    token = None
    while token != "":
        request = models.ListFunctionsRequest(limit=1, prefix="a", next_token=token)
        page = plane.client.list_functions(request).body
        names += [one.function_name for one in page.functions]
        token = page.next_token or ""
    assert names == ["a1", "a2"]
    assert [plane.publish("a1") for _ in range(3)] == ["1", "2", "3"]
    plane.client.delete_function_version("a1", "3")
    assert plane.publish("a1") == "4"
    first = plane.client.list_function_versions("a1", models.ListFunctionVersionsRequest(limit=2)).body
    assert [one.version_id for one in first.versions] == ["4", "2"]
    rest = models.ListFunctionVersionsRequest(next_token=first.next_token)
    assert [one.version_id for one in plane.client.list_function_versions("a1", rest).body.versions] == ["1"]
    for number in range(3):
        plane.layer("lib", python__lib=str(number))
    plane.client.delete_layer_version("lib", "2")
    page = plane.client.list_layer_versions("lib", models.ListLayerVersionsRequest(limit=1)).body
    assert ([one.version for one in page.layers], page.next_version) == ([1], 3)
    assert [one.version for one in plane.client.list_layers(models.ListLayersRequest()).body.layers] == [3]
    plane.client.delete_layer_version("lib", "3")
    assert plane.layer("lib", python__lib="").version == 4


def test_tags(plane: ControlPlane) -> None:
    """Tags are given with a function or later, are found by, and are taken away."""
    made = plane.create("one", tags=[models.Tag(key="stage", value="dev")])
    arns = [made.function_arn]
    more = models.TagResourcesInput(resource_id=arns, tag=[models.Tag(key="app", value="x")])
    plane.client.tag_resources(models.TagResourcesRequest(body=more))
    tags = {tag.key: tag.value for tag in plane.get("one").tags}
    assert tags == {"stage": "dev", "app": "x"}
    listed = models.ListTagResourcesRequest(resource_type="function", resource_id=arns)
    rows = plane.client.list_tag_resources(listed).body.tag_resources
    assert {row.tag_key: row.tag_value for row in rows} == tags
    listed.limit, seen = 1, []
    for _ in range(2):
        page = plane.client.list_tag_resources(listed).body
        seen += [row.tag_key for row in page.tag_resources]
        listed.next_token = page.next_token
    assert (seen, listed.next_token) == ([*tags], None)
    for value, count in {"dev": 1, "prod": 0}.items():
        request = models.ListFunctionsRequest(tags=[models.Tag(key="stage", value=value)])
        assert len(plane.client.list_functions(request).body.functions) == count
    gone = models.UntagResourcesRequest(resource_type="function", resource_id=arns, tag_key=["stage"])
    plane.client.untag_resources(gone)
    assert [tag.key for tag in plane.get("one").tags] == ["app"]
    everything = models.UntagResourcesRequest(resource_type="function", resource_id=arns, all=True)
    plane.client.untag_resources(everything)
    assert not plane.get("one").tags


def test_what_serverless_devs_sends_for_what_is_not_set(plane: ControlPlane) -> None:
    """Explicit empties are taken, and mean what leaving them out means."""
    hook = models.LifecycleHook(handler="", timeout=3, command=[])
    made = plane.create(
        "one",
        vpc_config=models.VPCConfig(vpc_id="", v_switch_ids=[], security_group_id=""),
        nas_config=models.NASConfig(user_id=0, group_id=0, mount_points=[]),
        log_config=models.LogConfig(project="", logstore="", log_begin_rule="None"),
        tracing_config=models.TracingConfig(),
        environment_variables={},
        layers=[],
        role="",
        instance_lifecycle_config=models.InstanceLifecycleConfig(initializer=hook, pre_stop=hook),
        custom_runtime_config=models.CustomRuntimeConfig(command=[], args=[]),
    )
    assert plane.invoke("one", b"event") == b"event"
    assert made.role == ""
    assert not made.layers


def test_regions_are_apart(plane: ControlPlane) -> None:
    """Functions of one name in two regions, told by the host, are two functions."""
    with httpx2.Client(transport=plane.cloud.transport, auth=Signer()) as client:
        for region in ("cn-hangzhou", "cn-beijing"):
            body = {
                "functionName": "one",
                "runtime": "python3.12",
                "handler": "index.handler",
                "code": code_of(f"def handler(event, context): return '{region}' + context.region").to_map(),
            }
            url = f"https://fcv3.{region}.aliyuncs.com/2023-03-30/functions"
            assert client.post(url, json=body).status_code == 200
            answer = client.post(f"{url}/one/invocations")
            assert answer.text == region * 2
        assert client.get("https://fcv3.cn-shanghai.aliyuncs.com/2023-03-30/functions/one").status_code == 404
        assert client.delete(f"{url}/one").status_code == 204
        assert plane.invoke("one") == b"cn-hangzhoucn-hangzhou"


def test_the_token_for_uploads(plane: ControlPlane) -> None:
    """FC 2.0's own signature gets temporary keys, which the cloud accepts, and a place for an upload."""
    client = fc2_client(plane.url)
    path = "/2016-08-15/tempBucketToken"
    answer = client._do_request("GET", path, client._build_common_headers("GET", path)).json()
    keys = answer["credentials"]
    assert answer["ossBucket"]
    assert answer["objectName"]
    temporary = Keys(keys["AccessKeyId"], keys["AccessKeySecret"], keys["SecurityToken"])
    assert fc3_client(plane.url, temporary).list_functions(models.ListFunctionsRequest()).status_code == 200


def test_asynchronous_tasks(plane: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> None:
    """With `asyncTask`, background invocations are listed, followed through their retries, and stopped.

    Of many, those that were over first are forgotten.
    """
    code = """
        def handler(event, context):
            if event == b"fail":
                raise ValueError("asked to")
            return event
    """
    plane.create("one", code)
    plane.create("slow", "import time\ndef handler(event, context): time.sleep(1)")
    given = models.PutAsyncInvokeConfigInput(async_task=True, max_async_retry_attempts=1)
    for name in ("one", "slow"):
        plane.client.put_async_invoke_config(name, models.PutAsyncInvokeConfigRequest(body=given))
    for name in ("good", "fail", "stop"):
        event_of = {"stop": b"fail"}.get(name, name.encode())
        headers = {"x_fc_invocation_type": "Async", "x_fc_async_task_id": name}
        status, told, _ = fc3_invoke(plane.url, "one", event_of, **headers)
        assert (status, told["x-fc-async-task-id"]) == (202, name)

    def task(name: str, *states: str, of: str = "one") -> Any:
        deadline = time.monotonic() + 20
        while True:
            found = plane.client.get_async_task(of, name, models.GetAsyncTaskRequest()).body
            if found.status in states:
                return found
            assert time.monotonic() < deadline, f"{name} is {found.status}, not {states}"
            time.sleep(0.02)

    good = task("good", "Succeeded")
    assert (good.task_payload, good.return_payload, good.already_retried_times) == ("good", "good", 0)
    task("fail", "Retrying")
    task("stop", "Retrying")
    plane.client.stop_async_task("one", "stop", models.StopAsyncTaskRequest())
    plane.cloud.advance(60)
    failed, stopped = task("fail", "Failed"), task("stop", "Stopped")
    assert "asked to" in failed.task_error_message
    assert (failed.already_retried_times, stopped.already_retried_times) == (1, 0)
    assert [one.status for one in failed.events] == ["Running", "Retrying", "Failed"]
    listed = models.ListAsyncTasksRequest(sort_order_by_time="asc", limit=2)
    page = plane.client.list_async_tasks("one", listed).body
    assert ([one.task_id for one in page.tasks], page.next_token) == (["good", "fail"], "stop")
    only = models.ListAsyncTasksRequest(status="Stopped")
    assert [one.task_id for one in plane.client.list_async_tasks("one", only).body.tasks] == ["stop"]
    with refused(404, "AsyncTaskNotFound"):
        plane.client.get_async_task("one", "none", models.GetAsyncTaskRequest())
    with refused(409, "AsyncTaskAlreadyExists"):
        fc3_invoke(plane.url, "one", b"", x_fc_invocation_type="Async", x_fc_async_task_id="good")
    fc3_invoke(plane.url, "slow", b"", x_fc_invocation_type="Async", x_fc_async_task_id="now")
    plane.client.stop_async_task("slow", "now", models.StopAsyncTaskRequest())
    assert task("now", "Stopping", of="slow").status == "Stopping"
    assert [one.status for one in task("now", "Stopped", of="slow").events][-2:] == ["Stopping", "Stopped"]
    monkeypatch.setattr("localcloud.services.fc.tasks.MOST_TASKS", 4)
    fc3_invoke(plane.url, "one", b"", x_fc_invocation_type="Async", x_fc_async_task_id="last")
    kept = plane.client.list_async_tasks("one", models.ListAsyncTasksRequest()).body.tasks
    assert [one.task_id for one in kept] == ["last", "stop", "fail"]


def mns_messages(cloud: LocalCloud) -> list[dict[str, Any]]:
    """The messages of the first queue."""
    state: Any = cloud.state()
    messages: list[dict[str, Any]] = state["mns"]["queues"][0]["messages"]
    return messages
