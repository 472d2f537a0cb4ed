"""What a process uses: processor time and memory, read from the system."""

from __future__ import annotations

import gc
import resource
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from fctoolkit.metrics import peak_memory

_STATUS = Path("/proc/self/status")
_FORGET_PEAK = Path("/proc/self/clear_refs")
_KIB_PER_MIB = 1024


@dataclass(frozen=True, slots=True)
class Usage:
    """What a piece of work used.

    Attributes:
        wall: seconds on the clock.
        cpu: seconds of processor time of this process, all threads.
        calls: API calls.
    """

    wall: float
    cpu: float
    calls: int


class Meter:
    """Measures from when it is made."""

    def __init__(self) -> None:
        self._wall = time.perf_counter()
        self._cpu = time.process_time()

    def read(self) -> tuple[float, float]:
        """Seconds on the clock, and seconds of processor time, since then."""
        return time.perf_counter() - self._wall, time.process_time() - self._cpu


def memory_now() -> float:
    """Resident memory in MiB, after collecting garbage; on Linux, `memory_peak` counts from here on."""
    gc.collect()
    try:
        _FORGET_PEAK.write_text("5")
        lines = _STATUS.read_text(encoding="ascii").splitlines()
    except OSError:
        return memory_peak()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / _KIB_PER_MIB


def memory_peak() -> float:
    """The most resident memory in MiB since `memory_now`, or, not on Linux, since the process began."""
    if (peak := peak_memory()) is not None:
        return peak / _KIB_PER_MIB**2
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / _KIB_PER_MIB if sys.platform != "darwin" else most / _KIB_PER_MIB**2
