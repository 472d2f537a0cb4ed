"""An instance's connections: kept between invocations, and given up when they are no good any more."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import httpx2

from enlist.edge.job import run
from enlist.effects import Effects
from enlist.function import Function
from fctoolkit.testing import FakeContext
from fctoolkit.together import one_by_one
from fctoolkit.transport import open_http
from localcloud import LocalCloud
from tests.support.deployed import BINDINGS, caller_environment
from tests.support.product import ENS_ID, custom_event, ens_instance, only, seed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OTHER_ID = "i-5ens00000000000002"


@dataclass
class Door:
    """The cloud behind a server that knows its connections."""

    url: str = ""
    opened: list[socket.socket] = field(default_factory=list)

    def close_all(self) -> None:
        """Ends every connection, as a service does with those that were idle for long."""
        for connection in self.opened:
            connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def door_of(cloud: LocalCloud) -> Iterator[Door]:
    """The cloud, served so that connections stay open until somebody closes them."""
    door = Door()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # an answer leaves in one piece

        def setup(self) -> None:
            door.opened.append(self.request)
            super().setup()

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            request = httpx2.Request(
                self.command, f"{door.url}{self.path}", headers=self.headers.items(), content=body
            )
            response = cloud.transport.handle_request(request)
            content = response.read()
            self.send_response(response.status_code)
            for name, value in response.headers.items():
                if name.lower() not in ("content-length", "connection"):
                    self.send_header(name, value)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = answer  # noqa: N815 -- the library's names

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    door.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield door
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def instance(door: Door, folder: Path) -> Iterator[Function]:
    """A new instance of attach_instances, which makes its calls one after the other."""
    bindings = folder / "bindings.json"
    bindings.write_text(json.dumps(BINDINGS))
    with open_http() as http:
        yield Function(
            "edge",
            run,
            "/attach",
            environ={**caller_environment(door.url), "ENLIST_BINDINGS": str(bindings)},
            effects=Effects(http=lambda: http, together=one_by_one),
        )


def test_a_second_invocation_opens_no_connection(tmp_path: Path) -> None:
    """Soon after each other, invocations of one instance go over the same connection."""
    cloud = LocalCloud()
    seed(cloud, ens=[ens_instance(), ens_instance(OTHER_ID)])
    with door_of(cloud) as door, instance(door, tmp_path) as function:
        assert only(function.handle(custom_event(ENS_ID), FakeContext()))["result"] == "attaching"
        calls = len(cloud.calls)
        assert only(function.handle(custom_event(OTHER_ID), FakeContext()))["result"] == "attaching"
    assert len(cloud.calls) > calls
    assert len(door.opened) == 1


def test_connections_that_ended_meanwhile_are_not_used(tmp_path: Path) -> None:
    """What was closed while the instance was frozen is noticed before a call, even one that is made once."""
    cloud = LocalCloud()
    seed(cloud, ens=[ens_instance(), ens_instance(OTHER_ID)])
    with door_of(cloud) as door, instance(door, tmp_path) as function:
        assert only(function.handle(custom_event(ENS_ID), FakeContext()))["result"] == "attaching"
        door.close_all()
        assert only(function.handle(custom_event(OTHER_ID), FakeContext()))["result"] == "attaching"
    assert len(door.opened) == 2
    assert [call["action"] for call in cloud.calls].count("AttachInstances") == 2
