"""Trees of files that programs are loaded from: the layer, the official SDKs, code. Knows no measurement.

A tree is files by path. What happens to one on its way into the cloud happens here: it is zipped with fixed
times, as fc3 does so that the same files make the same zip, and unpacked with the times that the zip has.
"""

from __future__ import annotations

import io
import os
import sys
import time
import zipfile
from importlib.util import source_from_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.case import BenchError
from bench.processes import ROOT, output_of
from tools.layer.build import zip_bytes
from tools.layer.bytecode import MAGIC, bytecode
from tools.layer.contents import MAIN
from tools.layer.fetch import fetch

if TYPE_CHECKING:
    from collections.abc import Mapping

LAYER: Final = ROOT / MAIN.zip
SDK: Final = ROOT / "build/sdk/python"
HOW_TO_GET_SDK: Final = "run `./dev bench cold`, which installs them in build/sdk"

BYTECODE: Final = ".pyc"
MOST_SECONDS: Final = 600
"""That the layer may take to be built."""

_HEADER: Final = 16
_NEVER_CHECKED: Final = 1
_FOLDER: Final = "python/"
_READ_ONLY: Final = 0o555


def build_layer() -> bytes:
    """The layer's zip with bytecode, built by `./dev layer`. Raises BenchError that says why it cannot be."""
    try:
        output_of((sys.executable, "-m", "tools.layer", "--require-bytecode"), MOST_SECONDS)
    except BenchError as error:
        raise BenchError(f"the layer could not be built: {error}") from None
    return LAYER.read_bytes()


def opened(data: bytes) -> dict[str, bytes]:
    """The packages in a layer's zip, by path below `python/`."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = [name for name in archive.namelist() if name.startswith(_FOLDER)]
        return {name.removeprefix(_FOLDER): archive.read(name) for name in names}


def whole_wheels(interpreter: Path) -> dict[str, bytes]:
    """The layer's wheels with all that is in them, as pip would install them, compiled like the layer.

    Args:
        interpreter: a Python 3.12, which compiles.
    """
    files: dict[str, bytes] = {}
    for wheel in fetch(ROOT / MAIN.requirements, ROOT / "build/layer"):
        with zipfile.ZipFile(io.BytesIO(wheel.data)) as archive:
            files |= {one.filename: archive.read(one) for one in archive.infolist() if not one.is_dir()}
    return {**files, **bytecode(files, interpreter)[1]}


def sdk_folder() -> Path:
    """Where pip has put the official SDKs. Raises BenchError where it has not."""
    if not SDK.is_dir():
        raise BenchError(f"the official SDKs for Python 3.12 are missing: {HOW_TO_GET_SDK}")
    return SDK


def read(folder: Path) -> dict[str, bytes]:
    """All files of a folder."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def without_bytecode(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The same without what Python or pip compiled."""
    return {path: data for path, data in files.items() if not path.endswith(BYTECODE)}


def write(files: Mapping[str, bytes], folder: Path) -> None:
    """Puts files into a folder, with the present time."""
    for path, data in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)


def deploy(files: Mapping[str, bytes], folder: Path) -> None:
    """Zips files and unpacks them into a folder; each keeps the time that it has in the zip."""
    with zipfile.ZipFile(io.BytesIO(zip_bytes(files))) as archive:
        archive.extractall(folder)
        for one in archive.infolist():
            moment = time.mktime((*one.date_time, 0, 1, -1))
            os.utime(folder / one.filename, (moment, moment))


def seal(folder: Path) -> None:
    """Nobody but root may write into the folder any more."""
    for path in (folder, *folder.rglob("*")):
        if path.is_dir():
            path.chmod(_READ_ONLY)


def listing(folder: Path) -> frozenset[tuple[str, int, int]]:
    """Every file with its size and time: what differs when somebody wrote."""
    files = ((path, path.stat()) for path in folder.rglob("*"))
    return frozenset((str(path), stat.st_size, stat.st_mtime_ns) for path, stat in files)


def count_bytecode(folder: Path) -> tuple[int, int]:
    """How many compiled files there are, and how many of them Python 3.12 would load."""
    compiled = [path for path in folder.rglob(f"*{BYTECODE}") if path.is_file()]
    return len(compiled), sum(map(is_valid, compiled))


def is_valid(compiled: Path) -> bool:
    """Whether Python 3.12 takes a compiled file, by its header; PEP 552 has the form.

    What is to be checked by hash counts as stale: nothing here makes it.
    """
    header = compiled.read_bytes()[:_HEADER]
    source = Path(source_from_cache(str(compiled)))
    if len(header) < _HEADER or not header.startswith(MAGIC) or not source.exists():
        return False
    flags, moment, size = (int.from_bytes(header[at : at + 4], "little") for at in (4, 8, 12))
    if flags:
        return flags == _NEVER_CHECKED
    told = source.stat()
    return (moment, size) == (int(told.st_mtime) & 0xFFFF_FFFF, told.st_size & 0xFFFF_FFFF)
