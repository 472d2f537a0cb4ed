"""The buses of an account with the rules that users made. Knows no request and delivers nothing.

The rules that FC makes for triggers stand on the default bus, too; they come and go with their functions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from localcloud.delivery.bus import DEFAULT_BUS
from localcloud.services.eventbridge.codes import (
    BUS_EXISTS,
    OF_A_TRIGGER,
    RULE_EXISTS,
    RULE_MISSING,
    TOO_MANY_BUSES,
    TOO_MANY_RULES,
    TOO_MANY_TARGETS,
    invalid_argument,
    missing_bus,
    refused,
)
from localcloud.services.eventbridge.records import (
    MOST_BUSES,
    MOST_RULES,
    MOST_TARGETS,
    BusRecord,
    RuleRecord,
    TargetRecord,
)
from localcloud.validation import in_words

if TYPE_CHECKING:
    from collections.abc import Callable

    from fctoolkit.jsontypes import JsonObject, JsonValue
    from localcloud.delivery.bus import Rule
    from localcloud.delivery.settings import Tolerance
    from localcloud.errors import Refusal


class Buses:
    """Buses by name, each with its rules in the order they came.

    Args:
        triggers: the rules that FC has made for triggers, as they are now.
    """

    def __init__(self, triggers: Callable[[], tuple[Rule, ...]]) -> None:
        self.triggers = triggers
        self._buses = {DEFAULT_BUS: BusRecord(EventBusName=DEFAULT_BUS)}

    def all(self) -> list[BusRecord]:
        """All buses, the default one first."""
        return list(self._buses.values())

    def rules(self, name: str, tolerance: Tolerance) -> tuple[Rule, ...] | None:
        """The rules of a bus that users made, for events to meet; None when there is no such bus.

        `tolerance` is that of targets that say nothing of errors.
        """
        bus = self._buses.get(name)
        return tuple(rule.rule(name, tolerance) for rule in bus.Rules) if bus is not None else None

    def bus(self, name: str) -> BusRecord:
        """The bus of that name; refuses others."""
        found = self._buses.get(name)
        if found is None:
            raise missing_bus(name)
        return found

    def put(self, bus: BusRecord) -> None:
        """Puts a bus in the place of the one of that name."""
        self._buses[bus.EventBusName] = bus

    def create(self, bus: BusRecord) -> None:
        """Adds a bus."""
        if bus.EventBusName in self._buses:
            raise refused(BUS_EXISTS, f"The event bus {bus.EventBusName} exists already.")
        if len(self._buses) > MOST_BUSES:
            raise refused(TOO_MANY_BUSES, f"An account may have {MOST_BUSES} custom event buses.")
        self.put(bus)

    def delete(self, name: str) -> None:
        """Deletes a bus with its rules; refuses the default one."""
        if self.bus(name).is_default:
            raise invalid_argument("EventBusName", "names the default event bus, which cannot be deleted")
        del self._buses[name]

    def rule(self, bus: str, name: str) -> RuleRecord:
        """A rule that users made; refuses others, those of triggers with the reason."""
        found = next((rule for rule in self.bus(bus).Rules if rule.RuleName == name), None)
        if found is None:
            if self.of_trigger(bus, name) is not None:
                raise refused(
                    OF_A_TRIGGER,
                    f"The rule {name} belongs to a trigger of Function Compute: change the trigger instead.",
                )
            raise missing_rule(bus, name)
        return found

    def of_trigger(self, bus: str, name: str) -> Rule | None:
        """A rule that FC made; None when there is none of that name."""
        rules = self.triggers() if bus == DEFAULT_BUS else ()
        return next((rule for rule in rules if rule.name == name), None)

    def create_rule(self, bus: str, rule: RuleRecord) -> None:
        """Adds a rule."""
        rules = self.bus(bus).Rules
        names = {one.RuleName for one in rules} | {one.name for one in self.triggers() if bus == DEFAULT_BUS}
        if rule.RuleName in names:
            raise refused(RULE_EXISTS, f"The rule {rule.RuleName} of the bus {bus} exists already.")
        if len(names) >= MOST_RULES:
            raise refused(TOO_MANY_RULES, f"An event bus may have {MOST_RULES} rules.")
        rules.append(rule)

    def delete_rule(self, bus: str, name: str) -> None:
        """Deletes a rule with its targets."""
        rule = self.rule(bus, name)
        self.bus(bus).Rules.remove(rule)

    def put_targets(self, bus: str, name: str, values: list[JsonValue]) -> list[JsonObject]:
        """Adds targets to a rule, or replaces those of known ids; returns the errors of those not taken."""
        rule = self.rule(bus, name)
        errors: list[JsonObject] = []
        for value in values:
            entry = str(value.get("Id", "")) if isinstance(value, dict) else ""
            try:
                target = TargetRecord.model_validate(value)
            except ValidationError as error:
                problem = error.errors()[0]
                where = ".".join(str(step) for step in problem["loc"])
                errors.append(_error(entry, "InvalidArgument", f"{where}: {in_words(problem)}".lstrip(": ")))
                continue
            places = [index for index, one in enumerate(rule.Targets) if one.Id == target.Id]
            if places:
                rule.Targets[places[0]] = target
            elif len(rule.Targets) >= MOST_TARGETS:
                errors.append(_error(entry, TOO_MANY_TARGETS, f"A rule may have {MOST_TARGETS} targets."))
            else:
                rule.Targets.append(target)
        return errors

    def delete_targets(self, bus: str, name: str, ids: list[str]) -> list[JsonObject]:
        """Deletes targets of a rule; returns the errors of ids that it does not have."""
        rule = self.rule(bus, name)
        known = {target.Id for target in rule.Targets}
        rule.Targets = [target for target in rule.Targets if target.Id not in ids]
        return [
            _error(one, "EventTargetNotExist", f"The target {one} of the rule {name} does not exist.")
            for one in ids
            if one not in known
        ]


def missing_rule(bus: str, name: str) -> Refusal:
    """There is no rule of that name."""
    return refused(RULE_MISSING, f"The rule {name[:80]!r} of the bus {bus} does not exist.")


def _error(entry: str, code: str, message: str) -> JsonObject:
    return {"EntryId": entry, "ErrorCode": code, "ErrorMessage": message}
