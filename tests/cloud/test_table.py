"""The table of clients says what a run shows."""

from __future__ import annotations

from tests.cloud.table import COMMAND, TABLE, quietly_run, render, written_s


def test_the_table_is_what_a_run_makes() -> None:
    """Every scenario passes with every client, and the committed table says so, action by action."""
    outcome = quietly_run()
    assert outcome.failures == []
    assert TABLE.read_text(encoding="utf-8") == render(outcome, written_s()), f"run {COMMAND}"
