"""Events as typed, frozen models, and the parser that makes them. Knows shapes, not what to do about them.

parse_event(raw) -> Event       everything that can reach a function
unwrap(event) -> Event          the event inside an MNS message
CloudEvent.detail() -> Detail   the data of a CloudEvent as its family's model
"""

from fctoolkit.events.actiontrail import ActionTrailRecord, UserIdentity
from fctoolkit.events.cloudevent import CloudEvent, Detail, Family
from fctoolkit.events.cloudmonitor import CloudMonitorEvent
from fctoolkit.events.config import ConfigChange
from fctoolkit.events.parse import (
    BATCH_LIMIT_BYTES,
    LIMIT_BYTES,
    MNS_MESSAGE,
    Event,
    EventBatch,
    ModelEvent,
    RawEvent,
    SingleEvent,
    is_array,
    json_inside,
    looks_like_json,
    parse_event,
    unwrap,
)
from fctoolkit.events.timer import TimerEvent
from fctoolkit.http import HttpEvent

__all__ = [
    "BATCH_LIMIT_BYTES",
    "LIMIT_BYTES",
    "MNS_MESSAGE",
    "ActionTrailRecord",
    "CloudEvent",
    "CloudMonitorEvent",
    "ConfigChange",
    "Detail",
    "Event",
    "EventBatch",
    "Family",
    "HttpEvent",
    "ModelEvent",
    "RawEvent",
    "SingleEvent",
    "TimerEvent",
    "UserIdentity",
    "is_array",
    "json_inside",
    "looks_like_json",
    "parse_event",
    "unwrap",
]
