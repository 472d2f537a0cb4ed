"""The transport: signing on the way out, timeouts, and what a lost connection means."""

from __future__ import annotations

import hashlib
import logging
import time
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fctoolkit.clock import Deadline
from fctoolkit.credentials import Credentials
from fctoolkit.transport import AcsAuth, NoReply, Reply, ServiceTime, exchange, new_nonce, open_http
from tests.support.api_calls import EPOCH, KEY, FakeTime, http_date
from tests.support.api_server import closed_endpoint, read_request, serving
from tests.support.api_vectors import official_authorization

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
SEGMENTS = st.lists(st.from_regex(r"[A-Za-z0-9*~ é%]{1,8}", fullmatch=True), max_size=3)


def auth(credentials: Credentials = KEY, nonce: str = "3156853299f313e23d1673dc12e1703d") -> AcsAuth:
    """A signer at the moment of the vectors."""
    return AcsAuth(credentials, now=lambda: EPOCH, nonce=lambda: nonce)


def signed(request: httpx2.Request, signer: AcsAuth | None = None) -> httpx2.Request:
    """The request as it goes out."""
    return next((signer or auth()).sync_auth_flow(request))


def send(
    step: httpx2.Response | Exception, *, time: FakeTime | None = None, seconds: float = 60.0
) -> tuple[Reply | NoReply, list[httpx2.Request]]:
    """One exchange with a service that does `step`, and the requests it got."""
    seen: list[httpx2.Request] = []

    def handle(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        if isinstance(step, Exception):
            raise step
        return step

    deadline = Deadline.after(seconds, (time or FakeTime()).clock)
    with open_http(transport=httpx2.MockTransport(handle)) as http:
        reply = exchange(
            http, method="POST", url="https://h/p?a=b", headers={}, body=b"x", auth=auth(), deadline=deadline
        )
    return reply, seen


def sent_by_httpx2(
    url: httpx2.URL, headers: dict[str, str], body: bytes | None, signer: AcsAuth
) -> httpx2.Request:
    """The request that the HTTP library itself has signed."""
    return signed(httpx2.Request("POST", url, headers=headers, content=body), signer)


def sent_by_exchange(
    url: httpx2.URL | str, headers: dict[str, str], body: bytes | None, signer: AcsAuth
) -> httpx2.Request:
    """The request that an exchange hands to what carries it."""
    seen: list[httpx2.Request] = []

    def handle(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(200)

    with open_http(transport=httpx2.MockTransport(handle)) as http:
        exchange(
            http,
            method="POST",
            url=str(url),
            headers=headers,
            body=body,
            auth=signer,
            deadline=Deadline.after(60.0),
        )
    return seen[0]


@pytest.mark.parametrize("sent_by", [sent_by_httpx2, sent_by_exchange])
@settings(max_examples=150)
@given(
    segments=SEGMENTS,
    query=st.dictionaries(st.from_regex(r"[A-Za-z][A-Za-z0-9._-]{0,8}", fullmatch=True), TEXT, max_size=4),
    body=st.none() | st.binary(max_size=50),
    json=st.booleans(),
    token=st.none() | st.from_regex(r"[!-~]{1,20}", fullmatch=True),
)
def test_what_is_on_the_wire_carries_the_vendors_signature(
    *,
    sent_by: Callable[..., httpx2.Request],
    segments: list[str],
    query: dict[str, str],
    body: bytes | None,
    json: bool,
    token: str | None,
) -> None:
    """The official code, given only what a server sees, computes the same Authorization."""
    headers = {"x-acs-action": "Any", "x-acs-version": "2015-12-15"}
    if json:
        headers["content-type"] = "application/json; charset=utf-8"
    url = httpx2.URL("https://cs.cn-hangzhou.aliyuncs.com:8443/" + "/".join(segments), params=query)

    request = sent_by(url, headers, body, auth(Credentials("LTAIkey", "some-secret", token)))

    sent = request.headers
    names = sent["authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")
    parts = urlsplit(str(request.url))
    expected = official_authorization(
        method="POST",
        path=parts.path,
        query=dict(parse_qsl(parts.query, keep_blank_values=True)),
        headers={name: sent[name] for name in names},
        body_sha256=hashlib.sha256(request.content).hexdigest(),
        key=("LTAIkey", "some-secret"),
    )
    assert expected == sent["authorization"]
    must_be_signed = {"host"} | {name for name in sent if name.startswith("x-acs-") or name == "content-type"}
    assert must_be_signed == set(names)
    assert sent["host"] == "cs.cn-hangzhou.aliyuncs.com:8443"
    assert token == sent.get("x-acs-security-token")
    assert len(sent.multi_items()) == len(set(sent))


def test_an_exchange_signs_what_goes_out_and_not_what_it_was_given() -> None:
    """Path, query and host are signed as the HTTP library writes them, the second time, too."""
    rough = 'https://CS.example:443/a b/é"?x=ü 1&y=%2f'
    for _ in range(2):
        request = sent_by_exchange(rough, {}, None, auth())
        again = sent_by_httpx2(request.url, {"host": "cs.example"}, None, auth())
        assert request.url.raw_path == b"/a%20b/%C3%A9%22?x=%C3%BC%201&y=%2f"
        assert request.headers["authorization"] == again.headers["authorization"]


def test_nothing_of_an_answer_goes_into_the_next_request() -> None:
    """A cookie that a gateway sets is not sent: what is sent is what was asked for and signed."""
    seen: list[httpx2.Request] = []

    def handle(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(200, headers={"set-cookie": "acw_tc=1"})

    deadline = Deadline.after(60.0)
    with open_http(transport=httpx2.MockTransport(handle)) as http:
        for _ in range(2):
            exchange(
                http, method="GET", url="https://h/p", headers={}, body=None, auth=auth(), deadline=deadline
            )
    assert [request.headers.get("cookie") for request in seen] == [None, None]


def test_date_and_nonce_are_set_from_their_sources() -> None:
    """The date is UTC in whole seconds, the nonce is what the source gives."""
    headers = signed(httpx2.Request("GET", "https://h/")).headers

    assert headers["x-acs-date"] == "2023-10-26T10:22:32Z"
    assert headers["x-acs-signature-nonce"] == "3156853299f313e23d1673dc12e1703d"


def test_signing_again_replaces_date_nonce_and_signature() -> None:
    """Each attempt has its own nonce, and nothing of the one before is left."""
    nonces = iter(["n-1", "n-2"])
    signer = AcsAuth(KEY, now=lambda: EPOCH, nonce=lambda: next(nonces))
    request = httpx2.Request("GET", "https://h/")
    first = signed(request, signer).headers["authorization"]
    again = signed(request, signer).headers

    assert again.get_list("x-acs-signature-nonce") == ["n-2"]
    assert [first] != again.get_list("authorization")


def test_nonces_do_not_repeat() -> None:
    """A nonce is 32 hex digits and drawn anew each time."""
    nonces = {new_nonce() for _ in range(100)}

    assert len(nonces) == 100
    assert {32} == {len(nonce) for nonce in nonces}


def test_a_repeated_query_name_is_refused() -> None:
    """The signature has no form for it, so it must not go out with a wrong one."""
    with pytest.raises(ValueError, match="twice"):
        signed(httpx2.Request("GET", "https://h/?a=1&a=2"))


def test_an_answer_of_any_status_is_a_reply() -> None:
    """Statuses are not judged here; header names come in lower case."""
    reply, _ = send(httpx2.Response(503, headers={"X-Acs-Request-Id": "R-1"}, content=b"busy"))

    assert isinstance(reply, Reply)
    assert (reply.status, reply.body, reply.headers["x-acs-request-id"]) == (503, b"busy", "R-1")


def test_a_redirect_is_not_followed() -> None:
    """A signed request is good for one URL."""
    reply, seen = send(httpx2.Response(302, headers={"location": "https://elsewhere/"}))

    assert isinstance(reply, Reply)
    assert reply.status == 302
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("error", "code", "never_sent"),
    [
        (httpx2.ConnectError("refused"), "connect", True),
        (httpx2.ConnectTimeout("x"), "connect_timeout", True),
        (httpx2.PoolTimeout("x"), "pool_timeout", True),
        (httpx2.ProxyError("x"), "connect", True),
        (httpx2.ReadTimeout("x"), "read_timeout", False),
        (httpx2.WriteTimeout("x"), "write_timeout", False),
        (httpx2.WriteError("x"), "connection_lost", False),
        (httpx2.ReadError("x"), "connection_lost", False),
        (httpx2.RemoteProtocolError("x"), "connection_lost", False),
        (httpx2.LocalProtocolError("x"), "connection_lost", False),
        (httpx2.DecodingError("x"), "connection_lost", False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_each_failure_says_whether_the_service_may_have_acted(
    *,
    error: httpx2.RequestError,
    code: str,
    never_sent: bool,
) -> None:
    """Only failures before the request left are free of doubt."""
    reply, _ = send(error)

    assert isinstance(reply, NoReply)
    assert (code, never_sent) == (reply.code, reply.never_sent)


def test_a_message_of_the_http_library_does_not_get_out() -> None:
    """An illegal header is quoted by the library's message: a token must not travel that way."""
    reply, _ = send(httpx2.LocalProtocolError("Illegal header value b'CAIStoken'"))

    assert "CAIStoken" not in repr(reply)


def test_a_failed_connection_is_explained() -> None:
    """The operating system's words say what is wrong with an endpoint."""
    reply, _ = send(httpx2.ConnectError("[Errno -2] Name or service not known"))

    assert isinstance(reply, NoReply)
    assert "Name or service not known" in reply.message


@pytest.mark.parametrize("seconds", [0.6, 4.0, 30.0, 1000.0])
def test_all_timeouts_together_fit_in_the_time_left(seconds: float) -> None:
    """Even if each phase takes all it may, the attempt ends before the deadline; TLS is opened after TCP."""
    _, seen = send(httpx2.Response(200), seconds=seconds)
    timeout = seen[0].extensions["timeout"]

    assert timeout["pool"] + 2 * timeout["connect"] + timeout["write"] + timeout["read"] <= seconds
    assert timeout["read"] == min(10.0, seconds / 2)
    assert timeout["connect"] == min(3.0, seconds / 8)


class Trickle(httpx2.SyncByteStream):
    """A body that comes in parts, a second apart."""

    def __init__(self, time: FakeTime, parts: int) -> None:
        self.time = time
        self.parts = parts

    def __iter__(self) -> Iterator[bytes]:
        for _ in range(self.parts):
            self.time.passed += 1.0
            yield b"x"


def test_an_answer_that_trickles_is_given_up_at_the_deadline() -> None:
    """A server that never finishes cannot hold a function until FC kills it."""
    time = FakeTime()
    reply, _ = send(httpx2.Response(200, stream=Trickle(time, 1000)), time=time, seconds=5.0)

    assert isinstance(reply, NoReply)
    assert (reply.code, reply.never_sent) == ("deadline", False)
    assert time.passed <= 6.0


def test_an_answer_that_is_complete_at_the_deadline_counts() -> None:
    """What has arrived is not thrown away because it was the last moment."""
    time = FakeTime()
    reply, _ = send(httpx2.Response(200, stream=Trickle(time, 5)), time=time, seconds=5.0)

    assert isinstance(reply, Reply)
    assert reply.body == b"xxxxx"


def test_a_connection_cut_in_the_middle_of_an_answer_is_lost_not_read() -> None:
    """Half an answer over a real socket is no answer, and the service may have acted."""

    def cut(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"task_id":')

    with serving(cut) as endpoint, open_http() as http:
        reply = exchange(
            http,
            method="POST",
            url=f"{endpoint}/p",
            headers={},
            body=b"x",
            auth=auth(),
            deadline=Deadline.after(10.0),
        )

    assert isinstance(reply, NoReply)
    assert (reply.code, reply.never_sent) == ("connection_lost", False)


def test_a_refused_connection_was_never_sent() -> None:
    """Where nobody listens, nothing can have happened."""
    with closed_endpoint() as endpoint, open_http() as http:
        reply = exchange(
            http,
            method="POST",
            url=f"{endpoint}/p",
            headers={},
            body=b"x",
            auth=auth(),
            deadline=Deadline.after(10.0),
        )

    assert isinstance(reply, NoReply)
    assert (reply.code, reply.never_sent) == ("connect", True)


def test_the_environments_proxies_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Signed calls go to their endpoint, whatever other tools need."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")

    def answer(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")

    with serving(answer) as endpoint, open_http() as http:
        reply = exchange(
            http,
            method="GET",
            url=f"{endpoint}/p",
            headers={},
            body=None,
            auth=auth(),
            deadline=Deadline.after(10.0),
        )

    assert isinstance(reply, Reply)
    assert reply.body == b"{}"


def test_the_http_library_does_not_log_addresses(caplog: pytest.LogCaptureFixture) -> None:
    """Queries carry instance ids and client tokens: they are not for every log at INFO."""
    caplog.set_level(logging.INFO)
    send(httpx2.Response(200))

    assert "https://h/p" not in caplog.text


def test_a_chosen_level_of_the_http_librarys_logger_is_kept() -> None:
    """Who debugs the transport sets the level and it stays."""
    logger = logging.getLogger("httpx2")
    before = logger.level
    logger.setLevel(logging.DEBUG)
    try:
        open_http(transport=httpx2.MockTransport(lambda _: httpx2.Response(200))).close()
        assert logger.level == logging.DEBUG
    finally:
        logger.setLevel(before)


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine whose local time is not UTC."""
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "EST+5")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize(
    ("date", "offset"),
    [
        (http_date(EPOCH + 3600), 3600.0),
        (http_date(EPOCH - 60), -60.0),
        ("Thu, 26 Oct 2023 10:23:32 -0000", 60.0),
        ("", 0.0),
        ("yesterday", 0.0),
    ],
)
def test_the_services_time_is_learned_from_a_date(date: str, offset: float) -> None:
    """Afterwards the services' time is as far from ours as the answer's date was; no date changes nothing."""
    clock = FakeTime()
    service_time = ServiceTime(clock.clock)
    service_time.learn(date)
    clock.passed = 100.0

    assert service_time.now() == EPOCH + 100.0 + offset
