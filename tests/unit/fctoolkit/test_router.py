"""Routing: which handler gets an event, and how HTTP requests are answered."""

from __future__ import annotations

import json
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from fctoolkit.errors import EventError, PatternError
from fctoolkit.events import CloudEvent, CloudMonitorEvent, Event, EventBatch, TimerEvent
from fctoolkit.http import HttpError, HttpRequest, HttpResponse
from fctoolkit.httproutes import HttpRoutes
from fctoolkit.router import EventRouter, NoRouteError
from fctoolkit.testing import FakeContext
from tests.support.event_samples import cloud_event, encoded, http_event, sample

if TYPE_CHECKING:
    from fctoolkit.context import Context
    from fctoolkit.jsontypes import JsonObject, JsonValue

CONTEXT = FakeContext(request_id="r-9")


def answer(router: EventRouter, event: JsonObject) -> tuple[JsonValue, JsonObject]:
    """Status and decoded body of the answer to an HTTP event."""
    told = router.dispatch(encoded(event), CONTEXT)
    assert isinstance(told, dict)
    return told["statusCode"], json.loads(str(told["body"]))


def test_first_matching_route_gets_the_event() -> None:
    """Routes are tried in the order they were added, and the handler's value is given back."""
    router = EventRouter()

    @router.event({"source": ["other"]})
    def never(event: CloudEvent, context: Context) -> JsonValue:
        return "never"

    @router.event({"source": [{"prefix": "acs."}], "data": {"n": [1]}})
    def first(event: CloudEvent, context: Context) -> JsonValue:
        return [event.id, context.request_id]

    @router.event({})
    def rest(event: CloudEvent, context: Context) -> JsonValue:
        return "rest"

    assert router.dispatch(encoded(cloud_event(data={"n": 1})), CONTEXT) == ["event-1", "r-9"]
    assert router.dispatch(encoded(cloud_event(data={"n": 2})), CONTEXT) == "rest"


def test_decorators_give_the_function_back() -> None:
    """A decorated handler can be called and tested like any function."""
    router = EventRouter()

    def handler(event: CloudEvent, context: Context) -> JsonValue:
        return event.id

    assert router.event({})(handler) is handler


def test_other_models_are_matched_when_named() -> None:
    """`of` routes a native event by its own JSON, and CloudEvents do not reach it."""
    router = EventRouter()

    @router.event({"name": [{"suffix": ":Executed"}]}, of=CloudMonitorEvent)
    def created(event: CloudMonitorEvent, context: Context) -> JsonValue:
        return event.name

    assert router.dispatch(sample("ens-cloudmonitor-native"), CONTEXT) == "EnsInstance:Create:Executed"
    with pytest.raises(NoRouteError):
        router.dispatch(encoded(cloud_event(name="x:Executed")), CONTEXT)


def test_timers_by_name_and_all() -> None:
    """A tick goes to the route of its trigger, else to the one for every trigger."""
    router = EventRouter()

    @router.timer("sweep")
    def sweep(event: TimerEvent, context: Context) -> JsonValue:
        return "sweep"

    @router.timer()
    def tick(event: TimerEvent, context: Context) -> JsonValue:
        return event.trigger_name

    other = {"triggerName": "other", "triggerTime": "2026-01-02T03:04:05Z"}
    assert router.dispatch(sample("timer"), CONTEXT) == "sweep"
    assert router.dispatch(encoded(other), CONTEXT) == "other"


def test_batches_and_the_default() -> None:
    """A batch goes to the batch route, everything else without a route to the default."""
    router = EventRouter()

    @router.batch
    def several(batch: EventBatch, context: Context) -> JsonValue:
        return len(batch.items)

    @router.default
    def rest(event: Event, context: Context) -> JsonValue:
        return type(event).__name__

    assert router.dispatch(sample("batch-strings"), CONTEXT) == 2
    assert router.dispatch(b"text", CONTEXT) == "RawEvent"
    assert router.dispatch(sample("timer"), CONTEXT) == "TimerEvent"


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        (encoded(cloud_event()), "a CloudEvent of source 'acs.demo' and type 'demo:Thing:Happened'"),
        (sample("timer"), "a TimerEvent of trigger 'sweep'"),
        (b"text", "a RawEvent"),
    ],
)
def test_no_route_says_what_came(raw: bytes, found: str) -> None:
    """An event that nothing takes is an error that names it, and that is an EventError."""
    with pytest.raises(NoRouteError) as caught:
        EventRouter().dispatch(raw, CONTEXT)
    assert isinstance(caught.value, EventError)
    assert caught.value.found == found


def test_limits_and_bad_patterns_are_refused() -> None:
    """The size limit is the router's, and a bad pattern is refused when the route is added."""
    with pytest.raises(EventError, match="at most 3 bytes"):
        EventRouter(limit_bytes=3).dispatch(b"text", CONTEXT)
    with pytest.raises(PatternError, match="unknown operator"):
        EventRouter().event({"a": [{"like": "x"}]})


def test_errors_of_event_handlers_go_to_the_caller() -> None:
    """An error of an event handler is raised, so that the platform retries."""
    router = EventRouter()

    @router.default
    def broken(event: Event, context: Context) -> JsonValue:
        raise KeyError("x")

    with pytest.raises(KeyError):
        router.dispatch(b"text", CONTEXT)


def web() -> EventRouter:
    """A router with HTTP routes."""
    router = EventRouter()

    @router.http("GET", "/clusters/{cluster}/members/{member}")
    def member(request: HttpRequest, context: Context) -> HttpResponse:
        return HttpResponse(201, dict(request.parameters))

    @router.http("post", "/")
    def root(request: HttpRequest, context: Context) -> JsonValue:
        return {"body": request.json()}

    @router.http("PUT", "/")
    def broken(request: HttpRequest, context: Context) -> JsonValue:
        raise RuntimeError("inside information")

    @router.http("DELETE", "/")
    def refused(request: HttpRequest, context: Context) -> JsonValue:
        raise HttpError(409, "Busy", "Not now.", field="cluster")

    @router.http("PATCH", "/")
    def unsendable(request: HttpRequest, context: Context) -> JsonValue:
        return float("nan")

    return router


def test_http_routes_take_segments() -> None:
    """Named segments are decoded one by one, so an encoded slash does not make two of one."""
    status, body = answer(web(), http_event("GET", "/clusters/c%2F1/members/i%201/"))
    assert (status, body) == (201, {"cluster": "c/1", "member": "i 1"})


def test_http_values_become_json_answers() -> None:
    """A value that is no HttpResponse is answered as JSON with 200."""
    assert answer(web(), http_event("POST", "/", {"a": 1})) == (200, {"body": {"a": 1}})


@pytest.mark.parametrize(
    ("event", "status", "error"),
    [
        (http_event("GET", "/none"), 404, {"code": "NotFound", "message": "There is nothing at /none."}),
        (
            http_event("GET", "/"),
            405,
            {"code": "MethodNotAllowed", "message": "/ takes DELETE, PATCH, POST, PUT, not GET."},
        ),
        (http_event("DELETE", "/"), 409, {"code": "Busy", "message": "Not now.", "field": "cluster"}),
        (
            http_event("POST", "/", "{"),
            400,
            {
                "code": "InvalidRequest",
                "message": "body: expected JSON, found text that breaks at character 1 of 1",
                "field": "body",
            },
        ),
    ],
)
def test_http_errors_are_json(event: JsonObject, status: int, error: JsonObject) -> None:
    """Every refusal is JSON with a code, a message, the field if one is at fault, and the request id."""
    assert answer(web(), event) == (status, {"error": error, "requestId": "r-9"})


def test_405_names_the_methods() -> None:
    """The answer to a wrong method has the header that names the right ones."""
    told = web().dispatch(encoded(http_event("GET", "/")), CONTEXT)
    assert isinstance(told, dict)
    assert told["headers"] == {"Allow": "DELETE, PATCH, POST, PUT", "Content-Type": "application/json"}


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_http_failures_show_no_internals(method: str, caplog: pytest.LogCaptureFixture) -> None:
    """Any other error is logged with its stack and answered with 500 and nothing of it."""
    with caplog.at_level(logging.ERROR):
        status, body = answer(web(), http_event(method, "/"))
    assert status == 500
    assert body == {
        "error": {"code": "InternalError", "message": "The request failed. The log says why."},
        "requestId": "r-9",
    }
    assert [record.exc_info is not None for record in caplog.records] == [True]


@pytest.mark.parametrize("path", ["clusters", "/a/{}", "/a/{b", "/a/x{b}", "/a/{b-c}", "/{a}/{a}"])
def test_bad_paths_are_refused(path: str) -> None:
    """A path that is not of the documented form is refused when the route is added."""
    with pytest.raises(ValueError, match="path"):
        EventRouter().http("GET", path)


def test_routes_that_are_made_later_are_made_once() -> None:
    """Nothing is made before the first request, and the second one finds what the first had made."""
    made: list[HttpRoutes] = []

    def make() -> HttpRoutes:
        made.append(HttpRoutes())
        made[-1].add("GET", "/things")(lambda _request, _context: {"things": 1})
        return made[-1]

    router = EventRouter()
    router.requests(make)
    router.timer()(lambda _event, _context: "tick")
    assert router.dispatch(sample("timer"), CONTEXT) == "tick"
    assert made == []
    for _ in range(2):
        assert answer(router, http_event("GET", "/things")) == (200, {"things": 1})
    assert len(made) == 1


def test_threads_share_a_router() -> None:
    """Many threads dispatch through one router, and each handler sees its own event."""
    router = EventRouter()

    @router.event({})
    def echo(event: CloudEvent, context: Context) -> JsonValue:
        return event.id

    raws = [encoded(cloud_event(id=f"event-{number}")) for number in range(200)]
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda raw: router.dispatch(raw, CONTEXT), raws))
    assert told == [f"event-{number}" for number in range(200)]
