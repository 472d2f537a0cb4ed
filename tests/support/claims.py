"""Guards, keys and stores for tests of claims."""

from __future__ import annotations

from dataclasses import dataclass, field

from fctoolkit.errors import StoreError
from fctoolkit.idempotency import Guard, Key, Reading, Store
from tests.support.api_calls import FakeTime
from tests.support.store_around import StoreAround

TIMEOUT = 60.0
LEASE = 90.0
"""What a guard makes of TIMEOUT."""


def key(resource: str = "i-1") -> Key:
    """A piece of work."""
    return Key("1234567890123456", "attach-instances", "AttachInstances", resource)


@dataclass
class Bench:
    """A store on a clock that the test moves, and guards on it."""

    store: Store
    time: FakeTime = field(default_factory=FakeTime)

    def guard(self, store: Store | None = None, *, keep: float = 3600.0) -> Guard:
        """A guard as one function has it."""
        return Guard(store or self.store, timeout=TIMEOUT, keep=keep, clock=self.time.clock)

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.time.passed += seconds


class Flaky(StoreAround):
    """A store before or after which the line breaks, as planned: one letter for each operation to come.

    `b` breaks before the effect, `a` after it (the answer is lost), `.` lets it pass, as does the end.
    """

    def __init__(self, inner: Store, plan: str = "") -> None:
        super().__init__(inner)
        self.plan = plan
        self.calls: list[str] = []

    def read(self, key: str) -> Reading:
        """Reads, unless the line breaks."""
        self.calls.append("read")
        step = self._next()
        if step != ".":
            raise StoreError("cut", transient=True)
        return self.inner.read(key)

    def swap(self, key: str, old: str | None, new: str | None, seconds: float) -> bool:
        """Swaps, unless the line breaks before; the answer is lost when it breaks after."""
        self.calls.append("swap")
        step = self._next()
        if step == "b":
            raise StoreError("cut", maybe_done=True, transient=True)
        swapped = self.inner.swap(key, old, new, seconds)
        if step == "a":
            raise StoreError("cut", maybe_done=True, transient=True)
        return swapped

    def _next(self) -> str:
        step, self.plan = self.plan[:1] or ".", self.plan[1:]
        return step
