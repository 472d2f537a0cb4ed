"""Compiles a layer's sources for the Python that FC runs, so that no cold start has to. Knows no wheel.

FC mounts /opt read-only: what is not compiled in the layer is compiled again at every cold start. The
bytecode is of the kind that is never compared with its source (PEP 552, unchecked hash), because whoever
unpacks a layer gives its files other times; the kind that pip makes looks at times, and would be thrown away.

Python 3.12 never forgets an interned string, and whether equal sets of texts in a file are written once or
twice depends on whether these were interned before it was compiled. So each file is compiled in a process
that has compiled no other, and its bytes depend neither on order nor on neighbours. They do depend on the
compiler: each 3.12 reads what another one made, but may make other bytes.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from tools.layer.errors import LayerError

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION: Final = "3.12"
MAGIC: Final = (3531).to_bytes(2, "little") + b"\r\n"
"""What bytecode of every final 3.12 begins with."""

TAG: Final = "cpython-312"
COMPILE_SECONDS: Final = 300.0

_SCRIPT: Final = """
import importlib.util, json, os, platform, py_compile, sys
if importlib.util.MAGIC_NUMBER.hex() != sys.argv[1]:
    sys.exit("it is Python " + platform.python_version())
for source, target, place in json.load(sys.stdin):
    child = os.fork()
    if child == 0:
        status = 1
        try:
            py_compile.compile(source, target, place, True, 0, py_compile.PycInvalidationMode.UNCHECKED_HASH)
            status = 0
        except py_compile.PyCompileError:
            status = 0
        finally:
            os._exit(status)
    if os.waitpid(child, 0)[1]:
        sys.exit("it cannot compile " + place)
print(platform.python_version())
"""


def bytecode(files: Mapping[str, bytes], python: Path) -> tuple[str, dict[str, bytes]]:
    """The version of the Python that compiled, and the bytecode of every source, by path in the zip.

    A file that is no source for this Python gets none; importing it would fail in any case.

    Args:
        files: those of a layer, by path in the zip.
        python: a Python 3.12.

    Raises:
        LayerError: when it is another Python, or does not run.
    """
    sources = {path: data for path, data in files.items() if path.endswith(".py")}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for path, data in sources.items():
            target = root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        made = {path: root / cached_path(path) for path in sources}
        version = _compile([(str(root / path), str(made[path]), f"/opt/{path}") for path in sources], python)
        return version, {cached_path(path): file.read_bytes() for path, file in made.items() if file.exists()}


def cached_path(source: str) -> str:
    """Where Python looks for the bytecode of a source."""
    path = PurePosixPath(source)
    return str(path.parent / "__pycache__" / f"{path.stem}.{TAG}.pyc")


def _compile(jobs: list[tuple[str, str, str]], python: Path) -> str:
    """Compiles each source to its target, as standing in its place on FC. Returns the compiler's version."""
    # -I, -S and utf8: neither variables nor packages nor the locale of this machine have a say in the bytes.
    command = [str(python), "-I", "-S", "-X", "utf8", "-c", _SCRIPT, MAGIC.hex()]
    try:
        done = subprocess.run(  # noqa: S603  # no shell, and a script of our own
            command,
            check=False,
            input=json.dumps(jobs),
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=COMPILE_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LayerError(f"{python} does not compile the layer: {error}") from None
    if done.returncode != 0:
        told = done.stderr.strip()[-500:]
        raise LayerError(f"{python} does not compile the layer, which is for Python {VERSION}: {told}")
    return done.stdout.strip()
