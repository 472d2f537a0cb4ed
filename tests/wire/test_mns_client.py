"""MNS's own client, unmodified, does every supported call on a queue that the local cloud serves."""

from __future__ import annotations

import gc
import json
import warnings
from typing import TYPE_CHECKING, Any

import pytest
from mns.account import Account
from mns.mns_exception import MNSServerException
from mns.queue import Message

from fctoolkit.credentials import Credentials
from fctoolkit.mns.client import Queue
from fctoolkit.transport import open_http
from localcloud import LocalCloud
from localcloud.server import running_server
from tests.support.queues import QUEUE, queued, seed_queue

if TYPE_CHECKING:
    from collections.abc import Iterator

# The vendor's client leaves its socket to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture
def served() -> Iterator[tuple[LocalCloud, str]]:
    """A cloud with the queue, on a port."""
    with LocalCloud() as cloud, running_server(cloud) as url:
        seed_queue(cloud)
        yield cloud, url
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "unclosed <socket", ResourceWarning)
        gc.collect()


def official(url: str, secret: str = "test") -> Any:  # noqa: S107 - the local cloud's
    """The vendor's client of the queue, which leaves bodies as they are."""
    queue = Account(url, "test", secret).get_queue(QUEUE)
    queue.set_encoding(False)
    return queue


def test_every_supported_action(served: tuple[LocalCloud, str]) -> None:
    """Sent, peeked, received, held and deleted, one by one and in batches."""
    cloud, url = served
    queue = official(url)
    body = json.dumps({"a": "é<&>"}, ensure_ascii=False)
    sent = queue.send_message(Message(body))
    assert queue.peek_message().message_body == body
    received = queue.receive_message(wait_seconds=0)
    assert (received.message_id, received.message_body, received.dequeue_count) == (sent.message_id, body, 1)
    held = queue.change_message_visibility(received.receipt_handle, 100)
    with pytest.raises(MNSServerException, match="MessageNotExist"):
        queue.delete_message(received.receipt_handle)
    queue.delete_message(held.receipt_handle)
    queue.batch_send_message([Message("a"), Message("b")])
    assert [one.message_body for one in queue.batch_peek_message(16)] == ["a", "b"]
    batch = queue.batch_receive_message(16, wait_seconds=0)
    told = queue.get_attributes()
    assert (told.active_messages, told.inactive_messages, told.visibility_timeout) == (0, 2, 30)
    with pytest.raises(MNSServerException) as caught:
        queue.batch_delete_message([batch[0].receipt_handle, "8-nothing"])
    assert caught.value.sub_errors[0]["ReceiptHandle"] == "8-nothing"
    queue.batch_delete_message([batch[1].receipt_handle])
    assert queued(cloud) == []
    assert {call["action"] for call in cloud.calls} == set(cloud.supported["mns"])


def test_refusals_reach_it(served: tuple[LocalCloud, str]) -> None:
    """A wrong key, and a queue that is not there, are the vendor's errors."""
    _, url = served
    with pytest.raises(MNSServerException, match="SignatureDoesNotMatch"):
        official(url, "wrong").receive_message(0)
    with pytest.raises(MNSServerException, match="QueueNotExist"):
        Account(url, "test", "test").get_queue("other").get_attributes()


def test_the_two_clients_take_over_from_each_other(served: tuple[LocalCloud, str]) -> None:
    """What the vendor's client put in and received, the toolkit's deletes."""
    cloud, url = served
    queue = official(url)
    queue.send_message(Message(" {} \n"))
    with open_http() as http:
        own = Queue(http, Credentials("test", "test"), url, QUEUE)
        message = own.receive()
        assert message is not None
        assert message.body == " {} \n"
        queue.delete_message(own.hold(message, 60).receipt)
    assert queued(cloud) == []
