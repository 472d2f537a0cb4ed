"""docs/testing-with-localcloud.md is true: its files, as they stand, make a project whose tests pass."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.product import ROOT
from tests.support.programs import requires

if TYPE_CHECKING:
    from pathlib import Path

PAGE = (ROOT / "docs/testing-with-localcloud.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^`([^`\n]+)`:\n\n```\w+\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with the files of the page."""
    for name, text in FILES.items():
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("file", "passed"), [(name, text.count("def test_")) for name, text in FILES.items() if "test_" in name]
)
def test_the_tests_on_the_page_pass(project: Path, file: str, passed: int) -> None:
    """Each file of tests passes as it stands, with no help but the plug-in."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(  # noqa: S603 - our own interpreter and page
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", file],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{passed} passed" in done.stdout


def test_the_shell_example_runs(project: Path, cloud_url: str) -> None:
    """What the page does with curl goes well, and shows the instance and that nothing was called."""
    done = subprocess.run(  # noqa: S603 - our own page
        ["/bin/sh", "check.sh", cloud_url],
        cwd=project,
        env={"PATH": f"{requires('curl').parent}:{os.defpath}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert '"i-from-file"' in done.stdout
    assert done.stdout.strip().endswith("[]")


def test_every_file_on_the_page_is_used() -> None:
    """No block of code stands on the page that is not run."""
    assert PAGE.count("\n```") == 2 * len(FILES)
