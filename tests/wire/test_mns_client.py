"""MNS's own client and the toolkit's share a queue that the local cloud serves."""

from __future__ import annotations

import gc
import warnings
from typing import TYPE_CHECKING

import pytest
from mns.account import Account
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


def test_the_two_clients_take_over_from_each_other(served: tuple[LocalCloud, str]) -> None:
    """What the vendor's client put in and received, the toolkit's deletes."""
    cloud, url = served
    queue = Account(url, "test", "test").get_queue(QUEUE)
    queue.set_encoding(False)
    queue.send_message(Message(" {} \n"))
    with open_http() as http:
        own = Queue(http, Credentials("test", "test"), url, QUEUE)
        message = own.receive()
        assert message is not None
        assert message.body == " {} \n"
        queue.delete_message(own.hold(message, 60).receipt)
    assert queued(cloud) == []
