"""What a deployment uploads, functions' zips and the layers', unpacked and run on a Python 3.12 alone."""

from __future__ import annotations

import json
import platform
import zipfile
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO
from typing import TYPE_CHECKING, Final

from localcloud.functions.deployment import Deployment
from localcloud.template.reading import read_template
from tests.support.deployed import BINDINGS, caller_environment
from tests.support.product import ROOT
from tests.support.programs import missing, requires
from tools.layer.build import zip_bytes
from tools.layer.contents import MAIN

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from localcloud.template.reading import Template
    from tools.layer.contents import Layer

DIST: Final = ROOT / "dist"
"""Where the layers are built."""

_SOURCES: Final = ("shared/*/**/*.py", "tools/layer/*.py", "requirements/layer*.txt")


def fc_python() -> Path:
    """A Python 3.12 on which the layer's compiled code runs. Skips the test when there is none."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        missing("linux-x86_64", "the layer has code compiled for it; run the test on such a machine")
    return requires("python3.12")


def layer_zip(layer: Layer = MAIN) -> Path:
    """A built layer. Skips the test when it is missing, older than its sources, or without bytecode."""
    path = ROOT / layer.zip
    if not path.is_file():
        missing(str(layer.zip), "run ./dev layer")
    built = path.stat().st_mtime
    for source in (path for pattern in _SOURCES for path in ROOT.glob(pattern)):
        if source.stat().st_mtime > built:
            missing(
                str(layer.zip), f"{source.relative_to(ROOT)} is newer than what is there; run ./dev layer"
            )
    with zipfile.ZipFile(path) as archive:
        if not any(name.endswith(".pyc") for name in archive.namelist()):
            missing(str(layer.zip), "it has no bytecode; get a Python 3.12 and run ./dev layer")
    return path


def unpacked_layer(folder: Path, layer: Layer = MAIN) -> Path:
    """A built layer, unpacked, as /opt. Skips the test as `layer_zip` does."""
    return _unpacked(layer_zip(layer).read_bytes(), folder)


def zipped_code(source: Path) -> bytes:
    """A function's folder as fc3 zips it, with the usual bindings packed beside the code.

    fc3 puts everything into the zip, hidden files too, but for what `.fcignore` names.
    """
    ignored = set((source / ".fcignore").read_text().split())
    if any(set(name) & set("*?[]!/#\\") for name in ignored):
        raise ValueError(f"{source / '.fcignore'}: here only plain names can be read")
    files = {
        path.relative_to(source): path.read_bytes()
        for path in source.rglob("*")
        if path.is_file() and not ignored.intersection(path.relative_to(source).parts)
    }
    named = {path.as_posix(): data for path, data in files.items()}
    return zip_bytes(named | {"bindings.json": json.dumps(BINDINGS).encode()})


def uploaded_code(source: Path, folder: Path) -> Path:
    """A function's folder, zipped and unpacked again."""
    return _unpacked(zipped_code(source), folder)


@contextmanager
def uploaded(url: str, folder: Path, template: str = "s.yaml") -> Iterator[Deployment]:
    """A template deployed from zips against the cloud at `url`. Skips the test where that cannot be."""
    python = fc_python()
    environment = caller_environment(url)
    read = read_template(ROOT / template, environment=environment)
    with Deployment(uploaded_template(read, folder), environment, python=python) as deployment:
        yield deployment


def uploaded_template(template: Template, folder: Path) -> Template:
    """A template whose functions and layer come out of their zips, into folders below `folder`."""
    layer = unpacked_layer(folder / "opt")
    functions = (
        replace(spec, code=uploaded_code(spec.code, folder / spec.key), layers=(layer,))
        for spec in template.functions
    )
    return replace(template, functions=tuple(functions))


def _unpacked(data: bytes, folder: Path) -> Path:
    with zipfile.ZipFile(BytesIO(data)) as archive:
        archive.extractall(folder)
    return folder
