"""Delivers events to the targets of rules, tries again, and puts what fails for good where a rule says.

What waits is due on the state clock: it is done when that is moved on, in the order of its times, or as real
time passes while `following`. Whose turn a try is, EventBridge's or FC's, is decided in `routes`.
"""

from __future__ import annotations

import json
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from fctoolkit.errors import EventError
from localcloud.conditions.clock import iso_time
from localcloud.delivery.book import Book, Waiting
from localcloud.delivery.bus import DEFAULT_BUS
from localcloud.delivery.journal import AGAIN, Attempt, DeliveryRecord, shortened
from localcloud.delivery.places import NoPlace, bus_of, queue_of
from localcloud.delivery.routes import Again, Queued, after
from localcloud.delivery.shipping import Shipper
from localcloud.delivery.streams import batch_due, batch_of
from localcloud.delivery.trying import Trier
from localcloud.functions.spec import QueueTrigger, TimerTrigger
from localcloud.runtime.invocation import new_request_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from fctoolkit.jsontypes import FrozenJson, JsonObject, JsonValue
    from localcloud.conditions.behaviour import Behaviour
    from localcloud.delivery.bus import EventBus, Receipt, Rule
    from localcloud.delivery.journal import Journal
    from localcloud.delivery.letters import Letter
    from localcloud.delivery.queues import Queues
    from localcloud.delivery.routes import Over, Shipment
    from localcloud.functions.deployment import Deployment
    from localcloud.functions.spec import FunctionSpec
    from localcloud.message import Request
    from localcloud.runtime import Invocation

T = TypeVar("T")

LOOK_SECONDS: Final = 0.5
"""How often, in real time, is looked for what is due."""


class Deliveries:
    """The ways on which events come to functions and other targets. Safe to use from several threads.

    Args:
        deployment: the functions, whose triggers are rules of the default bus.
        queues: where dead letters go and batches come from.
        rules: the other rules of the bus of that name; None when there is no such bus.
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
        rules: Callable[[str], tuple[Rule, ...] | None],
        now: Callable[[], float],
        step: Callable[[float], float],
        behaviour: Callable[[], Behaviour],
        tried: Callable[[DeliveryRecord], None] = lambda _: None,
    ) -> None:
        self.deployment = deployment
        self._queues = queues
        self._rules = rules
        self._shipper = Shipper(deployment, now, behaviour)
        self._trier = Trier(deployment, queues, self._forward)
        # What is put by calls is delivered in the background. The thread starts with the first.
        self._background = ThreadPoolExecutor(1, "events")
        self._now = now
        self._step = step
        self._behaviour = behaviour
        self._tried = tried
        self._lock = threading.RLock()
        self._book = Book()
        # Each run of a story has the same delays.
        self._chance = random.Random(0).random  # noqa: S311 - no secret is made of it

    def put(self, event: Mapping[str, FrozenJson]) -> tuple[Receipt, tuple[DeliveryRecord, ...]]:
        """Puts a CloudEvent on a bus and makes the first try for each rule that matches.

        The bus is the one that `aliyuneventbusname` names; the default one where that is not here, as in a
        sample from elsewhere. Raises EventError for what EventBridge would not take. Errors of functions are
        in the records.
        """
        known = self._rules(_bus_name(event)) is not None
        receipt = self.bus(_bus_name(event) if known else DEFAULT_BUS).put(event)
        return receipt, self.deliver(receipt)

    def put_and_tell(self, event: JsonObject) -> JsonObject:
        """Puts a CloudEvent on a bus and tells in JSON what became of it, as `put` does."""
        receipt, records = self.put(event)
        missed: list[JsonValue] = [{"rule": miss.rule.name, "reason": miss.reason} for miss in receipt.missed]
        return {
            "bus": receipt.bus,
            "event": receipt.event,
            "deliveries": [record.told() for record in records],
            "missed": missed,
        }

    def put_later(self, event: Mapping[str, FrozenJson]) -> Receipt:
        """Puts a CloudEvent on the bus that it names, and leaves the first tries to the background.

        So a function may put an event that comes back to itself. `pass_time` makes these tries, too, when it
        comes first. Raises EventError as `put` does, and when the bus is not there.
        """
        receipt = self.bus(_bus_name(event)).put(event)
        with self._lock:
            book = self._book
            for shipment in self._shipments(receipt, book, 1):
                at = None if shipment.source in book.blocked else self._now()
                book.waiting.append(Waiting(at, shipment))
        self._background.submit(self.run_due)
        return receipt

    def bus(self, name: str = DEFAULT_BUS) -> EventBus:
        """The bus of that name with all its rules, as they are now; EventError when there is none."""
        rules = self._rules(name)
        if rules is None:
            raise EventError("aliyuneventbusname", "the name of an event bus", repr(name[:80]))
        default = self.deployment.bus
        of_triggers = default.rules if name == DEFAULT_BUS else ()
        return replace(default, name=name, rules=(*of_triggers, *rules))

    def deliver(self, receipt: Receipt, *, buses: int = 1) -> tuple[DeliveryRecord, ...]:
        """Makes the first try for each target of each rule that an event has matched.

        `buses` is how many it has passed, with this one.
        """
        with self._lock:
            book = self._book
            shipments = self._shipments(receipt, book, buses)
        records: list[DeliveryRecord] = []
        for shipment in shipments:
            with self._lock:
                if shipment.source in book.blocked:
                    book.waiting.append(Waiting(None, shipment))
                    continue
            records.append(self._try(book, shipment))
        return tuple(records)

    def settle(self, seconds: float = 30.0) -> bool:
        """Waits until what was put later has had its first tries, so long at most; whether it has."""
        try:
            self._background.submit(self.run_due).result(seconds)
        except TimeoutError:
            return False
        return True

    def look(self, read: Callable[[Journal], T]) -> T:
        """Reads what became of the events that came; `read` is called with nothing else going on."""
        with self._lock:
            return read(self._book.journal)

    def tick(self, function: str | None = None) -> tuple[DeliveryRecord, ...]:
        """Fires every enabled timer once, of one function or of all. Timers never fire by themselves.

        FC runs the function as it runs asynchronous invocations.
        """
        known = self.deployment.functions
        specs = known if function is None else (self.deployment.template.function(function),)
        return tuple(
            self._try(self._book, self._shipper.tick(spec, trigger))
            for spec in specs
            for trigger in spec.triggers
            if isinstance(trigger, TimerTrigger) and trigger.enabled
        )

    def invoke_later(self, spec: FunctionSpec, payload: bytes | Request, request_id: str) -> None:
        """An asynchronous invocation: runs in the background, after those that were there before."""
        shipment = self._shipper.invocation(spec, payload, request_id)

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

    def run_due(self, stopped: Callable[[], bool] = lambda: False) -> None:
        """Does everything that is due now, one after the other, until it is `stopped`."""
        while not stopped() and (found := self._take()) is not None:
            self._tried(self._try(*found))

    @contextmanager
    def following(self) -> Iterator[None]:
        """Does what is due as real time passes."""
        stopped = threading.Event()

        def run() -> None:
            while not stopped.is_set():
                self.run_due(stopped.is_set)
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

    def close(self) -> None:
        """Ends the thread of what is put later; what waits there is not tried."""
        self._background.shutdown(wait=False, cancel_futures=True)

    def forget(self, request_id: str) -> bool:
        """Makes no further try of an asynchronous invocation; whether one was waiting."""
        with self._lock:
            return self._book.forget(request_id)

    def state(self) -> JsonObject:
        """What waits for another try and what is lost, as `state` shows it."""
        with self._lock:
            return self._book.state()

    def _forward(self, event: JsonObject, bus: str, buses: int) -> None:
        self.deliver(self.bus(bus).put({**event, "aliyuneventbusname": bus}), buses=buses)

    def _shipments(self, receipt: Receipt, book: Book, buses: int) -> list[Shipment]:
        """What goes to the targets of the rules that an event has matched, noted as under way."""
        number = book.journal.note(receipt, self._now())
        return [
            replace(self._shipper.to_target(rule, target, receipt.event), number=number, buses=buses)
            for rule in receipt.matched
            for target in rule.targets
        ]

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
        shipment = self._shipper.batch(name, spec, trigger, batch)
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
        return self._followed(book, shipment, self._trier.one_try(shipment, request_id))

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
            record = DeliveryRecord(shipment.source, shipment.function, invocation, shipment.tries, then)
            if shipment.number:
                told = shortened(record.told())
                book.journal.tell(shipment.number, shipment.source, Attempt(now, invocation.ok, told))
        return record

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
            where, problem = self._post(book, letter, shipment.buses)
            if problem:
                book.lose(shipment, invocation.error_type, problem, self._now())
                told.append(f"lost: {problem}")
            else:
                told.append(f"in the {where}")
        if over.outcome == "given up" and not over.letters:
            place = shipment.place
            why = place.why if isinstance(place, NoPlace) else "no destination is set for it"
            book.lose(shipment, invocation.error_type, why, self._now())
            told.append(f"lost: {why}")
        return "; ".join(dict.fromkeys([over.outcome, *told]))

    def _post(self, book: Book, letter: Letter, buses: int) -> tuple[str, str]:
        """Sends a letter off; where it goes, and why it cannot, or an empty text."""
        queue, bus = queue_of(letter.destination), bus_of(letter.destination)
        where = f"queue {queue}" if queue else f"bus {bus}"
        if letter.body is None:
            return where, f"it is too large for {queue or bus}"
        if queue is not None:
            return where, self._queues.put(queue, letter.body)
        if bus is None:
            return where, f"{letter.destination} is not played, only queues of MNS and event buses are"
        # It may run functions, which is done without the lock: as any shipment that is due.
        shipment = self._shipper.dead_letter(bus, letter.body, buses)
        book.waiting.append(Waiting(self._now(), shipment))
        return where, ""


def _bus_name(event: Mapping[str, FrozenJson]) -> str:
    name = event.get("aliyuneventbusname", DEFAULT_BUS)
    return name if isinstance(name, str) else json.dumps(name)
