"""The local cloud as an httpx2 transport: a client in the same process talks to it without a network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import httpx2

from localcloud.endpoints import VENDOR_DOMAIN, host_name, is_loopback
from localcloud.errors import LocalCloudError
from localcloud.message import Request

if TYPE_CHECKING:
    from localcloud.message import Response


class Answering(Protocol):
    """What a transport needs of a local cloud."""

    def handle(self, request: Request) -> Response:
        """Answers one request."""
        ...

    def advance(self, seconds: float) -> float:
        """Lets so many seconds pass in the cloud's state; returns the present moment."""
        ...


class CloudTransport(httpx2.BaseTransport):
    """Answers from a LocalCloud.

    A host that is neither Alibaba Cloud's nor loopback is refused with LocalCloudError: nothing leaves the
    process. A delayed answer lets the cloud's clock move on instead of waiting, and is a time-out when the
    client would not have waited so long.
    """

    def __init__(self, cloud: Answering) -> None:
        self._cloud = cloud

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Sends one request; raises what a real connection would when a fault asks for it."""
        host = request.headers.get("host", request.url.host)
        if not (is_loopback(host) or host_name(host).endswith(VENDOR_DOMAIN)):
            raise LocalCloudError(
                f"{host} is not a host of Alibaba Cloud: the local cloud sends nothing there"
            )
        path, _, query = request.url.raw_path.decode("ascii").partition("?")
        headers = {name.lower(): value for name, value in request.headers.items()}
        response = self._cloud.handle(Request(request.method, path, query, headers, request.read()))
        if response.delay:
            patience = _read_timeout(request)
            self._cloud.advance(min(response.delay, patience))
            if response.delay > patience:
                raise httpx2.ReadTimeout(
                    "the local cloud answers later than the client waits", request=request
                )
        if response.dropped:
            raise httpx2.ReadError("the local cloud cut the connection", request=request)
        if response.cut_after is not None:
            raise httpx2.RemoteProtocolError(
                f"the local cloud cut the answer after {response.cut_after} of {len(response.body)} bytes",
                request=request,
            )
        return httpx2.Response(
            response.status, headers=list(response.headers.items()), content=response.body, request=request
        )


def _read_timeout(request: httpx2.Request) -> float:
    """How long the client waits for the answer, in seconds; without limit when it does not say."""
    timeout = request.extensions.get("timeout")
    seconds = timeout.get("read") if isinstance(timeout, dict) else None
    return float("inf") if seconds is None else float(seconds)
