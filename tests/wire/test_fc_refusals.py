"""What Function Compute's control plane refuses, as its client sees it: code, status and what is wrong."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from localcloud import LocalCloud
from localcloud.server import running_server
from tests.support.fc_control import ControlPlane, models, refused
from tests.support.vendor_clients import tidied

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# The vendor's clients leave their sockets to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")

ROLE = "acs:ram::1234567890123456:role/one"


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    """A cloud with a function `one` that has a version, an alias and an HTTP trigger."""
    with tidied(), LocalCloud() as cloud, running_server(cloud) as url:
        plane = ControlPlane(cloud, url)
        plane.create("one")
        plane.publish("one")
        plane.alias("one", "live", "1")
        plane.trigger("one", "web", "http", {"methods": ["GET"]})
        yield plane


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"function_name": "1one"}, "functionName"),
        ({"function_name": "a" * 65}, "functionName"),
        ({"runtime": "python3.11"}, "runtime"),
        ({"handler": ""}, "Handler is required"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": 86401}, "timeout"),
        ({"memory_size": 100}, "memorySize"),
        ({"memory_size": 130}, "memorySize"),
        ({"cpu": 0.01}, "cpu"),
        ({"cpu": 0.33}, "cpu"),
        ({"cpu": 1, "memory_size": 512}, "1:1"),
        ({"cpu": 1, "memory_size": 8192}, "1:4"),
        ({"disk_size": 1024}, "diskSize"),
        ({"instance_concurrency": 201}, "instanceConcurrency"),
        ({"description": "x" * 257}, "description"),
        ({"role": "one"}, "role"),
        ({"environment_variables": {"FC_REGION": "x"}}, "FC_REGION"),
        ({"environment_variables": {"A": "x" * 4096}}, "4096"),
        ({"environment_variables": {"A": "a\0b"}}, "environmentVariables.A"),
        ({"handler": "index.\0"}, "handler"),
        ({"handler": "index.one\nx-fc-role: other"}, "handler"),
        (
            {
                "runtime": "custom.debian12",
                "custom_runtime_config": models.CustomRuntimeConfig(command=["./run", "a\0b"]),
            },
            "customRuntimeConfig.command",
        ),
        ({"layers": ["lib"]}, "ARN"),
        ({"layers": ["acs:fc:cn-hangzhou:1:layers/none/versions/1"]}, "does not exist"),
        ({"layers": ["x"] * 6}, "layers"),
        ({"log_config": models.LogConfig(project="only")}, "logConfig"),
        ({"code": None}, "zipFile must be set"),
        ({"code": models.InputCodeLocation(zip_file="no")}, "base64"),
        ({"code": models.InputCodeLocation(zip_file=base64.b64encode(b"no").decode())}, "zip file"),
        ({"code": models.InputCodeLocation(oss_bucket_name="none", oss_object_name="none")}, "none"),
        (
            {
                "instance_lifecycle_config": models.InstanceLifecycleConfig(
                    pre_stop=models.LifecycleHook(handler="index.stop", timeout=91)
                )
            },
            "preStop",
        ),
    ],
)
def test_functions(plane: ControlPlane, given: dict[str, Any], text: str) -> None:
    """A configuration beyond FC's limits is InvalidArgument, which names what is wrong, and makes nothing."""
    arguments = {"function_name": "other", **given}
    with refused(400, "InvalidArgument", text):
        plane.create(arguments.pop("function_name"), **arguments)
    assert len(plane.client.list_functions(models.ListFunctionsRequest()).body.functions) == 1


def test_a_wrong_update_changes_nothing(plane: ControlPlane) -> None:
    """An update that is refused leaves the function as it was."""
    before = plane.get("one").to_map()
    with refused(400, "InvalidArgument"):
        plane.update("one", timeout=5, memory_size=1)
    assert plane.get("one").to_map() == before


@pytest.mark.parametrize(
    ("kind", "config", "text"),
    [
        ("http", "no JSON", "triggerConfig"),
        ("http", [], "triggerConfig"),
        ("http", {}, "methods"),
        ("http", {"methods": ["TRACE"]}, "methods.0"),
        ("http", {"methods": ["GET"], "authType": "none"}, "authType"),
        ("http", {"methods": ["GET"], "authType": "jwt"}, "jwt"),
        ("http", {"methods": ["GET"]}, "HTTP trigger"),
        ("timer", {}, "cronExpression"),
        ("eventbridge", {"eventRuleFilterPattern": "{}"}, "eventSourceConfig"),
        (
            "eventbridge",
            {"eventRuleFilterPattern": "[]", "eventSourceConfig": {"eventSourceType": "Default"}},
            "eventRuleFilterPattern",
        ),
        (
            "eventbridge",
            {
                "eventRuleFilterPattern": '{"source": ["a", "b", "c", "d", "e", "f"]}',
                "eventSourceConfig": {"eventSourceType": "Default"},
            },
            "at most 5",
        ),
        ("pigeon", {}, "triggerType"),
    ],
)
def test_triggers(plane: ControlPlane, kind: str, config: object, text: str) -> None:
    """A trigger that FC would not take, or a second HTTP trigger of a version, is InvalidArgument."""
    with refused(400, "InvalidArgument", text):
        plane.trigger("one", "other", kind, config)


REFUSED: list[tuple[int, str, Callable[[ControlPlane], object]]] = [
    (409, "FunctionAlreadyExists", lambda plane: plane.create("one")),
    (404, "FunctionNotFound", lambda plane: plane.get("none")),
    (404, "FunctionNotFound", lambda plane: plane.update("none")),
    (404, "FunctionNotFound", lambda plane: plane.client.delete_function("none")),
    (404, "FunctionNotFound", lambda plane: plane.trigger("none", "web", "http", {})),
    (404, "FunctionNotFound", lambda plane: plane.publish("none")),
    (404, "FunctionNotFound", lambda plane: plane.invoke("none")),
    (404, "VersionNotFound", lambda plane: plane.get("one", "2")),
    (404, "VersionNotFound", lambda plane: plane.invoke("one", qualifier="2")),
    (404, "VersionNotFound", lambda plane: plane.client.delete_function_version("one", "2")),
    (404, "VersionNotFound", lambda plane: plane.alias("one", "other", "2")),
    (404, "VersionNotFound", lambda plane: plane.alias("one", "other", "1", v2=0.5)),
    (400, "InvalidArgument", lambda plane: plane.alias("one", "other", "1", v1=0.5)),
    (400, "InvalidArgument", lambda plane: plane.alias("one", "9", "1")),
    (400, "InvalidArgument", lambda plane: plane.alias("one", "LATEST", "1")),
    (400, "InvalidArgument", lambda plane: plane.client.delete_function_version("one", "1")),
    (409, "AliasAlreadyExists", lambda plane: plane.alias("one", "live", "1")),
    (404, "AliasNotFound", lambda plane: plane.get("one", "none")),
    (404, "AliasNotFound", lambda plane: plane.client.delete_alias("one", "none")),
    (404, "AliasNotFound", lambda plane: plane.client.get_alias("one", "none")),
    (404, "AliasNotFound", lambda plane: plane.invoke("one", qualifier="none")),
    (404, "AliasNotFound", lambda plane: plane.trigger("one", "x", "timer", {}, qualifier="none")),
    (409, "TriggerAlreadyExists", lambda plane: plane.trigger("one", "web", "timer", {})),
    (404, "TriggerNotFound", lambda plane: plane.client.get_trigger("one", "none")),
    (404, "TriggerNotFound", lambda plane: plane.client.delete_trigger("one", "none")),
    (404, "LayerVersionNotFound", lambda plane: plane.client.get_layer_version("none", "1")),
    (404, "LayerVersionNotFound", lambda plane: plane.client.get_layer_version("none", "one")),
    (404, "LayerVersionNotFound", lambda plane: plane.client.get_layer_version_by_arn("none")),
    (
        404,
        "LayerNotFound",
        lambda plane: plane.client.put_layer_acl("none", models.PutLayerACLRequest(public="true")),
    ),
    (400, "InvalidArgument", lambda plane: plane.layer("1lib")),
    (
        404,
        "AsyncConfigNotExists",
        lambda plane: plane.client.get_async_invoke_config("one", models.GetAsyncInvokeConfigRequest()),
    ),
    (404, "OnDemandConfigNotFound", lambda plane: plane.client.get_concurrency_config("one")),
    (404, "VpcBindingNotFound", lambda plane: plane.client.delete_vpc_binding("one", "vpc-1")),
    (
        400,
        "InvalidArgument",
        lambda plane: plane.client.list_functions(models.ListFunctionsRequest(limit=101)),
    ),
    (501, "LocalCloud.NotImplemented", lambda plane: plane.client.get_custom_domain("example.org")),
]


@pytest.mark.parametrize(("status", "code", "call"), REFUSED)
def test_what_is_not_there(
    plane: ControlPlane, status: int, code: str, call: Callable[[ControlPlane], object]
) -> None:
    """What is not there, or there already, is refused with FC's code for it."""
    with refused(status, code):
        call(plane)


def test_a_runtime_that_is_not_run(plane: ControlPlane) -> None:
    """A function on another language's runtime is kept; invoking it says what can be run."""
    plane.create("node", runtime="nodejs20")
    try:
        with refused(501, "LocalCloud.NotImplemented", "python3.12"):
            plane.invoke("node")
    finally:
        plane.client.delete_function("node")


def test_a_function_that_must_not_be_invoked(plane: ControlPlane) -> None:
    """While invoking is disabled, InvokeFunction is refused with the reason, which GetFunction tells too."""
    plane.create("off")
    request = models.DisableFunctionInvocationRequest(reason="maintenance", abort_ongoing_request=True)
    plane.client.disable_function_invocation("off", request)
    assert plane.get("off").invocation_restriction.reason == "maintenance"
    with refused(403, "AccessDenied", "maintenance"):
        plane.invoke("off")
    plane.client.enable_function_invocation("off")
    assert plane.get("off").invocation_restriction is None
    plane.client.delete_function("off")


def test_seeding(plane: ControlPlane) -> None:
    """Functions cannot be seeded, and a seed that tries says so."""
    state = json.loads(json.dumps(plane.cloud.state()))
    with pytest.raises(Exception, match="fc: functions cannot be seeded"):
        plane.cloud.seed({"fc": state["fc"]})
