"""Dead letters: both forms are read, and what is not whole is refused."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fctoolkit.deadletters import DeadLetter, read_dead_letter
from fctoolkit.errors import EventError
from tests.support.dead_letters import carried, record
from tests.support.product import EVENTS, sample

if TYPE_CHECKING:
    from pathlib import Path

EVENT = b'{ "specversion":"1.0", "id": "1", "source":"enlist.custom","type":"t", "data":{"name":"\xc3\xa9"}}'
ERROR = {"errorMessage": "i-1 rejected", "errorType": "NotSettledError", "stackTrace": ["x"]}
READ = DeadLetter(EVENT, "record", "NotSettledError", "i-1 rejected", "r-1", 3)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize("path", sorted(EVENTS.glob("*.json")), ids=lambda path: path.name)
def test_every_sample_comes_back_from_both_forms(path: Path) -> None:
    """Whatever the event is, its bytes are those that the function got."""
    event = path.read_bytes()
    for message in (event, base64.b64encode(event)):
        letter = read_dead_letter(message)
        assert (letter.event, letter.form, letter.error_type) == (event, "event", "")
    letter = read_dead_letter(record(event))
    assert (letter.event, letter.form) == (event, "record")


def test_a_record_tells_why() -> None:
    """Type and message of the function's error, the request id and the count are read from a record."""
    message = record(EVENT, ERROR)
    assert read_dead_letter(message) == READ
    assert read_dead_letter(base64.b64encode(message)) == READ
    assert read_dead_letter(message.decode()) == READ


def test_a_record_that_came_as_an_mns_event_is_opened() -> None:
    """A record inside a CloudEvent of MNS is read; another message there is for the function to open."""
    assert read_dead_letter(carried(record(EVENT, ERROR))) == READ
    assert read_dead_letter(carried(base64.b64encode(record(EVENT, ERROR)))) == READ
    for name in ("mns-wrapped.json", "mns-wrapped-base64.json"):
        assert read_dead_letter(sample(name)).event == sample(name)
    assert read_dead_letter(carried(b"mock mns message")).event == carried(b"mock mns message")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"responsePayload": "Process exited"}, ("UnhandledInvocationError", "Process exited")),
        ({"responsePayload": ERROR}, ("NotSettledError", "i-1 rejected")),
        ({"responsePayload": None}, ("UnhandledInvocationError", "")),
        ({"responsePayload": "[7]", "responseContext": None}, ("Timeout", "")),
        ({"responsePayload": "{}", "responseContext": 7, "requestContext": {}}, ("", "")),
    ],
)
def test_reasons_in_other_shapes(changes: dict[str, Any], told: tuple[str, str]) -> None:
    """What is missing or odd beside the event does not hide the event."""
    value = {**json.loads(record(EVENT, condition="Timeout")), **changes}
    letter = read_dead_letter(json.dumps(value))
    assert letter.event == EVENT
    assert (letter.error_type, letter.error_message) == told


@pytest.mark.parametrize("payload", [None, "", {"id": "1"}, 7, "oss://bucket/key", "e30=", '{"id": "1", "da'])
def test_a_record_without_its_whole_event_is_refused(payload: object) -> None:
    """A reference, a cut event or none: the field is named, and nothing is guessed."""
    value = {**json.loads(record(EVENT)), "requestPayload": payload}
    with pytest.raises(EventError) as caught:
        read_dead_letter(json.dumps(value))
    assert caught.value.field == "requestPayload"


def test_a_record_with_another_key_for_its_event_says_what_is_there() -> None:
    """Whoever looks at a reference learns where it may stand."""
    value = {key: one for key, one in json.loads(record(EVENT)).items() if key != "requestPayload"}
    with pytest.raises(EventError, match=r"nothing, beside payloadUrl, requestContext.*over 64 KB"):
        read_dead_letter(json.dumps({**value, "payloadUrl": "https://example.com"}))


@pytest.mark.parametrize(
    "message", [b"", b" ", b"mock", b"7", b'"text"', b"\xff", record(EVENT)[:-9], EVENT[:-1]]
)
def test_what_is_no_event_is_refused(message: bytes) -> None:
    """Text, broken JSON and nothing are refused with the toolkit's error."""
    with pytest.raises(EventError):
        read_dead_letter(message)


def test_the_event_of_an_http_trigger_is_no_record() -> None:
    """It has a requestContext, too."""
    assert read_dead_letter(sample("http-event.json")).form == "event"


@given(st.binary() | st.text() | json_values.map(json.dumps))
def test_junk_raises_one_error_only(message: bytes | str) -> None:
    """Whatever a queue holds, it is read or refused with EventError."""
    try:
        letter = read_dead_letter(message)
    except EventError:
        return
    json.loads(letter.event)


@given(json_values)
def test_any_json_object_survives_a_record(value: object) -> None:
    """What FC put into a record comes out of it byte for byte."""
    event = json.dumps([value], ensure_ascii=False).encode()
    assert read_dead_letter(record(event)).event == event
