"""What is written about an event that could not be delivered, or that was. Pure: knows no queue.

EventBridge writes the event unchanged; FC writes a record with the event and the function's answer as text.
What becomes of more than 64 KB is not documented: see `large_letter` in `localcloud.conditions.behaviour`.

Sources: https://www.alibabacloud.com/help/en/eventbridge/user-guide/retry-and-dead-letter and
https://www.alibabacloud.com/help/en/fc/user-guide/result-callback.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from fctoolkit.jsontypes import JsonObject
    from localcloud.runtime import Invocation

MOST_BYTES: Final = 64 * 1024

Large: TypeAlias = Literal["reference", "cut", "lost"]


@dataclass(frozen=True, slots=True)
class Letter:
    """What goes to a destination.

    Attributes:
        destination: its ARN.
        body: None when it was too large and nothing is written.
    """

    destination: str
    body: bytes | None


def event_letter(destination: str, event: bytes, name: str, large: Large) -> Letter:
    """An event as EventBridge writes it. `name` tells events apart, for a reference."""
    return Letter(destination, event if len(event) <= MOST_BYTES else _instead(event, name, large))


def record_letter(
    destination: str,
    event: bytes,
    invocation: Invocation,
    *,
    function: str,
    tries: int,
    at: float,
    large: Large,
) -> Letter:
    """FC's record of an asynchronous invocation that is over.

    Args:
        destination: ARN.
        event: what the function got.
        invocation: its last try.
        function: ARN.
        tries: how often it was run.
        at: seconds since the epoch.
        large: what is written instead of a record of more than 64 KB.
    """
    told: JsonObject = {
        "timestamp": int(at * 1000),
        "requestContext": {
            "requestId": invocation.request_id,
            "functionArn": function,
            # No page shows the condition of a success; the record of a failure has the kind of the error.
            "condition": invocation.error_type or "Success",
            "approximateInvokeCount": tries,
        },
        "requestPayload": _text(event),
        "responseContext": {"statusCode": 200, "functionError": invocation.error_type},
        "responsePayload": _text(invocation.payload),
    }
    body = _json(told)
    if len(body) <= MOST_BYTES:
        return Letter(destination, body)
    if large == "reference":
        for key in ("requestPayload", "responsePayload"):
            told[key] = _address(invocation.request_id)
            if len(_json(told)) <= MOST_BYTES:
                break
        return Letter(destination, _json(told))
    return Letter(destination, _instead(body, invocation.request_id, large))


def _instead(body: bytes, name: str, large: Large) -> bytes | None:
    if large == "lost":
        return None
    return (
        _address(name).encode()
        if large == "reference"
        else body[:MOST_BYTES].decode(errors="ignore").encode()
    )


def _address(name: str) -> str:
    """Where the whole would be. Nothing is there: how the vendor refers to it is not known."""
    return f"https://large-events.invalid/{name}"


def _text(payload: bytes) -> str:
    return payload.decode(errors="replace")


def _json(value: JsonObject) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode(errors="replace")
