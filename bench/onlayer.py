"""Runs a module of the bench as a function runs: on Python 3.12, with the built layer and nothing else."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final, Protocol

from bench import trees
from bench.case import BenchError
from bench.processes import ROOT, function_python, output_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fctoolkit.jsontypes import JsonObject, JsonValue

MOST_SECONDS: Final = 1_200


class Run(Protocol):
    """Runs a module of the bench in a process of its own."""

    def __call__(self, module: str, asked: JsonObject) -> JsonValue:
        """What it tells as JSON when it gets `asked` as JSON. Raises BenchError when it does not."""
        ...


def run_on_layer(module: str, asked: JsonObject) -> JsonValue:
    """What a module tells as JSON when it gets `asked` as JSON. Raises BenchError when it does not."""
    interpreter = function_python()
    with TemporaryDirectory() as folder:
        layer = Path(folder)
        trees.write(trees.opened(trees.build_layer()), layer)
        return _run((str(interpreter), "-S"), (layer, ROOT), module, asked)


def run_here(module: str, asked: JsonObject) -> JsonValue:
    """The same with the Python that runs, and its packages: for tests."""
    return _run((sys.executable,), (ROOT,), module, asked)


def _run(command: Sequence[str], path: Sequence[Path], module: str, asked: JsonObject) -> JsonValue:
    environment = {"PATH": os.defpath, "PYTHONPATH": os.pathsep.join(map(str, path))}
    whole = (*command, "-P", "-B", "-m", module)
    try:
        told = output_of(whole, MOST_SECONDS, text=json.dumps(asked), environment=environment)
    except BenchError as error:
        raise BenchError(f"{module}: {error}") from None
    made: JsonValue = json.loads(told)
    return made
