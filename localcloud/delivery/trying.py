"""Makes one try to deliver a shipment, wherever it goes, and tells of it as of an invocation."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Final

from fctoolkit.errors import EventError
from localcloud.delivery.places import BusPlace, FunctionPlace, NoPlace, QueuePlace
from localcloud.delivery.routes import Pushed
from localcloud.delivery.shipping import function_at
from localcloud.functions.invoking import ASYNC_PAYLOAD_BYTES
from localcloud.runtime import ClosedError, Invocation

if TYPE_CHECKING:
    from collections.abc import Callable

    from fctoolkit.jsontypes import JsonObject
    from localcloud.delivery.queues import Queues
    from localcloud.delivery.routes import Shipment
    from localcloud.functions.deployment import Deployment

MOST_BUSES: Final = 8
"""How many buses an event may pass. A limit of ours: rules can send events round in circles."""


class Trier:
    """Tries.

    Args:
        deployment: the functions.
        queues: the queues.
        forward: puts an event on the bus of that name, of so many that it has passed, and returns; EventError
            when there is none.
    """

    def __init__(
        self, deployment: Deployment, queues: Queues, forward: Callable[[JsonObject, str, int], None]
    ) -> None:
        self._deployment = deployment
        self._queues = queues
        self._forward = forward

    def one_try(self, shipment: Shipment, request_id: str) -> Invocation:
        """What came of one try; an error type says why it failed."""
        if isinstance(shipment.route, Pushed) and shipment.route.refused:
            message = f"an asynchronous invocation may have {ASYNC_PAYLOAD_BYTES} bytes"
            return failed(request_id, "EntityTooLarge", message)
        match shipment.place:
            case None:
                return self._run(shipment.function, shipment, request_id)
            case FunctionPlace() as place:
                spec = function_at(self._deployment, place)
                if spec is None:
                    return failed(request_id, "FunctionNotFound", f"there is no function {_shown(place)}")
                return self._run(spec.key, shipment, request_id)
            case QueuePlace(name, coded):
                body = base64.b64encode(_bytes(shipment)) if coded else _bytes(shipment)
                problem = self._queues.put(name, body)
                return _ended(request_id, "QueueError", problem)
            case BusPlace(name):
                return _ended(request_id, "EventBusError", self._passed_on(shipment, name))
            case NoPlace(why):
                return failed(request_id, "NotPlayed", why)

    def _run(self, key: str, shipment: Shipment, request_id: str) -> Invocation:
        try:
            return self._deployment.run(key, shipment.payload, request_id)
        except ClosedError as error:
            return failed(request_id, "FunctionNotFound", str(error))

    def _passed_on(self, shipment: Shipment, name: str) -> str:
        """Puts what is sent on another bus; returns why that was not possible, or an empty text."""
        if shipment.buses >= MOST_BUSES:
            return f"it has passed {MOST_BUSES} buses"
        try:
            event: object = json.loads(_bytes(shipment))
        except (ValueError, RecursionError):
            event = None
        if not isinstance(event, dict):
            return "what is sent to a bus must be a CloudEvent"
        event.pop("aliyunpublishtime", None)
        try:
            self._forward(event, name, shipment.buses + 1)
        except EventError as error:
            return str(error)
        return ""


def failed(request_id: str, error_type: str, message: str) -> Invocation:
    """A try that came to no function, in the form of an invocation that failed."""
    payload = json.dumps({"errorMessage": message}).encode()
    return Invocation(request_id, payload, error_type, "", 0.0, cold=False)


def _ended(request_id: str, error_type: str, problem: str) -> Invocation:
    if problem:
        return failed(request_id, error_type, problem)
    return Invocation(request_id, b"", "", "", 0.0, cold=False)


def _bytes(shipment: Shipment) -> bytes:
    return shipment.payload if isinstance(shipment.payload, bytes) else shipment.payload.body


def _shown(place: FunctionPlace) -> str:
    service = f" of the service {place.service}" if place.service else ""
    version = f", {place.qualifier}" if place.qualifier else ""
    region = f", in {place.region}" if place.region else ""
    return f"{place.name}{service}{version}{region}"
