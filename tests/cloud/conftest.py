"""What every scenario gets: a cloud of its own, and a mode to call it in."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from tests.support.cloud_scene import Scene, scene
from tests.support.vendor_clients import tidied

if TYPE_CHECKING:
    from collections.abc import Iterator


class _Scenes:
    """A scene for each mode, opened when it is first wanted: a server takes longer to end than a scenario."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self._stack = stack
        self._open: dict[str, Scene] = {}

    def fresh(self, mode: str) -> Scene:
        """The scene of the mode, with nothing in it."""
        if mode not in self._open:
            self._open[mode] = self._stack.enter_context(scene(mode))
        self._open[mode].cloud.reset()
        return self._open[mode]


@pytest.fixture(scope="session")
def scenes() -> Iterator[_Scenes]:
    """The scenes of this process."""
    with contextlib.ExitStack() as stack:
        yield _Scenes(stack)


@pytest.fixture
def at(request: pytest.FixtureRequest, scenes: _Scenes) -> Scene:
    """The scene of the mode that the test is run in."""
    return scenes.fresh(request.param)


@pytest.fixture(autouse=True, scope="module")
def cleared() -> Iterator[None]:
    """No other test is blamed for the clients' sockets and logs."""
    with tidied():
        yield
