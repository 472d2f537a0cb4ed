"""Takes messages from a queue of MNS (Simple Message Queue). Knows nothing of what is in them.

Source: https://www.alibabacloud.com/help/en/mns/developer-reference/receivemessage and its neighbours.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as ET

from fctoolkit.answers import read_error, shorten
from fctoolkit.client import path_of
from fctoolkit.clock import SYSTEM_CLOCK, Clock, Deadline
from fctoolkit.errors import (
    AnswerError,
    ApiFailure,
    ConfigurationError,
    PermanentError,
    TransientError,
)
from fctoolkit.mns.signing import VERSION, signed_headers
from fctoolkit.repeating import Failed, repeated
from fctoolkit.retry import ERRORS, LEAVE_DOUBT, FailureKind, classify
from fctoolkit.transport import HeaderAuth, NoReply, exchange

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fctoolkit.credentials import Credentials
    from fctoolkit.transport import HttpClient, Reply

MOST_PEEKED: Final = 16
"""How many messages one look shows; there is no next page."""

LONGEST_HOLD_SECONDS: Final = 43_200

_CALL_SECONDS: Final = 30.0
_NO_MESSAGE: Final = "MessageNotExist"
_ENDPOINT: Final = re.compile(r"https?://[^/?#\s]+")
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,119}")
_KINDS: Final = {
    "TimeExpired": FailureKind.BAD_CREDENTIALS,
    "QpsLimitExceeded": FailureKind.THROTTLED,
    "AccessDenied": FailureKind.ACCESS_DENIED,
}
"""Codes of MNS that the table of `fctoolkit.retry` does not know."""


@dataclass(frozen=True, slots=True)
class QueueMessage:
    """A message of a queue.

    Attributes:
        message_id: stays the same each time it is received.
        body: exactly as it was put in; XML makes one line feed of a carriage return and line feed.
        receipt: what it is deleted and held by, while it is out of others' sight; empty when it was peeked.
        dequeue_count: how often it was received.
    """

    message_id: str
    body: str
    receipt: str
    dequeue_count: int


@dataclass(frozen=True, slots=True)
class QueueAttributes:
    """How a queue stands, approximately.

    Attributes:
        active: messages that can be received.
        inactive: messages that were received and are out of sight.
        visibility_timeout: seconds a received message is out of sight.
    """

    active: int
    inactive: int
    visibility_timeout: int


class Queue:
    """One queue. Each call is repeated where that helps, and takes 30 seconds at most.

    Args:
        http: from `open_http`; who opened it closes it.
        credentials: of who may receive and delete.
        endpoint: such as `https://1234567890123456.mns.cn-hangzhou.aliyuncs.com`.
        name: the queue's.
        clock: dates signatures, waits.

    Raises:
        ConfigurationError: the endpoint or the name has another form.

    All methods raise ApiError; for a queue that is not there, PermanentError with code `QueueNotExist`.
    """

    def __init__(
        self,
        http: HttpClient,
        credentials: Credentials,
        endpoint: str,
        name: str,
        *,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        if not _ENDPOINT.fullmatch(endpoint):
            raise ConfigurationError(
                f"endpoint of MNS: expected https://host, found {shorten(endpoint, 80)!r}"
            )
        if not _NAME.fullmatch(name):
            raise ConfigurationError(
                f"queue: expected a letter, then letters, digits and -, found {shorten(name, 80)!r}"
            )
        self.name = name
        self._http, self._credentials, self._clock = http, credentials, clock
        self._endpoint = endpoint
        self._host = endpoint.partition("://")[2]
        self._path = path_of("/queues/{name}", name=name)
        self._auth = HeaderAuth(self._signed)

    def attributes(self) -> QueueAttributes:
        """How the queue stands."""
        action = "GetQueueAttributes"
        reply = self._call(action, "GET", self._path)
        (fields,) = self._read(action, reply, "Queue")
        try:
            return QueueAttributes(
                int(fields["ActiveMessages"]),
                int(fields["InactiveMessages"]),
                int(fields["VisibilityTimeout"]),
            )
        except (KeyError, ValueError):
            raise self._unreadable(action, reply) from None

    def receive(self) -> QueueMessage | None:
        """The next message, out of others' sight for the queue's visibility timeout; None when there is none.

        Does not wait for one.
        """
        found = self._messages("ReceiveMessage", "waitseconds=0")
        return found[0] if found else None

    def peek(self) -> list[QueueMessage]:
        """Up to 16 messages that could be received, which stay as they are."""
        return self._messages("BatchPeekMessage", f"peekonly=true&numOfMessages={MOST_PEEKED}")

    def hold(self, message: QueueMessage, seconds: int) -> QueueMessage:
        """Keeps a received message out of sight for so many seconds from now, 1 to 43,200.

        Returns it with the receipt that is good from now on.
        """
        action = "ChangeMessageVisibility"
        query = f"ReceiptHandle={message.receipt}&VisibilityTimeout={seconds}"
        reply = self._call(action, "PUT", f"{self._path}/messages?{query}")
        (fields,) = self._read(action, reply, "ChangeVisibility")
        if "ReceiptHandle" not in fields:
            raise self._unreadable(action, reply)
        return QueueMessage(message.message_id, message.body, fields["ReceiptHandle"], message.dequeue_count)

    def delete(self, message: QueueMessage) -> None:
        """Deletes a received message.

        Raises PermanentError with code `MessageNotExist` when its time out of sight is over: others may have
        received it since. After a repeat, that counts as deleted.
        """
        try:
            self._call("DeleteMessage", "DELETE", f"{self._path}/messages?ReceiptHandle={message.receipt}")
        except PermanentError as error:
            # An earlier attempt may have deleted it and lost its answer.
            if error.failure.code != _NO_MESSAGE or error.failure.attempts == 1:
                raise

    def _messages(self, action: str, query: str) -> list[QueueMessage]:
        try:
            reply = self._call(action, "GET", f"{self._path}/messages?{query}")
        except PermanentError as error:
            if error.failure.code == _NO_MESSAGE:
                return []
            raise
        try:
            return [
                QueueMessage(
                    fields["MessageId"],
                    fields["MessageBody"],
                    fields.get("ReceiptHandle", ""),
                    int(fields["DequeueCount"]),
                )
                for fields in self._read(action, reply, "Message")
            ]
        except (KeyError, ValueError):
            raise self._unreadable(action, reply) from None

    def _call(self, action: str, method: str, target: str) -> Reply:
        """One call, repeated where that is worth it; each of these does no more when it is done twice."""
        deadline = Deadline.after(_CALL_SECONDS, self._clock)
        return repeated(
            lambda number: self._attempt(action, method, target, deadline, number),
            action=action,
            host=self._host,
            repeatable=True,
            deadline=deadline,
            clock=self._clock,
        )

    def _attempt(
        self, action: str, method: str, target: str, deadline: Deadline, number: int
    ) -> Reply | Failed:
        reply = exchange(
            self._http,
            method=method,
            url=f"{self._endpoint}{target}",
            headers={"x-mns-version": VERSION, "content-type": "text/xml"},
            body=None,
            auth=self._auth,
            deadline=deadline,
        )
        if isinstance(reply, NoReply):
            failure = ApiFailure(
                action,
                self._host,
                code=reply.code,
                message=reply.message,
                attempts=number,
                maybe_done=not reply.never_sent,
            )
            return Failed(failure, FailureKind.TRANSIENT, TransientError, reply.never_sent)
        if reply.status // 100 == HTTPStatus.OK // 100:
            return reply
        said = read_error(reply.headers, reply.body)
        kind = _KINDS.get(said.code) or classify(said.code, reply.status)
        mask = self._credentials.mask
        failure = ApiFailure(
            action,
            self._host,
            reply.status,
            shorten(mask(said.code)),
            shorten(mask(said.message)),
            shorten(mask(said.request_id)),
            attempts=number,
            maybe_done=kind in LEAVE_DOUBT,
        )
        return Failed(failure, kind, ERRORS[kind])

    def _signed(self, method: str, resource: str, headers: Mapping[str, str]) -> dict[str, str]:
        date = formatdate(self._clock.now(), usegmt=True)
        return signed_headers(method, resource, headers, date=date, credentials=self._credentials)

    def _read(self, action: str, reply: Reply, name: str) -> list[Mapping[str, str]]:
        """The fields of each element of that name, at least one; texts exactly as they came."""
        try:
            if b"<!DOCTYPE" in reply.body:
                raise self._unreadable(action, reply)
            # Without a DOCTYPE no entity can be declared: nothing expands, nothing is fetched.
            root = ET.fromstring(reply.body)  # noqa: S314 - see above
        except ET.ParseError:
            raise self._unreadable(action, reply) from None
        found = [one for one in root.iter() if _local(one.tag) == name]
        if not found:
            raise self._unreadable(action, reply)
        return [{_local(field.tag): field.text or "" for field in one} for one in found]

    def _unreadable(self, action: str, reply: Reply) -> AnswerError:
        message = "not the XML that the API documents"
        return AnswerError(
            ApiFailure(action, self._host, reply.status, "unreadable", message, maybe_done=True)
        )


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]
