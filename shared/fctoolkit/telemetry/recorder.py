"""Invocations and attempts of calls, as spans and metrics of OpenTelemetry. The only module that imports it.

Names follow the semantic conventions, https://opentelemetry.io/docs/specs/semconv/faas/ and …/http/. Nothing
global is set: a program may have providers of its own.
"""

from __future__ import annotations

import logging
import math
import os
import time
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Final

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    MetricExportResult,
    MetricsData,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.trace import Link, Span, SpanKind, Status, StatusCode, format_span_id, format_trace_id
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from fctoolkit.client import log_attempt
from fctoolkit.context import timeout_of
from fctoolkit.logging import bind, cold_start
from fctoolkit.metrics import peak_memory
from fctoolkit.telemetry.origin import origin_of
from fctoolkit.telemetry.sending import Sender

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from contextlib import AbstractContextManager

    from opentelemetry.context import Context as TraceContext
    from opentelemetry.metrics import Histogram as AnyHistogram

    from fctoolkit.client import AttemptReport
    from fctoolkit.context import Context
    from fctoolkit.metrics import Metrics
    from fctoolkit.telemetry.origin import Origin

_log = logging.getLogger(__name__)

MOST_SPANS: Final = 4096
"""Spans that may wait to be sent; what ends while so many wait is dropped."""

_NAME: Final = "fctoolkit"
_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_BYTES: Final = tuple(float(mebibytes << 20) for mebibytes in (32, 64, 96, 128, 192, 256, 384, 512, 1024))
_PREFERENCE: Final = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"
_EXPORTERS: Final = "opentelemetry.exporter"
_READS_HEADERS: Final = "opentelemetry.util.re"
_UNREADABLE_HEADER: Final = (
    "a header in OTEL_EXPORTER_OTLP_HEADERS is not name=value, with the value URL-encoded, and is not sent"
)
_W3C: Final = TraceContextTextMapPropagator()


class Telemetry:
    """What a function tells a collector; made by `open_telemetry`. Threads may share it."""

    def __init__(
        self, *, traces_url: str, metrics_url: str, patience: float, environ: Mapping[str, str]
    ) -> None:
        _keep_secrets_out_of_logs()
        resource = _resource(environ)
        self._patience = patience
        self._spans = _Waiting()
        tracers = TracerProvider(resource=resource, shutdown_on_exit=False)
        # Spans and metrics share the patience. It is too short for OpenTelemetry's own repetitions, after a
        # second and more: there will be another invocation.
        timeout = patience / 2
        self._span_exporter = OTLPSpanExporter(traces_url, timeout=timeout) if traces_url else None
        if self._span_exporter:
            tracers.add_span_processor(self._spans)
        self.tracer = tracers.get_tracer(_NAME)
        """For spans of the developer's own; inside an invocation they are its children."""
        self._metric_exporter = _metric_exporter(metrics_url, timeout) if metrics_url else None
        # Reads when it is told to.
        self._reader = (
            PeriodicExportingMetricReader(self._metric_exporter, math.inf, timeout * 1000)
            if self._metric_exporter
            else None
        )
        meters = MeterProvider(
            metric_readers=[self._reader] if self._reader else [], resource=resource, shutdown_on_exit=False
        )
        self._instruments = _Instruments(meters)
        self._sender = Sender(self._send)

    def hear(self, report: AttemptReport) -> None:
        """A listener for `ApiClient`: logs as `log_attempt` does, and makes a span of the attempt."""
        log_attempt(report)
        attributes = _attributes_of(report)
        self._instruments.attempts.record(report.seconds, attributes)
        if not trace.get_current_span().get_span_context().is_valid:
            return  # made outside of an invocation: nobody would find it
        ended = time.time_ns()
        span = self.tracer.start_span(
            report.action,
            kind=SpanKind.CLIENT,
            attributes=attributes,
            start_time=ended - int(report.seconds * 1e9),
        )
        if report.attempt > 1:
            span.set_attribute("http.request.resend_count", report.attempt - 1)
        if report.request_id:
            span.set_attribute("alibaba_cloud.request_id", report.request_id)
        if report.code:
            span.set_status(Status(StatusCode.ERROR, report.code))
        span.end(ended)

    @contextmanager
    def invocation(self, context: Context, metrics: Metrics, raw: bytes) -> Generator[Span]:
        """The span of one invocation, inside of its `measured` frame; log lines get its ids.

        One trace that the event names is its parent; several, of a batch, are links. At the end everything is
        sent, and waited for as long as patience and FC's timeout allow. Nothing that goes wrong with that
        concerns the invocation.
        """
        origin = origin_of(raw)
        try:
            with self._span(context, origin) as span:
                if self._span_exporter:
                    ids = span.get_span_context()
                    bind(trace_id=format_trace_id(ids.trace_id), span_id=format_span_id(ids.span_id))
                error = ""
                try:
                    yield span
                except BaseException as raised:
                    error = type(raised).__name__
                    raise
                finally:
                    self._note(span, metrics, origin, error)
        finally:
            left = timeout_of(context) - metrics.seconds
            self._sender.flush(max(0.0, min(self._patience, left / 2)))

    def _span(self, context: Context, origin: Origin) -> AbstractContextManager[Span]:
        parent, links = _led_by(origin)
        return self.tracer.start_as_current_span(
            context.function.name,
            context=parent,
            kind=SpanKind.CONSUMER if origin.trigger == "pubsub" else SpanKind.SERVER,
            links=links,
            attributes={
                "faas.invocation_id": context.request_id,
                "faas.coldstart": cold_start(),
                "faas.trigger": origin.trigger,
            },
            # The type alone, see `_complete`: the log has the rest, with secrets masked.
            record_exception=False,
            set_status_on_exception=False,
        )

    def _note(self, span: Span, metrics: Metrics, origin: Origin, error: str) -> None:
        try:
            self._instruments.note(metrics, origin, failed=bool(error))
            _complete(span, metrics, error)
        except Exception:  # noqa: BLE001 -- what became of an event is not lost to what is told of it
            _log.warning("an invocation cannot be told in full", exc_info=True)

    def _send(self) -> bool:
        spans, dropped = self._spans.take()
        if dropped:
            _log.warning("%d spans were dropped: too many waited", dropped)
        taken = True
        if self._span_exporter and spans:
            taken = self._span_exporter.export(spans) is SpanExportResult.SUCCESS
        if self._metric_exporter and self._reader:
            self._reader.force_flush(self._patience * 1000)
            taken = taken and self._metric_exporter.taken
        if not taken:
            _log.warning(
                "the collector did not take all; give the logger %s a level to see why, with the address,"
                " which may hold a key",
                _EXPORTERS,
            )
        return taken


class _Waiting(SpanProcessor):
    """Spans that have ended and wait to be sent."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._spans: list[ReadableSpan] = []
        self._dropped = 0

    def on_end(self, span: ReadableSpan) -> None:
        """Keeps a span, if it is to be sent at all."""
        if span.context is None or not span.context.trace_flags.sampled:
            return
        with self._lock:
            if len(self._spans) < MOST_SPANS:
                self._spans.append(span)
            else:
                self._dropped += 1

    def take(self) -> tuple[list[ReadableSpan], int]:
        """Those that wait, and how many were dropped; both begin anew."""
        with self._lock:
            taken = self._spans, self._dropped
            self._spans, self._dropped = [], 0
        return taken


class _MetricExporter(OTLPMetricExporter):
    """Remembers whether the last metrics were taken, which a reader does not tell."""

    taken = True

    def export(
        self, metrics_data: MetricsData, timeout_millis: float | None = None, **kwargs: object
    ) -> MetricExportResult:
        """Sends once."""
        result = super().export(metrics_data, timeout_millis, **kwargs)  # pyright: ignore[reportUnknownMemberType]
        self.taken = result is MetricExportResult.SUCCESS
        return result


class _Instruments:
    """The metrics, by their names in the conventions; `fctoolkit.counts` has the developer's own."""

    def __init__(self, meters: MeterProvider) -> None:
        meter = meters.get_meter(_NAME)

        def histogram(name: str, unit: str, bounds: tuple[float, ...]) -> AnyHistogram:
            return meter.create_histogram(name, unit, explicit_bucket_boundaries_advisory=bounds)

        self.attempts = histogram("http.client.request.duration", "s", _SECONDS)
        self._duration = histogram("faas.invoke_duration", "s", _SECONDS)
        self._initialization = histogram("faas.init_duration", "s", _SECONDS)
        self._processor = histogram("faas.cpu_usage", "s", _SECONDS)
        self._memory = histogram("faas.mem_usage", "By", _BYTES)
        self._invocations = meter.create_counter("faas.invocations", "{invocation}")
        self._errors = meter.create_counter("faas.errors", "{error}")
        self._cold_starts = meter.create_counter("faas.coldstarts", "{coldstart}")
        self._counts = meter.create_counter("fctoolkit.counts")

    def note(self, metrics: Metrics, origin: Origin, *, failed: bool) -> None:
        """Takes over the numbers of an invocation that ends."""
        attributes = {"faas.trigger": origin.trigger}
        self._invocations.add(1, attributes)
        if failed:
            self._errors.add(1, attributes)
        self._duration.record(metrics.seconds, attributes)
        self._processor.record(metrics.cpu_seconds, attributes)
        if (peak := peak_memory()) is not None:
            self._memory.record(peak, attributes)
        if metrics.ready is not None:
            self._cold_starts.add(1, attributes)
            if metrics.ready.init is not None:
                self._initialization.record(metrics.ready.init)
        for name, number in metrics.counts.items():
            if number >= 0:
                self._counts.add(number, {"name": name})


def _keep_secrets_out_of_logs() -> None:
    for name in (_EXPORTERS, "urllib3"):
        logger = logging.getLogger(name)
        if logger.level == logging.NOTSET:
            logger.setLevel(logging.CRITICAL)
    logging.getLogger(_READS_HEADERS).addFilter(_without_header)


def _without_header(record: logging.LogRecord) -> bool:
    """OpenTelemetry's warning of a header that it cannot read quotes it, and with it a collector's key."""
    record.msg, record.args = _UNREADABLE_HEADER, ()
    return True


def _resource(environ: Mapping[str, str]) -> Resource:
    """What FC says of the function. OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES go before it."""
    known = {
        "service.name": environ.get("FC_FUNCTION_NAME"),
        "cloud.provider": "alibaba_cloud",
        "cloud.platform": "alibaba_cloud_fc",
        "cloud.region": environ.get("FC_REGION"),
        "cloud.account.id": environ.get("FC_ACCOUNT_ID"),
        "faas.name": environ.get("FC_FUNCTION_NAME"),
        "faas.version": environ.get("FC_FUNCTION_VERSION"),
        "faas.instance": environ.get("FC_INSTANCE_ID"),
    }
    told = {name: value for name, value in known.items() if value}
    return Resource.create({**told, **OTELResourceDetector().detect().attributes})


def _metric_exporter(url: str, timeout: float) -> _MetricExporter:
    """Numbers are of one invocation, unless it is said otherwise, because an instance may end after any."""
    deltas: dict[type, AggregationTemporality] = {
        Counter: AggregationTemporality.DELTA,
        Histogram: AggregationTemporality.DELTA,
    }
    return _MetricExporter(
        url, timeout=timeout, preferred_temporality=None if os.environ.get(_PREFERENCE) else deltas
    )


def _led_by(origin: Origin) -> tuple[TraceContext | None, list[Link]]:
    """The parent that one trace is, or links to several."""
    contexts = [_W3C.extract(one) for one in origin.traces]
    if len(contexts) == 1:
        return contexts[0], []
    spans = [trace.get_current_span(one).get_span_context() for one in contexts]
    return None, [Link(one) for one in spans if one.is_valid]


def _attributes_of(report: AttemptReport) -> dict[str, str | int]:
    host, _, port = report.host.rpartition(":")
    if not (host and port.isdecimal()):
        host, port = report.host, ""
    attributes: dict[str, str | int] = {
        "http.request.method": report.method,
        "rpc.method": report.action,
        "server.address": host,
    }
    if port:
        attributes["server.port"] = int(port)
    if report.status:
        attributes["http.response.status_code"] = report.status
    if report.code:
        attributes["error.type"] = report.code
    return attributes


def _complete(span: Span, metrics: Metrics, error: str) -> None:
    for name, number in metrics.counts.items():
        span.set_attribute(f"fctoolkit.counts.{name}", number)
    if error:
        span.set_attribute("error.type", error)
        span.set_status(Status(StatusCode.ERROR, error))
