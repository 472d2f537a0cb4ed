"""Functions, invoked through both versions of the API, as every way to call them sees it."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from tests.support.cloud_scene import BYTES, MODES, in_modes, with_functions

if TYPE_CHECKING:
    from tests.support.cloud_scene import Scene

ECHO = "app-Open_1"


def apis(at: Scene) -> list[tuple[str, dict[str, Any]]]:
    """The APIs that the mode calls, and how each names the function."""
    names = {"fc": {"functionName": ECHO}, "fc2": {"serviceName": "app", "functionName": ECHO}}
    return [(service, names[service]) for service in names if service in MODES[at.mode]]


@in_modes("fc", only=BYTES)
def test_a_function_is_invoked(at: Scene) -> None:
    """An event of any bytes comes back, with the id of the request and the end of the log."""
    with with_functions(at) as own:
        for service, function in apis(own):
            tail = {"x-fc-log-type": "Tail"}
            answer = own.call(service, "InvokeFunction", content=b"\x00\xff", headers=tail, **function)
            assert (answer.status, answer.body) == (200, b"\x00\xff")
            told = {name.lower(): value for name, value in answer.headers.items()}
            assert told["x-fc-request-id"] == own.calls[-1]["requestId"]
            assert b"FC Invoke End" in base64.b64decode(told["x-fc-log-result"])


@in_modes("fc", only=BYTES)
def test_a_function_that_fails(at: Scene) -> None:
    """A function's error is an answer that says so; one of FC 2.0's client is an error of the client's."""
    with with_functions(at) as own:
        for service, function in apis(own):
            event = json.dumps({"do": "fail"}).encode()
            answer = own.call(service, "InvokeFunction", content=event, **function)
            assert "asked to" in f"{answer.message} {answer.body!r}"
            assert own.calls[-1]["status"] == 200


@in_modes("fc", only=BYTES)
def test_a_function_that_is_throttled(at: Scene) -> None:
    """A 429 that was asked for reaches each client with its code."""
    with with_functions(at) as own:
        for service, function in apis(own):
            own.fault(service, "InvokeFunction", status=429, code="ResourceExhausted")
            assert own.refuses(service, "InvokeFunction", content=b"", **function) == (
                429,
                "ResourceExhausted",
            )


@in_modes("fc", only=BYTES)
def test_a_function_that_is_not_there(at: Scene) -> None:
    """An unknown function is FC's 404 in both APIs."""
    with with_functions(at) as own:
        for service, function in apis(own):
            unknown = {**function, "functionName": "nobody"}
            assert own.refuses(service, "InvokeFunction", content=b"", **unknown) == (404, "FunctionNotFound")
