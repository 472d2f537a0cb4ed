"""Dead letters in a queue of MNS: received one at a time, removed when they are settled. Sends no events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tools.redrive.run import Message
from tools.signed import READ_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fctoolkit.mns.client import Queue, QueueMessage

SPARE_SECONDS: Final = 60
"""What a message is kept from others beyond the time that functions may take to answer."""


class QueueSource:
    """Messages of a queue.

    A message that is left comes back when its time out of sight is over, and is then not sent a second time.
    The run ends when the queue has no message to receive, or when more came back in a row than
    were left: each that comes back is out of sight again, so a new one would have come by then.

    Args:
        queue: is asked at once how it stands.
        functions: how many get each event, one after the other.
    """

    def __init__(self, queue: Queue, functions: int) -> None:
        self._queue = queue
        attributes = queue.attributes()
        self.total = attributes.active + attributes.inactive
        self._seconds = int(READ_SECONDS) * functions + SPARE_SECONDS
        self._holds = attributes.visibility_timeout < self._seconds
        self._held: dict[str, QueueMessage] = {}

    def messages(self) -> Iterator[Message]:
        """Each message once."""
        seen: set[str] = set()
        came_back = 0
        while (message := self._queue.receive()) is not None:
            if message.message_id in seen:
                came_back += 1
                if came_back > len(self._held):
                    return
                continue
            seen.add(message.message_id)
            came_back = 0
            self._held[message.message_id] = (
                self._queue.hold(message, self._seconds) if self._holds else message
            )
            yield _as_message(message)

    def shown(self) -> Iterator[Message]:
        """As many messages as one look shows."""
        return map(_as_message, self._queue.peek())

    def remove(self, message: Message) -> None:
        """Deletes the message."""
        self._queue.delete(self._held[message.label])
        del self._held[message.label]


def _as_message(message: QueueMessage) -> Message:
    return Message(message.message_id, message.body.encode())
