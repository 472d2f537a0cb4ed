"""The event rules of s.yaml come from one place."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from enlist.sources import SOURCES
from localcloud.functions.spec import EventBridgeTrigger
from localcloud.template.reading import read_template
from tests.support.product import ROOT
from tools import rules

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of s.yaml, with the code folders that it names."""
    for name in rules.KINDS:
        (tmp_path / "functions" / name).mkdir(parents=True)
    return shutil.copy(ROOT / "s.yaml", tmp_path / "s.yaml")


def test_the_shipped_rules_are_those_of_the_sources() -> None:
    """Every source has a trigger with its pattern in the function that takes its signals; no other has."""
    assert list(rules.differences(ROOT / "s.yaml")) == []
    for spec in read_template(ROOT / "s.yaml", environment={}).functions:
        names = [one.name for one in spec.triggers if isinstance(one, EventBridgeTrigger)]
        assert names == [source.trigger for source in SOURCES[rules.KINDS[spec.key]]]


def test_writing_again_changes_nothing(copy: Path) -> None:
    """The shipped file is as it is written."""
    assert rules.main(["--write", str(copy)]) == 0
    assert copy.read_text() == (ROOT / "s.yaml").read_text()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("enlist.custom", "enlist.costum", "the pattern of ens-ready"),
        ("triggerName: ens-ready", "triggerName: ens-steady", "no trigger ens-ready"),
        ("triggerName: ens-ready", "triggerName: ens-steady", "take it out"),
    ],
)
def test_a_difference_is_named(
    copy: Path, old: str, new: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A pattern changed by hand, and a trigger that is missing or too many, is named with the fix."""
    copy.write_text(copy.read_text().replace(old, new, 1))
    assert rules.main([str(copy)]) == 1
    assert words in capsys.readouterr().err


def test_writing_restores_a_pattern(copy: Path) -> None:
    """What was changed by hand is written anew, and nothing else is touched."""
    shipped = copy.read_text()
    copy.write_text(shipped.replace("enlist.custom", "enlist.costum").replace("DISCOVERED", "FOUND"))
    assert rules.main(["--write", str(copy)]) == 0
    assert copy.read_text() == shipped


def test_a_trigger_that_is_not_there_cannot_be_written(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without its trigger a pattern has no place; the error names the trigger."""
    copy.write_text(copy.read_text().replace("triggerName: ens-ready", "triggerName: ens-steady"))
    assert rules.main(["--write", str(copy)]) == 1
    assert "trigger ens-ready" in capsys.readouterr().err
