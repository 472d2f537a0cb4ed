"""Runs a module of the bench as a function runs: on Python 3.12, with the built layer and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final, Protocol

from bench import trees
from bench.case import BenchError
from localcloud.runtime.interpreters import find, how_to_get

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fctoolkit.jsontypes import JsonObject, JsonValue

VERSION: Final = "3.12"
"""Of FC's runtime python3.12."""

MOST_SECONDS: Final = 1_200


class Run(Protocol):
    """Runs a module of the bench in a process of its own."""

    def __call__(self, module: str, asked: JsonObject) -> JsonValue:
        """What it tells as JSON when it gets `asked` as JSON. Raises BenchError when it does not."""
        ...


def run_on_layer(module: str, asked: JsonObject) -> JsonValue:
    """What a module tells as JSON when it gets `asked` as JSON. Raises BenchError when it does not."""
    interpreter = find(VERSION)
    if interpreter is None:
        raise BenchError(f"this is measured with {how_to_get(VERSION)}")
    with TemporaryDirectory() as folder:
        layer = Path(folder)
        trees.write(trees.opened(trees.build_layer()), layer)
        return _run((str(interpreter), "-S"), (layer, trees.ROOT), module, asked)


def run_here(module: str, asked: JsonObject) -> JsonValue:
    """The same with the Python that runs, and its packages: for tests."""
    return _run((sys.executable,), (trees.ROOT,), module, asked)


def _run(command: Sequence[str], path: Sequence[Path], module: str, asked: JsonObject) -> JsonValue:
    done = subprocess.run(  # noqa: S603 - an interpreter and modules of our own
        (*command, "-P", "-B", "-m", module),
        cwd=trees.ROOT,
        env={"PATH": os.defpath, "PYTHONPATH": os.pathsep.join(map(str, path))},
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        timeout=MOST_SECONDS,
        check=False,
    )
    if done.returncode:
        raise BenchError(f"{module}: {done.stderr.strip()[-3000:]}")
    told: JsonValue = json.loads(done.stdout)
    return told
