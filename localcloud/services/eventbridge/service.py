"""EventBridge 2020-04-01, RPC style: event buses, rules, targets, events, and what became of them.

Answers have `Code`, `Message`, `Success` and `Data`. Published clients look for a failure there, in an answer
of status 200, so that is where one is; `behaviour.eventbridge_refusal_status` says otherwise.

Source: the vendor's API reference and request metadata, and the models of alibabacloud_eventbridge20200401.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final

from localcloud.delivery.bus import DEFAULT_BUS
from localcloud.errors import Refusal, SeedError
from localcloud.message import Response, json_response
from localcloud.services.base import (
    REQUEST_ID_HEADER,
    SAME_CODES,
    Call,
    Handler,
    Moment,
    Work,
    upper_camel_error,
)
from localcloud.services.eventbridge import traces
from localcloud.services.eventbridge.codes import EVENT_MISSING, INVALID, invalid_argument, refused
from localcloud.services.eventbridge.events import of_entry, put_each, read_events
from localcloud.services.eventbridge.records import BusRecord, RuleRecord, pattern_of
from localcloud.services.eventbridge.wire import (
    answer,
    array,
    bus_arn,
    json_object,
    milliseconds,
    moment_of,
    page,
    required,
    rule_arn,
    shown_bus,
    shown_rule,
    shown_trigger_rule,
    shown_trigger_targets,
)
from localcloud.validation import as_list, checked, only

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from fctoolkit.jsontypes import JsonObject, JsonValue
    from localcloud.delivery.deliveries import Deliveries
    from localcloud.delivery.journal import Entry
    from localcloud.services.eventbridge.model import Buses
    from localcloud.services.eventbridge.records import Status


OK: Final = 200


class EventBridgeService:
    """Buses and rules, and what is put on the buses.

    Args:
        buses: the buses.
        deliveries: what takes events to their targets.
    """

    name = "eventbridge"
    request_id_header = REQUEST_ID_HEADER
    error_codes = SAME_CODES

    def __init__(self, buses: Buses, deliveries: Callable[[], Deliveries]) -> None:
        self._buses = buses
        self._deliveries = deliveries
        actions: Mapping[str, Handler] = {
            "CreateEventBus": self._create_event_bus,
            "GetEventBus": self._get_event_bus,
            "ListEventBuses": self._list_event_buses,
            "UpdateEventBus": self._update_event_bus,
            "DeleteEventBus": self._delete_event_bus,
            "CreateRule": self._create_rule,
            "GetRule": self._get_rule,
            "ListRules": self._list_rules,
            "UpdateRule": self._update_rule,
            "EnableRule": functools.partial(self._switch_rule, status="ENABLE"),
            "DisableRule": functools.partial(self._switch_rule, status="DISABLE"),
            "DeleteRule": self._delete_rule,
            "PutTargets": self._put_targets,
            "ListTargets": self._list_targets,
            "DeleteTargets": self._delete_targets,
            "TestEventPattern": self._test_event_pattern,
            "PutEvents": self._put_events,
            "QueryEvent": self._query_event,
            "QueryEventTraces": self._query_event_traces,
            "QueryTracedEvents": self._query_traced_events,
            "QueryTracedEventByEventId": self._query_traced_event_by_event_id,
        }
        self.actions: Mapping[str, Handler] = {
            name: functools.partial(_refusing, handler) for name, handler in actions.items()
        }

    def error_response(self, refusal: Refusal, request_id: str, host: str) -> Response:
        """The gateway's error; a refusal of status 200 is a result that says so."""
        if refusal.status != OK:
            return upper_camel_error(refusal, request_id, host)
        body: JsonObject = {
            "Code": refusal.code,
            "Message": refusal.message,
            "RequestId": request_id,
            "Success": False,
        }
        return json_response(body)

    def seed(self, records: JsonObject, moment: Moment) -> Callable[[], None]:
        """Takes `{"buses": […]}`; a bus of a known name is replaced with its rules."""
        only(records, frozenset({"buses"}), self.name)
        values = as_list(records.get("buses", []), "eventbridge.buses")
        buses = [
            checked(BusRecord, value, f"eventbridge.buses[{index}]") for index, value in enumerate(values)
        ]
        for bus in buses:
            bus.CreateTimestamp = bus.CreateTimestamp or milliseconds(moment)
            for rule in bus.Rules:
                rule.CreatedTimestamp = rule.CreatedTimestamp or milliseconds(moment)

        def place() -> None:
            for bus in buses:
                self._buses.put(bus)

        return place

    def state(self, moment: Moment) -> JsonObject:  # noqa: ARG002 - nothing is dated
        """`{"buses": […]}`, each with its `Rules`, but not those of triggers; empty while nobody made any."""
        buses = [bus for bus in self._buses.all() if bus.Rules or not bus.is_default]
        return {"buses": [bus.model_dump(exclude_none=True) for bus in buses]} if buses else {}

    def _create_event_bus(self, call: Call) -> Response:
        given: JsonObject = {
            "EventBusName": required(call, "EventBusName"),
            "Description": call.query.get("Description", ""),
            "CreateTimestamp": milliseconds(call.moment),
        }
        bus = checked(BusRecord, given, "")
        self._buses.create(bus)
        return answer(call, {"EventBusARN": bus_arn(call, bus.EventBusName)})

    def _get_event_bus(self, call: Call) -> Response:
        return answer(call, shown_bus(call, self._buses.bus(required(call, "EventBusName"))))

    def _list_event_buses(self, call: Call) -> Response:
        prefix = call.query.get("NamePrefix", "")
        found = [shown_bus(call, bus) for bus in self._buses.all() if bus.EventBusName.startswith(prefix)]
        return answer(call, page(call, "EventBuses", found))

    def _update_event_bus(self, call: Call) -> Response:
        bus = self._buses.bus(required(call, "EventBusName"))
        bus.Description = call.query.get("Description", bus.Description)
        return answer(call)

    def _delete_event_bus(self, call: Call) -> Response:
        self._buses.delete(required(call, "EventBusName"))
        return answer(call)

    def _create_rule(self, call: Call) -> Response:
        bus = required(call, "EventBusName")
        given: JsonObject = {
            "RuleName": required(call, "RuleName"),
            "Description": call.query.get("Description", ""),
            "FilterPattern": required(call, "FilterPattern"),
            "CreatedTimestamp": milliseconds(call.moment),
            "Targets": array(call, "EventTargets"),
        }
        if call.query.get("Status"):
            given["Status"] = call.query["Status"]
        self._buses.bus(bus)
        rule = checked(RuleRecord, given, "")
        self._buses.create_rule(bus, rule)
        return answer(call, {"RuleARN": rule_arn(call, bus, rule.RuleName)})

    def _get_rule(self, call: Call) -> Response:
        bus, name = required(call, "EventBusName"), required(call, "RuleName")
        of_trigger = self._buses.of_trigger(bus, name)
        if of_trigger is not None:
            return answer(call, shown_trigger_rule(call, of_trigger))
        return answer(call, shown_rule(call, bus, self._buses.rule(bus, name)))

    def _list_rules(self, call: Call) -> Response:
        bus, prefix = required(call, "EventBusName"), call.query.get("RuleNamePrefix", "")
        rules = [shown_rule(call, bus, rule) for rule in self._buses.bus(bus).Rules]
        if bus == DEFAULT_BUS:
            rules += [shown_trigger_rule(call, rule) for rule in self._buses.triggers()]
        found = [rule for rule in rules if str(rule["RuleName"]).startswith(prefix)]
        return answer(call, page(call, "Rules", found))

    def _update_rule(self, call: Call) -> Response:
        rule = self._buses.rule(required(call, "EventBusName"), required(call, "RuleName"))
        changes = {
            name: call.query[name]
            for name in ("Description", "Status", "FilterPattern")
            if name in call.query
        }
        changed = checked(RuleRecord, {**rule.model_dump(), **changes}, "")
        rule.Description, rule.Status, rule.FilterPattern = (
            changed.Description,
            changed.Status,
            changed.FilterPattern,
        )
        return answer(call, {})

    def _switch_rule(self, call: Call, status: Status) -> Response:
        self._buses.rule(required(call, "EventBusName"), required(call, "RuleName")).Status = status
        return answer(call)

    def _delete_rule(self, call: Call) -> Response:
        self._buses.delete_rule(required(call, "EventBusName"), required(call, "RuleName"))
        return answer(call)

    def _put_targets(self, call: Call) -> Response:
        errors = self._buses.put_targets(
            required(call, "EventBusName"), required(call, "RuleName"), array(call, "Targets")
        )
        return answer(call, {"ErrorEntries": [*errors], "ErrorEntriesCount": len(errors)})

    def _list_targets(self, call: Call) -> Response:
        bus, name = required(call, "EventBusName"), required(call, "RuleName")
        of_trigger = self._buses.of_trigger(bus, name)
        if of_trigger is not None:
            targets = shown_trigger_targets(of_trigger)
        else:
            targets = [target.shown() for target in self._buses.rule(bus, name).Targets]
        arn = call.query.get("Arn", "")
        found = [
            {"EventBusName": bus, "RuleName": name, **target}
            for target in targets
            if arn in {"", target.get("Endpoint")}
        ]
        return answer(call, page(call, "Targets", found))

    def _delete_targets(self, call: Call) -> Response:
        ids = [str(one) for one in array(call, "TargetIds")]
        errors = self._buses.delete_targets(required(call, "EventBusName"), required(call, "RuleName"), ids)
        return answer(call, {"ErrorEntries": [*errors], "ErrorEntriesCount": len(errors)}, "200")

    def _test_event_pattern(self, call: Call) -> Response:
        try:
            pattern = pattern_of(required(call, "EventPattern"))
        except ValueError as error:
            raise invalid_argument("EventPattern", f"is not a pattern: {error}") from None
        return answer(call, {"Result": pattern.matches(json_object(call, "Event"))})

    def _put_events(self, call: Call) -> Work:
        bus = required(call, "EventBusName")
        self._buses.bus(bus)
        events = [of_entry(entry, bus) for entry in read_events(required(call, "EventList"), "EventList")]

        def put() -> Response:
            rows = put_each(self._deliveries(), events)
            failed = sum("ErrorCode" in row for row in rows)
            return answer(call, {"EntryList": [*rows], "FailedEntryCount": failed}, "200")

        return put

    def _query_event(self, call: Call) -> Work:
        source = call.query.get("EventSource", "")

        def found(entries: Sequence[Entry]) -> JsonValue:
            for entry in entries:
                if source in {"", entry.receipt.event["source"]}:
                    return entry.receipt.event
            raise refused(EVENT_MISSING, f"The event {call.query.get('EventId')} does not exist.")

        return self._looking(call, found, "200")

    def _query_event_traces(self, call: Call) -> Work:
        return self._looking(
            call, lambda entries: [trace for entry in entries for trace in traces.traces(entry)], "200"
        )

    def _query_traced_events(self, call: Call) -> Work:
        start, end = moment_of(call, "StartTime"), moment_of(call, "EndTime")
        wanted = {key: call.query.get(name, "") for key, name in _TRACED.items()}
        rule = call.query.get("MatchedRule", "")

        def found(entries: Sequence[Entry]) -> JsonValue:
            rows = [
                traces.summary(entry)
                for entry in entries
                if start <= entry.at * 1000 <= end
                and all(value in {"", entry.receipt.event[key]} for key, value in wanted.items())
                and (not rule or any(one.name == rule for one in entry.receipt.matched))
            ]
            return page(call, "Events", rows)

        return self._looking(call, found, event_id="")

    def _query_traced_event_by_event_id(self, call: Call) -> Work:
        source = required(call, "EventSource")

        def found(entries: Sequence[Entry]) -> JsonValue:
            rows = [traces.summary(entry) for entry in entries if entry.receipt.event["source"] == source]
            return [page(call, "Events", rows)]

        return self._looking(call, found)

    def _looking(
        self,
        call: Call,
        found: Callable[[Sequence[Entry]], JsonValue],
        code: str = "Success",
        event_id: str | None = None,
    ) -> Work:
        """Reads the journal, without the cloud's lock, for an answer about an event of a bus."""
        bus = required(call, "EventBusName")
        self._buses.bus(bus)
        wanted = required(call, "EventId") if event_id is None else event_id

        def look() -> Response:
            data = self._deliveries().look(lambda journal: found([*journal.entries(wanted, bus)]))
            return answer(call, data, code)

        return look


_TRACED: Final = {"source": "EventSource", "type": "EventType"}


def _refusing(handler: Handler, call: Call) -> Response | Work:
    """What an action answers; a refusal of its own gets the status that the behaviour says."""
    status = call.moment.behaviour.eventbridge_refusal_status
    try:
        result = handler(call)
    except (Refusal, SeedError) as refusal:
        raise _own(refusal, status) from None
    if isinstance(result, Response):
        return result

    def work() -> Response:
        try:
            return result()
        except Refusal as refusal:
            raise _own(refusal, status) from None

    return work


def _own(refusal: Refusal | SeedError, status: int) -> Refusal:
    if isinstance(refusal, SeedError):
        return Refusal(status, INVALID, f"{refusal}.".lstrip("."))
    return Refusal(status, refusal.code, refusal.message)
