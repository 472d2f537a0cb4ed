"""Processes in which measurements are made, and the Python for those of functions. Knows no measurement."""

from __future__ import annotations

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
    if done.returncode:
        said = done.stderr.strip()[-_LONGEST:]
        raise BenchError(said or f"the process ended with {done.returncode}")
    return done.stdout


def function_python() -> Path:
    """The Python that FC runs, on this machine. Raises BenchError with how to get it where it is missing."""
    found = find(VERSION)
    if found is None:
        raise BenchError(f"this is measured with {how_to_get(VERSION)}")
    return found
