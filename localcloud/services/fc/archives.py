"""Zips of code and of layers: checked, and unpacked once each into a folder that dies with the local cloud.

Knows no function. What a zip holds is written by strangers: no name in it may lead out of its folder, and no
link either.
"""

from __future__ import annotations

import base64
import hashlib
import lzma
import os
import shutil
import stat
import tempfile
import weakref
import zipfile
import zlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from localcloud.checksums import crc64
from localcloud.functions.limits import CODE_BYTES, UNPACKED_BYTES
from localcloud.message import Response
from localcloud.services.fc.codes import wrong

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from fctoolkit.jsontypes import JsonObject

CODE_PATH: Final = "/_localcloud/code/"
"""Where the zips are that GetFunctionCode names, unsigned as a presigned address of OSS."""

_UNREADABLE: Final = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError),
    *(NotImplementedError, RuntimeError, OSError, EOFError, ValueError),
)
"""What reading a damaged, encrypted or contradictory zip raises."""


@dataclass(frozen=True, slots=True)
class Archive:
    """An unpacked zip.

    Attributes:
        checksum: CRC-64, in decimal digits.
        size: bytes of the zip.
        folder: what was in it.
        file: the zip itself.
    """

    checksum: str
    size: int
    folder: Path
    file: Path


class Archives:
    """The zips that were uploaded, by their content.

    Args:
        most_bytes: of a zip.
        most_unpacked: bytes of all files of a zip.
    """

    def __init__(self, most_bytes: int = CODE_BYTES, most_unpacked: int = UNPACKED_BYTES) -> None:
        self._most_bytes = most_bytes
        self._most_unpacked = most_unpacked
        self._known: dict[str, Archive] = {}
        self._merged: dict[tuple[Path, ...], Path] = {}
        self._root: Path | None = None
        self._remove: Callable[[], object] = lambda: None

    def close(self) -> None:
        """Removes all folders; nothing is kept any more. Without it they go with this object."""
        self._remove()

    def keep(self, data: bytes) -> Archive:
        """Unpacks a zip, unless it is known; refuses one that FC would not take or that is dangerous."""
        if len(data) > self._most_bytes:
            raise wrong(f"the zip file may have {self._most_bytes} bytes, not {len(data)}.")
        digest = hashlib.sha256(data).hexdigest()
        if digest not in self._known:
            root = self._folder()
            folder = Path(tempfile.mkdtemp(dir=root))
            try:
                _unpack(data, folder, self._most_unpacked)
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise
            file = root / f"{digest}.zip"
            file.write_bytes(data)
            self._known[digest] = Archive(str(crc64(data)), len(data), folder, file)
        return self._known[digest]

    def merged(self, archives: Sequence[Archive]) -> Path:
        """A folder that stands for /opt: what is in these layers, where the first one wins."""
        key = tuple(one.folder for one in archives)
        if key not in self._merged:
            folder = Path(tempfile.mkdtemp(dir=self._folder()))
            # By this it is told from a folder that stands for /opt/python, see `FunctionSpec.layers`.
            (folder / "python").mkdir()
            for archive in archives:
                _add(archive.folder, folder)
            self._merged[key] = folder
        return self._merged[key]

    def answer(self, name: str) -> Response:
        """A zip by the name of its file, for who was told its address."""
        archive = self._known.get(name.removesuffix(".zip"))
        if archive is None:
            return Response(404)
        return Response(200, {"content-type": "application/zip"}, archive.file.read_bytes())

    def _folder(self) -> Path:
        if self._root is None:
            self._root = Path(tempfile.mkdtemp(prefix="localcloud-fc-"))
            self._remove = weakref.finalize(self, shutil.rmtree, self._root, ignore_errors=True)
        return self._root


def read_code(code: JsonObject, archives: Archives, objects: Callable[[str, str], bytes | None]) -> Archive:
    """What an `InputCodeLocation` brings: `zipFile` in base64, or an object of OSS.

    `objects` gives the bytes of an object by bucket and name, None when there is none.
    """
    text, bucket, name = (code.get(key) for key in ("zipFile", "ossBucketName", "ossObjectName"))
    if isinstance(text, str) and text:
        try:
            data = base64.b64decode(text, validate=True)
        except ValueError:
            raise wrong("zipFile must be base64 of a zip file.") from None
    elif isinstance(bucket, str) and isinstance(name, str) and bucket and name:
        found = objects(bucket, name)
        if found is None:
            raise wrong(f"the object '{name}' in the OSS bucket '{bucket}' does not exist.")
        data = found
    else:
        raise wrong("Either ossBucketName/ossObjectName or zipFile must be set")
    archive = archives.keep(data)
    expected = code.get("checksum")
    if expected and expected != archive.checksum:
        raise wrong(f"checksum is {expected}, but the code has the CRC-64 {archive.checksum}.")
    return archive


def _unpack(data: bytes, folder: Path, most_bytes: int) -> None:
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            entries = archive.infolist()
            size = sum(entry.file_size for entry in entries)
            if size > most_bytes:
                raise wrong(f"the zip file unpacks to {size} bytes; {most_bytes} are allowed.")
            for entry, place in _placed(entries, folder):
                _write(archive, entry, place)
            # Links come last, so nothing is written through one.
            links = [one for one in _placed(entries, folder) if _is_link(one[0])]
            for entry, place in links:
                place.parent.mkdir(parents=True, exist_ok=True)
                place.symlink_to(archive.read(entry).decode())
                _refuse_outside(place, folder, entry.filename)
            # A later link may have changed where an earlier one leads.
            for entry, place in links:
                _refuse_outside(place, folder, entry.filename)
    except _UNREADABLE as error:
        raise wrong(f"the code is not a zip file that can be unpacked: {error}") from None


def _placed(entries: list[zipfile.ZipInfo], folder: Path) -> Iterator[tuple[zipfile.ZipInfo, Path]]:
    """The entries and where they belong; refuses names that lead elsewhere, and nameless ones."""
    for entry in entries:
        if not entry.filename:
            raise wrong("the zip file has an entry without a name.")
        path = PurePosixPath(entry.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts:
            raise wrong(f"the zip file has an entry that leads out of its folder: {entry.filename!r}")
        yield entry, folder / path


def _write(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, place: Path) -> None:
    if entry.is_dir():
        place.mkdir(parents=True, exist_ok=True)
    elif not _is_link(entry):
        place.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(entry) as source, place.open("wb") as target:
            shutil.copyfileobj(source, target)
        # Who runs this must be able to read it, and to delete it in the end.
        place.chmod((entry.external_attr >> 16) & 0o777 | 0o600)


def _add(source: Path, target: Path) -> None:
    """Adds what is in one folder to another, which keeps what it has. Files are the same, no copies."""
    left = [(source, target)]
    while left:
        source, target = left.pop()
        for one in source.iterdir():
            place = target / one.name
            if one.is_dir() and not one.is_symlink():
                if place.is_symlink() or (place.exists() and not place.is_dir()):
                    continue
                place.mkdir(exist_ok=True)
                left.append((one, place))
            elif not os.path.lexists(place):
                os.link(one, place, follow_symlinks=False)


def _is_link(entry: zipfile.ZipInfo) -> bool:
    return stat.S_ISLNK(entry.external_attr >> 16)


def _refuse_outside(place: Path, folder: Path, name: str) -> None:
    try:
        target = Path(os.path.realpath(place))
        inside = target.is_relative_to(folder.resolve())
    except OSError:
        inside = False
    if not inside:
        raise wrong(f"the zip file has a link that leads out of its folder: {name!r}")
