"""Bodies of answers: what is read from JSON, XML, HTML and nothing."""

from __future__ import annotations

import codecs
import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fctoolkit.answers import (
    ErrorBody,
    UnreadableBodyError,
    read_error,
    read_in_band_error,
    read_payload,
    request_id_of,
    retry_after_of,
    shorten,
)

if TYPE_CHECKING:
    from fctoolkit.jsontypes import JsonObject


@pytest.mark.parametrize("body", [b"", b" \r\n"])
def test_an_empty_body_is_an_empty_object(body: bytes) -> None:
    """Some APIs answer 2xx without a body."""
    assert read_payload(body) == {}


def test_a_json_object_is_itself() -> None:
    """The payload is the decoded object, with or without a byte order mark."""
    body = json.dumps({"Result": True, "n": {"list": [1, None, "é"]}}).encode()

    assert read_payload(body) == {"Result": True, "n": {"list": [1, None, "é"]}}
    assert read_payload(codecs.BOM_UTF8 + body) == {"Result": True, "n": {"list": [1, None, "é"]}}


@pytest.mark.parametrize(
    "body",
    [
        "<RequestId>R-1</RequestId>\n<Result>true</Result>",
        "<AnyResponse><RequestId>R-1</RequestId><Result>true</Result></AnyResponse>",
        '<?xml version="1.0"?>\n<Any xmlns="urn:x"><RequestId>R-1</RequestId><Result> true </Result></Any>',
    ],
)
def test_xml_reads_the_same_with_and_without_a_root(body: str) -> None:
    """Fields without a root element, under one, and in a name space give the same; leaves are texts."""
    assert read_payload(body.encode()) == {"RequestId": "R-1", "Result": "true"}
    assert read_payload(codecs.BOM_UTF8 + body.encode()) == {"RequestId": "R-1", "Result": "true"}


def test_a_single_leaf_of_xml_is_a_field() -> None:
    """One element without children is a field, not a root."""
    assert read_payload(b"<Result>false</Result>") == {"Result": "false"}


def test_repeated_xml_elements_become_a_list() -> None:
    """Lists have no other form in XML; predefined entities and CDATA are text."""
    body = b"<R><Result><id>a&amp;b</id></Result><Result><id><![CDATA[<c>]]></id></Result><Result/></R>"

    assert read_payload(body) == {"Result": [{"id": "a&b"}, {"id": "<c>"}, ""]}


@pytest.mark.parametrize(
    "body",
    [
        b'<!DOCTYPE a [<!ENTITY e "boom">]><a><b>&e;</b></a>',
        b'<?xml version="1.0"?><!DOCTYPE a SYSTEM "file:///etc/passwd"><a><b>1</b></a>',
        b"<a><b>&undefined;</b></a>",
        b"<!DOCTYPE html><html><body>sign in</body></html>",
        b"<html><body>sign in</body></html>",
        b"<a><b>cut",
        b"<!-- nothing but a comment -->",
        b"[1, 2]",
        b'"text"',
        b"null",
        b'{"cut": ',
        b"bad gateway",
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b"<a>" * 100_000,
        b"<a>" * 5_000 + b"</a>" * 5_000,
    ],
    ids=lambda body: repr(body[:24]),
)
def test_anything_else_is_unreadable(body: bytes) -> None:
    """HTML, a DOCTYPE with its entities, other kinds of JSON, cut and bottomless bodies are refused."""
    with pytest.raises(UnreadableBodyError):
        read_payload(body)


@settings(max_examples=200)
@given(
    st.binary(max_size=60)
    | st.text(max_size=60).map(str.encode)
    | st.from_regex(rb"<[a-c/!?&;>< ]*", fullmatch=True)
)
def test_no_error_body_breaks_the_reader(body: bytes) -> None:
    """Whatever bytes an error answer has, the request id of its header survives."""
    said = read_error({"x-acs-request-id": "R-9"}, body)

    assert said.request_id == "R-9" or said.request_id in body.decode("utf-8", "replace")


@pytest.mark.parametrize("code", ["code", "Code", "errorCode", "ErrorCode"])
@pytest.mark.parametrize("message", ["message", "Message", "errorMessage", "ErrorMessage"])
@pytest.mark.parametrize("request_id", ["requestId", "RequestId", "requestid", "request_id"])
@pytest.mark.parametrize("denied", ["accessDeniedDetail", "AccessDeniedDetail"])
def test_every_spelling_of_an_error_is_read(code: str, message: str, request_id: str, denied: str) -> None:
    """Services spell the keys of an error in several ways; all are understood."""
    body = {
        code: "NoPermission",
        message: "no",
        request_id: "R-1",
        denied: {"AuthAction": "cs:Attach"},
        "HostId": "h",
    }

    said = read_error({}, json.dumps(body).encode())

    assert ErrorBody("NoPermission", "no", "R-1", {"AuthAction": "cs:Attach"}) == said


def test_an_xml_error_is_read() -> None:
    """The gateway's XML error gives its code, whatever its content type."""
    body = b"<Error><RequestId>R-1</RequestId><Code>Throttling</Code><Message>m</Message></Error>"

    assert ErrorBody("Throttling", "m", "R-1") == read_error({}, body)


@pytest.mark.parametrize(
    ("body", "message"),
    [(b"<html>bad gateway</html>", "<html>bad gateway</html>"), (b"", ""), (b'[{"a":1}]', '[{"a":1}]')],
)
def test_a_body_without_fields_keeps_the_request_id(body: bytes, message: str) -> None:
    """HTML, nothing and a JSON array: the header's request id and the text are what is left."""
    assert ErrorBody("", message, "R-1") == read_error({"x-acs-request-id": "R-1"}, body)


def test_a_numeric_code_is_a_text() -> None:
    """CS may answer the bare number 400 as a code."""
    assert read_error({}, b'{"code": 400}').code == "400"


def test_the_body_says_the_request_id_before_the_header() -> None:
    """The body's id is the one the vendor's pages speak of; the header stands in for it."""
    assert request_id_of({"x-acs-request-id": "header"}, {"RequestId": "body"}) == "body"
    assert request_id_of({"x-acs-request-id": "header"}, {"RequestId": ""}) == "header"
    assert request_id_of({}, {}) == ""


@pytest.mark.parametrize(
    "payload", [{}, {"Code": 0}, {"Code": "0"}, {"code": "200"}, {"Code": 200}, {"Code": True}]
)
def test_a_good_answer_has_no_error_inside(payload: JsonObject) -> None:
    """ENS answers `Code: 0`, others 200 or nothing, when all went well."""
    assert read_in_band_error(payload) is None


def test_an_error_inside_a_good_answer_is_found() -> None:
    """HTTP 200 with another code is a failure, told in the same terms as any other."""
    payload: JsonObject = {"Code": "ens.interface.error", "Message": "m", "RequestId": "R-1"}

    assert ErrorBody("ens.interface.error", "m", "R-1") == read_in_band_error(payload)


def test_long_texts_are_shortened_to_one_line() -> None:
    """Messages stay readable in a log line."""
    assert shorten(" a\n b\tc ") == "a b c"
    assert shorten("a" * 9, 5) == "aaaa…"
    assert shorten("a" * 5, 5) == "aaaaa"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1500", 1.5), (" 20 ", 0.02), ("", 0.0), ("soon", 0.0), ("-5", 0.0), ("9" * 5000, 0.0)],
)
def test_retry_after_is_in_milliseconds(text: str, seconds: float) -> None:
    """What is not a sensible number asks for no wait."""
    assert seconds == retry_after_of({"x-acs-retry-after": text})
    assert retry_after_of({}) == 0.0
