"""Programs and files that a test needs and a machine may lack: found, or a skip that says how to get them.

Where nothing may be lacking, as in CI, the variable MAY_BE_MISSING names the exceptions, separated by spaces,
or is empty; tests/conftest.py then turns every other skip into a failure.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

import pytest

from localcloud.runtime import interpreters

if TYPE_CHECKING:
    from collections.abc import Iterator

MAY_BE_MISSING: Final = "MAY_BE_MISSING"

HOW_TO_GET: Final = {
    "curl": "install curl 7.76 or later and have it on PATH (Debian: `apt-get install curl`)",
    **{
        f"python{version}": f"install {interpreters.how_to_get(version)}"
        for version in ("3.9", "3.10", "3.12")
    },
    "node": "install Node.js 20 or later, https://nodejs.org, and have it on PATH",
    "redis-server": "install Redis 6 or later and have it on PATH (Debian: `apt-get install redis-server`)",
    "s": "run `./dev s --version`, which installs Serverless Devs in build/s and needs Node.js 20",
}
"""What to do when a program is missing, by its name."""

_IS_MISSING: Final = " is missing: "


def requires(name: str) -> Path:
    """The path of a program that runs, one of HOW_TO_GET. Skips the test when there is none."""
    path = find(name)
    if path is None:
        missing(name, HOW_TO_GET[name])
    return path


@functools.cache
def find(name: str) -> Path | None:
    """The path of a program that runs, None when there is none."""
    if name.startswith("python"):
        return interpreters.find(name.removeprefix("python"))
    return next((path for path in _candidates(name) if _runs(path)), None)


def missing(name: str, advice: str) -> NoReturn:
    """Skips the test for want of a program or file; `advice` says how to get it."""
    pytest.skip(f"{name}{_IS_MISSING}{advice}")


def is_forbidden(reason: str, allowed: str | None) -> bool:
    """Whether a skip for this reason is a failure. `allowed` is MAY_BE_MISSING, None where all may skip."""
    if allowed is None:
        return False
    name, separator, _ = reason.removeprefix("Skipped: ").partition(_IS_MISSING)
    return not separator or name not in allowed.split()


def _candidates(name: str) -> Iterator[Path]:
    if name == "s":
        # The pinned one and no other.
        yield Path(__file__).parents[2] / "build/s/node_modules/.bin/s"
        return
    for folder in os.get_exec_path():
        found = shutil.which(name, path=folder)
        if found:
            yield Path(found)


def _runs(path: Path) -> bool:
    """Whether it says its version: what is found on PATH may be the shim of a program that is not there."""
    done = _run([str(path), "--version"])
    return done is not None and done.returncode == 0


def _run(command: list[str]) -> subprocess.CompletedProcess[str] | None:
    """A short look at a program; None when it cannot be started or does not end."""
    try:
        return subprocess.run(  # noqa: S603  # no shell, and names of our own
            command, check=False, capture_output=True, text=True, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
