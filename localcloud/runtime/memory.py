"""What a process and its children hold in memory, as Linux counts it. Elsewhere nothing is counted: 0."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

MIB: Final = 1024 * 1024

_PROC: Final = Path("/proc")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


def resident(pid: int) -> int:
    """Bytes of memory that a process and its descendants hold now; what they share is counted once."""
    family = _family(pid)
    if len(family) == 1:
        return _pages(pid) * _PAGE
    return sum(_share(one) for one in family)


def highest(pid: int) -> int:
    """The most bytes that a process, without its children, has held at any moment of its life."""
    return _kilobytes(_PROC / str(pid) / "status", "VmHWM:") * 1024


def _family(pid: int) -> list[int]:
    """A process and its descendants. Who was left behind by its parent is none."""
    family = [pid]
    for one in family:
        with suppress(OSError):
            for task in (_PROC / str(one) / "task").iterdir():
                family += [int(child) for child in (task / "children").read_text().split()]
    return family


def _pages(pid: int) -> int:
    try:
        return int((_PROC / str(pid) / "statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0


def _share(pid: int) -> int:
    return _kilobytes(_PROC / str(pid) / "smaps_rollup", "Pss:") * 1024


def _kilobytes(file: Path, name: str) -> int:
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(name)), 0)
