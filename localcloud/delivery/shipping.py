"""What goes on its way when something is to be delivered: where to, and who is in charge. Runs nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from localcloud.delivery.places import BusPlace, FunctionPlace, place_of
from localcloud.delivery.routes import Pushed, Queued, Shipment
from localcloud.delivery.settings import PushSettings
from localcloud.delivery.transforms import transformed
from localcloud.functions.invoking import ASYNC_PAYLOAD_BYTES
from localcloud.functions.spec import LATEST

if TYPE_CHECKING:
    from collections.abc import Callable

    from fctoolkit.jsontypes import JsonObject
    from localcloud.conditions.behaviour import Behaviour
    from localcloud.delivery.bus import Rule, Target
    from localcloud.delivery.routes import Route
    from localcloud.delivery.streams import Batch
    from localcloud.functions.deployment import Deployment
    from localcloud.functions.spec import FunctionSpec, QueueTrigger, TimerTrigger
    from localcloud.message import Request

DEAD_LETTERS: Final = "dead letters"
"""What brings dead letters to buses is known by this, and the name of the bus."""


class Shipper:
    """Makes shipments.

    Args:
        deployment: the functions.
        now: the state clock, seconds since the epoch.
        behaviour: the variants in force.
    """

    def __init__(
        self, deployment: Deployment, now: Callable[[], float], behaviour: Callable[[], Behaviour]
    ) -> None:
        self._deployment = deployment
        self._now = now
        self._behaviour = behaviour

    def to_target(self, rule: Rule, target: Target, event: JsonObject) -> Shipment:
        """An event for one target of a rule that it has matched."""
        payload = transformed(target.body, event).encode(errors="replace")
        place = None if target.function else place_of(target)
        if isinstance(place, FunctionPlace):
            spec = function_at(self._deployment, place)
        else:
            known = self._deployment.functions
            spec = next((spec for spec in known if target.function and spec.key == target.function), None)
        return Shipment(
            spec.key if spec is not None else target.function,
            rule.source(target),
            payload,
            (json.dumps(event).encode(),),
            self._now(),
            self._route(spec, target.push, payload),
            place=place,
        )

    def batch(self, name: str, spec: FunctionSpec, trigger: QueueTrigger, batch: Batch) -> Shipment:
        """Messages of a queue for the function whose trigger takes them."""
        route = self._route(spec, trigger.push, batch.payload)
        return Shipment(spec.key, name, batch.payload, batch.events, self._now(), route)

    def tick(self, spec: FunctionSpec, trigger: TimerTrigger) -> Shipment:
        """The event of a timer that fires now."""
        payload = self._deployment.tick_payload(trigger)
        route = _queued(spec, destinations=self._behaviour().timer_destinations)
        return Shipment(spec.key, spec.rule_name(trigger), payload, (payload,), self._now(), route)

    def invocation(self, spec: FunctionSpec, payload: bytes | Request, request_id: str) -> Shipment:
        """What somebody wants run in the background, and has been promised."""
        body = payload if isinstance(payload, bytes) else payload.body
        return Shipment(
            spec.key, "InvokeFunction", payload, (body,), self._now(), _queued(spec), request_id, tries=1
        )

    def dead_letter(self, bus: str, body: bytes, buses: int) -> Shipment:
        """An event that could not be delivered, for a bus; it has passed so many."""
        route = Pushed(PushSettings(tolerant=True))
        source, place = f"{DEAD_LETTERS}/{bus}", BusPlace(bus)
        return Shipment("", source, body, (body,), self._now(), route, place=place, buses=buses)

    def _route(self, spec: FunctionSpec | None, push: PushSettings, payload: bytes) -> Route:
        """EventBridge delivers, or FC when EventBridge only hands it over."""
        asynchronous = push.asynchronous
        if asynchronous is None:
            means = self._behaviour().async_invocation_true
            asynchronous = push.async_invocation_type == (means == "asynchronous")
        if spec is None or not asynchronous:
            return Pushed(push)
        refused = len(payload) > ASYNC_PAYLOAD_BYTES
        return Pushed(push, refused) if refused else _queued(spec)


def function_at(deployment: Deployment, place: FunctionPlace) -> FunctionSpec | None:
    """The function, or its version or alias, that a place names; None when there is none there."""
    spec = deployment.named(place.name)
    if spec is None or place.region not in {"", spec.region}:
        return None
    if place.service not in {"", deployment.template.name}:
        return None
    if place.qualifier in {"", LATEST}:
        return spec
    key = f"{spec.key}@{place.qualifier}"
    return next((one for one in deployment.functions if one.key == key), None)


def _queued(spec: FunctionSpec, *, destinations: bool = True) -> Queued:
    arn = f"acs:fc:{spec.region}:{spec.account_id}:functions/{spec.name}"
    return Queued(spec.asynchronous, arn, destinations)
