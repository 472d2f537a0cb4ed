"""Function Compute's own client makes functions, layers, versions and triggers, and they run."""

from __future__ import annotations

import json
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from localcloud import LocalCloud
from localcloud.runtime import interpreters
from localcloud.server import running_server
from tests.support.cloud_client import Signer
from tests.support.cloud_modes import Keys
from tests.support.echo_function import echo_deployment
from tests.support.fc_clients import fc2_client, fc3_client, fc3_invoke
from tests.support.fc_control import ARN, ControlPlane, code_of, models, refused
from tests.support.programs import requires
from tests.support.vendor_clients import tidied

if TYPE_CHECKING:
    from collections.abc import Iterator

# The vendor's clients leave their sockets to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")

DOMAIN = "one-1234567890123456.cn-hangzhou.fcapp.run"
NEW = "def handler(event, context): return 'new'"


@pytest.fixture(autouse=True, scope="module")
def cleared() -> Iterator[None]:
    """No other test is blamed for the clients' sockets and logs."""
    with tidied():
        yield


@pytest.fixture
def plane() -> Iterator[ControlPlane]:
    """A cloud in which nothing is deployed, on a port."""
    requires("python3.12")
    with LocalCloud() as cloud, running_server(cloud) as url:
        yield ControlPlane(cloud, url)


def test_functions_call_the_cloud_where_it_is_served_now() -> None:
    """Also when it was used before it was served, or was served elsewhere before."""
    requires("python3.12")
    with LocalCloud() as cloud:
        cloud.put_event(event(source="mine"))
        for name in ("one", "two"):
            with running_server(cloud) as url:
                plane = ControlPlane(cloud, url)
                plane.create(name, "import os\ndef handler(e, c): return os.environ['ENLIST_ENDPOINT_URL']")
                assert plane.invoke(name).decode() == url
                plane.trigger(name, "web", "http", {"authType": "anonymous", "methods": ["GET"]})
                state: Any = cloud.state()
                assert httpx2.get(state["functions"][-1]["urls"][0]).text == url
        assert cloud.url == ""


def test_code_is_replaced(plane: ControlPlane) -> None:
    """A function that was made from a zip runs; after an update of its code alone, the new code does."""
    made = plane.create("one", "def handler(event, context): return b'old ' + event", timeout=10)
    assert plane.invoke("one", b"event") == b"old event"
    changed = plane.update("one", code=code_of(NEW))
    assert plane.invoke("one") == b"new"
    assert made.code_checksum != changed.code_checksum
    assert (changed.timeout, changed.function_id) == (10, made.function_id)
    assert (made.memory_size, made.cpu, made.disk_size) == (512, 0.35, 512)


@pytest.mark.parametrize(
    ("runtime", "python"),
    [
        ("python3.12", "python3.12"),
        ("python3.10", "python3.10"),
        ("python3.9", "python3.9"),
        ("python3", "python3.9"),
    ],
)
def test_every_built_in_runtime(plane: ControlPlane, runtime: str, python: str) -> None:
    """Each runs functions, gives them keys, and tells what they raise, on the Python that it stands for."""
    requires(python)
    source = """
        import os, sys
        def initialize(context): pass
        def handler(event, context):
            if event: raise ValueError(os.environ["ALIBABA_CLOUD_ACCESS_KEY_ID"])
            return "python%d.%d" % sys.version_info[:2]
    """
    hooks = models.InstanceLifecycleConfig(
        initializer=models.LifecycleHook(handler="index.initialize", timeout=10)
    )
    plane.create("one", source, runtime=runtime, instance_lifecycle_config=hooks)
    plane.create("broken", "def", runtime=runtime)
    assert plane.invoke("one").decode() == python
    assert json.loads(fc3_invoke(plane.url, "one", b"fail")[2])["errorMessage"] == "test"
    assert json.loads(fc3_invoke(plane.url, "broken", b"")[2])["errorType"] == "UserCodeSyntaxError"


def test_layers_in_their_order(plane: ControlPlane) -> None:
    """Of two layers with one module the first in the list wins, whichever was published first."""
    arns = [plane.layer("same", python__who=f"NAME = {number}").layer_version_arn for number in (1, 2)]
    source = "import who\ndef handler(event, context): return who.NAME"
    plane.create("forwards", source, layers=arns)
    plane.create("backwards", source, layers=arns[::-1])
    assert (plane.invoke("forwards"), plane.invoke("backwards")) == (b"1", b"2")
    assert [layer.arn for layer in plane.get("backwards").layers] == arns[::-1]
    assert arns == [f"{ARN}:layers/same/versions/{number}" for number in (1, 2)]


def test_layers_are_one_folder(plane: ControlPlane) -> None:
    """Layers are put together at /opt, so one package may come from several; Python finds opt/python only."""
    parts = {"python__parts____init__": "", "python__parts__one": "N = 1"}
    first = plane.layer("first", **parts, bare="")
    second = plane.layer("second", python__parts__one="N = 0", python__parts__two="N = 2", bare="")
    source = """
        import importlib.util, parts.one, parts.two
        def handler(event, context):
            return [parts.one.N, parts.two.N, importlib.util.find_spec("bare")]
    """
    plane.create("one", source, layers=[first.layer_version_arn, second.layer_version_arn])
    assert json.loads(plane.invoke("one")) == [1, 2, None]
    only = plane.layer("tools", bin__tool="").layer_version_arn
    plane.create("two", "import os\ndef handler(event, context): return os.environ['PATH']", layers=[only])
    (tool, *_) = plane.invoke("two").decode().split(":")
    assert (Path(tool) / "tool.py").is_file()
    assert plane.update("two", layers=[]).layers == []
    assert not plane.invoke("two").decode().startswith(tool)


def test_a_version_stays_as_it_was(plane: ControlPlane) -> None:
    """A published version keeps its code, layers and configuration, and knows its number."""
    source = """
        import os, who
        def handler(event, context):
            return os.environ["A"] + who.NAME + context.function.qualifier
    """
    arn = plane.layer("lib", python__who="NAME = ' layered '").layer_version_arn
    plane.create("one", source, environment_variables={"A": "before"}, layers=[arn])
    assert plane.publish("one") == "1"
    plane.update("one", code=code_of(NEW), environment_variables={"A": "after"}, layers=[])
    plane.client.delete_layer_version("lib", "1")
    assert plane.invoke("one", qualifier="1") == b"before layered 1"
    assert plane.invoke("one", qualifier="LATEST") == b"new"
    assert plane.get("one", "1").environment_variables == {"A": "before"}
    assert plane.get("one", "1").function_arn == f"{ARN}:functions/one/1"


def test_an_http_trigger(plane: ControlPlane) -> None:
    """An HTTP trigger answers at the address that it is given, until it is deleted."""
    plane.create("one", "def handler(event, context): return 'over HTTP'")
    made = plane.trigger("one", "web", "http", {"authType": "anonymous", "methods": ["GET"]})
    assert json.loads(made.trigger_config) == {"authType": "anonymous", "methods": ["GET"]}
    assert httpx2.get(made.http_trigger.url_internet).text == "over HTTP"
    plane.client.delete_trigger("one", "web")
    assert httpx2.get(made.http_trigger.url_internet).status_code == 404


def test_an_http_trigger_of_an_alias(plane: ControlPlane) -> None:
    """Each version and alias has an HTTP trigger of its own, at an address of its own."""
    plane.create("one", "def handler(event, context): return context.function.qualifier")
    plane.publish("one")
    plane.alias("one", "live", "1")
    config = {"authType": "anonymous", "methods": ["GET"]}
    said = {}
    for qualifier in ("LATEST", "1", "live"):
        made = plane.trigger("one", f"web-{qualifier}", "http", config, qualifier=qualifier)
        said[qualifier] = httpx2.get(made.http_trigger.url_internet).text
    assert said == {"LATEST": "LATEST", "1": "1", "live": "1"}
    assert httpx2.get(f"{plane.url}/", headers={"host": DOMAIN}).text == "LATEST"


def test_triggers_of_a_function_that_must_not_be_invoked(plane: ControlPlane) -> None:
    """While invoking is disabled nothing runs, whoever asks; afterwards it does again."""
    plane.create("one", NEW)
    made = plane.trigger("one", "web", "http", {"authType": "anonymous", "methods": ["GET"]})
    plane.client.disable_function_invocation("one", models.DisableFunctionInvocationRequest())
    assert httpx2.get(made.http_trigger.url_internet).status_code == 429
    plane.client.enable_function_invocation("one")
    assert httpx2.get(made.http_trigger.url_internet).text == "new"


def test_a_reset_forgets(plane: ControlPlane) -> None:
    """What was made by calls is gone after a reset, layers too."""
    plane.create("one")
    plane.layer("lib", python__lib="")
    assert {*plane.cloud.state()["fc"]} == {"functions", "layers"}
    plane.cloud.reset()
    assert "fc" not in plane.cloud.state()
    with refused(404, "FunctionNotFound"):
        plane.invoke("one")
    plane.create("one", NEW)
    assert plane.invoke("one") == b"new"


def test_an_alias_with_weights(plane: ControlPlane) -> None:
    """An alias shares its invocations between two versions as its weights say, the same way in each run."""
    plane.create("one", "def handler(event, context): return context.function.version_id")
    assert [plane.publish("one") for _ in range(2)] == ["1", "2"]
    plane.alias("one", "live", "1", v2=0.5)
    first = [plane.invoke("one", qualifier="live") for _ in range(12)]
    assert {*first} == {b"1", b"2"}
    body = models.UpdateAliasInput(version_id="2")
    updated = plane.client.update_alias("one", "live", models.UpdateAliasRequest(body=body)).body
    assert (updated.version_id, updated.additional_version_weight) == ("2", None)
    assert {plane.invoke("one", qualifier="live") for _ in range(4)} == {b"2"}
    plane.cloud.reset()
    plane.create("one", "def handler(event, context): return context.function.version_id")
    assert [plane.publish("one") for _ in range(2)] == ["1", "2"]
    plane.alias("one", "live", "1", v2=0.5)
    assert [plane.invoke("one", qualifier="live") for _ in range(12)] == first


def test_an_event_reaches_the_version_of_its_trigger(plane: ControlPlane) -> None:
    """A rule of the default bus invokes the version or alias that its trigger names."""
    plane.create("one", "def handler(event, context): return context.function.qualifier")
    plane.publish("one")
    plane.alias("one", "live", "1")
    config = {
        "eventRuleFilterPattern": '{"source": ["mine"]}',
        "eventSourceConfig": {"eventSourceType": "Default"},
    }
    for name, qualifier in {"latest": "LATEST", "published": "1", "named": "live"}.items():
        made = plane.trigger("one", name, "eventbridge", config, qualifier=qualifier)
        assert made.source_arn.endswith(f"eventbus/default/rule/one-{name}")
    told: Any = plane.cloud.put_event(event(source="mine"))
    results = {row["rule"]: row["result"] for row in told["deliveries"]}
    assert results == {"one-latest": "LATEST", "one-published": "1", "one-named": "1"}
    off = models.UpdateTriggerInput(trigger_config=json.dumps({**config, "triggerEnable": False}))
    plane.client.update_trigger("one", "named", models.UpdateTriggerRequest(body=off))
    plane.client.delete_trigger("one", "published")
    told = plane.cloud.put_event(event(source="mine"))
    assert [row["rule"] for row in told["deliveries"]] == ["one-latest"]
    source = {**config, "eventSourceConfig": {"eventSourceType": "MNS"}}
    changed = models.UpdateTriggerInput(trigger_config=json.dumps(source))
    with refused(400, "InvalidArgument", "eventSourceType"):
        plane.client.update_trigger("one", "latest", models.UpdateTriggerRequest(body=changed))


def test_a_queue_and_a_timer(plane: ControlPlane) -> None:
    """Messages of a queue and ticks reach a function through the triggers that it is given."""
    plane.create("one", "def handler(event, context): print(event.decode())")
    queue = {
        "eventRuleFilterPattern": "{}",
        "eventSourceConfig": {
            "eventSourceType": "MNS",
            "eventSourceParameters": {"sourceMNSParameters": {"QueueName": "jobs"}},
        },
        "eventSinkConfig": {"deliveryOption": {"eventSchema": "RawData"}},
    }
    driven = plane.trigger("one", "jobs", "eventbridge", queue)
    assert driven.source_arn.endswith(":eventbus/MNS-one-jobs/rule/one-jobs")
    stream = {**queue, "runOptions": {"mode": "event-streaming"}, "triggerEnable": False}
    assert plane.trigger("one", "all", "eventbridge", stream).source_arn.endswith(":eventstreaming/one-all")
    plane.trigger("one", "nightly", "timer", {"cronExpression": "@every 5m", "payload": "tick"})
    plane.trigger("one", "files", "oss", {"events": ["oss:ObjectCreated:PutObject"]})
    messages = [{"MessageBody": "from the queue"}]
    plane.cloud.seed({"mns": {"queues": [{"QueueName": "jobs", "messages": messages}]}})
    plane.cloud.advance(1)
    (tick,) = plane.cloud.deliveries.tick()
    assert '"payload": "tick"' in tick.invocation.logs
    state: Any = plane.cloud.state()
    assert state["mns"]["queues"][0]["messages"] == []
    played = {row["triggerName"]: row["played"] for row in state["fc"]["functions"][0]["triggers"]}
    assert played == {"jobs": True, "all": True, "nightly": True, "files": False}


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


def test_a_deployed_function_takes_the_place_of_a_templates(tmp_path: Path) -> None:
    """A function of the name that one of the template has runs instead of it, until a reset."""
    requires("python3.12")
    with LocalCloud() as cloud, running_server(cloud) as url, echo_deployment(tmp_path, url) as deployment:
        cloud.deploy(deployment, url)
        plane = ControlPlane(cloud, url)
        assert plane.invoke("app-plain", b"event") == b"event"
        count = len(deployment.functions)
        plane.create("app-plain", NEW)
        plane.create("plain", "def handler(event, context): return 'named as a key'")
        assert plane.invoke("app-plain") == b"new"
        assert plane.invoke("plain") == b"named as a key"
        assert len(deployment.functions) == count + 1
        plane.client.delete_function("app-plain")
        with refused(404, "FunctionNotFound"):
            plane.invoke("app-plain")
        cloud.reset()
        assert plane.invoke("app-plain", b"event") == b"event"
        assert len(deployment.functions) == count


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


def test_a_python_that_is_missing(plane: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the Python of a runtime is missing, invoking says how to get it; a variant has any run it."""
    monkeypatch.setattr(interpreters, "find", lambda version: None)
    plane.create("one", "import sys\ndef handler(event, context): return '%d.%d' % sys.version_info[:2]")
    layer = plane.layer("lib", python__lib="").layer_version_arn
    plane.create("layered", layers=[layer])
    with refused(412, "FunctionNotStarted", "pyenv install 3.12"):
        plane.invoke("one")
    plane.cloud.configure(function_python="any")
    assert plane.invoke("one").decode() == f"{sys.version_info.major}.{sys.version_info.minor}"
    with refused(412, "FunctionNotStarted", "python3.12"):
        plane.invoke("layered")


def test_made_in_the_middle_of_a_reset(plane: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> None:
    """A function that is made while the cloud is reset is there afterwards as a whole, and runs."""
    plane.create("before")
    deployment = plane.cloud.deliveries.deployment
    restore, made = deployment.restore, threading.Thread(target=plane.create, args=("one",))

    def slowly() -> None:
        restore()
        made.start()
        made.join(0.5)

    monkeypatch.setattr(deployment, "restore", slowly)
    plane.cloud.reset()
    made.join()
    assert [spec.key for spec in deployment.functions] == ["one"]
    assert plane.get("one").function_name == "one"
    assert plane.invoke("one", b"event") == b"event"


def test_no_folder_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was uploaded is gone when the cloud is closed, also where somebody keeps hold of that cloud."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with LocalCloud() as cloud, running_server(cloud) as url:
        ControlPlane(cloud, url).create("one")
        assert [*tmp_path.glob("localcloud-fc-*/*/index.py")]
    assert not [*tmp_path.iterdir()]


def mns_messages(cloud: LocalCloud) -> list[dict[str, Any]]:
    """The messages of the first queue."""
    state: Any = cloud.state()
    messages: list[dict[str, Any]] = state["mns"]["queues"][0]["messages"]
    return messages


def event(**given: Any) -> dict[str, Any]:
    """A CloudEvent."""
    return {"id": "1", "source": "other", "type": "test", "data": {}, **given}
