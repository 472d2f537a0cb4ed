"""The simulator at a desk. Runs schedules and shows what they found; knows no schedule from inside.

./dev run python -m tests.simulation --schedules 1000000      many, with progress, over all cores
./dev run python -m tests.simulation --seed 151 --store none  one, with its trace; made small when it fails
./dev run python -m tests.simulation --bugs                   plants bugs and says how soon each is caught
./dev run python -m tests.simulation --assumptions            breaks assumptions and says what needs each
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import TYPE_CHECKING

from tests.simulation.assumptions import numbered
from tests.simulation.bugs import BUGS
from tests.simulation.hunting import Hunt, Sum, run, run_in_processes
from tests.simulation.schedule import STORES, Simulator
from tests.simulation.shrinking import shrink
from tests.support.product import NOON

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.simulation.schedule import Result

MOST_FOR_A_BUG = 2000
"""Schedules within which each bug has to be caught."""

SEEDS_FOR_A_BUG = 10


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0 when no promise was broken, or every bug was caught."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.simulation", description=__doc__.partition("\n")[0]
    )
    parser.add_argument(
        "--schedules", type=int, metavar="N", help="run N schedules, with seeds that count up"
    )
    parser.add_argument("--seed", type=int, help="of the first schedule; of the only one without --schedules")
    parser.add_argument("--store", choices=STORES, help="default: each in turn")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, metavar="N")
    parser.add_argument("--bugs", action="store_true", help="plant bugs, and see each caught on ten seeds")
    parser.add_argument("--assumptions", action="store_true", help="break one assumption at a time")
    options = parser.parse_args(arguments)
    stores = (options.store,) if options.store else STORES
    if options.bugs:
        return _plant_bugs(options.processes)
    if options.assumptions:
        return _break_assumptions(stores, options.schedules or 1000, options.processes)
    if options.schedules:
        first = 1 if options.seed is None else options.seed
        seeds = range(first, first + max(1, options.schedules // len(stores)))
        return max(_many(store, seeds, options.processes) for store in stores)
    if options.seed is None:
        parser.error("name --schedules or --seed")
    return max(_one(options.seed, store) for store in stores)


def _many(store: str, seeds: range, processes: int) -> int:
    """Runs schedules with one store; tells of the first that broke a promise, made small."""
    began, total, live = time.monotonic(), Sum(), sys.stdout.isatty()
    for some in run_in_processes(Hunt(store), seeds, processes):
        total.add(some)
        if live:
            share = total.schedules / len(seeds)
            bar = ("█" * round(share * 30)).ljust(30, "░")
            print(f"\r{store:7} {bar} {share:6.1%} {_speed(total, began)}", end="", flush=True)
        elif total.schedules * 20 // len(seeds) > (total.schedules - some.schedules) * 20 // len(seeds):
            print(f"{store:7} {total.schedules} of {len(seeds)}, {_speed(total, began)}", flush=True)
    if live:
        print()
    print(f"{store:7} {total.schedules} schedules, {len(total.digests)} distinct, {_speed(total, began)}")
    print("  happened: " + ", ".join(f"{what} {count}" for what, count in total.counts.most_common()))
    for seed, what in sorted(total.failing.items())[:5]:
        print(
            f"  seed {seed}: {what}\n    ./dev run python -m tests.simulation --seed {seed} --store {store}"
        )
    return 1 if total.failing else 0


def _speed(total: Sum, began: float) -> str:
    rate = total.schedules / max(0.001, time.monotonic() - began)
    return f"{rate:.0f} schedules/s, {len(total.failing)} broke a promise"


def _one(seed: int, store: str) -> int:
    """Runs one schedule and shows its trace; when it breaks a promise, that of the smallest that does."""
    simulator = Simulator()
    result = simulator.run(seed, store)
    if result.violations:

        def again(kept: Mapping[str, int]) -> Result:
            return simulator.run(seed, store, kept)

        before = len(result.taken)
        result = shrink(again, result)
        needed = f"{len(result.taken)} of {before} decisions are needed to break a promise"
        print(f"seed {seed}, store {store}: {needed}")
    for moment, who, what, how in result.trace:
        print(f"{_time(moment)} {who:22} {what}  {how}"[:240].rstrip())
    print("decisions: " + ", ".join(f"{name} = {value}" for name, value in result.taken.items()))
    for violation in result.violations:
        print(f"BROKEN {violation.kind}: {violation.text}")
    if not result.violations:
        print(f"seed {seed}, store {store}: every promise was kept")
    return 1 if result.violations else 0


def _time(moment: float) -> str:
    passed = moment - NOON
    return f"{int(passed // 3600) + 12:02}:{int(passed // 60) % 60:02}:{passed % 60:06.3f}"


def _plant_bugs(processes: int) -> int:
    """Plants each bug and tells within how many schedules it was caught, from ten seeds."""
    missed, until_found = 0, partial(run, until_found=True)
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        for bug in BUGS:
            starts = [1_000_000 * number for number in range(1, SEEDS_FOR_A_BUG + 1)]
            ranges = [range(start, start + MOST_FOR_A_BUG) for start in starts]
            caught = [
                some.schedules
                for some in pool.map(until_found, [Hunt(bug.store, bug.name)] * len(ranges), ranges)
                if some.failing
            ]
            missed += len(caught) < len(ranges)
            within = f"within {min(caught)} to {max(caught)} schedules" if caught else ""
            print(f"{bug.store:7} {bug.name:62} {len(caught):2} of {len(ranges)} seeds {within}", flush=True)
    print("every bug was caught" if not missed else f"{missed} bugs were missed on some seed")
    return 1 if missed else 0


def _break_assumptions(stores: Sequence[str], schedules: int, processes: int) -> int:
    """Breaks one assumption at a time, and tells which promises need it with each store."""
    for store in stores:
        for one in numbered(store):
            kinds: Counter[str] = Counter()
            for some in run_in_processes(
                Hunt(store, assumed=one.without), range(1, 1 + schedules), processes
            ):
                kinds += some.kinds
            shown = ", ".join(f"{kind} {count}" for kind, count in kinds.most_common()) or "nothing broke"
            print(f"{store:7} {one.number:4} {one.broken:60} {shown}", flush=True)
    return 0


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":
        # So that a seed is the same schedule in every process, however sets are ordered.
        command = [sys.executable, "-m", "tests.simulation", *sys.argv[1:]]
        os.execve(sys.executable, command, {**os.environ, "PYTHONHASHSEED": "0"})  # noqa: S606 -- itself
    sys.exit(main())
