"""Which handler an HTTP request goes to, and how it is answered. Knows nothing of what handlers do."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from fctoolkit.context import Context
from fctoolkit.errors import EventError
from fctoolkit.http import HttpError, HttpRequest, HttpResponse
from fctoolkit.jsontypes import FrozenJson

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fctoolkit.http import HttpEvent
    from fctoolkit.jsontypes import JsonValue

_LOG = logging.getLogger(__name__)

HttpHandler: TypeAlias = Callable[[HttpRequest, Context], HttpResponse | FrozenJson | bytes]


class HttpRoutes:
    """Sends each request to the first route that takes it, in the order the routes were added.

    Requests are always answered: 404 and 405 where no route fits, 400 for input that an EventError names,
    what an HttpError says, and 500 for any other error, which is logged and not shown. The answers to errors
    are `{"error": {"code", "message", "field"?}, "requestId"}`.
    """

    def __init__(self) -> None:
        self._routes: list[_HttpRoute] = []

    def add(self, method: str, path: str) -> Callable[[HttpHandler], HttpHandler]:
        """Take requests of this method and path; the decorator gives the handler back.

        A segment `{name}` stands for any one segment, decoded, in `request.parameters`. The handler returns
        an HttpResponse or a body for status 200. Raises ValueError for a path that is not of this form.
        """
        template = _segments(path)

        def register(handler: HttpHandler) -> HttpHandler:
            self._routes.append(_HttpRoute(method.upper(), template, handler))
            return handler

        return register

    def answer(self, event: HttpEvent, context: Context) -> JsonValue:
        """What FC makes the response of."""
        try:
            request = event.request()
            route, parameters = self._route_of(request)
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

    def _route_of(self, request: HttpRequest) -> tuple[_HttpRoute, dict[str, str]]:
        fitting = [
            (route, parameters)
            for route in self._routes
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


def refused(message: str, field: str, context: Context) -> JsonValue:
    """The answer to a request that no handler shall see: 400."""
    return HttpError(400, "InvalidRequest", message, field=field).response(context.request_id).to_fc()
