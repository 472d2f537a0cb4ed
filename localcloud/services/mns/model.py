"""Queues and their messages as they change over time. Knows no request.

A message that is received is out of sight until its visibility timeout passes or it is deleted; its receipt
handle is good as long. Times are milliseconds, as MNS counts them.
"""

from __future__ import annotations

import base64
import hashlib
import uuid
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, field_validator

from localcloud.errors import Refusal
from localcloud.services.base import new_id
from localcloud.xmltext import is_writable

if TYPE_CHECKING:
    from collections.abc import Iterator

LOWEST_PRIORITY: Final = 16


class MessageRecord(BaseModel):
    """A message.

    Attributes:
        EnqueueTime: when it came; the time of the seed when 0.
        NextVisibleTime: when it can be received, for the first time or again.
        FirstDequeueTime: 0 before the first.
        ReceiptHandle: of the last time it was received; empty before.
    """

    model_config = ConfigDict(extra="forbid")

    MessageId: str = Field(default_factory=lambda: new_id("").upper(), min_length=1)
    MessageBody: str = Field(min_length=1)
    EnqueueTime: int = 0
    NextVisibleTime: int = 0
    FirstDequeueTime: int = 0
    DequeueCount: int = 0
    Priority: Annotated[int, Field(ge=1, le=LOWEST_PRIORITY)] = 8
    ReceiptHandle: str = ""

    @field_validator("MessageBody")
    @classmethod
    def _fits_into_xml(cls, text: str) -> str:
        if not is_writable(text):
            raise ValueError("holds a character that XML cannot hold; send it as base64")
        return text

    def seen(self) -> dict[str, str | int]:
        """The message as a peek shows it."""
        return {
            "MessageId": self.MessageId,
            "MessageBodyMD5": hashlib.md5(self.MessageBody.encode(), usedforsecurity=False)
            .hexdigest()
            .upper(),
            "MessageBody": self.MessageBody,
            "EnqueueTime": self.EnqueueTime,
            "FirstDequeueTime": self.FirstDequeueTime or self.EnqueueTime,
            "DequeueCount": self.DequeueCount,
            "Priority": self.Priority,
        }

    def hide(self, now: int, seconds: int) -> None:
        """Puts it out of sight, with a handle that is good as long."""
        self.NextVisibleTime = now + seconds * 1000
        told = f"{self.MessageId}-{self.NextVisibleTime}-{self.DequeueCount}-{uuid.uuid4().hex[:8]}"
        self.ReceiptHandle = f"{self.Priority}-{base64.urlsafe_b64encode(told.encode()).decode()}"


class QueueRecord(BaseModel):
    """A queue with its messages, and its attributes in seconds and bytes.

    Attributes:
        DelaySeconds: how long a message is out of sight at first that does not say so itself.
        PollingWaitSeconds: kept without effect.
        LoggingEnabled: kept without effect.
    """

    model_config = ConfigDict(extra="forbid")

    QueueName: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9-]{0,119}$")
    VisibilityTimeout: Annotated[int, Field(ge=1, le=43200)] = 30
    MaximumMessageSize: Annotated[int, Field(ge=1024, le=65536)] = 65536
    MessageRetentionPeriod: Annotated[int, Field(ge=60, le=604800)] = 345600
    DelaySeconds: Annotated[int, Field(ge=0, le=604800)] = 0
    PollingWaitSeconds: Annotated[int, Field(ge=0, le=30)] = 0
    LoggingEnabled: bool = False
    CreateTime: int = 0
    LastModifyTime: int = 0
    messages: list[MessageRecord] = Field(default_factory=list)

    def live(self, now: int) -> list[MessageRecord]:
        """Its messages without those that are too old, which are forgotten."""
        oldest = now - self.MessageRetentionPeriod * 1000
        self.messages = [one for one in self.messages if one.EnqueueTime > oldest]
        return self.messages

    def visible(self, now: int, most: int) -> list[MessageRecord]:
        """The first messages that can be received, by priority and age. Refuses when there are none."""
        found = [one for one in self.live(now) if one.NextVisibleTime <= now]
        found.sort(key=lambda one: (one.Priority, one.EnqueueTime))
        if not found:
            raise _not_there()
        return found[:most]

    def receive(self, now: int, most: int) -> Iterator[dict[str, str | int]]:
        """The first messages, which are out of sight from now on."""
        for message in self.visible(now, most):
            message.DequeueCount += 1
            message.FirstDequeueTime = message.FirstDequeueTime or now
            message.hide(now, self.VisibilityTimeout)
            told: dict[str, str | int] = {
                "ReceiptHandle": message.ReceiptHandle,
                "NextVisibleTime": message.NextVisibleTime,
            }
            yield {**message.seen(), **told}

    def held(self, handle: str, now: int) -> MessageRecord:
        """The message that was received with this handle and is still out of sight; refuses others."""
        if not handle:
            raise Refusal(400, "MissingReceiptHandle", "ReceiptHandle is required.")
        if "-" not in handle:
            raise Refusal(400, "ReceiptHandleError", "The receipt handle you provide is not valid.")
        for message in self.live(now):
            if message.ReceiptHandle == handle and message.NextVisibleTime > now:
                return message
        raise _not_there()

    def delete(self, handle: str, now: int) -> None:
        """Deletes the message of `held`."""
        message = self.held(handle, now)
        self.messages.remove(message)

    def attributes(self, now: int) -> dict[str, str | int]:
        """What GetQueueAttributes tells."""
        messages = self.live(now)
        hidden = [one for one in messages if one.NextVisibleTime > now]
        delayed = [one for one in hidden if not one.DequeueCount]
        return {
            "QueueName": self.QueueName,
            "CreateTime": self.CreateTime // 1000,
            "LastModifyTime": (self.LastModifyTime or self.CreateTime) // 1000,
            "DelaySeconds": self.DelaySeconds,
            "MaximumMessageSize": self.MaximumMessageSize,
            "MessageRetentionPeriod": self.MessageRetentionPeriod,
            "VisibilityTimeout": self.VisibilityTimeout,
            "PollingWaitSeconds": self.PollingWaitSeconds,
            "ActiveMessages": len(messages) - len(hidden),
            "InactiveMessages": len(hidden) - len(delayed),
            "DelayMessages": len(delayed),
            "LoggingEnabled": str(self.LoggingEnabled),
        }


def _not_there() -> Refusal:
    return Refusal(404, "MessageNotExist", "Message not exist.")
