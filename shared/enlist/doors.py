"""The doors of a function: events and timer ticks become signals, a report an answer.

HTTP requests have a module of their own. Knows what a job takes and gives, and nothing of how it is done.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol

from enlist.outcomes import UNSETTLED, Outcome, Report, Result
from enlist.signals import Signal, SignalRules, names_instances
from fctoolkit.errors import EventError
from fctoolkit.events import EventBatch, RawEvent, unwrap
from fctoolkit.logging import bind
from fctoolkit.metrics import add
from fctoolkit.router import EventRouter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from enlist.request import Request
    from fctoolkit.context import Context
    from fctoolkit.events import Event, SingleEvent, TimerEvent
    from fctoolkit.httproutes import HttpRoutes
    from fctoolkit.jsontypes import JsonObject, JsonValue

_LOG = logging.getLogger(__name__)


class Run(Protocol):
    """A job for one invocation: signals, or None for a sweep, to a report."""

    def __call__(
        self, signals: Sequence[Signal] | None, context: Context, *, dry_run: bool = False
    ) -> Report:
        """The report. Raises the toolkit's errors when nothing could be settled."""
        ...


class Doors:
    """Takes what FC delivers to one function.

    Args:
        rules: which events are signals.
        run: the job.
        path: name of the HTTP route beside `/`, such as `/attach`.
        health: what `GET /health` says of the function, besides its state.
    """

    def __init__(self, rules: SignalRules, run: Run, path: str, health: JsonObject) -> None:
        self._rules = rules
        self._run = run
        self._path = path
        self._health = health
        self._router = EventRouter()
        self._router.timer()(self._on_timer)
        self._router.default(self._on_event)
        self._router.requests(self._http_routes)

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
        report = self.sweep(context)
        report.raise_new_failures()
        return report.as_record(quiet=True)

    def sweep(self, context: Context, *, dry_run: bool = False) -> Report:
        """Settles every instance that a binding can concern; a dry run only tells."""
        report = self._run(None, context, dry_run=dry_run)
        log_outcomes(report, quiet=True)
        return report

    def _on_event(self, event: Event, context: Context) -> JsonValue:
        if isinstance(event, RawEvent) and names_instances(event.value):
            from enlist.request import read_request  # noqa: PLC0415 -- events of the bus need no model for it

            request = read_request(event.value)
            report = self.settle_request(request, context)
            if request.dry_run:
                return report.as_record()
        else:
            report = self.settle_event(event, context)
        report.raise_unsettled()
        return report.as_record()

    def _http_routes(self) -> HttpRoutes:
        from enlist.httpdoor import HttpDoor  # noqa: PLC0415 -- loaded at the first request

        return HttpDoor(self, self._path, self._health).routes()

    def settle_request(self, request: Request, context: Context) -> Report:
        """Settles the instances named. Raises `EventError` for an id of a wrong shape."""
        ids = [
            self._rules.check_id(one, f"instances[{index}]") for index, one in enumerate(request.instances)
        ]
        signals = [Signal(one, request.region_id, request.retry) for one in dict.fromkeys(ids)]
        report = self._run(signals, context, dry_run=request.dry_run)
        log_outcomes(report)
        return report

    def settle_event(self, event: Event, context: Context) -> Report:
        """Reads one event or every item of a batch; what can be read is settled."""
        items = event.items if isinstance(event, EventBatch) else (event,)
        if event.shape == "cloud":
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
        if isinstance(event, (RawEvent, EventBatch)) or event.shape in ("timer", "http"):
            empty = event.shape == "raw" and not event.body.strip()
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
