"""Rules that users made: what reaches their targets, what is tried again, and what is lost and why."""

from __future__ import annotations

import base64
import json
import threading
from typing import TYPE_CHECKING, Any

import pytest

from localcloud import LocalCloud
from tests.support.cloud_client import CloudClient
from tests.support.delivering import Scene, delivering
from tests.support.queues import bodies
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCOUNT = "1234567890123456"
FIRST = f"acs:fc:cn-hangzhou:{ACCOUNT}:functions/app-first"
LETTERS = {"DeadLetterQueue": {"Arn": f"acs:mns:cn-hangzhou:{ACCOUNT}:/queues/events"}}
BUS = {"EventBusName": "mine"}


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """The functions, started once."""
    with delivering(tmp_path_factory.mktemp("rules")) as scene:
        yield scene


@pytest.fixture
def scene(started: Scene) -> Scene:
    """The functions, with nothing under way, and a bus without rules."""
    started.begin()
    CloudClient(started.cloud).bus("CreateEventBus", **BUS)
    return started


def queue(name: str) -> str:
    """The endpoint of a queue."""
    return f"acs:mns:cn-hangzhou:{ACCOUNT}:queues/{name}"


def bus(name: str) -> str:
    """The endpoint of a bus."""
    return f"acs:eventbridge:cn-hangzhou:{ACCOUNT}:eventbus/{name}"


def target(endpoint: str = FIRST, kind: str = "acs.fc.function", **fields: Any) -> dict[str, Any]:
    """A target."""
    return {"Id": "t", "Type": kind, "Endpoint": endpoint, **fields}


def body(form: str, value: str = "", template: str = "", **constants: str) -> dict[str, Any]:
    """A `ParamList` with a body and constants."""
    rows = [{"ResourceKey": name, "Form": "CONSTANT", "Value": one} for name, one in constants.items()]
    return {"ParamList": [{"ResourceKey": "Body", "Form": form, "Value": value, "Template": template}, *rows]}


def rule(
    scene: Scene, *targets: dict[str, Any], pattern: Any = (), name: str = "r", bus: str = "mine"
) -> None:
    """Creates a rule."""
    CloudClient(scene.cloud).bus(
        "CreateRule",
        EventBusName=bus,
        RuleName=name,
        FilterPattern=json.dumps(dict(pattern)),
        EventTargets=list(targets),
    )


def put(scene: Scene, **fields: Any) -> Any:
    """Puts an event on the bus and makes the first tries."""
    event = {"id": "1", "source": "shop", "type": "order", "aliyuneventbusname": "mine", **fields}
    return scene.cloud.put_event(event)


class TestTargets:
    """What each kind of target gets."""

    def test_a_function(self, scene: Scene) -> None:
        """The function gets the CloudEvent with the attributes of the bus; a rule elsewhere gets nothing."""
        rule(scene, target())
        (delivery,) = put(scene, data={"n": 1})["deliveries"]
        assert (delivery["rule"], delivery["function"], delivery["then"]) == (
            "mine/r/t",
            "first",
            "delivered",
        )
        (event,) = scene.seen()
        assert (event["aliyuneventbusname"], event["data"], event["aliyunaccountid"]) == (
            "mine",
            {"n": 1},
            ACCOUNT,
        )

    @pytest.mark.parametrize(
        ("parameters", "seen"),
        [
            (body("JSONPATH", "$.data"), {"n": 1}),
            (body("CONSTANT", "[1]"), [1]),
            (body("TEMPLATE", '{"n": "$.data.n"}', '{"got": ${n}}'), {"got": 1}),
        ],
    )
    def test_a_function_with_a_transformed_body(self, scene: Scene, parameters: Any, seen: Any) -> None:
        """With another form it gets no CloudEvent but what the form makes of it."""
        rule(scene, target(**parameters))
        put(scene, data={"n": 1})
        assert scene.seen() == [seen]

    def test_the_form_of_the_older_product(self, scene: Scene) -> None:
        """A function may be named as FC 2.0 does; the one service that is there is the template's name."""
        old = f"acs:fc:cn-hangzhou:{ACCOUNT}:services/app.LATEST/functions/app-first"
        rule(scene, target(old), target(old.replace("/app.", "/other."), Id="u"))
        first, second = put(scene)["deliveries"]
        assert (first["then"], second["errorType"]) == ("delivered", "FunctionNotFound")
        assert len(scene.seen()) == 1

    def test_a_version_that_is_not_there(self, scene: Scene) -> None:
        """A qualifier names a version or an alias, and is not taken for LATEST."""
        rule(scene, target(**body("ORIGINAL", Qualifier="prod")))
        (delivery,) = put(scene)["deliveries"]
        assert "app-first, prod" in delivery["result"]
        assert scene.seen() == []

    def test_an_event_that_is_handed_over(self, scene: Scene) -> None:
        """With InvocationType Async the retries and the destination are FC's."""
        scene.broken()
        rule(scene, target(**body("ORIGINAL", InvocationType="Async"), **LETTERS))
        put(scene)
        scene.cloud.advance(3600)
        assert (len(scene.seen()), len(scene.bodies("records")), scene.bodies("events")) == (3, 1, [])

    def test_a_queue(self, scene: Scene) -> None:
        """A queue gets a message, in base64 where the target says so."""
        coded = {"IsBase64Encode": "true"}
        rule(scene, target(queue("singles"), "acs.mns.queue", **body("JSONPATH", "$.id", **coded)))
        assert put(scene)["deliveries"][0]["then"] == "delivered"
        assert scene.bodies("singles") == [base64.b64encode(b"1").decode()]

    def test_another_bus(self, scene: Scene) -> None:
        """Another bus takes the event with its own name in it, and its rules decide anew."""
        CloudClient(scene.cloud).bus("CreateEventBus", EventBusName="next")
        rule(scene, target(bus("next"), "acs.eventbridge"))
        rule(scene, target(), pattern={"type": ["order"]}, bus="next")
        put(scene)
        assert [event["aliyuneventbusname"] for event in scene.seen()] == ["next"]
        assert [entry["bus"] for entry in scene.cloud.became("1")] == ["mine", "next"]

    def test_a_circle_of_buses(self, scene: Scene) -> None:
        """An event that comes round to its own bus is stopped, and tried again in vain."""
        rule(scene, target(bus("mine"), "acs.eventbridge"))
        put(scene)
        assert len(scene.cloud.became()) == 8
        assert "passed 8 buses" in json.dumps(scene.cloud.became()[-1])

    def test_a_type_that_is_not_played(self, scene: Scene) -> None:
        """The target is kept; an event for it is lost at once, with the reason."""
        rule(scene, target("", "acs.dingtalk"))
        (delivery,) = put(scene)["deliveries"]
        assert delivery["then"] == "given up; lost: targets of the type acs.dingtalk are not played"
        (lost,) = scene.deliveries()["lost"]
        assert (lost["source"], lost["tries"]) == ("mine/r/t", 1)
        assert "acs.dingtalk" in lost["why"]


class TestTrouble:
    """What fails."""

    def test_retries_and_a_dead_letter(self, scene: Scene) -> None:
        """Three retries, then the event as it was in the target's own queue."""
        scene.broken()
        rule(scene, target(**body("CONSTANT", '"short"'), **LETTERS))
        put(scene, data="whole")
        scene.cloud.advance(100)
        assert scene.seen() == ["short"] * 4
        (letter,) = scene.bodies("events")
        assert json.loads(letter)["data"] == "whole"
        (entry,) = scene.cloud.became("1")
        tries = entry["rules"][0]["targets"][0]["deliveries"]  # type: ignore[index,call-overload] # JSON
        assert [one["then"][:10] for one in tries] == ["tried agai"] * 3 + ["given up; "]  # type: ignore[index,union-attr,call-overload] # JSON

    def test_each_target_has_its_own_retries(self, scene: Scene) -> None:
        """One target of a rule is tried for a day while the other gave up."""
        scene.broken()
        long = {"PushRetryStrategy": "EXPONENTIAL_DECAY_RETRY"}
        rule(scene, target(), target(**long, Id="u"))
        put(scene)
        scene.cloud.advance(86_400)
        assert len(scene.seen()) == 4 + 177
        assert [lost["source"] for lost in scene.deliveries()["lost"]] == ["mine/r/t", "mine/r/u"]

    @pytest.mark.parametrize(
        ("fields", "default", "blocked"),
        [
            ({}, "ALL", []),
            ({}, "NONE", ["mine/r/t"]),
            ({"ErrorsTolerance": "NONE"}, "ALL", ["mine/r/t"]),
            ({"ErrorsTolerance": "ALL"}, "NONE", []),
        ],
    )
    def test_errors_tolerance(self, scene: Scene, fields: Any, default: str, blocked: list[str]) -> None:
        """A target that tolerates no error stops there; what one does that says nothing is a variant."""
        scene.cloud.configure(target_errors=default)
        scene.broken()
        rule(scene, target(**fields))
        put(scene)
        scene.cloud.advance(100)
        assert scene.deliveries()["blocked"] == blocked

    def test_a_dead_letter_on_a_bus(self, scene: Scene) -> None:
        """A bus may get the events that could not be delivered, and its rules run."""
        CloudClient(scene.cloud).bus("CreateEventBus", EventBusName="dead")
        rule(scene, target(queue("nowhere"), "acs.mns.queue", DeadLetterQueue={"Arn": bus("dead")}))
        rule(scene, target(), bus="dead")
        put(scene)
        assert scene.seen() == []
        scene.cloud.advance(100)
        assert [event["aliyuneventbusname"] for event in scene.seen()] == ["dead"]

    def test_dead_letters_in_a_circle(self, scene: Scene) -> None:
        """What is given up on the bus that gets it as a dead letter is stopped, too."""
        rule(scene, target(queue("nowhere"), "acs.mns.queue", DeadLetterQueue={"Arn": bus("mine")}))
        put(scene)
        scene.cloud.advance(3600)
        assert len(scene.cloud.became()) == 8
        assert scene.deliveries()["waiting"] == []
        assert [lost["source"] for lost in scene.deliveries()["lost"]] == ["dead letters/mine"]

    def test_a_function_that_comes_later(self, scene: Scene) -> None:
        """A target is looked for at each try: what is repaired in time gets the event."""
        rule(scene, target(queue("later"), "acs.mns.queue"))
        (delivery,) = put(scene)["deliveries"]
        assert "there is no queue later" in delivery["result"]
        scene.cloud.seed({"mns": {"queues": [{"QueueName": "later"}]}})
        scene.cloud.advance(20)
        assert len(bodies(scene.cloud, "later")) == 1

    def test_a_bus_that_is_not_there(self, scene: Scene) -> None:
        """An event from a bus that is elsewhere meets the default one's rules; none is passed on there."""
        told = put(scene, aliyuneventbusname="other")
        assert (told["bus"], told["event"]["aliyuneventbusname"]) == ("default", "other")
        assert [one["rule"] for one in told["deliveries"]] == ["app-first-all"]
        rule(scene, target(bus("other"), "acs.eventbridge"))
        (delivery,) = put(scene)["deliveries"]
        assert "found 'other'" in delivery["result"]


class TestBesideTriggers:
    """Rules of users and of triggers on the default bus."""

    def test_both_get_the_event(self, scene: Scene) -> None:
        """They stand side by side; a reset forgets the user's and keeps the trigger's."""
        rule(scene, target(), bus="default")
        told = put(scene, aliyuneventbusname="default")
        assert [one["rule"] for one in told["deliveries"]] == ["app-first-all", "default/r/t"]
        assert {"rule": "app-first-off", "reason": "the rule is disabled"} in told["missed"]
        scene.cloud.reset()
        told = put(scene, aliyuneventbusname="default")
        assert [one["rule"] for one in told["deliveries"]] == ["app-first-all"]

    def test_both_count(self, scene: Scene) -> None:
        """Of the fifty rules that the bus may have, those of triggers are some."""
        client = CloudClient(scene.cloud)
        there = client.bus("ListRules", EventBusName="default")["Total"]
        for number in range(there, 50):
            rule(scene, bus="default", name=f"r{number}")
        more = {"EventBusName": "default", "RuleName": "more", "FilterPattern": "{}"}
        assert there > 0
        assert client.bus_answer("CreateRule", **more)["Code"] == "EventRuleCountExceedLimit"

    def test_a_rule_that_is_switched_off(self, scene: Scene) -> None:
        """A disabled rule misses with that reason, and matches again when it is enabled."""
        rule(scene, target())
        client = CloudClient(scene.cloud)
        client.bus("DisableRule", RuleName="r", **BUS)
        assert put(scene)["missed"] == [{"rule": "r", "reason": "the rule is disabled"}]
        client.bus("EnableRule", RuleName="r", **BUS)
        assert len(put(scene)["deliveries"]) == 1

    def test_the_rules_of_triggers_are_shown_and_kept(self, scene: Scene) -> None:
        """ListRules has them with their target; nothing but FC changes them."""
        client = CloudClient(scene.cloud)
        rows = client.bus("ListRules", EventBusName="default", RuleNamePrefix="app-first")["Rules"]
        assert [(row["RuleName"], row["Status"]) for row in rows] == [
            ("app-first-all", "ENABLE"),
            ("app-first-off", "DISABLE"),
        ]
        one = {"EventBusName": "default", "RuleName": "app-first-all"}
        assert client.bus("GetRule", **one)["Targets"][0]["Endpoint"] == FIRST
        (listed,) = client.bus("ListTargets", **one)["Targets"]
        assert listed["ErrorsTolerance"] == "ALL"
        for action, more in (
            ("DeleteRule", {}),
            ("DisableRule", {}),
            ("UpdateRule", {"Description": "x"}),
            ("PutTargets", {"Targets": [target()]}),
            ("CreateRule", {"FilterPattern": "{}"}),
        ):
            answer = client.bus_answer(action, **one, **more)
            assert answer["Code"] in {"OperationDenied", "EventRuleAlreadyExist"}, answer


def test_no_thread_stays() -> None:
    """What delivered in the background ends with the cloud, though somebody keeps hold of it."""
    before = set(threading.enumerate())
    with LocalCloud() as cloud:
        cloud.hosting().put_later({"id": "1", "source": "s", "type": "t", "specversion": "1.0"})
    until(lambda: before.issuperset(threading.enumerate()))


def test_what_calls_put_is_delivered_in_the_background(scene: Scene) -> None:
    """It is answered at once. What is no JSON by its content type stays a text; without one it is JSON."""
    rule(scene, target())
    entry = {"Id": "e", "Source": "shop", "Type": "order", "DataContentType": "text/plain", "Data": "{}"}
    plain = {"Id": "f", "Source": "shop", "Type": "order", "Data": "{}"}
    told = CloudClient(scene.cloud).bus("PutEvents", EventList=[entry, plain], **BUS)
    assert told["FailedEntryCount"] == 0
    assert scene.cloud.deliveries.settle()
    assert [event["data"] for event in scene.seen()] == ["{}", {}]


def test_put_events_and_the_clock(scene: Scene) -> None:
    """What is blocked waits behind; the clock makes no try twice."""
    rule(scene, target(ErrorsTolerance="NONE"))
    scene.broken()
    client = CloudClient(scene.cloud)
    for number in ("1", "2"):
        client.bus("PutEvents", EventList=[{"Id": number, "Source": "s", "Type": "t"}], **BUS)
        scene.cloud.deliveries.settle()
        scene.cloud.advance(100)
    assert [event["id"] for event in scene.seen()] == ["1"] * 4
    assert len(scene.deliveries()["waiting"]) == 2
