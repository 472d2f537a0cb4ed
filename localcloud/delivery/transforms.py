"""What a target gets of an event: all of it, a part, a constant, or a text with parts in it.

Pure: knows no target. Of JSONPath the plain steps are understood: `$.data.name`, `$['a b']`, `$.list[0]`. No
page says what becomes of a path that leads nowhere; here it is an empty text.

Source: https://www.alibabacloud.com/help/en/eventbridge/user-guide/event-transformation.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from fctoolkit.jsontypes import FrozenJson, JsonObject, JsonValue

Form: TypeAlias = Literal["ORIGINAL", "JSONPATH", "TEMPLATE", "CONSTANT"]

MAX_TEXT: Final = 10_240
"""Characters that a value or a template may have."""

_STEP: Final = re.compile(r"\.([A-Za-z_][\w-]*)|\[(\d{1,9})\]|\['([^']*)'\]|\[\"([^\"]*)\"\]")
_VARIABLE: Final = re.compile(r"\$\{([^{}]+)\}")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a target.

    Attributes:
        form: `ORIGINAL` the event; `JSONPATH` the part at the path `value`; `CONSTANT` the `value`;
            `TEMPLATE` the text `template` with the parts that `value`, a JSON object of paths, names.
    """

    form: Form = "ORIGINAL"
    value: str = ""
    template: str = ""


ORIGINAL: Final = Parameter()


def problem_of(parameter: Parameter) -> str:
    """What is wrong with a parameter, for who sent it; empty when it can be used."""
    for name, text in (("Value", parameter.value), ("Template", parameter.template)):
        if len(text) > MAX_TEXT:
            return f"{name} may have {MAX_TEXT} characters, not {len(text)}"
    if parameter.form == "JSONPATH":
        return "" if _steps(parameter.value) is not None else _not_a_path("Value", parameter.value)
    if parameter.form != "TEMPLATE":
        return ""
    paths = _paths(parameter.value)
    if paths is None:
        return "Value must be a JSON object of names and JSONPaths when Form is TEMPLATE"
    bad = [_not_a_path(f"Value.{name}", path) for name, path in paths.items() if _steps(path) is None]
    return bad[0] if bad else ""


def transformed(parameter: Parameter, event: JsonObject) -> str:
    """What a target gets of an event by a parameter without problems: a text, or JSON as a text."""
    match parameter.form:
        case "ORIGINAL":
            return _as_text(event)
        case "CONSTANT":
            return parameter.value
        case "JSONPATH":
            return _as_text(_part(event, parameter.value))
        case "TEMPLATE":
            paths = _paths(parameter.value) or {}

            def filled(match: re.Match[str]) -> str:
                path = paths.get(match[1])
                return match[0] if path is None else _as_text(_part(event, path))

            return _VARIABLE.sub(filled, parameter.template)


def _paths(text: str) -> dict[str, str] | None:
    """The variables of a template with their paths; None when the text is no JSON object of texts."""
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or not all(isinstance(path, str) for path in value.values()):
        return None
    return {str(name): str(path) for name, path in value.items()}


def _part(event: JsonObject, path: str) -> JsonValue:
    """The value at a path; an empty text when there is none."""
    value: JsonValue = event
    for step in _steps(path) or ():
        match value:
            case dict() if isinstance(step, str) and step in value:
                value = value[step]
            case list() if isinstance(step, int) and step < len(value):
                value = value[step]
            case _:
                return ""
    return value


def _steps(path: str) -> list[str | int] | None:
    """The keys and places of a path, from the event on; None for what is not understood."""
    text = path.strip()
    if not text.startswith("$"):
        return None
    steps: list[str | int] = []
    position = 1
    while position < len(text):
        match = _STEP.match(text, position)
        if match is None:
            return None
        dotted, place, single, double = match.groups()
        steps.append(
            int(place)
            if place is not None
            else next(key for key in (dotted, single, double) if key is not None)
        )
        position = match.end()
    return steps


def _as_text(value: FrozenJson) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _not_a_path(name: str, path: str) -> str:
    return f"{name} must be a JSONPath of plain steps such as $.data.name or $.list[0], not {path[:80]!r}"
