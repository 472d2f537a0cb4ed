"""The local cloud's own API under `/_localcloud/`: JSON, unsigned, for tests and tools. Knows no service.

POST reset    forget everything but the time
POST seed     put records in place
GET  state    all state
GET  calls    the calls since the last reset
GET  faults   the faults that wait
POST faults   one fault, or a list of them
DELETE faults forget all of them; `faults/ID` forgets one
GET  clock    the time, and whether it follows real time
POST clock    {"advance": seconds}, at most ten years a call; {"follow": true or false}
POST events   put a CloudEvent on the bus that it names, or on the default one
GET  events   what became of the last ones, or of those with ?id=; ?wait= seconds for those put by calls
POST why      {"pattern": …, "event": …}: whether an event matches a pattern, and why not
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, StrictBool, model_validator
from pydantic_core import PydanticCustomError

from fctoolkit.errors import PatternError
from fctoolkit.jsontypes import FrozenJson, JsonValue
from fctoolkit.pattern import EVENTBRIDGE_LIMIT, compile_pattern
from fctoolkit.strictjson import JsonError, decode
from localcloud.conditions.clock import iso_time
from localcloud.conditions.faults import Fault
from localcloud.errors import LocalCloudError, SeedError
from localcloud.message import Request, Response, json_response
from localcloud.validation import as_object, checked, only

if TYPE_CHECKING:
    from localcloud.cloud import LocalCloud

ADMIN_PATH = "/_localcloud"
LONGEST_ADVANCE_SECONDS = 10 * 365 * 86400
LONGEST_WAIT_SECONDS = 60

_Handler: TypeAlias = Callable[[JsonValue], FrozenJson]


class _ClockChange(BaseModel):
    model_config = ConfigDict(extra="forbid")

    advance: Annotated[float, Field(strict=True, ge=0, le=LONGEST_ADVANCE_SECONDS)] | None = None
    follow: StrictBool | None = None

    @model_validator(mode="after")
    def _asks_for_something(self) -> Self:
        if self.advance is None and self.follow is None:
            raise PydanticCustomError("clock", "expected `advance`, `follow` or both")
        return self


class _Became(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: str = ""
    wait: Annotated[float, Field(ge=0, le=LONGEST_WAIT_SECONDS)] = 0.0


class Admin:
    """The routes of the local cloud's own API."""

    def __init__(self, cloud: LocalCloud) -> None:
        self._cloud = cloud
        self._routes: dict[str, dict[str, _Handler]] = {
            "reset": {"POST": self._reset},
            "seed": {"POST": self._seed},
            "state": {"GET": lambda _: cloud.state()},
            "calls": {"GET": lambda _: cloud.calls},
            "faults": {
                "GET": lambda _: self._faults(),
                "POST": self._add_faults,
                "DELETE": lambda _: self._remove_faults(None),
            },
            "clock": {"GET": lambda _: self._clock(), "POST": self._set_clock},
            "events": {"POST": self._events, "GET": self._became},
            "why": {"POST": self._why},
        }

    def handle(self, request: Request) -> Response:
        """Answers one request; what is wrong with it is named in a 400."""
        route = self._route(request.path.removeprefix(ADMIN_PATH).strip("/"))
        if route is None and request.path.startswith(f"{ADMIN_PATH}/http/"):
            message = "nothing is deployed: start the local cloud with `localcloud serve --template s.yaml`"
            return _error(404, "FunctionNotFound", message)
        if route is None:
            known = ((method, name) for name, methods in self._routes.items() for method in methods)
            routes = ", ".join(f"{method} {ADMIN_PATH}/{name}" for method, name in known)
            return _error(404, "LocalCloud.NotFound", f"{request.method} {request.path} is none of: {routes}")
        handler = route.get(request.method)
        if handler is None:
            message = f"{request.path} takes {' or '.join(route)}, not {request.method}"
            return _error(405, "LocalCloud.MethodNotAllowed", message, {"allow": ", ".join(route)})
        try:
            return json_response(handler(_given(request)))
        except LocalCloudError as error:
            return _error(400, "LocalCloud.BadRequest", str(error))

    def _reset(self, _: JsonValue) -> FrozenJson:
        self._cloud.reset()
        return {"reset": True, "now": iso_time(self._cloud.clock.now())}

    def _seed(self, body: JsonValue) -> FrozenJson:
        self._cloud.seed(as_object(body, "seed"))
        return {"seeded": True}

    def _route(self, name: str) -> dict[str, _Handler] | None:
        """The handlers of a route by method; None when there is no such route."""
        kind, _, number = name.partition("/")
        if kind == "faults" and number.isdecimal():
            return {"DELETE": lambda _: self._remove_faults(int(number))}
        return self._routes.get(name)

    def _faults(self) -> FrozenJson:
        return {"waiting": [fault.model_dump() for fault in self._cloud.faults()]}

    def _remove_faults(self, number: int | None) -> FrozenJson:
        if not self._cloud.remove_faults(number):
            raise LocalCloudError(f"faults/{number}: no fault of this id waits")
        return self._faults()

    def _add_faults(self, body: JsonValue) -> FrozenJson:
        rows = body if isinstance(body, list) else [body]
        faults = [checked(Fault, row, f"faults[{index}]") for index, row in enumerate(rows)]
        for fault in faults:
            self._cloud.add_fault(fault)
        return self._faults()

    def _clock(self) -> FrozenJson:
        clock = self._cloud.clock
        now = clock.now()
        return {"now": iso_time(now), "seconds": now, "follow": clock.follows}

    def _set_clock(self, body: JsonValue) -> FrozenJson:
        change = checked(_ClockChange, body, "clock")
        if change.follow is not None:
            self._cloud.follow(real_time=change.follow)
        if change.advance is not None:
            self._cloud.advance(change.advance)
        return self._clock()

    def _events(self, body: JsonValue) -> FrozenJson:
        return self._cloud.put_event(as_object(body, "event"))

    def _became(self, query: JsonValue) -> FrozenJson:
        wanted = checked(_Became, query, "query")
        return self._cloud.became(wanted.id, wait=wanted.wait)

    def _why(self, body: JsonValue) -> FrozenJson:
        given = as_object(body, "why")
        only(given, frozenset({"pattern", "event"}), "why")
        try:
            pattern = compile_pattern(given.get("pattern"), limit=EVENTBRIDGE_LIMIT)
        except PatternError as error:
            raise SeedError(f"pattern: {error}") from None
        mismatch = pattern.explain(as_object(given.get("event"), "event"))
        return {"matches": True} if mismatch is None else {"matches": False, "reason": str(mismatch)}


def _given(request: Request) -> JsonValue:
    """The decoded body, or the query of a GET; an empty one counts as an empty object."""
    if request.method == "GET":
        return {**dict(request.query_pairs())}
    if not request.body:
        return {}
    try:
        return decode(request.body)
    except JsonError as error:
        place = f"{error.path}: " if error.path else ""
        raise SeedError(f"not valid JSON: {place}expected {error.expected}, found {error.found}") from None


def _error(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> Response:
    return json_response({"code": code, "message": message}, status, headers)


def is_admin_path(path: str) -> bool:
    """Whether a path belongs to this API, and to no service."""
    return path == ADMIN_PATH or path.startswith(f"{ADMIN_PATH}/")
