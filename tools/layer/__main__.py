"""`./dev layer`: builds dist/enlist-layer.zip and says what is in it. Wiring and printing only."""

from __future__ import annotations

import argparse
import hashlib
import sys
import tomllib
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tools.layer.build import Part, layer_files, own_parts, wheel_parts, write, zip_bytes
from tools.layer.checksum import crc64
from tools.layer.errors import LayerError
from tools.layer.fetch import fetch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT: Final = Path(__file__).resolve().parents[2]
TARGET: Final = Path("dist/enlist-layer.zip")


def main(arguments: Sequence[str] | None = None) -> int:
    """Builds the layer; 0 when it is in its place, 1 when it could not be built."""
    argparse.ArgumentParser(prog="./dev layer", description="builds " + str(TARGET)).parse_args(arguments)
    try:
        version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
        wheels = fetch(ROOT / "requirements/layer.txt", ROOT / "build/layer")
        parts = (*own_parts(ROOT / "shared", version), *wheel_parts(wheels))
        files = layer_files(parts)
        data = zip_bytes(files)
        write(data, ROOT / TARGET)
    except LayerError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except OSError as error:
        sys.stderr.write(
            f"{error.filename or ROOT}: {error.strerror or error}; "
            "dist/ and build/ must be writable and have some 20 MB to spare\n"
        )
        return 1
    print(report(parts, files, data))
    return 0


def report(parts: Sequence[Part], files: Mapping[str, bytes], data: bytes) -> str:
    """The packages with their sizes, then what tells one build from another."""
    rows = [("package", "version", "files", "bytes")]
    rows += [(part.name, part.version, str(len(part.files)), f"{part.size:,}") for part in parts]
    rows.append(("unpacked", "", str(len(files)), f"{sum(map(len, files.values())):,}"))
    table = [f"{name:20} {version:9} {count:>5} {size:>11}" for name, version, count, size in rows]
    facts = [
        f"{TARGET}  {len(data):,} bytes, packed with zlib {zlib.ZLIB_RUNTIME_VERSION}",
        f"sha256  {hashlib.sha256(data).hexdigest()}",
        f"crc64   {crc64(data)}  (the code checksum that FC shows)",
    ]
    return "\n".join([*table, "", *facts])


if __name__ == "__main__":
    sys.exit(main())
