"""The actions on triggers. HTTP, timer and EventBridge triggers take effect; others are kept without one."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from localcloud.conditions.clock import iso_time
from localcloud.functions.limits import MOST_TRIGGERS
from localcloud.functions.spec import (
    DEFAULT_ACCOUNT_ID,
    LATEST,
    EventBridgeTrigger,
    HttpTrigger,
    QueueTrigger,
)
from localcloud.functions.trigger_model import TriggerConfigError, read_trigger
from localcloud.message import Response, json_response
from localcloud.services.fc.codes import exceeded, missing, there_already, wrong
from localcloud.services.fc.model import TriggerEntry
from localcloud.services.fc.plane import DONE, paged, sent
from localcloud.services.fc.reading import TriggerInput, checked_input, read_object

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fctoolkit.jsontypes import JsonObject
    from localcloud.functions.spec import Trigger
    from localcloud.services.base import Call, Handler
    from localcloud.services.fc.model import Function
    from localcloud.services.fc.plane import Plane


class TriggerActions:
    """CreateTrigger and its like."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self.actions: Mapping[str, Handler] = {
            "CreateTrigger": self._create,
            "UpdateTrigger": self._update,
            "GetTrigger": self._get,
            "DeleteTrigger": self._delete,
            "ListTriggers": self._list,
        }

    def _create(self, call: Call) -> Response:
        function = self._plane.function(call)
        given = checked_input(TriggerInput, call.body)
        if given.trigger_name in function.triggers:
            raise there_already("Trigger", given.trigger_name)
        if len(function.triggers) >= MOST_TRIGGERS:
            raise exceeded(f"function '{function.name}' has {MOST_TRIGGERS} triggers: delete one.")
        now = iso_time(call.moment.now)
        added: JsonObject = {"triggerId": str(uuid.uuid4()), "createdTime": now, "lastModifiedTime": now}
        entry = _entry(function, given, added)
        function.triggers[given.trigger_name] = entry
        self._plane.stage.show(function)
        return json_response(self._shown(function, entry))

    def _update(self, call: Call) -> Response:
        function, entry = self._found(call)
        changes = sent(call)
        given = checked_input(TriggerInput, {**entry.record, **changes})
        kept = {key: entry.record[key] for key in ("triggerId", "createdTime")}
        new = _entry(function, given, {**kept, "lastModifiedTime": iso_time(call.moment.now)})
        if _source(entry) != _source(new):
            raise wrong("eventSourceType of a trigger cannot be changed.")
        function.triggers[given.trigger_name] = new
        self._plane.stage.show(function)
        return json_response(self._shown(function, new))

    def _get(self, call: Call) -> Response:
        return json_response(self._shown(*self._found(call)))

    def _delete(self, call: Call) -> Response:
        function, _ = self._found(call)
        del function.triggers[call.path["triggerName"]]
        self._plane.stage.show(function)
        return DONE

    def _list(self, call: Call) -> Response:
        function = self._plane.function(call)
        return paged(call, "triggers", function.triggers, lambda entry: self._shown(function, entry))

    def _found(self, call: Call) -> tuple[Function, TriggerEntry]:
        function = self._plane.function(call)
        entry = function.triggers.get(call.path["triggerName"])
        if entry is None:
            raise missing("Trigger", call.path["triggerName"], f"function '{function.name}'")
        return function, entry

    def _shown(self, function: Function, entry: TriggerEntry) -> JsonObject:
        return trigger_record(function, entry, self._plane.url())


def trigger_record(function: Function, entry: TriggerEntry, url: str) -> JsonObject:
    """A trigger as FC answers it; `url` is where the local cloud is served, empty while it is not."""
    if entry.record["triggerType"] != "http":
        return entry.record
    key = function.key_of(entry.qualifier)
    domain = f"{function.name}-{DEFAULT_ACCOUNT_ID}.{function.region}.fcapp.run"
    address = f"{url}/_localcloud/http/{key}" if url else f"http://{domain}"
    return {**entry.record, "httpTrigger": {"urlInternet": address, "urlIntranet": address}}


def _entry(function: Function, given: TriggerInput, added: JsonObject) -> TriggerEntry:
    """The trigger that was asked for; refuses one that its function cannot have."""
    qualifier = given.qualifier or LATEST
    function.snapshot(qualifier)
    config = read_object(given.trigger_config, "triggerConfig")
    try:
        effect = read_trigger(given.trigger_name, given.trigger_type, config)
    except TriggerConfigError as error:
        raise wrong(f"triggerConfig: {error.reason}") from None
    if isinstance(effect, HttpTrigger):
        _refuse_second(function, given.trigger_name, qualifier)
    record: JsonObject = {
        "triggerName": given.trigger_name,
        "triggerType": given.trigger_type,
        "triggerConfig": given.trigger_config,
        "qualifier": qualifier,
        "description": given.description,
        **added,
    }
    if given.invocation_role:
        record["invocationRole"] = given.invocation_role
    if source := given.source_arn or _source_arn(function, given, effect):
        record["sourceArn"] = source
    return TriggerEntry(record, effect)


def _refuse_second(function: Function, name: str, qualifier: str) -> None:
    """FC has one HTTP trigger for each version or alias."""
    for other, entry in function.triggers.items():
        if other != name and entry.qualifier == qualifier and isinstance(entry.effect, HttpTrigger):
            raise wrong(f"'{other}' is the HTTP trigger of {qualifier} already; there can be one.")


def _source_arn(function: Function, given: TriggerInput, effect: Trigger | None) -> str:
    """What FC makes for an EventBridge trigger: a rule, for a queue of a bus of its own, or a stream."""
    name = f"{function.name}-{given.trigger_name}"
    match effect:
        case EventBridgeTrigger():
            made = f"eventbus/default/rule/{name}"
        case QueueTrigger(streaming=True):
            made = f"eventstreaming/{name}"
        case QueueTrigger():
            made = f"eventbus/MNS-{name}/rule/{name}"
        case _:
            return ""
    return f"acs:eventbridge:{function.region}:{DEFAULT_ACCOUNT_ID}:{made}"


def _source(entry: TriggerEntry) -> str:
    """The source type of an EventBridge trigger; empty for others."""
    config = read_object(str(entry.record["triggerConfig"]), "triggerConfig")
    source = config.get("eventSourceConfig")
    return str(source.get("eventSourceType")) if isinstance(source, dict) else ""
