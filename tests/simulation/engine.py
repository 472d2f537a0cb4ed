"""Virtual time, and strands of work of which one runs at a time. Knows nothing of what they do.

A strand is a function in a thread of its own that holds a baton while it runs. When it waits, whatever is due
next gets the baton: another strand, or a plain action. So everything happens in an order that the times alone
decide, and two runs with the same times do not differ.
"""

from __future__ import annotations

import threading
from heapq import heappop, heappush
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

    Action: TypeAlias = Callable[[], None]


class KilledError(BaseException):
    """The strand was killed. Whatever it still tries has no effect and raises this again."""


class Strand:
    """One strand of work.

    Attributes:
        dead: it was killed, or has ended.
    """

    __slots__ = ("_work", "baton", "dead", "turn")

    def __init__(self, work: Action) -> None:
        self._work = work
        self.dead = False
        self.turn = 0
        self.baton: threading.Lock | None = None

    def run(self) -> None:
        """Does the work; a killed strand just ends."""
        try:
            if not self.dead:
                self._work()
        except KilledError:
            pass
        finally:
            self.dead = True


class _Worker(threading.Thread):
    """A thread that runs one strand after another, each when its baton is given to it."""

    def __init__(self, idle: list[_Worker]) -> None:
        super().__init__(daemon=True)
        self.baton = threading.Lock()
        self.baton.acquire()
        self._idle = idle
        self._job: tuple[Engine, Strand] | None = None

    def take(self, engine: Engine, strand: Strand) -> None:
        """What to run when the baton comes."""
        self._job = engine, strand
        strand.baton = self.baton

    def run(self) -> None:
        while True:
            self.baton.acquire()
            if self._job is None:
                return
            (engine, strand), self._job = self._job, None
            try:
                strand.run()
            except BaseException as error:  # noqa: BLE001 -- raised again where the engine runs
                engine.error = error
            self._idle.append(self)
            engine.pass_on()


class Threads:
    """Threads that outlive a schedule, because starting them costs more than running one."""

    def __init__(self) -> None:
        self._idle: list[_Worker] = []

    def take(self, engine: Engine, strand: Strand) -> None:
        """Binds a strand to a thread, which runs it when the strand's baton is released."""
        if self._idle:
            worker = self._idle.pop()
        else:
            worker = _Worker(self._idle)
            worker.start()
        worker.take(engine, strand)


class Engine:
    """Time, and what is due when.

    Args:
        threads: where strands run.
        now: the time at first, seconds.

    Attributes:
        now: the time.
        current: the strand that has the baton; None while an action runs.
        error: what a strand or an action raised that it should not have; it ends the run.
    """

    def __init__(self, threads: Threads, now: float) -> None:
        self.now = now
        self.current: Strand | None = None
        self.error: BaseException | None = None
        self._threads = threads
        self._due: list[tuple[float, int, Action | tuple[Strand, int]]] = []
        self._count = 0
        self._main = threading.Lock()
        self._main.acquire()

    def at(self, when: float, action: Action) -> None:
        """Has an action done at a time; of two at the same time the one that was asked for first."""
        self._count += 1
        heappush(self._due, (max(when, self.now), self._count, action))

    def begin(self, work: Action) -> Strand:
        """Begins a strand, now, when all that is due now was done."""
        strand = Strand(work)
        self._threads.take(self, strand)
        self._wake(strand, self.now)
        return strand

    def wait(self, seconds: float) -> None:
        """Lets time pass for the strand that calls. Raises `KilledError` when it is killed meanwhile."""
        strand = self.current
        if strand is None:
            raise RuntimeError("only a strand can wait")
        self.check(strand)
        until = self.now + seconds
        if not self._due or self._due[0][0] > until:
            self.now = until
            return
        self._wake(strand, until)
        baton = self._next()
        if baton is not strand.baton:
            (baton or self._main).release()
            if strand.baton is not None:
                strand.baton.acquire()
        self.current = strand
        self.check(strand)

    def check(self, strand: Strand) -> None:
        """Raises `KilledError` when the strand was killed."""
        if strand.dead:
            raise KilledError

    def kill(self, strand: Strand) -> None:
        """Kills a strand where it waits, or when it next waits or checks."""
        if not strand.dead:
            strand.dead = True
            if strand is not self.current:
                self._wake(strand, self.now)

    def run(self) -> None:
        """Does all that is due, and all that becomes due by it. Raises what a strand or action raised."""
        baton = self._next()
        if baton is not None:
            baton.release()
            self._main.acquire()
        if self.error is not None:
            raise self.error

    def pass_on(self) -> None:
        """Gives the baton of a strand that has ended to whoever is next."""
        (self._next() or self._main).release()

    def _wake(self, strand: Strand, when: float) -> None:
        # An older waking of the same strand no longer counts.
        strand.turn += 1
        self._count += 1
        heappush(self._due, (when, self._count, (strand, strand.turn)))

    def _next(self) -> threading.Lock | None:
        """Does actions until it is a strand's turn; None when nothing is due any more."""
        while self._due and self.error is None:
            when, _, item = heappop(self._due)
            self.now = max(self.now, when)
            if isinstance(item, tuple):
                strand, turn = item
                if turn == strand.turn and strand.baton is not None:
                    self.current = strand
                    return strand.baton
                continue
            self.current = None
            try:
                item()
            except BaseException as error:  # noqa: BLE001 -- raised again by `run`
                self.error = error
        return None
