"""What should stand on the account against what does. Pure; knows the shape of `s info` and no command.

Compared is what a deployment may get wrong without saying so: a function or trigger that is not there, an old
version of a layer, a trigger with an old pattern, schedule, kind of caller or queue (fc3 leaves out the
triggers behind an unchanged eventbridge one), and the limit that keeps a second instance of a function from
running. What else a function has, fc3 sends at every deployment, and says when that fails.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from localcloud.functions.spec import DEFAULT_ACCOUNT_ID
from localcloud.template.references import References
from localcloud.template.resources import resolved_props, resources
from localcloud.template.source import load

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from fctoolkit.jsontypes import JsonObject, JsonValue

DEFAULT_ACCESS: Final = "default"
"""The credentials of a template that names none."""

LATEST: Final = "LATEST"
"""The qualifier of a trigger that names none."""

_SCALARS: Final = ("authType", "cronExpression", "payload", "enable", "triggerEnable", "asyncInvocationType")
_RUN_OPTIONS: Final = {
    "dead-letter queue": ("deadLetterQueue", "Arn"),
    "retry strategy": ("retryStrategy", "PushRetryStrategy"),
}
_LAYER: Final = re.compile(r"acs:fc:[^:]*:(?!official:)[^:]*:layers/([^/]+)/versions/[^/]+")


@dataclass(frozen=True, slots=True)
class Wanted:
    """One function as the template has it.

    Attributes:
        key: its key under `resources`.
        name: `functionName`.
        region: where it is to be.
        access: the credentials that the template names for it.
        concurrency: `reservedConcurrency`, None when it has none.
        layers: the names of its layers, without FC's own.
        triggers: what is compared of each trigger, by its name and the key in the template.
        props: all that the template says of it.
    """

    key: str
    name: str
    region: str
    access: str
    concurrency: JsonValue
    layers: tuple[str, ...]
    triggers: Mapping[str, Mapping[str, JsonValue]]
    props: JsonObject


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that is not as the template says. `trigger` is set when deploying that one alone may help."""

    function: Wanted
    words: str
    trigger: str = ""

    def __str__(self) -> str:
        return f"{self.function.name}: {self.words}"


def read_wanted(template: Path, environment: Mapping[str, str]) -> tuple[Wanted, ...]:
    """The functions of a template. Raises TemplateError for one that cannot be read."""
    file = template.resolve()
    document = load(file)
    references = References(document, file.parent, environment, DEFAULT_ACCOUNT_ID)
    shared = document.get("access")
    found = []
    for key, resource in resources(document):
        access = resource.get("access") or shared
        name = DEFAULT_ACCESS if access is None else str(references.resolve(access).plain())
        found.append(_wanted(key, name, resolved_props(references, key, resource).plain()))
    return tuple(found)


def question(functions: Iterable[Wanted]) -> JsonObject:
    """A template whose `s info` tells what stands on the account, with a resource for each thing asked about.

    About a function of which one trigger is missing, `s info` says nothing at all. So every trigger is asked
    about by itself; `merged` puts the answers together. Triggers that nobody asks about are never told.
    """
    asked: dict[str, JsonValue] = {}
    for function in functions:
        place: JsonObject = {"region": function.region, "functionName": function.name}
        limit = {"reservedConcurrency": function.concurrency}
        itself = place if function.concurrency is None else {**place, "concurrencyConfig": limit}
        triggers: list[JsonObject] = [
            {**place, "triggers": [{"triggerName": one}]} for one in function.triggers
        ]
        for number, props in enumerate([itself, *triggers]):
            asked[f"{function.key}_{number}"] = {
                "component": "fc3",
                "access": function.access,
                "props": props,
            }
    return {"edition": "3.0.0", "name": "enlist", "resources": asked}


def merged(answers: Iterable[JsonObject]) -> dict[str, JsonObject]:
    """What `s info` shows, by function name: each function once, with all its triggers."""
    found: dict[str, JsonObject] = {}
    for one in answers:
        if "functionName" in one:
            before = found.get(str(one["functionName"]), {})
            triggers = [*_items(before.get("triggers")), *_items(one.get("triggers"))]
            found[str(one["functionName"])] = {**before, **one, "triggers": triggers}
    return found


def differences(
    wanted: Wanted, deployed: Mapping[str, JsonObject], versions: Mapping[str, int]
) -> Iterator[Difference]:
    """What is not as it should be with a function.

    Args:
        wanted: the function.
        deployed: what `s info` shows, by function name.
        versions: those of the layers that were published, by their names.
    """
    shown = deployed.get(wanted.name)
    if shown is None:
        yield Difference(wanted, "the function is not there")
        return
    layers = [str(one) for one in _items(shown.get("layers"))]
    for name in wanted.layers:
        version = versions.get(name)
        if version is not None and not any(
            one.endswith(f":layers/{name}/versions/{version}") for one in layers
        ):
            yield Difference(wanted, f"it does not have version {version} of the layer {name}")
    if wanted.concurrency is not None and _at(shown, "concurrencyConfig", "reservedConcurrency") != (
        wanted.concurrency
    ):
        yield Difference(wanted, f"its reservedConcurrency is not {wanted.concurrency}")
    triggers = _triggers(shown)
    for name, values in wanted.triggers.items():
        if name not in triggers:
            yield Difference(wanted, f"the trigger {name} is not there", name)
            continue
        others = [key for key, value in values.items() if not _same(key, value, triggers[name].get(key))]
        if others:
            yield Difference(wanted, f"the trigger {name} has another {' and '.join(others)}", name)


def _wanted(key: str, access: str, props: JsonValue) -> Wanted:
    function = props if isinstance(props, dict) else {}
    return Wanted(
        key,
        str(function.get("functionName", "")),
        str(function.get("region", "")),
        access,
        _at(function, "concurrencyConfig", "reservedConcurrency"),
        tuple(found[1] for one in _items(function.get("layers")) if (found := _LAYER.fullmatch(str(one)))),
        _triggers(function),
        function,
    )


def _triggers(function: JsonObject) -> dict[str, JsonObject]:
    """What is compared of each trigger of a function, by the trigger's name."""
    found = [one for one in _items(function.get("triggers")) if isinstance(one, dict)]
    return {str(one["triggerName"]): _compared(one) for one in found if "triggerName" in one}


def _compared(trigger: JsonObject) -> JsonObject:
    values: JsonObject = {"qualifier": trigger.get("qualifier") or LATEST, "pattern": _pattern(trigger)}
    values.update({key: _at(trigger, "triggerConfig", key) for key in _SCALARS})
    options = _at(trigger, "triggerConfig", "runOptions")
    values.update({name: _at(options, *path) for name, path in _RUN_OPTIONS.items()})
    return {key: value for key, value in values.items() if value is not None}


def _same(key: str, wanted: JsonValue, found: JsonValue) -> bool:
    """An answer may leave out what is false or empty, and the options of a run."""
    return found == wanted or (found is None and (not wanted or key in _RUN_OPTIONS))


def _items(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []


def _pattern(trigger: JsonObject) -> JsonValue:
    text = _at(trigger, "triggerConfig", "eventRuleFilterPattern")
    try:
        found: JsonValue = json.loads(text) if isinstance(text, str) else None
    except ValueError:
        return text
    return found


def _at(value: JsonValue, *path: str) -> JsonValue:
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value
