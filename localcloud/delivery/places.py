"""Where a target of a rule leads, as its type, endpoint and parameters say. Pure: nothing is looked up.

Of the vendor's types functions, queues of MNS and other buses are played. The forms of endpoints are those of
the vendor's examples, of FC 2.0 and 3.0.

Source: https://www.alibabacloud.com/help/en/eventbridge/user-guide/event-target-parameters.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from localcloud.delivery.bus import FUNCTION_TARGET

if TYPE_CHECKING:
    from localcloud.delivery.bus import Target

_FUNCTION: Final = re.compile(
    r"acs:fc:(?P<region>[^:]*):[^:]*:(?:services/(?P<service>[^/.]+)(?:\.(?P<alias>[^/]+))?/)?"
    r"functions/(?P<name>[^/]+)(?:/(?P<qualifier>[^/]+))?"
)
_QUEUE: Final = re.compile(r"acs:mns:[^:]*:[^:]*:/?queues/([^/:]+)(?:/messages)?")
_BUS: Final = re.compile(r"acs:eventbridge:[^:]*:[^:]*:/?eventbus/([^/:]+)")


@dataclass(frozen=True, slots=True)
class FunctionPlace:
    """A function. `service` is that of FC 2.0; `region` and `qualifier` are empty where nothing is said."""

    name: str
    qualifier: str = ""
    service: str = ""
    region: str = ""


@dataclass(frozen=True, slots=True)
class QueuePlace:
    """A queue of MNS; `coded` when messages are put there in base64."""

    name: str
    coded: bool = False


@dataclass(frozen=True, slots=True)
class BusPlace:
    """Another bus."""

    name: str


@dataclass(frozen=True, slots=True)
class NoPlace:
    """What cannot be delivered to, and why."""

    why: str


Place: TypeAlias = FunctionPlace | QueuePlace | BusPlace | NoPlace


def queue_of(arn: str) -> str | None:
    """The name of the queue that an ARN names, as EventBridge or as FC writes it; None for others."""
    found = _QUEUE.fullmatch(arn)
    return found[1] if found else None


def bus_of(arn: str) -> str | None:
    """The name of the bus that an ARN names; None for others."""
    found = _BUS.fullmatch(arn)
    return found[1] if found else None


def place_of(target: Target) -> Place:
    """Where a target leads."""
    match target.kind:
        case kind if kind == FUNCTION_TARGET:
            return _function(target)
        case "acs.mns.queue":
            name = queue_of(target.endpoint) or target.constant("queue")
            coded = target.constant("IsBase64Encode").lower() == "true"
            return QueuePlace(name, coded) if name else _unreadable(target, "queues/NAME")
        case "acs.eventbridge":
            name = bus_of(target.endpoint) or target.constant("EventBusName")
            return BusPlace(name) if name else _unreadable(target, "eventbus/NAME")
        case _:
            return NoPlace(f"targets of the type {target.kind} are not played")


def _function(target: Target) -> Place:
    found = _FUNCTION.fullmatch(target.endpoint)
    name = found["name"] if found else target.constant("functionName")
    if not name:
        return _unreadable(target, "functions/NAME")
    said = (found["qualifier"] or found["alias"] or "") if found else ""
    return FunctionPlace(
        name,
        target.constant("Qualifier") or said,
        (found["service"] or "") if found else "",
        found["region"] if found else "",
    )


def _unreadable(target: Target, form: str) -> NoPlace:
    return NoPlace(f"the endpoint {target.endpoint!r} of a target {target.kind} must end in {form}")
