"""Who is in charge of an event on its way to a function, and what follows each try. Pure.

EventBridge is, while it waits for the function; FC is, once it has taken the event for an asynchronous
invocation. Which of the two a trigger's `asyncInvocationType` asks for is a variant of `behaviour`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from localcloud.delivery.letters import Letter, event_letter, record_letter
from localcloud.delivery.places import NoPlace
from localcloud.functions.limits import LIMIT_ERROR

if TYPE_CHECKING:
    from localcloud.conditions.behaviour import Behaviour
    from localcloud.delivery.places import Place
    from localcloud.delivery.settings import AsyncSettings, PushSettings
    from localcloud.message import Request
    from localcloud.runtime import Invocation
    from localcloud.services.mns.model import MessageRecord


@dataclass(frozen=True, slots=True)
class Pushed:
    """EventBridge invokes and waits.

    Attributes:
        refused: FC does not take the event, because it is too large for an asynchronous invocation.
    """

    settings: PushSettings
    refused: bool = False

    name = "EventBridge"


@dataclass(frozen=True, slots=True)
class Queued:
    """FC has the event and runs the function when it can.

    Attributes:
        function: its ARN.
        destinations: whether they apply.
    """

    settings: AsyncSettings
    function: str
    destinations: bool = True

    name = "FC"


Route: TypeAlias = Pushed | Queued


@dataclass(frozen=True, slots=True)
class Shipment:
    """What is on its way to a function, or to another target of a rule.

    Attributes:
        function: the function's resource key; empty where it is not known, or no function.
        source: the rule, queue trigger or timer that sends it, as FC names these; bus, rule and target where
            FC did not make the rule; or `InvokeFunction`.
        payload: what the function gets.
        events: the events in it, as a dead letter would have them.
        since: when it came, seconds since the epoch.
        request_id: of FC, which keeps it for all its tries; empty where each try has its own.
        tries: how many there were.
        throttled: how often FC had no instance for it.
        queue: the queue that `held` is from.
        held: the messages of a queue that it is made of, until it is over.
        place: where it goes, when that is told by the target of a rule.
        number: of the event in the journal; 0 for what was on no bus.
        buses: how many buses it has passed.
    """

    function: str
    source: str
    payload: bytes | Request
    events: tuple[bytes, ...]
    since: float
    route: Route
    request_id: str = ""
    tries: int = 0
    throttled: int = 0
    queue: str = ""
    held: tuple[MessageRecord, ...] = field(default=(), repr=False)
    place: Place | None = None
    number: int = 0
    buses: int = 1


@dataclass(frozen=True, slots=True)
class Again:
    """It is tried once more at that time; `counted` says whether this try was one of those it has."""

    at: float
    counted: bool = True


@dataclass(frozen=True, slots=True)
class Over:
    """It is not tried again.

    Attributes:
        outcome: `blocked` keeps the event, and all after it, where they are.
        letters: what is told to whom.
    """

    outcome: Literal["delivered", "given up", "blocked"]
    letters: tuple[Letter, ...] = ()


def after(
    shipment: Shipment, invocation: Invocation, now: float, behaviour: Behaviour, chance: float
) -> Again | Over:
    """What follows a try.

    Args:
        shipment: with this try counted.
        invocation: what came of the try.
        now: seconds since the epoch.
        behaviour: the variants in force.
        chance: 0 to 1, for a random delay.
    """
    route, age = shipment.route, now - shipment.since
    if isinstance(shipment.place, NoPlace):
        return Over("given up")
    if isinstance(route, Queued):
        first, retries = behaviour.async_backoff_seconds, route.settings.retries
        if invocation.error_type == LIMIT_ERROR:
            delay = retries.throttled_delay(shipment.throttled + 1, age, first)
            if delay is not None:
                return Again(now + delay, counted=False)
            return Over("given up", _records(shipment, route, invocation, now, behaviour))
        delay = None if invocation.ok else retries.delay(shipment.tries, age, first)
        if delay is not None:
            return Again(now + delay)
        letters = _records(shipment, route, invocation, now, behaviour)
        return Over("delivered" if invocation.ok else "given up", letters)
    if invocation.ok:
        return Over("delivered")
    delay = route.settings.retries.delay(shipment.tries, age, chance)
    if delay is not None:
        return Again(now + delay)
    if not route.settings.tolerant:
        return Over("blocked")
    return Over("given up", _dead_events(shipment, route, invocation, behaviour))


def _records(
    shipment: Shipment, route: Queued, invocation: Invocation, now: float, behaviour: Behaviour
) -> tuple[Letter, ...]:
    settings = route.settings
    destination = settings.on_success if invocation.ok else settings.on_failure
    if not destination or not route.destinations:
        return ()
    payload = shipment.payload if isinstance(shipment.payload, bytes) else shipment.payload.body
    letter = record_letter(
        destination,
        payload,
        invocation,
        function=route.function,
        tries=shipment.tries,
        at=now,
        large=behaviour.large_letter,
    )
    return (letter,)


def _dead_events(
    shipment: Shipment, route: Pushed, invocation: Invocation, behaviour: Behaviour
) -> tuple[Letter, ...]:
    destination = route.settings.dead_letters
    if not destination:
        return ()
    together = behaviour.batch_letters == "batch" and isinstance(shipment.payload, bytes)
    events = (shipment.payload,) if together and isinstance(shipment.payload, bytes) else shipment.events
    return tuple(
        event_letter(destination, event, f"{invocation.request_id}/{number}", behaviour.large_letter)
        for number, event in enumerate(events)
    )
