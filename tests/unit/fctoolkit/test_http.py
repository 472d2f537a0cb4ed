"""The HTTP trigger's event, request, response and error."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import pytest

from fctoolkit.errors import EventError
from fctoolkit.http import HEADER_LIMIT_BYTES, HttpError, HttpEvent, HttpResponse
from tests.support.event_samples import ACCOUNT, http_event

if TYPE_CHECKING:
    from fctoolkit.jsontypes import FrozenJson, JsonObject


def test_request_reads_the_envelope() -> None:
    """Method, decoded path, query, headers of any case, body and ids come out of the envelope."""
    value = http_event("post", "/ens/attach%20x/a%2Fb", {"a": 1}, queryParameters={"tag": "a,b"})
    request = HttpEvent.read(value).request()
    assert (request.method, request.path) == ("POST", "/ens/attach x/a/b")
    assert request.segments == ("ens", "attach x", "a/b")
    assert request.query == {"tag": "a,b"}
    assert request.header("CONTENT-TYPE") == request.header("content-type") == "application/json"
    assert request.header("x-none") is None
    assert request.json() == {"a": 1}
    assert (request.account_id, request.request_id) == (ACCOUNT, "r-1")


def test_request_without_raw_path_uses_the_decoded_one() -> None:
    """When only the decoded path is there, it is taken literally."""
    value = http_event()
    context: JsonObject = {"http": {"method": "GET", "path": "/a b%20/c"}}
    request = HttpEvent.read({**value, "rawPath": None, "requestContext": context}).request()
    assert (request.path, request.segments) == ("/a b%20/c", ("a b%20", "c"))


@pytest.mark.parametrize("missing", ["body", "headers", "queryParameters", "isBase64Encoded", "rawPath"])
def test_optional_parts_may_be_missing(missing: str) -> None:
    """A GET has no body, and the vendor's templates leave other parts out."""
    value = {key: item for key, item in http_event("GET", "/").items() if key != missing}
    request = HttpEvent.read(value).request()
    assert (request.method, request.path, request.body) == ("GET", "/", b"")


def test_null_parts_count_as_empty() -> None:
    """Null for headers, query and body means none."""
    request = HttpEvent.read(http_event(headers=None, queryParameters=None) | {"body": None}).request()
    assert (request.headers, request.query, request.body) == ({}, {}, b"")


def test_binary_body_is_decoded() -> None:
    """A body marked base64 is given as the bytes that were sent."""
    value = http_event(body=base64.b64encode(b"\x00\xff").decode(), isBase64Encoded=True)
    assert HttpEvent.read(value).request().body == b"\x00\xff"


def test_wrong_base64_is_refused() -> None:
    """A body marked base64 that is none is refused by name."""
    with pytest.raises(EventError, match="body: expected base64"):
        HttpEvent.read(http_event(body="not base64!", isBase64Encoded=True)).request()


@pytest.mark.parametrize(
    ("body", "field"), [("", "body"), ("{", "body"), ('{"a": [1e999]}', "body.a[0]"), ("NaN", "body")]
)
def test_json_names_the_place_in_the_body(body: str, field: str) -> None:
    """A body that is no JSON is an EventError under `body`."""
    with pytest.raises(EventError) as caught:
        HttpEvent.read(http_event(body=body)).request().json()
    assert caught.value.field == field


def test_reprs_show_no_headers_and_no_body() -> None:
    """Neither the event nor the request shows headers or body, which may hold secrets."""
    event = HttpEvent.read(http_event(body="hidden-body", headers={"Authorization": "hidden-header"}))
    assert "hidden" not in repr(event) + str(event) + repr(event.request())


@pytest.mark.parametrize(
    ("body", "content_type", "encoded", "text"),
    [
        ({"ok": True, "name": "é"}, "application/json", False, '{"ok":true,"name":"é"}'),
        ([1], "application/json", False, "[1]"),
        (None, "application/json", False, "null"),
        ("plain", "text/plain; charset=utf-8", False, "plain"),
        (b"\x00\xff", "application/octet-stream", True, "AP8="),
    ],
)
def test_response_as_fc_wants_it(
    body: FrozenJson | bytes, content_type: str, text: str, *, encoded: bool
) -> None:
    """A response becomes FC's dict: JSON and text as they are, bytes in base64."""
    assert HttpResponse(200, body).to_fc() == {
        "statusCode": 200,
        "headers": {"Content-Type": content_type},
        "isBase64Encoded": encoded,
        "body": text,
    }


def test_given_content_type_stays() -> None:
    """A content type of any case that is given is not replaced."""
    answer = HttpResponse(200, "<a/>", {"content-type": "text/xml", "X-Mine": "1"}).to_fc()
    assert answer["headers"] == {"content-type": "text/xml", "X-Mine": "1"}


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("X-Fc-Anything", "1", "FC sets the header X-Fc-Anything itself"),
        ("connection", "close", "FC sets"),
        ("Content-Length", "1", "FC sets"),
        ("Date", "x", "FC sets"),
        ("Keep-Alive", "x", "FC sets"),
        ("Server", "x", "FC sets"),
        ("Content-Disposition", " Attachment; filename=x", "Content-Disposition: attachment"),
        ("bad name", "x", "not a header name"),
        ("", "x", "not a header name"),
        ("X-A", "a\r\nX-B: b", "characters that HTTP does not allow"),
        ("X-A", "中", "characters that HTTP does not allow"),
        ("X-A", "x" * HEADER_LIMIT_BYTES, "at most 8192"),
    ],
)
def test_headers_fc_cannot_send_are_refused(name: str, value: str, reason: str) -> None:
    """A header that FC sets itself, that is malformed or too large is refused at once."""
    with pytest.raises(ValueError, match=reason):
        HttpResponse(200, "", {name: value})


@pytest.mark.parametrize("status", [0, 100, 199, 600])
def test_impossible_statuses_are_refused(status: int) -> None:
    """Only final HTTP statuses can be answered."""
    with pytest.raises(ValueError, match="not between 200 and 599"):
        HttpResponse(status)


def test_inline_disposition_is_allowed() -> None:
    """Only `attachment` is reserved."""
    assert HttpResponse(200, "", {"Content-Disposition": "inline"}).to_fc()["statusCode"] == 200


def test_error_becomes_an_answer() -> None:
    """An HttpError's answer has code, message, the field if there is one, and the request id."""
    told = HttpError(400, "Bad", "No.", field="ids").response("r-1").to_fc()
    assert told["statusCode"] == 400
    assert json.loads(str(told["body"])) == {
        "error": {"code": "Bad", "message": "No.", "field": "ids"},
        "requestId": "r-1",
    }
    plain = HttpError(405, "No", "No.", headers={"Allow": "GET"}).response("r-1").to_fc()
    assert json.loads(str(plain["body"]))["error"] == {"code": "No", "message": "No."}
    assert plain["headers"] == {"Allow": "GET", "Content-Type": "application/json"}
