"""What `./dev` does before a command, and what the locked requirements promise."""

from __future__ import annotations

import os
import shutil
import subprocess
import tomllib
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement

from tests.support.product import ROOT
from tools.layer.contents import LAYERS
from tools.layer.wheels import normal, read_pins

if TYPE_CHECKING:
    from pathlib import Path

STUB = """#!/bin/sh
echo "$@" >>"$LOG"
case "$*" in *"-m pip"*) exit 1 ;; esac
"""


def locked(name: str) -> dict[str, str]:
    """Versions by package of a file of requirements/."""
    lines = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    found = (line.split(";")[0].strip(" \\\n").split("==") for line in lines.splitlines() if "==" in line)
    return {normal(package): version for package, version in found}


def test_the_layer_has_what_the_product_asks_for() -> None:
    """Each dependency of pyproject.toml is locked for the layer, in a version that it allows."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pins = {pin.name: pin.version for pin in read_pins((ROOT / "requirements/layer.txt").read_text())}
    wanted = [Requirement(text) for text in project["dependencies"]]
    wrong = [str(one) for one in wanted if not one.specifier.contains(pins.get(normal(one.name), "0"))]
    assert wrong == [], "run ./dev lock"


@pytest.mark.parametrize("name", [layer.requirements.name for layer in LAYERS])
def test_what_is_tested_is_what_is_deployed(name: str) -> None:
    """The layers' packages are locked in the same versions for development."""
    layer, development = locked(name), locked("dev.txt")
    assert layer
    assert {name: development.get(name) for name in layer} == layer, "run ./dev lock"


def test_no_package_is_in_two_layers() -> None:
    """A function that has both layers finds one version of each package."""
    packages = [name for layer in LAYERS for name in locked(layer.requirements.name)]
    assert len(packages) == len(set(packages)), "run ./dev lock"


@pytest.mark.parametrize("is_there", [False, True])
def test_a_setup_that_was_interrupted(tmp_path: Path, is_there: bool) -> None:
    """An environment that is missing, or has no pip, is made anew."""
    shutil.copy(ROOT / "dev", tmp_path)
    (tmp_path / "requirements").mkdir()
    for name in ("requirements/build.txt", "requirements/dev.txt", "pyproject.toml", "python"):
        (tmp_path / name).write_text(STUB)
    (tmp_path / "python").chmod(0o755)
    if is_there:
        (tmp_path / ".venv/bin").mkdir(parents=True)
        shutil.copy(tmp_path / "python", tmp_path / ".venv/bin")
    log = tmp_path / "log"
    environment = {"PATH": os.environ["PATH"], "PYTHON": str(tmp_path / "python"), "LOG": str(log)}
    command = [str(tmp_path / "dev"), "run", "true"]
    done = subprocess.run(  # noqa: S603 -- our own script
        command, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode != 0
    assert "-m venv --clear .venv" in log.read_text().splitlines()
