"""The event models: what each reads out of its shape."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from fctoolkit.errors import EventError
from fctoolkit.events import ActionTrailRecord, CloudEvent, CloudMonitorEvent, ConfigChange, TimerEvent
from tests.support.event_samples import cloud_event

if TYPE_CHECKING:
    from fctoolkit.jsontypes import FrozenJson, JsonObject

MOMENT = datetime(2020, 11, 19, 13, 4, 42, 179000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("time", "moment"),
    [
        ("2020-11-19T21:04:42.179+08:00", MOMENT),
        ("2020-11-19T13:04:42.179Z", MOMENT),
        ("2020-11-19T21:04:42.179PRC", MOMENT),
        ("2020-11-19T21:04:42.179Asia/Shanghai", MOMENT),
        ("2020-11-19T13:04:42.179UTC", MOMENT),
        ("20201119T210442.179+0800", MOMENT),
        ("1605791082179", MOMENT),
        ("2020-11-19T21:04:42.179", None),
        ("2020-11-19T21:04:42.179Mars/Phobos", None),
        ("0001-01-01T00:00:00+08:00", None),
        ("yesterday", None),
        ("", None),
        (None, None),
    ],
)
def test_times_are_read_in_all_their_spellings(time: str | None, moment: datetime | None) -> None:
    """Every spelling of a time gives its moment, an unclear one none, and the text is kept."""
    event = CloudEvent.read(cloud_event(time=time))
    assert event.occurred_at == moment
    assert event.time == time


def test_cloud_event_needs_only_id_source_and_type() -> None:
    """The smallest CloudEvent has the default version and nothing else."""
    event = CloudEvent.read(cloud_event())
    assert (event.specversion, event.subject, event.time, event.data) == ("1.0", None, None, None)
    assert (event.account_ids(), event.region(), event.extensions) == (frozenset(), None, {})


def test_cloud_event_keeps_extensions_and_document() -> None:
    """The vendor's extensions have names, others are kept, and the JSON stays at hand for patterns."""
    value = cloud_event(
        aliyunaccountid=1234567890123456, aliyunpublishtime="odd", aliyuneventid="e", data={"a": 1}
    )
    event = CloudEvent.read(value)
    assert (event.account_id, event.publish_time) == ("1234567890123456", "odd")
    assert event.extensions == {"aliyuneventid": "e"}
    assert event.document == value


def test_events_are_frozen() -> None:
    """An event cannot be changed."""
    event, name = CloudEvent.read(cloud_event()), "id"
    with pytest.raises(ValidationError, match="frozen"):
        setattr(event, name, "other")


@pytest.mark.parametrize(
    ("source", "service"),
    [("acs.ens", "ens"), ("acs:ens", "ens"), ("my.ens", None), ("acs.", None), ("acsens", None)],
)
def test_service_of_both_spellings(source: str, service: str | None) -> None:
    """`acs.x` and `acs:x` are the service x; other sources are no service."""
    assert CloudEvent.read(cloud_event(source=source)).service == service


@pytest.mark.parametrize(
    ("kind", "family"),
    [
        ("elasticsearch:ActionTrail:ApiCall", "ActionTrail"),
        ("ens:CloudMonitor:EnsInstance[Create:Executed]", "CloudMonitor"),
        ("elasticsearch:Config:NonCompliantNotification", "Config"),
        ("ens:Instance:Ready", "custom"),
        ("ActionTrail", "custom"),
        ("x:ActionTrail", "custom"),
    ],
)
def test_family_is_the_middle_of_the_type(kind: str, family: str) -> None:
    """The middle of the type tells the vendor's format; anything else is custom."""
    assert CloudEvent.read(cloud_event(type=kind)).family == family


def test_accounts_of_a_cloud_event() -> None:
    """Receiver, producer and subject are all named, so that a foreign one shows."""
    event = CloudEvent.read(
        cloud_event(aliyunaccountid="1", aliyunoriginalaccountid="2", subject="acs.ebs:cn-a:3:d-1")
    )
    assert event.account_ids() == {"1", "2", "3"}
    assert event.region() == "cn-a"


def test_detail_of_a_custom_event_is_its_data() -> None:
    """Data of no known family comes as it is, also that of a compliance notice."""
    assert CloudEvent.read(cloud_event(data=[1])).detail() == [1]
    notice = cloud_event(type="elasticsearch:Config:NonCompliantNotification", data={"a": 1})
    assert CloudEvent.read(notice).detail() == {"a": 1}


@pytest.mark.parametrize(
    ("kind", "data", "field"),
    [
        ("x:ActionTrail:ApiCall", {"eventName": 5}, "data.eventName"),
        ("x:ActionTrail:ApiCall", None, "data"),
        ("x:CloudMonitor:A[B:C]", "text", "data"),
        ("x:CloudMonitor:A[B:C]", {"content": []}, "data.content"),
        ("x:Config:ConfigurationItemChangeNotification", {"resourceId": "es-1"}, "data.resourceEventType"),
    ],
)
def test_detail_names_the_field_under_data(kind: str, data: FrozenJson, field: str) -> None:
    """Data that is not what the type says is refused with its path in the event."""
    event = CloudEvent.read({**cloud_event(type=kind), "data": json.loads(json.dumps(data))})
    with pytest.raises(EventError) as caught:
        event.detail()
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("fields", "ids"),
    [
        ({"responseElements": {"Result": {"instanceId": "es-1"}, "instanceId": "no"}}, ("es-1",)),
        ({"responseElements": {"instanceId": "es-1"}}, ("es-1",)),
        ({"responseElements": {"InstanceIds": ["i-1", "i-2", "i-1"]}}, ("i-1", "i-2")),
        ({"responseElements": {"InstanceIds": {"InstanceId": ["i-1"]}}}, ("i-1",)),
        ({"responseElements": {"Result": True}, "resourceName": "es-1"}, ("es-1",)),
        ({"referencedResources": {"ACS::ECS::Disk": ["d-1"], "ACS::ECS::Instance": ["i-1"]}}, ("i-1",)),
        ({"referencedResources": {"VSwitch": ["v-1"], "Instance": "i-1"}}, ("i-1",)),
        ({"responseElements": None, "resourceName": "i-1, i-2,"}, ("i-1", "i-2")),
        ({"resourceName": "i-1;i-2"}, ("i-1", "i-2")),
        (
            {"resourceName": "v-1;i-1,i-2", "resourceType": "ACS::VPC::VSwitch;ACS::ENS::Instance"},
            ("i-1", "i-2"),
        ),
        ({"resourceName": "i-1;i-2", "resourceType": "ACS::ENS::Instance"}, ("i-1", "i-2")),
        ({"responseElements": {"InstanceIds": [5, None]}}, ()),
        ({}, ()),
    ],
)
def test_action_trail_ids_in_the_documented_order(fields: JsonObject, ids: tuple[str, ...]) -> None:
    """The ids come from the first place that has some, each once."""
    assert ActionTrailRecord.read({"eventName": "RunInstances", **fields}).instance_ids() == ids


@pytest.mark.parametrize(
    ("fields", "failure"),
    [
        ({}, ""),
        ({"errorCode": None, "errorMessage": ""}, ""),
        ({"errorCode": "Forbidden", "errorMessage": "no"}, "Forbidden"),
        ({"errorMessage": "no"}, "no"),
    ],
)
def test_failed_calls_show(fields: JsonObject, failure: str) -> None:
    """A record with an error code or message is one of a call that failed."""
    assert ActionTrailRecord.read({"eventName": "x", **fields}).failure == failure


def test_action_trail_reads_versions_accounts_and_region() -> None:
    """The version may be a number or a string; account and region are those of the call."""
    value: JsonObject = {
        "eventName": "x",
        "eventVersion": 1,
        "acsRegion": "cn-a",
        "userIdentity": {"accountId": "1"},
    }
    record = ActionTrailRecord.read(value)
    assert (record.event_version, record.region(), record.account_ids()) == ("1", "cn-a", frozenset("1"))
    assert ActionTrailRecord.read({**value, "eventVersion": "1"}).event_version == "1"
    assert ActionTrailRecord.read({"eventName": "x"}).account_ids() == frozenset()


@pytest.mark.parametrize(
    "name",
    [
        "EnsInstance:Create:Executed",
        "EnsInstance[Create:Executed]",
        "ens:CloudMonitor:EnsInstance[Create:Executed]",
    ],
)
def test_cloud_monitor_names_are_one(name: str) -> None:
    """All spellings of a name give the native one."""
    assert CloudMonitorEvent.read({"name": name}).name == "EnsInstance:Create:Executed"


def test_cloud_monitor_simple_names_stay() -> None:
    """A name without parts stays as it is."""
    assert CloudMonitorEvent.read({"name": "slb:CloudMonitor:CertKeyExpired1"}).name == "CertKeyExpired1"


@pytest.mark.parametrize(
    ("content", "ids"),
    [
        ({"instanceId": "i-1", "resourceId": "i-2"}, ("i-1",)),
        ({"resourceId": "acs:ens:cn-a:1:instance/i-2", "InstanceId": "i-3"}, ("i-2",)),
        ({"instanceId": "", "InstanceId": ["i-3", "i-3"]}, ("i-3",)),
        ({"instanceId": "../i-1"}, ("../i-1",)),
        ({}, ("i-9",)),
        (None, ("i-9",)),
    ],
)
def test_cloud_monitor_ids_in_the_documented_order(content: JsonObject | None, ids: tuple[str, ...]) -> None:
    """The ids come from the content, else from the end of the resource's name; odd ones stay odd."""
    event = CloudMonitorEvent.read(
        {"name": "x", "resourceId": "acs:ens:cn-a:1:instance/i-9", "content": content}
    )
    assert event.instance_ids() == ids


def test_cloud_monitor_account_and_region() -> None:
    """Account and region come from their fields and from the resource's name."""
    event = CloudMonitorEvent.read({"name": "x", "userId": 2, "resourceId": "acs:ens:cn-a:1:instance/i-9"})
    assert (event.account_ids(), event.region()) == (frozenset("12"), "cn-a")
    bare = CloudMonitorEvent.read({"name": "x"})
    assert (bare.account_ids(), bare.region(), bare.instance_ids(), bare.occurred_at) == (
        frozenset(),
        None,
        (),
        None,
    )


def test_config_reads_both_spellings() -> None:
    """Keys in camelCase and in PascalCase are the same change."""
    camel: JsonObject = {
        "resourceId": "es-1",
        "resourceEventType": "DISCOVERED",
        "accountId": "1",
        "regionId": "cn-a",
    }
    change = ConfigChange.read(camel)
    pascal = ConfigChange.read({key[0].upper() + key[1:]: value for key, value in camel.items()})
    told = [
        (one.instance_ids(), one.resource_event_type, one.account_ids(), one.region())
        for one in (change, pascal)
    ]
    assert told == [(("es-1",), "DISCOVERED", frozenset("1"), "cn-a")] * 2


@pytest.mark.parametrize(
    ("configuration", "settings"),
    [('{"status": "active"}', {"status": "active"}), ({"a": 1}, {"a": 1}), ("", {}), (None, {})],
)
def test_config_settings_are_decoded(configuration: FrozenJson, settings: JsonObject) -> None:
    """The configuration, a string of JSON, is decoded when it is asked for."""
    value = {"resourceId": "es-1", "resourceEventType": "MODIFY", "configuration": configuration}
    assert ConfigChange.read(value).settings() == settings


@pytest.mark.parametrize("configuration", ["{", "[]", 5])
def test_config_settings_that_are_no_object_are_refused(configuration: FrozenJson) -> None:
    """A configuration that is no JSON object is refused by name."""
    change = ConfigChange.read(
        {"resourceId": "es-1", "resourceEventType": "MODIFY", "configuration": configuration}
    )
    with pytest.raises(EventError, match="configuration: expected"):
        change.settings()


def test_timer_tells_its_trigger_and_moment() -> None:
    """A tick has a name, a moment and a payload; it belongs to no account by itself."""
    tick = TimerEvent.read(
        {"triggerName": "sweep", "triggerTime": "2020-11-19T13:04:42.179Z", "payload": "{}"}
    )
    assert (tick.trigger_name, tick.occurred_at, tick.payload) == ("sweep", MOMENT, "{}")
    assert (tick.account_ids(), tick.region()) == (frozenset(), None)
