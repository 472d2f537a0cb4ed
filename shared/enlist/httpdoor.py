"""The HTTP door of a function. Loaded at the first request: who gets none does not pay for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from enlist.outcomes import Result
from enlist.request import OPTIONS, read_request
from enlist.signals import names_instances
from fctoolkit.errors import ApiError, ConfigurationError, StoreError
from fctoolkit.events import EventBatch, parse_event
from fctoolkit.http import HttpError, HttpRequest, HttpResponse
from fctoolkit.httproutes import HttpRoutes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import TypeAlias

    from enlist.doors import Doors
    from enlist.outcomes import Outcome, Report
    from fctoolkit.context import Context
    from fctoolkit.jsontypes import JsonObject, JsonValue

    _Handler: TypeAlias = Callable[[HttpRequest, Context], HttpResponse]


class HttpDoor:
    """Answers what FC's HTTP trigger delivers to one function.

    Args:
        doors: settle what a request asks for.
        path: name of the route beside `/`, such as `/attach`.
        health: what `GET /health` says of the function, besides its state.

    The routes, each answered with JSON that has the request id:

        POST /, POST /attach or /connect   settle the instances named, or the event carried
        POST /plan                         what that would do: for the instances named, or for all
        POST /sweep                        what a timer tick does
        GET  /instances/{instance_id}      how one instance stands
        GET  /health                       that settings and bindings were read, and which; calls nothing
    """

    def __init__(self, doors: Doors, path: str, health: JsonObject) -> None:
        self._doors = doors
        self._path = path
        self._health = health

    def routes(self) -> HttpRoutes:
        """Those above."""
        routes = HttpRoutes()
        handlers: tuple[tuple[str, str, _Handler], ...] = (
            ("POST", "/", self._on_settle),
            ("POST", self._path, self._on_settle),
            ("POST", "/plan", self._on_plan),
            ("POST", "/sweep", self._on_sweep),
            ("GET", "/instances/{instance_id}", self._on_instance),
            ("GET", "/health", self._on_health),
        )
        for method, path, handler in handlers:
            routes.add(method, path)(_explained(handler))
        return routes

    def _on_settle(self, request: HttpRequest, context: Context) -> HttpResponse:
        body = request.json()
        if names_instances(body):
            wanted = read_request(body)
            report = self._doors.settle_request(wanted, context)
            if wanted.dry_run:
                return _answer(200, report, context)
        else:
            _refuse_options(body)
            carried = parse_event(request.body)
            is_empty = isinstance(carried, EventBatch) and not carried.items
            if is_empty or carried.shape in ("http", "timer", "raw"):
                raise HttpError(
                    400, "InvalidRequest", "the body names no instances and is no event", field="instances"
                )
            report = self._doors.settle_event(carried, context)
        return _answer(_status(report.outcomes), report, context)

    def _on_plan(self, request: HttpRequest, context: Context) -> HttpResponse:
        body = _options(request)
        if not body.keys() - {"dryRun"}:
            return _answer(200, self._doors.sweep(context, dry_run=True), context, quiet=True)
        wanted = read_request(body)
        wanted = wanted.model_copy(update={"dry_run": True})
        return _answer(200, self._doors.settle_request(wanted, context), context)

    def _on_sweep(self, request: HttpRequest, context: Context) -> HttpResponse:
        if body := _options(request):
            raise HttpError(
                400, "InvalidRequest", "a sweep takes no body; name instances at /", field=next(iter(body))
            )
        report = self._doors.sweep(context)
        return _answer(_status(report.new_failures), report, context, quiet=True)

    def _on_instance(self, request: HttpRequest, context: Context) -> HttpResponse:
        wanted = read_request(
            {
                "instances": [request.parameters["instance_id"]],
                "regionId": request.query.get("regionId", ""),
                "dryRun": True,
            }
        )
        return _answer(200, self._doors.settle_request(wanted, context), context)

    def _on_health(self, _request: HttpRequest, context: Context) -> HttpResponse:
        return HttpResponse(200, {"requestId": context.request_id, "status": "ok", **self._health})


def _refuse_options(body: JsonValue) -> None:
    """Refuses what has no effect: an event carried by a request is always acted on."""
    for option in OPTIONS:
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


def _explained(handler: _Handler) -> _Handler:
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
