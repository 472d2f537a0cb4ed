"""Makes a failing schedule small: leaves out decisions as long as the same promise stays broken."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.simulation.schedule import Result

MOST_RUNS = 1500


def shrink(run: Callable[[Mapping[str, int]], Result], failing: Result) -> Result:
    """The smallest result found that breaks the same promise first.

    Args:
        run: runs the schedule with these decisions, all others being plain.
        failing: what is made smaller; it has a violation.
    """
    kind, smallest, runs = failing.violations[0].kind, failing, 0

    def still_fails(kept: Mapping[str, int]) -> bool:
        nonlocal smallest, runs
        runs += 1
        result = run(kept)
        if not result.violations or result.violations[0].kind != kind:
            return False
        # What is left over may no longer be asked for at all.
        smallest = result
        return True

    size = max(1, len(smallest.taken) // 2)
    while runs < MOST_RUNS:
        left_out = False
        names = [*smallest.taken]
        for start in range(0, len(names), size):
            some = frozenset(names[start : start + size])
            kept = {name: value for name, value in smallest.taken.items() if name not in some}
            if len(kept) < len(smallest.taken) and still_fails(kept):
                left_out = True
        if not left_out and size == 1:
            break
        size = size if left_out else size // 2
    for name in [*smallest.taken]:
        for value in range(1, smallest.taken.get(name, 0)):
            if runs < MOST_RUNS and still_fails({**smallest.taken, name: value}):
                break
    return smallest
