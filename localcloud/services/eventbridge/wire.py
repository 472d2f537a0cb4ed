"""Reads the parameters of EventBridge's calls and writes its answers. Knows no action."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from localcloud.delivery.bus import DEFAULT_BUS
from localcloud.functions.spec import DEFAULT_ACCOUNT_ID, DEFAULT_REGION
from localcloud.message import json_response
from localcloud.services.base import integer, json_value, page_from
from localcloud.services.eventbridge.codes import invalid_argument

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fctoolkit.jsontypes import JsonObject, JsonValue
    from localcloud.delivery.bus import Rule
    from localcloud.message import Response
    from localcloud.services.base import Call, Moment
    from localcloud.services.eventbridge.records import BusRecord, RuleRecord

MAXIMUM_PAGE: Final = 100
"""Entries in one answer at most. How many there are without `Limit` is not documented: here as many."""

LONGEST_NUMBER: Final = 15


def answer(call: Call, data: JsonValue = None, code: str = "Success") -> Response:
    """An answer that all went well; `code` is how the action says so."""
    body: JsonObject = {"Code": code, "Message": "", "RequestId": call.request_id, "Success": True}
    return json_response(body if data is None else {**body, "Data": data})


def required(call: Call, name: str) -> str:
    """A parameter; refuses when it is missing."""
    value = call.query.get(name, "")
    if not value:
        raise invalid_argument(name, "is mandatory")
    return value


def array(call: Call, name: str) -> list[JsonValue]:
    """A parameter that holds a JSON array; none when it was not sent."""
    value = json_value(call.query.get(name) or "[]")
    if not isinstance(value, list):
        raise invalid_argument(name, "must be a JSON array")
    return value


def json_object(call: Call, name: str) -> JsonObject:
    """A parameter that holds a JSON object."""
    value = json_value(required(call, name))
    if not isinstance(value, dict):
        raise invalid_argument(name, "must be a JSON object")
    return value


def moment_of(call: Call, name: str) -> int:
    """A parameter that is a time in milliseconds."""
    text = required(call, name)
    if not text.isdecimal() or len(text) > LONGEST_NUMBER:
        raise invalid_argument(name, f"must be milliseconds since 1970, not {text[:80]!r}")
    return int(text)


def page(call: Call, key: str, rows: Sequence[JsonObject]) -> JsonObject:
    """`Limit` rows from `NextToken` on."""
    shown, token = page_from(call, rows, integer(call, "Limit", MAXIMUM_PAGE, maximum=MAXIMUM_PAGE))
    page: JsonObject = {key: [*shown], "Total": len(rows)}
    return {**page, "NextToken": token} if token else page


def shown_bus(call: Call, bus: BusRecord) -> JsonObject:
    """A bus, without its rules."""
    return {
        "EventBusName": bus.EventBusName,
        "EventBusARN": bus_arn(call, bus.EventBusName),
        "Description": bus.Description,
        "CreateTimestamp": bus.CreateTimestamp,
    }


def shown_rule(call: Call, bus: str, rule: RuleRecord) -> JsonObject:
    """A rule that users made."""
    shown: JsonObject = rule.model_dump(exclude={"Targets"})
    targets: list[JsonValue] = [target.shown() for target in rule.Targets]
    return {
        **shown,
        "EventBusName": bus,
        "RuleARN": rule_arn(call, bus, rule.RuleName),
        "Targets": targets,
    }


def shown_trigger_rule(call: Call, rule: Rule) -> JsonObject:
    """A rule that FC made for a trigger."""
    return {
        "RuleName": rule.name,
        "Description": "",
        "Status": "ENABLE" if rule.enabled else "DISABLE",
        "FilterPattern": rule.pattern.source,
        "CreatedTimestamp": 0,
        "EventBusName": DEFAULT_BUS,
        "RuleARN": rule_arn(call, DEFAULT_BUS, rule.name),
        "Targets": [*shown_trigger_targets(rule)],
    }


def shown_trigger_targets(rule: Rule) -> list[JsonObject]:
    """Its targets."""
    return [
        {
            "Id": target.id,
            "Type": target.kind,
            "Endpoint": target.endpoint,
            "PushRetryStrategy": target.push.retries.strategy,
            "ErrorsTolerance": "ALL" if target.push.tolerant else "NONE",
            "ParamList": [{"ResourceKey": "Body", "Form": "ORIGINAL"}],
        }
        for target in rule.targets
    ]


def bus_arn(call: Call, bus: str) -> str:
    """ARN of a bus in the region that is asked."""
    return f"acs:eventbridge:{call.region or DEFAULT_REGION}:{DEFAULT_ACCOUNT_ID}:eventbus/{bus}"


def rule_arn(call: Call, bus: str, rule: str) -> str:
    """ARN of a rule of a bus."""
    return f"{bus_arn(call, bus)}/rule/{rule}"


def milliseconds(moment: Moment) -> int:
    """A moment as EventBridge counts it."""
    return int(moment.now * 1000)
