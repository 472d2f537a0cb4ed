"""The local cloud itself: takes a request as a value and answers as the vendor would. Knows no HTTP library.

One request at a time changes the state; the answer says how the wire is to carry it.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from typing import TYPE_CHECKING, Self

from pydantic import BaseModel, ConfigDict

from fctoolkit.errors import EventError
from fctoolkit.jsontypes import FrozenJson, JsonObject, JsonValue
from localcloud.admin import Admin, is_admin_path
from localcloud.behaviour import Behaviour
from localcloud.clock import StateClock, iso_time
from localcloud.dispatch import SERVICES, Dispatcher, Target, action_of, decoded_body, refuse_unknown
from localcloud.errors import LocalCloudError, Refusal, SeedError
from localcloud.eventbridge import EventBus
from localcloud.faults import Fault, FaultBook
from localcloud.message import Request, Response, json_response
from localcloud.services.base import (
    NOT_IMPLEMENTED,
    Call,
    Handler,
    Moment,
    Service,
    invalid,
    upper_camel_error,
)
from localcloud.services.cs.service import CsService
from localcloud.services.elasticsearch.service import ElasticsearchService
from localcloud.services.ens.model import Fleet
from localcloud.services.ens.service import EnsService
from localcloud.signatures import Key, Keyring, Verifier
from localcloud.validation import as_list, as_object, checked, only, plain_json

if TYPE_CHECKING:
    from types import TracebackType

    from localcloud.transport import CloudTransport

DEFAULT_KEY = Key("test", "test")
SEED_KEYS = frozenset({"credentials", "sts_credentials", "behaviour", *SERVICES})

# Where events go while nothing is deployed. It has no rules, but is as strict about events as any bus.
_EMPTY_BUS = EventBus(rules=(), account_id="", region="")

EventHook = Callable[[JsonObject], JsonValue]


class _KeyRecord(BaseModel):
    model_config = ConfigDict(extra="forbid")

    access_key_id: str
    access_key_secret: str
    security_token: str = ""


@dataclass(slots=True)
class _World:
    """Everything that a reset makes anew."""

    behaviour: Behaviour
    services: dict[str, Service]
    key: Key = DEFAULT_KEY
    temporary_keys: dict[str, Key] = field(default_factory=dict)
    verifier: Verifier = field(default_factory=Verifier)
    faults: FaultBook = field(default_factory=FaultBook)
    calls: list[JsonObject] = field(default_factory=list)
    events: list[JsonValue] = field(default_factory=list)

    def keyring(self) -> Keyring:
        return Keyring((self.key, *self.temporary_keys.values()))


class LocalCloud:
    """CS, ENS and Elasticsearch with one state, one clock and one set of keys; several threads may use it.

    Args:
        now: where the state clock stands at first, seconds since the epoch; the real time by default. It
            stands still until `advance`.
        behaviour: times and documented variants, until a seed says otherwise.
        wall_clock: what the dates of signatures are judged by.

    Attributes:
        clock: the state clock.
        on_event: takes the CloudEvents that are put on the default bus, and returns what became of them;
            without one they are only kept.
    """

    def __init__(
        self,
        *,
        now: float | None = None,
        behaviour: Behaviour | None = None,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.clock = StateClock(now)
        self.on_event: EventHook | None = None
        self._first_behaviour = behaviour or Behaviour()
        self._wall_clock = wall_clock
        self._lock = threading.RLock()
        self._dispatcher = Dispatcher()
        self._admin = Admin(self)
        self._closed = False
        self._world = self._new_world()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed = True

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
        """Every call since the last reset, in order.

        Each has `service`, `action`, `method`, `path`, `status` (0 when the connection was cut), `code`
        (empty when it went well), `requestId` and `at` (the state clock's time).
        """
        with self._lock:
            return [dict(call) for call in self._world.calls]

    @property
    def events(self) -> list[JsonValue]:
        """The CloudEvents that came while nothing was there to take them."""
        with self._lock:
            return list(self._world.events)

    @property
    def supported(self) -> dict[str, list[str]]:
        """The actions that are supported, by service, sorted."""
        return {name: sorted(service.actions) for name, service in self._world.services.items()}

    def handle(self, request: Request) -> Response:
        """Answers one request.

        Raises:
            LocalCloudError: when the cloud was closed.
        """
        if self._closed:
            raise LocalCloudError("this local cloud is closed: it was used after its `with` block")
        if is_admin_path(request.path):
            return self._admin.handle(request)
        with self._lock:
            return self._answer(request)

    def advance(self, seconds: float) -> float:
        """Lets so many seconds pass in the cloud's state; returns the present moment."""
        with self._lock:
            return self.clock.advance(seconds)

    def reset(self) -> None:
        """Forgets all state, keys, behaviour, faults, calls, nonces and events.

        The clock stays as it is: time never goes back, whatever else begins anew.
        """
        with self._lock:
            self._world = self._new_world()

    def configure(self, **changes: FrozenJson) -> Behaviour:
        """Changes fields of the behaviour; SeedError naming the field when one is not valid."""
        with self._lock:
            self._world.behaviour = _changed(self._world.behaviour, changes)
            return self._world.behaviour

    def seed(self, records: Mapping[str, FrozenJson]) -> None:
        """Puts records in place, all or none; a record of a known id is replaced.

        Args:
            records: as `state` returns them, every part optional: `cs`, `ens` and `elasticsearch` with the
                services' own field names, `behaviour` (fields of Behaviour), `credentials` (`access_key_id`,
                `access_key_secret`), `sts_credentials` (a list, each with a `security_token` too).

        Raises:
            SeedError: naming the field that is not valid; nothing was changed.
        """
        seed = as_object(plain_json(records, "seed"), "seed")
        only(seed, SEED_KEYS, "")
        with self._lock:
            world = self._world
            behaviour = _changed(world.behaviour, as_object(seed.get("behaviour", {}), "behaviour"))
            key = _key(seed["credentials"], "credentials") if "credentials" in seed else world.key
            rows = as_list(seed.get("sts_credentials", []), "sts_credentials")
            temporary = [_key(row, f"sts_credentials[{index}]") for index, row in enumerate(rows)]
            moment = Moment(self.clock.now(), behaviour)
            placements = [
                service.seed(as_object(seed.get(name, {}), name), moment)
                for name, service in world.services.items()
            ]
            world.behaviour, world.key = behaviour, key
            world.temporary_keys |= {key.access_key_id: key for key in temporary}
            for place in placements:
                place()

    def state(self) -> JsonObject:
        """All state, in the seed's shape; in addition each cluster's tasks and what was counted."""
        with self._lock:
            world = self._world
            moment = self._moment()
            temporary: list[JsonValue] = [_key_record(key) for key in world.temporary_keys.values()]
            state: JsonObject = {
                "credentials": _key_record(world.key),
                "sts_credentials": temporary,
                "behaviour": world.behaviour.model_dump(),
                **{name: service.state(moment) for name, service in world.services.items()},
            }
            return copy.deepcopy(state)

    def add_fault(self, fault: Fault) -> None:
        """Lets a fault wait for its calls; SeedError when the action is not supported."""
        with self._lock:
            supported = self.supported[fault.service]
            if fault.action != "*" and fault.action not in supported:
                raise SeedError(f"action: {fault.action} is none of {', '.join(supported)}")
            self._world.faults.add(fault)

    def faults(self) -> list[Fault]:
        """The faults that still wait."""
        with self._lock:
            return self._world.faults.waiting()

    def put_event(self, event: JsonObject) -> JsonValue:
        """Puts a CloudEvent on the default bus and returns what became of it.

        The hook runs without the cloud's lock, for the functions it starts call this cloud; it is the hook's
        part to check the event. Raises LocalCloudError for what EventBridge would not take.
        """
        if self.on_event is not None:
            return self.on_event(event)
        try:
            _EMPTY_BUS.put(event)
        except EventError as error:
            raise LocalCloudError(str(error)) from None
        with self._lock:
            self._world.events.append(event)
            return {"deployed": False, "stored": len(self._world.events), "message": "nothing is deployed"}

    def _new_world(self) -> _World:
        fleet = Fleet()
        services: list[Service] = [CsService(fleet), EnsService(fleet), ElasticsearchService()]
        return _World(self._first_behaviour, {service.name: service for service in services})

    def _moment(self) -> Moment:
        return Moment(self.clock.now(), self._world.behaviour)

    def _answer(self, request: Request) -> Response:
        request_id = str(uuid.uuid4()).upper()
        service = self._dispatcher.service_of(request)
        action, code = action_of(request), ""
        try:
            target = self._dispatcher.target(request, service)
            action = target.operation.action
            response, code = self._serve(request, target, request_id)
        except Refusal as refusal:
            code = refusal.code
            response = self._refused(refusal, service, request_id, request.header("host"))
        self._world.calls.append(
            {
                "service": service,
                "action": action,
                "method": request.method,
                "path": request.path,
                "status": response.status,
                "code": code,
                "requestId": request_id,
                "at": iso_time(self.clock.now()),
            }
        )
        date = formatdate(self._wall_clock(), usegmt=True)
        return replace(response, headers={"date": date, "x-acs-request-id": request_id, **response.headers})

    def _serve(self, request: Request, target: Target, request_id: str) -> tuple[Response, str]:
        """The answer of a supported action to a well signed request, and the code of its failure if any."""
        operation = target.operation
        self._world.verifier.verify(request, self._world.keyring(), self._wall_clock())
        service = self._world.services[operation.service]
        handler = service.actions.get(operation.action)
        if handler is None:
            raise Refusal(
                501,
                NOT_IMPLEMENTED,
                f"{operation.action} exists, but the local cloud does not have it; "
                f"of {service.name} it has {', '.join(self.supported[service.name])}.",
            )
        refuse_unknown(operation, "query parameters", operation.unknown_query(target.query))
        body = decoded_body(request, operation)
        call = Call(operation, self._moment(), request_id, target.region, target.path, target.query, body)
        fault = self._world.faults.take(service.name, operation.action, request.path)
        if fault is None:
            return _handled(handler, call), ""
        call = replace(call, refused_items=fault.items, failing_items=fault.task_items)
        if not fault.fails:
            return fault.dressed(_handled(handler, call)), ""
        if fault.effect == "after":
            with contextlib.suppress(Refusal):
                _handled(handler, call)
        refusal = fault.refusal()
        answer = fault.raw_response()
        if answer is None:
            answer = self._refused(refusal, service.name, request_id, request.header("host"))
        return fault.dressed(answer), refusal.code

    def _refused(self, refusal: Refusal, service: str, request_id: str, host: str) -> Response:
        known = self._world.services.get(service)
        error_body = known.error_body if known is not None else upper_camel_error
        return json_response(error_body(refusal, request_id, host), refusal.status)


def _handled(handler: Handler, call: Call) -> Response:
    """What the action answers; a body that would be no valid record is refused as the vendor refuses it."""
    try:
        return handler(call)
    except SeedError as error:
        raise invalid("body", f"is not valid: {error}") from None


def _changed(behaviour: Behaviour, changes: Mapping[str, FrozenJson]) -> Behaviour:
    return checked(Behaviour, {**behaviour.model_dump(), **changes}, "behaviour")


def _key(value: JsonValue, where: str) -> Key:
    record = checked(_KeyRecord, value, where)
    return Key(record.access_key_id, record.access_key_secret, record.security_token)


def _key_record(key: Key) -> JsonObject:
    token: JsonObject = {"security_token": key.security_token} if key.security_token else {}
    return {"access_key_id": key.access_key_id, "access_key_secret": key.access_key_secret, **token}
