"""Signals: which events count, which instances they name, and which are refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enlist.signals import Signal, SignalRules
from enlist.sources import SOURCES, Kind, default_patterns
from fctoolkit.errors import ConfigurationError, EventError
from fctoolkit.events import EventBatch, parse_event, unwrap
from fctoolkit.pattern import EVENTBRIDGE_LIMIT, compile_pattern
from tests.support.event_samples import (
    ACCOUNT,
    ENS_ID,
    ENS_REGION,
    SEARCH_ID,
    SEARCH_REGION,
    cloud_event,
    encoded,
    sample,
)

if TYPE_CHECKING:
    from fctoolkit.events import SingleEvent

OTHER = "6543210987654321"
KIND_IDS: dict[Kind, str] = {"edge": ENS_ID, "search": SEARCH_ID}


def base(name: str) -> dict[str, Any]:
    """A sample event; with `/data` only its data; with `bus/` as the data of an event of the bus."""
    short = name.removeprefix("bus/").removesuffix("/data")
    event: dict[str, Any] = json.loads(sample(short))
    if name.startswith("bus/"):
        return cloud_event(source="acs.ens", type="ens:ActionTrail:ApiCall", data=event)
    return event["data"] if name.endswith("/data") else event


def changed(event: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A copy of an event with the values at some paths replaced."""
    made: dict[str, Any] = json.loads(json.dumps(event))
    for path, value in changes.items():
        *above, last = path.split("/")
        place = made
        for key in above:
            place = place[key]
        place[last] = value
    return made


def single(event: Any) -> SingleEvent:
    """One event, parsed and out of its wrapping."""
    parsed = unwrap(parse_event(event if isinstance(event, bytes) else encoded(event)))
    assert not isinstance(parsed, EventBatch)
    return parsed


def read(kind: Kind, event: Any, rules: str = "", account: str = ACCOUNT) -> tuple[Signal, ...]:
    """The signals of an event."""
    return SignalRules.of(kind, rules).read(single(event), account)


def refused(kind: Kind, event: Any, rules: str = "") -> EventError:
    """The error with which an event is refused."""
    with pytest.raises(EventError) as caught:
        read(kind, event, rules)
    return caught.value


def custom(data: Any, **changes: Any) -> dict[str, Any]:
    """A custom event about ENS instances."""
    return cloud_event(source="enlist.custom", type="ens:Instance:Ready", data=data, **changes)


@pytest.mark.parametrize(
    ("kind", "name", "region"),
    [
        ("edge", "ens-cloudmonitor-native", ENS_REGION),
        ("edge", "ens-cloudmonitor-eventbridge", ENS_REGION),
        ("edge", "ens-cloudmonitor-eventbridge-content", ENS_REGION),
        ("edge", "ens-actiontrail-run-instances", SEARCH_REGION),
        ("edge", "ens-custom", ENS_REGION),
        ("edge", "mns-wrapped", ENS_REGION),
        ("search", "elasticsearch-actiontrail-api-call", SEARCH_REGION),
        ("search", "elasticsearch-actiontrail-console-operation", SEARCH_REGION),
        ("search", "elasticsearch-config-eventbridge", SEARCH_REGION),
        ("search", "elasticsearch-config-mns", SEARCH_REGION),
        ("search", "elasticsearch-custom", SEARCH_REGION),
        ("search", "mns-wrapped-base64", SEARCH_REGION),
    ],
)
def test_every_sample_is_a_signal_of_its_kind_and_of_no_other(kind: Kind, name: str, region: str) -> None:
    """Each documented shape names its instance to its own function and is nothing to the other."""
    other: Kind = "search" if kind == "edge" else "edge"
    assert read(kind, sample(name)) == (Signal(KIND_IDS[kind], region),)
    assert read(other, sample(name)) == ()


_BRACKETS, _CONTENT = "ens-cloudmonitor-eventbridge", "ens-cloudmonitor-eventbridge-content"
_NATIVE, _RUN = "ens-cloudmonitor-native", "ens-actiontrail-run-instances"
_CALL, _CONSOLE = "elasticsearch-actiontrail-api-call", "elasticsearch-actiontrail-console-operation"
_CONFIG, _CONFIG_MNS = "elasticsearch-config-eventbridge", "elasticsearch-config-mns"
_BUS, _CALL_DATA, _CONFIG_DATA = f"bus/{_RUN}", f"{_CALL}/data", f"{_CONFIG}/data"


@pytest.mark.parametrize(
    ("kind", "index", "name", "same", "miss"),
    [
        (
            "edge",
            0,
            _CONTENT,
            {"source": "acs.ens"},
            {"type": "ens:CloudMonitor:EnsInstance[Delete:Executed]"},
        ),
        (
            "edge",
            0,
            _CONTENT,
            {"type": "ens:CloudMonitor:EnsInstance:Create:Executed"},
            {"source": "acs.ecs"},
        ),
        ("edge", 1, _BRACKETS, {"type": "ens:CloudMonitor:SystemEvent"}, {"data/name": "EnsInstance:Reboot"}),
        ("edge", 1, _BRACKETS, {"data/name": "EnsInstance[Create:Executed]"}, {"source": "acs.oss"}),
        ("edge", 2, _NATIVE, {"product": "ens"}, {"product": "ECS"}),
        ("edge", 2, _NATIVE, {"name": "EnsInstance:Create:Failed"}, {"name": "Instance:Create:Executed"}),
        ("edge", 3, _BUS, {}, {"type": "ens:CloudMonitor:ApiCall"}),
        ("edge", 3, _BUS, {"data/eventName": "CreateInstance"}, {"data/eventName": "StopInstance"}),
        ("edge", 4, _RUN, {"serviceName": "ENS"}, {"serviceName": "Ecs"}),
        ("edge", 4, _RUN, {"eventName": "createInstance"}, {"eventName": "DescribeInstances"}),
        ("edge", 5, "ens-custom", {}, {"type": "ens:Instance:Stopped"}),
        ("edge", 5, "ens-custom", {"id": "another"}, {"source": "enlist.other"}),
        ("search", 0, _CALL, {"source": "acs:elasticsearch"}, {"source": "acs.ens"}),
        ("search", 0, _CONSOLE, {"data/eventName": "create"}, {"data/eventName": "UpdateInstance"}),
        ("search", 1, _CALL_DATA, {"serviceName": "Elasticsearch"}, {"serviceName": "Ecs"}),
        ("search", 1, _CALL_DATA, {"eventName": "Create"}, {"eventName": "DeleteInstance"}),
        ("search", 2, _CONFIG, {"source": "acs:elasticsearch"}, {"data/resourceEventType": "REMOVE"}),
        ("search", 2, _CONFIG, {}, {"type": "elasticsearch:Config:NonCompliantNotification"}),
        ("search", 3, _CONFIG_DATA, {}, {"resourceType": "ACS::ECS::Instance"}),
        ("search", 3, _CONFIG_DATA, {}, {"resourceEventType": "MODIFY"}),
        ("search", 4, _CONFIG_MNS, {}, {"ResourceEventType": "REMOVE"}),
        ("search", 4, _CONFIG_MNS, {}, {"ResourceType": "ACS::ECS::Instance"}),
        ("search", 5, "elasticsearch-custom", {}, {"type": "elasticsearch:Instance:Activating"}),
        ("search", 5, "elasticsearch-custom", {}, {"type": "ens:Instance:Ready"}),
    ],
)
def test_each_default_pattern_has_its_events_and_near_misses(
    kind: Kind, index: int, name: str, same: dict[str, Any], miss: dict[str, Any]
) -> None:
    """A spelling that is expected matches; an event that only looks like it is none of this kind."""
    pattern = compile_pattern(default_patterns(kind)[index])
    near = changed(base(name), same)
    far = changed(near, miss)
    assert pattern.matches(near)
    assert read(kind, near)
    assert not pattern.matches(far)
    assert read(kind, far) == ()


def test_every_default_pattern_is_one_that_eventbridge_takes() -> None:
    """A user may put a default pattern into a rule: no field has more expressions than EventBridge allows."""
    for source in (*SOURCES["edge"], *SOURCES["search"]):
        for pattern in (*source.patterns, source.rule):
            compile_pattern(pattern, limit=EVENTBRIDGE_LIMIT)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("ens-custom", "search"), ("elasticsearch-custom", "edge"), ("timer", "edge"), ("timer", "search")],
)
def test_what_is_none_of_a_kind_is_no_signal_and_no_error(name: str, kind: Kind) -> None:
    """A rule that is too wide costs an invocation and nothing else."""
    assert read(kind, sample(name)) == ()


def test_an_event_of_another_service_is_no_signal() -> None:
    """An event of a source that nothing here concerns is ignored by both functions."""
    assert (
        read("edge", sample("ignored/unknown-source"))
        == read("search", sample("ignored/unknown-source"))
        == ()
    )


@pytest.mark.parametrize(
    ("event", "field"),
    [
        (base("rejected/failed-call"), "data.errorCode"),
        (changed(base(_CALL), {"data/errorMessage": "no stock"}), "data.errorCode"),
        (changed(base(_CALL_DATA), {"errorCode": "QuotaExceeded"}), "errorCode"),
    ],
)
def test_a_call_that_failed_created_nothing(event: dict[str, Any], field: str) -> None:
    """The record of a failed call is refused, with the code or message it carries."""
    error = refused("search", event)
    assert (error.field, error.expected) == (field, "a call that succeeded")
    assert error.found not in ('""', "")


@pytest.mark.parametrize(
    ("kind", "name", "path", "value", "field"),
    [
        ("edge", _BRACKETS, "aliyunaccountid", OTHER, "aliyunaccountid"),
        ("edge", "ens-custom", "aliyunaccountid", int(OTHER), "aliyunaccountid"),
        ("search", _CALL, "aliyunoriginalaccountid", OTHER, "aliyunaccountid"),
        ("edge", _CONTENT, "subject", f"acs:ens:cn-a:{OTHER}:instance/{ENS_ID}", "aliyunaccountid"),
        ("edge", _BRACKETS, "data/userId", OTHER, "aliyunaccountid"),
        ("edge", _BRACKETS, "data/resourceId", f"acs:ens:cn-a:{OTHER}:instance/{ENS_ID}", "aliyunaccountid"),
        ("search", _CONFIG, "data/accountId", OTHER, "aliyunaccountid"),
        ("edge", _NATIVE, "userId", OTHER, "account"),
        ("edge", _NATIVE, "resourceId", f"acs:ens:cn-a:{OTHER}:instance/{ENS_ID}", "account"),
        ("edge", _RUN, "userIdentity/accountId", OTHER, "account"),
        ("search", _CONFIG_DATA, "accountId", OTHER, "account"),
        ("search", _CONFIG_MNS, "AccountId", int(OTHER), "account"),
    ],
)
def test_an_event_of_another_account_is_refused_wherever_the_account_stands(
    kind: Kind, name: str, path: str, value: Any, field: str
) -> None:
    """Every place that names an account is looked at, texts and numbers alike; ids of others are not used."""
    error = refused(kind, changed(base(name), {path: value}))
    assert error.field == field
    assert (error.expected, error.found) == (f"an event of account {ACCOUNT}", f"one of account {OTHER}")


def test_the_shipped_sample_of_another_account_is_refused() -> None:
    """The sample under rejected/ is one."""
    assert OTHER in refused("edge", sample("rejected/other-account")).found


def test_without_an_own_account_none_is_foreign() -> None:
    """Where FC does not tell the account, the event's is not judged."""
    assert read("edge", sample("rejected/other-account"), account="")


@pytest.mark.parametrize(
    ("kind", "event", "field"),
    [
        ("edge", custom({}), "data"),
        ("edge", custom({"instanceIds": []}), "data"),
        ("edge", custom({"instanceId": None}), "data"),
        ("edge", custom("i-1"), "data"),
        ("edge", custom(None), "data"),
        (
            "search",
            changed(
                base(_CALL_DATA), {"responseElements": {}, "referencedResources": {}, "resourceName": ""}
            ),
            "",
        ),
        ("edge", changed(base(_NATIVE), {"content": {}, "resourceId": ""}), ""),
    ],
)
def test_an_event_without_an_id_is_refused(kind: Kind, event: dict[str, Any], field: str) -> None:
    """An event that counts and names no instance goes to the dead letters, not to oblivion."""
    error = refused(kind, event)
    assert (error.field, error.found) == (field, "none")


@pytest.mark.parametrize("one", ["i-1/../c2", "i 1", "", "é", "i" * 129, "-i"])
def test_an_id_of_a_wrong_shape_is_refused_with_the_right_one(one: str) -> None:
    """No id of an event can change the path of a call."""
    error = refused("edge", custom({"instanceIds": ["i-1", one]}))
    assert (error.field, error.expected) == ("data.instanceId", "letters, digits, - and _, at most 128")


def test_the_id_of_another_service_is_refused() -> None:
    """Elasticsearch ids begin with es-."""
    error = refused("search", changed(base("elasticsearch-custom"), {"data/instanceId": "i-1"}))
    assert error.expected == "an Elasticsearch instance id such as es-cn-n6w1o1x0w001c"
    assert error.found == '"i-1"'
    assert refused("edge", sample("rejected/id-with-slash")).field == "data.instanceId"


@pytest.mark.parametrize("value", [1, True, {"id": "i-1"}, ["i-1", 2], [["i-1"]], [{"id": "i-1"}]])
def test_custom_ids_of_a_wrong_type_are_refused(value: Any) -> None:
    """An id is a text, alone or in a list."""
    error = refused("edge", custom({"instanceIds": value}))
    assert (error.field, error.expected) == ("data.instanceIds", "instance ids as texts")


def test_an_event_names_at_most_100_instances() -> None:
    """A hundred are taken, one more is refused as a whole."""
    ids = [f"i-{number}" for number in range(101)]
    assert [one.instance_id for one in read("edge", custom({"instanceIds": ids[:100]}))] == ids[:100]
    error = refused("edge", custom({"instanceIds": ids}))
    assert (error.field, error.expected, error.found) == ("data", "at most 100 instance ids", "101")


@given(
    ids=st.lists(st.sampled_from(["i-1", "i-2", "i-3"]), min_size=1),
    key=st.sampled_from(["instanceIds", "InstanceIds", "instanceId", "InstanceId"]),
)
@settings(max_examples=50)
def test_each_instance_is_named_once_in_the_order_of_the_event(ids: list[str], key: str) -> None:
    """Repeats do not become second signals, under any of the known keys."""
    signals = read("edge", custom({key: ids}))
    assert [one.instance_id for one in signals] == list(dict.fromkeys(ids))


def test_ids_under_several_keys_are_all_read() -> None:
    """An event that uses two spellings means both."""
    signals = read("edge", custom({"instanceId": "i-1", "InstanceIds": ["i-2"]}))
    assert {one.instance_id for one in signals} == {"i-1", "i-2"}


@pytest.mark.parametrize(
    ("data", "changes", "region"),
    [
        ({"regionId": "cn-a"}, {"aliyunregionid": "cn-b"}, "cn-a"),
        ({"regionId": 5}, {"aliyunregionid": "cn-b"}, "cn-b"),
        ({}, {"aliyunregionid": "cn-b"}, "cn-b"),
        ({}, {}, ""),
    ],
)
def test_the_region_is_the_datas_else_the_buss_else_unknown(
    data: dict[str, Any], changes: dict[str, Any], region: str
) -> None:
    """Of a custom event; empty means that it is not known."""
    [signal] = read("edge", custom({"instanceId": "i-1", **data}, **changes))
    assert signal == Signal("i-1", region, retry=False)


def test_rules_replace_the_defaults_of_the_kinds_they_name() -> None:
    """ENLIST_SIGNALS decides for one kind alone what counts; the other keeps its defaults."""
    rules = json.dumps({"edge": [{"source": ["my.app"], "type": ["machine:ready"]}]})
    mine = cloud_event(source="my.app", type="machine:ready", data={"instanceId": "i-1"})
    assert read("edge", mine) == ()
    assert [one.instance_id for one in read("edge", mine, rules)] == ["i-1"]
    assert read("edge", sample("ens-custom"), rules) == ()
    assert read("search", sample("elasticsearch-custom"), rules)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "ENLIST_SIGNALS: JSON: expected JSON, found text that breaks at character 1 of 1"),
        ('{"edge": [], "edge": []}', "ENLIST_SIGNALS: edge: expected each key once in an object"),
        ("[]", "ENLIST_SIGNALS: expected an object with edge and search, each an array"),
        ('{"edges": []}', "ENLIST_SIGNALS: expected an object with edge and search, each an array"),
        ('{"edge": []}', "ENLIST_SIGNALS: edge: expected a non-empty array of event patterns"),
        ('{"search": {}}', "ENLIST_SIGNALS: search: expected a non-empty array of event patterns"),
        ('{"edge": [1]}', "ENLIST_SIGNALS: edge: pattern: expected an object of fields, found 1"),
        ('{"edge": [{"source": "a"}]}', "ENLIST_SIGNALS: edge: source: expected an array of expressions"),
        (
            '{"edge": [{"source": [{"prefx": "a"}]}]}',
            "ENLIST_SIGNALS: edge: source[0]: unknown operator 'prefx' (did you mean 'prefix'?)",
        ),
    ],
)
def test_wrong_rules_are_named(text: str, message: str) -> None:
    """The variable, the kind and the place in the pattern are in the message."""
    with pytest.raises(ConfigurationError) as caught:
        SignalRules.of("edge", text)
    assert str(caught.value).startswith(message)
