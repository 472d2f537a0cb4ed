"""Sends what has gathered while an invocation waits, and not longer than it may. Knows no OpenTelemetry."""

from __future__ import annotations

import logging
from threading import Lock, Thread
from typing import TYPE_CHECKING, Final

from fctoolkit.clock import SYSTEM_CLOCK, Clock

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger(__name__)

PAUSE_SECONDS: Final = 60.0
"""How long nothing is sent after something was not taken, so that a receiver in trouble delays few."""


class Sender:
    """Sends in a thread of its own, so that nobody has to trust the time limits of a client.

    Args:
        send: sends all that has gathered, and says whether it was taken. It may take long and may raise; it
            is never called twice at once.
        clock: tells when the pause is over.
    """

    def __init__(self, send: Callable[[], bool], clock: Clock = SYSTEM_CLOCK) -> None:
        self._send = send
        self._clock = clock
        self._turn = Lock()
        self._lock = Lock()
        self._next: Thread | None = None
        # Replaced as a whole, and right whichever thread wrote it last: no lock is needed.
        self._paused_until = clock.monotonic()

    def flush(self, seconds: float) -> None:
        """Sends, and waits for it up to so many seconds; during a pause it does neither.

        A pause begins when something was not taken, or not in time.
        """
        if self._clock.monotonic() < self._paused_until:
            return
        try:
            thread = self._thread()
        except RuntimeError:  # the system gives no more threads: what waits is sent another time
            return
        thread.join(seconds)
        if thread.is_alive():
            self._pause("telemetry was not taken in time")

    def _thread(self) -> Thread:
        """The thread that sends next. While one sends, however long, one at most waits: it will take all."""
        with self._lock:
            if self._next is None:
                # FC freezes the instance after the invocation. A thread that is late goes on in the next one;
                # being a daemon, it keeps no process from ending.
                thread = Thread(target=self._run, name="telemetry", daemon=True)
                thread.start()
                self._next = thread
            return self._next

    def _run(self) -> None:
        with self._turn:
            with self._lock:
                self._next = None
            try:
                if not self._send():
                    self._pause("telemetry was not taken")
            except Exception:  # noqa: BLE001 -- an invocation never fails for what is told of it
                self._pause("telemetry could not be sent", cause=True)

    def _pause(self, why: str, *, cause: bool = False) -> None:
        self._paused_until = self._clock.monotonic() + PAUSE_SECONDS
        _log.warning("%s; none is sent for %.0f s", why, PAUSE_SECONDS, exc_info=cause)
