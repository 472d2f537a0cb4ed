"""What a target gets of an event, and where targets lead."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from localcloud.delivery.bus import Target
from localcloud.delivery.places import BusPlace, FunctionPlace, NoPlace, Place, QueuePlace, place_of
from localcloud.delivery.transforms import MAX_TEXT, Parameter, problem_of, transformed

if TYPE_CHECKING:
    from fctoolkit.jsontypes import JsonObject
    from localcloud.delivery.transforms import Form

EVENT: JsonObject = {
    "id": "1",
    "source": "shop",
    "data": {"name": "é", "count": 2, "list": ["a", {"b c": None}], "ok": True},
}


@pytest.mark.parametrize(
    ("parameter", "text"),
    [
        (Parameter("ORIGINAL"), json.dumps(EVENT, ensure_ascii=False)),
        (Parameter("CONSTANT", "$.source"), "$.source"),
        (Parameter("JSONPATH", "$.source"), "shop"),
        (Parameter("JSONPATH", "$.data.count"), "2"),
        (Parameter("JSONPATH", "$.data.list[1]['b c']"), "null"),
        (Parameter("JSONPATH", '$["data"].list'), '["a", {"b c": null}]'),
        (Parameter("JSONPATH", "$.data.nothing.at.all"), ""),
        (Parameter("JSONPATH", "$.data.list[9]"), ""),
        (Parameter("JSONPATH", "$"), json.dumps(EVENT, ensure_ascii=False)),
        (
            Parameter(
                "TEMPLATE", '{"n": "$.data.name", "k": "$.data.ok"}', '{"n": "${n}", "k": ${k}, "x": "${x}"}'
            ),
            '{"n": "é", "k": true, "x": "${x}"}',
        ),
    ],
)
def test_what_a_target_gets(parameter: Parameter, text: str) -> None:
    """The event, a part of it as text or JSON, a constant, or a template with its variables filled in."""
    assert problem_of(parameter) == ""
    assert transformed(parameter, EVENT) == text


@pytest.mark.parametrize(
    ("form", "value", "template", "reason"),
    [
        ("JSONPATH", "source", "", "Value must be a JSONPath"),
        ("JSONPATH", "$..name", "", "Value must be a JSONPath"),
        ("JSONPATH", "$.list[*]", "", "Value must be a JSONPath"),
        ("TEMPLATE", "no json", "${a}", "Value must be a JSON object"),
        ("TEMPLATE", '{"a": 1}', "${a}", "Value must be a JSON object"),
        ("TEMPLATE", '{"a": "$[?(@.b)]"}', "${a}", "Value.a must be a JSONPath"),
        ("TEMPLATE", "{}", "x" * (MAX_TEXT + 1), "Template may have 10240 characters"),
        ("CONSTANT", "x" * (MAX_TEXT + 1), "", "Value may have 10240 characters"),
    ],
)
def test_what_cannot_be_used(form: Form, value: str, template: str, reason: str) -> None:
    """A path that is not understood, variables that are none, and a text that is too long are named."""
    assert problem_of(Parameter(form, value, template)).startswith(reason)


FC = "acs:fc:cn-hangzhou:1:"


@pytest.mark.parametrize(
    ("kind", "endpoint", "constants", "place"),
    [
        ("acs.fc.function", f"{FC}functions/f", {}, FunctionPlace("f", region="cn-hangzhou")),
        ("acs.fc.function", f"{FC}functions/f/1", {}, FunctionPlace("f", "1", region="cn-hangzhou")),
        (
            "acs.fc.function",
            f"{FC}services/s.LATEST/functions/f",
            {"serviceName": "s", "functionName": "f", "Qualifier": "prod"},
            FunctionPlace("f", "prod", "s", "cn-hangzhou"),
        ),
        ("acs.fc.function", "", {"functionName": "f"}, FunctionPlace("f")),
        ("acs.mns.queue", "acs:mns:cn-hangzhou:1:queues/q", {}, QueuePlace("q")),
        ("acs.mns.queue", "", {"queue": "q", "IsBase64Encode": "true"}, QueuePlace("q", coded=True)),
        ("acs.eventbridge", "acs:eventbridge:cn-hangzhou:1:eventbus/b", {}, BusPlace("b")),
        ("acs.eventbridge", "", {"EventBusName": "b"}, BusPlace("b")),
    ],
)
def test_where_a_target_leads(kind: str, endpoint: str, constants: dict[str, str], place: Place) -> None:
    """Endpoints of FC 2.0 and 3.0, of queues and of buses are read; parameters stand in for one."""
    parameters = {name: Parameter("CONSTANT", value) for name, value in constants.items()}
    assert place_of(Target("t", kind, endpoint, parameters=parameters)) == place


@pytest.mark.parametrize(
    ("kind", "endpoint"), [("acs.sms", ""), ("acs.fc.function", "nowhere"), ("acs.mns.queue", "")]
)
def test_where_no_target_leads(kind: str, endpoint: str) -> None:
    """A type that is not played, and an endpoint that cannot be read, say so by name."""
    place = place_of(Target("t", kind, endpoint))
    assert isinstance(place, NoPlace)
    assert kind in place.why
