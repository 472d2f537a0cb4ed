"""Fixtures for tests that need Alibaba Cloud: `cloud`, `cloud_url` over HTTP, `invoke` for functions.

pytest loads this module in every run of an environment it is installed in, so it imports nothing but pytest.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from localcloud.cloud import LocalCloud
    from localcloud.functions.invoker import Invoker

MARKER: Final = "localcloud"
TEMPLATE: Final = "localcloud_template"

_ARGUMENTS: Final = ("template", "seed", "behaviour")
_PATHS: Final = ("template", "seed")


def pytest_addoption(parser: pytest.Parser) -> None:
    """The setting that names the s.yaml of the functions."""
    parser.addini(TEMPLATE, "s.yaml with the functions that `invoke` runs, from the root of the tests")


def pytest_configure(config: pytest.Config) -> None:
    """The marker that prepares a test's cloud."""
    config.addinivalue_line(
        "markers",
        f"{MARKER}({', '.join(f'{name}=None' for name in _ARGUMENTS)}): the s.yaml whose functions `invoke` "
        "runs, and what the test's `cloud` holds and how it behaves; of nested marks each adds to the outer",
    )


@pytest.fixture
def cloud(request: pytest.FixtureRequest) -> Iterator[LocalCloud]:
    """A local cloud of the test's own, its clock standing still; `cloud.transport` talks to it.

    It is empty but for the seeds of the test's marks.
    """
    from localcloud.testing import opened  # noqa: PLC0415 - the plug-in costs nothing where it is not used

    marks = _marks(request)
    behaviour = {name: value for mark in marks for name, value in (mark.get("behaviour") or {}).items()}
    seeds = [mark["seed"] for mark in marks if mark.get("seed") is not None]
    with opened(*seeds, behaviour=behaviour) as local:
        yield local


@pytest.fixture
def cloud_url(cloud: LocalCloud) -> Iterator[str]:
    """The URL at which the test's `cloud` is served on loopback, for clients that need a port."""
    from localcloud.server import running_server  # noqa: PLC0415 - the plug-in costs nothing where it is not used

    with running_server(cloud) as url:
        yield url


@pytest.fixture
def invoke(request: pytest.FixtureRequest, cloud: LocalCloud, cloud_url: str) -> Iterator[Invoker]:
    """Runs a function as Function Compute does, and gives its result; what it calls is the test's `cloud`.

    `invoke("tag-owner", {"id": "i-1"})` runs one of an s.yaml, `invoke(handler, event)` a handler, and
    `invoke(Path("tagger/index.py"), event)` a file's. A function that fails raises FunctionError.
    """
    from localcloud.functions.invoker import Invoker  # noqa: PLC0415 - the plug-in costs nothing where it is not used

    named = [mark["template"] for mark in _marks(request) if mark.get("template")]
    template = named[-1] if named else _from_settings(request.config)
    with Invoker(cloud, cloud_url, template) as invoker:
        yield invoker


def _marks(request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    """The arguments of the test's marks, outer ones first, with paths from the root of the tests."""
    marks = []
    for mark in reversed(list(request.node.iter_markers(MARKER))):
        if mark.args or (unknown := sorted(mark.kwargs.keys() - set(_ARGUMENTS))):
            found = "a value without a name" if mark.args else ", ".join(unknown)
            raise pytest.UsageError(f"@pytest.mark.{MARKER} takes {', '.join(_ARGUMENTS)}; found {found}")
        paths = {
            name: request.config.rootpath / value
            for name in _PATHS
            if isinstance(value := mark.kwargs.get(name), (str, os.PathLike))
        }
        marks.append({**mark.kwargs, **paths})
    return marks


def _from_settings(config: pytest.Config) -> Path | None:
    file = str(config.getini(TEMPLATE) or "")
    return config.rootpath / file if file else None
