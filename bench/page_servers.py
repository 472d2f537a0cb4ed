"""Servers that list instances page by page, each a process of its own: the local cloud for ENS, moto for EC2.

What differs between them ends here: who measures prepares requests and sends them in the same way.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urlencode

from bench.case import BenchError
from fctoolkit.signing import sign

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

MOTO_SERVER: Final = Path(__file__).parents[1] / "build/bench/bin/moto_server"
HOW_TO_GET_MOTO: Final = "run `./dev bench cloud-start`, which installs it in build/bench"

MOST_SECONDS: Final = 60
"""That a server may take to start, or to answer."""
OK: Final = 200
FORM: Final = "application/x-www-form-urlencoded"

_ADDRESS: Final = re.compile(r"http://(127\.0\.0\.1):(\d+)")
_BETWEEN_LOOKS: Final = 0.002


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request that is complete and signed: what is left is to send it."""

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class PageServer(Protocol):
    """A server of one kind that runs, or will."""

    @property
    def name(self) -> str:
        """What tables call it."""
        ...

    @property
    def command(self) -> Sequence[str]:
        """What starts it on a free port of loopback; it prints its URL when it is ready."""
        ...

    def fill(self, connection: HTTPConnection, instances: int) -> None:
        """Puts so many instances into an empty server."""
        ...

    def page(self, connection: HTTPConnection, size: int, first: int) -> Prepared:
        """A request for the page of `size` that begins with the instance of index `first`, counted from 0."""
        ...

    def count(self, body: bytes) -> int:
        """How many instances an answer has."""
        ...


class LocalPages:
    """`localcloud serve`, asked for DescribeInstances of ENS by page number, signed with ACS3-HMAC-SHA256."""

    name: Final = "localcloud"

    @property
    def command(self) -> Sequence[str]:
        """The command line of a developer, with a free port."""
        return (sys.executable, "-m", "localcloud", "serve", "--port", "0")

    def fill(self, connection: HTTPConnection, instances: int) -> None:
        """By one seed."""
        rows = [{"InstanceId": f"i-{index:022}", "InstanceName": f"m-{index}"} for index in range(instances)]
        body = json.dumps({"ens": {"instances": rows}}).encode()
        send(connection, Prepared("POST", "/_localcloud/seed", body=body))

    def page(self, connection: HTTPConnection, size: int, first: int) -> Prepared:
        """Each request is signed anew: a nonce is taken once."""
        query = {"PageNumber": str(first // size + 1), "PageSize": str(size)}
        headers = {
            "host": f"{connection.host}:{connection.port}",
            "x-acs-action": "DescribeInstances",
            "x-acs-content-sha256": hashlib.sha256(b"").hexdigest(),
            "x-acs-date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "x-acs-signature-nonce": uuid.uuid4().hex,
            "x-acs-version": "2017-11-10",
        }
        signed = sign(
            method="GET",
            path="/",
            query=query,
            headers=headers,
            body_sha256=headers["x-acs-content-sha256"],
            access_key_id="test",
            access_key_secret="test",  # noqa: S106 - what every local cloud accepts
        )
        return Prepared("GET", f"/?{urlencode(query)}", {**headers, "authorization": signed.authorization})

    def count(self, body: bytes) -> int:
        """Of the list in the JSON."""
        return len(json.loads(body)["Instances"]["Instance"])


class MotoPages:
    """`moto_server`, asked for DescribeInstances of EC2 by token. It checks no signature.

    moto makes pages of reservations, so each instance has one of its own.
    """

    name: Final = "moto_server"

    def __init__(self) -> None:
        self._reservations: list[str] = []

    @property
    def command(self) -> Sequence[str]:
        """As its documentation has it, with a free port. Raises BenchError when it is not installed."""
        if not MOTO_SERVER.exists():
            raise BenchError(f"moto_server is missing: {HOW_TO_GET_MOTO}")
        return (str(MOTO_SERVER), "--host", "127.0.0.1", "--port", "0")

    def fill(self, connection: HTTPConnection, instances: int) -> None:
        """By a call for each instance."""
        run = _ec2(
            Action="RunInstances", ImageId="ami-12c6146b", InstanceType="t3.micro", MinCount="1", MaxCount="1"
        )
        for _ in range(instances):
            found = re.search(rb"<reservationId>([^<]+)<", send(connection, run))
            if found is None:
                raise BenchError("moto_server made an instance without a reservation")
            self._reservations.append(found[1].decode())

    def page(self, connection: HTTPConnection, size: int, first: int) -> Prepared:  # noqa: ARG002 - one shape for both
        """The token of a page is the last reservation before it."""
        token = {"NextToken": self._reservations[first - 1]} if first else {}
        return _ec2(Action="DescribeInstances", MaxResults=str(size), **token)

    def count(self, body: bytes) -> int:
        """Of the elements in the XML."""
        return body.count(b"<instanceId>")


@dataclass(frozen=True, slots=True)
class Running:
    """A server that is ready.

    Attributes:
        begun: when its process was started, on the clock of `time.perf_counter`.
        ready_seconds: from there until it printed its URL.
    """

    server: PageServer
    host: str
    port: int
    begun: float
    ready_seconds: float

    def connect(self) -> HTTPConnection:
        """A connection, which is made at its first request and again whenever the server cut it."""
        return HTTPConnection(self.host, self.port, timeout=MOST_SECONDS)


@contextmanager
def running(server: PageServer, instances: int = 0) -> Iterator[Running]:
    """Starts a server, puts so many instances into it, and ends it afterwards."""
    command = server.command
    with TemporaryDirectory() as folder:
        # Into a file: a pipe that nobody reads would stop a server that logs each request.
        said = Path(folder, "said")
        with said.open("wb") as output:
            begun = time.perf_counter()
            process = subprocess.Popen(  # noqa: S603 - commands of our own
                command, stdout=output, stderr=subprocess.STDOUT
            )
        try:
            host, port = _address(process, said)
            ready = Running(server, host, port, begun, time.perf_counter() - begun)
            if instances:
                connection = ready.connect()
                server.fill(connection, instances)
                connection.close()
            yield ready
        finally:
            process.terminate()
            process.wait()


def send(connection: HTTPConnection, request: Prepared) -> bytes:
    """The body of the answer. Raises BenchError when the request was refused."""
    connection.request(request.method, request.target, request.body or None, dict(request.headers))
    response = connection.getresponse()
    body = response.read()
    if response.status != OK:
        raise BenchError(f"{request.method} {request.target}: {response.status} {body[:500]!r}")
    return body


def _address(process: subprocess.Popen[bytes], said: Path) -> tuple[str, int]:
    until = time.monotonic() + MOST_SECONDS
    while time.monotonic() < until:
        found = _ADDRESS.search(said.read_text(encoding="utf-8"))
        # The line may still be on its way: what follows the port is the end of it.
        if found is not None and found.end() < found.endpos:
            return found[1], int(found[2])
        if process.poll() is not None:
            break
        time.sleep(_BETWEEN_LOOKS)
    raise BenchError(f"{process.args!r} did not start: {said.read_text(encoding='utf-8')[-1000:]}")


def _ec2(**parameters: str) -> Prepared:
    """A call of EC2. moto reads service and region from the header, and believes the rest."""
    scope = f"test/{time.strftime('%Y%m%d', time.gmtime())}/us-east-1/ec2/aws4_request"
    headers = {
        "content-type": FORM,
        "x-amz-date": time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()),
        "authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host;x-amz-date, Signature=0",
    }
    return Prepared("POST", "/", headers, urlencode({"Version": "2016-11-15", **parameters}).encode())
