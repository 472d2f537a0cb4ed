"""The events of a PutEvents call, in the spelling of either API, as CloudEvents, and on their way.

Both APIs take up to 16 events and 1 MB a call; see https://help.aliyun.com/document_detail/163289.html. What
is wrong with one event is told beside the others, which are taken.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Final

from fctoolkit.errors import EventError
from fctoolkit.strictjson import JsonError, decode
from localcloud.services.base import json_value
from localcloud.services.eventbridge.codes import BUS_MISSING, INVALID, invalid_argument

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fctoolkit.jsontypes import JsonObject, JsonValue
    from localcloud.delivery.deliveries import Deliveries

MOST_EVENTS: Final = 16
MOST_BYTES: Final = 1024 * 1024

_ATTRIBUTES: Final = {
    "Id": "id",
    "Source": "source",
    "Type": "type",
    "SpecVersion": "specversion",
    "DataContentType": "datacontenttype",
    "DataSchema": "dataschema",
    "Subject": "subject",
    "Time": "time",
    "Data": "data",
}
_JSON: Final = ("application/json", "text/json")


def read_events(content: bytes | str, name: str) -> list[JsonObject]:
    """The array of events in `content`, which is called `name`; refuses none, and too much."""
    size = len(content if isinstance(content, bytes) else content.encode(errors="surrogatepass"))
    if size > MOST_BYTES:
        raise invalid_argument(name, f"may have {MOST_BYTES} bytes, not {size}")
    value = json_value(content)
    if not isinstance(value, list) or not 1 <= len(value) <= MOST_EVENTS:
        raise invalid_argument(name, f"must be a JSON array of 1 to {MOST_EVENTS} events")
    events = [event for event in value if isinstance(event, dict)]
    if len(events) < len(value):
        raise invalid_argument(name, "must hold JSON objects only")
    return events


def of_entry(entry: JsonObject, bus: str) -> JsonObject:
    """An entry of the API of 2020 as a CloudEvent for a bus; names that are not its own are left out.

    `Data` may be a text that holds JSON, as its content type says.
    """
    event = {name: entry[key] for key, name in _ATTRIBUTES.items() if entry.get(key) is not None}
    data = event.get("data")
    if isinstance(data, str) and _is_json(event):
        event["data"] = _decoded(data)
    return {**event, "aliyuneventbusname": bus}


def of_cloud_event(event: JsonObject) -> JsonObject:
    """A CloudEvent of the older API with its data in `data`, as subscribers get it.

    The official client sends data as `data_base64` unless its content type is JSON without parameters. Data
    that is no text stays as it came.
    """
    coded = event.get("data_base64")
    if not isinstance(coded, str):
        return event
    try:
        text = base64.b64decode(coded, validate=True).decode()
    except ValueError:
        return event
    rest = {name: value for name, value in event.items() if name != "data_base64"}
    return {**rest, "data": _decoded(text) if _is_json(event) else text}


def put_each(deliveries: Deliveries, events: Sequence[JsonObject]) -> list[JsonObject]:
    """Puts events on their buses; a row for each, with the error of one that was not taken."""
    rows: list[JsonObject] = []
    for event in events:
        row: JsonObject = {"EventId": event.get("id")}
        try:
            deliveries.put_later(event)
        except EventError as error:
            code = BUS_MISSING if error.field == "aliyuneventbusname" else INVALID
            row |= {"ErrorCode": code, "ErrorMessage": str(error)}
        rows.append(row)
    return rows


def _is_json(event: JsonObject) -> bool:
    kind = event.get("datacontenttype") or _JSON[0]
    return isinstance(kind, str) and kind.partition(";")[0].strip().lower() in _JSON


def _decoded(text: str) -> JsonValue:
    try:
        return decode(text)
    except JsonError:
        return text
