"""A queue of dead letters in the local cloud, for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from localcloud import LocalCloud

QUEUE = "enlist-dev-dead-letters"


def seed_queue(cloud: LocalCloud, *bodies: bytes, **attributes: Any) -> None:
    """The queue with these messages, `m-1` and so on."""
    messages = [
        {"MessageId": f"m-{number}", "MessageBody": body.decode()} for number, body in enumerate(bodies, 1)
    ]
    cloud.seed({"mns": {"queues": [{"QueueName": QUEUE, "messages": messages, **attributes}]}})


def bodies(cloud: LocalCloud, name: str = QUEUE) -> list[str]:
    """The messages that are in a queue, in sight or not."""
    state: Any = cloud.state()
    queue = next(one for one in state["mns"]["queues"] if one["QueueName"] == name)
    return [message["MessageBody"] for message in queue["messages"]]


def queued(cloud: LocalCloud) -> list[str]:
    """The ids of the messages that are in the queue, in sight or not."""
    state: Any = cloud.state()
    return [message["MessageId"] for message in state["mns"]["queues"][0]["messages"]]
