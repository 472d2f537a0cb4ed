"""The sample events as the tests read them, and small events built by hand. Knows no product code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fctoolkit.jsontypes import FrozenJson, JsonObject

FOLDER = Path(__file__).parents[2] / "events"

ACCOUNT = "1234567890123456"
ENS_ID = "i-5ens00000000000001"
ENS_REGION = "cn-hangzhou-cmcc"
SEARCH_ID = "es-cn-logs000000000001"
SEARCH_REGION = "cn-hangzhou"


def sample(name: str) -> bytes:
    """The bytes of `events/<name>.json`."""
    return (FOLDER / f"{name}.json").read_bytes()


def encoded(value: FrozenJson) -> bytes:
    """A value as the bytes that a function receives."""
    return json.dumps(value).encode()


def cloud_event(**changes: FrozenJson) -> JsonObject:
    """The smallest CloudEvent, with changes; a key given as None is left out."""
    event: JsonObject = {"id": "event-1", "source": "acs.demo", "type": "demo:Thing:Happened"}
    event.update(json.loads(json.dumps(changes)))
    return {key: value for key, value in event.items() if value is not None}


def http_event(
    method: str = "POST", path: str = "/", body: FrozenJson = "", **changes: FrozenJson
) -> JsonObject:
    """An HTTP trigger's event. `path` is percent-encoded; a body that is no string is sent as JSON."""
    event: JsonObject = {
        "version": "v1",
        "rawPath": path,
        "headers": {"Content-Type": "application/json"},
        "queryParameters": {},
        "body": body if isinstance(body, str) else json.dumps(body),
        "isBase64Encoded": False,
        "requestContext": {
            "accountId": ACCOUNT,
            "http": {"method": method, "path": path},
            "requestId": "r-1",
        },
    }
    event.update(json.loads(json.dumps(changes)))
    return event
