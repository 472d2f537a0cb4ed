"""Where an event comes from: the kind of trigger, and the traces that led to it. Knows no OpenTelemetry.

A trace is named by the attributes `traceparent` and `tracestate` of a CloudEvent, or by the headers of these
names of an HTTP request. Source: https://www.w3.org/TR/trace-context/ and
https://github.com/cloudevents/spec/blob/main/cloudevents/extensions/distributed-tracing.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from fctoolkit.errors import EventError
from fctoolkit.events import EventBatch, parse_event, unwrap

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fctoolkit.events import Event, SingleEvent

Trigger: TypeAlias = Literal["http", "other", "pubsub", "timer"]

PARENT = "traceparent"
STATE = "tracestate"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an event comes from.

    Attributes:
        trigger: the kind, as OpenTelemetry names them.
        traces: `traceparent`, and `tracestate` where there is one, of each event that names a trace; as they
            came, and each once.
    """

    trigger: Trigger = "other"
    traces: tuple[Mapping[str, str], ...] = ()


def origin_of(raw: bytes) -> Origin:
    """The origin of what FC delivered; of what is no event, nothing is known."""
    try:
        event = parse_event(raw)
    except EventError:
        return Origin()
    if isinstance(event, EventBatch):
        found = [_trace_of(one) for one in event.items if not isinstance(one, EventError)]
    else:
        found = [_trace_of(event)]
    # A batch may hold many events of one trace.
    traces = {one[PARENT]: one for one in found if one}
    return Origin(_trigger_of(event), tuple(traces.values()))


def _trigger_of(event: Event) -> Trigger:
    match event.shape:
        case "http" | "timer":
            return event.shape
        case "cloud" | "batch":
            return "pubsub"
        case _:
            return "other"


def _trace_of(event: SingleEvent) -> dict[str, str]:
    if event.shape == "http":
        given = {name.lower(): value for name, value in event.headers.items()}
        return _named(given)
    try:
        inner = unwrap(event)
    except EventError:
        return {}
    return _named(inner.extensions) if inner.shape == "cloud" else {}


def _named(given: Mapping[str, object]) -> dict[str, str]:
    named = {name: value for name in (PARENT, STATE) if isinstance(value := given.get(name), str)}
    return named if PARENT in named else {}
