"""What of a wheel is taken into the layer, which wheels are taken, and what FC calls the result."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from tests.support.layers import COMPILED, make_wheel, requirement
from tools.layer import build
from tools.layer.build import Part, check_size, layer_files, zip_bytes
from tools.layer.checksum import crc64
from tools.layer.errors import LayerError
from tools.layer.wheels import Pin, Wheel, check, fits, read_pins, unpack

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def unpacked(folder: Path, files: Mapping[str, str], name: str = "demo") -> dict[str, bytes]:
    """What a wheel with these files brings into the layer."""
    wheel = make_wheel(folder, name, files)
    (checked,) = check(read_pins(requirement(wheel)), {wheel.name: wheel.read_bytes()})
    return unpack(checked)


def taken(folder: Path, files: Mapping[str, str], name: str = "demo") -> set[str]:
    """The paths that a wheel with these files brings into the layer, without its METADATA."""
    return set(unpacked(folder, files, name)) - {f"{name}-1.0.dist-info/METADATA"}


def test_what_a_function_never_needs_is_left_out(tmp_path: Path) -> None:
    """Tests, bytecode, types, scripts, headers and most metadata stay out; licences, entry points come in."""
    files = [
        *("demo/py.typed", "demo/core.pyi"),
        *("demo/__init__.py", "demo/tests.py", "demo/tests/test_a.py", "demo/__pycache__/a.pyc", "b.pyc"),
        *("demo-1.0.data/scripts/demo", "demo-1.0.data/headers/demo.h", "demo-1.0.data/purelib/demo/more.py"),
        *("demo-1.0.data/platlib/demo.so", "demo-1.0.dist-info/INSTALLER", "demo-1.0.dist-info/sboms/a.json"),
        *("demo-1.0.dist-info/entry_points.txt", "demo-1.0.dist-info/licenses/a/COPYING"),
        *("demo-1.0.dist-info/LICENSE.txt", "demo-1.0.dist-info/NOTICE"),
    ]
    assert taken(tmp_path, dict.fromkeys(files, "x")) == {
        *("demo/__init__.py", "demo/tests.py", "demo/more.py", "demo.so"),
        *("demo-1.0.dist-info/entry_points.txt", "demo-1.0.dist-info/licenses/a/COPYING"),
        *("demo-1.0.dist-info/LICENSE.txt", "demo-1.0.dist-info/NOTICE"),
    }


def test_what_is_known_of_a_package(tmp_path: Path) -> None:
    """Files that the table names stay out; one that is not there any more is a mistake in the table."""
    gone = {"idna/__main__.py": "", "idna/cli.py": "", "idna-1.0.dist-info/entry_points.txt": ""}
    assert taken(tmp_path, {**gone, "idna/core.py": ""}, "idna") == {"idna/core.py"}
    with pytest.raises(LayerError, match=r"has no idna/cli.py, which tools/layer/contents.py leaves out"):
        taken(tmp_path, {name: "" for name in gone if "cli" not in name}, "idna")


def test_metadata_tells_the_version_and_no_story(tmp_path: Path) -> None:
    """Of METADATA the fields stay, which tell name, version and licence; the description does not."""
    text = "Metadata-Version: 2.4\nName: demo\nVersion: 1.0\nLicense-Expression: MIT\n"
    place = "demo-1.0.dist-info/METADATA"
    wheel = tmp_path / "demo-1.0-py3-none-any.whl"
    for end in ("\n", "\r\n"):
        story = f"{text}\n# Demo\n\nName: another\n".replace("\n", end)
        data = zip_bytes({place: story.encode(), "demo/METADATA": b"a\n\nb"})
        files = unpack(Wheel(Pin("demo", "1.0", frozenset()), wheel.name, data))
        assert files == {place: text.encode(), "demo/METADATA": b"a\n\nb"}


def test_a_layer_that_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """A zip above the limit is refused, with its largest parts and what to do; one at the limit is not."""
    data = zip_bytes(
        {"python/small/a.py": b"1", "python/large/a.py": bytes(range(256)), "python/b.py": b"22"}
    )
    monkeypatch.setattr(build, "LIMIT", len(data))
    check_size(data, "demo.zip")
    monkeypatch.setattr(build, "LIMIT", len(data) - 1)
    with pytest.raises(
        LayerError, match=r"demo.zip would have .* packed: large 2\d\d, b.py 4, small 3\. Leave"
    ):
        check_size(data, "demo.zip")


@pytest.mark.parametrize(
    "name", ["demo-1.0.data/data/etc/demo.conf", "demo-1.0.data/loose", "../out.py", "/etc/out.py", "a\\b.py"]
)
def test_what_has_no_place_in_a_layer(tmp_path: Path, name: str) -> None:
    """A wheel that wants a file outside of Python's packages is refused by name."""
    with pytest.raises(LayerError, match=r"^demo-1.0-py3-none-any.whl "):
        taken(tmp_path, {name: "x"})


def test_one_place_twice(tmp_path: Path) -> None:
    """A path that is wanted twice is refused, within a wheel and between packages."""
    with pytest.raises(LayerError, match=r"demo.py twice"):
        taken(tmp_path, {"demo.py": "1", "demo-1.0.data/purelib/demo.py": "2"})
    parts = [Part("one", "1", {"a.py": b""}), Part("two", "1", {"a.py": b""})]
    with pytest.raises(LayerError, match=r"a.py is in one and in two"):
        layer_files(parts)


def test_a_wheel_that_is_no_zip() -> None:
    """Bytes that are no zip are refused, even when they are the locked ones."""
    with pytest.raises(LayerError, match=r"demo.whl is no wheel"):
        unpack(Wheel(Pin("demo", "1.0", frozenset()), "demo.whl", b"nonsense"))


@pytest.mark.parametrize(
    ("tag", "fit"),
    [
        ("py3-none-any", True),
        ("py2.py3-none-any", True),
        ("py312-none-any", True),
        (COMPILED, True),
        ("cp312-cp312-manylinux2014_x86_64.manylinux_2_17_x86_64", True),
        ("cp312-cp312-manylinux_2_31_x86_64", True),
        ("cp38-abi3-manylinux_2_28_x86_64", True),
        ("1-cp312-cp312-manylinux_2_17_x86_64", True),
        ("cp312-cp312-manylinux_2_34_x86_64", False),
        ("cp312-cp312-manylinux_2_17_aarch64", False),
        ("cp312-cp312-musllinux_1_2_x86_64", False),
        ("cp312-cp312-macosx_11_0_arm64", False),
        ("cp313-cp313-manylinux_2_17_x86_64", False),
        ("cp313-abi3-manylinux_2_17_x86_64", False),
        ("cp313-none-any", False),
        ("py2-none-any", False),
        ("cp312-cp312t-manylinux_2_17_x86_64", False),
    ],
)
def test_which_wheels_fit(tag: str, fit: bool) -> None:
    """A wheel fits when Python 3.12 on x86_64 with glibc 2.31 runs it."""
    assert fits(f"demo-1.0-{tag}.whl") is fit


def test_only_wheels_fit() -> None:
    """A source distribution fits nowhere: nothing is compiled here."""
    assert not fits("demo-1.0.tar.gz")


def test_a_locked_wheel_of_another_platform(tmp_path: Path) -> None:
    """A file with the locked hash is refused all the same when it does not run on FC."""
    wheel = make_wheel(tmp_path, "demo", {}, tag="cp312-cp312-win_amd64")
    with pytest.raises(LayerError, match="does not run on FC"):
        check(read_pins(requirement(wheel)), {wheel.name: wheel.read_bytes()})


def test_each_pin_has_its_wheel(tmp_path: Path) -> None:
    """A missing wheel, a second one and one that nobody asked for are refused by name."""
    wheel = make_wheel(tmp_path, "demo", {})
    pins, data = read_pins(requirement(wheel)), wheel.read_bytes()
    with pytest.raises(LayerError, match=r"demo 1.0: expected one wheel, found none"):
        check(pins, {})
    with pytest.raises(LayerError, match=r"found demo-1.0-py3-none-any.whl, demo-1.0-py312-none-any.whl"):
        check(pins, {wheel.name: data, "demo-1.0-py312-none-any.whl": data})
    with pytest.raises(LayerError, match=r"no requirement asks for: other-1.0-py3-none-any.whl"):
        check(pins, {wheel.name: data, "other-1.0-py3-none-any.whl": data})


def test_pins() -> None:
    """A pin has a name in one spelling, a version and all its hashes."""
    first, second = (hashlib.sha256(one).hexdigest() for one in (b"1", b"2"))
    text = (
        f"# locked\n\nTyping_Extensions==4.1 \\\n    --hash=sha256:{first} \\\n    --hash=sha256:{second}\n"
    )
    assert read_pins(text) == (Pin("typing-extensions", "4.1", frozenset({first, second})),)


@pytest.mark.parametrize(
    "line",
    [
        "demo==1.0",
        "demo>=1.0 --hash=sha256:" + "0" * 64,
        "demo==1.0 --hash=sha256:" + "0" * 63,
        "demo==1.0 ; python_version < '3.12' --hash=sha256:" + "0" * 64,
        "--index-url https://index.invalid",
    ],
)
def test_lines_that_are_no_pins(line: str) -> None:
    """A requirement that leaves anything open is refused."""
    with pytest.raises(LayerError, match="cannot read the requirement"):
        read_pins(line)


def test_checksum() -> None:
    """The checksum is CRC-64/XZ: its check value, and that of nothing."""
    assert (crc64(b"123456789"), crc64(b"")) == (0x995DC9BBDF1939FA, 0)
