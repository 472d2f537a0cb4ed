"""The component fc3 of Serverless Devs, for tests that need it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tests.support.programs import missing
from tools.deploylocal.home import HOW_TO_GET, NoComponentError, make_home

if TYPE_CHECKING:
    from pathlib import Path


def home_with_component(folder: Path) -> Path:
    """Makes a folder a home for `s` with the component fc3; skips the test where there is none."""
    try:
        make_home(folder, os.environ)
    except NoComponentError:
        missing("fc3", HOW_TO_GET)
    return folder
