"""Time as a value that is passed in: the clock, and the deadline of one invocation. Knows no FC."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable


class Clock(NamedTuple):
    """Where time comes from. Tests and simulations pass their own.

    Attributes:
        now: wall clock, seconds since the epoch, UTC.
        monotonic: seconds from an arbitrary point, never going back.
        sleep: waits so many seconds.
    """

    now: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


SYSTEM_CLOCK = Clock()


class Deadline(NamedTuple):
    """The moment by which an invocation must have answered, on `clock.monotonic`.

    FC kills a function at its timeout and its context has no remaining-time method, so the deadline is
    computed once, when the invocation starts.
    """

    at: float
    clock: Clock = SYSTEM_CLOCK

    @classmethod
    def after(cls, seconds: float, clock: Clock = SYSTEM_CLOCK) -> Deadline:
        """The deadline `seconds` from now."""
        return cls(clock.monotonic() + seconds, clock)

    def remaining(self) -> float:
        """Seconds left, 0.0 when it has passed."""
        return max(0.0, self.at - self.clock.monotonic())
