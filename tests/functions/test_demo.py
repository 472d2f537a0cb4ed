"""The demo, as a newcomer runs it."""

from __future__ import annotations

import subprocess
import sys

from tests.support.product import ROOT


def test_the_demo_ends_well() -> None:
    """It exits 0, shows both jobs and a dead letter, and every instance is where its binding says."""
    done = subprocess.run(
        [sys.executable, "-m", "tools.demo"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "AttachInstances" in done.stdout
    assert "AddConnectableCluster" in done.stdout
    assert "attached twice: none" in done.stdout
    assert "given up; in the queue enlist-dev-dead-letters" in done.stdout
    assert done.stdout.endswith("Every instance is where its binding says.\n")
    assert done.stderr == ""
