"""Locked requirements and the wheels that satisfy them: what they pin, where they run, what they hold.

Works on texts and bytes. Knows no index and no folder.
"""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import chain
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from tools.layer.contents import LEFT_OUT, TYPING
from tools.layer.errors import LayerError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PYTHON: Final = (3, 12)
"""The Python of FC's runtime python3.12."""

GLIBC: Final = range(31, 16, -1)
"""Minor versions of glibc 2 whose wheels are taken: Debian 11, which that runtime runs on, has 2.31."""

PLATFORMS: Final = (*(f"manylinux_2_{minor}_x86_64" for minor in GLIBC), "manylinux2014_x86_64")
"""Platform tags of wheels with compiled code, the newest first. manylinux2014 is an older name of 2_17."""

ABIS: Final = (f"cp{PYTHON[0]}{PYTHON[1]}", "abi3", "none")
"""Interfaces of compiled code, the closest first."""

_PIN: Final = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)==(\S+)((?:\s+--hash=sha256:[0-9a-f]{64})+)")
_LICENCE: Final = re.compile(r"licen[cs]e|copying|notice|authors", re.IGNORECASE)
_KEPT_METADATA: Final = frozenset({"METADATA", "entry_points.txt"})
_LEFT_OUT_FOLDERS: Final = frozenset({"__pycache__", "tests"})
_LEFT_OUT_ENDINGS: Final = (".pyc", *TYPING)


@dataclass(frozen=True, slots=True)
class Pin:
    """One locked requirement: a package, its version, and the SHA-256 of every file that may stand for it."""

    name: str
    version: str
    hashes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Wheel:
    """A wheel that was checked against its pin: its bytes are what was checked."""

    pin: Pin
    filename: str
    data: bytes = field(repr=False)


def read_pins(text: str) -> tuple[Pin, ...]:
    """The pins of a requirements file with hashes. LayerError for a line that is anything else."""
    lines = [line.partition(" #")[0].strip() for line in text.replace("\\\n", " ").splitlines()]
    pins = []
    for line in lines:
        if not line or line.startswith("#"):
            continue
        match = _PIN.fullmatch(line)
        if match is None:
            raise LayerError(
                f"cannot read the requirement {line[:80]!r}: expected name==version and hashes, no markers; "
                "`./dev lock` writes such lines"
            )
        hashes = frozenset(re.findall(r"sha256:([0-9a-f]{64})", match[3]))
        pins.append(Pin(normal(match[1]), match[2], hashes))
    return tuple(pins)


def normal(name: str) -> str:
    """A package's name in the one spelling that compares: https://packaging.python.org/specifications/name-normalization."""
    return re.sub(r"[-_.]+", "-", name).lower()


def check(pins: tuple[Pin, ...], files: Mapping[str, bytes]) -> tuple[Wheel, ...]:
    """Pairs every pin with its wheel among `files`, bytes by name.

    Raises LayerError when one is missing or there twice, is not the locked file, or does not run on FC.
    """
    found: dict[str, list[str]] = {}
    for filename in files:
        found.setdefault(normal(filename.partition("-")[0]), []).append(filename)
    wheels = []
    for pin in pins:
        names = found.pop(pin.name, [])
        if len(names) != 1:
            raise LayerError(
                f"{pin.name} {pin.version}: expected one wheel, found {', '.join(names) or 'none'}"
            )
        wheels.append(_checked(pin, names[0], files[names[0]]))
    if found:
        raise LayerError(f"wheels that no requirement asks for: {', '.join(chain(*found.values()))}")
    return tuple(wheels)


def _checked(pin: Pin, filename: str, data: bytes) -> Wheel:
    digest = hashlib.sha256(data).hexdigest()
    if digest not in pin.hashes:
        raise LayerError(
            f"{filename} is not the locked file: its SHA-256 {digest} is not that of {pin.name} {pin.version}"
        )
    if not fits(filename):
        raise LayerError(f"{filename} does not run on FC, which has Python 3.12, x86_64 and glibc 2.31")
    return Wheel(pin, filename, data)


def fits(filename: str) -> bool:
    """Whether a wheel of this name runs on FC: https://packaging.python.org/specifications/platform-compatibility-tags."""
    parts = filename.removesuffix(".whl").split("-")
    if not filename.endswith(".whl") or len(parts) not in (5, 6):
        return False
    pythons, abis, platforms = (part.split(".") for part in parts[-3:])
    if not {"any", *PLATFORMS} & set(platforms):
        return False
    return any(_runs(python, abi) for python in pythons for abi in abis)


def _runs(python: str, abi: str) -> bool:
    major, minor = PYTHON
    if abi == "none":
        return python in (f"py{major}", f"py{major}{minor}", f"cp{major}{minor}")
    if abi == "abi3":
        # Compiled for the stable interface of a Python, it runs on every later one.
        older = re.fullmatch(rf"cp{major}(\d+)", python)
        return older is not None and int(older[1]) <= minor
    return abi == ABIS[0] == python


def unpack(wheel: Wheel) -> dict[str, bytes]:
    """What of a wheel belongs into the layer, by its path below `python/`.

    Left out is what a function never needs: tests, bytecode, scripts, headers, what `LEFT_OUT` names, and all
    metadata but METADATA's fields, entry points and licences. The list of files (RECORD) would be wrong
    without these. Raises LayerError for what has no place in a layer.
    """
    files: dict[str, bytes] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(wheel.data)) as archive:
            for info in archive.infolist():
                place = None if info.is_dir() else _place(wheel.filename, info.filename)
                if place is None:
                    continue
                if place in files:
                    raise LayerError(f"{wheel.filename} has {place} twice")
                files[place] = archive.read(info)
    except zipfile.BadZipFile as error:
        raise LayerError(f"{wheel.filename} is no wheel: {error}") from None
    return {place: _shortened(place, files[place]) for place in _wanted(wheel, files)}


def _wanted(wheel: Wheel, places: Iterable[str]) -> list[str]:
    """The places that `LEFT_OUT` does not name. A pattern that fits nothing is a mistake in that table."""
    left = list(places)
    for pattern in chain(*(one.patterns for one in LEFT_OUT if one.package == wheel.pin.name)):
        fewer = [place for place in left if not fnmatchcase(place, pattern)]
        if len(fewer) == len(left):
            raise LayerError(
                f"{wheel.filename} has no {pattern}, which tools/layer/contents.py leaves out: look at what "
                "the wheel has now, and correct the table"
            )
        left = fewer
    return left


def _shortened(place: str, data: bytes) -> bytes:
    """Metadata without the description, which follows the first empty line: the package's whole README."""
    if not place.endswith(".dist-info/METADATA"):
        return data
    return data.replace(b"\r\n", b"\n").partition(b"\n\n")[0].rstrip(b"\n") + b"\n"


def _place(wheel: str, name: str) -> str | None:
    """The path of a wheel's file in the layer, None when it is left out."""
    parts = PurePosixPath(name).parts
    if name.startswith("/") or "\\" in name or ".." in parts:
        raise LayerError(f"{wheel} has a file outside of itself: {name}")
    if parts[0].endswith(".data"):
        match parts[1:]:
            case ("purelib" | "platlib", *rest) if rest:
                parts = tuple(rest)
            case ("scripts" | "headers", *_):
                return None
            case _:
                raise LayerError(
                    f"{wheel} wants {name} outside of Python's packages: a layer has no such place"
                )
    if parts[0].endswith(".dist-info") and not _is_kept_metadata(parts[1:]):
        return None
    if _LEFT_OUT_FOLDERS.intersection(parts[:-1]) or parts[-1].endswith(_LEFT_OUT_ENDINGS):
        return None
    return "/".join(parts)


def _is_kept_metadata(parts: tuple[str, ...]) -> bool:
    return parts[0] in (*_KEPT_METADATA, "licenses") or _LICENCE.match(parts[0]) is not None
