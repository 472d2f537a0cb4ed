"""attach_instances as it is deployed, but in a world in which time flies. Wiring only."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from hurry import HurriedStore, Hurry

from enlist.edge.job import run
from enlist.function import EFFECTS, Function
from fctoolkit.clock import SYSTEM_CLOCK, Clock

if TYPE_CHECKING:
    from fctoolkit.context import Context
    from fctoolkit.idempotency.store import Store
    from fctoolkit.jsontypes import JsonValue

_hurry = Hurry(float(os.environ["WORKERS_SINCE"]), float(os.environ["WORKERS_SPEED"]))


def _open(url: str, _clock: Clock) -> Store:
    return HurriedStore(EFFECTS.store(url, SYSTEM_CLOCK), _hurry)


_function = Function("edge", run, "/attach", effects=EFFECTS._replace(clock=_hurry.clock, store=_open))


def initialize(context: Context) -> None:
    """FC calls it once per instance, before the first event."""
    _function.initialize(context)


def handler(event: bytes, context: Context) -> JsonValue:
    """FC calls it for each event, timer tick and HTTP request."""
    return _function.handle(event, context)
