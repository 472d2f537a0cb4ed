"""More ready machines than a cluster may have nodes: it is filled up and never overrun, the others wait."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, Literal

from pydantic import BaseModel, ConfigDict

from bench.account import Account, batch_event, places, timer_event
from bench.case import Asked, BenchError, Case, Column, each
from bench.fleet import BETWEEN_SWEEPS
from bench.harness import opened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fctoolkit.jsontypes import JsonObject

QUOTA: Final = 100
READY: Final = 130
AFTERWARDS: Final = 3
"""Sweeps that follow when nothing is done any more: they must not do anything either."""

MOST_SWEEPS: Final = 20


class Setting(BaseModel):
    """One measurement: how the machines are told of, and `max_per_run` of the binding."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    way: Literal["one batch", "sweep"]
    max_per_run: int
    store: str


def settings(asked: Asked) -> Sequence[JsonObject]:
    """Both ways, in as many runs as the quota needs and all at once."""
    found = [
        Setting(way=way, max_per_run=most, store=store)
        for store in asked.stores
        for way in ("one batch", "sweep")
        for most in (20, 1000)
    ]
    return [one.model_dump() for one in found]


def measure(setting: JsonObject, store_url: str) -> JsonObject:
    """Lets too many machines want to join one cluster, and tells how many became nodes."""
    asked = Setting.model_validate(setting)
    account = Account(READY, clusters=1, max_per_run=asked.max_per_run, node_quota=QUOTA)
    with opened(account, store=store_url, latency=0) as bench:
        if asked.way == "one batch":
            bench.invoke(batch_event(tuple(account.homes)))
        quiet, counts = 0, dict[str, int]()
        while quiet < AFTERWARDS:
            if len(bench.used) > MOST_SWEEPS:
                raise BenchError(f"after {MOST_SWEEPS} invocations there is still something done")
            bench.cloud.advance(BETWEEN_SWEEPS)
            counts = bench.invoke(timer_event())
            quiet = 0 if "attaching" in counts else quiet + 1
        nodes, attaches = places(bench.cloud.state())
        tried = [call for call in bench.cloud.calls() if call["action"] == "AttachInstances"]
        refused = sum(1 for call in tried if call["code"])
        expected = {"already": QUOTA, "deferred": READY - QUOTA}
        often = Counter(attaches.values())
        if len(nodes) != QUOTA or counts != expected or often != {1: QUOTA, 0: READY - QUOTA} or refused:
            raise BenchError(
                f"{len(nodes)} nodes with a quota of {QUOTA}; the last sweep says {counts}; "
                f"machines by attaches: {dict(often)}; {refused} calls refused"
            )
        return {
            "quota": QUOTA,
            "ready": READY,
            "invocations": len(bench.used),
            "nodes": len(nodes),
            "deferred": counts["deferred"],
            "attach_calls": len(tried),
            "refused_calls": refused,
        }


CASE: Final = Case(
    "quota",
    "130 ready machines for a cluster that may have 100 nodes, and three more sweeps when it is full",
    (
        Column("way", "way"),
        Column("store", "store"),
        Column("max_per_run", "max_per_run"),
        Column("quota", "quota"),
        Column("ready", "ready"),
        Column("invoked", "invocations"),
        Column("nodes", "nodes"),
        Column("deferred", "deferred"),
        Column("attaches", "attach_calls"),
        Column("refused", "refused_calls"),
    ),
    settings,
    each(measure),
)
