"""The client of queues, against the local cloud's own reading of MNS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from fctoolkit.clock import Clock
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
from fctoolkit.mns.client import Queue, QueueAttributes
from fctoolkit.mns.signing import authorization, string_to_sign
from fctoolkit.transport import open_http
from localcloud import Fault
from tests.support.queues import QUEUE, queued, seed_queue

if TYPE_CHECKING:
    from localcloud import LocalCloud

ENDPOINT = "https://1234567890123456.mns.cn-hangzhou.aliyuncs.com"
BODY = '  {"a": "<&é]]>"}\n'


def queue_of(cloud: LocalCloud, name: str = QUEUE, key: Credentials | None = None) -> Queue:
    """A queue of the cloud; waiting lets time pass there."""

    def sleep(seconds: float) -> None:
        cloud.advance(seconds)

    clock = Clock(sleep=sleep)
    credentials = key or Credentials("test", "test")
    return Queue(open_http(transport=cloud.transport), credentials, ENDPOINT, name, clock=clock)


def actions(cloud: LocalCloud) -> list[Any]:
    """The actions that were called."""
    return [call["action"] for call in cloud.calls]


def test_the_text_that_is_signed() -> None:
    """The vendor's page shows a request and the text that its signature covers."""
    headers = {"Date": "Thu, 09 Jul 2015 03:01:34 GMT", "x-mns-version": "2015-06-06", "Host": "any"}
    assert string_to_sign("GET", "/MyQueue", headers) == (
        "GET\n\n\nThu, 09 Jul 2015 03:01:34 GMT\nx-mns-version:2015-06-06\n/MyQueue"
    )
    signed = authorization(
        method="GET",
        resource="/MyQueue",
        headers=headers,
        access_key_id="TestAccessID",
        access_key_secret="TestAccessSecret",
    )
    assert signed.startswith("MNS TestAccessID:uwx3yeWoILzgmvesW0BQSgfM")


def test_a_message_is_received_held_and_deleted(cloud: LocalCloud) -> None:
    """Its body is what was put in, to the last blank; once deleted it is gone."""
    seed_queue(cloud, BODY.encode())
    queue = queue_of(cloud)
    assert queue.attributes() == QueueAttributes(1, 0, 30)
    assert [(one.message_id, one.body, one.receipt) for one in queue.peek()] == [("m-1", BODY, "")]
    message = queue.receive()
    assert message is not None
    assert (message.body, message.dequeue_count) == (BODY, 1)
    assert (queue.receive(), queue.peek(), queue.attributes().inactive) == (None, [], 1)
    held = queue.hold(message, 100)
    cloud.advance(60)
    assert queue.receive() is None
    with pytest.raises(PermanentError):
        queue.delete(message)
    queue.delete(held)
    assert queued(cloud) == []


def test_a_late_delete_is_an_error(cloud: LocalCloud) -> None:
    """After its time out of sight the message may be another's."""
    seed_queue(cloud, b"{}")
    queue = queue_of(cloud)
    message = queue.receive()
    assert message is not None
    cloud.advance(31)
    with pytest.raises(PermanentError) as caught:
        queue.delete(message)
    assert caught.value.failure.code == "MessageNotExist"
    assert queued(cloud) == ["m-1"]


def test_a_delete_whose_answer_is_lost_is_done(cloud: LocalCloud) -> None:
    """It is repeated, and finding nothing then is what was wanted."""
    seed_queue(cloud, b"{}")
    queue = queue_of(cloud)
    message = queue.receive()
    assert message is not None
    cloud.add_fault(Fault(service="mns", action="DeleteMessage", drop=True, effect="after"))
    queue.delete(message)
    assert queued(cloud) == []
    assert actions(cloud) == ["ReceiveMessage", "DeleteMessage", "DeleteMessage"]


@pytest.mark.parametrize(
    ("fault", "error", "attempts"),
    [
        ({"status": 503, "code": "ServiceUnavailable"}, TransientError, 4),
        ({"status": 403, "code": "QpsLimitExceeded"}, ThrottledError, 4),
        ({"drop": True}, TransientError, 4),
        ({"status": 403, "code": "AccessDenied"}, AccessDeniedError, 1),
        ({"status": 408, "code": "TimeExpired"}, SignatureError, 1),
        ({"body": "<html>"}, AnswerError, 1),
        ({"body": "<Messages/>"}, AnswerError, 1),
        ({"body": "<Message><MessageId>1</MessageId></Message>"}, AnswerError, 1),
        ({"body": '<!DOCTYPE x [<!ENTITY a "b">]><Message>&a;</Message>'}, AnswerError, 1),
    ],
)
def test_failures_are_of_the_tree(
    cloud: LocalCloud, fault: dict[str, Any], error: type[ApiError], attempts: int
) -> None:
    """What may pass is tried again, what cannot is not; an answer that is not MNS's is no message."""
    seed_queue(cloud, b"{}")
    cloud.add_fault(Fault.model_validate({"service": "mns", "action": "*", "times": 9, **fault}))
    with pytest.raises(error) as caught:
        queue_of(cloud).receive()
    assert caught.value.failure.action == "ReceiveMessage"
    assert len(cloud.calls) == attempts


def test_a_queue_that_is_not_there(cloud: LocalCloud) -> None:
    """It is no empty queue."""
    with pytest.raises(PermanentError, match="QueueNotExist"):
        queue_of(cloud).receive()


def test_a_temporary_key(cloud: LocalCloud) -> None:
    """The token goes along; without it the key is refused."""
    key = {"access_key_id": "STS.1", "access_key_secret": "s", "security_token": "token-token"}
    cloud.seed({"sts_credentials": [key]})
    seed_queue(cloud, b"{}")
    assert queue_of(cloud, key=Credentials("STS.1", "s", "token-token")).receive() is not None
    for wrong in (Credentials("STS.1", "s"), Credentials("test", "wrong"), Credentials("nobody", "x")):
        with pytest.raises(ApiError):
            queue_of(cloud, key=wrong).receive()


@pytest.mark.parametrize(
    ("endpoint", "name"), [("mns.example", QUEUE), (ENDPOINT + "/x", QUEUE), (ENDPOINT, "a/b")]
)
def test_wrong_settings_are_told(endpoint: str, name: str) -> None:
    """They could lead a signed request elsewhere."""
    with open_http() as http, pytest.raises(ConfigurationError):
        Queue(http, Credentials("test", "test"), endpoint, name)
