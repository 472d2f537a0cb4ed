"""A warm function: what an event costs beyond the HTTP calls that it makes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, get_args

from pydantic import BaseModel, ConfigDict, TypeAdapter

from bench.case import Asked, Case, Column
from bench.medians import MEDIAN, summary
from bench.onlayer import Run, run_on_layer
from bench.recording import Kind, record
from bench.scene import Job

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fctoolkit.jsontypes import JsonObject, JsonValue

ROUNDS: Final = 50
EVENTS: Final = 20
"""In a row, for one of a round's numbers."""

DIGITS: Final = 4
MOST_OWN_CPU: Final = 1.0
"""Milliseconds of processor time an event, beyond its HTTP calls."""


class Setting(BaseModel):
    """One kind of event for one function; it is handled so often in a row, in so many rounds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    job: Job
    event: Kind
    rounds: int
    events: int


def settings(asked: Asked) -> Sequence[JsonObject]:
    """Every kind of event for both functions."""
    return [
        Setting(job=job, event=kind, rounds=asked.rounds or ROUNDS, events=EVENTS).model_dump()
        for job in get_args(Job)
        for kind in get_args(Kind)
    ]


def measure(settings: Sequence[JsonObject], _: str, run: Run = run_on_layer) -> Sequence[JsonObject]:
    """Milliseconds an event: of the whole invocation, of its HTTP calls alone, and the difference."""
    asked = [Setting.model_validate(setting) for setting in settings]
    scenes = [record(one.job, one.event) for one in asked]
    told = run(
        "bench.warm_process",
        {
            "scenes": [scene.model_dump() for scene in scenes],
            "rounds": asked[0].rounds,
            "events": asked[0].events,
        },
    )
    rounds = TypeAdapter(list[list[dict[str, float]]]).validate_python(told)
    return [
        {"calls": len(scene.exchanges), **numbers(f"{one.job}, {one.event}", times)}
        for one, scene, times in zip(asked, scenes, rounds, strict=True)
    ]


def numbers(name: str, rounds: Sequence[Mapping[str, float]]) -> JsonObject:
    """What the rounds of one scene come to, and whether that keeps the bound; `name` tells it apart."""
    sums = {name: summary([one[name] for one in rounds], DIGITS) for name in rounds[0]}
    own = float(str(sums["own_cpu"][MEDIAN]))
    said = f"{name}: {own:.2f} ms of processor an event beyond its HTTP calls, at most {MOST_OWN_CPU:.2f}"
    missed: list[JsonValue] = [said] if own > MOST_OWN_CPU else []
    return {**{f"{name}_ms": values for name, values in sums.items()}, "missed": missed}


CASE: Final = Case(
    "warm",
    "an event in a warm function, ms; own is what the invocation takes beyond its HTTP calls",
    (
        Column("job", "job"),
        Column("event", "event"),
        Column("calls", "calls"),
        Column("CPU", "cpu_ms", ".2f"),
        Column("HTTP", "http_cpu_ms", ".2f"),
        Column("own CPU", "own_cpu_ms", ".2f"),
        Column("lower", "own_cpu_ms", ".2f", part="lower"),
        Column("upper", "own_cpu_ms", ".2f", part="upper"),
        Column("signatures", "signing_cpu_ms", ".2f"),
        Column("threads", "threads_cpu_ms", ".2f"),
        Column("log", "log_cpu_ms", ".2f"),
        Column("wall", "wall_ms", ".2f"),
        Column("HTTP wall", "http_wall_ms", ".2f"),
        Column("own wall", "own_wall_ms", ".2f"),
    ),
    settings,
    measure,
    together=True,
)
