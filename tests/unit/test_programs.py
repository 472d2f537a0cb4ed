"""What tests may rely on when a program or file is missing."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.product import ROOT
from tests.support.programs import MAY_BE_MISSING, find, is_forbidden

if TYPE_CHECKING:
    from pathlib import Path

TESTS = """
    import pytest
    from tests.support.programs import missing

    def test_missing():
        missing("node", "install Node.js")

    @pytest.mark.xfail(reason="not there yet")
    def test_expected_failure():
        assert False
"""


@pytest.mark.parametrize(
    ("reason", "allowed", "forbidden"),
    [
        ("Skipped: node is missing: install it", None, False),
        ("Skipped: node is missing: install it", "", True),
        ("Skipped: node is missing: install it", "fc3 node", False),
        ("Skipped: node is missing: install it", "node18", True),
        ("Skipped: could not import 'redis'", "redis", True),
    ],
)
def test_what_may_skip(reason: str, allowed: str | None, forbidden: bool) -> None:
    """Where nothing may be missing, a skip is a failure unless it names what is allowed to be."""
    assert is_forbidden(reason, allowed) is forbidden


@pytest.mark.parametrize(
    ("allowed", "outcome"),
    [(None, "1 skipped, 1 xfailed"), ("node", "1 skipped, 1 xfailed"), ("", "1 failed, 1 xfailed")],
)
def test_a_run(tmp_path: Path, allowed: str | None, outcome: str) -> None:
    """A whole run of pytest does so, and leaves expected failures alone."""
    (tmp_path / "test_it.py").write_text("\n".join(line[4:] for line in TESTS.splitlines()))
    environment = {"PATH": os.environ["PATH"], **({} if allowed is None else {MAY_BE_MISSING: allowed})}
    command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-c", os.devnull, str(tmp_path)]
    done = subprocess.run(  # noqa: S603  # no shell, and our own command
        command, check=False, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )
    assert outcome in done.stdout, done.stdout


def test_a_shim_is_no_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that is on PATH and does not run counts as missing."""
    shim = tmp_path / "no-such-program"
    shim.write_text("#!/bin/sh\nexit 127\n")
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find("no-such-program") is None
