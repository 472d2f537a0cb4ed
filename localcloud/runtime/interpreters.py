"""Finds the Python that a function's runtime names on this machine. Starts nothing but `python --version`.

Looked through are PATH, the versions of pyenv and those of uv. A file that does not say the right version is
passed: what stands on PATH may be the shim of a program that is not there.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final

from localcloud.runtime.exchange import NotStartedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from localcloud.functions.spec import FunctionSpec

LOOK_SECONDS: Final = 30.0

_BUILT_IN: Final = {"python3.12": "3.12", "python3.10": "3.10", "python3.9": "3.9", "python3": "3.9"}
"""The Python of each built-in runtime. `python3` is 3.6 in the cloud,
which is too old for what runs functions here."""

_IMAGES: Final = {"custom.debian12": "3.11", "custom.debian11": "3.12", "custom.debian10": "3.10"}
"""The Python that the image of a custom runtime brings; docs/runtimes.md names the sources."""


def version_for(spec: FunctionSpec) -> str:
    """The version that a function asks for, such as `3.12`; empty for one that asks for none."""
    if spec.custom is None:
        return _BUILT_IN.get(spec.runtime, "")
    program = Path(spec.custom.command[0]).name
    if program in {"python", "python3"}:
        return _IMAGES.get(spec.runtime, "")
    return program.removeprefix("python") if program.startswith("python3.") else ""


def interpreter_for(spec: FunctionSpec, default: Path) -> Path:
    """The interpreter that a function asks for, or `default` for one that asks for none.

    Raises NotStartedError, which says how to get one, when this machine has none.
    """
    version = version_for(spec)
    if not version:
        return default
    found = find(version)
    if found is None:
        raise NotStartedError("FunctionNotStarted", f"{spec.runtime} needs {how_to_get(version)}.", "")
    return found


def how_to_get(version: str) -> str:
    """What to do where `find` finds nothing."""
    return (
        f"Python {version} on this machine: have python{version} on PATH, in pyenv "
        f"(`pyenv install {version}`) or in uv (`uv python install {version}`)"
    )


@functools.cache
def find(version: str) -> Path | None:
    """A Python of that version, such as `3.12`, that runs; None when there is none. Remembered."""
    return next((path for path in _candidates(version) if _is(path, version)), None)


def _candidates(version: str) -> Iterator[Path]:
    name = f"python{version}"
    folders = os.get_exec_path()
    for folder in folders:
        if (found := shutil.which(name, path=folder)) is not None:
            yield Path(found)
    # A folder of pyenv's shims on PATH tells where its versions are, wherever HOME is.
    shims = (Path(folder).parent for folder in folders if Path(folder).name == "shims")
    for pyenv in (Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv"), *shims):
        yield from sorted(pyenv.glob(f"versions/{version}*/bin/{name}"), reverse=True)
    data = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share")
    uv = Path(os.environ.get("UV_PYTHON_INSTALL_DIR") or data / "uv/python")
    yield from sorted(uv.glob(f"cpython-{version}*/bin/{name}"), reverse=True)


def _is(path: Path, version: str) -> bool:
    try:
        done = subprocess.run(  # noqa: S603  # no shell, and a name of our own
            [str(path), "--version"], check=False, capture_output=True, text=True, timeout=LOOK_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and f"{done.stdout.strip()}.".startswith(f"Python {version}.")
