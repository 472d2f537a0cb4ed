"""Function Compute's own client makes triggers, and what they wait for reaches the function."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest

from tests.support.fc_control import ControlPlane, event, models, refused

# The vendor's clients leave their sockets to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    pytest.mark.usefixtures("cleared"),
]

DOMAIN = "one-1234567890123456.cn-hangzhou.fcapp.run"
NEW = "def handler(event, context): return 'new'"


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
