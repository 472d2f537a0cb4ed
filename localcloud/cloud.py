"""The local cloud itself: takes a request as a value and answers as the vendor would. Knows no HTTP library.

One request at a time changes the state; the answer says how the wire is to carry it.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

from fctoolkit.errors import EventError
from localcloud.admin import Admin, is_admin_path
from localcloud.answering import Responder
from localcloud.conditions.behaviour import Behaviour
from localcloud.conditions.clock import StateClock
from localcloud.errors import LocalCloudError
from localcloud.making import Surroundings, new_world
from localcloud.services.base import Moment
from localcloud.services.fc.archives import CODE_PATH, Archives

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from fctoolkit.jsontypes import FrozenJson, JsonObject, JsonValue
    from localcloud.conditions.faults import Fault
    from localcloud.delivery.bus import Rule
    from localcloud.delivery.deliveries import Deliveries
    from localcloud.delivery.journal import DeliveryRecord
    from localcloud.functions.deployment import Deployment
    from localcloud.functions.gateway import Gateway
    from localcloud.functions.spec import FunctionSpec
    from localcloud.message import Request, Response
    from localcloud.recording.recording import Recorder
    from localcloud.runtime import Credentials
    from localcloud.transport import CloudTransport


class LocalCloud:
    """All services with one state, one clock and one set of keys; several threads may use it.

    Args:
        now: where the state clock stands at first, seconds since the epoch; the real time by default. It
            stands still until `advance`.
        behaviour: times and documented variants, until a seed says otherwise.
        wall_clock: what the dates of signatures are judged by.
        signed: whether services look at signatures; a simulation saves the time.
        record: a file into which every call is written as a line of JSON; what it held is gone.

    Attributes:
        clock: the state clock.
        url: where it is served, for functions that are created by calls; empty while it is not.
    """

    def __init__(
        self,
        *,
        now: float | None = None,
        behaviour: Behaviour | None = None,
        wall_clock: Callable[[], float] = time.time,
        signed: bool = True,
        record: Path | None = None,
    ) -> None:
        self.clock = StateClock(now)
        self._wall_clock = wall_clock
        self._archives = Archives()
        self._lock = threading.RLock()
        self._responder = Responder(lambda: self._world, self._lock, self.moment, wall_clock, signed=signed)
        self._admin = Admin(self)
        self._gateway: Gateway | None = None
        self._deliveries: Deliveries | None = None
        self._own = contextlib.ExitStack()
        # The first thing in it is the last one to end: functions may run from these folders until then.
        self._own.callback(self._archives.close)
        self._recorder: Recorder | None = None
        if record is not None:
            # Only who records needs it.
            from localcloud.recording.recording import Recorder  # noqa: PLC0415

            self._recorder = self._own.enter_context(Recorder(record))
        self._closed = False
        self.url = ""
        self._surroundings = Surroundings(
            behaviour=behaviour or Behaviour(),
            now=self._now,
            wall_clock=wall_clock,
            deliveries=lambda: self._deliveries,
            hosting=self.hosting,
            archives=self._archives,
            url=lambda: self.url,
        )
        self._world = new_world(self._surroundings)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed = True
        self._own.close()

    @functools.cached_property
    def transport(self) -> CloudTransport:
        """For `httpx2.Client(transport=...)`: calls this cloud in process, without a network."""
        from localcloud.transport import CloudTransport  # noqa: PLC0415 - only callers in process need it

        return CloudTransport(self)

    @property
    def behaviour(self) -> Behaviour:
        """The times and variants in force."""
        return self._world.behaviour

    @property
    def calls(self) -> list[JsonObject]:
        """Every call since the last reset, in order; the last 100,000 of them.

        Each has `service`, `action`, `method`, `path`, `status` (0 when the connection was cut), `code`
        (empty when it went well), `requestId` and `at` (the state clock's time).
        """
        with self._lock:
            return [dict(call) for call in self._world.calls]

    @property
    def events(self) -> list[JsonValue]:
        """The CloudEvents that came while nothing was there to take them; the last 1000 of them."""
        with self._lock:
            return list(self._world.events)

    @property
    def supported(self) -> dict[str, list[str]]:
        """The actions that are supported, by service, sorted."""
        return self._world.supported()

    def handle(self, request: Request) -> Response:
        """Answers one request.

        Raises:
            LocalCloudError: when the cloud was closed.
        """
        if self._closed:
            raise LocalCloudError("this local cloud is closed: it was used after its `with` block")
        if self._recorder is None:
            return self._handled(request)
        at = self.clock.now()
        response = self._handled(request)
        self._recorder.write(request, response, at)
        return response

    def _handled(self, request: Request) -> Response:
        if self._gateway is not None and (place := self._gateway.place_of(request)) is not None:
            return self._gateway.handle(request, place)
        if request.path.startswith(CODE_PATH):
            return self._archives.answer(request.path.removeprefix(CODE_PATH))
        if is_admin_path(request.path):
            return self._admin.handle(request)
        return self._responder.answer(request)

    def deploy(
        self,
        deployment: Deployment,
        url: str,
        tried: Callable[[DeliveryRecord], None] = lambda _: None,
    ) -> list[JsonValue]:
        """Lets the functions of a template be reached: by events, HTTP triggers and both invocation APIs.

        The deployment outlives resets.

        Args:
            deployment: the functions; the caller closes it, after the last request.
            url: where this cloud is served, for the triggers' addresses.
            tried: told of every try to deliver an event that nobody waits for.

        Returns:
            The functions, as `state` has them: `key`, `name` and the `urls` of the HTTP trigger.
        """
        return self._host(deployment, lambda: url, tried).functions()

    def _host(
        self,
        deployment: Deployment,
        url: Callable[[], str],
        tried: Callable[[DeliveryRecord], None] = lambda _: None,
    ) -> Gateway:
        # Only who deploys needs what reads templates.
        from localcloud.delivery.deliveries import Deliveries  # noqa: PLC0415
        from localcloud.delivery.queues import Queues  # noqa: PLC0415
        from localcloud.functions.gateway import Gateway  # noqa: PLC0415

        deployment.use_credentials(self._credentials_for)

        def told(record: DeliveryRecord) -> None:
            self._world.tasks.tried(record, self.deliveries)
            tried(record)

        queues = Queues(lambda: self._world.queues, self._lock, self.clock.now)
        self._deliveries = Deliveries(
            deployment,
            queues,
            rules=self._rules,
            now=self.clock.now,
            step=self._step,
            behaviour=lambda: self.behaviour,
            tried=told,
        )
        self._own.callback(self._deliveries.close)
        self._gateway = Gateway(self._deliveries, url, self._responder.check_trigger, lambda: self.behaviour)
        return self._gateway

    def hosting(self) -> Deliveries:
        """The ways to the functions; made now, and empty, when nothing was deployed.

        Functions that are created by calls run here. They call this cloud at the `url` that it has when they
        are created.
        """
        with self._lock:
            if self._deliveries is None:
                # Only who has functions needs what runs them.
                from localcloud.functions.deployment import Deployment  # noqa: PLC0415
                from localcloud.runtime.environment import Calling, basics_of  # noqa: PLC0415
                from localcloud.template.reading import Template  # noqa: PLC0415

                environment = Calling(lambda: self.url, basics_of(os.environ))
                empty = Deployment(Template(Path("s.yaml"), ()), environment)
                self._host(self._own.enter_context(empty), lambda: self.url)
            return self.deliveries

    @property
    def deliveries(self) -> Deliveries:
        """The ways on which events come to the functions; LocalCloudError while nothing is deployed."""
        if self._deliveries is None:
            raise LocalCloudError("nothing is deployed: `deploy` the functions of a template first")
        return self._deliveries

    def advance(self, seconds: float) -> float:
        """Lets so many seconds pass in the cloud's state; returns the present moment.

        What is to be delivered in these seconds is delivered at its time, before this returns.
        """
        self.clock.check(seconds)
        if self._deliveries is None:
            return self._step(seconds)
        return self._deliveries.pass_time(seconds)

    def follow(self, *, real_time: bool) -> None:
        """Lets real time pass in the cloud's state from here on, or none but what is advanced."""
        with self._lock:
            (self.clock.follow if real_time else self.clock.stop)()

    def moment(self) -> Moment:
        """The present one: a new one for each call, as looks are counted by it."""
        return Moment(self.clock.now(), self._world.behaviour)

    def reset(self) -> None:
        """Forgets all state, keys, behaviour, faults, calls, nonces, events and what waits for delivery.

        The clock stays as it is: time never goes back, whatever else begins anew.
        """
        if self._deliveries is not None:
            self._deliveries.reset()
        with self._lock:
            # In one go with the world: what is made meanwhile is in both or in neither.
            if self._deliveries is not None:
                self._deliveries.deployment.restore()
            self._world = new_world(self._surroundings)

    def configure(self, **changes: FrozenJson) -> Behaviour:
        """Changes fields of the behaviour; SeedError naming the field when one is not valid."""
        with self._lock:
            self._world.behaviour = self._world.changed(changes)
            return self._world.behaviour

    def seed(self, records: Mapping[str, FrozenJson]) -> None:
        """Puts records in place, all or none; a record of a known id is replaced.

        Args:
            records: as `state` returns them, every part optional: the services by their names with
                the services' own field names, `behaviour` (fields of Behaviour), `credentials`
                (`access_key_id`, `access_key_secret`), `sts_credentials` (a list, each with a
                `security_token` too, and with `expiration` and `arn` when it has them).
                `functions` and `deliveries` have no effect: these come from a template and from what happens.

        Raises:
            SeedError: naming the field that is not valid; nothing was changed.
        """
        with self._lock:
            self._world.put(records, self.clock.now())

    def state(self) -> JsonObject:
        """All state, in the seed's shape; in addition each cluster's tasks and what was counted.

        `functions` is there when functions are deployed; `deliveries` then, or when there are any.
        """
        # Deliveries use the cloud while they hold a lock of their own, so that is not waited for below.
        deliveries = self._deliveries.state() if self._deliveries is not None else {}
        with self._lock:
            state = self._world.told(self.moment())
            if self._gateway is not None and (functions := self._gateway.functions()):
                state["functions"] = functions
            if "functions" in state or any(deliveries.values()):
                state["deliveries"] = deliveries
            return copy.deepcopy(state)

    def add_fault(self, fault: Fault) -> int:
        """Lets a fault wait for its calls and returns its id; SeedError when no call could ever meet it."""
        with self._lock:
            return self._world.add_fault(fault)

    def faults(self) -> list[Fault]:
        """The faults that still wait, with what is left of `after` and `times`."""
        with self._lock:
            return self._world.faults.waiting()

    def remove_faults(self, number: int | None = None) -> bool:
        """Forgets the fault of an id, or all; False when there is none of that id."""
        with self._lock:
            return self._world.faults.remove(number)

    def put_event(self, event: JsonObject) -> JsonValue:
        """Puts a CloudEvent on the bus that it names, or on the default one, and returns what became of it.

        Functions run without the cloud's lock, for they call this cloud. Raises LocalCloudError for what
        EventBridge would not take.
        """
        deliveries = self.hosting()
        try:
            told = deliveries.put_and_tell(event)
        except EventError as error:
            raise LocalCloudError(str(error)) from None
        if told["deliveries"] or told["missed"] or deliveries.deployment.functions:
            return told
        with self._lock:
            self._world.events.append(event)
            why = "nothing is deployed, and the bus has no rule"
            return {"deployed": False, "stored": len(self._world.events), "message": why}

    def became(self, event_id: str = "", *, wait: float = 0.0) -> list[JsonObject]:
        """What became of the last 1000 events, or of those of an id, oldest first.

        Each has `bus`, `receivedAt`, `event` and `rules`: every rule with `matched`, and with the `reason`
        why not, or with its `targets` and their `deliveries`; of what is under way there are none yet.

        Args:
            event_id: the event's `id`.
            wait: seconds that events put by calls have, at most, until they had their first tries.
        """
        if self._deliveries is None:
            return []
        if wait:
            self._deliveries.settle(wait)
        return self._deliveries.look(lambda journal: [entry.told() for entry in journal.entries(event_id)])

    def _credentials_for(self, spec: FunctionSpec) -> Credentials:
        """What a function calls services with from now on."""
        from localcloud.runtime import Credentials  # noqa: PLC0415 - only who has functions needs what runs them

        with self._lock:
            key = self._world.function_key(spec.role, spec.name, self._wall_clock())
        return Credentials(key.access_key_id, key.access_key_secret, key.security_token)

    def _now(self) -> float:
        return self.clock.now()

    def _rules(self, name: str) -> tuple[Rule, ...] | None:
        """The rules of a bus that users made; None when there is no such bus."""
        with self._lock:
            return self._world.buses.rules(name, self.behaviour.target_errors)

    def _step(self, seconds: float) -> float:
        with self._lock:
            return self.clock.advance(seconds)
