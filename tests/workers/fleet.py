"""Workers: processes of one function, given deliveries until all are settled, as the platform does it."""

from __future__ import annotations

import heapq
import json
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from localcloud.runtime import FunctionProcess
from tests.support.product import TIMER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from localcloud.functions.spec import FunctionSpec

RETRY_SECONDS: Final = (0.2, 0.5, 1.0, 2.0)
"""Waits before an event is delivered again; the last one for all that follow."""
TICK_SECONDS: Final = 2.0
"""Between two timer ticks. One that fails does not come again; the next does what it would have done."""
_EXITED: Final = "Process exited unexpectedly"


class Worker:
    """One instance of the function, which may be killed while it works."""

    def __init__(self, spec: FunctionSpec, environment: Mapping[str, str]) -> None:
        self.process = FunctionProcess(spec, environment)
        self._working = False
        self._hit = False

    def invoke(self, raw: bytes) -> tuple[str, Any, bool]:
        """`returned`, `raised` or `died`; the payload; whether a kill fell inside."""
        self._working, self._hit = True, False
        try:
            invocation = self.process.invoke(raw)
        finally:
            self._working = False
        payload = json.loads(invocation.payload)
        if invocation.ok:
            return "returned", payload, False
        died = _EXITED in payload["errorMessage"]
        return "died" if died else "raised", payload, died and self._hit

    def kill(self) -> None:
        """SIGKILL, from another thread."""
        self._hit = self._working
        self.process.crash()


@dataclass
class Tally:
    """What was counted.

    Attributes:
        ends: how invocations ended.
        inside: kills that fell inside an invocation.
        denied: outcomes of machines that another invocation had claimed, or had just attached.
        taken_over: outcomes of machines whose claim an earlier invocation had left.
        outcomes: results of invocations that returned.
        reasons: how often each reason was given, words with digits left out.
        errors: the last error messages.
    """

    ends: Counter[str] = field(default_factory=Counter)
    inside: int = 0
    denied: int = 0
    taken_over: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)

    def add(self, report: Any) -> None:
        """Counts what one invocation returned."""
        self.outcomes.update(report["counts"])
        for one in report["outcomes"]:
            self.reasons[_plain(one["reason"])] += 1
            self.denied += one["reason"].startswith("another run")
            self.taken_over += one.get("attempts", 0) > 1


@dataclass(order=True)
class Delivery:
    """One payload that waits for its turn, for the `tries`th time."""

    due: float
    number: int
    raw: bytes = field(compare=False)
    tries: int = field(default=0, compare=False)


class Fleet:
    """All workers, a thread for each, and what waits for them."""

    def __init__(self, workers: Iterable[Worker]) -> None:
        self.workers = tuple(workers)
        self.tally = Tally()
        self._waiting: list[Delivery] = []
        self._unsettled = 0
        self._numbers = 0
        self._changed = threading.Condition()

    def run(self, deliveries: Iterable[bytes], *, ends: float, first_round: Callable[[], None]) -> bool:
        """Delivers all, and again what failed, with timer ticks in between.

        Args:
            deliveries: payloads, in their order.
            ends: on time.monotonic, when to give up.
            first_round: called when each was delivered at least once.

        Returns whether all were settled.
        """
        for raw in deliveries:
            self._put(raw)
        threads = [threading.Thread(target=self._work, args=(one, ends)) for one in self.workers]
        for thread in threads:
            thread.start()
        told, next_tick = False, time.monotonic() + TICK_SECONDS
        while self._unsettled and time.monotonic() < ends:
            if not told and self._all_tried():
                told = True
                first_round()
            if time.monotonic() >= next_tick:
                next_tick += TICK_SECONDS
                self._put(TIMER)
            with self._changed:
                self._changed.wait(0.1)
        for thread in threads:
            thread.join()
        return not self._unsettled

    def sweep(self) -> Any:
        """One timer tick on the first worker; its answer, None when it failed."""
        end, payload, _ = self.workers[0].invoke(TIMER)
        self._count(end, payload, inside=False)
        return payload if end == "returned" else None

    def close(self) -> None:
        """Ends all processes."""
        for worker in self.workers:
            worker.process.close()

    def _all_tried(self) -> bool:
        with self._changed:
            return all(one.tries for one in self._waiting if one.raw != TIMER)

    def _put(self, raw: bytes, due: float = 0.0, tries: int = 0) -> None:
        with self._changed:
            self._numbers += 1
            self._unsettled += raw != TIMER and not tries
            heapq.heappush(self._waiting, Delivery(due, self._numbers, raw, tries))
            self._changed.notify_all()

    def _take(self, ends: float) -> Delivery | None:
        """The next delivery that is due; None when all is settled or time is up."""
        with self._changed:
            while self._unsettled and (now := time.monotonic()) < ends:
                if self._waiting and self._waiting[0].due <= now:
                    return heapq.heappop(self._waiting)
                until = self._waiting[0].due if self._waiting else ends
                self._changed.wait(min(0.5, max(0.01, until - now)))
            return None

    def _work(self, worker: Worker, ends: float) -> None:
        while (delivery := self._take(ends)) is not None:
            end, payload, inside = worker.invoke(delivery.raw)
            self._count(end, payload, inside=inside)
            if delivery.raw == TIMER:
                continue
            if end != "returned":
                wait = RETRY_SECONDS[min(delivery.tries, len(RETRY_SECONDS) - 1)]
                self._put(delivery.raw, time.monotonic() + wait, delivery.tries + 1)
                continue
            with self._changed:
                self._unsettled -= 1
                self._changed.notify_all()

    def _count(self, end: str, payload: Any, *, inside: bool) -> None:
        with self._changed:
            self.tally.ends[end] += 1
            self.tally.inside += inside
            if end == "returned":
                self.tally.add(payload)
            else:
                self.tally.errors = [*self.tally.errors[-4:], payload["errorMessage"]]


def _plain(reason: str) -> str:
    return " ".join(word for word in reason.split() if not any(letter.isdigit() for letter in word))[:90]
