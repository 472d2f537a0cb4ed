"""`./dev layer` seen from outside: small clones and made-up wheels, pip without a network."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import zipfile
from typing import TYPE_CHECKING

import pytest

from tests.support.layers import COMPILED, build, built, make_clone, make_wheel, requirement
from tests.support.programs import find
from tools.layer.checksum import crc64

if TYPE_CHECKING:
    from pathlib import Path

EXPECTED = [
    "python/demo-1.0.dist-info/METADATA",
    "python/demo-1.0.dist-info/licenses/LICENSE",
    "python/demo/__init__.py",
    "python/enlist/__init__.py",
    "python/enlist/edge/job.py",
    "python/fast-1.0.dist-info/METADATA",
    "python/fast/core.so",
    "python/fctoolkit/__init__.py",
    "python/fctoolkit/py.typed",
]


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """A folder with two wheels, one of them compiled for FC."""
    folder = tmp_path / "index"
    make_wheel(folder, "demo", {"demo/__init__.py": "", "demo-1.0.dist-info/licenses/LICENSE": "free"})
    make_wheel(folder, "fast", {"fast/core.so": "machine code"}, tag=COMPILED)
    return folder


@pytest.fixture
def clone(tmp_path: Path, index: Path) -> Path:
    """A clone that locks these two."""
    return make_clone(tmp_path / "clone", "".join(map(requirement, sorted(index.iterdir()))))


def test_what_is_built(clone: Path, index: Path) -> None:
    """The zip has one folder, python/, with the packages of shared/ and the locked ones, as reported."""
    done = build(clone, index)
    assert done.returncode == 0, done.stderr
    data = built(clone)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.namelist() == EXPECTED
        assert {
            (one.date_time[0], one.external_attr >> 16, one.create_system) for one in archive.infolist()
        } == {(1980, 0o100644, 3)}
    assert f"sha256  {hashlib.sha256(data).hexdigest()}" in done.stdout
    assert f"crc64   {crc64(data)} " in done.stdout
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["enlist", "0.1.0", "2", "600"] in rows
    assert ["unpacked", "9"] in [row[:2] for row in rows]


def test_the_same_bytes_everywhere(clone: Path, index: Path, tmp_path: Path) -> None:
    """Another folder, order, clock, umask, locale, hash seed or Python makes no difference to the zip."""
    assert build(clone, index).returncode == 0
    other = tmp_path / "elsewhere/übungen"
    shutil.copytree(clone, other)
    # Written anew in the opposite order, with other times and permissions.
    for path in sorted((other / "shared").rglob("*.py"), reverse=True):
        data = path.read_bytes()
        path.unlink()
        path.write_bytes(data)
        os.utime(path, (1, 1))
        path.chmod(0o700)
    pythons = [path for minor in range(11, 20) if (path := find(f"python3.{minor}"))]
    for number, python in enumerate([None, *pythons]):
        (other / "dist/enlist-layer.zip").unlink()
        done = build(
            other, python=python, umask=0o077, PYTHONHASHSEED=str(number + 1), LC_ALL="C", TZ="Asia/Shanghai"
        )
        assert done.returncode == 0, done.stderr
        assert built(other) == built(clone), python


def test_the_second_time_needs_no_index(clone: Path, index: Path) -> None:
    """What was downloaded once is kept; a changed source is built without any index."""
    build(clone, index)
    first = built(clone)
    (clone / "shared/enlist/__init__.py").write_text("changed = True\n")
    assert build(clone).returncode == 0
    assert built(clone) != first


def test_a_kept_file_is_not_trusted(clone: Path, index: Path) -> None:
    """A kept wheel that changed is downloaded again; without an index nothing is built of it."""
    build(clone, index)
    good = built(clone)
    (kept,) = clone.glob("build/layer/*/demo-*.whl")
    kept.write_bytes(kept.read_bytes() + b"more")
    refused = build(clone)
    assert refused.returncode == 1
    assert f"{kept.name} is not the locked file" in refused.stderr
    assert built(clone) == good
    assert build(clone, index).returncode == 0
    assert built(clone) == good
    assert len(list(clone.glob("build/layer/*"))) == 1


def test_a_place_that_was_taken_meanwhile(clone: Path, index: Path) -> None:
    """Wheels that cannot be kept, because something else stands there by now, are used all the same."""
    name = hashlib.sha256((clone / "requirements/layer.txt").read_bytes()).hexdigest()[:16]
    (clone / "build/layer").mkdir(parents=True)
    (clone / "build/layer" / name).write_text("in the way")
    done = build(clone, index)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in (clone / "build/layer").iterdir()] == [name]


def test_another_file_than_the_locked_one(clone: Path, index: Path) -> None:
    """A wheel of the right name and other content is refused with what to do, and nothing is left behind."""
    make_wheel(index, "demo", {"demo/__init__.py": "evil = True"})
    done = build(clone, index)
    assert done.returncode == 1
    assert "The index gave a file that is not the locked one. Ask another index" in done.stderr
    assert list(clone.glob("build/layer/*")) == []
    assert not (clone / "dist").exists()


def test_a_wheel_for_another_platform(clone: Path, index: Path) -> None:
    """A locked package without a wheel for FC's platform is not built for another one."""
    (fast,) = index.glob("fast-*")
    fast.rename(index / "fast-1.0-cp312-cp312-macosx_11_0_arm64.whl")
    done = build(clone, index)
    assert done.returncode == 1
    assert "fast==1.0" in done.stderr


def test_without_an_index(clone: Path) -> None:
    """Without an index the message says how to name one."""
    done = build(clone)
    assert done.returncode == 1
    assert "PIP_INDEX_URL" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_place_that_cannot_be_written(clone: Path, index: Path) -> None:
    """A path that cannot be written is named."""
    (clone / "dist").write_text("no folder")
    done = build(clone, index)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert f"{clone / 'dist'}: " in done.stderr


def test_a_stray_file(clone: Path, index: Path) -> None:
    """A file that is neither code nor data of a package is named, not shipped."""
    (clone / "shared/enlist/notes.txt").write_text("secret")
    done = build(clone, index)
    assert done.returncode == 1
    assert "notes.txt is neither code nor data" in done.stderr
