"""The queues of the local cloud as the platform itself uses them: no signature, no call on the list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from localcloud.services.mns.model import MessageRecord
from localcloud.validation import in_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import AbstractContextManager

    from localcloud.services.mns.service import MnsService

HELD_SECONDS: Final = 43200
"""How long a message that is on its way stays out of sight; it is held anew at each try."""


class Queues:
    """Puts messages into queues and takes them out.

    Args:
        service: the queues that there are now.
        lock: held while one is used.
        now: the state clock, seconds since the epoch.
    """

    def __init__(
        self,
        service: Callable[[], MnsService],
        lock: AbstractContextManager[object],
        now: Callable[[], float],
    ) -> None:
        self._service = service
        self._lock = lock
        self._now = now

    def put(self, name: str, body: bytes) -> str:
        """Puts a message into a queue; returns why that was not possible, or an empty text."""
        with self._lock:
            queue = self._service().queue(name)
            if queue is None:
                return f"there is no queue {name}; seed it as mns.queues with this QueueName"
            if len(body) > queue.MaximumMessageSize:
                return f"{len(body)} bytes are more than the {queue.MaximumMessageSize} that {name} takes"
            now = self._milliseconds()
            try:
                message = MessageRecord(
                    MessageBody=body.decode(errors="replace"), EnqueueTime=now, NextVisibleTime=now
                )
            except ValidationError as error:
                return f"{name} does not take it: {in_words(error.errors()[0])}"
            queue.messages.append(message)
            return ""

    def ready(self, name: str) -> list[float]:
        """When each message of a queue can be taken, seconds since the epoch, the first first."""
        with self._lock:
            queue = self._service().queue(name)
            messages = queue.live(self._milliseconds()) if queue is not None else []
            return sorted(max(one.EnqueueTime, one.NextVisibleTime) / 1000 for one in messages)

    def take(self, name: str, most: int) -> tuple[MessageRecord, ...]:
        """The first messages of a queue, which are out of sight from now on."""
        with self._lock:
            queue, now = self._service().queue(name), self._milliseconds()
            if queue is None or not any(one.NextVisibleTime <= now for one in queue.live(now)):
                return ()
            found = tuple(queue.visible(now, most))
            for message in found:
                message.DequeueCount += 1
                message.FirstDequeueTime = message.FirstDequeueTime or now
            self.hold(found)
            return found

    def hold(self, messages: Iterable[MessageRecord]) -> None:
        """Keeps messages that were taken out of sight for longer."""
        with self._lock:
            for message in messages:
                message.hide(self._milliseconds(), HELD_SECONDS)

    def release(self, messages: Iterable[MessageRecord]) -> None:
        """Lets messages that were taken be seen again."""
        with self._lock:
            for message in messages:
                message.NextVisibleTime = self._milliseconds()

    def remove(self, name: str, messages: Iterable[MessageRecord]) -> None:
        """Deletes messages that were taken."""
        with self._lock:
            queue = self._service().queue(name)
            if queue is not None:
                gone = {message.MessageId for message in messages}
                queue.messages = [one for one in queue.messages if one.MessageId not in gone]

    def _milliseconds(self) -> int:
        return int(self._now() * 1000)
