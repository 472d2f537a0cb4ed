"""What an invocation cost, as one line of the log when it ends. Knows FC's context, no API and no product.

    def initialize(context):
        with initializing(context):                     # its time is told by the cold start's line
            ...

    def handler(event, context):
        with measured(context):                         # the frame of `logging.invocation`, and the line
            add("machines", 3)                          # a number of one's own

`fctoolkit.client` counts each attempt of a call by itself. The numbers of an invocation are found through a
context variable: invocations that share a process do not mix, and threads that `fctoolkit.together` starts
count for the invocation that started them. docs/observability.md lists the fields.
"""

from __future__ import annotations

import logging
import os
import time
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock
from typing import TYPE_CHECKING

from fctoolkit.clock import SYSTEM_CLOCK, Clock
from fctoolkit.logging import cold_start, invocation, log_context

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from fctoolkit.context import Context
    from fctoolkit.jsontypes import JsonObject

_log = logging.getLogger(__name__)

# Plain classes here: the decorator of a dataclass costs a cold start more than all that this module does.


class Readiness:
    """What it took until the first invocation could begin. Seconds; a fact of the process.

    Attributes:
        init: of the initializer; None when there was none.
        start: since the process started, to the hundredth; None where the system does not say.
        start_cpu: of a processor, since the process started.
    """

    __slots__ = ("init", "start", "start_cpu")

    def __init__(self, init: float | None) -> None:
        self.init = init
        self.start = _process_age()
        self.start_cpu = time.process_time()


class _Tally:
    """What became of the calls of one action."""

    __slots__ = ("calls", "failed", "longest", "retries", "throttled", "total")

    def __init__(self) -> None:
        self.calls = self.retries = self.failed = self.throttled = 0
        self.total = self.longest = 0.0

    def record(self) -> JsonObject:
        """As it stands in the line."""
        return {
            "calls": self.calls,
            "retries": self.retries,
            "failed": self.failed,
            "throttled": self.throttled,
            "total_ms": _milliseconds(self.total),
            "longest_ms": _milliseconds(self.longest),
        }


class Metrics:
    """The numbers of one invocation; made by `measured`. Threads may share it."""

    def __init__(self, clock: Clock, ready: Readiness | None) -> None:
        self._clock = clock
        self._lock = Lock()
        self._started = clock.monotonic()
        self._started_cpu = time.process_time()
        self._actions: dict[str, _Tally] = {}
        self._counts: dict[str, float] = {}
        self.ready = ready
        """What it took to get here; None unless this invocation started cold."""

    @property
    def seconds(self) -> float:
        """How long the invocation has been running."""
        return self._clock.monotonic() - self._started

    @property
    def cpu_seconds(self) -> float:
        """What the process has used of a processor meanwhile, with all its threads."""
        return time.process_time() - self._started_cpu

    @property
    def counts(self) -> Mapping[str, float]:
        """What was counted with `add`, so far."""
        with self._lock:
            return dict(self._counts)

    def add(self, name: str, number: float = 1) -> None:
        """Adds to a number of the developer's own; it stands in the line as `counts.<name>`."""
        with self._lock:
            self._counts[name] = self._counts.get(name, 0) + number

    def count_attempt(
        self, action: str, seconds: float, *, repeated: bool, failed: bool, throttled: bool
    ) -> None:
        """Counts one attempt of a call; the first of a call counts for the call, too."""
        with self._lock:
            tally = self._actions.get(action)
            if tally is None:
                tally = self._actions[action] = _Tally()
            tally.calls += not repeated
            tally.retries += repeated
            tally.failed += failed
            tally.throttled += throttled
            tally.total += seconds
            tally.longest = max(tally.longest, seconds)

    def record(self) -> JsonObject:
        """All of it, as it stands in the line: milliseconds, MiB and counts."""
        fields: JsonObject = {
            "duration_ms": _milliseconds(self.seconds),
            "cpu_ms": _milliseconds(self.cpu_seconds),
        }
        if (peak := peak_memory()) is not None:
            fields["peak_memory_mib"] = round(peak / 2**20, 1)
        if self.ready is not None:
            if self.ready.init is not None:
                fields["init_ms"] = _milliseconds(self.ready.init)
            if self.ready.start is not None:
                fields["start_ms"] = _milliseconds(self.ready.start)
            fields["start_cpu_ms"] = _milliseconds(self.ready.start_cpu)
        with self._lock:
            tallies = sorted(self._actions.items(), key=lambda one: -one[1].total)
            fields["calls"] = sum(one.calls for _, one in tallies)
            fields["retries"] = sum(one.retries for _, one in tallies)
            fields["failed"] = sum(one.failed for _, one in tallies)
            fields["throttled"] = sum(one.throttled for _, one in tallies)
            fields["api"] = [{"action": action, **one.record()} for action, one in tallies]
            fields["counts"] = {**self._counts}
        return fields


_current: ContextVar[Metrics | None] = ContextVar("fctoolkit_metrics", default=None)
_ready: list[Readiness] = []  # of this process, like the cold start itself; at most one


@contextmanager
def initializing(context: Context, clock: Clock = SYSTEM_CLOCK) -> Generator[None]:
    """The frame of FC's initializer: its lines say the request id and the function, its time is kept."""
    started = clock.monotonic()
    with log_context(request_id=context.request_id, function=context.function.name):
        yield
    _ready[:] = [Readiness(clock.monotonic() - started)]


@contextmanager
def measured(
    context: Context, event_id: str | None = None, *, clock: Clock = SYSTEM_CLOCK
) -> Generator[Metrics]:
    """The frame of one invocation, as `logging.invocation` is, and its numbers as one line when it ends.

    The line has level INFO and message `metrics`. It comes, too, when the invocation raises; `error` then
    names the type.
    """
    with invocation(context, event_id):
        ready = (_ready.pop() if _ready else Readiness(None)) if cold_start() else None
        metrics = Metrics(clock, ready)
        token = _current.set(metrics)
        error = ""
        try:
            yield metrics
        except BaseException as raised:
            error = type(raised).__name__
            raise
        finally:
            _current.reset(token)
            _tell(metrics, error)


def _tell(metrics: Metrics, error: str) -> None:
    if not _log.isEnabledFor(logging.INFO):
        return
    try:
        fields = metrics.record()
    except Exception:  # noqa: BLE001 -- what became of an event is not lost to what it cost
        _log.warning("the numbers of the invocation cannot be told", exc_info=True)
        return
    _log.info("metrics", extra={**fields, **({"error": error} if error else {})})


def current() -> Metrics | None:
    """The numbers of the invocation that is running; None outside of `measured`."""
    return _current.get()


def add(name: str, number: float = 1) -> None:
    """`Metrics.add` for the invocation that is running; nothing outside of one."""
    metrics = _current.get()
    if metrics is not None:
        metrics.add(name, number)


def peak_memory() -> int | None:
    """The most memory the process has had resident, in bytes; None where the system does not say.

    Not `getrusage`: what that tells begins with the memory of the process that started this one.
    """
    status = _read("/proc/self/status")
    found = status.find(b"VmHWM:")
    return None if found < 0 else int(status[found + 6 : status.index(b"kB", found)]) * 1024


def _process_age() -> float | None:
    """Seconds since this process started. Source: proc(5), field 22 of /proc/[pid]/stat, in clock ticks."""
    # The name, in parentheses, may hold anything; after it come fields 3 and following.
    fields = _read("/proc/self/stat").rpartition(b")")[2].split()
    if len(fields) < 20:  # noqa: PLR2004 -- field 22 is the twentieth of them
        return None
    started = int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - started)


def _read(path: str) -> bytes:
    """A small file of the system; nothing where there is none."""
    try:
        file = os.open(path, os.O_RDONLY)
    except OSError:
        return b""
    try:
        return os.read(file, 8192)
    finally:
        os.close(file)


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 2)
