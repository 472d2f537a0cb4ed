"""An OpenTelemetry collector on loopback: takes OTLP over HTTP in protobuf and keeps what it understood."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@dataclass
class Collector:
    """What came.

    Attributes:
        url: the base of its addresses.
        status: what it answers.
        spans: all spans, in the order they came.
        points: of each metric, by name, the data points in the order they came.
        resources: the attributes of each resource that told something.
        headers: of each request.
        held: while it is not set, requests are not answered.
    """

    url: str = ""
    status: int = 200
    spans: list[Any] = field(default_factory=list)
    points: dict[str, list[Any]] = field(default_factory=dict)
    resources: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    held: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def invocations(self) -> list[Any]:
        """The spans that are no client's."""
        return [span for span in self.spans if span.kind != span.SPAN_KIND_CLIENT]

    def attempts(self) -> list[Any]:
        """The spans of attempts of calls."""
        return [span for span in self.spans if span.kind == span.SPAN_KIND_CLIENT]

    def take(self, path: str, body: bytes, headers: dict[str, str]) -> None:
        """Keeps one request."""
        with self._lock:
            self.headers.append(headers)
            if path.endswith("/traces"):
                for told in ExportTraceServiceRequest.FromString(body).resource_spans:
                    self.resources.append(attributes(told.resource))
                    self.spans += [span for scope in told.scope_spans for span in scope.spans]
            elif path.endswith("/metrics"):
                for one in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                    self.resources.append(attributes(one.resource))
                    for metric in (metric for scope in one.scope_metrics for metric in scope.metrics):
                        data = getattr(metric, metric.WhichOneof("data"))
                        self.points.setdefault(metric.name, []).extend(data.data_points)


def attributes(thing: Any) -> dict[str, Any]:
    """The attributes of a span, a data point or a resource."""
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in thing.attributes}


def sums(points: Iterable[Any]) -> list[float]:
    """What data points of counters count."""
    return [point.as_int + point.as_double for point in points]


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector that answers until the block ends."""
    collector = Collector()
    collector.held.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            collector.take(self.path, body, {name.lower(): value for name, value in self.headers.items()})
            collector.held.wait()
            self.send_response(collector.status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the name is http.server's
            """Says nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that left is no error of the collector's."""

    with Server(("127.0.0.1", 0), Handler) as server:
        collector.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield collector
        finally:
            collector.held.set()
            server.shutdown()
            thread.join()
