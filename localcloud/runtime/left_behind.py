"""Ends what an instance has started and left behind: nothing outlives an instance in the cloud. Linux only.

Elsewhere only what stayed in the group of the instance's process ends.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_PROC: Final = Path("/proc")

_ROUNDS: Final = 20
"""How often is looked again for what was started meanwhile."""


def kill_with_children(pid: int, instance_id: str) -> None:
    """Kills a process with its group, and every process that has this instance's id in its environment."""
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    if not instance_id:
        return
    variable = f"FC_INSTANCE_ID={instance_id}".encode()
    for _ in range(_ROUNDS):
        found = tuple(_with(variable))
        for left in found:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(left, signal.SIGKILL)
        if not found:
            return


def _with(variable: bytes) -> Iterator[int]:
    """The processes that began with a variable. One that has ended and waits to be reaped shows none."""
    for entry in _PROC.glob("[0-9]*"):
        with suppress(OSError):
            if variable in (entry / "environ").read_bytes().split(b"\0"):
                yield int(entry.name)
