"""MNS, as every way to call it sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.cloud_scene import in_modes
from tests.support.queues import QUEUE, queued, seed_queue

if TYPE_CHECKING:
    from tests.support.cloud_scene import Scene

Q = {"queueName": QUEUE}


@in_modes("mns")
def test_one_message(at: Scene) -> None:
    """A message is sent, peeked at, received, held longer and deleted; an old receipt deletes nothing."""
    seed_queue(at.cloud)
    body = '{"a": "é<&>"}'
    sent = at.does("mns", "SendMessage", MessageBody=body, **Q)
    assert at.does("mns", "PeekMessage", **Q)["MessageBody"] == body
    got = at.does("mns", "ReceiveMessage", **Q)
    assert (got["MessageId"], got["MessageBody"], got["DequeueCount"]) == (sent["MessageId"], body, "1")
    old = {"receiptHandle": got["ReceiptHandle"], **Q}
    held = at.does("mns", "ChangeMessageVisibility", visibilityTimeout=100, **old)
    assert at.refuses("mns", "DeleteMessage", **old) == (404, "MessageNotExist")
    at.does("mns", "DeleteMessage", receiptHandle=held["ReceiptHandle"], **Q)
    assert queued(at.cloud) == []
    assert at.refuses("mns", "ReceiveMessage", **Q) == (404, "MessageNotExist")


@in_modes("mns")
def test_batches(at: Scene) -> None:
    """Messages are sent, peeked at, received and deleted in batches; what cannot be deleted is told."""
    seed_queue(at.cloud)
    at.does("mns", "BatchSendMessage", MessageBodies=["a", "b"], **Q)
    peeked = at.does("mns", "BatchPeekMessage", numOfMessages=16, **Q)
    assert [one["MessageBody"] for one in peeked] == ["a", "b"]
    first, second = at.does("mns", "BatchReceiveMessage", numOfMessages=16, **Q)
    told = at.does("mns", "GetQueueAttributes", **Q)
    assert [told[name] for name in ("ActiveMessages", "InactiveMessages", "VisibilityTimeout")] == [
        "0",
        "2",
        "30",
    ]
    torn = {"ReceiptHandles": [first["ReceiptHandle"], "8-nothing"], **Q}
    assert at.refuses("mns", "BatchDeleteMessage", **torn) == (404, "MessageNotExist")
    at.does("mns", "BatchDeleteMessage", ReceiptHandles=[second["ReceiptHandle"]], **Q)
    assert queued(at.cloud) == []


@in_modes("mns")
def test_time(at: Scene) -> None:
    """A received message comes back when its time is over, a delayed one when its time has come."""
    seed_queue(at.cloud, b"a")
    at.does("mns", "SendMessage", MessageBody="late", DelaySeconds=60, **Q)
    assert at.does("mns", "ReceiveMessage", **Q)["MessageBody"] == "a"
    assert at.refuses("mns", "ReceiveMessage", **Q) == (404, "MessageNotExist")
    at.wait(31)
    assert at.does("mns", "ReceiveMessage", **Q)["DequeueCount"] == "2"
    at.wait(29)
    assert at.does("mns", "ReceiveMessage", **Q)["MessageBody"] == "late"


@in_modes("mns")
def test_a_queue_of_its_own(at: Scene) -> None:
    """A queue is made, once; listed, changed with its messages kept, and deleted with them."""
    at.does("mns", "CreateQueue", VisibilityTimeout=40, DelaySeconds=5, **Q)
    at.does("mns", "CreateQueue", VisibilityTimeout=40, DelaySeconds=5, **Q)
    assert at.refuses("mns", "CreateQueue", VisibilityTimeout=41, **Q) == (409, "QueueAlreadyExist")
    assert [row["QueueURL"].rpartition("/")[2] for row in at.does("mns", "ListQueue")] == [QUEUE]
    at.does("mns", "SendMessage", MessageBody="late", **Q)
    assert at.refuses("mns", "ReceiveMessage", **Q) == (404, "MessageNotExist")
    at.wait(6)
    at.does("mns", "SetQueueAttributes", VisibilityTimeout=20, **Q)
    told = at.does("mns", "GetQueueAttributes", **Q)
    assert (told["VisibilityTimeout"], told["DelaySeconds"], told["ActiveMessages"]) == ("20", "5", "1")
    at.does("mns", "DeleteQueue", **Q)
    assert not at.does("mns", "ListQueue")
    assert at.refuses("mns", "GetQueueAttributes", **Q) == (404, "QueueNotExist")


@in_modes("mns")
def test_a_queue_that_is_not_there(at: Scene) -> None:
    """Every action on an unknown queue is the vendor's 404."""
    assert at.refuses("mns", "GetQueueAttributes", queueName="other") == (404, "QueueNotExist")
    assert at.refuses("mns", "SendMessage", queueName="other", MessageBody="x") == (404, "QueueNotExist")
