"""Events as typed, frozen models, and the parser that makes them. Knows shapes, not what to do about them.

parse_event(raw) -> Event       everything that can reach a function
unwrap(event) -> Event          the event inside an MNS message
CloudEvent.detail() -> Detail   the data of a CloudEvent as its family's model

A model is loaded when it is first asked for here, or when an event of its shape comes.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

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

if TYPE_CHECKING:
    from fctoolkit.events.actiontrail import ActionTrailRecord, UserIdentity
    from fctoolkit.events.cloudevent import CloudEvent, Detail, Family
    from fctoolkit.events.cloudmonitor import CloudMonitorEvent
    from fctoolkit.events.config import ConfigChange
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

_HOMES: Final = {
    "ActionTrailRecord": "fctoolkit.events.actiontrail",
    "UserIdentity": "fctoolkit.events.actiontrail",
    "CloudEvent": "fctoolkit.events.cloudevent",
    "Detail": "fctoolkit.events.cloudevent",
    "Family": "fctoolkit.events.cloudevent",
    "CloudMonitorEvent": "fctoolkit.events.cloudmonitor",
    "ConfigChange": "fctoolkit.events.config",
    "TimerEvent": "fctoolkit.events.timer",
    "HttpEvent": "fctoolkit.http",
}
"""Where the names above are that are not loaded with this package."""


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
