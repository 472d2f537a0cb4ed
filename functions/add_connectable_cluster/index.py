"""New Elasticsearch instances are connected with their peers. Wiring only; the work is in the layer."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

# Next to nothing that loading makes is garbage. `Function` turns collections on again when it is ready.
gc.disable()

from enlist.function import Function  # noqa: E402
from enlist.search.job import run  # noqa: E402

if TYPE_CHECKING:
    from fctoolkit.context import Context
    from fctoolkit.jsontypes import JsonValue

_function = Function("search", run, "/connect")


def initialize(context: Context) -> None:
    """FC calls it once per instance, before the first event."""
    _function.initialize(context)


def handler(event: bytes, context: Context) -> JsonValue:
    """FC calls it for each event, timer tick and HTTP request."""
    return _function.handle(event, context)
