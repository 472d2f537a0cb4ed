"""The folders of a cloud instance that a custom runtime names, and those that stand for them here."""

from __future__ import annotations

from pathlib import Path

import pytest

from localcloud.functions.spec import CustomRuntime, FunctionSpec, Hook
from localcloud.runtime.custom import start_command
from localcloud.runtime.environment import function_environment
from localcloud.runtime.folders import LocalFolders
from localcloud.template.reading import read_template


@pytest.fixture
def folders(tmp_path: Path) -> LocalFolders:
    """Code, a layer that stands for /opt and two that stand for /opt/python."""
    for name in ("code", "opt/python", "opt/bin", "shared/tool", "packages"):
        (tmp_path / name).mkdir(parents=True)
    return LocalFolders(tmp_path / "code", tuple(tmp_path / name for name in ("opt", "shared", "packages")))


@pytest.mark.parametrize(
    ("text", "translated"),
    [
        ("/code", "{0}/code"),
        ("/code/a/b.py", "{0}/code/a/b.py"),
        ("--dir=/code", "--dir={0}/code"),
        ("/opt/python", "{0}/opt/python:{0}/shared:{0}/packages"),
        ("/opt/python/tool", "{0}/shared/tool"),
        ("/opt/bin:/usr/bin", "{0}/opt/bin:/usr/bin"),
        ("/opt/python/missing", "{0}/opt/python/missing"),
        ("/codes:/optional:x/code:/usr/opt/y", "/codes:/optional:x/code:/usr/opt/y"),
        ("https://example.com/code", "https://example.com/code"),
    ],
)
def test_paths_are_translated(folders: LocalFolders, text: str, translated: str) -> None:
    """A path beneath /code or /opt is that of the local folder that has it; nothing else changes."""
    assert folders.translate(text) == translated.format(folders.code.parent)


def test_a_layer_that_cannot_hold_a_path(tmp_path: Path) -> None:
    """A path in /opt that no layer can hold stays as it is."""
    assert LocalFolders(tmp_path, (tmp_path / "shared",)).translate("/opt/bin/x") == "/opt/bin/x"


@pytest.mark.parametrize("program", ["python", "python3", "python3.12", "/opt/python3.12/bin/python3.12"])
def test_any_python_is_the_one(folders: LocalFolders, program: str) -> None:
    """A program named like a Python is the one that runs functions, without its installed packages."""
    command = start_command(CustomRuntime((program,), ("-m", "x", "/code/y")), folders, Path("/here/python"))
    assert command == ["/here/python", "-S", "-m", "x", f"{folders.code}/y"]


def test_other_programs(folders: LocalFolders) -> None:
    """Any other program is itself."""
    assert start_command(CustomRuntime(("pythonic", "/code/run")), folders, Path())[0] == "pythonic"


@pytest.mark.parametrize(("runtime", "is_translated"), [("custom.debian10", True), ("python3.12", False)])
def test_variables_are_translated_for_custom_runtimes(
    folders: LocalFolders, runtime: str, *, is_translated: bool
) -> None:
    """The template's variables are translated for a custom runtime; the caller's never are."""
    spec = FunctionSpec(
        "f",
        "f",
        "index.handler",
        folders.code,
        runtime=runtime,
        layers=folders.layers,
        custom=CustomRuntime() if is_translated else None,
        environment={"A": "/code/x"},
    )
    seen = function_environment(spec, {"ENLIST_BINDINGS": "/code/x"})
    assert seen["A"] == (f"{folders.code}/x" if is_translated else "/code/x")
    assert seen["ENLIST_BINDINGS"] == "/code/x"


def test_a_template_says_how_it_starts(tmp_path: Path) -> None:
    """Start command, port and hooks of a custom runtime are read; without a command it is /code/bootstrap."""
    file = tmp_path / "s.yaml"
    file.write_text(
        """
edition: 3.0.0
resources:
  told:
    component: fc3
    props: &props
      region: cn-hangzhou
      functionName: told
      runtime: custom.debian12
      code: .
      customRuntimeConfig: {command: [python3], args: [-m, x], port: 8080}
      instanceLifecycleConfig: {preStop: {handler: any, timeout: 5}}
  silent:
    component: fc3
    props:
      <<: *props
      functionName: silent
      customRuntimeConfig: {}
"""
    )
    told, silent = read_template(file, environment={}).functions
    assert told.custom == CustomRuntime(("python3",), ("-m", "x"), 8080)
    assert told.pre_stop == Hook("any", 5)
    assert silent.custom == CustomRuntime(("/code/bootstrap",))
