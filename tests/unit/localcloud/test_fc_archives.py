"""Zips of code: what is unpacked, and what is refused because it is damaged, too large or leads elsewhere."""

from __future__ import annotations

import base64
import contextlib
import gc
import io
import stat
import zipfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.errors import Refusal
from localcloud.services.fc.archives import Archives, read_code

if TYPE_CHECKING:
    from pathlib import Path

FILE = stat.S_IFREG | 0o644
LINK = stat.S_IFLNK | 0o777


def zipped(*entries: tuple[str, bytes, int]) -> bytes:
    """A zip of entries with name, content and mode."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, content, mode in entries:
            entry = zipfile.ZipInfo(name)
            entry.external_attr = mode << 16
            archive.writestr(entry, content)
    return target.getvalue()


def plain(**files: bytes) -> bytes:
    """A zip of plain files."""
    return zipped(*((name, content, FILE) for name, content in files.items()))


def refusal_of(data: bytes, archives: Archives | None = None) -> str:
    """The message with which a zip is refused."""
    with pytest.raises(Refusal) as refused:
        (archives or Archives()).keep(data)
    assert (refused.value.status, refused.value.code) == (400, "InvalidArgument")
    return refused.value.message


def test_what_is_in_it() -> None:
    """Files, folders, links and what may be executed come out of a zip as they went in."""
    data = zipped(
        ("bin/", b"", stat.S_IFDIR | 0o755),
        ("bin/run", b"#!/bin/sh\n", stat.S_IFREG | 0o755),
        ("deep/er/text", b"text", FILE),
        ("deep/link", b"er/text", LINK),
        ("link", b"deep/link", LINK),
        ("no mode", b"", 0),
    )
    folder = Archives().keep(data).folder
    assert not folder.exists()
    archives = Archives()
    archive = archives.keep(data)
    assert (archive.folder / "bin/run").stat().st_mode & 0o111
    assert not (archive.folder / "deep/er/text").stat().st_mode & 0o111
    assert (archive.folder / "link").read_text() == "text"
    assert (archive.folder / "no mode").read_bytes() == b""
    assert archive.size == len(data)


def test_the_checksum() -> None:
    """It is the CRC-64 that OSS and Serverless Devs compute, in decimal digits."""
    data = plain(a=b"1")
    archive = Archives().keep(data)
    assert archive.checksum.isdecimal()
    code = {"zipFile": base64.b64encode(data).decode(), "checksum": archive.checksum}
    assert read_code({**code}, Archives(), lambda *_: None).checksum == archive.checksum
    with pytest.raises(Refusal, match="CRC-64"):
        read_code({**code, "checksum": "1"}, Archives(), lambda *_: None)


def test_unpacked_once() -> None:
    """The same zip is unpacked once; it is gone with its store."""
    archives = Archives()
    archive = archives.keep(plain(a=b"1"))
    assert archives.keep(plain(a=b"1")) is archive
    other = archives.keep(plain(a=b"2"))
    assert (archive.folder / "a").read_bytes() != (other.folder / "a").read_bytes()
    folder = archive.folder
    assert archives.answer(archive.file.name).body == plain(a=b"1")
    assert archives.answer("../../etc/passwd").status == 404
    del archives
    gc.collect()
    assert not folder.parent.exists()


@pytest.mark.parametrize(
    "name", ["../out", "a/../../out", "/absolute", "..\\out", "a\\..\\..\\out", "\\absolute", ".."]
)
def test_names_that_lead_out(name: str) -> None:
    """No entry is written outside of the folder, with slashes of either kind."""
    assert "leads out" in refusal_of(zipped((name, b"x", FILE)))


@pytest.mark.parametrize(
    "links",
    [
        {"link": "/etc/passwd"},
        {"link": "../out"},
        {"deep/link": "../../out"},
        {"a/b/x": ".", "y": "a/b/x/../../.."},
        {"x": "q/r/../..", "q": "."},
        {"x": "a", "x/y": "../../out", "a/": ""},
    ],
    ids=[
        "absolute",
        "above",
        "above from below",
        "through a link",
        "changed by a later link",
        "in a linked folder",
    ],
)
def test_links_that_lead_out(links: dict[str, str]) -> None:
    """No link leads outside of the folder, whatever other links it goes through."""
    entries = [
        (name, target.encode(), stat.S_IFDIR | 0o755 if name.endswith("/") else LINK)
        for name, target in links.items()
    ]
    message = refusal_of(zipped(*entries))
    assert "leads out" in message or "cannot" in message or "can be unpacked" in message


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    """A file whose folder is a link in the same zip is not written where the link leads."""
    refusal_of(zipped(("d", str(tmp_path).encode(), LINK), ("d/file", b"x", FILE)))
    assert not list(tmp_path.iterdir())


def test_too_large() -> None:
    """A zip has a limit, and so have its files together, as their headers say and as they are."""
    archives = Archives(most_bytes=1000, most_unpacked=10_000)
    assert "may have 1000 bytes" in refusal_of(bytes(1001), archives)
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb", bytes(20_000))
    data = target.getvalue()
    assert "unpacks to 20000 bytes" in refusal_of(data, archives)
    lying = data.replace((20_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    assert lying != data
    refusal_of(lying, archives)


@pytest.mark.parametrize(
    "entries",
    [
        [("a", b"", FILE), ("a/b", b"", FILE)],
        [("a/b", b"", FILE), ("a", b"", FILE)],
        [("a" * 300, b"", FILE)],
    ],
    ids=["a file as a folder", "a folder as a file", "a name that is too long"],
)
def test_what_no_folder_can_hold(entries: list[tuple[str, bytes, int]]) -> None:
    """What contradicts itself is refused, not half unpacked."""
    assert "can be unpacked" in refusal_of(zipped(*entries))


@given(
    data=st.binary(max_size=200), cut=st.integers(0, 300), at=st.integers(0, 300), byte=st.integers(0, 255)
)
def test_any_damage(data: bytes, cut: int, at: int, byte: int) -> None:
    """Bytes that are no zip, a zip that is cut and one with a changed byte are kept or refused: no crash."""
    good = plain(index=b"def handler(event, context): return event", other=data)
    changed = bytearray(good)
    changed[at % len(good)] = byte
    archives = Archives()
    for one in (data, good[:cut], bytes(changed)):
        with contextlib.suppress(Refusal):
            archives.keep(one)


def test_an_entry_without_a_name() -> None:
    """A name that begins with a NUL is none to Python: the zip is refused."""
    damaged = zipped(("name", b"", FILE)).replace(b"name", b"\0ame")
    assert "an entry without a name" in refusal_of(damaged)


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_damage_in_what_is_packed(method: int) -> None:
    """A zip whose packed content is damaged is refused, however it is packed."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        archive.writestr("index.py", b"def handler(event, context): return event\n" * 20)
    good = target.getvalue()
    begin, end = 30 + len("index.py"), good.index(b"PK\1\2")
    for at in range(begin, end):
        damaged = bytearray(good)
        damaged[at] ^= 0xFF
        with contextlib.suppress(Refusal):
            Archives().keep(bytes(damaged))


@pytest.mark.parametrize(
    "code",
    [
        {},
        {"zipFile": ""},
        {"zipFile": "no base64!"},
        {"ossBucketName": "b"},
        {"ossBucketName": "b", "ossObjectName": "o"},
    ],
)
def test_code_that_is_not_there(code: dict[str, str]) -> None:
    """Code must come as a zip in base64 or as an object that is there."""
    with pytest.raises(Refusal) as refused:
        read_code({**code}, Archives(), lambda *_: None)
    assert refused.value.code == "InvalidArgument"


def test_code_from_oss() -> None:
    """Code that is an object of OSS is read from there."""
    objects = {("b", "o"): plain(a=b"1")}
    archive = read_code(
        {"ossBucketName": "b", "ossObjectName": "o"}, Archives(), lambda *name: objects.get(name)
    )
    assert archive.size == len(objects["b", "o"])
