"""EventBridge's older API, 2015-06-06, as far as events are put by it. Knows no rule.

Its client, alibabacloud_eventbridge, posts CloudEvents to `/openapi/putEvents` and names the bus of each by
its attribute `aliyuneventbusname`. Keys of answers begin with capitals and those of errors do not, as that
client reads them. The other actions of this API are those of the newer one, and are not played.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.functions.spec import DEFAULT_ACCOUNT_ID
from localcloud.message import json_response
from localcloud.services.base import REQUEST_ID_HEADER
from localcloud.services.eventbridge.codes import EVENTS_CODES
from localcloud.services.eventbridge.events import of_cloud_event, put_each, read_events
from localcloud.validation import only

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fctoolkit.jsontypes import JsonObject
    from localcloud.delivery.deliveries import Deliveries
    from localcloud.errors import Refusal
    from localcloud.message import Response
    from localcloud.services.base import Call, Handler, Moment, Work


class OlderEventBridgeService:
    """Takes events for any bus."""

    name = "eventbridge2015"
    request_id_header = REQUEST_ID_HEADER
    error_codes = EVENTS_CODES

    def __init__(self, deliveries: Callable[[], Deliveries]) -> None:
        self._deliveries = deliveries
        self.actions: Mapping[str, Handler] = {"putEvents": self._put_events}

    def error_response(self, refusal: Refusal, request_id: str, host: str) -> Response:  # noqa: ARG002 - no host is named
        """`code`, `message` and `requestId`."""
        body: JsonObject = {"code": refusal.code, "message": refusal.message, "requestId": request_id}
        return json_response(body, refusal.status)

    def seed(self, records: JsonObject, moment: Moment) -> Callable[[], None]:  # noqa: ARG002 - nothing is dated
        """Takes nothing: buses are those of `eventbridge`."""
        only(records, frozenset(), self.name)
        return lambda: None

    def state(self, moment: Moment) -> JsonObject:  # noqa: ARG002 - nothing is dated
        """Nothing."""
        return {}

    def _put_events(self, call: Call) -> Work:
        events = [of_cloud_event(event) for event in read_events(call.content, "The body")]

        def put() -> Response:
            rows = put_each(self._deliveries(), events)
            return json_response(
                {
                    "RequestId": call.request_id,
                    "ResourceOwnerAccountId": DEFAULT_ACCOUNT_ID,
                    "FailedEntryCount": sum("ErrorCode" in row for row in rows),
                    "EntryList": rows,
                }
            )

        return put
