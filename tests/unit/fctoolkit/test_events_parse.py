"""From bytes to events: what is accepted, what is refused and how, what is raw."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fctoolkit.errors import EventError
from fctoolkit.events import (
    LIMIT_BYTES,
    ActionTrailRecord,
    CloudEvent,
    CloudMonitorEvent,
    ConfigChange,
    EventBatch,
    HttpEvent,
    RawEvent,
    TimerEvent,
    parse_event,
    unwrap,
)
from tests.support.event_samples import cloud_event, encoded, http_event, sample

if TYPE_CHECKING:
    from fctoolkit.jsontypes import FrozenJson, JsonObject


def refusal(raw: bytes) -> EventError:
    """The error that refuses these bytes."""
    with pytest.raises(EventError) as caught:
        parse_event(raw)
    return caught.value


@pytest.mark.parametrize(
    ("value", "model"),
    [
        (cloud_event(), CloudEvent),
        ({"specversion": "1.0", "id": "1", "source": "s", "type": "t"}, CloudEvent),
        ({"name": "EnsInstance:Create:Executed", "product": "ENS"}, CloudMonitorEvent),
        ({"eventName": "RunInstances", "eventRW": "Write"}, ActionTrailRecord),
        ({"eventName": "RunInstances", "serviceName": "Ens"}, ActionTrailRecord),
        ({"resourceEventType": "DISCOVERED", "resourceId": "es-1"}, ConfigChange),
        ({"ResourceEventType": "DISCOVERED", "ResourceId": "es-1"}, ConfigChange),
        ({"triggerName": "t", "triggerTime": "2026-01-02T03:04:05Z", "payload": ""}, TimerEvent),
        (http_event(), HttpEvent),
        ([], EventBatch),
        ({"instanceIds": ["i-1"]}, RawEvent),
        ({}, RawEvent),
        ("text", RawEvent),
        (5, RawEvent),
        (None, RawEvent),
    ],
)
def test_shapes_are_told_apart(value: FrozenJson, model: type) -> None:
    """Each known shape becomes its own model, everything else in JSON is raw."""
    assert type(parse_event(encoded(value))) is model
    assert type(parse_event(json.dumps(value))) is model


@pytest.mark.parametrize("raw", [b"mock mns message", b"", b"\xff\x00", b"  ", b'"half', b"12,"])
def test_bytes_that_are_no_json_are_raw(raw: bytes) -> None:
    """Messages of queues need not be JSON: they come through as they are."""
    assert parse_event(raw) == RawEvent(raw)


@pytest.mark.parametrize(
    ("raw", "field", "expected", "found"),
    [
        (b'{"id": "x", "sour', "", "JSON", "text that breaks at character 12 of 17"),
        (b'[{"id": 1}, ', "", "JSON", "text that breaks"),
        (b"{}x", "", "JSON", "text that breaks at character 2"),
        (b'{"a": "\xff"}', "", "JSON in UTF-8", "byte 0xff at offset 7"),
        (b'{"a": NaN}', "", "a finite number", "NaN"),
        (b'{"a": -Infinity}', "", "a finite number", "-Infinity"),
        (b'{"a": {"b": [1, 1e999]}}', "a.b[1]", "a finite number", "too large"),
        (b'{"a": ' + b"9" * 5000 + b"}", "", "numbers of ordinary size", "thousands of digits"),
        (b'{"a": {"type": 1, "type": 2}}', "type", "each key once", "the same key again"),
        (b'{"a": ["\\ud800"]}', "a[0]", "valid Unicode", "half of a surrogate pair"),
        (b'{"a": {"\\udc00": 1}}', "a", "valid Unicode", "half of a surrogate pair"),
        (b"[" * 10_000, "", "at most 64 levels", "far more"),
        (b"[" * 10_000 + b"]" * 10_000, "", "at most 64 levels", "far more"),
        (b'{"a":' * 65 + b"1" + b"}" * 65, "a.a.a.a.a.a", "at most 64 levels", "more"),
        (b'{"a": "' + b"x" * LIMIT_BYTES + b'"}', "", f"at most {LIMIT_BYTES} bytes", "262153 bytes"),
    ],
    ids=str,
)
def test_broken_json_is_one_typed_error(raw: bytes, field: str, expected: str, found: str) -> None:
    """Broken, oversized, deep and ambiguous JSON ends in an EventError that says what and where."""
    error = refusal(raw)
    assert error.field.startswith(field)
    assert expected in error.expected
    assert found in error.found


def test_nesting_at_the_limit_is_accepted() -> None:
    """64 levels are accepted, and both limits are parameters."""
    raw = b'{"a":' * 64 + b"1" + b"}" * 64
    assert isinstance(parse_event(raw), RawEvent)
    assert isinstance(parse_event(b'{"a":' + raw + b"}", max_depth=65), RawEvent)
    with pytest.raises(EventError, match="at most 5 bytes, found 6 bytes"):
        parse_event(b"123456", limit_bytes=5)


def test_byte_order_mark_is_skipped() -> None:
    """A byte order mark in front changes nothing."""
    assert isinstance(parse_event(b"\xef\xbb\xbf" + encoded(cloud_event())), CloudEvent)
    assert isinstance(parse_event("\ufeff" + json.dumps(cloud_event())), CloudEvent)


@pytest.mark.parametrize(
    ("value", "field", "expected", "found"),
    [
        (cloud_event(id=None), "id", "a value", "nothing"),
        (cloud_event(id=""), "id", "a string that is not empty", '""'),
        (cloud_event(type=5), "type", "a string", "5"),
        (cloud_event(source=["acs.ens"]), "source", "a string", '["acs.ens"]'),
        (cloud_event(source={"a": {}}), "source", "a string", "an object of 1 keys"),
        (cloud_event(time=1700000000), "time", "a string", "1700000000"),
        (cloud_event(aliyunregionid=True), "aliyunregionid", "a string", "true"),
        ({"name": "", "product": "ENS"}, "name", "a string that is not empty", '""'),
        ({"name": "x", "product": "ENS", "content": "text"}, "content", "an object", '"text"'),
        (
            {"eventName": "x", "eventRW": "Write", "responseElements": []},
            "responseElements",
            "an object",
            "[]",
        ),
        ({"eventName": "x", "eventRW": "W", "userIdentity": 5}, "userIdentity", "an object", "5"),
        (
            {"eventName": "x", "eventRW": "W", "userIdentity": {"type": 5}},
            "userIdentity.type",
            "a string",
            "5",
        ),
        ({"ResourceEventType": "DISCOVERED", "ResourceId": 5}, "resourceId", "a string", "5"),
        ({"triggerName": 5, "triggerTime": "x"}, "triggerName", "a string", "5"),
        (http_event(version="v2"), "version", "'v1'", '"v2"'),
        (http_event(headers={"A": 1}), "headers.A", "a string", "1"),
        (http_event(requestContext={"http": {}}), "requestContext.http.method", "a value", "nothing"),
    ],
)
def test_wrong_fields_are_named(value: FrozenJson, field: str, expected: str, found: str) -> None:
    """A known shape with a wrong field is refused with the field, what was expected and what came."""
    error = refusal(encoded(value))
    assert (error.field, error.expected, error.found) == (field, expected, found)


def test_messages_never_carry_a_whole_payload() -> None:
    """However large a wrong value is, the message stays short."""
    assert len(str(refusal(encoded(cloud_event(type=["x" * 100_000]))))) < 200
    assert len(str(refusal(encoded(cloud_event(source=[{"k": "x" * 100_000}]))))) < 200


def test_batch_of_objects_and_of_strings() -> None:
    """The two documented forms of a batch give the same events."""
    objects, strings = parse_event(sample("batch-objects")), parse_event(sample("batch-strings"))
    assert isinstance(objects, EventBatch)
    assert isinstance(strings, EventBatch)
    kinds = [
        [item.type for item in batch.items if isinstance(item, CloudEvent)] for batch in (objects, strings)
    ]
    assert kinds == [["ens:Instance:Ready", "elasticsearch:Instance:Active"]] * 2


def test_batch_keeps_good_items_beside_bad_ones() -> None:
    """A bad item is its own error, with its place in the batch; the others are events."""
    batch = parse_event(
        encoded(
            [cloud_event(), cloud_event(type=5), "text", '{"id": 5, "source": "s"}', '{"a', [], 7, {"k": 1}]
        )
    )
    assert isinstance(batch, EventBatch)
    told = [(item.field, item.expected) for item in batch.items if isinstance(item, EventError)]
    assert told == [
        ("[1].type", "a string"),
        ("[3].id", "a string"),
        ("[4]", "JSON"),
        ("[5]", "an object or a string holding one"),
        ("[6]", "an object or a string holding one"),
    ]
    assert isinstance(batch.items[0], CloudEvent)
    assert batch.items[2] == RawEvent(b"text", "text")
    assert batch.items[7] == RawEvent(b'{"k": 1}', {"k": 1})


def test_batch_tells_accounts_and_region_of_its_items() -> None:
    """A batch names every account in it, and a region only when all items agree."""
    first = cloud_event(aliyunaccountid="1", aliyunregionid="cn-a")
    second = cloud_event(aliyunaccountid="2", aliyunregionid="cn-a")
    third = cloud_event(aliyunregionid="cn-b")
    same, mixed = parse_event(encoded([first, second, 7])), parse_event(encoded([first, third]))
    assert (same.account_ids(), same.region()) == (frozenset("12"), "cn-a")
    assert mixed.region() is None


def mns(body: FrozenJson) -> bytes:
    """A CloudEvent of an MNS message."""
    return encoded(cloud_event(type="mns:Queue:SendMessage", data={"messageBody": body}))


@pytest.mark.parametrize("inner", [cloud_event(), [cloud_event(), cloud_event(id="event-2")]])
def test_unwrap_reads_the_message(inner: JsonObject) -> None:
    """The message of a queue is read as the event it holds, in plain text and in base64."""
    text = json.dumps(inner)
    plain = unwrap(parse_event(mns(text)))
    assert plain == parse_event(text)
    assert unwrap(parse_event(mns(base64.b64encode(text.encode()).decode()))) == plain


def test_unwrap_leaves_other_events_alone() -> None:
    """An event that wraps nothing is given back; a message that is no JSON is raw."""
    event = parse_event(encoded(cloud_event()))
    assert unwrap(event) is event
    assert unwrap(parse_event(mns("TEST"))) == RawEvent(b"TEST")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (None, "data.messageBody"),
        (5, "data.messageBody"),
        ('{"id"', "data.messageBody"),
        ('{"id": 5, "source": "s"}', "data.messageBody.id"),
    ],
)
def test_unwrap_names_the_field_in_the_message(body: FrozenJson, field: str) -> None:
    """A broken message is refused with its place in the outer event."""
    with pytest.raises(EventError) as caught:
        unwrap(parse_event(mns(body)))
    assert caught.value.field == field


@settings(max_examples=300)
@given(st.one_of(st.binary(max_size=60), st.text(alphabet='{}[]":,idsourcetype\\ud8 1eN', max_size=60)))
def test_any_bytes_are_an_event_or_an_event_error(raw: bytes | str) -> None:
    """No input makes the parser raise anything but EventError."""
    try:
        parse_event(raw)
    except EventError as error:
        assert error.expected  # noqa: PT017 -- either ending is right


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=4)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2), st.dictionaries(st.text(max_size=4), inner, max_size=2)
    ),
    max_leaves=5,
)
FIELDS = st.sampled_from(
    [
        "id",
        "source",
        "type",
        "data",
        "time",
        "specversion",
        "name",
        "product",
        "content",
        "resourceId",
        "eventName",
        "eventRW",
        "responseElements",
        "referencedResources",
        "resourceName",
        "userIdentity",
        "ResourceId",
        "ResourceEventType",
        "version",
        "requestContext",
        "headers",
        "body",
        "triggerName",
        "triggerTime",
    ]
)


@settings(max_examples=300)
@given(st.dictionaries(FIELDS, JSON, max_size=6))
def test_any_object_is_an_event_or_an_event_error(value: JsonObject) -> None:
    """No mixture of known fields with odd values makes the models raise anything but EventError."""
    try:
        event = parse_event(encoded(value))
        event.account_ids()
        event.region()
        if isinstance(event, CloudEvent):
            event.detail()
        if isinstance(event, (ActionTrailRecord, CloudMonitorEvent, ConfigChange)):
            assert all(isinstance(one, str) for one in event.instance_ids())
    except EventError as error:
        assert error.expected  # noqa: PT017 -- either ending is right
