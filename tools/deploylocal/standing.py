"""What stands in the local cloud against what the template says, and what a plan would change. Pure.

More is compared than after a deployment to an account, because here everything can be seen: each property of
a function, whether its code came, and that there is nothing that the template does not have.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tools.deploy.comparison import differences

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from fctoolkit.jsontypes import JsonObject, JsonValue
    from tools.deploy.comparison import Wanted

LATEST: Final = "LATEST"

_ELSEWHERE: Final = frozenset(
    {"region", "code", "layers", "tags", "triggers", "asyncInvokeConfig", "concurrencyConfig"}
)
"""Properties that are no field of a function in the API, or are compared by themselves."""

_CHANGE: Final = re.compile(r"\s+(?:[+~] |- \w+:(?: |$))")
"""A line of a plan that tells of a change. One that begins with a dash may be an item of a list, too."""

_PROPERTY: Final = re.compile(r" {4}(?:[+~-] )?(\w+):")
_RESOURCE: Final = re.compile(r"(\w+):$")


@dataclass(frozen=True, slots=True)
class Change:
    """A line of a plan that tells of a change: of which resource and property."""

    resource: str
    property: str
    line: str

    def __str__(self) -> str:
        return f"{self.resource}.{self.property}: {self.line.strip()}"


def changes(plan: str) -> Iterator[Change]:
    """What a plan would change, but for tags.

    Of tags every plan tells: the API answers with capitals, and fc3 compares that with s.yaml as it is.
    """
    resource = name = ""
    for line in plan.splitlines():
        if found := _RESOURCE.match(line):
            resource, name = found[1], ""
        if found := _PROPERTY.match(line):
            name = found[1]
        if resource and name != "tags" and _CHANGE.match(line):
            yield Change(resource, name, line)


def functions_of(state: JsonObject) -> dict[str, JsonObject]:
    """The functions that were made by calls, by name: as `s info` shows them, and with all their settings."""
    return {str(one["functionName"]): _as_shown(one) for one in _list_at(state, "fc", "functions")}


def layers_of(state: JsonObject, name: str) -> dict[int, str]:
    """The checksums of a layer's versions."""
    return {
        int(str(one["version"])): str(one.get("codeChecksum", ""))
        for one in _list_at(state, "fc", "layers")
        if one.get("layerName") == name
    }


def wrong_with(wanted: Wanted, shown: Mapping[str, JsonObject], versions: Mapping[str, int]) -> list[str]:
    """What is not as the template says, in words.

    `shown` is what `functions_of` gives; `versions` are those of the layers that were published.
    """
    found = [str(one) for one in differences(wanted, shown, versions)]
    function = shown.get(wanted.name)
    if function is None:
        return found
    others = [name for name, value in _plain(wanted.props).items() if not _holds(function.get(name), value)]
    found += [f"{wanted.name}: another {name}" for name in others]
    if not _holds(_tags(function.get("tags")), _tags(wanted.props.get("tags"))):
        found.append(f"{wanted.name}: other tags")
    queued = wanted.props.get("asyncInvokeConfig")
    if queued is not None and not _holds(_at(function, "asyncInvokeConfigs", LATEST), queued):
        found.append(f"{wanted.name}: another asyncInvokeConfig")
    if not str(function.get("codeChecksum", "")).isdecimal():
        found.append(f"{wanted.name}: it has no code")
    there = {str(one.get("triggerName")) for one in _objects(function.get("triggers"))}
    found += [f"{wanted.name}: nobody asked for {name}" for name in sorted(there - wanted.triggers.keys())]
    return found


def checksums(shown: Mapping[str, JsonObject], functions: Iterable[Wanted]) -> dict[str, str]:
    """The code's checksum of each function, by its name; empty when it is not there."""
    return {one.name: str(shown.get(one.name, {}).get("codeChecksum", "")) for one in functions}


def _as_shown(function: JsonObject) -> JsonObject:
    triggers: list[JsonValue] = [
        {**one, "triggerConfig": json.loads(str(one.get("triggerConfig") or "{}"))}
        for one in _objects(function.get("triggers"))
    ]
    layers: list[JsonValue] = [one.get("arn") for one in _objects(function.get("layers"))]
    reserved: JsonObject = {"reservedConcurrency": function.get("reservedConcurrency")}
    return {**function, "triggers": triggers, "layers": layers, "concurrencyConfig": reserved}


def _plain(props: JsonObject) -> JsonObject:
    return {name: value for name, value in props.items() if name not in _ELSEWHERE}


def _holds(found: JsonValue, wanted: JsonValue) -> bool:
    """Whether an answer has all that is wanted; it may say more."""
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(_holds(found.get(key), one) for key, one in wanted.items())
    return found == wanted


def _tags(value: JsonValue) -> JsonObject:
    """Tags by their keys, whether these are spelt as in s.yaml or as the API does."""
    folded = ({key.lower(): one for key, one in tag.items()} for tag in _objects(value))
    return {str(tag.get("key")): tag.get("value") for tag in folded}


def _list_at(value: JsonValue, *path: str) -> list[JsonObject]:
    return _objects(_at(value, *path))


def _objects(value: JsonValue) -> list[JsonObject]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _at(value: JsonValue, *path: str) -> JsonValue:
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value
