"""One instance on a built-in runtime: a process, two pipes to talk to it, one for its logs. Knows no events.

Works on Linux and macOS; pipes are inherited by number, which Windows does not have.
"""

from __future__ import annotations

import itertools
import json
import os
import queue
import selectors
import signal
import subprocess
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from localcloud.runtime import bootstrap
from localcloud.runtime.exchange import ExitedError, NotStartedError, Reply, TimedOutError
from localcloud.runtime.following import Follower, LogText
from localcloud.runtime.left_behind import kill_with_children

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from localcloud.runtime.bootstrap import Frame, Settings
    from localcloud.runtime.exchange import Call

START_SECONDS: Final = 30.0
"""How long a process may take until it is ready to load user code."""

GRACE_SECONDS: Final = 0.5
"""How long a process may take to say where it stands when its time is up."""

_STARTED: Final = 0
"""What the answer to the settings is known by."""


class BuiltInInstance:
    """A started process of one Python; see `localcloud.runtime.exchange.Instance`."""

    def __init__(self, settings: Settings, environment: Mapping[str, str], python: Path) -> None:
        """Starts the process and waits until it is ready; NotStartedError when it does not start."""
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
            for number in (self._requests, self._answers, self._logs):
                os.close(number)
            raise _not_started(python, str(error)) from None
        finally:
            for number in (requests, answers, logs):
                os.close(number)
        # Who has stopped reading makes nobody wait longer than the call may take.
        os.set_blocking(self._requests, False)
        self._instance_id = environment.get("FC_INSTANCE_ID", "")
        self._buffer = bytearray()
        self._log_text = LogText()
        self._ids = itertools.count(_STARTED)
        self._waiting: dict[int, queue.SimpleQueue[Frame | None]] = {}
        self._ended = threading.Event()
        self._killed = self._closed = False
        # Guards who waits; the other one keeps frames of several threads apart.
        self._lock = threading.Lock()
        self._sending = threading.Lock()
        self._follower = Follower({self._answers: self._take_in, self._logs: self._log_text.add})
        try:
            self._exchange(settings, b"", START_SECONDS)
        except (TimedOutError, ExitedError):
            self.kill()
            printed = self.take_logs()
            raise _not_started(python, printed, printed) from None

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    def exchange(self, call: Call, seconds: float) -> Reply:
        """Has a call done. Its payload must be an event: only custom runtimes get HTTP requests."""
        if not isinstance(call.payload, bytes):
            raise TypeError("a built-in runtime takes events; make one of the HTTP request")
        head: dict[str, object] = {"kind": call.kind, "requestId": call.request_id}
        if call.credentials:
            head["credentials"] = [*call.credentials]
        frame = self._exchange(head, call.payload, seconds)
        return Reply(ok=bool(frame.head["ok"]), payload=frame.body)

    def _exchange(self, head: Mapping[str, object], body: bytes, seconds: float) -> Frame:
        """Sends a frame and returns the answer."""
        answers: queue.SimpleQueue[Frame | None] = queue.SimpleQueue()
        with self._lock:
            if self._ended.is_set():
                raise ExitedError
            number = next(self._ids)
            self._waiting[number] = answers
        try:
            deadline = time.monotonic() + seconds
            self._send(bootstrap.pack({**head, "number": number}, body), deadline)
            answer = answers.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            raise TimedOutError from None
        finally:
            with self._lock:
                self._waiting.pop(number, None)
        if answer is None:
            raise ExitedError
        return answer

    def take_logs(self) -> str:
        """What was printed and logged since the last look."""
        self._follower.read(self._logs)
        return self._log_text.take()

    def stop(self) -> None:
        """Ends the process as FC does at a timeout: SIGTERM, a moment to log its stack, then SIGKILL."""
        self._process.send_signal(signal.SIGTERM)
        self._ended.wait(GRACE_SECONDS)
        self.kill()

    def kill(self) -> None:
        """Ends the process, and whatever it started, at once. The logs can still be taken."""
        with self._lock:
            first, self._killed = not self._killed, True
        if first:
            kill_with_children(self._process.pid, self._instance_id)
        self._process.wait()
        self._follower.finish()
        with self._sending:
            if not self._closed:
                self._closed = True
                os.close(self._requests)

    def crash(self) -> None:
        """Sends SIGKILL to the process and waits for nothing. Any thread may, at any time."""
        self._process.kill()

    def _send(self, frame: bytes, deadline: float) -> None:
        """Writes a frame as the process reads it; TimedOutError when it has not read it all in time."""
        if not self._sending.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise TimedOutError
        try:
            with suppress(BrokenPipeError), selectors.DefaultSelector() as selector:
                if not self._closed:
                    selector.register(self._requests, selectors.EVENT_WRITE)
                rest = memoryview(frame)
                while rest and not self._closed:
                    if not selector.select(max(0.0, deadline - time.monotonic())):
                        raise TimedOutError
                    rest = rest[os.write(self._requests, rest) :]
        finally:
            self._sending.release()

    def _take_in(self, chunk: bytes) -> None:
        """Takes in a part of an answer, and gives the answers that are whole to those who wait for them."""
        self._buffer += chunk
        while (frame := self._next_frame()) is not None:
            # What was printed before the answer was sent is in the pipe by now.
            self._follower.read(self._logs)
            self._give(int(str(frame.head["number"])), frame)
        if not chunk:
            self._follower.read(self._logs)
            with self._lock:
                self._ended.set()
                left = tuple(self._waiting)
            for number in left:
                self._give(number, None)

    def _give(self, number: int, frame: Frame | None) -> None:
        with self._lock:
            answers = self._waiting.pop(number, None)
        if answers is not None:
            answers.put(frame)

    def _next_frame(self) -> Frame | None:
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


def _not_started(python: Path, why: str, logs: str = "") -> NotStartedError:
    return NotStartedError("FunctionNotStarted", f"the Python at {python} does not start: {why}", logs)
