"""The client: what goes out, what comes back, and what becomes of failures."""

from __future__ import annotations

import logging
import threading
import traceback
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fctoolkit.client import ApiAnswer, ApiRequest, AttemptReport, error_inside, path_of
from fctoolkit.clock import Deadline
from fctoolkit.credentials import Credentials
from fctoolkit.errors import (
    AccessDeniedError,
    AnswerError,
    ApiError,
    ConfigurationError,
    PermanentError,
    SignatureError,
    ThrottledError,
    TransientError,
)
from tests.support.api_calls import GOOD, KEY, FakeTime, Service, answer, failing, read, refusal, write

if TYPE_CHECKING:
    from fctoolkit.jsontypes import FrozenJson


def test_a_call_goes_out_as_the_reference_describes_it() -> None:
    """Method, path, headers and compact JSON in the given key order are what the vendor's client sends."""
    service = Service([GOOD])
    service.session().send(write())
    sent = service.requests[0]

    assert sent.method == "POST"
    assert str(sent.url) == "https://cs.cn-hangzhou.aliyuncs.com/clusters/c1/attach"
    assert sent.content == b'{"instances":["i-1"],"is_edge_worker":true}'
    assert sent.headers["content-type"] == "application/json; charset=utf-8"
    assert sent.headers["accept"] == "application/json"
    assert sent.headers["x-acs-action"] == "AttachInstances"
    assert sent.headers["x-acs-version"] == "2015-12-15"
    assert sent.headers["user-agent"] == "fctoolkit"
    assert sent.headers["authorization"].startswith("ACS3-HMAC-SHA256 Credential=LTAItestAccessKeyId,")


def test_a_call_without_a_body_has_no_content_type() -> None:
    """RPC-style calls are a POST with everything in the query and an empty body."""
    service = Service([GOOD])
    request = ApiRequest(
        action="DescribeInstances",
        version="2017-11-10",
        method="POST",
        endpoint="https://ens.aliyuncs.com",
        path="/",
        query={"InstanceIds": '["i-1","i 2"]', "Empty": ""},
        repeatable=True,
    )
    service.session().send(request)
    sent = service.requests[0]

    assert sent.url.query == b"Empty=&InstanceIds=%5B%22i-1%22%2C%22i%202%22%5D"
    assert "content-type" not in sent.headers
    assert sent.content == b""


def test_text_of_any_language_goes_as_utf8() -> None:
    """Bodies are not escaped to ASCII: what is hashed is what the vendor's client would send."""
    service = Service([GOOD])
    request = ApiRequest(
        action="A",
        version="1",
        method="POST",
        endpoint="https://h",
        path="/",
        body={"b": "é", "a": 1},
        repeatable=False,
    )
    service.session().send(request)

    assert '{"b":"é","a":1}'.encode() == service.requests[0].content


def test_an_answer_tells_all_that_came() -> None:
    """Status, request id, payload, lower-cased headers, host and attempts."""
    result = Service([GOOD]).session().send(write())

    assert isinstance(result, ApiAnswer)
    assert (
        result.action,
        result.host,
        result.status,
    ) == ("AttachInstances", "cs.cn-hangzhou.aliyuncs.com", 200)
    assert (result.request_id, result.payload, result.attempts) == ("R-0", {"task_id": "T-1"}, 1)
    assert result.headers["x-total-count"] == "7"


def test_an_xml_answer_is_an_answer() -> None:
    """A good answer in XML, with any content type, is read and not an exception."""
    service = Service(
        [answer(200, b"<RequestId>R-5</RequestId><Result>true</Result>", content_type="text/plain")]
    )
    result = service.session().send(write())

    assert (result.request_id, result.payload["Result"]) == ("R-5", "true")


@pytest.mark.parametrize("body", [b"<html>sign in</html>", b"[]", b"ok", b'{"cut":'])
def test_a_good_status_with_an_unreadable_body_is_an_error_that_may_have_been_done(body: bytes) -> None:
    """It is not repeated: the service said that it went well."""
    service = Service([answer(200, body, x_acs_request_id="R-6")])
    error = failing(service, read())

    assert isinstance(error, AnswerError)
    assert (
        error.failure.status,
        error.failure.code,
        error.failure.request_id,
        error.failure.maybe_done,
    ) == (200, "unreadable", "R-6", True)
    assert len(service.requests) == 1


@settings(max_examples=100)
@given(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20).filter(
        lambda text: text not in {".", ".."}
    )
)
def test_an_id_is_one_segment_whatever_it_holds(text: str) -> None:
    """No id can leave its place in the path; what arrives decodes to the id."""
    service = Service([GOOD])
    request = ApiRequest(
        action="A",
        version="1",
        method="GET",
        endpoint="https://h",
        path=path_of("/clusters/{cluster}/nodes", cluster=text),
        repeatable=True,
    )
    service.session().send(request)
    sent = service.requests[0].url

    assert f"/clusters/{text}/nodes" == sent.path
    assert sent.raw_path.count(b"/") == 3
    assert b"?" not in sent.raw_path


@pytest.mark.parametrize("text", ["", ".", ".."])
def test_an_id_that_would_change_the_path_is_refused(text: str) -> None:
    """An empty or dotted segment would name another resource."""
    with pytest.raises(ValueError, match="cluster"):
        path_of("/clusters/{cluster}", cluster=text)


@pytest.mark.parametrize(
    "endpoint",
    ["cs.aliyuncs.com", "ftp://h", "https://h/", "https://h/p", "https://u:p@h", "https://h?q", ""],
)
def test_an_endpoint_of_another_form_is_a_configuration_error(endpoint: str) -> None:
    """The message says what an endpoint looks like."""
    with pytest.raises(ConfigurationError, match="https://host"):
        ApiRequest(action="A", version="1", method="GET", endpoint=endpoint, path="/", repeatable=True)


@pytest.mark.parametrize("path", ["", "clusters", "/a?b", "/a#b", "/a b"])
def test_a_path_of_another_form_is_refused(path: str) -> None:
    """A path that does not begin with a slash would become part of the host."""
    with pytest.raises(ValueError, match="path of A"):
        ApiRequest(action="A", version="1", method="GET", endpoint="https://h", path=path, repeatable=True)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("Throttling.User", ThrottledError),
        ("ServiceUnavailable", TransientError),
        ("InstanceActivating", TransientError),
        ("SignatureNonceUsed", TransientError),
        ("InvalidTimeStamp.Expired", SignatureError),
        ("InvalidSecurityToken.Expired", SignatureError),
        ("NoPermission", AccessDeniedError),
        ("ErrorClusterNotFound", PermanentError),
        ("NobodyListedThis", PermanentError),
    ],
)
def test_each_kind_of_code_has_its_error(code: str, error: type[ApiError]) -> None:
    """The class says what to do, the failure says all that is known."""
    raised = failing(Service([refusal(code)]), write())

    assert error is type(raised)
    assert (code, 400, "R-1") == (raised.failure.code, raised.failure.status, raised.failure.request_id)
    assert "AttachInstances" in str(raised)
    assert "cs.cn-hangzhou.aliyuncs.com" in str(raised)


def test_the_access_denied_detail_is_kept() -> None:
    """It names the missing permission."""
    detail = {"AuthAction": "cs:AttachInstances", "NoPermissionType": "ImplicitDeny"}
    body: FrozenJson = {
        "code": "StatusForbidden",
        "message": "m",
        "requestId": "R-1",
        "status": 403,
        "accessDeniedDetail": detail,
    }
    error = failing(Service([answer(403, body)]), write())

    assert isinstance(error, AccessDeniedError)
    assert detail == error.failure.access_denied


@pytest.mark.parametrize("body", [b"<html>bad gateway</html>", b"<Error><x/>", b"", b"[1]"])
def test_a_body_that_says_nothing_leaves_status_and_request_id(body: bytes) -> None:
    """A proxy's page still ends in the right class, with what support asks for."""
    error = failing(Service([answer(502, body, x_acs_request_id="R-7")]), write())

    assert isinstance(error, TransientError)
    assert (
        error.failure.status,
        error.failure.code,
        error.failure.request_id,
        error.failure.maybe_done,
    ) == (502, "", "R-7", True)


def test_a_long_message_is_shortened() -> None:
    """A page of HTML does not fill the log."""
    error = failing(Service([answer(404, b"<p>" + b"x" * 10_000)]), read())

    assert len(error.failure.message) == 300


@pytest.mark.parametrize(
    ("code", "error", "maybe_done"),
    [
        ("ens.interface.error", TransientError, True),
        ("InternalError", TransientError, True),
        (500, TransientError, True),
        ("403", AccessDeniedError, False),
        (7, PermanentError, False),
    ],
)
def test_a_failure_inside_a_good_answer_becomes_the_same_error(
    *, code: str | int, error: type[ApiError], maybe_done: bool
) -> None:
    """A typed client whose API reports failures in the body raises what the code means."""
    service = Service([answer(200, {"Code": code, "Message": "m", "RequestId": "R-8"})])
    inside = error_inside(service.session().send(read()))

    assert error is type(inside)
    assert inside is not None
    assert (str(code), "m", "R-8", 200, maybe_done) == (
        inside.failure.code,
        inside.failure.message,
        inside.failure.request_id,
        inside.failure.status,
        inside.failure.maybe_done,
    )


def test_a_good_answer_holds_no_error() -> None:
    """Code 0, as ENS answers when all went well."""
    assert error_inside(Service([answer(200, {"Code": 0})]).session().send(read())) is None


def test_a_listener_hears_of_each_attempt() -> None:
    """Action, method, host, status, code, request id, number and seconds, one report an attempt."""
    heard: list[AttemptReport] = []
    service = Service(
        [refusal("Throttling.User"), answer(502, b"", x_acs_request_id="R-2"), httpx2.ReadTimeout, GOOD]
    )
    service.session(listener=heard.append).send(read())

    host = "cs.cn-hangzhou.aliyuncs.com"
    assert [
        AttemptReport("DescribeClusterNodes", "GET", host, 1, 400, "Throttling.User", "R-1", 0.0),
        AttemptReport("DescribeClusterNodes", "GET", host, 2, 502, "http_502", "R-2", 0.0),
        AttemptReport("DescribeClusterNodes", "GET", host, 3, 0, "read_timeout", "", 0.0),
        AttemptReport("DescribeClusterNodes", "GET", host, 4, 200, "", "R-0", 0.0),
    ] == heard


def test_a_listener_that_fails_does_not_lose_the_answer(caplog: pytest.LogCaptureFixture) -> None:
    """What a write did is known even when a metric is broken."""

    def broken(report: AttemptReport) -> None:
        raise KeyError(report.action)

    assert Service([GOOD]).session(listener=broken).send(write()).payload == {"task_id": "T-1"}
    assert "listener" in caplog.text


def test_attempts_are_logged_by_default(caplog: pytest.LogCaptureFixture) -> None:
    """A failed attempt at INFO, a good one at DEBUG."""
    caplog.set_level(logging.DEBUG)
    Service([refusal("Throttling.User"), GOOD]).session().send(read())
    levels = [
        (record.levelname, record.getMessage())
        for record in caplog.records
        if record.name == "fctoolkit.client"
    ]

    assert [level for level, _ in levels] == ["INFO", "DEBUG"]
    assert "Throttling.User" in levels[0][1]


def echo(request: httpx2.Request) -> httpx2.Response:
    """Refuses a signature the way a gateway does: by showing all that it received, and more."""
    received = "\n".join(f"{name}:{value}" for name, value in request.headers.items())
    text = f"server string to sign is:{received} {KEY.access_key_secret}"
    detail: Any = {"received": [text]}
    return answer(
        400,
        {"Code": f"SignatureDoesNotMatch{KEY.security_token}", "Message": text, "AccessDeniedDetail": detail},
    )


def echo_page(request: httpx2.Request) -> httpx2.Response:
    """A proxy's page that shows the request."""
    return answer(
        502, repr(request.headers.raw).encode(), x_acs_request_id=request.headers["x-acs-security-token"]
    )


def padded_echo(request: httpx2.Request) -> httpx2.Response:
    """A message in which shortening would cut off the last characters of the token."""
    padding = "x" * (300 - len(request.headers["x-acs-security-token"]))
    return answer(400, {"Code": "Any", "Message": padding + request.headers["x-acs-security-token"] + "y"})


def test_no_secret_is_ever_shown(caplog: pytest.LogCaptureFixture) -> None:
    """Over many failing calls, no log, error, cause or repr holds a secret, a token or a signature."""
    for logger in ("", "httpx2"):
        caplog.set_level(logging.DEBUG, logger)
    steps: list[Any] = [
        echo,
        echo_page,
        padded_echo,
        refusal("NoPermission", 403),
        answer(200, b"<html>"),
        answer(500, b"x" * 1000),
        httpx2.ConnectError,
        httpx2.ReadTimeout,
        httpx2.LocalProtocolError,
        GOOD,
    ]
    shown: list[str] = []
    signatures: list[str] = []
    chained: list[BaseException | None] = []
    for step in steps:
        for request in (read({"clientToken": "t"}), write()):
            service = Service([step])
            session = service.session()
            try:
                shown.append(repr(session.send(request)))
            except ApiError as error:
                shown += [
                    *traceback.format_exception(error),
                    repr(error),
                    repr(error.failure),
                    repr(error.args),
                ]
                chained += [error.__cause__, error.__context__]
            shown += [repr(session), repr(request), str(vars(session))]
            signatures += [sent.headers["authorization"] for sent in service.requests]

    everything = caplog.text + "".join(shown)
    assert "DescribeClusterNodes" in caplog.text
    assert KEY.access_key_secret not in everything
    assert str(KEY.security_token) not in everything
    assert str(KEY.security_token)[:12] not in everything
    assert "HTTP Request: GET https://cs" in caplog.text
    assert set(chained) == {None}
    assert signatures
    for signature in signatures:
        assert signature not in everything
        assert signature.rpartition("=")[2] not in everything


def test_one_client_serves_many_threads() -> None:
    """Sessions of different invocations at once keep their credentials apart."""
    service = Service([GOOD])
    client = service.client(FakeTime())

    def call(number: int) -> None:
        session = client.session(Credentials(f"LTAIkey{number}", "some-secret"), Deadline.after(60.0))
        for _ in range(10):
            session.send(read({"key": str(number)}))

    threads = [threading.Thread(target=call, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(service.requests) == 80
    for sent in service.requests:
        assert f"Credential=LTAIkey{sent.url.params['key']}," in sent.headers["authorization"]
