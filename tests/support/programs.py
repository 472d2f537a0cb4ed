"""Programs and files that a test needs and a machine may lack: found, or a skip that says how to get them.

Where nothing may be lacking, as in CI, the variable MAY_BE_MISSING names the exceptions, separated by spaces,
or is empty; tests/conftest.py then turns every other skip into a failure.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

MAY_BE_MISSING: Final = "MAY_BE_MISSING"

HOW_TO_GET: Final = {
    "python3.12": "install Python 3.12 and have it on PATH, in pyenv (`pyenv install 3.12`) or in uv "
    "(`uv python install 3.12`)",
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
    return next((path for path in _candidates(name) if _runs(path, name)), None)


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
    if name.startswith("python"):
        version = name.removeprefix("python")
        # A folder of pyenv's shims on PATH tells where its versions are, wherever HOME is.
        shims = (Path(folder).parent for folder in os.get_exec_path() if Path(folder).name == "shims")
        for pyenv in (Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv"), *shims):
            yield from sorted(pyenv.glob(f"versions/{version}*/bin/{name}"), reverse=True)
        uv = str(Path(sys.executable).with_name("uv"))
        find = [uv, "python", "find", "--managed-python", "--no-python-downloads", "--no-project", version]
        done = _run(find)
        if done is not None and done.returncode == 0:
            yield Path(done.stdout.strip())


def _runs(path: Path, name: str) -> bool:
    """Whether it says its version: what is found on PATH may be the shim of a program that is not there."""
    done = _run([str(path), "--version"])
    expected = name.replace("python", "Python ") if name.startswith("python") else ""
    return done is not None and done.returncode == 0 and done.stdout.startswith(expected)


def _run(command: list[str]) -> subprocess.CompletedProcess[str] | None:
    """A short look at a program; None when it cannot be started or does not end."""
    try:
        return subprocess.run(  # noqa: S603  # no shell, and names of our own
            command, check=False, capture_output=True, text=True, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
