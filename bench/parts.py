"""Parts of an invocation alone: signing a request, reading an event, planning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict, TypeAdapter

from bench.case import Asked, BenchError, Case, Column
from bench.medians import summary
from bench.onlayer import Run, run_on_layer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fctoolkit.jsontypes import JsonObject

ROUNDS: Final = 30
PARTS: Final = (
    "sign: GET",
    "sign: GET with a query",
    "sign: POST with 1 KiB",
    "read: CloudMonitor, over EventBridge",
    "read: CloudMonitor, native",
    "read: ActionTrail, over EventBridge",
    "read: Config, over EventBridge",
    "read: custom",
    "read: in a queue's message",
    "read: batch of two",
    "read: timer",
    "read: HTTP",
    "plan: attach 1",
    "plan: attach 100",
    "plan: connect 1",
    "plan: connect 100",
)


class Setting(BaseModel):
    """One part, and in how many rounds it has its turn."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    part: str
    rounds: int


def settings(asked: Asked) -> Sequence[JsonObject]:
    """Every part."""
    return [Setting(part=part, rounds=asked.rounds or ROUNDS).model_dump() for part in PARTS]


def measure(settings: Sequence[JsonObject], _: str, run: Run = run_on_layer) -> Sequence[JsonObject]:
    """Microseconds of processor time that each part takes."""
    asked = [Setting.model_validate(setting) for setting in settings]
    told = run("bench.parts_process", {"rounds": asked[0].rounds})
    rounds = TypeAdapter(dict[str, list[float]]).validate_python(told)
    if strangers := {one.part for one in asked} - rounds.keys():
        raise BenchError(f"nobody measures {', '.join(sorted(strangers))}")
    return [{"cpu_us": summary(rounds[one.part], 2)} for one in asked]


CASE: Final = Case(
    "parts",
    "a part of an invocation alone, microseconds of processor time",
    (
        Column("part", "part"),
        Column("CPU", "cpu_us", ".1f"),
        Column("lower", "cpu_us", ".1f", part="lower"),
        Column("upper", "cpu_us", ".1f", part="upper"),
    ),
    settings,
    measure,
    together=True,
)
