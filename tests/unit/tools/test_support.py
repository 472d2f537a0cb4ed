"""The page of what the local cloud has is true, and whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud import LocalCloud
from localcloud.conditions.behaviour import Behaviour
from tools import support

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_the_page_is_what_the_code_says() -> None:
    """The committed page is what would be written now."""
    assert support.PAGE.read_text(encoding="utf-8") == support.render(), f"run {support.COMMAND}"


def test_nothing_is_left_out() -> None:
    """Every supported action is named, and every field of the behaviour with its meaning."""
    page = " ".join(support.render().split())
    for actions in LocalCloud().supported.values():
        assert [action for action in actions if action not in page] == []
    rows = [line.split(" | ") for line in support.render().splitlines() if line.startswith("| `")]
    meanings = {row[0].strip("| `"): row[-1] for row in rows}
    assert [name for name in Behaviour.model_fields if len(meanings.get(name, "")) < 10] == []


def test_a_page_that_is_not_true_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The check fails for a page that is missing or another, and passes for the one that was written."""
    monkeypatch.setattr(support, "ROOT", tmp_path)
    monkeypatch.setattr(support, "PAGE", tmp_path / "page.md")
    assert support.main(["--check"]) == 1
    assert support.main([]) == support.main(["--check"]) == 0
    support.PAGE.write_text("other")
    assert support.main(["--check"]) == 1
    assert support.COMMAND in capsys.readouterr().err
