"""Processes in which measurements are made, and the Python for those of functions. Knows no measurement."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.case import BenchError
from localcloud.runtime.interpreters import find, how_to_get
from tools.layer.bytecode import VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT: Final = Path(__file__).resolve().parents[1]

_LONGEST: Final = 3_000
"""Characters of what a process says that an error repeats: the last ones."""


def output_of(
    command: Sequence[str], seconds: float, *, text: str = "", environment: Mapping[str, str] | None = None
) -> str:
    """What a command writes to stdout when it gets `text` on stdin, run in the project's folder.

    Args:
        command: a program and its arguments.
        seconds: how long it may take.
        text: for its stdin.
        environment: all variables that it has; those of this process unless given.

    Raises BenchError with what it wrote to stderr when it fails, or takes longer.
    """
    try:
        done = subprocess.run(  # noqa: S603 - interpreters of this machine, and modules of our own
            command,
            cwd=ROOT,
            env=environment,
            input=text,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise BenchError(f"it took more than {seconds:.0f} s") from None
    return _judged(done.returncode, done.stdout, done.stderr)


def output_of_group(command: Sequence[str], seconds: float, *, text: str) -> str:
    """The same as `output_of`, for a process that starts others, such as a local cloud: none lives on.

    It has a group of its own with all that it starts. The group is ended when this is interrupted or it takes
    too long, and ends itself when this process is gone: as a last argument the command gets the number of a
    pipe whose other end this process holds.
    """
    lifeline, held = os.pipe()
    try:
        with subprocess.Popen(  # noqa: S603 - modules of our own
            (*command, str(lifeline)),
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            pass_fds=(lifeline,),
            start_new_session=True,
        ) as process:
            try:
                told, said = process.communicate(text, timeout=seconds)
            except BaseException:
                os.killpg(process.pid, signal.SIGKILL)
                raise
    except subprocess.TimeoutExpired:
        raise BenchError(f"it took more than {seconds:.0f} s") from None
    finally:
        os.close(lifeline)
        os.close(held)
    return _judged(process.returncode, told, said)


def _judged(status: int, told: str, said: str) -> str:
    if status:
        raise BenchError(said.strip()[-_LONGEST:] or f"the process ended with {status}")
    return told


def function_python() -> Path:
    """The Python that FC runs, on this machine. Raises BenchError with how to get it where it is missing."""
    found = find(VERSION)
    if found is None:
        raise BenchError(f"this is measured with {how_to_get(VERSION)}")
    return found
