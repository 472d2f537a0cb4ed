"""The local cloud on a port, with starlette and uvicorn. Adds nothing to what it answers in process."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol

import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import Response as HttpResponse
from starlette.routing import Mount
from uvicorn.protocols.http.h11_impl import H11Protocol

from localcloud.message import Request, Response, joined

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import FrameType

    from starlette.routing import BaseRoute
    from starlette.types import Receive, Scope, Send

    from localcloud.conditions.clock import StateClock


class Served(Protocol):
    """What is served: a local cloud, or a recording of one."""

    url: str
    clock: StateClock

    def handle(self, request: Request) -> Response:
        """Answers one request."""
        ...


LOOPBACK = "127.0.0.1"
SHUTDOWN_SECONDS = 2
IDLE_SECONDS = 75
"""How long a connection is kept without a request. A client that sends one just as it is cut fails."""
MOST_REQUESTS = 1024
"""How many requests are answered at once. Callers of a busy function wait, and the function may need calls of
its own to end: with few threads they would wait for each other."""


def build_app(cloud: Served, extra_routes: Sequence[BaseRoute] = ()) -> Starlette:
    """The ASGI application: the extra routes first, and the cloud at every other path."""
    return Starlette(routes=[*extra_routes, Mount("/", app=_CloudApp(cloud))])


def serve(
    cloud: Served,
    host: str,
    port: int,
    ready: Callable[[str], None],
    extra_routes: Sequence[BaseRoute] = (),
) -> None:
    """Serves the cloud until SIGINT or SIGTERM. Real time passes in its state from here on.

    Args:
        cloud: what is served.
        host: where to listen.
        port: where to listen; 0 takes a free port.
        ready: called with the URL as soon as requests are answered.
        extra_routes: served beside the cloud.

    Raises:
        OSError: naming host and port, when the port cannot be had.
    """
    with _listening(host, port) as listener:
        cloud.url = _url(listener)
        cloud.clock.follow()
        server = _Server(build_app(cloud, extra_routes), lambda: ready(_url(listener)))
        server.run(sockets=[listener])


@contextlib.contextmanager
def running_server(cloud: Served, extra_routes: Sequence[BaseRoute] = ()) -> Iterator[str]:
    """Serves the cloud from a thread on a free loopback port, and gives its URL. Its clock stands still."""
    with _listening(LOOPBACK, 0) as listener:
        cloud.url = _url(listener)
        started = threading.Event()
        server = _Server(build_app(cloud, extra_routes), started.set)
        thread = threading.Thread(target=server.run, args=([listener],), name="localcloud", daemon=True)
        thread.start()
        try:
            if not started.wait(timeout=10):
                raise TimeoutError("the local cloud's server did not start within 10 seconds")
            yield _url(listener)
        finally:
            server.should_exit = True
            thread.join()
            cloud.url = ""


class _CloudApp:
    """Turns ASGI requests into the cloud's, off the event loop: functions it starts call it again."""

    def __init__(self, cloud: Served) -> None:
        self._cloud = cloud
        self._threads = ThreadPoolExecutor(MOST_REQUESTS, "request")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = HttpRequest(scope, receive)
        try:
            body = await request.body()
        except ClientDisconnect:
            return  # A caller that died while it was sending waits for no answer.
        message = Request(
            method=request.method,
            path=scope["raw_path"].decode("ascii"),
            query=scope["query_string"].decode("ascii"),
            headers=joined(request.headers.items()),
            body=body,
        )
        loop = asyncio.get_running_loop()
        try:
            answer = await loop.run_in_executor(self._threads, self._cloud.handle, message)
            await asyncio.sleep(answer.delay)
        except asyncio.CancelledError:
            # The server ends and waits no longer: what will come of the request cannot be told any more.
            answer = Response(0, dropped=True)
        if answer.dropped:
            await _cut(scope, receive)
            return
        if answer.cut_after is not None:
            await _send_a_part(answer, send)
            await _cut(scope, receive)
            return
        response = HttpResponse(answer.body, answer.status, dict(answer.headers))
        await response(scope, receive, send)


async def _cut(scope: Scope, receive: Receive) -> None:
    """Cuts the connection."""
    scope["state"][_ABORT]()
    with contextlib.suppress(asyncio.CancelledError):
        await receive()


async def _send_a_part(answer: Response, send: Send) -> None:
    """Sends the beginning of an answer, after the length of all of it was told."""
    told = {**answer.headers, "content-length": str(len(answer.body))}
    headers = [(name.lower().encode(), value.encode()) for name, value in told.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    part = answer.body[: answer.cut_after]
    await send({"type": "http.response.body", "body": part, "more_body": True})


_ABORT = "localcloud.abort"


class _Protocol(H11Protocol):
    """Lets an application cut its connection, which ASGI has no message for."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn types it
        super().connection_made(transport)
        self.app_state = {**self.app_state, _ABORT: transport.abort}


class _Server(uvicorn.Server):
    """A quiet server that says when it has started, and returns when it is asked to end."""

    def __init__(self, app: Starlette, on_start: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=_Protocol,
                ws="none",
                loop="asyncio",
                lifespan="off",
                log_config=None,
                access_log=False,
                date_header=False,
                server_header=False,
                timeout_keep_alive=IDLE_SECONDS,
                timeout_graceful_shutdown=SHUTDOWN_SECONDS,
            )
        )
        self._on_start = on_start

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_start()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - a signal handler's signature
        self.should_exit = True


@contextlib.contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio sends small writes at once only on sockets that say they are TCP;
    # otherwise each answer waits 40 ms for the client's acknowledgement.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen()
        except OSError as error:
            why = f"cannot listen on {host}, port {port}: {error.strerror}; port 0 takes a free one"
            raise OSError(error.errno, why) from None
        yield listener


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
