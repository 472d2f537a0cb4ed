"""A real Redis on a free loopback port, with a configuration of its own, gone when the test is done."""

from __future__ import annotations

import socket
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import redis

from tests.support.programs import requires

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

START_SECONDS = 20.0


@dataclass
class RedisServer:
    """One server. Settings are lines of redis.conf."""

    folder: Path
    settings: tuple[str, ...] = ()
    port: int = 0
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """Where it listens, or did."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def client(self) -> redis.Redis:
        """A client of the test's own, to see and change what is there."""
        return redis.Redis(port=self.port, decode_responses=True, protocol=2)

    def start(self) -> None:
        """Start, or start again on the same port, and wait until it answers."""
        program = requires("redis-server")
        for _ in range(5):
            port = self.port or free_port()
            lines = [
                "bind 127.0.0.1",
                f"port {port}",
                f"dir {self.folder}",
                'save ""',
                "daemonize no",
                *self.settings,
            ]
            file = self.folder / "redis.conf"
            file.write_text("\n".join(lines))
            self.process = subprocess.Popen(  # noqa: S603  # no shell, and our own configuration
                [program, file], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            if self._answers(port):
                self.port = port
                return
            self.stop()
        raise AssertionError("redis-server does not start")

    def stop(self) -> None:
        """Kill it as a crash would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def _answers(self, port: int) -> bool:
        ends = time.monotonic() + START_SECONDS
        while self.process is not None and self.process.poll() is None and time.monotonic() < ends:
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
                    connection.sendall(b"PING\r\n")
                    if connection.recv(64).startswith((b"+PONG", b"-NOAUTH")):
                        return True
            except OSError:
                pass
            time.sleep(0.01)
        return False


@contextmanager
def redis_server(folder: Path, *settings: str) -> Iterator[RedisServer]:
    """A running server; skips the test where there is no redis-server."""
    server = RedisServer(folder, settings)
    try:
        server.start()
        yield server
    finally:
        server.stop()


def free_port() -> int:
    """A port that nobody had a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
