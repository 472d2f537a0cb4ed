"""The actions on queues themselves: made, listed, changed and deleted. Knows no message.

Source: https://www.alibabacloud.com/help/en/mns/developer-reference/createqueue and its neighbours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from localcloud.errors import Refusal
from localcloud.message import Response
from localcloud.services.mns import xmlbody
from localcloud.services.mns.model import QueueRecord
from localcloud.validation import in_words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fctoolkit.jsontypes import JsonObject
    from localcloud.services.base import Call, Handler

SETTABLE: Final = (
    "VisibilityTimeout",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "DelaySeconds",
    "PollingWaitSeconds",
    "LoggingEnabled",
)
MOST_IN_A_LIST: Final = 1000


class QueueActions:
    """CreateQueue and its like, over the queues of the service."""

    def __init__(self, queues: dict[str, QueueRecord]) -> None:
        self._queues = queues
        self.actions: Mapping[str, Handler] = {
            "CreateQueue": self._create,
            "DeleteQueue": self._delete,
            "ListQueue": self._list,
            "SetQueueAttributes": self._set,
        }

    def _create(self, call: Call) -> Response:
        """201 for a new queue, 204 for one that is there with these attributes, 409 with others."""
        name, given = call.path["queueName"], _attributes(call)
        now = call.moment.milliseconds
        fresh = _record({"QueueName": name, "CreateTime": now, "LastModifyTime": now, **given})
        known = self._queues.get(name)
        if known is not None and any(getattr(known, key) != getattr(fresh, key) for key in SETTABLE):
            raise Refusal(
                409,
                "QueueAlreadyExist",
                "The queue you want to create is already exist, with other attributes.",
            )
        self._queues.setdefault(name, fresh)
        done = xmlbody.nothing(201 if known is None else 204)
        return Response(done.status, {**done.headers, "location": _url(call, name)})

    def _set(self, call: Call) -> Response:
        name, given = call.path["queueName"], _attributes(call)
        known = known_queue(self._queues, name)
        changed = _record({**known.model_dump(exclude={"messages"}), **given})
        changed.messages = known.messages
        changed.LastModifyTime = call.moment.milliseconds
        self._queues[name] = changed
        return xmlbody.nothing()

    def _delete(self, call: Call) -> Response:
        """204 whether it was there or not; its messages go with it."""
        self._queues.pop(call.path["queueName"], None)
        return xmlbody.nothing()

    def _list(self, call: Call) -> Response:
        """Pages in the order of names; the marker is the first name of the next page."""
        prefix, marker = call.headers.get("x-mns-prefix", ""), call.headers.get("x-mns-marker", "")
        size = whole(
            "x-mns-ret-number", call.headers.get("x-mns-ret-number", str(MOST_IN_A_LIST)), 1, MOST_IN_A_LIST
        )
        names = sorted(name for name in self._queues if name.startswith(prefix) and name >= marker)
        told = call.headers.get("x-mns-with-meta", "").lower() == "true"
        rows = [
            {
                "QueueURL": _url(call, name),
                **(self._queues[name].attributes(call.moment.milliseconds) if told else {}),
            }
            for name in names[:size]
        ]
        following = names[size] if len(names) > size else ""
        return xmlbody.several("Queues", "Queue", rows, also={"NextMarker": following} if following else {})


def known_queue(queues: Mapping[str, QueueRecord], name: str) -> QueueRecord:
    """The queue of that name; refuses one that is not there."""
    queue = queues.get(name)
    if queue is None:
        raise Refusal(404, "QueueNotExist", "The queue name you provided is not exist.")
    return queue


def whole(name: str, text: str, low: int, high: int) -> int:
    """A whole number within bounds; refuses others."""
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(high)) and low <= int(text) <= high):
        raise Refusal(400, "InvalidArgument", f"The value of {name} must be between {low} and {high}.")
    return int(text)


def _attributes(call: Call) -> JsonObject:
    """The attributes that a body names; one without a body names none."""
    if not call.content:
        return {}
    found = {element.tag: (element.text or "").strip() for element in xmlbody.read(call.content)}
    unknown = sorted(found.keys() - set(SETTABLE))
    if unknown:
        raise Refusal(
            400, "InvalidArgument", f"A queue has no {', '.join(unknown)}; it has {', '.join(SETTABLE)}."
        )
    return {name: value for name, value in found.items() if value}


def _record(fields: JsonObject) -> QueueRecord:
    try:
        return QueueRecord.model_validate(fields)
    except ValidationError as error:
        raise Refusal(
            400, "InvalidArgument", f"The queue is not valid: {in_words(error.errors()[0])}."
        ) from None


def _url(call: Call, name: str) -> str:
    return f"http://{call.headers.get('host', 'localhost')}/queues/{name}"
