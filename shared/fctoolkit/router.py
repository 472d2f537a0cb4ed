"""Which handler an event goes to, by patterns, timers and HTTP routes. Knows nothing of what handlers do.

    router = EventRouter()

    @router.event({"source": ["acs.elasticsearch"], "type": [{"suffix": ":ActionTrail:ApiCall"}]})
    def created(event: CloudEvent, context: Context) -> JsonValue: ...

    @router.http("POST", "/clusters/{cluster}/members")
    def attach(request: HttpRequest, context: Context) -> HttpResponse: ...

    def handler(raw: bytes, context: Context) -> JsonValue:
        return router.dispatch(raw, context)

The decorators give the function back unchanged. Routes are added while a module loads; after that a router
only reads, so threads may share it. The event is an argument of its handler and is kept nowhere.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, overload

from fctoolkit.context import Context
from fctoolkit.errors import EventError
from fctoolkit.eventmodel import EventModel
from fctoolkit.events import (
    LIMIT_BYTES,
    CloudEvent,
    Event,
    EventBatch,
    HttpEvent,
    TimerEvent,
    is_array,
    parse_event,
)
from fctoolkit.http import HttpError, HttpRequest, HttpResponse
from fctoolkit.jsontypes import FrozenJson, JsonValue
from fctoolkit.pattern import Pattern, compile_pattern

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOG = logging.getLogger(__name__)

# What tells the envelope of an HTTP request. In a body, which is a text in it, quotes are escaped.
_HTTP_KEYS = (b'"requestContext"', b'"isBase64Encoded"')

EventT = TypeVar("EventT")
ModelT = TypeVar("ModelT", bound=EventModel)

Handler: TypeAlias = Callable[[EventT, Context], JsonValue]
HttpHandler: TypeAlias = Callable[[HttpRequest, Context], HttpResponse | FrozenJson | bytes]

_Bound: TypeAlias = Callable[[Context], JsonValue]
_Route: TypeAlias = Callable[[Event], _Bound | None]


class NoRouteError(EventError):
    """No route takes this event."""


class EventRouter:
    """Sends each event to the first route that takes it, in the order the routes were added.

    HTTP requests are always answered: 404 and 405 where no route fits, 400 for input that an EventError
    names, what an HttpError says, and 500 for any other error, which is logged and not shown. The answers to
    errors are `{"error": {"code", "message", "field"?}, "requestId"}`. Errors of other handlers go to the
    caller.
    """

    def __init__(self, *, limit_bytes: int = LIMIT_BYTES) -> None:
        """Accept events of up to `limit_bytes`."""
        self._limit_bytes = limit_bytes
        self._routes: list[_Route] = []
        self._http_routes: list[_HttpRoute] = []
        self._default: Handler[Event] | None = None

    @overload
    def event(
        self, pattern: FrozenJson | Pattern
    ) -> Callable[[Handler[CloudEvent]], Handler[CloudEvent]]: ...

    @overload
    def event(
        self, pattern: FrozenJson | Pattern, *, of: type[ModelT]
    ) -> Callable[[Handler[ModelT]], Handler[ModelT]]: ...

    def event(
        self, pattern: FrozenJson | Pattern, *, of: type[EventModel] = CloudEvent
    ) -> Callable[[Handler[Any]], Handler[Any]]:
        """Take the CloudEvents, or events of another model, that match the pattern. Raises PatternError."""
        compiled = pattern if isinstance(pattern, Pattern) else compile_pattern(pattern)

        def register(handler: Handler[Any]) -> Handler[Any]:
            def take(event: Event) -> _Bound | None:
                if isinstance(event, of) and compiled.matches(event.document):
                    return lambda context: handler(event, context)
                return None

            self._routes.append(take)
            return handler

        return register

    def timer(self, name: str | None = None) -> Callable[[Handler[TimerEvent]], Handler[TimerEvent]]:
        """Take the ticks of the timer trigger `name`, or of every timer trigger."""

        def register(handler: Handler[TimerEvent]) -> Handler[TimerEvent]:
            def take(event: Event) -> _Bound | None:
                if isinstance(event, TimerEvent) and name in (None, event.trigger_name):
                    return lambda context: handler(event, context)
                return None

            self._routes.append(take)
            return handler

        return register

    def batch(self, handler: Handler[EventBatch]) -> Handler[EventBatch]:
        """Take every batch. What becomes of its items is the handler's decision."""

        def take(event: Event) -> _Bound | None:
            if isinstance(event, EventBatch):
                return lambda context: handler(event, context)
            return None

        self._routes.append(take)
        return handler

    def http(self, method: str, path: str) -> Callable[[HttpHandler], HttpHandler]:
        """Take HTTP requests of this method and path.

        A segment `{name}` stands for any one segment, decoded, in `request.parameters`. The handler returns
        an HttpResponse or a body for status 200. Raises ValueError for a path that is not of this form.
        """
        template = _segments(path)

        def register(handler: HttpHandler) -> HttpHandler:
            self._http_routes.append(_HttpRoute(method.upper(), template, handler))
            return handler

        return register

    def default(self, handler: Handler[Event]) -> Handler[Event]:
        """Take every event that no other route takes, HTTP requests excepted."""
        self._default = handler
        return handler

    def dispatch(self, raw: bytes | str, context: Context) -> JsonValue:
        """Parse what FC delivered and `route` it. Raises EventError when it cannot be read."""
        body = raw if isinstance(raw, bytes) else raw.encode("utf-8", "surrogatepass")
        if len(body) > self._limit_bytes and _looks_like_request(body):
            # Answered without being read: its caller sent too much, and shall hear so.
            message = f"The request may have {self._limit_bytes} bytes as an event; it has {len(body)}."
            return (
                HttpError(400, "InvalidRequest", message, field="body").response(context.request_id).to_fc()
            )
        return self.route(parse_event(body, limit_bytes=self._limit_bytes), context)

    def route(self, event: Event, context: Context) -> JsonValue:
        """What the event's handler returns. Raises NoRouteError when no route takes the event."""
        if isinstance(event, HttpEvent):
            return self._answer(event, context)
        for take in self._routes:
            bound = take(event)
            if bound:
                return bound(context)
        if self._default:
            return self._default(event, context)
        raise NoRouteError("", "an event that a route takes", _description(event))

    def _answer(self, event: HttpEvent, context: Context) -> JsonValue:
        try:
            request = event.request()
            route, parameters = self._http_route(request)
            answer = route.handler(replace(request, parameters=parameters), context)
            response = answer if isinstance(answer, HttpResponse) else HttpResponse(200, answer)
            return response.to_fc()
        except HttpError as error:
            failure = error
        except EventError as error:
            failure = HttpError(400, "InvalidRequest", str(error), field=error.field or None)
        except Exception:  # noqa: BLE001 -- the caller gets an answer whatever happened
            _LOG.exception("the handler of an HTTP request failed")
            failure = HttpError(500, "InternalError", "The request failed. The log says why.")
        return failure.response(context.request_id).to_fc()

    def _http_route(self, request: HttpRequest) -> tuple[_HttpRoute, dict[str, str]]:
        fitting = [
            (route, parameters)
            for route in self._http_routes
            if (parameters := route.parameters_of(request.segments)) is not None
        ]
        if not fitting:
            raise HttpError(404, "NotFound", f"There is nothing at {request.path}.")
        for route, parameters in fitting:
            if route.method == request.method:
                return route, parameters
        allowed = ", ".join(sorted({route.method for route, _ in fitting}))
        message = f"{request.path} takes {allowed}, not {request.method}."
        raise HttpError(405, "MethodNotAllowed", message, headers={"Allow": allowed})


@dataclass(frozen=True, slots=True)
class _HttpRoute:
    method: str
    template: tuple[str, ...]
    handler: HttpHandler

    def parameters_of(self, segments: tuple[str, ...]) -> dict[str, str] | None:
        """What the template's `{name}` segments stand for; None when the path does not fit."""
        if len(segments) != len(self.template):
            return None
        parameters: dict[str, str] = {}
        for wanted, segment in zip(self.template, segments, strict=True):
            if wanted.startswith("{"):
                parameters[wanted[1:-1]] = segment
            elif wanted != segment:
                return None
        return parameters


def _segments(path: str) -> tuple[str, ...]:
    if not path.startswith("/"):
        raise ValueError(f"the path {path!r} does not begin with /")
    segments = tuple(part for part in path.split("/") if part)
    names = list(_names(segments))
    if len(names) != len(set(names)):
        raise ValueError(f"the path {path!r} uses a name twice")
    return segments


def _names(segments: tuple[str, ...]) -> Iterator[str]:
    for segment in segments:
        if "{" not in segment and "}" not in segment:
            continue
        if not (segment[0] == "{" and segment[-1] == "}" and segment[1:-1].isidentifier()):
            raise ValueError(f"the path segment {segment!r} is neither text nor {{name}}")
        yield segment


def _looks_like_request(body: bytes) -> bool:
    # A batch may carry anything, so also what looks like a request; it is never answered for one.
    return not is_array(body) and all(key in body for key in _HTTP_KEYS)


def _description(event: Event) -> str:
    name = type(event).__name__
    if isinstance(event, CloudEvent):
        return f"a {name} of source {event.source!r} and type {event.type!r}"
    if isinstance(event, TimerEvent):
        return f"a {name} of trigger {event.trigger_name!r}"
    return f"a {name}"
