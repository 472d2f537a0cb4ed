"""What should stand on the account against what does. Pure; knows the shape of `s info` and no command.

Compared is what a deployment may get wrong without saying so: a function or trigger that is not there, an old
version of the layer, a rule with an old pattern (fc3 leaves out the triggers behind an unchanged eventbridge
one), and the limit that keeps a second instance of a function from running.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from localcloud.template import DEFAULT_ACCOUNT_ID
from localcloud.template_references import References
from localcloud.template_resources import resolved_props, resources
from localcloud.template_source import load

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from fctoolkit.jsontypes import JsonObject, JsonValue

LAYER: Final = "enlist"


@dataclass(frozen=True, slots=True)
class Wanted:
    """One function as the template has it.

    Attributes:
        key: its key under `resources`.
        name: `functionName`.
        region: where it is to be.
        concurrency: `reservedConcurrency`, None when it has none.
        triggers: the pattern of each trigger by its name, None where it has no pattern.
    """

    key: str
    name: str
    region: str
    concurrency: JsonValue
    triggers: Mapping[str, JsonValue]


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
    return tuple(
        _wanted(key, resolved_props(references, key, resource).plain())
        for key, resource in resources(document)
    )


def differences(
    wanted: Wanted, deployed: Mapping[str, JsonObject], layer_version: int
) -> Iterator[Difference]:
    """What is not as it should be with a function; `deployed` is what `s info` shows, by function name."""
    shown = deployed.get(wanted.name)
    if shown is None:
        yield Difference(wanted, "the function is not there")
        return
    layers = shown.get("layers")
    if not any(
        str(layer).endswith(f"layers/{LAYER}/versions/{layer_version}")
        for layer in (layers if isinstance(layers, list) else ())
    ):
        yield Difference(wanted, f"it does not have version {layer_version} of the layer")
    if wanted.concurrency is not None and _at(shown, "concurrencyConfig", "reservedConcurrency") != (
        wanted.concurrency
    ):
        yield Difference(wanted, f"its reservedConcurrency is not {wanted.concurrency}")
    triggers = _named(shown.get("triggers"), "triggerName")
    for name, pattern in wanted.triggers.items():
        if name not in triggers:
            yield Difference(wanted, f"the trigger {name} is not there", name)
        elif pattern is not None and _pattern(triggers[name]) != pattern:
            yield Difference(wanted, f"the trigger {name} has another pattern", name)


def left_over(wanted: Wanted, deployed: Mapping[str, JsonObject]) -> list[str]:
    """Triggers that are on the account and not in the template: no deployment takes them away."""
    shown = deployed.get(wanted.name, {})
    return sorted(_named(shown.get("triggers"), "triggerName").keys() - wanted.triggers.keys())


def _wanted(key: str, props: JsonValue) -> Wanted:
    function = props if isinstance(props, dict) else {}
    return Wanted(
        key,
        str(function.get("functionName", "")),
        str(function.get("region", "")),
        _at(function, "concurrencyConfig", "reservedConcurrency"),
        {name: _pattern(one) for name, one in _named(function.get("triggers"), "triggerName").items()},
    )


def _named(items: JsonValue, key: str) -> dict[str, JsonObject]:
    found = [one for one in (items if isinstance(items, list) else ()) if isinstance(one, dict)]
    return {str(one[key]): one for one in found if key in one}


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
