"""Delivers events to functions, tries again, and puts what fails for good where the template says.

What waits is due on the state clock: it is done when that is moved on, in the order of its times, or as real
time passes while `following`. Whose turn a try is, EventBridge's or FC's, is decided in `routes`.
"""

from __future__ import annotations

import json
import random
import threading
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from localcloud.clock import iso_time
from localcloud.delivery.book import Book, Waiting
from localcloud.delivery.letters import queue_of
from localcloud.delivery.routes import Again, Pushed, Queued, Shipment, after
from localcloud.delivery.streams import batch_due, batch_of
from localcloud.function_spec import QueueTrigger, TimerTrigger
from localcloud.invoking import ASYNC_PAYLOAD_BYTES
from localcloud.runtime import ClosedError, Invocation
from localcloud.runtime.invocation import new_request_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from fctoolkit.jsontypes import FrozenJson, JsonObject, JsonValue
    from localcloud.behaviour import Behaviour
    from localcloud.delivery.queues import Queues
    from localcloud.delivery.routes import Over
    from localcloud.delivery.settings import PushSettings
    from localcloud.deployment import Deployment
    from localcloud.eventbridge import Receipt
    from localcloud.function_spec import FunctionSpec
    from localcloud.message import Request

AGAIN: Final = "tried again at"

LOOK_SECONDS: Final = 0.5
"""How often, in real time, is looked for what is due."""


@dataclass(frozen=True, slots=True)
class DeliveryRecord:
    """One try to deliver.

    Attributes:
        source: the rule, queue trigger or timer, named as FC names it: `<function>-<trigger>`; or
            `InvokeFunction`.
        function: the function's resource key.
        tries: how many there were, with this one.
        then: what follows, in words.
    """

    source: str
    function: str
    invocation: Invocation
    tries: int = 1
    then: str = "delivered"

    @property
    def over(self) -> bool:
        """Whether there will be no further try."""
        return not self.then.startswith(AGAIN)

    def told(self) -> JsonObject:
        """The same in JSON, for who put the event on the bus."""
        return {
            "rule": self.source,
            "function": self.function,
            "requestId": self.invocation.request_id,
            "errorType": self.invocation.error_type,
            "result": self.invocation.payload.decode(errors="replace"),
            "durationMs": round(self.invocation.duration * 1000),
            "cold": self.invocation.cold,
            "then": self.then,
        }


class Deliveries:
    """The ways on which events come to the functions of a deployment. Safe to use from several threads.

    Args:
        deployment: the functions.
        queues: where dead letters go and batches come from.
        now: the state clock, seconds since the epoch.
        step: moves it on by so many seconds.
        behaviour: the variants in force.
        tried: told of every try but the first of those that a caller waits for.
    """

    def __init__(
        self,
        deployment: Deployment,
        queues: Queues,
        *,
        now: Callable[[], float],
        step: Callable[[float], float],
        behaviour: Callable[[], Behaviour],
        tried: Callable[[DeliveryRecord], None] = lambda _: None,
    ) -> None:
        self.deployment = deployment
        self._queues = queues
        self._now = now
        self._step = step
        self._behaviour = behaviour
        self._tried = tried
        self._lock = threading.RLock()
        self._book = Book()
        # Each run of a story has the same delays.
        self._chance = random.Random(0).random  # noqa: S311 - no secret is made of it

    def put(self, event: Mapping[str, FrozenJson]) -> tuple[Receipt, tuple[DeliveryRecord, ...]]:
        """Puts a CloudEvent on the default bus and makes the first try for each rule that matches.

        Raises EventError for what EventBridge would not take. Errors of functions are in the records.
        """
        receipt = self.deployment.bus.put(event)
        return receipt, self.deliver(receipt)

    def put_and_tell(self, event: JsonObject) -> JsonObject:
        """Puts a CloudEvent on the default bus and tells in JSON what became of it, as `put` does."""
        receipt, records = self.put(event)
        missed: list[JsonValue] = [{"rule": miss.rule.name, "reason": miss.reason} for miss in receipt.missed]
        return {
            "event": receipt.event,
            "deliveries": [record.told() for record in records],
            "missed": missed,
        }

    def deliver(self, receipt: Receipt) -> tuple[DeliveryRecord, ...]:
        """Makes the first try for each rule that an event has matched."""
        body = json.dumps(receipt.event).encode()
        records: list[DeliveryRecord] = []
        for rule in receipt.matched:
            spec = self.deployment.function(rule.function)
            shipment = self._pushed(spec, rule.name, rule.push, body, (body,))
            with self._lock:
                book = self._book
                if rule.name in book.blocked:
                    book.waiting.append(Waiting(None, shipment))
                    continue
            records.append(self._try(book, shipment))
        return tuple(records)

    def tick(self, function: str | None = None) -> tuple[DeliveryRecord, ...]:
        """Fires every enabled timer once, of one function or of all. Timers never fire by themselves.

        FC runs the function as it runs asynchronous invocations.
        """
        known = self.deployment.functions
        specs = known if function is None else (self.deployment.template.function(function),)
        return tuple(
            self._try(self._book, self._ticked(spec, trigger))
            for spec in specs
            for trigger in spec.triggers
            if isinstance(trigger, TimerTrigger) and trigger.enabled
        )

    def invoke_later(self, spec: FunctionSpec, payload: bytes | Request, request_id: str) -> None:
        """An asynchronous invocation: runs in the background, after those that were there before."""
        body = payload if isinstance(payload, bytes) else payload.body
        route = _queued(spec)
        shipment = Shipment(
            spec.key, "InvokeFunction", payload, (body,), self._now(), route, request_id, tries=1
        )

        def then(book: Book, invocation: Invocation) -> None:
            self._tried(self._followed(book, shipment, invocation))

        self.deployment.invoke_later(spec.key, payload, request_id=request_id, then=partial(then, self._book))

    def pass_time(self, seconds: float) -> float:
        """Moves the clock on and does what becomes due on the way, at its time; returns the present."""
        left = seconds
        self.run_due()
        while (due := self.next_due()) is not None and due - self._now() <= left:
            wait = max(0.0, due - self._now())
            left -= wait
            self._step(wait)
            self.run_due()
        now = self._step(left)
        self.run_due()
        return now

    def next_due(self) -> float | None:
        """When there is something to do next; None when nothing waits."""
        with self._lock:
            times = [
                self._book.next_at(),
                *(self._stream_due(name, trigger) for name, _, trigger in self._streams()),
            ]
        return min((time for time in times if time is not None), default=None)

    def run_due(self) -> None:
        """Does everything that is due now, one after the other."""
        while (found := self._take()) is not None:
            self._tried(self._try(*found))

    @contextmanager
    def following(self) -> Iterator[None]:
        """Does what is due as real time passes."""
        stopped = threading.Event()

        def run() -> None:
            while not stopped.is_set():
                self.run_due()
                due = self.next_due()
                rest = due - self._now() if due is not None else LOOK_SECONDS
                stopped.wait(min(LOOK_SECONDS, max(0.01, rest)))

        thread = threading.Thread(target=run, name="deliveries", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stopped.set()
            thread.join()

    def reset(self) -> None:
        """Forgets what is under way; a try that runs now has no consequences."""
        with self._lock:
            self._book = Book()

    def forget(self, request_id: str) -> bool:
        """Makes no further try of an asynchronous invocation; whether one was waiting."""
        with self._lock:
            return self._book.forget(request_id)

    def state(self) -> JsonObject:
        """What waits for another try and what is lost, as `state` shows it."""
        with self._lock:
            return self._book.state()

    def _pushed(
        self, spec: FunctionSpec, source: str, push: PushSettings, payload: bytes, events: tuple[bytes, ...]
    ) -> Shipment:
        """A shipment of EventBridge, or of FC when EventBridge only hands it over."""
        means = self._behaviour().async_invocation_true
        asynchronous = push.async_invocation_type == (means == "asynchronous")
        refused = asynchronous and len(payload) > ASYNC_PAYLOAD_BYTES
        route = _queued(spec) if asynchronous and not refused else Pushed(push, refused)
        return Shipment(spec.key, source, payload, events, self._now(), route)

    def _ticked(self, spec: FunctionSpec, trigger: TimerTrigger) -> Shipment:
        payload = self.deployment.tick_payload(trigger)
        route = _queued(spec, destinations=self._behaviour().timer_destinations)
        return Shipment(spec.key, spec.rule_name(trigger), payload, (payload,), self._now(), route)

    def _streams(self) -> Iterator[tuple[str, FunctionSpec, QueueTrigger]]:
        """The triggers that take from queues, by name, with their functions."""
        for spec in self.deployment.functions:
            for trigger in spec.triggers:
                if isinstance(trigger, QueueTrigger) and trigger.enabled:
                    yield spec.rule_name(trigger), spec, trigger

    def _stream_due(self, name: str, trigger: QueueTrigger) -> float | None:
        if name in self._book.blocked or self._book.under_way[name] >= trigger.tasks:
            return None
        return batch_due(self._queues.ready(trigger.queue), trigger.count, trigger.window)

    def _take(self) -> tuple[Book, Shipment] | None:
        """What is due now, out of the book or out of a queue."""
        with self._lock:
            now, book = self._now(), self._book
            for name, spec, trigger in self._streams():
                while (due := self._stream_due(name, trigger)) is not None and due <= now:
                    shipment = self._batch(name, spec, trigger)
                    if shipment is not None:
                        book.under_way[name] += bool(shipment.held)
                        return book, shipment
            shipment = book.take(now)
            return (book, shipment) if shipment is not None else None

    def _batch(self, name: str, spec: FunctionSpec, trigger: QueueTrigger) -> Shipment | None:
        """The next batch of a queue; None when nothing in it is wanted."""
        messages = self._queues.take(trigger.queue, trigger.count)
        batch = batch_of(spec, trigger, messages, self._behaviour())
        self._queues.remove(trigger.queue, batch.filtered)
        if not batch.messages:
            return None
        shipment = self._pushed(spec, name, trigger.push, batch.payload, batch.events)
        if isinstance(shipment.route, Queued):
            # FC has taken the batch, whatever becomes of it: the stream goes on.
            self._queues.remove(trigger.queue, batch.messages)
            return shipment
        return replace(shipment, queue=trigger.queue, held=batch.messages)

    def _try(self, book: Book, shipment: Shipment) -> DeliveryRecord:
        request_id = shipment.request_id or new_request_id()
        if isinstance(shipment.route, Queued):
            shipment = replace(shipment, request_id=request_id)
        shipment = replace(shipment, tries=shipment.tries + 1)
        if isinstance(shipment.route, Pushed) and shipment.route.refused:
            invocation = _refused(request_id)
        else:
            try:
                invocation = self.deployment.run(shipment.function, shipment.payload, request_id)
            except ClosedError as error:
                # Removed meanwhile: whoever is in charge tries again, as for a function that fails.
                invocation = _failed(request_id, "FunctionNotFound", str(error))
        return self._followed(book, shipment, invocation)

    def _followed(self, book: Book, shipment: Shipment, invocation: Invocation) -> DeliveryRecord:
        """Does what follows a try, unless a reset came in between."""
        with self._lock:
            now = self._now()
            if book is not self._book:
                then = "forgotten: the local cloud was reset meanwhile"
            else:
                follows = after(shipment, invocation, now, self._behaviour(), self._chance())
                if isinstance(follows, Again):
                    if not follows.counted:
                        tries, throttled = shipment.tries - 1, shipment.throttled + 1
                        shipment = replace(shipment, tries=tries, throttled=throttled)
                    book.waiting.append(Waiting(follows.at, shipment, invocation.error_type))
                    self._queues.hold(shipment.held)
                    then = f"{AGAIN} {iso_time(follows.at)}"
                else:
                    then = self._end(book, shipment, invocation, follows)
        return DeliveryRecord(shipment.source, shipment.function, invocation, shipment.tries, then)

    def _end(self, book: Book, shipment: Shipment, invocation: Invocation, over: Over) -> str:
        """Ends a shipment and says how."""
        if shipment.held:
            book.under_way[shipment.source] -= 1
        if over.outcome == "blocked":
            book.block(shipment.source)
            self._queues.release(shipment.held)
            if not shipment.held:
                book.waiting.append(Waiting(None, shipment, invocation.error_type))
            return f"{shipment.source} is blocked: its errorsTolerance is NONE"
        self._queues.remove(shipment.queue, shipment.held)
        told: list[str] = []
        for letter in over.letters:
            queue = queue_of(letter.destination)
            if queue is None:
                problem = f"{letter.destination} is not played, only queues of MNS are"
            elif letter.body is None:
                problem = f"it is too large for {queue}"
            else:
                problem = self._queues.put(queue, letter.body)
            if problem:
                book.lose(shipment, invocation.error_type, problem, self._now())
                told.append(f"lost: {problem}")
            else:
                told.append(f"in the queue {queue}")
        if over.outcome == "given up" and not over.letters:
            why = "no destination is set for it"
            book.lose(shipment, invocation.error_type, why, self._now())
            told.append(f"lost: {why}")
        return "; ".join(dict.fromkeys([over.outcome, *told]))


def _queued(spec: FunctionSpec, *, destinations: bool = True) -> Queued:
    arn = f"acs:fc:{spec.region}:{spec.account_id}:functions/{spec.name}"
    return Queued(spec.asynchronous, arn, destinations)


def _refused(request_id: str) -> Invocation:
    """What EventBridge gets for an event that FC does not take."""
    message = f"an asynchronous invocation may have {ASYNC_PAYLOAD_BYTES} bytes"
    return _failed(request_id, "EntityTooLarge", message)


def _failed(request_id: str, error_type: str, message: str) -> Invocation:
    """A refusal by FC, in the form of an invocation that failed."""
    payload = json.dumps({"errorMessage": message}).encode()
    return Invocation(request_id, payload, error_type, "", 0.0, cold=False)
