"""Records scenes: each event is played once in a local cloud, with the answers that it gives."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, Literal, cast

import httpx2

from bench.case import BenchError
from bench.scene import CONTEXT, Exchange, Scene, warm_function
from localcloud.transport import CloudTransport
from tests.support import product

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.scene import Job

Kind = Literal["new", "already", "nobody's", "ignored"]

SAMPLES: Final[Mapping[Job, str]] = {
    "attach": "ens-cloudmonitor-eventbridge.json",
    "connect": "elasticsearch-actiontrail-api-call.json",
}
"""The event that the vendor sends about a new instance."""

IGNORED: Final = "ignored/unknown-source.json"

BINDINGS: Final[dict[str, object]] = {"edge": [product.EDGE_BINDING], "search": [product.SEARCH_BINDING]}

LATER: Final = 1_000.0
"""Seconds after which an attach is over and its node is shown."""

_DONE: Final[Mapping[Job, str]] = {"attach": "attaching", "connect": "connected"}


def record(job: Job, kind: Kind) -> Scene:
    """The scene of one event.

    Args:
        job: the function that gets it.
        kind: `new`: the instance is brought to its place; `already`: it is there; `nobody's`: no binding asks
            for it; `ignored`: the event is no signal of any function.

    Raises `BenchError` unless it ends as its kind must.
    """
    cloud = product.still_cloud()
    tags: dict[str, Any] = {"Tags": {"Tags": []}} if kind == "nobody's" else {}
    search = product.es_instance(tag="" if kind == "nobody's" else "logs")
    product.seed(
        cloud, ens=[product.ens_instance(**tags)], es=[search, product.es_instance(product.HUB_ID, tag="")]
    )
    event = product.sample(IGNORED if kind == "ignored" else SAMPLES[job])
    if kind == "already":
        with warm_function(job, BINDINGS, CloudTransport(cloud), cloud.clock.now()) as function:
            function.handle(event, CONTEXT)
        cloud.advance(LATER)
    recorder = _Recorder(CloudTransport(cloud))
    now = cloud.clock.now()
    with warm_function(job, BINDINGS, recorder, now) as function:
        report = cast("dict[str, dict[str, int]]", function.handle(event, CONTEXT))
    result = {"new": _DONE[job], "already": "already"}.get(kind, "ignored")
    if report["counts"] != {result: 1}:
        raise BenchError(f"{job}, {kind}: expected one {result}, found {json.dumps(report)}")
    exchanges = tuple(recorder.exchanges)
    return Scene(
        job=job,
        event=event.decode(),
        bindings=BINDINGS,
        now=now,
        counts=report["counts"],
        exchanges=exchanges,
    )


class _Recorder(httpx2.BaseTransport):
    """Passes requests on and keeps what was said."""

    def __init__(self, inner: httpx2.BaseTransport) -> None:
        self._inner = inner
        self.exchanges: list[Exchange] = []

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        response = self._inner.handle_request(request)
        exchange = Exchange(
            method=request.method,
            url=str(request.url),
            headers=dict(request.headers),
            body=request.read().decode(),
            status=response.status_code,
            answer_headers=dict(response.headers),
            answer=response.read().decode(),
        )
        self.exchanges.append(exchange)
        return response
