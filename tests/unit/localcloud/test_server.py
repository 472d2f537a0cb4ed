"""The local cloud on a port: the same answers as in process, and how serving begins and ends."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing, suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx2
import pytest
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from localcloud import Fault, LocalCloud
from localcloud.server import running_server, serve
from tests.support.cloud_client import Signer, edge_seed

if TYPE_CHECKING:
    from starlette.requests import Request

CS_HEADERS = {"x-acs-version": "2015-12-15"}


def test_the_server_answers_as_the_cloud_does_in_process(cloud: LocalCloud, cloud_url: str) -> None:
    """Over HTTP the same call has the same answer, signature and encoded path included."""
    cloud.seed(edge_seed(cluster_id="c/ä"))
    path = "/clusters/c%2F%C3%A4"
    with httpx2.Client(auth=Signer(), headers=CS_HEADERS) as client:
        over_http = client.get(f"{cloud_url}{path}")
    in_process = httpx2.Client(auth=Signer(), headers=CS_HEADERS, transport=cloud.transport).get(
        f"{cloud_url}{path}"
    )
    assert over_http.status_code == in_process.status_code == 200
    assert over_http.json() == in_process.json()
    assert set(over_http.headers) == set(in_process.headers)


def test_the_own_api_is_served(cloud: LocalCloud, cloud_url: str) -> None:
    """The cloud's own API answers on the same port."""
    httpx2.post(f"{cloud_url}/_localcloud/seed", json=edge_seed()).raise_for_status()
    assert httpx2.get(f"{cloud_url}/_localcloud/state").json() == cloud.state()


def test_a_dropped_connection_is_cut(cloud: LocalCloud, cloud_url: str) -> None:
    """A fault that drops closes the socket without an answer, and the server goes on."""
    cloud.add_fault(Fault(service="cs", action="DescribeUserQuota", drop=True))
    with httpx2.Client(auth=Signer(), headers=CS_HEADERS) as client:
        with pytest.raises((httpx2.RemoteProtocolError, httpx2.ReadError)):
            client.get(f"{cloud_url}/quota")
        assert client.get(f"{cloud_url}/quota").status_code == 200


def test_a_delay_makes_the_client_wait(cloud: LocalCloud, cloud_url: str) -> None:
    """A fault that delays holds the answer back for so long, and other calls are answered meanwhile."""
    cloud.add_fault(Fault(service="cs", action="DescribeUserQuota", delay=0.2))
    with httpx2.Client(auth=Signer(), headers=CS_HEADERS) as client:
        start = time.monotonic()
        assert client.get(f"{cloud_url}/quota").status_code == 200
        assert time.monotonic() - start >= 0.2


def test_extra_routes_come_first(cloud: LocalCloud) -> None:
    """Routes given to the server are served beside the cloud."""

    async def page(request: Request) -> PlainTextResponse:
        return PlainTextResponse(request.url.path)

    with running_server(cloud, [Route("/console", page)]) as url:
        assert httpx2.get(f"{url}/console").text == "/console"
        assert httpx2.get(f"{url}/_localcloud/calls").json() == []


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_serve_says_where_it_is_and_ends_when_asked(end: signal.Signals) -> None:
    """`serve` with port 0 reports the real port, lets time pass, and returns on SIGINT and SIGTERM."""
    program = (
        "from localcloud import LocalCloud\n"
        "from localcloud.server import serve\n"
        "cloud = LocalCloud()\n"
        "before = cloud.clock.now()\n"
        "serve(cloud, '127.0.0.1', 0, lambda url: print(url, flush=True))\n"
        "print(cloud.clock.now() > before)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with subprocess.Popen(  # noqa: S603 - our own interpreter and program
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert httpx2.get(f"{url}/_localcloud/state").status_code == 200
        process.send_signal(end)
        rest, _ = process.communicate(timeout=10)
    assert (rest.strip(), process.returncode) == ("True", 0)


def test_serve_ends_quietly_in_the_middle_of_a_request() -> None:
    """A request that is not answered when the server ends is cut off, and one line says so."""
    program = (
        "from localcloud import LocalCloud\n"
        "from localcloud.message import Response\n"
        "from localcloud.server import serve\n"
        "class Slow(LocalCloud):\n"
        "    def handle(self, request):\n"
        "        print('asked', flush=True)\n"
        "        return Response(200, delay=60)\n"
        "serve(Slow(), '127.0.0.1', 0, lambda url: print(url, flush=True))\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with subprocess.Popen(  # noqa: S603 - our own interpreter and program
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        assert process.stdout is not None
        parts = urlsplit(process.stdout.readline().strip())
        with closing(socket.create_connection((parts.hostname or "", parts.port or 0))) as connection:
            connection.settimeout(20)
            connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert process.stdout.readline() == "asked\n"
            process.send_signal(signal.SIGTERM)
            answer = b""
            with suppress(ConnectionResetError):
                answer = connection.recv(1024)
        rest, errors = process.communicate(timeout=20)
    assert (answer, rest, process.returncode) == (b"", "", 0)
    assert errors == "Cancel 1 running task(s), timeout graceful shutdown exceeded\n"


def test_a_taken_port_is_an_error(cloud_url: str) -> None:
    """A port that somebody has is an OSError at once that names it, and `ready` is never called."""
    port = urlsplit(cloud_url).port or 0
    said: list[str] = []
    with pytest.raises(OSError, match=rf"127\.0\.0\.1, port {port}: .*in use; port 0 takes a free one"):
        serve(LocalCloud(), "127.0.0.1", port, said.append)
    assert said == []


def test_a_client_that_hangs_up_early_harms_nobody(cloud_url: str, caplog: pytest.LogCaptureFixture) -> None:
    """A connection closed in the middle of a request leaves the server answering, and no error in its log."""
    parts = urlsplit(cloud_url)
    with closing(socket.create_connection((parts.hostname or "", parts.port or 0))) as connection:
        connection.sendall(b"POST /quota HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc")
    assert httpx2.get(f"{cloud_url}/_localcloud/calls").status_code == 200
    assert not [one for one in caplog.records if one.levelno >= logging.ERROR]
