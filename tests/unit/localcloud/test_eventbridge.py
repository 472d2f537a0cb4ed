"""EventBridge as a service: limits, refusals, seeds, why a rule does not match, and the older API."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
import uuid
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fctoolkit.pattern import compile_pattern
from localcloud import LocalCloud
from localcloud.errors import SeedError
from tests.support.cloud_client import CloudClient, http_date
from tests.support.product import NOON

if TYPE_CHECKING:
    from collections.abc import Mapping

BUS = {"EventBusName": "mine"}
RULE = {**BUS, "RuleName": "r", "FilterPattern": "{}"}
TARGET = {"Id": "t", "Type": "acs.mns.queue", "Endpoint": "acs:mns:cn-hangzhou:1:queues/q"}
EVENT = {"id": "1", "source": "shop", "type": "order"}


def with_bus(cloud: LocalCloud) -> CloudClient:
    """A client of a cloud with one bus."""
    client = CloudClient(cloud)
    client.bus("CreateEventBus", **BUS)
    return client


def own(cloud: LocalCloud, method: str, route: str, body: Any = None) -> httpx2.Response:
    """A call of the local cloud's own API."""
    with httpx2.Client(transport=cloud.transport) as http:
        return http.request(method, f"http://127.0.0.1/_localcloud/{route}", json=body)


class TestRefusals:
    """What EventBridge does not take."""

    @pytest.mark.parametrize(
        ("action", "parameters", "code"),
        [
            ("CreateEventBus", {}, "InvalidArgument"),
            ("CreateEventBus", {"EventBusName": "a b"}, "InvalidArgument"),
            ("CreateEventBus", {"EventBusName": "default"}, "EventBusAlreadyExist"),
            ("CreateRule", {**RULE, "EventBusName": "other"}, "EventBusNotExist"),
            ("CreateRule", {**RULE, "FilterPattern": "["}, "InvalidArgument"),
            ("CreateRule", {**RULE, "FilterPattern": '{"a": [1, 2, 3, 4, 5, 6]}'}, "InvalidArgument"),
            ("CreateRule", {**RULE, "Status": "ON"}, "InvalidArgument"),
            ("CreateRule", {**RULE, "EventTargets": "{}"}, "InvalidArgument"),
            ("CreateRule", {**RULE, "EventTargets": [TARGET, TARGET]}, "InvalidArgument"),
            ("CreateRule", {**RULE, "EventTargets": [{**TARGET, "Odd": 1}]}, "InvalidArgument"),
            ("UpdateRule", RULE, "EventRuleNotExisted"),
            ("PutTargets", {**BUS, "RuleName": "r", "Targets": []}, "EventRuleNotExisted"),
            ("PutEvents", {"EventBusName": "other", "EventList": [{}]}, "EventBusNotExist"),
            ("PutEvents", {**BUS, "EventList": []}, "InvalidArgument"),
            ("PutEvents", {**BUS, "EventList": [{}] * 17}, "InvalidArgument"),
            ("PutEvents", {**BUS, "EventList": [1]}, "InvalidArgument"),
            ("ListRules", {**BUS, "Limit": "101"}, "InvalidParameter.Limit"),
            ("QueryEvent", {**BUS, "EventId": "nothing"}, "EventNotExist"),
            ("QueryTracedEvents", {**BUS, "StartTime": "today", "EndTime": "1"}, "InvalidArgument"),
            ("TestEventPattern", {"Event": "[]", "EventPattern": "{}"}, "InvalidArgument"),
        ],
    )
    def test_a_refusal(self, cloud: LocalCloud, action: str, parameters: Any, code: str) -> None:
        """A refusal is an answer of status 200 that says Success false; the calls have its code."""
        answer = with_bus(cloud).bus_answer(action, **parameters)
        assert (answer["Success"], answer["Code"]) == (False, code)
        assert answer["Message"]
        assert (cloud.calls[-1]["status"], cloud.calls[-1]["code"]) == (200, code)

    def test_as_an_error(self, cloud: LocalCloud) -> None:
        """The other variant is an error in the shape of the gateway, from which clients raise."""
        cloud.configure(eventbridge_refusal_status=400)
        answer = CloudClient(cloud).bus_answer("GetEventBus", **BUS)
        assert (answer["Code"], answer["HostId"] != "") == ("EventBusNotExist", True)
        assert cloud.calls[-1]["status"] == 400

    def test_fifty_buses(self, cloud: LocalCloud) -> None:
        """An account has fifty buses beside the default one."""
        client = CloudClient(cloud)
        for number in range(50):
            client.bus("CreateEventBus", EventBusName=f"b{number}")
        answer = client.bus_answer("CreateEventBus", EventBusName="b50")
        assert answer["Code"] == "EventBusCountExceedLimit"

    def test_fifty_rules_of_five_targets(self, cloud: LocalCloud) -> None:
        """A bus has fifty rules, a rule five targets; a target of a known id is replaced."""
        client = with_bus(cloud)
        for number in range(50):
            client.bus("CreateRule", **{**RULE, "RuleName": f"r{number}"})
        assert client.bus_answer("CreateRule", **RULE)["Code"] == "EventRuleCountExceedLimit"
        targets = [{**TARGET, "Id": str(number)} for number in range(6)]
        told = client.bus("PutTargets", EventBusName="mine", RuleName="r0", Targets=targets)
        assert [row["EntryId"] for row in told["ErrorEntries"]] == ["5"]
        changed = [{**TARGET, "Id": "0", "Endpoint": "acs:mns:cn-hangzhou:1:queues/other"}]
        client.bus("PutTargets", EventBusName="mine", RuleName="r0", Targets=changed)
        listed = client.bus("ListTargets", EventBusName="mine", RuleName="r0", Arn=changed[0]["Endpoint"])
        assert [one["Id"] for one in listed["Targets"]] == ["0"]

    @pytest.mark.parametrize(
        ("field", "value"),
        [("Id", "x" * 129), ("Source", ""), ("Subject", "x" * 513), ("Data", "x" * 262_144)],
    )
    def test_one_event_of_several(self, cloud: LocalCloud, field: str, value: str) -> None:
        """An event that is not taken is told with its error; the others are put."""
        good = {"Id": "1", "Source": "s", "Type": "t"}
        told = with_bus(cloud).bus("PutEvents", EventList=[{**good, field: value}, good], **BUS)
        assert told["FailedEntryCount"] == 1
        assert [row.get("ErrorCode", "") for row in told["EntryList"]] == ["InvalidArgument", ""]
        assert len(cloud.became("1")) == 1


class TestSeeds:
    """What exists from the start."""

    SEED: Mapping[str, Any] = {
        "eventbridge": {
            "buses": [
                {
                    "EventBusName": "mine",
                    "Rules": [
                        {"RuleName": "r", "FilterPattern": '{"source": ["shop"]}', "Targets": [TARGET]}
                    ],
                }
            ]
        },
        "mns": {"queues": [{"QueueName": "q"}]},
    }

    def test_a_seed_is_a_state(self, cloud: LocalCloud) -> None:
        """Buses with rules and targets are taken, work, and come back as they can be seeded again."""
        cloud.seed(self.SEED)
        cloud.put_event({**EVENT, "aliyuneventbusname": "mine"})
        state: Any = cloud.state()
        assert len(state["mns"]["queues"][0]["messages"]) == 1
        with LocalCloud() as other:
            other.seed(state)
            assert other.state()["eventbridge"] == state["eventbridge"]

    def test_nothing_is_told_of_nothing(self, cloud: LocalCloud) -> None:
        """While nobody made a bus or a rule, the state has none; a reset comes back to that."""
        assert "eventbridge" not in cloud.state()
        cloud.seed(self.SEED)
        cloud.reset()
        assert "eventbridge" not in cloud.state()

    def test_a_mistake_is_named(self, cloud: LocalCloud) -> None:
        """A pattern that is none is found at its place, and nothing is changed."""
        wrong = {"buses": [{"EventBusName": "mine", "Rules": [{"RuleName": "r", "FilterPattern": "x"}]}]}
        with pytest.raises(SeedError, match=r"eventbridge\.buses\[0\]\.Rules\[0\]\.FilterPattern"):
            cloud.seed({"eventbridge": wrong})
        assert "eventbridge" not in cloud.state()


class TestWhy:
    """Why a rule does not match."""

    def test_a_pattern_and_an_event(self, cloud: LocalCloud) -> None:
        """The first field that is the reason is named, with what was wanted and found."""
        question = {
            "pattern": {"source": ["shop"], "data": {"n": [1]}},
            "event": {"source": "shop", "data": {"n": 2}},
        }
        told = own(cloud, "POST", "why", question).json()
        assert told == {"matches": False, "reason": "data.n: wanted [1], found 2"}
        question["pattern"] = '{"source": ["shop"]}'  # type: ignore[assignment] # a text, as rules have it
        assert own(cloud, "POST", "why", question).json() == {"matches": True}

    @pytest.mark.parametrize(
        ("body", "reason"),
        [
            ({"pattern": {"a": 1}, "event": {}}, "pattern: a:"),
            ({"pattern": {}}, "event:"),
            ({"pattern": {}, "event": {}, "odd": 1}, "why.odd"),
        ],
    )
    def test_what_is_no_question(self, cloud: LocalCloud, body: Any, reason: str) -> None:
        """What is wrong is named."""
        answer = own(cloud, "POST", "why", body)
        assert (answer.status_code, answer.json()["message"][: len(reason)]) == (400, reason)

    def test_what_became_of_events(self, cloud: LocalCloud) -> None:
        """Each event that was put is told with every rule's answer, and can be asked for by its id."""
        client = with_bus(cloud)
        client.bus("CreateRule", **{**RULE, "FilterPattern": '{"data": {"n": [1]}}'})
        own(cloud, "POST", "events", {**EVENT, "aliyuneventbusname": "mine", "data": {"n": 2}})
        own(cloud, "POST", "events", {**EVENT, "id": "2", "aliyuneventbusname": "mine", "data": {"n": 1}})
        assert len(own(cloud, "GET", "events").json()) == 2
        (entry,) = own(cloud, "GET", "events?id=1").json()
        reason = "data.n: wanted [1], found 2"
        assert (entry["bus"], entry["rules"]) == ("mine", [{"rule": "r", "matched": False, "reason": reason}])
        (entry,) = own(cloud, "GET", "events?id=2").json()
        assert entry["rules"] == [{"rule": "r", "matched": True, "targets": []}]
        answer = own(cloud, "GET", "events?odd=1")
        assert (answer.status_code, "odd" in answer.json()["message"]) == (400, True)

    def test_the_last_thousand(self, cloud: LocalCloud) -> None:
        """The oldest are forgotten."""
        with_bus(cloud)
        for number in range(1001):
            cloud.put_event({**EVENT, "id": str(number), "aliyuneventbusname": "mine"})
        assert (len(cloud.became()), cloud.became("0"), len(cloud.became("1000"))) == (1000, [], 1)


def older(cloud: LocalCloud, events: Any, secret: str = "test", **changes: str) -> httpx2.Response:  # noqa: S107 - the local cloud's
    """PutEvents of the older API, signed by code of this test's own."""
    content = events if isinstance(events, bytes) else json.dumps(events).encode()
    kind = "application/cloudevents-batch+json; charset=utf-8"
    headers = {
        "date": http_date(time.time()),
        "content-type": kind,
        "x-acs-signature-method": "HMAC-SHA1",
        "x-acs-signature-nonce": uuid.uuid4().hex,
        "x-eventbridge-version": "2015-06-06",
        **changes,
    }
    vendor = [f"{name}:{headers[name]}" for name in sorted(headers) if name.startswith("x-acs-")]
    text = "\n".join(["POST", "", kind, headers["date"], *vendor, "/openapi/putEvents"])
    digest = hmac.new(secret.encode(), text.encode(), hashlib.sha1).digest()
    headers["authorization"] = f"acs:test:{base64.b64encode(digest).decode()}"
    with httpx2.Client(transport=cloud.transport) as http:
        return http.post("http://127.0.0.1/openapi/putEvents", content=content, headers=headers)


class TestOlderApi:
    """The API of 2015."""

    def test_events_for_several_buses(self, cloud: LocalCloud) -> None:
        """Each event goes to the bus that it names, or to the default one; an unknown bus is its error."""
        with_bus(cloud)
        coded = base64.b64encode(b'{"n": 1}').decode()
        answer = older(
            cloud,
            [
                {**EVENT, "data_base64": coded, "datacontenttype": "application/json; charset=utf-8"},
                {
                    **EVENT,
                    "id": "2",
                    "aliyuneventbusname": "mine",
                    "data_base64": coded,
                    "datacontenttype": "text/plain",
                },
                {**EVENT, "id": "3", "aliyuneventbusname": "other"},
                {**EVENT, "id": "4", "data_base64": "gA==", "datacontenttype": "application/octet-stream"},
            ],
        ).json()
        codes = [row.get("ErrorCode", "") for row in answer["EntryList"]]
        assert (codes, answer["FailedEntryCount"]) == (["", "", "EventBusNotExist", ""], 1)
        events: Any = [entry["event"] for entry in cloud.became()]
        assert [event["aliyuneventbusname"] for event in events] == ["default", "mine", "default"]
        assert [event.get("data") for event in events] == [{"n": 1}, '{"n": 1}', None]
        assert events[2]["data_base64"] == "gA=="

    def test_a_wrong_signature(self, cloud: LocalCloud) -> None:
        """It is refused as the older API refuses, and is among the calls; so is a nonce that comes twice."""
        answer = older(cloud, [EVENT], "wrong")
        assert (answer.status_code, answer.json()["code"]) == (403, "SignatureDoesNotMatch")
        twice = {"x-acs-signature-nonce": "once"}
        assert older(cloud, [EVENT], **twice).status_code == 200
        assert older(cloud, [EVENT], **twice).json()["code"] == "SignatureNonceUsed"
        told = [(call["service"], call["action"], call["code"]) for call in cloud.calls]
        assert told == [
            ("eventbridge2015", "putEvents", "SignatureDoesNotMatch"),
            ("eventbridge2015", "putEvents", ""),
            ("eventbridge2015", "putEvents", "SignatureNonceUsed"),
        ]

    @pytest.mark.parametrize(
        ("events", "code"),
        [([], "InvalidArgument"), ([EVENT] * 17, "InvalidArgument"), (b"x", "InvalidArgument")],
    )
    def test_what_is_too_much_or_nothing(self, cloud: LocalCloud, events: Any, code: str) -> None:
        """A call has one to sixteen events."""
        answer = older(cloud, events)
        assert (answer.status_code, answer.json()["code"]) == (400, code)

    def test_a_call_of_more_than_a_megabyte(self, cloud: LocalCloud) -> None:
        """It is refused as a whole."""
        answer = older(cloud, [{**EVENT, "data": "x" * 131_072}] * 9)
        assert "1048576 bytes" in answer.json()["message"]
        assert cloud.became() == []

    def test_other_actions_are_refused_by_name(self, cloud: LocalCloud) -> None:
        """The rest of the older API is known and not played."""
        headers = {"x-eventbridge-version": "2015-06-06", "authorization": "acs:test:x"}
        with httpx2.Client(transport=cloud.transport) as http:
            answer = http.post("http://127.0.0.1/openapi/createRule", json={}, headers=headers)
        assert cloud.calls[-1]["action"] == "createRule"
        assert answer.status_code in {400, 403}


SOURCES = st.sampled_from(["a", "b", "a.b"])
PATTERNS = st.fixed_dictionaries(
    {},
    optional={
        "source": st.lists(SOURCES | st.just({"prefix": "a"}), min_size=1, max_size=2),
        "data": st.fixed_dictionaries({"n": st.lists(st.integers(0, 2), min_size=1, max_size=2)}),
    },
)


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.just("rule"), st.sampled_from(["default", "mine"]), PATTERNS)
        | st.tuples(
            st.just("event"), st.sampled_from(["default", "mine"]), st.tuples(SOURCES, st.integers(0, 2))
        )
        | st.tuples(st.sampled_from(["disable", "enable", "delete"]), st.just(""), st.integers(0, 9)),
        max_size=14,
    )
)
def test_an_event_goes_to_exactly_the_rules_that_match(steps: list[tuple[str, str, Any]]) -> None:
    """Whatever the order of calls, an event reaches the enabled rules of its bus that match, once."""
    with LocalCloud(now=NOON) as cloud:
        client = with_bus(cloud)
        cloud.seed({"mns": {"queues": [{"QueueName": "q"}]}})
        rules: dict[tuple[str, str], tuple[Any, bool]] = {}
        for number, (kind, bus, what) in enumerate(steps):
            name = f"r{number}"
            if kind == "rule":
                targets = [
                    {**TARGET, "ParamList": [{"ResourceKey": "Body", "Form": "CONSTANT", "Value": name}]}
                ]
                client.bus(
                    "CreateRule",
                    EventBusName=bus,
                    RuleName=name,
                    FilterPattern=json.dumps(what),
                    EventTargets=targets,
                )
                rules[bus, name] = (what, True)
            elif kind == "event":
                source, value = what
                event = {
                    "source": source,
                    "data": {"n": value},
                    "id": name,
                    "type": "t",
                    "aliyuneventbusname": bus,
                }
                cloud.seed({"mns": {"queues": [{"QueueName": "q"}]}})
                cloud.put_event(event)
                state: Any = cloud.state()
                got = sorted(one["MessageBody"] for one in state["mns"]["queues"][0]["messages"])
                assert got == sorted(
                    rule
                    for (of, rule), (pattern, enabled) in rules.items()
                    if of == bus and enabled and compile_pattern(pattern).matches(event)
                )
            elif rules:
                key = sorted(rules)[what % len(rules)]
                action = {"disable": "DisableRule", "enable": "EnableRule", "delete": "DeleteRule"}[kind]
                client.bus(action, EventBusName=key[0], RuleName=key[1])
                pattern, _ = rules.pop(key)
                if kind != "delete":
                    rules[key] = (pattern, kind == "enable")
