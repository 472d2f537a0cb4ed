"""Batches of a queue's messages, as an eventbridge trigger with an MNS source hands them to a function. Pure.

Source of the events' form: the samples of the vendor for MNS, RabbitMQ and Kafka triggers. A batch carries
its events as objects or as strings, and these with one attribute of the bus only.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from fctoolkit.strictjson import JsonError, decode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fctoolkit.jsontypes import JsonObject, JsonValue
    from localcloud.conditions.behaviour import Behaviour
    from localcloud.functions.spec import FunctionSpec, QueueTrigger
    from localcloud.services.mns.model import MessageRecord


@dataclass(frozen=True, slots=True)
class Batch:
    """What a function gets of some messages.

    Attributes:
        payload: an array or, not streaming, one event; empty when no message matches.
        events: each as an event of its own, for dead letters.
        messages: those that are in it.
        filtered: those that the trigger's pattern does not want.
    """

    payload: bytes
    events: tuple[bytes, ...]
    messages: tuple[MessageRecord, ...]
    filtered: tuple[MessageRecord, ...]


def batch_due(ready: Sequence[float], count: int, window: float) -> float | None:
    """When the next batch goes: when it is full, or when its first message has waited for the window.

    `ready` says when each message can be taken, the first first; None when there is none.
    """
    if not ready:
        return None
    late = ready[0] + window
    return min(late, ready[count - 1]) if len(ready) >= count else late


def batch_of(
    spec: FunctionSpec, trigger: QueueTrigger, messages: Sequence[MessageRecord], behaviour: Behaviour
) -> Batch:
    """The batch that these messages make."""
    events = [_event(spec, trigger, message) for message in messages]
    wanted = [trigger.pattern.matches(event) for event in events]
    kept = [event for event, is_wanted in zip(events, wanted, strict=True) if is_wanted]
    return Batch(
        _payload(trigger, kept, behaviour) if kept else b"",
        tuple(json.dumps(event).encode() for event in kept),
        tuple(one for one, is_wanted in zip(messages, wanted, strict=True) if is_wanted),
        tuple(one for one, is_wanted in zip(messages, wanted, strict=True) if not is_wanted),
    )


def _payload(trigger: QueueTrigger, events: Sequence[JsonObject], behaviour: Behaviour) -> bytes:
    if not trigger.streaming:
        (event,) = events
        return (_body(event) if trigger.raw else json.dumps(event)).encode()
    items = [_value(_body(event)) if trigger.raw else event for event in events]
    strings = behaviour.batch_items == "strings"
    return json.dumps([_as_text(item) if strings else item for item in items]).encode()


def _event(spec: FunctionSpec, trigger: QueueTrigger, message: MessageRecord) -> JsonObject:
    bus = f"MNS-{spec.name}-{trigger.name}"
    came = datetime.fromtimestamp(message.EnqueueTime / 1000, UTC)
    time = f"{came.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"
    event: JsonObject = {
        "id": message.MessageId,
        "source": bus,
        "specversion": "1.0",
        "type": "mns:Queue:SendMessage",
        "datacontenttype": "application/json; charset=utf-8",
        "subject": f"acs:mns:{spec.region}:{spec.account_id}:queues/{trigger.queue}",
        "time": time,
        "data": {
            "requestId": message.MessageId,
            "messageId": message.MessageId,
            "messageBody": _decoded(message.MessageBody) if trigger.base64 else message.MessageBody,
        },
        "aliyunaccountid": spec.account_id,
    }
    if not trigger.streaming:
        event |= {
            "aliyunpublishtime": time,
            "aliyunoriginalaccountid": spec.account_id,
            "aliyuneventbusname": bus,
            "aliyunregionid": spec.region,
            "aliyunpublishaddr": "127.0.0.1",
        }
    return event


def _body(event: JsonObject) -> str:
    data = event["data"]
    return str(data["messageBody"]) if isinstance(data, dict) else ""


def _value(body: str) -> JsonValue:
    try:
        return decode(body)
    except JsonError:
        return body


def _as_text(item: JsonValue) -> str:
    return item if isinstance(item, str) else json.dumps(item)


def _decoded(body: str) -> str:
    """The text that is in base64; a body that is none stays as it is."""
    try:
        return base64.b64decode(body, validate=True).decode()
    except ValueError:
        return body
