"""Reads a dead letter: the event that failed, exactly as it was, and why it failed. Knows no queue.

Two services write dead letters, each in its own form:

* EventBridge puts the event into the rule's queue unchanged.
* Function Compute puts a record into the destination of a failed asynchronous invocation, with the event and
  the function's error in it, both as text.

A message of a queue has at most 64 KB. What FC writes when a record is larger is not documented: it may be
cut or carry a reference, and no event can be read from it.

Sources: https://alibabacloud.com/help/en/eventbridge/user-guide/retry-and-dead-letter and
https://www.alibabacloud.com/help/en/fc/user-guide/result-callback. No page shows a record of FC 3.0 in full,
so `functionArn` and `condition` decide nothing here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from fctoolkit.errors import EventError
from fctoolkit.events import MNS_MESSAGE, json_inside, looks_like_json
from fctoolkit.strictjson import JsonError, decode, excerpt, shorten

if TYPE_CHECKING:
    from fctoolkit.jsontypes import JsonObject, JsonValue

_EVENT_KEY: Final = "requestPayload"
_ANSWER_KEYS: Final = ("responsePayload", "responseContext")


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that could not be handled.

    Attributes:
        event: the event's bytes as the function got them; of a record, its text in UTF-8.
        form: `event` as EventBridge writes it, `record` as FC does.
        error_type: the class of the function's error, such as `NotSettledError`; empty when not told.
        error_message: the error's message, in full; empty when not told. Only the log has it for an `event`.
        request_id: of the invocation that failed; empty when not told.
        attempts: how often it was invoked, approximately, as FC says; None when not told.
    """

    event: bytes
    form: Literal["event", "record"]
    error_type: str = ""
    error_message: str = ""
    request_id: str = ""
    attempts: int | None = None


def read_dead_letter(message: bytes | str) -> DeadLetter:
    """The dead letter in the body of a queue's message, which may be base64.

    An MNS message that came as a CloudEvent is opened when it holds a record; otherwise it is the event.

    Raises:
        EventError: no whole event is in it, because it is cut, holds a reference, or is no JSON. Nothing is
            guessed: such a message is for a person to look at.
    """
    body = message if isinstance(message, bytes) else message.encode("utf-8", "surrogatepass")
    body = json_inside(body)
    value = _whole_json("", body)
    if isinstance(value, dict):
        record = value if _is_record(value) else _carried_record(value)
        if record is not None:
            return _read_record(record)
    return DeadLetter(body, "event")


def _is_record(value: JsonObject) -> bool:
    """Whether FC wrote it. The event of an HTTP trigger has a `requestContext` too, with `http` in it."""
    context = value.get("requestContext")
    told = isinstance(context, dict) and "http" not in context
    return told and any(key in value for key in (_EVENT_KEY, *_ANSWER_KEYS))


def _carried_record(value: JsonObject) -> JsonObject | None:
    """The record in an MNS message that came as a CloudEvent; None when it carries none."""
    data = value.get("data")
    message = data.get("messageBody") if value.get("type") == MNS_MESSAGE and isinstance(data, dict) else None
    if not isinstance(message, str):
        return None
    try:
        inner = decode(json_inside(message.encode()))
    except JsonError:
        return None
    return inner if isinstance(inner, dict) and _is_record(inner) else None


def _read_record(record: JsonObject) -> DeadLetter:
    context, answer = _object(record.get("requestContext")), _object(record.get("responseContext"))
    error_type, error_message = _reason(record.get("responsePayload"))
    attempts = context.get("approximateInvokeCount")
    return DeadLetter(
        _event_of(record),
        "record",
        error_type or _text(answer, "functionError") or _text(context, "condition"),
        error_message,
        _text(context, "requestId"),
        attempts if isinstance(attempts, int) and not isinstance(attempts, bool) else None,
    )


def _event_of(record: JsonObject) -> bytes:
    """The event of a record, or EventError when it is not there as a whole."""
    value = record.get(_EVENT_KEY)
    if not isinstance(value, str) or not value:
        others = ", ".join(sorted(shorten(key, 40) for key in record if key != _EVENT_KEY)[:10])
        found = "nothing" if value in (None, "") else excerpt(value)
        raise EventError(
            _EVENT_KEY, "the event as text", f"{found}, beside {others}; over 64 KB FC may write a reference"
        )
    event = value.encode()
    _whole_json(_EVENT_KEY, event)
    return event


def _whole_json(field: str, body: bytes) -> JsonValue:
    """The JSON, or EventError when it is none or only a part of it."""
    if not looks_like_json(body):
        found = excerpt(body[:200].decode("utf-8", "replace")) if body.strip() else "nothing"
        raise EventError(field, "an event in JSON", f"{found}, which may be a reference to one")
    try:
        return decode(body)
    except JsonError as error:
        place = ".".join(part for part in (field, error.path) if part)
        cut = f"{error.found}; {len(body)} bytes are there, it may have been cut"
        raise EventError(place, error.expected, cut if error.expected == "JSON" else error.found) from None


def _reason(payload: JsonValue) -> tuple[str, str]:
    """Type and message of the function's error. FC writes its JSON as text; any other text is the message."""
    value = payload
    if isinstance(payload, str):
        try:
            value = decode(payload)
        except JsonError:
            return "", payload
    if not isinstance(value, dict):
        return "", value if isinstance(value, str) else ""
    return _text(value, "errorType"), _text(value, "errorMessage")


def _object(value: JsonValue) -> JsonObject:
    return value if isinstance(value, dict) else {}


def _text(value: JsonObject, key: str) -> str:
    found = value.get(key)
    return found if isinstance(found, str) else ""
