"""The sample events under events/: each is read as the shape its table says, and table and folder agree."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import pytest

from fctoolkit.errors import EventError
from fctoolkit.events import (
    ActionTrailRecord,
    CloudEvent,
    CloudMonitorEvent,
    ConfigChange,
    Event,
    EventBatch,
    HttpEvent,
    RawEvent,
    TimerEvent,
    parse_event,
    unwrap,
)
from tests.support.event_samples import ACCOUNT, ENS_ID, ENS_REGION, FOLDER, SEARCH_ID, SEARCH_REGION, sample

ENS = (ENS_ID, ENS_REGION)
SEARCH = (SEARCH_ID, SEARCH_REGION)


def named(event: Event) -> tuple[str, str | None]:
    """The one instance an event of the vendor's names, and its region."""
    detail = event.detail() if isinstance(event, CloudEvent) else event
    assert isinstance(detail, (ActionTrailRecord, CloudMonitorEvent, ConfigChange))
    assert detail.account_ids() == {ACCOUNT}
    (instance,) = detail.instance_ids()
    return instance, detail.region()


@pytest.mark.parametrize(
    ("name", "model", "told"),
    [
        ("ens-cloudmonitor-native", CloudMonitorEvent, ENS),
        ("ens-cloudmonitor-eventbridge", CloudEvent, ENS),
        ("ens-cloudmonitor-eventbridge-content", CloudEvent, ENS),
        ("ens-actiontrail-run-instances", ActionTrailRecord, (ENS_ID, "cn-hangzhou")),
        ("elasticsearch-actiontrail-api-call", CloudEvent, SEARCH),
        ("elasticsearch-actiontrail-console-operation", CloudEvent, SEARCH),
        ("elasticsearch-config-eventbridge", CloudEvent, SEARCH),
        ("elasticsearch-config-mns", ConfigChange, SEARCH),
        ("mns-wrapped", CloudMonitorEvent, ENS),
    ],
)
def test_vendor_samples_name_their_instance(name: str, model: type, told: tuple[str, str]) -> None:
    """Each sample in a vendor's format gives its model, the instance, the region and the account."""
    event = unwrap(parse_event(sample(name)))
    assert type(event) is model
    assert named(event) == told


@pytest.mark.parametrize(
    ("name", "kind", "data"),
    [
        ("ens-custom", "ens:Instance:Ready", {"instanceIds": [ENS_ID], "regionId": ENS_REGION}),
        (
            "elasticsearch-custom",
            "elasticsearch:Instance:Active",
            {"instanceId": SEARCH_ID, "regionId": SEARCH_REGION},
        ),
        (
            "mns-wrapped-base64",
            "elasticsearch:Instance:Active",
            {"instanceId": SEARCH_ID, "regionId": SEARCH_REGION},
        ),
    ],
)
def test_custom_samples_carry_our_data(name: str, kind: str, data: dict[str, object]) -> None:
    """Custom events are CloudEvents with the instances in their data."""
    event = unwrap(parse_event(sample(name)))
    assert isinstance(event, CloudEvent)
    assert (event.source, event.type, event.detail()) == ("enlist.custom", kind, data)


@pytest.mark.parametrize("name", ["batch-objects", "batch-strings"])
def test_batch_samples_hold_two_events(name: str) -> None:
    """Both forms of a batch hold one event of each kind, from our account."""
    batch = parse_event(sample(name))
    assert isinstance(batch, EventBatch)
    assert [type(item) for item in batch.items] == [CloudEvent, CloudEvent]
    assert batch.account_ids() == {ACCOUNT}


def test_timer_and_direct_samples() -> None:
    """The tick is a timer's; the body of a direct invocation is raw JSON."""
    assert isinstance(parse_event(sample("timer")), TimerEvent)
    direct = parse_event(sample("direct-invocation"))
    assert isinstance(direct, RawEvent)
    assert direct.value == {"instances": [SEARCH_ID], "regionId": SEARCH_REGION}


def test_http_samples() -> None:
    """One request names instances, the other carries an event in base64."""
    named_ids, carried = parse_event(sample("http-instances")), parse_event(sample("http-event"))
    assert isinstance(named_ids, HttpEvent)
    assert isinstance(carried, HttpEvent)
    assert named_ids.request().json() == {"instances": [ENS_ID]}
    assert isinstance(parse_event(carried.request().body), CloudEvent)
    assert carried.account_ids() == {ACCOUNT}


def test_rejected_samples_show_their_reason() -> None:
    """Each sample that is not acted on has exactly the fault its name says."""
    failed = parse_event(sample("rejected/failed-call"))
    assert isinstance(failed, CloudEvent)
    record = failed.detail()
    assert isinstance(record, ActionTrailRecord)
    assert record.failure
    other = parse_event(sample("rejected/other-account"))
    assert isinstance(other, CloudEvent)
    assert ACCOUNT not in other.account_ids()
    unknown = parse_event(sample("ignored/unknown-source"))
    assert isinstance(unknown, CloudEvent)
    assert unknown.service == "oss"
    slash = parse_event(sample("rejected/id-with-slash"))
    assert isinstance(slash, CloudEvent)
    assert "/" in json.dumps(slash.data)
    for name, field in (("truncated", ""), ("wrong-types", "type")):
        with pytest.raises(EventError) as caught:
            parse_event(sample(f"rejected/{name}"))
        assert caught.value.field == field


def test_every_time_in_the_samples_is_one_moment() -> None:
    """The samples spell the same second in many ways, and each is understood."""
    wanted = datetime(2026, 11, 5, 2, 15, 30, tzinfo=UTC)
    for path in FOLDER.glob("e*.json"):
        event = parse_event(path.read_bytes())
        assert isinstance(event, (CloudEvent, CloudMonitorEvent, ActionTrailRecord, ConfigChange))
        assert event.occurred_at is not None
        assert event.occurred_at.replace(microsecond=0) == wanted, path.name


def test_table_and_folder_agree() -> None:
    """The README lists every file under events/ and no other."""
    table = re.findall(r"^\| `([^`]+\.json)` \|", (FOLDER / "README.md").read_text(), re.MULTILINE)
    files = [path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.json")]
    assert sorted(table) == sorted(files)


def test_samples_hold_no_id_twice() -> None:
    """Events of different files are different events."""
    ids: list[str] = []
    for path in FOLDER.rglob("*.json"):
        if path.stem != "truncated":
            value = json.loads(path.read_text())
            items = value if isinstance(value, list) else [value]
            events = [json.loads(item) if isinstance(item, str) else item for item in items]
            ids.extend(event["id"] for event in events if "id" in event)
    assert len(ids) == len(set(ids)) > 10
