"""Ready machines become nodes of many clusters: by batches of events, by one large batch, by sweeps alone.

After each way sweeps follow, five minutes apart, until one finds all machines where they belong; that one is
the idle sweep and is counted by itself.
"""

from __future__ import annotations

from collections import Counter
from math import ceil
from typing import TYPE_CHECKING, Final, Literal

from pydantic import BaseModel, ConfigDict

from bench.account import Account, batch_event, places, timer_event
from bench.case import Asked, BenchError, Case, Column, each
from bench.harness import TIMEOUT, Bench, opened
from bench.resources import memory_now, memory_peak
from enlist.settings import IDS_PER_CALL

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fctoolkit.jsontypes import JsonObject

PER_CLUSTER: Final = 50
MOST_CLUSTERS: Final = 200
BATCH: Final = 100
"""Events in a batch: CountBasedWindow of s.batch.yaml."""

BETWEEN_BATCHES: Final = 10.0
"""Seconds: TimeBasedWindow of s.batch.yaml."""

MAX_PER_RUN: Final = 20
"""As in the README's sample of a binding: a cluster of fifty machines takes three runs."""

MOST_MIXED: Final = 1_000
"""Machines in mixed batches. A batch reads the tasks that those of a quarter of an hour before it made in all
clusters, so its calls grow with the square of the machines."""

MOST_BATCHED_AGAIN: Final = 1_000
"""Machines in batches with a further store. More take minutes, and make the same calls as without one."""

BETWEEN_SWEEPS: Final = 300.0
MOST_SWEEPS: Final = 40
SWAPS_PER_CLAIM: Final = 2
"""At least: one that makes the claim, one that completes it."""

_PAGE: Final = 100

Way = Literal["batches", "mixed batches", "one batch", "sweep"]
WAYS: Final[tuple[Way, ...]] = ("batches", "mixed batches", "one batch", "sweep")


class Setting(BaseModel):
    """One measurement.

    Attributes:
        way: `batches`: arrays of up to 100 events, cluster by cluster; `mixed batches`: the same, with the
            machines of all clusters in an order of chance; `one batch`: all events in one array; `sweep`: no
            event at all.
        machines: how many are ready.
        clusters: over how many clusters they are spread.
        store: name of the store of claims.
        latency: seconds that each call waits; 0 for none, and then the function's deadline stands still.
        max_per_run: of every binding.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    way: Way
    machines: int
    clusters: int
    store: str
    latency: float = 0.0
    max_per_run: int = MAX_PER_RUN

    def account(self) -> Account:
        """The account at first. Its quota does not stand in the way."""
        return Account(self.machines, self.clusters, self.max_per_run, node_quota=10 * PER_CLUSTER)

    def batches(self) -> Iterator[tuple[str, ...]]:
        """The machines that each event tells of."""
        account = self.account()
        if self.way == "one batch":
            yield from account.batches(self.machines)
        elif self.way != "sweep":
            yield from account.batches(BATCH, shuffled=self.way == "mixed batches")


def spread(machines: int) -> int:
    """Over how many clusters so many machines are spread."""
    return min(max(1, machines // PER_CLUSTER), MOST_CLUSTERS)


def settings(asked: Asked) -> Sequence[JsonObject]:
    """Every size with every store, by the ways that are worth their time."""
    return [
        Setting(way=way, machines=machines, clusters=spread(machines), store=store).model_dump()
        for machines in asked.sizes
        for store in asked.stores
        for way in ways(machines, first=store == asked.stores[0])
    ]


def ways(machines: int, *, first: bool) -> tuple[Way, ...]:
    """How so many machines are brought in: with the first store in every way, mixed batches of few."""
    if first:
        return tuple(way for way in WAYS if way != "mixed batches" or machines <= MOST_MIXED)
    return ("batches", "sweep") if machines <= MOST_BATCHED_AGAIN else ("sweep",)


def measure(setting: JsonObject, store_url: str) -> JsonObject:
    """Brings all machines into their clusters and tells what that took."""
    asked = Setting.model_validate(setting)
    account = asked.account()
    with opened(account, store=store_url, latency=asked.latency) as bench:
        before = memory_now()
        batches, bound, homes = 0, 0, account.homes
        for ids in asked.batches():
            bench.cloud.advance(BETWEEN_BATCHES)
            bench.invoke(batch_event(ids))
            batches += 1
            bound += idle_bound(len(ids), len({homes[one] for one in ids}))
        sweeps = _sweep_until_idle(bench, asked.machines)
        peak = memory_peak()
        check(bench.cloud.state(), account)
        if store_url and bench.store_swaps < SWAPS_PER_CLAIM * asked.machines:
            raise BenchError(f"the store was written only {bench.store_swaps} times: claims were not kept")
        *acting, idle = bench.used
        calls = bench.cloud.calls()[: -idle.calls]
        actions = Counter(str(call["action"]) for call in calls)
        needed = attaches_needed(account)
        bound += sweeps * idle_bound(asked.machines, asked.clusters) + needed
        return {
            "batches": batches,
            "sweeps": sweeps,
            "invocations": batches + sweeps,
            "calls": len(calls),
            "calls_by_action": dict(sorted(actions.items())),
            "refused_calls": sum(1 for call in calls if call["code"]),
            "calls_bound": bound,
            "calls_ratio": round(len(calls) / bound, 3),
            "attach_calls": actions["AttachInstances"],
            "attach_calls_needed": needed,
            "store_reads": bench.store_reads,
            "store_swaps": bench.store_swaps,
            "wall_seconds": round(sum(one.wall for one in acting), 3),
            "cpu_seconds": round(sum(one.cpu for one in acting), 3),
            "over_timeout": sum(1 for one in acting if one.wall > TIMEOUT),
            "longest_seconds": round(max(one.wall for one in acting), 3),
            "before_mib": round(before, 1),
            "peak_mib": round(peak, 1),
            "idle_calls": idle.calls,
            "idle_calls_bound": idle_bound(asked.machines, asked.clusters),
            "idle_wall_seconds": round(idle.wall, 3),
            "idle_cpu_seconds": round(idle.cpu, 3),
        }


def idle_bound(machines: int, clusters: int) -> int:
    """The calls that looking at so many machines in so many clusters may take when there is nothing to do."""
    return 2 * ceil(machines / _PAGE) + 3 * clusters


def attaches_needed(account: Account) -> int:
    """AttachInstances calls that do it when each is as full as is set."""
    members = Counter(account.homes.values())
    return sum(ceil(count / IDS_PER_CALL) for count in members.values())


def _sweep_until_idle(bench: Bench, machines: int) -> int:
    """Ticks of the timer until one finds nothing to do, and how many came before that one."""
    for number in range(MOST_SWEEPS):
        bench.cloud.advance(BETWEEN_SWEEPS)
        if bench.invoke(timer_event()) == {"already": machines}:
            return number
    raise BenchError(f"after {MOST_SWEEPS} sweeps not all machines are nodes")


def check(state: JsonObject, account: Account) -> None:
    """Raises `BenchError` unless each machine is a node of its cluster alone, and was attached once."""
    nodes, attaches = places(state)
    wrong = [one for one, home in account.homes.items() if nodes.get(one) != [home] or attaches[one] != 1]
    if wrong:
        one = wrong[0]
        raise BenchError(
            f"{len(wrong)} of {account.machines} machines are not where they belong, attached once: "
            f"{one} is in {nodes.get(one, 'no cluster')}, attached {attaches[one]} times"
        )


CASE: Final = Case(
    "fleet",
    "ready machines become nodes of many clusters; calls take no time on a network",
    (
        Column("way", "way"),
        Column("store", "store"),
        Column("machines", "machines", ","),
        Column("clusters", "clusters"),
        Column("invoked", "invocations"),
        Column("calls", "calls", ","),
        Column("bound", "calls_bound", ","),
        Column("ratio", "calls_ratio", ".2f"),
        Column("attaches", "attach_calls", ","),
        Column("needed", "attach_calls_needed", ","),
        Column("swaps", "store_swaps", ","),
        Column("wall s", "wall_seconds", ".2f"),
        Column("CPU s", "cpu_seconds", ".2f"),
        Column("longest s", "longest_seconds", ".2f"),
        Column("MiB before", "before_mib"),
        Column("peak", "peak_mib"),
        Column("idle calls", "idle_calls", ","),
        Column("bound", "idle_calls_bound", ","),
    ),
    settings,
    each(measure),
)
