"""EventBridge, as every way to call it sees it."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from tests.support.cloud_scene import OVER_HTTP, in_modes, with_functions
from tests.support.queues import QUEUE, bodies, seed_queue
from tools.layer.build import zip_bytes

if TYPE_CHECKING:
    from tests.support.cloud_scene import Scene

BUS = {"EventBusName": "mine"}
RULE = {**BUS, "RuleName": "orders"}
PATTERN = {"source": ["shop"]}
TARGET = {
    "Id": "t1",
    "Type": "acs.mns.queue",
    "Endpoint": f"acs:mns:cn-hangzhou:1234567890123456:queues/{QUEUE}",
    "ParamList": [
        {"ResourceKey": "queue", "Form": "CONSTANT", "Value": QUEUE},
        {"ResourceKey": "Body", "Form": "JSONPATH", "Value": "$.data"},
    ],
}
EVENT = {"Id": "e-1", "Source": "shop", "Type": "shop:Order:Created", "Data": {"number": 7}}
ARN = "acs:eventbridge:cn-hangzhou:1234567890123456:eventbus/mine"


def does(at: Scene, action: str, **parameters: Any) -> Any:
    """The `Data` of an answer that went well."""
    body = at.does("eventbridge", action, **parameters)
    assert body["Success"], body
    return body.get("Data")


def refusal(at: Scene, action: str, **parameters: Any) -> tuple[int, str]:
    """Status and code of a refusal, which is an answer of its own."""
    answer = at.call("eventbridge", action, **parameters)
    assert answer.body["Success"] is False
    assert answer.body["Message"]
    return answer.status, answer.body["Code"]


@in_modes("eventbridge")
def test_buses(at: Scene) -> None:
    """A bus is created, shown, listed beside the default one, described anew and deleted."""
    assert does(at, "CreateEventBus", Description="first", **BUS) == {"EventBusARN": ARN}
    assert refusal(at, "CreateEventBus", **BUS) == (200, "EventBusAlreadyExist")
    does(at, "UpdateEventBus", Description="second", **BUS)
    shown = does(at, "GetEventBus", **BUS)
    assert (shown["EventBusARN"], shown["Description"]) == (ARN, "second")
    page = does(at, "ListEventBuses", Limit=1)
    assert ([bus["EventBusName"] for bus in page["EventBuses"]], page["Total"]) == (["default"], 2)
    rest = does(at, "ListEventBuses", Limit=1, NextToken=page["NextToken"])
    assert [bus["EventBusName"] for bus in rest["EventBuses"]] == ["mine"]
    does(at, "DeleteEventBus", **BUS)
    assert refusal(at, "GetEventBus", **BUS) == (200, "EventBusNotExist")
    assert refusal(at, "DeleteEventBus", EventBusName="default") == (200, "InvalidArgument")


@in_modes("eventbridge")
def test_rules_and_targets(at: Scene) -> None:
    """A rule is created with a target, changed, switched, shown and deleted, and so are its targets."""
    does(at, "CreateEventBus", **BUS)
    created = does(at, "CreateRule", FilterPattern=json.dumps(PATTERN), EventTargets=[TARGET], **RULE)
    assert created == {"RuleARN": f"{ARN}/rule/orders"}
    does(at, "UpdateRule", FilterPattern="{}", Description="all", **RULE)
    does(at, "DisableRule", **RULE)
    (listed,) = does(at, "ListRules", RuleNamePrefix="ord", **BUS)["Rules"]
    assert (listed["Status"], listed["FilterPattern"]) == ("DISABLE", "{}")
    does(at, "EnableRule", **RULE)
    shown = does(at, "GetRule", **RULE)
    assert (shown["Status"], shown["Description"]) == ("ENABLE", "all")
    assert (shown["Targets"][0]["Id"], shown["Targets"][0]["ParamList"][1]["Value"]) == ("t1", "$.data")
    answer = does(at, "PutTargets", Targets=[{**TARGET, "Id": "t2"}, {**TARGET, "Type": ""}], **RULE)
    assert [(row["EntryId"], row["ErrorCode"]) for row in answer["ErrorEntries"]] == [
        ("t1", "InvalidArgument")
    ]
    assert [one["Id"] for one in does(at, "ListTargets", **RULE)["Targets"]] == ["t1", "t2"]
    assert does(at, "DeleteTargets", TargetIds=["t1"], **RULE)["ErrorEntriesCount"] == 0
    assert [one["Id"] for one in does(at, "ListTargets", **RULE)["Targets"]] == ["t2"]
    does(at, "DeleteRule", **RULE)
    assert refusal(at, "GetRule", **RULE) == (200, "EventRuleNotExisted")


@in_modes("eventbridge")
def test_patterns(at: Scene) -> None:
    """TestEventPattern says whether an event matches, and refuses what is no pattern."""
    event = json.dumps({"source": "shop"})
    assert does(at, "TestEventPattern", Event=event, EventPattern=json.dumps(PATTERN)) == {"Result": True}
    assert does(at, "TestEventPattern", Event="{}", EventPattern=json.dumps(PATTERN)) == {"Result": False}
    assert refusal(at, "TestEventPattern", Event=event, EventPattern='{"a": 1}') == (200, "InvalidArgument")


@in_modes("eventbridge")
def test_events_and_what_became_of_them(at: Scene) -> None:
    """An event that is put runs to its target, and the queries tell of it."""
    seed_queue(at.cloud)
    does(at, "CreateEventBus", **BUS)
    does(at, "CreateRule", FilterPattern=json.dumps(PATTERN), EventTargets=[TARGET], **RULE)
    told = does(at, "PutEvents", EventList=[EVENT, {**EVENT, "Id": "e-2", "Type": "x" * 65}], **BUS)
    assert told["FailedEntryCount"] == 1
    assert [row.get("ErrorCode") for row in told["EntryList"]] == [None, "InvalidArgument"]
    assert [entry["event"]["id"] for entry in at.became()] == ["e-1"]
    assert bodies(at.cloud) == ['{"number": 7}']
    one = {**BUS, "EventId": "e-1", "EventSource": "shop"}
    event = does(at, "QueryEvent", **one)
    assert (event["data"], event["aliyuneventbusname"]) == ({"number": 7}, "mine")
    del one["EventSource"]
    actions = [row["Action"] for row in does(at, "QueryEventTraces", **one)]
    assert actions == ["PutEvent", "FilterEvent", "PushEvent"]
    window = {"StartTime": 0, "EndTime": 9_000_000_000_000}
    rows = does(at, "QueryTracedEvents", MatchedRule="orders", **window, **BUS)
    assert [row["EventId"] for row in rows["Events"]] == ["e-1"]
    assert does(at, "QueryTracedEvents", EventType="other", **window, **BUS)["Total"] == 0
    (found,) = does(at, "QueryTracedEventByEventId", EventSource="shop", **one)
    assert found["Events"][0]["EventType"] == "shop:Order:Created"


@in_modes("eventbridge")
def test_a_function(at: Scene) -> None:
    """A rule that users made brings an event to a function, which gets the whole CloudEvent."""
    with with_functions(at) as own:
        spec = own.cloud.deliveries.deployment.functions[0]
        arn = f"acs:fc:{spec.region}:{spec.account_id}:functions/{spec.name}"
        target = {"Id": "f", "Type": "acs.fc.function", "Endpoint": arn}
        target["ParamList"] = [{"ResourceKey": "Body", "Form": "ORIGINAL"}]
        does(own, "CreateEventBus", **BUS)
        does(own, "CreateRule", FilterPattern=json.dumps(PATTERN), EventTargets=[target], **RULE)
        does(own, "PutEvents", EventList=[EVENT], **BUS)
        (entry,) = own.became("e-1")
        (rule,) = entry["rules"]
        assert (rule["rule"], rule["matched"]) == ("orders", True)
        (delivery,) = rule["targets"][0]["deliveries"]
        assert (delivery["function"], delivery["errorType"], delivery["then"]) == (spec.key, "", "delivered")


@in_modes("eventbridge", "fc", only=(OVER_HTTP,))
def test_functions_made_by_calls(at: Scene) -> None:
    """A trigger made by a call is a rule of the default bus, and a target may name an alias."""
    at.behave(function_python="any")
    zipped = zip_bytes({"index.py": b"def handler(event, context):\n    return event.decode()\n"})
    code = {"zipFile": base64.b64encode(zipped).decode()}
    function = {"functionName": "f", "handler": "index.handler", "runtime": "python3.12", "code": code}
    at.does("fc", "CreateFunction", **function)
    at.does("fc", "PublishFunctionVersion", functionName="f")
    at.does("fc", "CreateAlias", functionName="f", aliasName="prod", versionId="1")
    config = {"eventRuleFilterPattern": "{}", "eventSourceConfig": {"eventSourceType": "Default"}}
    trigger = {"triggerName": "t", "triggerType": "eventbridge", "triggerConfig": json.dumps(config)}
    at.does("fc", "CreateTrigger", functionName="f", **trigger)
    (listed,) = does(at, "ListRules", EventBusName="default")["Rules"]
    assert listed["RuleName"] == "f-t"
    parameters = [
        {"ResourceKey": "Qualifier", "Form": "CONSTANT", "Value": "prod"},
        {"ResourceKey": "Body", "Form": "JSONPATH", "Value": "$.source"},
    ]
    target = {"Id": "f", "Type": "acs.fc.function", "Endpoint": listed["Targets"][0]["Endpoint"]}
    does(at, "CreateEventBus", **BUS)
    does(at, "CreateRule", FilterPattern="{}", EventTargets=[{**target, "ParamList": parameters}], **RULE)
    does(at, "PutEvents", EventList=[EVENT], **BUS)
    (rule,) = at.became("e-1")[0]["rules"]
    (delivery,) = rule["targets"][0]["deliveries"]
    assert (delivery["function"], delivery["result"]) == ("f@prod", "shop")
