"""The local cloud's own API under `/_localcloud/`: JSON, unsigned, for tests and tools. Knows no service.

POST reset    forget everything
POST seed     put records in place
GET  state    all state
GET  calls    every call since the last reset
POST faults   one fault, or a list of them
POST clock    {"advance": seconds}
POST events   put a CloudEvent on the default bus
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from fctoolkit.jsontypes import FrozenJson, JsonValue
from localcloud.clock import iso_time
from localcloud.errors import LocalCloudError, SeedError
from localcloud.faults import Fault
from localcloud.message import Request, Response, json_response
from localcloud.validation import as_object, checked

if TYPE_CHECKING:
    from localcloud.cloud import LocalCloud

ADMIN_PATH = "/_localcloud/"

_Handler: TypeAlias = Callable[[JsonValue], FrozenJson]


class _Advance(BaseModel):
    model_config = ConfigDict(extra="forbid")

    advance: Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Admin:
    """The routes of the local cloud's own API."""

    def __init__(self, cloud: LocalCloud) -> None:
        self._cloud = cloud
        self._routes: dict[tuple[str, str], _Handler] = {
            ("POST", "reset"): self._reset,
            ("POST", "seed"): self._seed,
            ("GET", "state"): lambda _: cloud.state(),
            ("GET", "calls"): lambda _: cloud.calls,
            ("POST", "faults"): self._faults,
            ("POST", "clock"): self._clock,
            ("POST", "events"): self._events,
        }

    def handle(self, request: Request) -> Response:
        """Answers one request; what is wrong with it is named in a 400."""
        route = (request.method, request.path.removeprefix(ADMIN_PATH).strip("/"))
        handler = self._routes.get(route)
        if handler is None:
            routes = ", ".join(f"{method} {ADMIN_PATH}{name}" for method, name in self._routes)
            return _error(404, "LocalCloud.NotFound", f"{request.method} {request.path} is none of: {routes}")
        try:
            return json_response(handler(_body(request)))
        except LocalCloudError as error:
            return _error(400, "LocalCloud.BadRequest", str(error))

    def _reset(self, _: JsonValue) -> FrozenJson:
        self._cloud.reset()
        return {"reset": True}

    def _seed(self, body: JsonValue) -> FrozenJson:
        self._cloud.seed(as_object(body, "seed"))
        return {"seeded": True}

    def _faults(self, body: JsonValue) -> FrozenJson:
        rows = body if isinstance(body, list) else [body]
        faults = [checked(Fault, row, f"faults[{index}]") for index, row in enumerate(rows)]
        for fault in faults:
            self._cloud.add_fault(fault)
        return {"waiting": [fault.model_dump() for fault in self._cloud.faults()]}

    def _clock(self, body: JsonValue) -> FrozenJson:
        now = self._cloud.advance(checked(_Advance, body, "clock").advance)
        return {"now": iso_time(now)}

    def _events(self, body: JsonValue) -> FrozenJson:
        return self._cloud.put_event(as_object(body, "event"))


def _body(request: Request) -> JsonValue:
    """The decoded body; an empty one counts as an empty object."""
    if not request.body:
        return {}
    try:
        value: JsonValue = json.loads(request.body)
    except (ValueError, RecursionError) as error:
        raise SeedError(f"the body is not valid JSON: {error}") from None
    return value


def _error(status: int, code: str, message: str) -> Response:
    return json_response({"code": code, "message": message}, status)
