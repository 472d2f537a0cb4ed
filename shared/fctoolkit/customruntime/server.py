"""HTTP/1.1 on a port: takes requests off the wire and puts replies on it. Knows nothing of functions.

A connection is kept until its peer closes it, since FC wants at least 15 minutes, and each has a thread: FC
may open a second one while the first is idle.
"""

from __future__ import annotations

import os
import sys
import traceback
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import TYPE_CHECKING, Final, NoReturn

from fctoolkit.customruntime.wire import Reply, Request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_CHUNK_LINE: Final = 1024
_BODILESS: Final = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})


class _BrokenBodyError(Exception):
    """A body did not come whole."""


class Server(ThreadingHTTPServer):
    """Serves `answer` until `shutdown`. Use as a context manager."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], answer: Callable[[Request], Reply]) -> None:
        self.answer = answer
        super().__init__(address, _Exchange)

    def server_bind(self) -> None:
        """Takes the port. Does not look up a name for the address: that costs a cold start a DNS query."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "localhost", self.server_address[1]

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002 -- of the base class
        """Logs what went wrong on a connection, unless it is that the other side has gone."""
        error = sys.exception()
        if error is not None and not isinstance(error, ConnectionError):
            traceback.print_exception(error)


class _Exchange(BaseHTTPRequestHandler):
    """One connection."""

    server: Server  # pyright: ignore[reportIncompatibleVariableOverride]  # narrower, and always that
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        """Answers one request, of any method."""
        try:
            body = self._body()
        except _BrokenBodyError:
            # Half an event must not be taken for a whole one.
            self.close_connection = True
            self.send_error(HTTPStatus.BAD_REQUEST)
            return
        # Not `self.path`, in which several slashes at the start have become one.
        target = self.requestline.split()[1]
        headers = tuple((name, " ".join(value.split("\r\n"))) for name, value in self.headers.items())
        request = Request(self.command, target, headers, body, str(self.client_address[0]))
        try:
            reply = self.server.answer(request)
        except BaseException as error:  # noqa: BLE001
            # What is no Exception ends a program; here it would end one thread and nothing more.
            _leave(error)
        self._send(reply)

    do_GET = do_PUT = do_DELETE = do_HEAD = do_PATCH = do_OPTIONS = do_POST  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- named by the base class
        """Writes nothing: what is in the function's log comes from the function."""

    def _send(self, reply: Reply) -> None:
        self.send_response_only(reply.status)
        for name, value in reply.headers:
            self.send_header(name, value)
        if reply.status not in _BODILESS:
            self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        if self.command != "HEAD" and reply.status not in _BODILESS:
            self.wfile.write(reply.body)

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return b"".join(self._chunks())
        length = self.headers.get("Content-Length", "0").strip()
        if not (length.isascii() and length.isdecimal()):
            raise _BrokenBodyError
        return self._exactly(int(length))

    def _chunks(self) -> Iterator[bytes]:
        while True:
            size = self.rfile.readline(_CHUNK_LINE).partition(b";")[0].strip()
            try:
                length = int(size, 16)
            except ValueError:
                raise _BrokenBodyError from None
            if length <= 0:
                break
            yield self._exactly(length)
            if self.rfile.readline(_CHUNK_LINE).strip():
                raise _BrokenBodyError
        while self.rfile.readline(_CHUNK_LINE).strip():
            pass  # trailers

    def _exactly(self, length: int) -> bytes:
        body = self.rfile.read(length)
        if len(body) < length:
            raise _BrokenBodyError
        return body


def _leave(error: BaseException) -> NoReturn:
    """Ends the process, from any of its threads, as Python ends one that let this error through."""
    code = 1
    if isinstance(error, SystemExit) and (error.code is None or isinstance(error.code, int)):
        code = error.code or 0
    else:
        traceback.print_exception(error)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
