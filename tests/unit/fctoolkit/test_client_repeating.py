"""The client: when a call is sent again, and when it must not be."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from fctoolkit.client import ApiClient, ApiRequest
from fctoolkit.clock import Deadline
from fctoolkit.errors import SignatureError, ThrottledError, TransientError
from fctoolkit.retry import RetryPolicy
from fctoolkit.transport import open_http
from tests.support.api_calls import (
    EPOCH,
    GOOD,
    KEY,
    FakeTime,
    Service,
    answer,
    failing,
    http_date,
    read,
    refusal,
    write,
)
from tests.support.api_server import read_request, serving

if TYPE_CHECKING:
    import socket


@pytest.mark.parametrize("repeatable", [True, False])
def test_throttling_repeats_any_call(*, repeatable: bool) -> None:
    """It had no effect, so even a write without a token goes again; the result counts its attempts."""
    service, time = Service([refusal("Throttling.User"), refusal("Throttling", 503), GOOD]), FakeTime()
    result = service.session(time).send(write(repeatable=repeatable))

    assert result.attempts == 3
    assert time.slept == [0.125, 0.25]


def test_a_5xx_repeats_a_read() -> None:
    """A read may be done twice."""
    service = Service([refusal("InternalError", 500), answer(502, b"<html>"), GOOD])

    assert service.session().send(read()).attempts == 3


def test_a_5xx_repeats_a_write_that_carries_a_token() -> None:
    """The service tells the copies apart."""
    service = Service([refusal("ServiceUnavailable", 503), GOOD])

    assert service.session().send(write(repeatable=True)).attempts == 2


@pytest.mark.parametrize(
    "step",
    [
        refusal("InternalError", 500),
        answer(502, b""),
        httpx2.ReadTimeout,
        httpx2.ReadError,
        httpx2.RemoteProtocolError,
    ],
)
def test_a_write_without_a_token_is_never_repeated_when_it_may_have_arrived(step: Any) -> None:
    """It is sent once and the error says that it may have been done."""
    service = Service([step, GOOD])
    error = failing(service, write())

    assert isinstance(error, TransientError)
    assert error.failure.maybe_done
    assert len(service.requests) == 1


@pytest.mark.parametrize("step", [httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout])
def test_a_call_that_never_left_is_repeated_whatever_it_is(step: type[httpx2.RequestError]) -> None:
    """No connection, no effect."""
    assert Service([step, GOOD]).session().send(write()).attempts == 2


def test_a_call_that_never_left_was_not_done() -> None:
    """When no attempt arrived the error says so."""
    error = failing(Service([httpx2.ConnectError]), write())

    assert isinstance(error, TransientError)
    assert (
        error.failure.code,
        error.failure.status,
        error.failure.attempts,
        error.failure.maybe_done,
    ) == ("connect", 0, 4, False)


def test_a_doubt_from_an_earlier_attempt_is_not_forgotten() -> None:
    """A time-out followed by throttling may have been done by the first attempt."""
    service = Service([httpx2.ReadTimeout, refusal("Throttling.User")])
    error = failing(service, write(repeatable=True))

    assert isinstance(error, ThrottledError)
    assert error.failure.maybe_done
    assert error.failure.attempts == 4


def test_each_attempt_has_its_own_nonce_and_date() -> None:
    """A repeated signature would be refused."""
    service, time = Service([refusal("Throttling.User"), refusal("Throttling.User"), GOOD]), FakeTime()
    service.session(time, policy=RetryPolicy(base=8.0)).send(read())

    assert len({sent.headers["x-acs-signature-nonce"] for sent in service.requests}) == 3
    assert [sent.headers["x-acs-date"] for sent in service.requests] == [
        "2023-10-26T10:22:32Z",
        "2023-10-26T10:22:36Z",
        "2023-10-26T10:22:40Z",
    ]


def test_the_services_wait_is_honoured() -> None:
    """`x-acs-retry-after` is in milliseconds; the wait is that long at least."""
    service, time = Service([refusal("Throttling.User", x_acs_retry_after="1500"), GOOD]), FakeTime()
    service.session(time, random=lambda: 0.0).send(write())

    assert time.slept == [1.5]


def test_a_wait_that_does_not_fit_the_deadline_is_not_begun() -> None:
    """The error is raised at once and leaves the caller the time that is left."""
    service, time = Service([refusal("Throttling.User", x_acs_retry_after="30000"), GOOD]), FakeTime()
    error = failing(service, write(), time, seconds=20.0)

    assert isinstance(error, ThrottledError)
    assert time.slept == []
    assert len(service.requests) == 1


@pytest.mark.parametrize(
    "code", ["InstanceActivating", "ConcurrencyUpdateInstanceConflict", "ErrorClusterState"]
)
def test_a_busy_resource_is_left_to_the_caller(code: str) -> None:
    """It takes minutes: no attempt is wasted, and nothing was done."""
    service = Service([refusal(code), GOOD])
    error = failing(service, write(repeatable=True))

    assert isinstance(error, TransientError)
    assert not error.failure.maybe_done
    assert len(service.requests) == 1


def test_what_is_under_way_may_be_done() -> None:
    """The service is at an earlier copy of the request: not sent again, and the error says to look."""
    service = Service([refusal("TokenPreviousRequestProcessError"), GOOD])
    error = failing(service, write(repeatable=True))

    assert isinstance(error, TransientError)
    assert error.failure.maybe_done
    assert len(service.requests) == 1


@pytest.mark.parametrize(
    "code", ["InvalidAccessKeyId.NotFound", "InvalidAccessKeyId.Inactive", "InvalidSecurityToken.Expired"]
)
def test_expired_credentials_are_not_tried_again(code: str) -> None:
    """Fresh ones come with the next invocation."""
    service = Service([refusal(code, 404), GOOD])

    assert isinstance(failing(service, read()), SignatureError)
    assert len(service.requests) == 1


def test_a_used_nonce_repeats_a_repeatable_call_with_a_new_one() -> None:
    """A new nonce makes it a new request."""
    service = Service([refusal("SignatureNonceUsed"), GOOD])
    service.session().send(read())

    assert len({sent.headers["x-acs-signature-nonce"] for sent in service.requests}) == 2


def test_a_used_nonce_leaves_a_plain_write_in_doubt() -> None:
    """A first copy may have arrived: the caller must look before it acts."""
    service = Service([refusal("SignatureNonceUsed"), GOOD])
    error = failing(service, write())

    assert isinstance(error, TransientError)
    assert error.failure.maybe_done
    assert len(service.requests) == 1


def test_a_refused_date_is_corrected_by_the_answers_date() -> None:
    """The call is signed again with the service's time, at once, even a plain write."""
    service, time = (
        Service([refusal("InvalidTimeStamp.Expired", date=http_date(EPOCH + 3600)), GOOD]),
        FakeTime(),
    )
    service.session(time).send(write())

    assert [sent.headers["x-acs-date"] for sent in service.requests] == [
        "2023-10-26T10:22:32Z",
        "2023-10-26T11:22:32Z",
    ]
    assert time.slept == [0.0]


def test_a_date_refused_twice_is_an_error() -> None:
    """The second refusal is final."""
    service = Service([refusal("IllegalTimestamp", date=http_date(EPOCH))])
    error = failing(service, read())

    assert isinstance(error, SignatureError)
    assert error.failure.attempts == 2


def test_the_learned_time_stays_with_the_client() -> None:
    """The next invocation's first signature has it already; another client starts anew."""
    service, time = Service([refusal("IllegalTimestamp", date=http_date(EPOCH - 60)), GOOD]), FakeTime()
    client = service.client(time)
    client.session(KEY, Deadline.after(60.0, time.clock)).send(read())
    client.session(KEY, Deadline.after(60.0, time.clock)).send(read())
    service.session(time).send(read())

    assert [sent.headers["x-acs-date"][11:19] for sent in service.requests] == [
        "10:22:32",
        "10:21:32",
        "10:21:32",
        "10:22:32",
    ]


def test_no_attempt_starts_when_too_little_time_is_left() -> None:
    """The call ends with `deadline` and was not sent."""
    service = Service([GOOD])
    error = failing(service, write(), seconds=0.4)

    assert isinstance(error, TransientError)
    assert (error.failure.code, error.failure.attempts, error.failure.maybe_done) == ("deadline", 0, False)
    assert len(service.requests) == 0


def test_a_late_wake_up_starts_no_attempt() -> None:
    """When a sleep took too long the last error is raised."""
    time = FakeTime()
    service = Service([refusal("Throttling.User"), GOOD])
    session = service.session(time, seconds=2.0, policy=RetryPolicy(base=1.0), random=lambda: oversleep(time))

    with pytest.raises(ThrottledError) as caught:
        session.send(read())
    assert 1 == len(service.requests) == caught.value.failure.attempts


def oversleep(time: FakeTime) -> float:
    """Lets time pass after the policy has seen how much is left."""
    time.passed += 1.8
    return 0.0


def test_repeating_ends_with_the_deadline() -> None:
    """However many attempts the policy allows, none begins with too little time left."""
    service, time = Service([refusal("Throttling.User")]), FakeTime()
    failing(service, read(), time, seconds=10.0, policy=RetryPolicy(attempts=1000, base=1.0, cap=1.0))

    assert 9.0 <= time.passed <= 9.5


def test_a_connection_cut_in_the_middle_of_an_answer_leaves_a_write_in_doubt() -> None:
    """Over a real socket: a plain write is sent once, a read is repeated until it has a whole answer."""
    served: list[str] = []
    body = json.dumps({"nodes": []}).encode()

    def cut_at_first(connection: socket.socket) -> None:
        served.append(read_request(connection).split(b" ")[0].decode())
        head = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(body)
        connection.sendall(head + (body if served.count("GET") == 2 else body[:5]))

    with serving(cut_at_first) as endpoint, open_http() as http:
        session = ApiClient(http, policy=RetryPolicy(base=0.01)).session(KEY, Deadline.after(20.0))
        plain_write = ApiRequest(
            action="A",
            version="1",
            method="POST",
            endpoint=endpoint,
            path="/",
            body={"a": 1},
            repeatable=False,
        )
        plain_read = ApiRequest(
            action="A", version="1", method="GET", endpoint=endpoint, path="/", repeatable=True
        )
        with pytest.raises(TransientError) as caught:
            session.send(plain_write)
        result = session.send(plain_read)

    assert (caught.value.failure.code, caught.value.failure.maybe_done) == ("connection_lost", True)
    assert (result.payload, result.attempts) == ({"nodes": []}, 2)
    assert served == ["POST", "GET", "GET"]
