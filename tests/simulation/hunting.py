"""Runs many schedules in many processes, and adds up what they showed."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from tests.simulation.assumptions import of_store
from tests.simulation.bugs import planted
from tests.simulation.schedule import Simulator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.simulation.assumptions import Assumptions

BATCH = 50


@dataclass(frozen=True, slots=True)
class Hunt:
    """What to run: schedules of seeds, with a store, perhaps with a bug or beyond an assumption."""

    store: str
    bug: str = ""
    assumed: Assumptions | None = None


@dataclass
class Sum:
    """What some schedules showed together.

    Attributes:
        schedules: how many there were.
        digests: of their traces.
        counts: how often each thing happened.
        failing: seeds that broke a promise, with the first one they broke.
        kinds: how many schedules broke each kind of promise.
    """

    schedules: int = 0
    digests: set[bytes] = field(default_factory=set[bytes])
    counts: Counter[str] = field(default_factory=Counter[str])
    failing: dict[int, str] = field(default_factory=dict[int, str])
    kinds: Counter[str] = field(default_factory=Counter[str])

    def add(self, other: Sum) -> None:
        """Adds what others showed."""
        self.schedules += other.schedules
        self.digests |= other.digests
        self.counts += other.counts
        self.failing |= other.failing
        self.kinds += other.kinds


@cache
def _simulator(assumed: Assumptions | None) -> Simulator:
    """One for a process: what it has built is good for all schedules, bugs or none."""
    return Simulator(of_store if assumed is None else lambda _store: assumed)


def run(hunt: Hunt, seeds: range, *, until_found: bool = False) -> Sum:
    """Runs the schedules in this process; `until_found` ends with the first that breaks a promise."""
    found = Sum()
    with planted(hunt.bug):
        simulator = _simulator(hunt.assumed)
        for seed in seeds:
            result = simulator.run(seed, hunt.store)
            found.schedules += 1
            found.digests.add(result.digest[:8])
            found.counts.update(result.counts)
            found.kinds.update({violation.kind for violation in result.violations})
            if result.violations:
                first = result.violations[0]
                found.failing[seed] = f"{first.kind}: {first.text}"
                if until_found:
                    break
    return found


def run_in_processes(hunt: Hunt, seeds: range, processes: int) -> Iterator[Sum]:
    """Runs the schedules in several processes; gives what each batch showed as soon as it is known."""
    batches = [
        range(start, min(start + BATCH, seeds.stop)) for start in range(seeds.start, seeds.stop, BATCH)
    ]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        yield from pool.map(run, [hunt] * len(batches), batches)
