"""What a store of claims is, and the two that need nothing: none, and one in memory for tests.

A store keeps one text a key and changes it only on condition; what the texts mean is not its business. The
contract is told at length, with an example, in docs/stores.md.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Protocol

from fctoolkit.clock import SYSTEM_CLOCK, Clock


@dataclass(frozen=True, slots=True)
class Reading:
    """What a store has under a key.

    Attributes:
        text: as it was last written; None when there is nothing.
        now: seconds since the epoch, on the one clock that counts for every user of this store.
    """

    text: str | None
    now: float


class Store(Protocol):
    """Where claims are kept. Threads share one; every method is one operation, without retries of its own.

    Each method raises StoreError when it fails, with `maybe_done` unless it surely had no effect and with
    `transient` when it may go well in a moment, and ConfigurationError when a setting has to be changed. No
    message holds a secret.
    """

    @property
    def remembers(self) -> bool:
        """Whether anything is kept at all."""
        ...

    def check(self) -> None:
        """Find out, by asking, whether the store can be used. Called once, before the first claim."""
        ...

    def read(self, key: str) -> Reading:
        """The last text written under `key` that has not expired.

        A text that is old by the time it is returned, or stale, does no harm: a swap made from it fails.
        """
        ...

    def swap(self, key: str, old: str | None, new: str | None, seconds: float) -> bool:
        """Replace `old` by `new`, if `old` is what is there; None stands for nothing. True when replaced.

        Comparing and writing are one atomic step for all users of the store. Of several swaps from the same
        `old`, at most one returns True. A swap that returns False has changed nothing; one that returned True
        is seen by every later read and swap. `new` is kept for at least `seconds`, a positive number, and
        goes some time after that.
        """
        ...

    def close(self) -> None:
        """Let go of connections. The store may be used again."""
        ...


class NoStore:
    """Remembers nothing: every claim succeeds, as if it were the first, and says that it must look.

    Two owners at once are not noticed, nothing is replayed, no attempt is counted. Whose clock counts: this
    machine's, and nothing depends on it.
    """

    @property
    def remembers(self) -> bool:
        """See Store."""
        return False

    def __init__(self, clock: Clock = SYSTEM_CLOCK) -> None:
        self._clock = clock

    def check(self) -> None:
        """Nothing can be wrong."""

    def read(self, key: str) -> Reading:  # noqa: ARG002  # the contract's
        """Nothing is there."""
        return Reading(None, self._clock.now())

    def swap(self, key: str, old: str | None, new: str | None, seconds: float) -> bool:  # noqa: ARG002
        """Accepted, and dropped."""
        return True

    def close(self) -> None:
        """Nothing to let go of."""


class MemoryStore:
    """Keeps claims in this process. For tests and simulations: no other process sees them."""

    @property
    def remembers(self) -> bool:
        """See Store."""
        return True

    def __init__(self, clock: Clock = SYSTEM_CLOCK) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._texts: dict[str, str] = {}

    def check(self) -> None:
        """Nothing can be wrong."""

    def read(self, key: str) -> Reading:
        """See Store."""
        return Reading(self._texts.get(key), self._clock.now())

    def swap(self, key: str, old: str | None, new: str | None, seconds: float) -> bool:  # noqa: ARG002
        """See Store. Nothing is ever removed for its age: records say themselves when they end."""
        with self._lock:
            if self._texts.get(key) != old:
                return False
            if new is None:
                self._texts.pop(key, None)
            else:
                self._texts[key] = new
            return True

    def close(self) -> None:
        """Nothing to let go of."""
