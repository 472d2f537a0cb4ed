"""Several processes at once, killed at random, as a platform kills its instances; see tests.workers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.workers.scene import Scene, opened, play

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.timeout(300)
@pytest.mark.parametrize("store", ["sqlite", "redis"])
def test_each_machine_is_attached_exactly_once(tmp_path: Path, store: str) -> None:
    """A thousand events, repeated, reordered, some lost; workers that are killed; one attach a machine."""
    with opened(store, tmp_path) as url:
        story = play(Scene(seed=7, store=url), tmp_path)
    assert not story.wrong, story
    # It would show nothing if no kill had hurt and nobody had met another's claim.
    assert story.tally.inside >= 10, story
    assert story.tally.denied, story
    assert story.tally.taken_over, story
