"""The time of the cloud's state: it stands still until it is moved, or follows real time. Knows no service.

Signatures are judged by the wall clock instead: clients sign with the real time, whatever time it is in the
cloud.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from localcloud.errors import LocalCloudError

if TYPE_CHECKING:
    from collections.abc import Callable

LATEST: Final = datetime(9999, 1, 1, tzinfo=UTC).timestamp()
"""How far the clock can be moved. No time past this year can be written; a clock that follows has it left."""


def iso_time(seconds: float) -> str:
    """A moment as the vendor writes it: `2026-11-22T03:27:00Z`, UTC, whole seconds."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class StateClock:
    """Seconds since the epoch, as the cloud's state sees them.

    Args:
        start: where the clock stands at first; the real time by default.
        ticks: what it follows once `follow` is called; seconds that never go back.
    """

    def __init__(self, start: float | None = None, ticks: Callable[[], float] = time.monotonic) -> None:
        self._ticks = ticks
        # The moment, and since when it is followed. One value: threads read it while another changes it.
        self._base: tuple[float, float | None] = (time.time() if start is None else start, None)

    def now(self) -> float:
        """The present moment."""
        moment, since = self._base
        return moment if since is None else moment + self._ticks() - since

    def advance(self, seconds: float) -> float:
        """Moves the clock on by so many seconds and returns the present moment.

        Raises as `check` does, and stays where it is.
        """
        self.check(seconds)
        moment, since = self._base
        self._base = (moment + seconds, since)
        return self.now()

    def check(self, seconds: float) -> None:
        """Raises LocalCloudError when so many seconds would lead back or past LATEST."""
        if not seconds >= 0:
            raise LocalCloudError(f"the clock cannot go back: {seconds} seconds")
        if self.now() + seconds > LATEST:
            raise LocalCloudError(
                f"the clock is at {iso_time(self.now())} and cannot go past {iso_time(LATEST)}: "
                f"{seconds} seconds are too many"
            )

    @property
    def follows(self) -> bool:
        """Whether real time passes in the cloud too."""
        return self._base[1] is not None

    def follow(self) -> None:
        """From here on, real time passes in the cloud too."""
        if not self.follows:
            self._base = (self._base[0], self._ticks())

    def stop(self) -> None:
        """From here on, time passes only when it is told to."""
        self._base = (self.now(), None)
