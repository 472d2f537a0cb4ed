"""Every decision of a schedule, from one seed, by name. Knows nothing of what is decided.

A decision that is 0 is the plainest one: no fault, no delay, one instance. Only the others are written down.
Replayed from a part of what was written down, the rest is plain: that is how a schedule shrinks, and why a
name, and not a place in a row, says which decision is meant.
"""

from __future__ import annotations

import random
from bisect import bisect
from functools import cache
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@cache
def _bounds(weights: tuple[float, ...]) -> tuple[float, ...]:
    total = sum(weights)
    return tuple(bound / total for bound in accumulate(weights))


class Choices:
    """Draws decisions, or replays them.

    Args:
        seed: decides everything.
        kept: decisions to replay by name; all others are 0. None draws.

    Attributes:
        taken: the decisions so far that are not 0, by name.
    """

    def __init__(self, seed: int | str, kept: Mapping[str, int] | None = None) -> None:
        self.seed = seed
        self.taken: dict[str, int] = {}
        self._kept = kept
        self._random = random.Random(seed).random  # noqa: S311 -- no secret is made

    def pick(self, name: str, *weights: float) -> int:
        """One of `len(weights)` numbers from 0, each as likely as its weight says."""
        if self._kept is None:
            value = min(bisect(_bounds(weights), self._random()), len(weights) - 1)
        else:
            value = min(self._kept.get(name, 0), len(weights) - 1)
        if value:
            self.taken[name] = value
        return value

    def number(self, name: str, most: int) -> int:
        """A whole number from 0 to `most`."""
        value = int(self._random() * (most + 1)) if self._kept is None else min(self._kept.get(name, 0), most)
        if value:
            self.taken[name] = value
        return value

    def fraction(self, name: str) -> float:
        """A number from 0.0 to 1.0, in thousandths."""
        return self.number(name, 1000) / 1000
