"""Dead letters as the two services write them, and a queue's message as an event, for tests."""

from __future__ import annotations

import json


def record(event: bytes, error: object = None, *, condition: str = "UnhandledInvocationError") -> bytes:
    """FC's destination record of an invocation that failed."""
    return json.dumps(
        {
            "timestamp": 1795348800000,
            "requestContext": {
                "requestId": "r-1",
                "functionArn": "acs:fc:cn-hangzhou:1234567890123456:functions/enlist-dev-attach-instances",
                "condition": condition,
                "approximateInvokeCount": 3,
            },
            "requestPayload": event.decode(),
            "responseContext": {"statusCode": 200, "functionError": "UnhandledInvocationError"},
            "responsePayload": json.dumps(error or {"errorMessage": "it failed", "errorType": "Error"}),
        }
    ).encode()


def carried(message: bytes) -> bytes:
    """A queue's message as EventBridge hands it to a function."""
    return json.dumps(
        {
            "id": "m-1",
            "source": "acs:mns",
            "type": "mns:Queue:SendMessage",
            "specversion": "1.0",
            "data": {"messageBody": message.decode()},
        }
    ).encode()
