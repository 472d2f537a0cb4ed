"""The promises under everything that can go wrong, in some schedules; and that the simulator sees.

`./dev run python -m tests.simulation --schedules 1000000` runs more of them.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.simulation.assumptions import numbered
from tests.simulation.bugs import BUGS, Bug, planted
from tests.simulation.hunting import Hunt, run
from tests.simulation.schedule import STORES, Simulator
from tests.simulation.shrinking import shrink

SCHEDULES = 120
BATCHES = 2
ROOT = Path(__file__).parents[2]

FIRST = {
    "an attach is repeated blindly after a time-out": 1_000_011,
    "tasks do not count as membership": 3_000_001,
    "a node list that lags is trusted": 3_000_001,
    "the hold tag is ignored": 1,
    "other clusters are not looked into": 16,
    "an event is swallowed and the sweep skips what was deferred": 2_000_001,
    "only the first page is read": 2_000_001,
    "a refused neighbour drops the batch": 13,
    "mode plan acts": 1_000_002,
    "max_per_run is ignored": 2_000_064,
    "a removal by somebody is forgotten": 3_000_014,
    "a failed attach is repeated at once": 2_000_010,
    "a new token for each event": 3_000_152,
    "max_peers is ignored": 1_000_008,
    "what is connected is not looked at": 1,
    "who is refused a claim releases it": 2_000_016,
    "a lease that lapsed is taken over without a look": 3_000_010,
    "a lease is shorter than a call": 2_000_027,
    "a claim is released after an unclear end": 3_000_010,
    "what is remembered as done is done again": 3_000_010,
    "a replay is taken for a claim": 3_000_118,
    "it acts without a claim": 2_000_008,
    "attempts are not counted": 2_000_001,
    "a quarantine is never released": 2_000_001,
}
"""Seeds that are known to catch a bug, so that the suite need not look for long. `--bugs` finds others."""


@pytest.mark.parametrize("batch", range(BATCHES))
@pytest.mark.parametrize("store", STORES)
def test_every_promise_is_kept(store: str, batch: int) -> None:
    """Nothing is attached twice, lost, left claimed, done unasked or touched while held, in any schedule."""
    first = 1 + batch * SCHEDULES
    found = run(Hunt(store), range(first, first + SCHEDULES))
    assert found.failing == {}
    assert len(found.digests) > SCHEDULES * 0.95


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_planted_bug_is_caught(bug: Bug) -> None:
    """A care that is taken out of the product breaks a promise, in a schedule that keeps them all with it."""
    first = FIRST[bug.name]
    found = run(Hunt(bug.store, bug.name), range(first, first + 2000), until_found=True)
    (seed,) = found.failing
    assert run(Hunt(bug.store), range(seed, seed + 1)).failing == {}


def test_a_seed_is_the_same_schedule_each_time() -> None:
    """The same seed gives the same trace, after others and in another simulator."""
    one, other = Simulator(), Simulator()
    other.run(7, "memory")
    for store in STORES:
        assert one.run(21, store).trace == other.run(21, store).trace


def test_a_seed_is_the_same_schedule_in_every_process() -> None:
    """The order of sets, which differs between processes, decides nothing in the product."""
    program = (
        "from tests.simulation.hunting import Hunt, run;"
        "print(sorted(one.hex() for one in run(Hunt('memory'), range(1, 40)).digests))"
    )
    texts = {
        subprocess.run(  # noqa: S603 -- this Python, with a program of its own
            [sys.executable, "-c", program],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(texts) == 1


def test_a_failing_schedule_shrinks_and_replays() -> None:
    """What is left of a failing schedule breaks the same promise from few decisions, again and again."""
    simulator = Simulator()
    with planted("tasks do not count as membership"):
        failing = next(result for seed in range(1, 200) if (result := simulator.run(seed, "none")).violations)
        smallest = shrink(lambda kept: simulator.run(0, "none", kept), failing)
        again = simulator.run(0, "none", smallest.taken)
    assert again.trace == smallest.trace
    assert smallest.violations[0].kind == failing.violations[0].kind
    assert len(smallest.taken) < len(failing.taken) / 2


def test_what_is_left_out_for_speed_changes_nothing() -> None:
    """With real requests and verified signatures a schedule is the same to the last line of its trace."""
    quick, signed = Simulator(), Simulator(signed=True)
    compared = 0
    for seed in range(1, 30):
        result = quick.run(seed, "memory")
        if "page size" not in result.taken:  # a page size is changed on the way, and would break a signature
            assert signed.run(seed, "memory").trace == result.trace
            compared += 1
    assert compared > 5


def test_the_assumptions_are_told() -> None:
    """docs/promises.md has each assumption that the simulator breaks, under its number."""
    told = (ROOT / "docs" / "promises.md").read_text(encoding="utf-8")
    for one in (*numbered("none"), *numbered("memory")):
        (row,) = [line for line in told.splitlines() if line.startswith(f"| {one.number} |")]
        assert all(word in row for word in one.text.lower().split()[-3:]), one.text


def test_what_may_go_wrong_does() -> None:
    """A simulator that never crashes, lets a lease lapse or fills a quarantine would prove nothing."""
    counts: Counter[str] = Counter()
    for store in STORES:
        counts += run(Hunt(store), range(1, 150)).counts
    for what in ("crash after effect", "claim taken over", "timeout of the function", "timeout, late effect"):
        assert counts[what], what
