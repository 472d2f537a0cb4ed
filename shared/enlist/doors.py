"""The three doors of a function: events, timer ticks and HTTP requests become signals, a report an answer.

Knows what a job takes and gives, and nothing of how it is done.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Annotated, Protocol, TypeAlias, TypeGuard, cast

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from enlist.outcomes import UNSETTLED, Outcome, Report, Result
from enlist.signals import Signal, SignalRules
from fctoolkit.errors import ApiError, ConfigurationError, EventError, StoreError
from fctoolkit.events import (
    CloudEvent,
    Event,
    EventBatch,
    HttpEvent,
    RawEvent,
    SingleEvent,
    TimerEvent,
    parse_event,
    unwrap,
)
from fctoolkit.http import HttpError, HttpRequest, HttpResponse
from fctoolkit.logging import bind
from fctoolkit.metrics import add
from fctoolkit.router import EventRouter
from fctoolkit.strictjson import dotted, excerpt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from fctoolkit.context import Context
    from fctoolkit.jsontypes import JsonObject, JsonValue

LIMIT_BYTES = 256 * 1024
"""Largest event that is read: EventBridge's own limit."""

_LOG = logging.getLogger(__name__)


_INSTANCES = ("instances", "instanceIds")
_OPTIONS = ("dryRun", "retry")
_MOST = 100
_EXPECTED = {
    "bool_type": "true or false",
    "extra_forbidden": f"one of {', '.join((*_INSTANCES, 'regionId', *_OPTIONS))}",
    "list_type": "an array",
    "string_type": "a string",
    "too_long": f"1 to {_MOST} instance ids",
    "too_short": f"1 to {_MOST} instance ids",
}
"""Pydantic's kinds of error in the words of a request."""


_HttpDoor: TypeAlias = "Callable[[HttpRequest, Context], HttpResponse]"


class Run(Protocol):
    """A job for one invocation: signals, or None for a sweep, to a report."""

    def __call__(
        self, signals: Sequence[Signal] | None, context: Context, *, dry_run: bool = False
    ) -> Report:
        """The report. Raises the toolkit's errors when nothing could be settled."""
        ...


class Request(BaseModel):
    """Instances named by a person or program: the body of `POST /`, or of a direct invocation.

    In JSON: `{"instances": ["i-…"], "regionId": "…", "dryRun": true, "retry": true}`. The key `instanceIds`,
    as custom events have it, does for `instances`.

    Attributes:
        instances: 1 to 100 instance ids. Bindings decide where they belong; a request cannot.
        region_id: API region of the instances; only Elasticsearch ids need one, and only to save calls.
        dry_run: plan and report, do nothing.
        retry: attach although an attach of the instance failed, or it was removed, within a day.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, alias_generator=to_camel)

    instances: Annotated[
        list[str], Field(min_length=1, max_length=_MOST, validation_alias=AliasChoices(*_INSTANCES))
    ]
    region_id: str = ""
    dry_run: bool = False
    retry: bool = False


class Doors:
    """Takes what FC delivers to one function.

    Args:
        rules: which events are signals.
        run: the job.
        path: name of the HTTP route beside `/`, such as `/attach`.
        health: what `GET /health` says of the function, besides its state.

    The HTTP routes, each answered with JSON that has the request id:

        POST /, POST /attach or /connect   settle the instances named, or the event carried
        POST /plan                         what that would do: for the instances named, or for all
        POST /sweep                        what a timer tick does
        GET  /instances/{instance_id}      how one instance stands
        GET  /health                       that settings and bindings were read, and which; calls nothing
    """

    def __init__(self, rules: SignalRules, run: Run, path: str, health: JsonObject) -> None:
        self._rules = rules
        self._run = run
        self._health = health
        self._router = EventRouter(limit_bytes=LIMIT_BYTES)
        self._router.timer()(self._on_timer)
        self._router.default(self._on_event)
        routes: tuple[tuple[str, str, _HttpDoor], ...] = (
            ("POST", "/", self._on_http),
            ("POST", path, self._on_http),
            ("POST", "/plan", self._on_http_plan),
            ("POST", "/sweep", self._on_http_sweep),
            ("GET", "/instances/{instance_id}", self._on_http_instance),
            ("GET", "/health", self._on_http_health),
        )
        for method, route, door in routes:
            self._router.http(method, route)(_explained(door))

    def take(self, raw: bytes, context: Context) -> JsonValue:
        """What the function returns. Raises `NotSettledError` when an outcome is `rejected` or `failed`."""
        try:
            return self._router.dispatch(raw, context)
        except EventError as error:
            report = Report((_refusal(error),))
            log_outcomes(report)
            report.raise_unsettled()
            raise

    def _on_timer(self, event: TimerEvent, context: Context) -> JsonValue:
        """A sweep: every instance that a binding can concern."""
        _LOG.info("sweep", extra={"trigger": event.trigger_name, "trigger_time": event.trigger_time})
        report = self._sweep(context)
        report.raise_new_failures()
        return report.as_record(quiet=True)

    def _sweep(self, context: Context, *, dry_run: bool = False) -> Report:
        report = self._run(None, context, dry_run=dry_run)
        log_outcomes(report, quiet=True)
        return report

    def _on_event(self, event: Event, context: Context) -> JsonValue:
        if isinstance(event, RawEvent) and _names_instances(event.value):
            request = _read_request(event.value)
            report = self._settle_request(request, context)
            if request.dry_run:
                return report.as_record()
        else:
            report = self._settle_event(event, context)
        report.raise_unsettled()
        return report.as_record()

    def _on_http(self, request: HttpRequest, context: Context) -> HttpResponse:
        body = request.json()
        if _names_instances(body):
            wanted = _read_request(body)
            report = self._settle_request(wanted, context)
            if wanted.dry_run:
                return _answer(200, report, context)
        else:
            _refuse_options(body)
            carried = parse_event(request.body, limit_bytes=LIMIT_BYTES)
            is_empty = isinstance(carried, EventBatch) and not carried.items
            if is_empty or isinstance(carried, (HttpEvent, TimerEvent, RawEvent)):
                raise HttpError(
                    400, "InvalidRequest", "the body names no instances and is no event", field="instances"
                )
            report = self._settle_event(carried, context)
        return _answer(_status(report.outcomes), report, context)

    def _on_http_plan(self, request: HttpRequest, context: Context) -> HttpResponse:
        body = _options(request)
        if not body.keys() - {"dryRun"}:
            return _answer(200, self._sweep(context, dry_run=True), context, quiet=True)
        wanted = _read_request(body)
        wanted = wanted.model_copy(update={"dry_run": True})
        return _answer(200, self._settle_request(wanted, context), context)

    def _on_http_sweep(self, request: HttpRequest, context: Context) -> HttpResponse:
        if body := _options(request):
            raise HttpError(
                400, "InvalidRequest", "a sweep takes no body; name instances at /", field=next(iter(body))
            )
        report = self._sweep(context)
        return _answer(_status(report.new_failures), report, context, quiet=True)

    def _on_http_instance(self, request: HttpRequest, context: Context) -> HttpResponse:
        wanted = _read_request(
            {
                "instances": [request.parameters["instance_id"]],
                "regionId": request.query.get("regionId", ""),
                "dryRun": True,
            }
        )
        return _answer(200, self._settle_request(wanted, context), context)

    def _on_http_health(self, _request: HttpRequest, context: Context) -> HttpResponse:
        return HttpResponse(200, {"requestId": context.request_id, "status": "ok", **self._health})

    def _settle_request(self, request: Request, context: Context) -> Report:
        ids = [
            self._rules.check_id(one, f"instances[{index}]") for index, one in enumerate(request.instances)
        ]
        signals = [Signal(one, request.region_id, request.retry) for one in dict.fromkeys(ids)]
        report = self._run(signals, context, dry_run=request.dry_run)
        log_outcomes(report)
        return report

    def _settle_event(self, event: Event, context: Context) -> Report:
        """Reads one event or every item of a batch; what can be read is settled."""
        items = event.items if isinstance(event, EventBatch) else (event,)
        if isinstance(event, CloudEvent):
            bind(event_id=event.id, event_source=event.source)
        signals: dict[str, Signal] = {}
        unused: list[Outcome] = []
        for index, item in enumerate(items):
            try:
                for signal in self._signals_of(item, context.account_id, unused):
                    signals[signal.instance_id] = signal
            except EventError as error:
                place = f"[{index}]" if isinstance(event, EventBatch) else ""
                unused.append(_refusal(error, place))
        # Logged before anything is called: whatever comes of the others, these are not lost.
        log_outcomes(Report(tuple(unused)))
        settled = self._run(list(signals.values()), context) if signals else Report(())
        log_outcomes(settled)
        return Report((*unused, *settled.outcomes))

    def _signals_of(
        self, item: SingleEvent | EventError, account_id: str, outcomes: list[Outcome]
    ) -> tuple[Signal, ...]:
        if isinstance(item, EventError):
            raise item
        event = unwrap(item)
        if isinstance(event, (RawEvent, TimerEvent, HttpEvent, EventBatch)):
            empty = isinstance(event, RawEvent) and not event.body.strip()
            raise EventError("", "an event of a known shape", "nothing" if empty else "something else")
        signals = self._rules.read(event, account_id)
        if not signals:
            outcomes.append(Outcome("", Result.IGNORED, f"not a signal of this function: {_describe(event)}"))
        return signals


def log_outcomes(report: Report, *, quiet: bool = False) -> None:
    """One line for each outcome, warnings for what needs somebody; the line `metrics` counts them all."""
    for outcome in report.outcomes:
        if quiet and outcome.quiet:
            continue
        needs_somebody = outcome.result in UNSETTLED or outcome.quarantined
        level = logging.WARNING if needs_somebody else logging.INFO
        _LOG.log(level, "%s", outcome.result.value, extra={"outcome": outcome.as_record()})
    for name, number in report.counts().items():
        add(name, number)


def _refusal(error: EventError, place: str = "") -> Outcome:
    """The outcome of an event that cannot be used; `place` is where it stands in its batch."""
    inside = not place or error.field.startswith(place)
    return Outcome(
        "", Result.REJECTED, str(error) if inside else f"{place} {error}", field=error.field or place
    )


def _describe(event: SingleEvent) -> str:
    source, kind = getattr(event, "source", ""), getattr(event, "type", "")
    return f"source {source!r}, type {kind!r}" if source else type(event).__name__


def _names_instances(body: JsonValue) -> TypeGuard[dict[str, JsonValue]]:
    return isinstance(body, dict) and not body.keys().isdisjoint(_INSTANCES)


def _read_request(body: dict[str, JsonValue]) -> Request:
    try:
        return Request.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        expected = _EXPECTED.get(first["type"], first["msg"])
        raise EventError(dotted(first["loc"]), expected, excerpt(cast("JsonValue", first["input"]))) from None


def _refuse_options(body: JsonValue) -> None:
    """Refuses what has no effect: an event carried by a request is always acted on."""
    for option in _OPTIONS:
        if isinstance(body, dict) and option in body:
            message = f"{option} goes with instances, not with an event"
            raise HttpError(400, "InvalidRequest", message, field=option)


def _options(request: HttpRequest) -> dict[str, JsonValue]:
    """The body of a request that needs none. Raises HttpError when it is no JSON object."""
    body = request.json() if request.body else {}
    if not isinstance(body, dict):
        raise HttpError(400, "InvalidRequest", "the body is not a JSON object", field="body")
    return body


def _answer(status: int, report: Report, context: Context, *, quiet: bool = False) -> HttpResponse:
    return HttpResponse(status, {"requestId": context.request_id, **report.as_record(quiet=quiet)})


def _status(outcomes: Iterable[Outcome]) -> int:
    results = {outcome.result for outcome in outcomes}
    if Result.FAILED in results:
        return 502
    return 422 if Result.REJECTED in results else 200


def _explained(handler: _HttpDoor) -> _HttpDoor:
    """Errors that the caller can act on become JSON answers that say so; the router hides all others."""

    def explain(request: HttpRequest, context: Context) -> HttpResponse:
        try:
            return handler(request, context)
        except ApiError as error:
            raise HttpError(502, type(error).__name__, str(error)) from error
        except StoreError as error:
            raise HttpError(503, type(error).__name__, str(error)) from error
        except ConfigurationError as error:
            raise HttpError(500, type(error).__name__, str(error)) from error

    return explain
