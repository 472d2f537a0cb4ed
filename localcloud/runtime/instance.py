"""One instance on a built-in runtime: a process, two pipes to talk to it, one for its logs. Knows no events.

Works on Linux and macOS; pipes are inherited by number, which Windows does not have.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from fctoolkit.errors import ConfigurationError
from localcloud.runtime import bootstrap
from localcloud.runtime.exchange import ExitedError, Reply, TimedOutError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from localcloud.runtime.bootstrap import Frame, Settings
    from localcloud.runtime.exchange import Call

START_SECONDS: Final = 30.0
"""How long a process may take until it is ready to load user code."""

GRACE_SECONDS: Final = 0.5
"""How long a process may take to say where it stands when its time is up."""

LOG_LIMIT: Final = 1024 * 1024
"""Bytes of logs kept of one request; of more, the end is kept."""

CHUNK: Final = 65536
"""All that a pipe holds: one read takes in everything that was written before."""


class BuiltInInstance:
    """A started process of one Python; see `localcloud.runtime.exchange.Instance`."""

    def __init__(self, settings: Settings, environment: Mapping[str, str], python: Path) -> None:
        """Starts the process and waits until it is ready; ConfigurationError when it does not start."""
        requests, self._requests = os.pipe()
        self._answers, answers = os.pipe()
        self._logs, logs = os.pipe()
        try:
            # -I and -S: no variable and no installed package of the caller reaches the function.
            self._process = subprocess.Popen(  # noqa: S603  # no shell, and our own file
                [
                    *(str(python), "-I", "-S", "-u", "-X", "utf8"),
                    *(bootstrap.__file__, str(requests), str(answers)),
                ],
                stdin=subprocess.DEVNULL,
                stdout=logs,
                stderr=logs,
                pass_fds=(requests, answers),
                cwd=settings["code"],
                env=dict(environment),
                start_new_session=True,
            )
        except OSError as error:
            self._close_pipes()
            raise ConfigurationError(f"the Python at {python} does not start: {error}") from None
        finally:
            for number in (requests, answers, logs):
                os.close(number)
        self._buffer = bytearray()
        self._log_text = bytearray()
        self._ended = False
        self._selector = selectors.DefaultSelector()
        for number in (self._answers, self._logs):
            os.set_blocking(number, False)
            self._selector.register(number, selectors.EVENT_READ)
        try:
            self._exchange(settings, b"", START_SECONDS)
        except (TimedOutError, ExitedError):
            self.kill()
            raise ConfigurationError(f"the Python at {python} does not start: {self.take_logs()}") from None

    def exchange(self, call: Call, seconds: float) -> Reply:
        """Has a call done. Its payload must be an event: only custom runtimes get HTTP requests."""
        if not isinstance(call.payload, bytes):
            raise TypeError("a built-in runtime takes events; make one of the HTTP request")
        frame = self._exchange({"kind": call.kind, "requestId": call.request_id}, call.payload, seconds)
        return Reply(ok=bool(frame.head["ok"]), payload=frame.body)

    def _exchange(self, head: Mapping[str, object], body: bytes, seconds: float) -> Frame:
        """Sends a frame and returns the answer."""
        deadline = time.monotonic() + seconds
        try:
            # Cannot block for long: between two exchanges the process does nothing but read this pipe.
            with suppress(BrokenPipeError):
                self._send(bootstrap.pack(head, body))
            while (answer := self._take_answer()) is None:
                if self._ended:
                    raise ExitedError
                self._pump(deadline - time.monotonic())
        finally:
            self._read_logs()
        return answer

    def take_logs(self) -> str:
        """What was printed and logged since the last look."""
        text = self._log_text.decode(errors="replace")
        self._log_text.clear()
        return text

    def stop(self) -> None:
        """Ends the process as FC does at a timeout: SIGTERM, a moment to log its stack, then SIGKILL."""
        self._process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + GRACE_SECONDS
        with suppress(TimedOutError):
            while not self._ended:
                self._pump(deadline - time.monotonic())
        self.kill()

    def kill(self) -> None:
        """Ends the process, and whatever it started, at once. The logs can still be taken."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._read_logs()
        self._selector.close()
        self._close_pipes()

    def crash(self) -> None:
        """Sends SIGKILL to the process and waits for nothing. Any thread may, at any time."""
        self._process.kill()

    def _close_pipes(self) -> None:
        for number in (self._requests, self._answers, self._logs):
            os.close(number)

    def _send(self, frame: bytes) -> None:
        rest = memoryview(frame)
        while rest:
            rest = rest[os.write(self._requests, rest) :]

    def _take_answer(self) -> Frame | None:
        """Takes a whole frame out of the buffer."""
        size = bootstrap.LENGTHS.size
        if len(self._buffer) < size:
            return None
        head_length, body_length = bootstrap.LENGTHS.unpack_from(self._buffer)
        end = size + head_length + body_length
        if len(self._buffer) < end:
            return None
        head = json.loads(self._buffer[size : size + head_length])
        body = bytes(self._buffer[size + head_length : end])
        del self._buffer[:end]
        return bootstrap.Frame(head, body)

    def _pump(self, seconds: float) -> None:
        """Waits for output of the process and takes in what there is."""
        ready = self._selector.select(seconds) if seconds > 0 else []
        if not ready:
            raise TimedOutError
        numbers = {key.fd for key, _ in ready}
        if self._logs in numbers and not self._read_logs():
            # User code may close its output; that is no end.
            self._selector.unregister(self._logs)
        if self._answers in numbers and not self._read(self._answers, self._buffer):
            self._ended = True

    def _read_logs(self) -> bool:
        more = self._read(self._logs, self._log_text)
        del self._log_text[:-LOG_LIMIT]
        return more

    @staticmethod
    def _read(number: int, into: bytearray) -> bool:
        """Takes in what there is, without waiting; False when there will be no more."""
        try:
            chunk = os.read(number, CHUNK)
        except BlockingIOError:
            return True
        into += chunk
        return bool(chunk)
