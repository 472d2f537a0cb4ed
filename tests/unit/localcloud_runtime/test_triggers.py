"""What FC makes of ticks and HTTP requests, and of what functions return to an HTTP trigger."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localcloud.functions.spec import FunctionSpec, TimerTrigger
from localcloud.functions.triggers import HttpAnswer, HttpRequest, http_answer, http_event, timer_event

SPEC = FunctionSpec(key="k", name="fn", handler="index.handler", code=Path())
AT = 1767323045.5


def envelope(request: HttpRequest) -> Any:
    """The decoded event of a request."""
    return json.loads(http_event(request, SPEC, "request-1", AT))


def test_a_timer() -> None:
    """A timer's event has the time, the trigger's name and its payload."""
    event = timer_event(TimerTrigger("nightly", enabled=True, schedule="@every 5m", payload="{}"), AT)
    assert json.loads(event) == {
        "triggerTime": "2026-01-02T03:04:05Z",
        "triggerName": "nightly",
        "payload": "{}",
    }


def test_a_request_in_full() -> None:
    """A request becomes FC's envelope: raw and decoded path, joined values, times as text."""
    headers = {"content-type": "application/json", "user-agent": "curl/8.0"}
    request = HttpRequest("POST", "/ens/attach%20x?dryRun=true&tag=a&tag=b&empty=", headers, b'{"a":1}')
    assert envelope(request) == {
        "version": "v1",
        "rawPath": "/ens/attach%20x",
        "body": '{"a":1}',
        "isBase64Encoded": False,
        "headers": {"Content-Type": "application/json", "User-Agent": "curl/8.0"},
        "queryParameters": {"dryRun": "true", "tag": "a,b", "empty": ""},
        "requestContext": {
            "accountId": "1234567890123456",
            "domainName": "fn-1234567890123456.cn-hangzhou.fcapp.invalid",
            "domainPrefix": "fn-1234567890123456",
            "http": {
                "method": "POST",
                "path": "/ens/attach x",
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": "curl/8.0",
            },
            "requestId": "request-1",
            "time": "2026-01-02T03:04:05Z",
            "timeEpoch": "1767323045500",
        },
    }


@pytest.mark.parametrize("path", ["//plan", "/plan#x", "//a/plan;b", "/%2F"])
def test_the_path_comes_as_it_was_sent(path: str) -> None:
    """Nothing of a path is taken for a host, a fragment or parameters."""
    assert envelope(HttpRequest("POST", f"{path}?a=b"))["rawPath"] == path


@settings(max_examples=200)
@given(
    st.binary(max_size=200),
    st.sampled_from(["", "application/json", "text/plain; charset=utf-8", "image/png"]),
)
def test_bodies_survive(body: bytes, content_type: str) -> None:
    """Every body can be had back from the envelope, with the flag saying how."""
    event = envelope(HttpRequest("POST", "/", {"Content-Type": content_type}, body))
    text = event["body"]
    assert (base64.b64decode(text) if event["isBase64Encoded"] else text.encode()) == body


def test_binary_types() -> None:
    """A body of a type that is no text is in base64, even if it could be read as text."""
    event = envelope(HttpRequest("POST", "/", {"Content-Type": "image/png"}, b"abc"))
    assert (event["body"], event["isBase64Encoded"]) == ("YWJj", True)


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (
            {"statusCode": 201, "headers": {"X-A": "1"}, "body": "made"},
            HttpAnswer(201, {"X-A": "1", "X-Fc-Request-Id": "r"}, b"made"),
        ),
        (
            {"statusCode": 200, "isBase64Encoded": True, "body": "AP8="},
            HttpAnswer(200, {"X-Fc-Request-Id": "r"}, b"\x00\xff"),
        ),
        ({"statusCode": 204}, HttpAnswer(204, {"X-Fc-Request-Id": "r"}, b"")),
        ({"statusCode": 200, "body": {"a": 1}}, HttpAnswer(200, {"X-Fc-Request-Id": "r"}, b'{"a": 1}')),
        ({"statusCode": 200, "body": "\ud800"}, HttpAnswer(200, {"X-Fc-Request-Id": "r"}, b"?")),
        (
            {"statusCode": 200, "isBase64Encoded": True, "body": "\u00e9"},
            HttpAnswer(200, {"X-Fc-Request-Id": "r"}, b"\xc3\xa9"),
        ),
        (
            {"statusCode": 200, "headers": {"X-A": " a\t", "X-B": True, "X-C": ["c", 1]}},
            HttpAnswer(200, {"X-A": "a", "X-B": "true", "X-C": "c, 1", "X-Fc-Request-Id": "r"}, b""),
        ),
    ],
)
def test_answers(payload: object, expected: HttpAnswer) -> None:
    """A result with a status is taken apart into status, headers and body."""
    assert http_answer(json.dumps(payload).encode(), "r") == expected


@pytest.mark.parametrize(
    "payload",
    [b"", b"plain", b"[1]", b'{"status": 1}', b'{"statusCode": true}', b"\xff", b"[" * 100_000],
    ids=range(7),
)
def test_answers_without_a_status(payload: bytes) -> None:
    """A result without a status is the body of a 200, as JSON."""
    headers = {"Content-Type": "application/json", "X-Fc-Request-Id": "r"}
    assert http_answer(payload, "r") == HttpAnswer(200, headers, payload)


def test_errors_are_marked() -> None:
    """An answer to a failed invocation is a 502 that names the type of the error in a header."""
    answer = http_answer(b'{"statusCode": 200}', "r", "UnhandledInvocationError")
    assert (answer.status, answer.body) == (502, b'{"statusCode": 200}')
    assert answer.headers["X-Fc-Error-Type"] == "UnhandledInvocationError"


def test_limits_of_an_answers_headers() -> None:
    """Names and values of an answer's headers may have 8 KB together; what FC drops does not count."""
    fits = {"X-A": "x" * 8189, "Server": "s" * 9000}
    assert http_answer(json.dumps({"statusCode": 200, "headers": fits}).encode(), "r").status == 200
    too_much = {"X-A": "x" * 8190}
    answer = http_answer(json.dumps({"statusCode": 200, "headers": too_much}).encode(), "r")
    assert (answer.status, json.loads(answer.body)["Code"]) == (502, "BadResponse")
    assert "8193" in json.loads(answer.body)["Message"]


@pytest.mark.parametrize(
    "result",
    [
        {"statusCode": 99},
        {"statusCode": 1000},
        {"statusCode": 200, "headers": {"X-A": "one\r\nX-B: two"}},
        {"statusCode": 200, "headers": {"no name": "x"}},
        {"statusCode": 200, "headers": {"": "x"}},
        {"statusCode": 200, "headers": {"X-A": "\u4e2d"}},
    ],
)
def test_answers_that_cannot_be_sent(result: object) -> None:
    """A status or header that HTTP cannot carry is a 502 BadResponse, never a broken answer."""
    answer = http_answer(json.dumps(result).encode(), "r")
    assert (answer.status, json.loads(answer.body)["Code"]) == (502, "BadResponse")


@pytest.mark.parametrize("status", [204, 304])
def test_answers_without_a_body(status: int) -> None:
    """A status that has no body is sent without the one that the function gave."""
    assert http_answer(json.dumps({"statusCode": status, "body": "x"}).encode(), "r").body == b""
