"""Sends what has gathered while an invocation waits, and not longer than it may. Knows no OpenTelemetry."""

from __future__ import annotations

import logging
from threading import Lock, Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger(__name__)


class Sender:
    """Sends in a thread of its own, so that nobody has to trust the time limits of a client.

    Args:
        send: sends all that has gathered. It may take long and may raise; it is never called twice at once.
    """

    def __init__(self, send: Callable[[], None]) -> None:
        self._send = send
        self._turn = Lock()
        self._lock = Lock()
        self._late: Thread | None = None

    def flush(self, seconds: float) -> None:
        """Sends, and waits for it up to so many seconds.

        What was late once is waited for no more: until it has ended, a flush returns at once and sends
        nothing, so that a receiver that hangs does not delay each invocation of an instance.
        """
        with self._lock:
            if self._late is not None and self._late.is_alive():
                return
            self._late = None
        # FC freezes the instance after the invocation. A thread that is late goes on in the next one; being a
        # daemon, it keeps no process from ending.
        thread = Thread(target=self._run, name="telemetry", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the system gives no more threads: what waits is sent another time
            return
        thread.join(seconds)
        if thread.is_alive():
            with self._lock:
                self._late = thread
            _log.warning("telemetry was not taken within %.1f s; it is not waited for", seconds)

    def _run(self) -> None:
        with self._turn:
            try:
                self._send()
            except Exception:  # noqa: BLE001 -- an invocation never fails for what is told of it
                _log.warning("telemetry could not be sent", exc_info=True)
