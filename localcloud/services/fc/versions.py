"""The actions on published versions, which never change, and on the aliases that name them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from localcloud.conditions.clock import iso_time
from localcloud.functions.spec import LATEST
from localcloud.message import Response, json_response
from localcloud.services.base import integer
from localcloud.services.fc.codes import missing, there_already, wrong
from localcloud.services.fc.model import Alias, Version
from localcloud.services.fc.plane import DONE, LARGEST_PAGE, PAGE, paged, sent
from localcloud.services.fc.reading import AliasInput, checked_input

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fctoolkit.jsontypes import JsonObject, JsonValue
    from localcloud.services.base import Call, Handler
    from localcloud.services.fc.model import Function
    from localcloud.services.fc.plane import Plane

LONGEST_DESCRIPTION = 256


class VersionActions:
    """PublishFunctionVersion, CreateAlias and their like."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self.actions: Mapping[str, Handler] = {
            "PublishFunctionVersion": self._publish,
            "ListFunctionVersions": self._list_versions,
            "DeleteFunctionVersion": self._delete_version,
            "CreateAlias": self._create_alias,
            "UpdateAlias": self._update_alias,
            "GetAlias": self._get_alias,
            "DeleteAlias": self._delete_alias,
            "ListAliases": self._list_aliases,
        }

    def _publish(self, call: Call) -> Response:
        function = self._plane.function(call)
        description = call.body.get("description") or ""
        if not isinstance(description, str) or len(description) > LONGEST_DESCRIPTION:
            raise wrong(f"description must be a text of at most {LONGEST_DESCRIPTION} characters.")
        function.published += 1
        number = str(function.published)
        version = Version(function.latest, description, iso_time(call.moment.now))
        function.versions[number] = version
        self._plane.stage.show(function)
        return json_response(version.record(number))

    def _list_versions(self, call: Call) -> Response:
        """The newest first, unless the direction is FORWARD."""
        function = self._plane.function(call)
        size = integer(call, "limit", PAGE, maximum=LARGEST_PAGE)
        direction = call.query.get("direction") or "BACKWARD"
        if direction not in {"BACKWARD", "FORWARD"}:
            raise wrong(f"direction must be FORWARD or BACKWARD, not {direction!r}.")
        numbers = [*function.versions]
        if direction == "BACKWARD":
            numbers.reverse()
        token = call.query.get("nextToken", "")
        if token:
            if token not in numbers:
                raise wrong(f"nextToken {token!r} is none that was given.")
            numbers = numbers[numbers.index(token) :]
        rows: list[JsonValue] = [function.versions[number].record(number) for number in numbers[:size]]
        following: JsonObject = {"nextToken": numbers[size]} if len(numbers) > size else {}
        return json_response({"versions": rows, "direction": direction, **following})

    def _delete_version(self, call: Call) -> Response:
        function, number = self._plane.function(call), call.path["versionId"]
        if number not in function.versions:
            raise missing("Version", number, f"function '{function.name}'")
        for name, alias in function.aliases.items():
            if number == alias.version or number in alias.weights:
                raise wrong(f"version {number} is in use by the alias '{name}'.")
        del function.versions[number]
        self._plane.stage.show(function)
        return DONE

    def _create_alias(self, call: Call) -> Response:
        function = self._plane.function(call)
        given = checked_input(AliasInput, call.body)
        if given.alias_name == LATEST:
            raise wrong(f"aliasName must not be {LATEST}, which is what is not published.")
        if given.alias_name in function.aliases:
            raise there_already("Alias", given.alias_name)
        now = iso_time(call.moment.now)
        alias = _checked_alias(
            function,
            Alias(given.version_id, given.additional_version_weight, given.description, now, now),
        )
        function.aliases[given.alias_name] = alias
        self._plane.stage.show(function)
        return json_response(alias.record(given.alias_name))

    def _update_alias(self, call: Call) -> Response:
        function, before = self._found(call)
        name = call.path["aliasName"]
        changes = sent(call)
        given = checked_input(AliasInput, {**before.record(name), **changes})
        alias = replace(
            before,
            version=given.version_id,
            # Weights that are not sent are those of the version that was, and go with it.
            weights=given.additional_version_weight if "additionalVersionWeight" in changes else {},
            description=given.description,
            modified=iso_time(call.moment.now),
        )
        function.aliases[name] = _checked_alias(function, alias)
        self._plane.stage.show(function)
        return json_response(alias.record(name))

    def _get_alias(self, call: Call) -> Response:
        _, alias = self._found(call)
        return json_response(alias.record(call.path["aliasName"]))

    def _delete_alias(self, call: Call) -> Response:
        function, _ = self._found(call)
        del function.aliases[call.path["aliasName"]]
        self._plane.stage.show(function)
        return DONE

    def _list_aliases(self, call: Call) -> Response:
        aliases = self._plane.function(call).aliases
        rows = {name: alias.record(name) for name, alias in aliases.items()}
        return paged(call, "aliases", rows, lambda row: row)

    def _found(self, call: Call) -> tuple[Function, Alias]:
        function, name = self._plane.function(call), call.path["aliasName"]
        if name not in function.aliases:
            raise missing("Alias", name, f"function '{function.name}'")
        return function, function.aliases[name]


def _checked_alias(function: Function, alias: Alias) -> Alias:
    """The alias, when all its versions are there and its weights are shares of one."""
    for number in (alias.version, *alias.weights):
        if number not in function.versions:
            raise missing("Version", number, f"function '{function.name}'")
    if alias.version in alias.weights:
        raise wrong(f"additionalVersionWeight: version {alias.version} is the alias's own.")
    if not all(0 <= weight < 1 for weight in alias.weights.values()):
        raise wrong("additionalVersionWeight: a weight must be at least 0 and less than 1.")
    return alias
