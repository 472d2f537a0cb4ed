"""From bytes to an event: one parser for all that can reach a function. Knows shapes, not their meaning.

The model of a shape is loaded when such an event has come: an instance pays for those that it gets.
"""

# ruff: noqa: PLC0415

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, Literal, TypeAlias

from fctoolkit.errors import EventError
from fctoolkit.strictjson import MAX_DEPTH, JsonError, Place, decode, dotted, excerpt

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fctoolkit.events.actiontrail import ActionTrailRecord
    from fctoolkit.events.cloudevent import CloudEvent
    from fctoolkit.events.cloudmonitor import CloudMonitorEvent
    from fctoolkit.events.config import ConfigChange
    from fctoolkit.events.timer import TimerEvent
    from fctoolkit.http import HttpEvent
    from fctoolkit.jsontypes import JsonObject, JsonValue

LIMIT_BYTES = 256 * 1024
"""EventBridge's limit for one event. FC itself delivers up to 32 MB, asynchronously up to 128 KB."""

BATCH_LIMIT_BYTES = 8 * 1024 * 1024
"""What an array of events may have: a hundred messages of 64 KB, a queue's largest, and their frames."""

MOST_ITEMS = 10_000
"""Events in one batch. Each costs time and memory to read; windows of triggers are far smaller."""

MNS_MESSAGE = "mns:Queue:SendMessage"
"""The type of a CloudEvent that carries a message of an MNS queue."""


# Dataclasses, not named tuples as other records: `shape` would be a field, and a batch would be its fields.
@dataclass(frozen=True, slots=True)
class RawEvent:
    """Something that is no known shape.

    Attributes:
        body: the bytes as they came; for a part of another event, its text or JSON in UTF-8.
        value: the decoded JSON, None when the bytes are not JSON.
    """

    shape: ClassVar[Literal["raw"]] = "raw"

    body: bytes
    value: JsonValue = None

    def account_ids(self) -> frozenset[str]:
        """Empty: it does not say."""
        return frozenset()

    def region(self) -> str | None:
        """None: it does not say."""
        return None


@dataclass(frozen=True, slots=True)
class EventBatch:
    """Several events delivered at once. An item that cannot be read is its error, so the others can go on."""

    shape: ClassVar[Literal["batch"]] = "batch"

    items: tuple[SingleEvent | EventError, ...]

    def account_ids(self) -> frozenset[str]:
        """The accounts of all readable items together."""
        return frozenset[str]().union(*(item.account_ids() for item in self._events()))

    def region(self) -> str | None:
        """The region of all readable items, None when they differ or do not say."""
        regions = {item.region() for item in self._events()}
        return regions.pop() if len(regions) == 1 else None

    def _events(self) -> Iterator[SingleEvent]:
        return (item for item in self.items if not isinstance(item, EventError))


# Texts, because the models may not be loaded yet.
ModelEvent: TypeAlias = (
    "CloudEvent | CloudMonitorEvent | ActionTrailRecord | ConfigChange | TimerEvent | HttpEvent"
)
SingleEvent: TypeAlias = "ModelEvent | RawEvent"
Event: TypeAlias = "SingleEvent | EventBatch"

_Shape: TypeAlias = Literal["cloud", "timer", "cloudmonitor", "actiontrail", "config", "http"]

_TELLING_KEYS: Final[tuple[tuple[_Shape, frozenset[str]], ...]] = (
    ("cloud", frozenset({"specversion"})),
    ("cloud", frozenset({"source", "type"})),
    ("cloud", frozenset({"source", "id"})),
    ("timer", frozenset({"triggerName", "triggerTime"})),
    ("cloudmonitor", frozenset({"name", "product"})),
    ("actiontrail", frozenset({"eventName", "eventRW"})),
    ("actiontrail", frozenset({"eventName", "eventSource"})),
    ("actiontrail", frozenset({"eventName", "serviceName"})),
    ("config", frozenset({"resourceEventType", "resourceId"})),
    ("config", frozenset({"ResourceEventType", "ResourceId"})),
)
"""Which keys together tell a shape. The first row whose keys are all there decides."""


def parse_event(raw: bytes | str, *, limit_bytes: int = LIMIT_BYTES, max_depth: int = MAX_DEPTH) -> Event:
    """The event in the bytes that FC hands to a function.

    Text that does not begin like a JSON object or array is a RawEvent, because queues deliver such messages.
    So is JSON of no known shape. A JSON array is an EventBatch, of objects or of strings that hold JSON.

    Args:
        raw: the event. UTF-8; a byte order mark is skipped.
        limit_bytes: how large it may be; an array may have `BATCH_LIMIT_BYTES` all the same.
        max_depth: how many levels of objects and arrays it may have.

    Raises EventError, and nothing else: too large, broken or too deep JSON, or a known shape with a field
    that is missing or of the wrong type.
    """
    body = raw if isinstance(raw, bytes) else raw.encode("utf-8", "surrogatepass")
    limit = max(limit_bytes, BATCH_LIMIT_BYTES) if is_array(body) else limit_bytes
    if len(body) > limit:
        raise EventError("", f"at most {limit} bytes", f"{len(body)} bytes")
    try:
        value = decode(body, max_depth=max_depth)
    except JsonError as error:
        if looks_like_json(body):
            raise EventError(error.path, error.expected, error.found) from None
        return RawEvent(body)
    if isinstance(value, list):
        if len(value) > MOST_ITEMS:
            raise EventError("", f"a batch of at most {MOST_ITEMS} events", str(len(value)))
        return EventBatch(tuple(_item(item, (index,), max_depth) for index, item in enumerate(value)))
    return _event_of(value, body, ())


def is_array(body: bytes) -> bool:
    """Whether the bytes begin like a JSON array, and so like a batch."""
    return _first(body) == b"["


def unwrap(event: Event, *, max_depth: int = MAX_DEPTH) -> Event:
    """The event inside an MNS message that came as a CloudEvent; any other event as it is.

    The message may be base64, as the queue's clients choose. A message that is no JSON is a RawEvent. One
    wrapping is taken off. Raises EventError as `parse_event` does, with a field under `data.messageBody`.
    """
    if event.shape != "cloud" or event.type != MNS_MESSAGE:
        return event
    message = event.data.get("messageBody") if isinstance(event.data, dict) else None
    if not isinstance(message, str):
        raise EventError("data.messageBody", "a string", "nothing" if message is None else excerpt(message))
    inner = json_inside(message.encode("utf-8", "surrogatepass"))
    try:
        return parse_event(inner, limit_bytes=len(inner), max_depth=max_depth)
    except EventError as error:
        raise _under("data.messageBody", error) from None


def json_inside(message: bytes) -> bytes:
    """The JSON that a queue's message holds, itself or as base64; the message as it is when it holds none."""
    return message if looks_like_json(message) else _base64_json(message) or message


def looks_like_json(body: bytes) -> bool:
    """Whether it begins as a JSON object or array does."""
    return _first(body) in (b"{", b"[")


def _item(value: JsonValue, place: Place, max_depth: int) -> SingleEvent | EventError:
    """One element of a batch. Batches do not nest."""
    try:
        body = b""
        if isinstance(value, str):
            body = value.encode()
            value = decode(value, max_depth=max_depth) if looks_like_json(body) else value
        if isinstance(value, (dict, str)):
            return _event_of(value, body, place)
        return EventError(dotted(place), "an object or a string holding one", excerpt(value))
    except JsonError as error:
        return _under(dotted(place), EventError(error.path, error.expected, error.found))
    except EventError as error:
        return error


def _event_of(value: JsonValue, body: bytes, place: Place) -> SingleEvent:
    shape = _shape_of(value) if isinstance(value, dict) else None
    if shape is None:
        return RawEvent(body or json.dumps(value).encode(), value)
    return _model_of(shape).read(value, place)


def _shape_of(value: JsonObject) -> _Shape | None:
    """The shape whose telling keys are there. That the rest of it is right is its model's own question."""
    context = value.get("requestContext")
    if isinstance(context, dict) and "http" in context:
        return "http"
    return next((shape for shape, keys in _TELLING_KEYS if keys <= value.keys()), None)


def _model_of(shape: _Shape) -> type[ModelEvent]:
    match shape:
        case "cloud":
            from fctoolkit.events.cloudevent import CloudEvent

            return CloudEvent
        case "timer":
            from fctoolkit.events.timer import TimerEvent

            return TimerEvent
        case "cloudmonitor":
            from fctoolkit.events.cloudmonitor import CloudMonitorEvent

            return CloudMonitorEvent
        case "actiontrail":
            from fctoolkit.events.actiontrail import ActionTrailRecord

            return ActionTrailRecord
        case "config":
            from fctoolkit.events.config import ConfigChange

            return ConfigChange
        case "http":
            from fctoolkit.http import HttpEvent

            return HttpEvent


def _first(body: bytes) -> bytes:
    return body.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]


def _base64_json(body: bytes) -> bytes | None:
    try:
        decoded = base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        return None
    return decoded if looks_like_json(decoded) else None


def _under(place: str, error: EventError) -> EventError:
    joint = "" if not error.field or error.field.startswith("[") else "."
    return EventError(f"{place}{joint}{error.field}", error.expected, error.found)
