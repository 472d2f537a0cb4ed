"""Reads what a process writes, all the time, so that it never waits for a reader. Knows no protocol."""

from __future__ import annotations

import os
import re
import selectors
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CHUNK: Final = 65536
"""All that a pipe holds: one read takes in everything that was written before."""

LOG_LIMIT: Final = 1024 * 1024
"""Bytes of logs kept of one request; of more, the end is kept."""

LINE_LIMIT: Final = 32 * 1024
"""Bytes of a log line, FC's limit. It is documented without what becomes of a longer one: here it is cut."""

LAST_WORDS_SECONDS: Final = 1.0
"""How long a process that cut the connection may take to end, and its last output to arrive."""

_LONG_LINE: Final = re.compile(rb"([^\n]{%d})[^\n]+" % LINE_LIMIT)


class Follower:
    """A thread that reads pipes until all have ended, or it is told to stop.

    `readers` takes what each pipe brought, by the pipe's number, one chunk at a time; an empty one is its
    end. The pipes are its own: it closes them.
    """

    def __init__(self, readers: Mapping[int, Callable[[bytes], None]]) -> None:
        for number in readers:
            os.set_blocking(number, False)
        self._readers = dict(readers)
        self._open = set(readers)
        # Who follows closes what it reads from; a byte in this pipe tells it to.
        self._told, self._tell = os.pipe()
        self._over = False
        self._lock = threading.RLock()
        self._thread = threading.Thread(target=self._follow, name="function-output", daemon=True)
        self._thread.start()

    def read(self, number: int) -> None:
        """Takes in what a pipe holds now, without waiting."""
        with self._lock:
            if number not in self._open:
                return
            try:
                chunk = os.read(number, CHUNK)
            except BlockingIOError:
                return
            if not chunk:
                self._open.discard(number)
            self._readers[number](chunk)

    def finish(self) -> None:
        """Waits for the last output of a process that has ended; not for that of children it left behind."""
        self._thread.join(LAST_WORDS_SECONDS)
        with self._lock:
            if not self._over:
                os.write(self._tell, b".")
        self._thread.join()

    def _follow(self) -> None:
        with selectors.DefaultSelector() as selector:
            for number in (*self._readers, self._told):
                selector.register(number, selectors.EVENT_READ)
            told, following = False, set(self._readers)
            while self._open and not told:
                for key, _ in selector.select():
                    told = told or key.fd == self._told
                    if key.fd in self._open:
                        self.read(key.fd)
                for number in following - self._open:
                    selector.unregister(number)
                following &= self._open
        with self._lock:
            left, self._open, self._over = set(self._open), set(), True
            for number in left:
                self._readers[number](b"")
            for number in (*self._readers, self._told, self._tell):
                os.close(number)


class LogText:
    """What a process printed and logged since the last look; the end of it is kept. For several threads."""

    def __init__(self) -> None:
        self._text = bytearray()
        self._lock = threading.Lock()

    def add(self, chunk: bytes) -> None:
        """Adds output as it comes."""
        with self._lock:
            self._text += chunk
            del self._text[:-LOG_LIMIT]

    def take(self) -> str:
        """All that was added since the last look, lines cut at FC's limit."""
        with self._lock:
            text = bytes(self._text)
            self._text.clear()
        return _LONG_LINE.sub(rb"\1", text).decode(errors="replace")
