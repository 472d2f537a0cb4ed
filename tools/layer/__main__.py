"""`./dev layer`: builds the layers into dist/ and says what is in them. Wiring and printing only."""

from __future__ import annotations

import argparse
import hashlib
import sys
import tomllib
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tools.layer.build import Part, check_size, layer_files, own_parts, wheel_parts, write, zip_bytes
from tools.layer.bytecode import VERSION, bytecode
from tools.layer.checksum import crc64
from tools.layer.contents import LAYERS, Layer
from tools.layer.errors import LayerError
from tools.layer.fetch import fetch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT: Final = Path(__file__).resolve().parents[2]

WARNING: Final = """
{line}
NO BYTECODE IN THE LAYERS: this machine has no Python {version}.
Function Compute cannot write into /opt, so every cold start compiles anew whatever it
imports, and takes longer by that; docs/measurements.md says by how much. To build with bytecode, get
{how_to_get}.
{line}
"""


@dataclass(frozen=True, slots=True)
class Built:
    """A layer that was built, and what of.

    Attributes:
        layer: which one.
        parts: its packages.
        files: all of it, by path in the zip.
        compiler: the version of the Python that made its bytecode; empty without bytecode.
        data: the zip.
    """

    layer: Layer
    parts: Sequence[Part]
    files: Mapping[str, bytes] = field(repr=False)
    compiler: str
    data: bytes = field(repr=False)


def main(arguments: Sequence[str] | None = None) -> int:
    """Builds the layers; 0 when they are in their places, 1 when one could not be built."""
    options = _parser().parse_args(arguments)
    try:
        python, how_to_get = (
            (options.python, "") if options.python else _search(required=options.require_bytecode)
        )
        version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
        made = [_built(layer, version, python) for layer in LAYERS]
        for one in made:
            write(listing(one).encode(), ROOT / one.layer.listing)
            write(one.data, ROOT / one.layer.zip)
    except LayerError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except OSError as error:
        sys.stderr.write(
            f"{error.filename or ROOT}: {error.strerror or error}; "
            "dist/ and build/ must be writable and have some 20 MB to spare\n"
        )
        return 1
    print("\n\n".join(map(report, made)), flush=True)
    if python is None:
        sys.stderr.write(WARNING.format(line="=" * 88, version=VERSION, how_to_get=how_to_get))
    return 0


def report(built: Built) -> str:
    """The packages with their sizes, then what tells one build from another."""
    rows = [("package", "version", "files", "bytes")]
    rows += [(part.name, part.version, str(len(part.files)), f"{part.size:,}") for part in built.parts]
    compiled = [len(data) for path, data in built.files.items() if path.endswith(".pyc")]
    rows.append(("bytecode", built.compiler or "none", str(len(compiled)), f"{sum(compiled):,}"))
    rows.append(("unpacked", "", str(len(built.files)), f"{sum(map(len, built.files.values())):,}"))
    width = max(len(name) for name, *_ in rows)
    table = [f"{name:{width}} {version:9} {count:>5} {size:>11}" for name, version, count, size in rows]
    packed = f"packed with zlib {zlib.ZLIB_RUNTIME_VERSION}"
    made = f"compiled with Python {built.compiler}, {packed}" if built.compiler else packed
    facts = [
        f"{built.layer.zip}  {len(built.data):,} bytes, {made}",
        f"sha256  {hashlib.sha256(built.data).hexdigest()}",
        f"crc64   {crc64(built.data)}  (the code checksum that FC shows)",
        f"files   {built.layer.listing}",
    ]
    return "\n".join([*table, "", *facts])


def listing(built: Built) -> str:
    """Every file of a layer with its size unpacked, a line each."""
    return "".join(f"{len(built.files[path]):>9,}  {path}\n" for path in sorted(built.files))


def _built(layer: Layer, version: str, python: Path | None) -> Built:
    wheels = fetch(ROOT / layer.requirements, ROOT / "build/layer")
    parts = (*own_parts(ROOT / "shared", layer.own, version), *wheel_parts(wheels))
    files = layer_files(parts)
    compiler, compiled = bytecode(files, python) if python is not None else ("", {})
    files |= compiled
    data = zip_bytes(files)
    check_size(data, str(layer.zip))
    return Built(layer, parts, files, compiler, data)


def _search(*, required: bool) -> tuple[Path | None, str]:
    """The Python of this machine that compiles, None where there is none, and how to get one.

    Raises LayerError where there is none and it is required.
    """
    # Only here: who names a Python needs nothing but the standard library to build.
    from localcloud.runtime.interpreters import find, how_to_get  # noqa: PLC0415

    python = find(VERSION)
    if python is None and required:
        raise LayerError(f"the layers would have no bytecode, which takes {how_to_get(VERSION)}")
    return python, how_to_get(VERSION)


def _parser() -> argparse.ArgumentParser:
    zips = "\n".join(f"  {layer.zip}" for layer in LAYERS)
    parser = argparse.ArgumentParser(
        prog="./dev layer",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=(
            f"Builds the layers, each with a list of its files beside it:\n\n{zips}\n\n"
            f"They have bytecode where a Python {VERSION} is on PATH, in pyenv or in uv."
        ),
    )
    parser.add_argument("--python", type=Path, metavar="PATH", help=f"the Python {VERSION} that compiles")
    parser.add_argument(
        "--require-bytecode", action="store_true", help=f"fail where there is no Python {VERSION}"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
