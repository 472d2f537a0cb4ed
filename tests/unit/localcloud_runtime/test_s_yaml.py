"""The product's own s.yaml, as the local runtime reads it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from localcloud.functions.spec import EventBridgeTrigger, FunctionSpec, HttpTrigger, TimerTrigger
from localcloud.template.reading import read_template
from localcloud.template.source import TemplateError
from tests.support.s_yaml import STORE, STORE_URL

if TYPE_CHECKING:
    from fctoolkit.jsontypes import JsonObject

FILE = Path(__file__).parents[3] / "s.yaml"
FUNCTIONS = ("attach_instances", "add_connectable_cluster")


def function(key: str) -> FunctionSpec:
    """A function of the file, read without anything in the environment."""
    return read_template(FILE, environment={}).function(key)


def matched(key: str, event: JsonObject) -> list[str]:
    """The names of the function's triggers that an event matches."""
    return [
        trigger.name
        for trigger in function(key).triggers
        if isinstance(trigger, EventBridgeTrigger) and trigger.pattern.matches(event)
    ]


def test_it_reads_offline() -> None:
    """Without any variable set, the file is complete: two functions with FC's settings."""
    template = read_template(FILE, environment={})
    assert [one.key for one in template.functions] == list(FUNCTIONS)
    assert [one.name for one in template.functions] == [
        "enlist-dev-attach-instances",
        "enlist-dev-add-connectable-cluster",
    ]
    for one in template.functions:
        assert (one.runtime, one.handler, one.timeout, one.memory) == ("python3.12", "index.handler", 60, 512)
        assert one.initializer is not None
        assert (one.initializer.handler, one.initializer.timeout) == ("index.initialize", 30)
        assert one.environment == {
            "ENLIST_NETWORK": "public",
            "LOG_LEVEL": "INFO",
            "PYDANTIC_DISABLE_PLUGINS": "__all__",
        }
        assert one.layers


def test_the_environment_decides() -> None:
    """Stage and region come from the environment."""
    template = read_template(FILE, environment={"ENLIST_STAGE": "prod", "ENLIST_REGION": "cn-beijing"})
    assert [one.name for one in template.functions] == [
        "enlist-prod-attach-instances",
        "enlist-prod-add-connectable-cluster",
    ]
    assert {one.region for one in template.functions} == {"cn-beijing"}


def test_with_a_store() -> None:
    """s.redis.yaml adds the address of the store, from the environment, and keeps all triggers."""
    variant = read_template(FILE.with_name("s.redis.yaml"), environment=STORE)
    for one in variant.functions:
        assert one.environment == {**function(one.key).environment, "ENLIST_STORE": STORE_URL}
        assert one.triggers == function(one.key).triggers
        assert STORE_URL not in repr(one)


def test_a_store_is_never_left_out() -> None:
    """Without the variable s.redis.yaml is refused: several instances would run without claims."""
    with pytest.raises(TemplateError, match="ENLIST_STORE is not set"):
        read_template(FILE.with_name("s.redis.yaml"), environment={})


@pytest.mark.parametrize("key", FUNCTIONS)
def test_eventbridge_comes_last(key: str) -> None:
    """HTTP and timer stand before all eventbridge triggers: fc3 may skip what stands after one of these."""
    first, second, *others = function(key).triggers
    assert first == HttpTrigger("http", ("GET", "POST"))
    assert isinstance(second, TimerTrigger)
    assert {type(one) for one in others} == {EventBridgeTrigger}


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"source": "acs.ens", "type": "ens:CloudMonitor:EnsInstance[Create:Executed]"}, ["ens-created"]),
        ({"source": "acs:ens", "type": "ens:CloudMonitor:EnsInstance[Create:Executed]"}, ["ens-created"]),
        ({"source": "acs.ens", "type": "ens:CloudMonitor:EnsInstanceCreate"}, ["ens-created"]),
        (
            {"source": "acs.ens", "type": "ens:ActionTrail:ApiCall", "data": {"eventName": "RunInstances"}},
            ["ens-ordered"],
        ),
        (
            {
                "source": "acs.ens",
                "type": "ens:ActionTrail:ApiCall",
                "data": {"eventName": "RunInstances", "errorCode": "Forbidden"},
            },
            [],
        ),
        ({"source": "acs.ecs", "type": "ens:CloudMonitor:EnsInstance[Create:Executed]"}, []),
        ({"source": "enlist.custom", "type": "ens:Instance:Ready"}, ["ens-ready"]),
        ({"source": "enlist.custom", "type": "elasticsearch:Instance:Active"}, []),
    ],
)
def test_what_attaches(event: JsonObject, expected: list[str]) -> None:
    """Events of created and ready ENS instances reach attach_instances, each by one rule; others do not."""
    assert matched("attach_instances", event) == expected


CALL: JsonObject = {"source": "acs.elasticsearch", "type": "elasticsearch:ActionTrail:ApiCall"}
CHANGE: JsonObject = {
    "source": "acs.elasticsearch",
    "type": "elasticsearch:Config:ConfigurationItemChangeNotification",
}


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({**CALL, "data": {"eventName": "createInstance"}}, ["elasticsearch-created"]),
        ({**CALL, "data": {"eventName": "Create"}}, ["elasticsearch-created"]),
        ({**CALL, "data": {"eventName": "createInstance", "errorCode": "Forbidden"}}, []),
        ({**CALL, "data": {"eventName": "AddConnectableCluster"}}, []),
        ({**CHANGE, "data": {"resourceEventType": "DISCOVERED"}}, ["elasticsearch-discovered"]),
        ({**CHANGE, "data": {"resourceEventType": "REMOVE"}}, []),
        ({"source": "enlist.custom", "type": "elasticsearch:Instance:Active"}, ["elasticsearch-active"]),
        ({"source": "enlist.custom", "type": "ens:Instance:Ready"}, []),
    ],
)
def test_what_connects(event: JsonObject, expected: list[str]) -> None:
    """Events of new Elasticsearch instances reach add_connectable_cluster; failed calls and others do not."""
    assert matched("add_connectable_cluster", event) == expected
