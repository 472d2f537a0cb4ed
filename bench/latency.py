"""The same fleets behind a network that takes its time, before the function's deadline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bench import fleet
from bench.case import Asked, Case, Column, each

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fctoolkit.jsontypes import JsonObject


def settings(asked: Asked) -> Sequence[JsonObject]:
    """Sweeps, with every latency and every size."""
    return [
        fleet.Setting(
            way="sweep", machines=machines, clusters=fleet.spread(machines), store="none", latency=latency
        ).model_dump()
        for latency in asked.latencies
        for machines in asked.sizes
    ]


def measure(setting: JsonObject, store_url: str) -> JsonObject:
    """As for fleets; and how the time that was taken compares with that of all waits one after the other."""
    numbers = fleet.measure(setting, store_url)
    asked = fleet.Setting.model_validate(setting)
    in_turn = asked.latency * int(str(numbers["calls"]))
    share = float(str(numbers["wall_seconds"])) / in_turn
    return {**numbers, "in_turn_seconds": round(in_turn, 3), "in_turn_share": round(share, 3)}


CASE: Final = Case(
    "latency",
    "sweeps over the same fleets with calls that really wait, within the function's timeout of 60 s",
    (
        Column("s a call", "latency"),
        Column("machines", "machines", ","),
        Column("clusters", "clusters"),
        Column("invoked", "invocations"),
        Column("calls", "calls", ","),
        Column("waits s", "in_turn_seconds", ".1f"),
        Column("wall s", "wall_seconds", ".1f"),
        Column("share", "in_turn_share", ".2f"),
        Column("longest s", "longest_seconds", ".1f"),
        Column("over 60 s", "over_timeout"),
        Column("idle calls", "idle_calls", ","),
        Column("idle s", "idle_wall_seconds", ".1f"),
    ),
    settings,
    each(measure),
)
