"""One function of a deployment: its instances, and the threads of its background invocations."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from threading import Event

    from localcloud.functions.spec import FunctionSpec
    from localcloud.runtime import FunctionProcess, Invocation, Limits

MOST_IN_BACKGROUND: Final = 64
"""Threads for the background invocations of one function."""


KILL_SECONDS: Final = 0.05
"""How often is looked for what was started while all the rest was killed."""


@dataclass(frozen=True, slots=True)
class Ended:
    """An invocation that is over: whose it was, and whether nobody waited for it.

    Attributes:
        function: the function's resource key.
    """

    function: str
    invocation: Invocation
    background: bool


class Running:
    """A function that runs here. What waits in the background for `before`, if any, runs as this one."""

    def __init__(
        self, spec: FunctionSpec, process: FunctionProcess, limits: Limits, before: Running | None
    ) -> None:
        self.spec = spec
        self.process = process
        self._limits = limits
        self.queue: Queue = _queue(spec, limits, before.queue if before is not None else None)

    def submit(self, run: Callable[[], None]) -> None:
        """Runs something in the background, after what was there before, as many at once as there may be."""
        self.queue.threads.submit(run)

    def adapts(self, spec: FunctionSpec) -> bool:
        """Takes over a changed spec and keeps the instances, if they know nothing of what has changed."""
        same = replace(
            spec,
            reserved=self.spec.reserved,
            provisioned=self.spec.provisioned,
            asynchronous=self.spec.asynchronous,
            triggers=self.spec.triggers,
        )
        if same != self.spec:
            return False
        self.spec = spec
        self.process.adapt(spec)
        self.queue = _queue(spec, self._limits, self.queue)
        return True

    def refuse(self) -> None:
        """What waits in the background is never run."""
        self.queue.threads.shutdown(wait=False, cancel_futures=True)

    def join(self) -> None:
        """Waits for what ran in the background, after `refuse`."""
        self.queue.threads.shutdown()


@dataclass(frozen=True, slots=True)
class Alias:
    """A function that is run as others. `chosen` gives the key of the one that is, anew each time."""

    spec: FunctionSpec
    chosen: Callable[[], str]


def kill_until(over: Event, processes: Callable[[], Iterable[FunctionProcess]], seconds: float) -> None:
    """Kills whatever instance there is after so many seconds, and what starts later, until it is `over`."""
    while not over.wait(seconds):
        seconds = KILL_SECONDS
        for process in processes():
            process.crash()


@dataclass(frozen=True, slots=True)
class Queue:
    """Threads that take what waits in its order, so many at once."""

    width: int
    threads: ThreadPoolExecutor


def _queue(spec: FunctionSpec, limits: Limits, before: Queue | None) -> Queue:
    """The queue of a function: the one there was, when it is as wide."""
    instances = limits.processes if spec.reserved is None else min(spec.reserved, limits.processes)
    width = max(1, min(instances * spec.instance_concurrency, MOST_IN_BACKGROUND))
    if before is not None and before.width == width:
        return before
    if before is not None:
        before.threads.shutdown(wait=False)
    return Queue(width, ThreadPoolExecutor(width, spec.key))
