"""One instance on a custom runtime: a process that is a web server, spoken to as FC does. Knows no triggers.

The start command runs in the code folder. Its port is a free one of this machine, told in
FC_CUSTOM_LISTEN_PORT and FC_SERVER_PORT; the `port` of s.yaml is where FC itself would look. /code, /opt and
/opt/python in command, arguments and variables stand for the local folders. A program named python, python3
or python3.x is the Python that runs functions here, without its installed packages: those reach a function
through its layers, as in the cloud.

Sources: https://www.alibabacloud.com/help/en/functioncompute/fc/context-and-log-format-1 (headers),
https://www.alibabacloud.com/help/en/functioncompute/fc/principles-1 (start),
https://www.alibabacloud.com/help/en/fc/user-guide/event-handlers-1 (x-fc-status: without it, FC takes an
invocation for a success, whatever its HTTP status).
"""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final, Self

from localcloud.functions.spec import CustomRuntime
from localcloud.message import Request, Response
from localcloud.runtime.exchange import ExitedError, NotStartedError, Reply, TimedOutError
from localcloud.runtime.folders import LocalFolders
from localcloud.runtime.following import LAST_WORDS_SECONDS, Follower, LogText
from localcloud.runtime.instance import GRACE_SECONDS, START_SECONDS
from localcloud.runtime.left_behind import kill_with_children

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from localcloud.functions.spec import FunctionSpec
    from localcloud.runtime.exchange import Call, Kind

HOST: Final = "127.0.0.1"
POLL_SECONDS: Final = 0.01
_PATHS: Final[dict[Kind, tuple[str, str]]] = {
    "initialize": ("POST", "/initialize"),
    "invoke": ("POST", "/invoke"),
    "pre-stop": ("GET", "/pre-stop"),
}
_NOT_PASSED: Final = frozenset(
    {"connection", "content-length", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade"}
)
"""Request headers that belong to the caller's connection. Nor can a caller set one that starts with x-fc-."""
_PYTHON: Final = re.compile(r"python(3(\.\d+)?)?")
_SUCCEEDED: Final = range(200, 300)


class CustomInstance:
    """A started process; see `localcloud.runtime.exchange.Instance`."""

    def __init__(
        self,
        spec: FunctionSpec,
        environment: Mapping[str, str],
        python: Path,
        headers: Callable[[], Mapping[str, str]],
    ) -> None:
        """Starts the process and waits until it listens; NotStartedError when it does not.

        `python` is the interpreter that stands for any. `headers` gives, for each call, the x-fc-* headers
        that all calls have in common.
        """
        self._headers = headers
        self._port = _free_port()
        self._command = start_command(
            spec.custom or CustomRuntime(), LocalFolders(spec.code, spec.layers), python
        )
        port = str(self._port)
        output, logs = os.pipe()
        try:
            self._process = subprocess.Popen(  # noqa: S603 -- the command that the template names
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=logs,
                stderr=logs,
                cwd=spec.code,
                env={**environment, "FC_CUSTOM_LISTEN_PORT": port, "FC_SERVER_PORT": port},
                start_new_session=True,
            )
        except OSError as error:
            os.close(output)
            raise NotStartedError("CAExited", f"{self._shown()} cannot be started: {error}", "") from None
        finally:
            os.close(logs)
        self._output = output
        self._instance_id = environment.get("FC_INSTANCE_ID", "")
        self._log_text = LogText()
        self._follower = Follower({output: self._log_text.add})
        self._killed = False
        self._lock = threading.Lock()
        try:
            self._wait_until_listening()
        except BaseException:
            self.kill()
            raise

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    def exchange(self, call: Call, seconds: float) -> Reply:
        """Has a call done, over a connection of its own."""
        connection = http.client.HTTPConnection(HOST, self._port)
        timer = _Cutter(connection, seconds)
        try:
            with timer:
                response = self._send(connection, call)
            if timer.cut:
                # Where the end of the connection ends a body, a part of it looks like the whole.
                raise TimedOutError
            return _reply(call, response)
        except (OSError, http.client.HTTPException):
            if timer.cut:
                raise TimedOutError from None
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(LAST_WORDS_SECONDS)
            raise ExitedError from None
        finally:
            connection.close()

    def take_logs(self) -> str:
        """What was printed and logged since the last look."""
        self._follower.read(self._output)
        return self._log_text.take()

    def stop(self) -> None:
        """Ends the process as FC does at a timeout: SIGTERM, a moment for last words, then SIGKILL."""
        self._process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(GRACE_SECONDS)
        self.kill()

    def kill(self) -> None:
        """Ends the process, and whatever it started, at once. The logs can still be taken."""
        with self._lock:
            first, self._killed = not self._killed, True
        if first:
            kill_with_children(self._process.pid, self._instance_id)
        self._process.wait()
        self._follower.finish()

    def crash(self) -> None:
        """Sends SIGKILL to the process and waits for nothing. Any thread may, at any time."""
        self._process.kill()

    def _wait_until_listening(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not _listens(self._port):
            code = self._process.poll()
            if code is not None:
                self._follower.finish()
                raise self._not_started("CAExited", f"ended with code {code} before it listened")
            if time.monotonic() >= deadline:
                late = (
                    f"does not listen on port {self._port}, FC_CUSTOM_LISTEN_PORT, after {START_SECONDS:g} s"
                )
                raise self._not_started("FunctionNotStarted", late)
            time.sleep(POLL_SECONDS)

    def _not_started(self, code: str, what: str) -> NotStartedError:
        logs = self.take_logs()
        return NotStartedError(code, f"{self._shown()} {what}. Logs: {logs.strip() or 'none'}", logs)

    def _shown(self) -> str:
        return f"the start command `{' '.join(self._command)}`"

    def _send(self, connection: http.client.HTTPConnection, call: Call) -> Response:
        own = {**self._headers(), "x-fc-request-id": call.request_id}
        if isinstance(call.payload, Request):
            request = call.payload
            target = f"{request.path}?{request.query}" if request.query else request.path
            told = {
                name: value
                for name, value in request.headers.items()
                if name not in _NOT_PASSED and not name.startswith("x-fc-")
            }
            own |= told | {"x-fc-control-path": "/http-invoke"}
            return _sent(connection, request.method, target, own, request.body)
        method, path = _PATHS[call.kind]
        own |= {"x-fc-control-path": path, "content-type": "application/octet-stream"}
        return _sent(connection, method, path, own, call.payload)


class _Cutter:
    """Cuts a connection when the time is up, whatever it is waiting for. `cut` says whether it did."""

    def __init__(self, connection: http.client.HTTPConnection, seconds: float) -> None:
        self.cut = False
        self._connection = connection
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._connection.connect()
        # Kept, because the connection forgets it when a server announces that it closes.
        self._socket = self._connection.sock
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def _cut(self) -> None:
        self.cut = True
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)


def start_command(custom: CustomRuntime, folders: LocalFolders, python: Path) -> list[str]:
    """The start command as it is run here."""
    program, *arguments = (folders.translate(word) for word in (*custom.command, *custom.args))
    if _PYTHON.fullmatch(PurePosixPath(program).name):
        return [str(python), "-S", *arguments]
    return [program, *arguments]


def _free_port() -> int:
    with socket.socket() as found:
        found.bind((HOST, 0))
        return int(found.getsockname()[1])


def _listens(port: int) -> bool:
    try:
        with socket.create_connection((HOST, port), timeout=1) as connection:
            # A connection to a free port may be given this very port, and so meet itself.
            return bool(connection.getsockname() != connection.getpeername())
    except OSError:
        return False


def _sent(
    connection: http.client.HTTPConnection, method: str, target: str, headers: Mapping[str, str], body: bytes
) -> Response:
    connection.putrequest(method, target, skip_host="host" in headers, skip_accept_encoding=True)
    for name, value in headers.items():
        connection.putheader(name, _header_bytes(value))
    connection.putheader("content-length", str(len(body)))
    connection.endheaders(body)
    answer = connection.getresponse()
    told: dict[str, str] = {}
    for name, value in answer.getheaders():
        lower = name.lower()
        told[lower] = f"{told[lower]}, {value}" if lower in told else value
    return Response(answer.status, told, answer.read())


def _header_bytes(value: str) -> bytes:
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode()


def _reply(call: Call, response: Response) -> Reply:
    status = response.headers.get("x-fc-status", "")
    # Not all of it: Python makes no number of thousands of digits.
    ok = int(status[:9]) in _SUCCEEDED if status.isdecimal() else True
    if call.kind != "invoke":
        return Reply(ok=ok and response.status in _SUCCEEDED, payload=response.body)
    return Reply(
        ok=ok, payload=response.body, response=response if isinstance(call.payload, Request) else None
    )
