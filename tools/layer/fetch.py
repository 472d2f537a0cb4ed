"""Brings the locked wheels onto this machine, once: from a package index, then from a folder under `build/`.

The one module that starts pip. Knows nothing of what is made of the wheels.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeAlias

from tools.layer.errors import LayerError
from tools.layer.wheels import ABIS, PLATFORMS, PYTHON, Wheel, check, read_pins

Download: TypeAlias = Callable[[Path, Path], None]
"""Puts the wheels of a requirements file into a folder; raises LayerError."""

TAIL: Final = 5
"""Lines of pip's complaint that are shown."""


def fetch(requirements: Path, cache: Path, download: Download | None = None) -> tuple[Wheel, ...]:
    """The wheels of a requirements file, each checked against its hashes, wherever it came from.

    They are kept in a folder of `cache` that is named by the requirements, so a changed file starts a new
    one. A folder that does not satisfy them is not used but downloaded again. Raises LayerError.
    """
    text = requirements.read_text(encoding="utf-8")
    pins = read_pins(text)
    folder = cache / hashlib.sha256(text.encode()).hexdigest()[:16]
    if folder.is_dir():
        try:
            return check(pins, _files(folder))
        except LayerError as error:
            sys.stderr.write(f"{folder}: {error}; downloading again\n")
    cache.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(dir=cache))
    try:
        (download or pip_download)(requirements, fresh)
        wheels = check(pins, _files(fresh))
        shutil.rmtree(folder, ignore_errors=True)
        # Another build may have put the same wheels there in between; these are read and checked.
        with contextlib.suppress(OSError):
            fresh.rename(folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return wheels


def pip_download(requirements: Path, folder: Path) -> None:
    """Downloads with the pip of the running Python, for FC's platform whatever this machine is."""
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"),
        *("--only-binary", ":all:", "--no-deps", "--require-hashes"),
        *("--implementation", "cp", "--python-version", ".".join(map(str, PYTHON))),
        *(argument for abi in ABIS for argument in ("--abi", abi)),
        *(argument for platform in PLATFORMS for argument in ("--platform", platform)),
        *("--requirement", str(requirements), "--dest", str(folder)),
    ]
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603  # our own pip
    if done.returncode == 0:
        return
    if "DO NOT MATCH THE HASHES" in done.stderr:
        advice = (
            "The index gave a file that is not the locked one. Ask another index; only if you know why the "
            "file changed, lock again with `./dev lock`"
        )
    else:
        advice = (
            "Building needs a package index once: connect, or name one in PIP_INDEX_URL, or a folder with "
            "the wheels in PIP_FIND_LINKS. After that it works offline"
        )
    errors = [line for line in done.stderr.splitlines() if line.strip() and not line.startswith("WARNING")]
    raise LayerError("\n".join(["pip could not download the layer's wheels.", *errors[-TAIL:], advice]))


def _files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
