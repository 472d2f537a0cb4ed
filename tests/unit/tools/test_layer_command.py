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
from tests.support.programs import find, requires
from tools.layer.bytecode import bytecode, cached_path
from tools.layer.checksum import crc64
from tools.layer.contents import LAYERS

if TYPE_CHECKING:
    from pathlib import Path

EXPECTED = [
    "python/demo-1.0.dist-info/METADATA",
    "python/demo-1.0.dist-info/licenses/LICENSE",
    "python/demo/__init__.py",
    "python/demo/__pycache__/__init__.cpython-312.pyc",
    "python/enlist/__init__.py",
    "python/enlist/__pycache__/__init__.cpython-312.pyc",
    "python/enlist/edge/__pycache__/job.cpython-312.pyc",
    "python/enlist/edge/job.py",
    "python/fast-1.0.dist-info/METADATA",
    "python/fast/core.so",
    "python/fctoolkit/__init__.py",
    "python/fctoolkit/__pycache__/__init__.cpython-312.pyc",
]
STORE = [
    "python/store-1.0.dist-info/METADATA",
    "python/store/__init__.py",
    "python/store/__pycache__/__init__.cpython-312.pyc",
]
UNCHECKED_HASH = 1
"""The second word of bytecode that is not compared with its source: https://peps.python.org/pep-0552."""


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """A folder with three wheels, one of them compiled for FC."""
    folder = tmp_path / "index"
    make_wheel(folder, "demo", {"demo/__init__.py": "", "demo-1.0.dist-info/licenses/LICENSE": "free"})
    make_wheel(folder, "fast", {"fast/core.so": "machine code"}, tag=COMPILED)
    make_wheel(folder, "store", {"store/__init__.py": ""})
    return folder


@pytest.fixture
def clone(tmp_path: Path, index: Path) -> Path:
    """A clone that locks these: two in the first layer, one in the second."""
    *first, second = map(requirement, sorted(index.iterdir()))
    return make_clone(tmp_path / "clone", "".join(first), second)


@pytest.fixture(scope="module")
def compiler() -> Path:
    """A Python 3.12."""
    return requires("python3.12")


def contents(data: bytes) -> dict[str, bytes]:
    """The files of a zip."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {one.filename: archive.read(one) for one in archive.infolist()}


def without_pythons(folder: Path) -> dict[str, str]:
    """An environment in which no Python is found."""
    names = ("PATH", "HOME", "PYENV_ROOT", "XDG_DATA_HOME", "UV_PYTHON_INSTALL_DIR")
    return dict.fromkeys(names, str(folder / "nothing"))


def test_what_is_built(clone: Path, index: Path, compiler: Path) -> None:
    """Each zip has one folder, python/, with its packages, all compiled, as reported and listed."""
    done = build(clone, index, "--require-bytecode", "--python", str(compiler))
    assert done.returncode == 0, done.stderr
    for layer, expected in (("enlist", EXPECTED), ("enlist-redis", STORE)):
        data = built(clone, layer)
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            assert archive.namelist() == expected
            assert {
                (one.date_time[0], one.external_attr >> 16, one.create_system) for one in archive.infolist()
            } == {(1980, 0o100644, 3)}
            sizes = [[f"{one.file_size:,}", one.filename] for one in archive.infolist()]
        listing = (clone / f"dist/{layer}-layer.txt").read_text()
        assert [line.split(maxsplit=1) for line in listing.splitlines()] == sizes
        assert f"sha256  {hashlib.sha256(data).hexdigest()}" in done.stdout
        assert f"crc64   {crc64(data)} " in done.stdout
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["enlist", "0.1.0", "2", "600"] in rows
    assert ["unpacked", "12"] in [row[:2] for row in rows]
    assert [row[2] for row in rows if row[:1] == ["bytecode"]] == ["4", "1", "0"]


def test_bytecode_is_for_the_cloud(clone: Path, index: Path, compiler: Path) -> None:
    """Bytecode is of the kind that no source is compared with, and names its source where FC has it."""
    assert build(clone, index, "--python", str(compiler)).returncode == 0
    compiled = {name: data for name, data in contents(built(clone)).items() if name.endswith(".pyc")}
    assert {int.from_bytes(data[4:8], "little") for data in compiled.values()} == {UNCHECKED_HASH}
    assert b"/opt/python/enlist/edge/job.py" in compiled["python/enlist/edge/__pycache__/job.cpython-312.pyc"]
    assert not [name for name, data in compiled.items() if os.fsencode(clone) in data or b"/tmp" in data]


def test_without_a_python_that_compiles(clone: Path, index: Path) -> None:
    """Where there is no Python 3.12, there is no bytecode, and what that costs is said; CI is refused."""
    nowhere = without_pythons(clone)
    refused = build(clone, index, "--require-bytecode", **nowhere)
    assert refused.returncode == 1
    assert "have python3.12 on PATH, in pyenv" in refused.stderr
    assert not (clone / "dist").exists()
    done = build(clone, index, **nowhere)
    assert done.returncode == 0
    assert "NO BYTECODE IN THE LAYERS: this machine has no Python 3.12" in done.stderr
    assert "every cold start compiles anew" in done.stderr
    assert "docs/measurements.md" in done.stderr
    assert "have python3.12 on PATH, in pyenv" in done.stderr
    plain = [name for name in EXPECTED if not name.endswith(".pyc")]
    assert sorted(contents(built(clone))) == plain


def test_a_python_that_is_another(clone: Path, index: Path) -> None:
    """A Python that FC could not read the bytecode of, or none at all, is refused by name."""
    other = next(path for minor in (11, 13, 14) if (path := find(f"python3.{minor}")))
    done = build(clone, index, "--python", str(other))
    assert done.returncode == 1
    assert f"{other} does not compile the layer, which is for Python 3.12: it is Python 3." in done.stderr
    done = build(clone, index, "--python", str(clone / "python"))
    assert done.returncode == 1
    assert "No such file" in done.stderr
    assert not (clone / "dist").exists()


def test_a_file_that_is_no_source(clone: Path, index: Path, compiler: Path) -> None:
    """A file that cannot be compiled goes without bytecode, and takes nothing from the others."""
    (clone / "shared/enlist/template.py").write_text("{{ no Python }}")
    done = build(clone, index, "--python", str(compiler))
    assert done.returncode == 0, done.stderr
    assert sorted(contents(built(clone))) == sorted([*EXPECTED, "python/enlist/template.py"])


def test_the_same_bytes_everywhere(clone: Path, index: Path, compiler: Path, tmp_path: Path) -> None:
    """Another folder, order, clock, umask, locale, hash seed or Python makes no difference to the zips."""
    assert build(clone, index, "--python", str(compiler)).returncode == 0
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
        shutil.rmtree(other / "dist")
        variables = {"PYTHONHASHSEED": str(number + 1), "LC_ALL": "C", "TZ": "Asia/Shanghai"}
        done = build(other, None, "--python", str(compiler), python=python, umask=0o077, **variables)
        assert done.returncode == 0, done.stderr
        for layer in ("enlist", "enlist-redis"):
            assert built(other, layer) == built(clone, layer), python


def test_bytecode_does_not_depend_on_its_neighbours(compiler: Path) -> None:
    """A file has the same bytecode whatever was compiled before it.

    In one process, equal sets in a file may become one or two, as their texts were seen before or not.
    """
    texts = {"FIRST_WORD", "SECOND_WORD", "THIRD_WORD"}
    files = {
        "python/first.py": f"TEXTS = {sorted(texts)}\n".encode(),
        "python/second.py": f"class A:\n    T = {texts}\n\n\nclass B:\n    T = {texts}\n".encode(),
    }
    version, together = bytecode(files, compiler)
    assert version.startswith("3.12.")
    _, backwards = bytecode(dict(reversed(files.items())), compiler)
    assert backwards == together
    for path, data in files.items():
        _, alone = bytecode({path: data}, compiler)
        assert alone == {cached_path(path): together[cached_path(path)]}


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
    assert len(list(clone.glob("build/layer/*"))) == len(LAYERS)


def test_a_place_that_was_taken_meanwhile(clone: Path, index: Path) -> None:
    """Wheels that cannot be kept, because something else stands there by now, are used all the same."""
    name = hashlib.sha256((clone / "requirements/layer.txt").read_bytes()).hexdigest()[:16]
    (clone / "build/layer").mkdir(parents=True)
    (clone / "build/layer" / name).write_text("in the way")
    done = build(clone, index)
    assert done.returncode == 0, done.stderr
    assert (clone / "build/layer" / name).read_text() == "in the way"
    assert len(list((clone / "build/layer").iterdir())) == len(LAYERS)


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
