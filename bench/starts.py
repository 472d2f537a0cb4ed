"""Starts a program in a new process, as cold as an instance starts, and takes its times. Knows no program."""

from __future__ import annotations

import os
import select
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Final

from bench.case import BenchError

if TYPE_CHECKING:
    from collections.abc import Mapping

STARTER: Final = Path(__file__).with_name("programs") / "starter.py"
MOST_SECONDS: Final = 60

_MS: Final = 1_000
_KIB_PER_MIB: Final = 1_024
_LONGEST: Final = 4_096
"""Bytes that a pipe takes at once."""


@dataclass(frozen=True, slots=True)
class Program:
    """What is started.

    Attributes:
        interpreter: the Python that runs it; it has no packages of its own.
        code: the folder with its handler.
        layer: the folder with its packages.
        handler: module and function.
        initializer: module and function.
        environment: all variables that it has.
    """

    interpreter: Path
    code: Path
    layer: Path
    handler: str
    initializer: str
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Start:
    """What one start took: milliseconds, and MiB.

    Attributes:
        wall: from before the process was made until its event was handled.
        cpu: processor time of the process.
        importing: until the handler's module was there.
        initializing: the initializer.
        handling: the event.
        peak: the most resident memory.
        modules: how many were loaded, the interpreter's own among them.
    """

    wall: float
    cpu: float
    importing: float
    initializing: float
    handling: float
    peak: float
    modules: int


def start(program: Program, event: Path) -> Start:
    """Starts a program with one event. Raises BenchError with what it wrote when it does not handle it."""
    reading, writing = os.pipe()
    with TemporaryFile() as said:
        arguments = (
            str(program.interpreter),
            "-S",
            str(STARTER),
            str(program.code),
            str(program.layer),
            program.handler,
            program.initializer,
            str(event),
            str(writing),
        )
        begun = time.perf_counter()
        process = subprocess.Popen(  # noqa: S603 - an interpreter and programs of our own
            arguments, env=dict(program.environment), pass_fds=(writing,), stdout=said, stderr=said
        )
        os.close(writing)
        try:
            ready, _, _ = select.select([reading], [], [], MOST_SECONDS)
            told = os.read(reading, _LONGEST).decode() if ready else ""
            wall = time.perf_counter() - begun
        finally:
            os.close(reading)
            # It has told all that it ever will.
            process.kill()
            process.wait()
        if not told:
            said.seek(0)
            wrote = said.read()[-3_000:].decode(errors="replace")
            late = "" if ready else f" within {MOST_SECONDS} s"
            raise BenchError(
                f"{program.code.name} did not handle its event{late}: {wrote or 'it wrote nothing'}"
            )
    return _read(told, wall)


def pin(processor: int | None) -> None:
    """Lets this process, and those that it starts, run on one processor alone; None for where it likes."""
    if processor is not None:
        os.sched_setaffinity(0, {processor})


def go_first() -> None:
    """Where the system permits it, lets this process, and those that it starts, go before all others.

    A nice value would count among the processes of one terminal only, where Linux groups them so.
    """
    with suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(os.sched_get_priority_min(os.SCHED_RR)))


def processors() -> tuple[int | None, int | None]:
    """One for the server and one for what is measured, as different as the machine allows."""
    if not hasattr(os, "sched_getaffinity"):
        return None, None
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[0], allowed[-1]


def _read(told: str, wall: float) -> Start:
    importing, initializing, handling, cpu, peak, modules = told.split("\n")
    return Start(
        wall=wall * _MS,
        cpu=float(cpu) * _MS,
        importing=float(importing) * _MS,
        initializing=float(initializing) * _MS,
        handling=float(handling) * _MS,
        peak=int(peak) / _KIB_PER_MIB,
        modules=int(modules),
    )
