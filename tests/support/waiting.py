"""Waiting for what another thread or process does, for a bounded time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def until(holds: Callable[[], object], seconds: float = 20.0) -> None:
    """Returns as soon as something holds; fails when it does not within so many seconds."""
    ends = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends, f"it did not come to hold within {seconds:g} seconds"
        time.sleep(0.01)
