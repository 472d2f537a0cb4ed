"""Function Compute's control plane, as every way to call it sees it."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from tests.support.cloud_scene import BYTES, IN_PROCESS, OVER_HTTP, in_modes
from tools.layer.build import zip_bytes

if TYPE_CHECKING:
    from tests.support.cloud_scene import Scene

ONE = {"functionName": "one"}


def code(**files: str) -> dict[str, str]:
    """The `code` of a function or layer; in the names of its files `/` for `__`."""
    named = {f"{name.replace('__', '/')}.py": text.encode() for name, text in files.items()}
    return {"zipFile": base64.b64encode(zip_bytes(named)).decode()}


def create(at: Scene, name: str = "one", **given: Any) -> Any:
    """CreateFunction, with defaults for what is not given."""
    source = code(index="def handler(event, context): return event")
    usual = {"runtime": "python3.12", "handler": "index.handler", "code": source, "functionName": name}
    return at.does("fc", "CreateFunction", **{**usual, **given})


@in_modes("fc")
def test_the_life_of_a_function(at: Scene) -> None:
    """A function is made, described, changed, forbidden and allowed to be invoked, and deleted."""
    made = create(at, timeout=10, environmentVariables={"A": "ä"})
    assert made["functionArn"].endswith(":functions/one")
    assert at.refuses(
        "fc", "CreateFunction", **ONE, runtime="python3.12", handler="a.b", code=code(a="")
    ) == (
        409,
        "FunctionAlreadyExists",
    )
    changed = at.does("fc", "UpdateFunction", **ONE, memorySize=1024, code=code(index="# other"))
    shown = at.does("fc", "GetFunction", **ONE)
    assert (shown["timeout"], shown["memorySize"], shown["environmentVariables"]) == (10, 1024, {"A": "ä"})
    assert changed["codeChecksum"] == shown["codeChecksum"] != made["codeChecksum"]
    assert at.does("fc", "GetFunctionCode", **ONE)["checksum"] == shown["codeChecksum"]
    at.does("fc", "DisableFunctionInvocation", **ONE, reason="a test")
    assert at.does("fc", "GetFunction", **ONE)["invocationRestriction"]["disable"] is True
    at.does("fc", "EnableFunctionInvocation", **ONE)
    at.does("fc", "DeleteFunction", **ONE)
    assert at.refuses("fc", "GetFunction", **ONE) == (404, "FunctionNotFound")


@in_modes("fc")
def test_pages_of_functions(at: Scene) -> None:
    """Functions come in pages that a token joins, each once, those of a prefix only."""
    for number in range(5):
        create(at, f"one-{number}")
    create(at, "two")
    names: list[str] = []
    token: dict[str, str] = {}
    for _ in range(3):
        page = at.does("fc", "ListFunctions", prefix="one-", limit=2, **token)
        names += [one["functionName"] for one in page["functions"]]
        token = {"nextToken": page.get("nextToken", "")}
    assert (names, token) == ([f"one-{number}" for number in range(5)], {"nextToken": ""})


@in_modes("fc")
def test_layers(at: Scene) -> None:
    """Versions of a layer are published, listed and deleted, and a function names them."""
    layer = {"layerName": "lib"}
    first, second = (
        at.does("fc", "CreateLayerVersion", **layer, code=code(a=text), compatibleRuntime=["python3.12"])
        for text in ("1", "2")
    )
    assert (first["version"], second["version"]) == (1, 2)
    assert at.does("fc", "GetLayerVersion", **layer, version="2")["codeChecksum"] == second["codeChecksum"]
    arn = first["layerVersionArn"]
    assert at.does("fc", "GetLayerVersionByArn", arn=arn)["version"] == 1
    assert [one["version"] for one in at.does("fc", "ListLayerVersions", **layer)["layers"]] == [1, 2]
    assert [one["version"] for one in at.does("fc", "ListLayers", prefix="li")["layers"]] == [2]
    at.does("fc", "PutLayerACL", **layer, public="true")
    assert [one["arn"] for one in create(at, layers=[arn])["layers"]] == [arn]
    at.does("fc", "DeleteLayerVersion", **layer, version="1")
    assert at.refuses("fc", "GetLayerVersion", **layer, version="1") == (404, "LayerVersionNotFound")


@in_modes("fc")
def test_versions_and_aliases(at: Scene) -> None:
    """Versions are published and stay as they were; an alias names one, and moves to another."""
    create(at, timeout=1)
    for number in ("1", "2"):
        assert at.does("fc", "PublishFunctionVersion", **ONE, description=f"v{number}")["versionId"] == number
        at.does("fc", "UpdateFunction", **ONE, timeout=9)
    versions = at.does("fc", "ListFunctionVersions", **ONE, direction="FORWARD")["versions"]
    assert [one["versionId"] for one in versions] == ["1", "2"]
    alias = {**ONE, "aliasName": "live"}
    made = at.does("fc", "CreateAlias", **alias, versionId="1", additionalVersionWeight={"2": 0.5})
    assert (made["versionId"], made["additionalVersionWeight"]) == ("1", {"2": 0.5})
    assert at.does("fc", "GetFunction", **ONE, qualifier="live")["timeout"] == 1
    assert at.refuses("fc", "DeleteFunctionVersion", **ONE, versionId="2")[0] == 400
    assert at.does("fc", "UpdateAlias", **alias, versionId="2")["versionId"] == "2"
    assert at.does("fc", "GetAlias", **alias)["versionId"] == "2"
    assert [one["aliasName"] for one in at.does("fc", "ListAliases", **ONE)["aliases"]] == ["live"]
    at.does("fc", "DeleteAlias", **alias)
    assert at.refuses("fc", "GetAlias", **alias) == (404, "AliasNotFound")
    at.does("fc", "DeleteFunctionVersion", **ONE, versionId="1")
    assert at.refuses("fc", "GetFunction", **ONE, qualifier="1") == (404, "VersionNotFound")


@in_modes("fc")
def test_triggers(at: Scene) -> None:
    """A trigger is made, listed, changed and deleted; its configuration stays the text that it was."""
    create(at)
    trigger = {**ONE, "triggerName": "tick"}
    config = json.dumps({"cronExpression": "@every 1h", "enable": False})
    at.does("fc", "CreateTrigger", **trigger, triggerType="timer", triggerConfig=config)
    assert (
        json.loads(at.does("fc", "GetTrigger", **trigger)["triggerConfig"])["cronExpression"] == "@every 1h"
    )
    other = json.dumps({"cronExpression": "@every 2h", "enable": False})
    at.does("fc", "UpdateTrigger", **trigger, triggerConfig=other, description="slower")
    (row,) = at.does("fc", "ListTriggers", **ONE)["triggers"]
    assert (row["triggerName"], row["description"]) == ("tick", "slower")
    assert at.refuses("fc", "CreateTrigger", **trigger, triggerType="timer", triggerConfig=config) == (
        409,
        "TriggerAlreadyExists",
    )
    at.does("fc", "DeleteTrigger", **trigger)
    assert at.refuses("fc", "GetTrigger", **trigger) == (404, "TriggerNotFound")


@in_modes("fc")
def test_asynchronous_invocations_and_instances(at: Scene) -> None:
    """What is set for a function is shown, listed and taken back, each by an action of its own."""
    create(at)
    at.does("fc", "PutAsyncInvokeConfig", **ONE, maxAsyncRetryAttempts=1, maxAsyncEventAgeInSeconds=60)
    assert at.does("fc", "GetAsyncInvokeConfig", **ONE)["maxAsyncRetryAttempts"] == 1
    assert len(at.does("fc", "ListAsyncInvokeConfigs", **ONE)["configs"]) == 1
    at.does("fc", "DeleteAsyncInvokeConfig", **ONE)
    assert at.refuses("fc", "GetAsyncInvokeConfig", **ONE)[0] == 404
    assert at.does("fc", "PutConcurrencyConfig", **ONE, reservedConcurrency=3)["reservedConcurrency"] == 3
    assert at.does("fc", "GetConcurrencyConfig", **ONE)["reservedConcurrency"] == 3
    assert len(at.does("fc", "ListConcurrencyConfigs")["configs"]) == 1
    at.does("fc", "DeleteConcurrencyConfig", **ONE)
    assert at.refuses("fc", "GetConcurrencyConfig", **ONE)[0] == 404
    at.does("fc", "PutProvisionConfig", **ONE, defaultTarget=0)
    assert at.does("fc", "GetProvisionConfig", **ONE)["defaultTarget"] == 0
    assert len(at.does("fc", "ListProvisionConfigs")["provisionConfigs"]) == 1
    at.does("fc", "DeleteProvisionConfig", **ONE)
    at.does("fc", "PutScalingConfig", **ONE, minInstances=0)
    assert at.does("fc", "GetScalingConfig", **ONE)["minInstances"] == 0
    assert len(at.does("fc", "ListScalingConfigs")["scalingConfigs"]) == 1
    at.does("fc", "DeleteScalingConfig", **ONE)
    assert at.refuses("fc", "PutConcurrencyConfig", **ONE, reservedConcurrency=-1) == (400, "InvalidArgument")


@in_modes("fc")
def test_tags_networks_and_regions(at: Scene) -> None:
    """Tags are put on functions by their ARNs, networks are bound, and regions are listed."""
    arn = create(at)["functionArn"]
    resource = {"ResourceType": "function", "ResourceId": [arn]}
    at.does("fc", "TagResources", **resource, Tag=[{"Key": "a", "Value": "b"}, {"Key": "c", "Value": "d"}])
    at.does("fc", "UntagResources", **resource, TagKey=["c"])
    (row,) = at.does("fc", "ListTagResources", **resource)["TagResources"]
    assert (row["TagKey"], row["TagValue"]) == ("a", "b")
    at.does("fc", "CreateVpcBinding", **ONE, vpcId="vpc-1")
    assert at.does("fc", "ListVpcBindings", **ONE)["vpcIds"] == ["vpc-1"]
    at.does("fc", "DeleteVpcBinding", **ONE, vpcId="vpc-1")
    assert not at.does("fc", "ListVpcBindings", **ONE)["vpcIds"]
    regions = at.does("fc", "DescribeRegions")["Regions"]["Region"]
    assert "cn-hangzhou" in [one["RegionId"] for one in regions]


@in_modes("fc", only=BYTES)
def test_tasks_and_instances(at: Scene) -> None:
    """A background invocation can be asked about and stopped; a function that never ran has no instances."""
    # No machine has this Python, so that nothing runs, and the task waits for its next try.
    create(at, runtime="custom.debian12", customRuntimeConfig={"command": ["python3.99"]})
    at.does("fc", "PutAsyncInvokeConfig", **ONE, asyncTask=True, maxAsyncRetryAttempts=8)
    asked = {"x-fc-invocation-type": "Async", "x-fc-async-task-id": "mine"}
    assert at.call("fc", "InvokeFunction", content=b"event", headers=asked, **ONE).status == 202
    task = {**ONE, "taskId": "mine"}
    assert at.does("fc", "GetAsyncTask", **task)["taskPayload"] == "event"
    at.does("fc", "StopAsyncTask", **task)
    (listed,) = at.does("fc", "ListAsyncTasks", **ONE)["tasks"]
    assert (listed["taskId"], listed["status"] in {"Stopping", "Stopped"}) == ("mine", True)
    assert at.refuses("fc", "GetAsyncTask", **ONE, taskId="other") == (404, "AsyncTaskNotFound")
    assert not at.does("fc", "ListInstances", **ONE)["instances"]


@in_modes("fc")
def test_wrong_parameters(at: Scene) -> None:
    """What a function cannot be is an InvalidArgument, and nothing is made."""
    for wrong in (
        {"runtime": "cobol"},
        {"handler": ""},
        {"timeout": 0},
        {"code": {}},
        {"functionName": "1 x"},
    ):
        given = {"runtime": "python3.12", "handler": "index.handler", "code": code(index=""), **ONE, **wrong}
        assert (wrong, at.refuses("fc", "CreateFunction", **given)[0]) == (wrong, 400)
    assert at.does("fc", "ListFunctions")["functions"] == []


@in_modes("fc2", only=(IN_PROCESS, OVER_HTTP))
def test_where_to_upload_code(at: Scene) -> None:
    """The older API gives keys, a bucket and a name for an upload; its own client does not ask for it."""
    token = at.does("fc2", "GetTempBucketToken")
    assert {*token} == {"credentials", "ossBucket", "objectName"}
    assert {*token["credentials"]} == {"AccessKeyId", "AccessKeySecret", "SecurityToken", "Expiration"}
