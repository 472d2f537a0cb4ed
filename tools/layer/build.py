"""Makes the layer of sources and wheels: the same input gives the same bytes. Fetches nothing.

Nothing of order, clock, umask, locale, folder or the building Python comes into the zip. One thing does: how
zlib packs. A Python linked with another zlib, such as zlib-ng, makes a zip of other bytes and the same files.
Storing without packing would be free of this, and three times as large at every cold start.
"""

from __future__ import annotations

import io
import os
import tempfile
import zipfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tools.layer.contents import LIMIT, TYPING
from tools.layer.errors import LayerError
from tools.layer.wheels import Wheel, unpack

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

TIME: Final = (1980, 1, 1, 0, 0, 0)
"""The time of every entry, the earliest that a zip can tell."""

MODE: Final = 0o100644
"""A plain file that everybody may read: functions do not run as the user who unpacked the layer."""

UNIX: Final = 3
_SHOWN: Final = 8
_CODE: Final = frozenset({".py", ".json"})
_IGNORED: Final = frozenset({".pyc", ".pyo", *TYPING})


@dataclass(frozen=True, slots=True)
class Part:
    """One package of the layer; `files` are bytes by path below `python/`."""

    name: str
    version: str
    files: Mapping[str, bytes] = field(repr=False)

    @property
    def size(self) -> int:
        """Bytes unpacked."""
        return sum(map(len, self.files.values()))


def own_parts(shared: Path, names: Sequence[str], version: str) -> tuple[Part, ...]:
    """Packages of `shared/`. LayerError for a file that is neither code nor data of a package."""
    return tuple(Part(name, version, dict(_package(shared, name))) for name in names)


def _package(shared: Path, name: str) -> Iterator[tuple[str, bytes]]:
    for path in (shared / name).rglob("*"):
        if path.is_dir() or path.suffix in _IGNORED or path.name.startswith("."):
            continue
        if path.suffix not in _CODE:
            raise LayerError(f"{path} is neither code nor data of a package: remove it, or keep it elsewhere")
        yield path.relative_to(shared).as_posix(), path.read_bytes()


def wheel_parts(wheels: Sequence[Wheel]) -> tuple[Part, ...]:
    """The packages that come as wheels, but for those of which nothing stays."""
    parts = (Part(wheel.pin.name, wheel.pin.version, unpack(wheel)) for wheel in wheels)
    return tuple(part for part in parts if part.files)


def layer_files(parts: Sequence[Part]) -> dict[str, bytes]:
    """All files of the layer, by path in the zip. LayerError when two packages want the same place.

    What is derived from the whole, such as bytecode, is made from this mapping and added to it, before
    `zip_bytes`.
    """
    files: dict[str, bytes] = {}
    owners: dict[str, str] = {}
    for part in parts:
        for path, data in part.files.items():
            if path in owners:
                raise LayerError(
                    f"{path} is in {owners[path]} and in {part.name}: a layer can hold one of them"
                )
            owners[path] = part.name
            files[f"python/{path}"] = data
    return files


def zip_bytes(files: Mapping[str, bytes]) -> bytes:
    """A zip of these files, whatever their order in the mapping."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for path in sorted(files):
            entry = zipfile.ZipInfo(path, TIME)
            entry.create_system = UNIX
            entry.external_attr = MODE << 16
            archive.writestr(entry, files[path], zipfile.ZIP_DEFLATED, 9)
    return target.getvalue()


def check_size(data: bytes, name: str) -> None:
    """Raises LayerError for a zip that is larger than `LIMIT`, with the parts that take most of it."""
    if len(data) <= LIMIT:
        return
    sizes: Counter[str] = Counter()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for entry in archive.infolist():
            sizes[entry.filename.split("/")[1]] += entry.compress_size
    largest = ", ".join(f"{part} {size:,}" for part, size in sizes.most_common(_SHOWN))
    raise LayerError(
        f"{name} would have {len(data):,} bytes, and {LIMIT:,} are allowed. The largest parts, packed: "
        f"{largest}. Leave something out, give it a layer of its own, or raise LIMIT: all of that stands in "
        "tools/layer/contents.py"
    )


def write(data: bytes, target: Path) -> None:
    """Puts a file into place whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    number, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(number, "wb") as file:
            file.write(data)
        # Readable as any file that is built; a temporary one is its owner's alone.
        temporary.chmod(0o644)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
