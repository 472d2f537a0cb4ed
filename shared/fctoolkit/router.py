"""Which handler an event goes to, by patterns and timers. Knows nothing of what handlers do.

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

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, overload

from fctoolkit.context import Context
from fctoolkit.errors import EventError
from fctoolkit.eventmodel import EventModel
from fctoolkit.events import LIMIT_BYTES, Event, EventBatch, is_array, parse_event
from fctoolkit.jsontypes import FrozenJson, JsonValue
from fctoolkit.pattern import Pattern, compile_pattern

if TYPE_CHECKING:
    from fctoolkit.events import CloudEvent, TimerEvent
    from fctoolkit.httproutes import HttpHandler, HttpRoutes

# What tells the envelope of an HTTP request. In a body, which is a text in it, quotes are escaped.
_HTTP_KEYS = (b'"requestContext"', b'"isBase64Encoded"')

EventT = TypeVar("EventT")
ModelT = TypeVar("ModelT", bound=EventModel)

Handler: TypeAlias = Callable[[EventT, Context], JsonValue]

_Bound: TypeAlias = Callable[[Context], JsonValue]
_Route: TypeAlias = Callable[[Event], _Bound | None]


class NoRouteError(EventError):
    """No route takes this event."""


class EventRouter:
    """Sends each event to the first route that takes it, in the order the routes were added.

    HTTP requests are always answered, see `fctoolkit.httproutes`. Errors of other handlers go to the caller.
    """

    def __init__(self, *, limit_bytes: int = LIMIT_BYTES) -> None:
        """Accept events of up to `limit_bytes`."""
        self._limit_bytes = limit_bytes
        self._routes: list[_Route] = []
        self._requests: Callable[[], HttpRoutes] = cache(_no_routes)
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
        self, pattern: FrozenJson | Pattern, *, of: type[EventModel] | None = None
    ) -> Callable[[Handler[Any]], Handler[Any]]:
        """Take the CloudEvents, or events of another model, that match the pattern. Raises PatternError."""
        compiled = pattern if isinstance(pattern, Pattern) else compile_pattern(pattern)

        def register(handler: Handler[Any]) -> Handler[Any]:
            def take(event: Event) -> _Bound | None:
                wanted = event.shape == "cloud" if of is None else isinstance(event, of)
                if wanted and isinstance(event, EventModel) and compiled.matches(event.document):
                    return lambda context: handler(event, context)
                return None

            self._routes.append(take)
            return handler

        return register

    def timer(self, name: str | None = None) -> Callable[[Handler[TimerEvent]], Handler[TimerEvent]]:
        """Take the ticks of the timer trigger `name`, or of every timer trigger."""

        def register(handler: Handler[TimerEvent]) -> Handler[TimerEvent]:
            def take(event: Event) -> _Bound | None:
                if event.shape == "timer" and name in (None, event.trigger_name):
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
        """Take HTTP requests of this method and path, see `HttpRoutes.add`."""
        return self._requests().add(method, path)

    def requests(self, make: Callable[[], HttpRoutes]) -> None:
        """Take HTTP requests with routes that are made at the first one, so that nobody else pays.

        They are taken instead of those that were added with `http`.
        """
        self._requests = cache(make)

    def default(self, handler: Handler[Event]) -> Handler[Event]:
        """Take every event that no other route takes, HTTP requests excepted."""
        self._default = handler
        return handler

    def dispatch(self, raw: bytes | str, context: Context) -> JsonValue:
        """Parse what FC delivered and `route` it. Raises EventError when it cannot be read."""
        body = raw if isinstance(raw, bytes) else raw.encode("utf-8", "surrogatepass")
        if len(body) > self._limit_bytes and _looks_like_request(body):
            from fctoolkit.httproutes import refused  # noqa: PLC0415

            # Answered without being read: its caller sent too much, and shall hear so.
            message = f"The request may have {self._limit_bytes} bytes as an event; it has {len(body)}."
            return refused(message, "body", context)
        return self.route(parse_event(body, limit_bytes=self._limit_bytes), context)

    def route(self, event: Event, context: Context) -> JsonValue:
        """What the event's handler returns. Raises NoRouteError when no route takes the event."""
        if event.shape == "http":
            return self._requests().answer(event, context)
        for take in self._routes:
            bound = take(event)
            if bound:
                return bound(context)
        if self._default:
            return self._default(event, context)
        raise NoRouteError("", "an event that a route takes", _description(event))


def _no_routes() -> HttpRoutes:
    from fctoolkit.httproutes import HttpRoutes  # noqa: PLC0415

    return HttpRoutes()


def _looks_like_request(body: bytes) -> bool:
    # A batch may carry anything, so also what looks like a request; it is never answered for one.
    return not is_array(body) and all(key in body for key in _HTTP_KEYS)


def _description(event: Event) -> str:
    name = type(event).__name__
    if event.shape == "cloud":
        return f"a {name} of source {event.source!r} and type {event.type!r}"
    if event.shape == "timer":
        return f"a {name} of trigger {event.trigger_name!r}"
    return f"a {name}"
