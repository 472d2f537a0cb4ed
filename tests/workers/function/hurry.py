"""A world in which time flies: for the function, the cloud and the store of claims alike.

A lease outlasts the function's timeout by half a minute. No test waits so long, and no operator needs a
shorter one. What the platform measures stays real: timeouts, deadlines, waits.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fctoolkit.clock import Clock
from fctoolkit.idempotency.store import Reading

if TYPE_CHECKING:
    from fctoolkit.idempotency.store import Store


@dataclass(frozen=True, slots=True)
class Hurry:
    """Since the moment `since`, in seconds since the epoch, time runs `speed` times as fast."""

    since: float
    speed: float

    def of(self, real: float) -> float:
        """What the clocks say at a real moment."""
        return self.since + (real - self.since) * self.speed

    def now(self) -> float:
        """What the clocks say."""
        return self.of(time.time())

    @property
    def clock(self) -> Clock:
        """The function's."""
        return Clock(now=self.now)


class HurriedStore:
    """A store with such a clock; all else is its own. It keeps records for longer, which is allowed."""

    def __init__(self, store: Store, hurry: Hurry) -> None:
        self._store = store
        self._hurry = hurry

    @property
    def remembers(self) -> bool:
        """See Store."""
        return self._store.remembers

    def check(self) -> None:
        """See Store."""
        self._store.check()

    def read(self, key: str) -> Reading:
        """See Store."""
        reading = self._store.read(key)
        return Reading(reading.text, self._hurry.of(reading.now))

    def swap(self, key: str, old: str | None, new: str | None, seconds: float) -> bool:
        """See Store."""
        return self._store.swap(key, old, new, seconds)

    def close(self) -> None:
        """See Store."""
        self._store.close()
