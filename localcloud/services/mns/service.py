"""MNS 2015-06-06 (Simple Message Queue): messages of queues. Queues are made in `queues`, or by a seed.

A request that would wait for a message (`waitseconds`) is answered at once.

Source: https://www.alibabacloud.com/help/en/mns/developer-reference/receivemessage and its neighbours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from localcloud.errors import Refusal
from localcloud.services.mns import xmlbody
from localcloud.services.mns.codes import MNS_CODES
from localcloud.services.mns.model import MessageRecord, QueueRecord
from localcloud.services.mns.queues import QueueActions, known_queue, whole
from localcloud.validation import as_list, checked, in_words, only

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from xml.etree.ElementTree import Element

    from fctoolkit.jsontypes import JsonObject, JsonValue
    from localcloud.message import Response
    from localcloud.services.base import Call, Handler, Moment

MOST_IN_A_BATCH = 16
LONGEST_TIMEOUT = 43200
LONGEST_DELAY = 604800


class MnsService:
    """Queues by name."""

    name = "mns"
    request_id_header = "x-mns-request-id"
    error_codes = MNS_CODES

    def __init__(self) -> None:
        self._queues: dict[str, QueueRecord] = {}
        self.actions: Mapping[str, Handler] = {
            "BatchDeleteMessage": self._batch_delete_message,
            "BatchPeekMessage": self._batch_peek_message,
            "BatchReceiveMessage": self._batch_receive_message,
            "BatchSendMessage": self._batch_send_message,
            "ChangeMessageVisibility": self._change_message_visibility,
            "DeleteMessage": self._delete_message,
            "GetQueueAttributes": self._get_queue_attributes,
            "PeekMessage": self._peek_message,
            "ReceiveMessage": self._receive_message,
            "SendMessage": self._send_message,
            **QueueActions(self._queues).actions,
        }

    def queue(self, name: str) -> QueueRecord | None:
        """The queue of that name, for what other services put into it and take from it."""
        return self._queues.get(name)

    def error_response(self, refusal: Refusal, request_id: str, host: str) -> Response:
        """An `Error` element."""
        fields = {"Code": refusal.code, "Message": refusal.message, "RequestId": request_id, "HostId": host}
        return xmlbody.one("Error", fields, refusal.status)

    def seed(self, records: JsonObject, moment: Moment) -> Callable[[], None]:
        """Takes `{"queues": […]}`; a queue of a known name is replaced with its messages."""
        only(records, frozenset({"queues"}), "mns")
        values = as_list(records.get("queues", []), "mns.queues")
        queues = [checked(QueueRecord, value, f"mns.queues[{index}]") for index, value in enumerate(values)]
        now = moment.milliseconds
        for queue in queues:
            queue.CreateTime = queue.CreateTime or now
            for message in queue.messages:
                message.EnqueueTime = message.EnqueueTime or now

        def place() -> None:
            self._queues.update({queue.QueueName: queue for queue in queues})

        return place

    def state(self, moment: Moment) -> JsonObject:
        """`{"queues": […]}`, each with its `messages`, those out of sight too; empty without queues."""
        now = moment.milliseconds
        queues: list[JsonValue] = []
        for queue in self._queues.values():
            queue.live(now)
            queues.append(queue.model_dump())
        return {"queues": queues} if queues else {}

    def _get_queue_attributes(self, call: Call) -> Response:
        return xmlbody.one("Queue", self._queue(call).attributes(_now(call)))

    def _receive_message(self, call: Call) -> Response:
        (message,) = self._queue(call).receive(_now(call), 1)
        return xmlbody.one("Message", message)

    def _batch_receive_message(self, call: Call) -> Response:
        return xmlbody.several("Messages", "Message", [*self._queue(call).receive(_now(call), _number(call))])

    def _peek_message(self, call: Call) -> Response:
        (message,) = self._queue(call).visible(_now(call), 1)
        return xmlbody.one("Message", message.seen())

    def _batch_peek_message(self, call: Call) -> Response:
        found = self._queue(call).visible(_now(call), _number(call))
        return xmlbody.several("Messages", "Message", [message.seen() for message in found])

    def _delete_message(self, call: Call) -> Response:
        self._queue(call).delete(_parameter(call, "receipthandle"), _now(call))
        return xmlbody.nothing()

    def _batch_delete_message(self, call: Call) -> Response:
        """204 when all are deleted; else 404 with those that are not."""
        queue, root = self._queue(call), xmlbody.read(call.content)
        handles = [(element.text or "").strip() for element in root.iter("ReceiptHandle")]
        _refuse_size("ReceiptHandles", len(handles))
        failures: list[dict[str, str | int]] = []
        for place, handle in enumerate(handles, start=1):
            try:
                _refuse_item(call, place, handle)
                queue.delete(handle, _now(call))
            except Refusal as refusal:
                failures.append({**_told(refusal), "ReceiptHandle": handle})
        return xmlbody.several("Errors", "Error", failures, 404) if failures else xmlbody.nothing()

    def _change_message_visibility(self, call: Call) -> Response:
        message = self._queue(call).held(_parameter(call, "receipthandle"), _now(call))
        seconds = whole("VisibilityTimeout", _parameter(call, "visibilitytimeout"), 1, LONGEST_TIMEOUT)
        message.hide(_now(call), seconds)
        return xmlbody.one(
            "ChangeVisibility",
            {"ReceiptHandle": message.ReceiptHandle, "NextVisibleTime": message.NextVisibleTime},
        )

    def _send_message(self, call: Call) -> Response:
        queue = self._queue(call)
        message = _message_of(xmlbody.read(call.content), queue, _now(call))
        queue.messages.append(message)
        return xmlbody.one("Message", _sent(message), 201)

    def _batch_send_message(self, call: Call) -> Response:
        """201 when all are in the queue; else 500, and each that is not has a code in its place."""
        queue = self._queue(call)
        messages = [
            _message_of(element, queue, _now(call)) for element in xmlbody.read(call.content).iter("Message")
        ]
        _refuse_size("Messages", len(messages))
        rows: list[dict[str, str | int]] = []
        for place, message in enumerate(messages, start=1):
            try:
                _refuse_item(call, place)
            except Refusal as refusal:
                rows.append(_told(refusal))
                continue
            queue.messages.append(message)
            rows.append(_sent(message))
        failed = any("ErrorCode" in row for row in rows)
        return xmlbody.several("Messages", "Message", rows, 500 if failed else 201)

    def _queue(self, call: Call) -> QueueRecord:
        return known_queue(self._queues, call.path["queueName"])


def _now(call: Call) -> int:
    return call.moment.milliseconds


def _parameter(call: Call, name: str) -> str:
    """A query parameter; pages and clients write its name in different cases."""
    return next((value for key, value in call.query.items() if key.lower() == name), "")


def _number(call: Call) -> int:
    return whole("numOfMessages", call.query.get("numOfMessages", ""), 1, MOST_IN_A_BATCH)


def _refuse_size(name: str, size: int) -> None:
    if not 1 <= size <= MOST_IN_A_BATCH:
        raise Refusal(
            400, "InvalidArgument", f"{name} must hold 1 to {MOST_IN_A_BATCH} elements, not {size}."
        )


def _refuse_item(call: Call, place: int, name: str = "") -> None:
    """Refuses the message of that place, or receipt handle, when a fault says so."""
    code = call.refused(place, name)
    if code is not None:
        raise Refusal(500, code, "refused by a fault")


def _told(refusal: Refusal) -> dict[str, str | int]:
    return {"ErrorCode": refusal.code, "ErrorMessage": refusal.message}


def _message_of(element: Element, queue: QueueRecord, now: int) -> MessageRecord:
    body = element.findtext("MessageBody") or ""
    if len(body.encode()) > queue.MaximumMessageSize:
        raise Refusal(
            400,
            "InvalidArgument",
            f"The value of MessageBody must have at most {queue.MaximumMessageSize} bytes.",
        )
    delay = whole(
        "DelaySeconds", element.findtext("DelaySeconds") or str(queue.DelaySeconds), 0, LONGEST_DELAY
    )
    try:
        return MessageRecord(
            MessageBody=body,
            EnqueueTime=now,
            NextVisibleTime=now + delay * 1000,
            Priority=int(element.findtext("Priority") or "8"),
        )
    except ValidationError as error:
        raise Refusal(
            400, "InvalidArgument", f"The message is not valid: {in_words(error.errors()[0])}."
        ) from None
    except ValueError:
        raise Refusal(400, "InvalidArgument", "The value of Priority must be between 1 and 16.") from None


def _sent(message: MessageRecord) -> dict[str, str | int]:
    seen = message.seen()
    return {name: seen[name] for name in ("MessageId", "MessageBodyMD5")}
