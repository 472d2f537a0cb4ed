"""All problems of an s.yaml. Reads files, runs nothing, calls nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from fctoolkit.strictjson import dotted
from localcloud.functions.spec import DEFAULT_ACCOUNT_ID
from localcloud.template.references import References
from localcloud.template.resources import extended_props, itself
from localcloud.template.source import Node, Place, TemplateError, UnknownValueError, load
from tools.template.document_model import document_problems
from tools.template.enlist_rules import ENLIST_RULES, applies_to, packing
from tools.template.function import Function
from tools.template.function_model import FUNCTION
from tools.template.function_rules import FUNCTION_RULES
from tools.template.problems import Problem, Value, problem_at
from tools.template.shapes import check
from tools.template.trigger_rules import TRIGGER_RULES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

NOTHING_SET: Final[dict[str, str]] = {}
"""An environment in which every reference takes its default."""

MOST_RULES: Final = 10
"""Rules on the default bus, by FC's page on cloud service events; EventBridge's own page says 50."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found in one file: its problems in order, and how much was looked at."""

    problems: tuple[Problem, ...]
    functions: int = 0
    triggers: int = 0


def lint(file: Path, environment: Mapping[str, str] = NOTHING_SET) -> Findings:
    """Everything that is wrong with an s.yaml, read with these variables of the environment."""
    try:
        return lint_document(load(file.resolve()), file.resolve().parent, environment)
    except TemplateError as error:
        return Findings((_unreadable(error, "file"),))
    except RecursionError:
        place = Place(file.resolve(), 1)
        return Findings((problem_at(place, "file", "its values are nested too deeply", "make it flatter"),))


def lint_document(document: Node, folder: Path, environment: Mapping[str, str] = NOTHING_SET) -> Findings:
    """Everything that is wrong with the document, whose relative paths start from `folder`.

    References to variables that `environment` does not have take their defaults.
    """
    found: list[Problem] = []
    references = References(document, folder, environment, DEFAULT_ACCOUNT_ID)
    outside = Value(_outside_props(references, found))
    found += document_problems(outside)
    functions = list(_functions(references, outside, found))
    for function in functions:
        found += check(FUNCTION, function.props)
        for rule in (*FUNCTION_RULES, *TRIGGER_RULES):
            found += rule(function)
        if applies_to(function):
            for rule in ENLIST_RULES:
                found += rule(function)
    if any(applies_to(function) for function in functions):
        found += packing(outside)
    found += _same_names(functions)
    found += _many_rules(functions)
    return Findings(_once(found), len(functions), sum(len(list(one.triggers())) for one in functions))


def _outside_props(references: References, found: list[Problem]) -> Node:
    """The document, with the references resolved that stand outside of vars, templates and props."""
    entries: dict[str, Node] = {}
    for key, value in Value(references.document).items():
        if key in ("vars", "template"):
            entries[key] = value.node
        elif key == "resources" and value.is_mapping:
            entries[key] = Node(
                {name: _shell(references, one, found) for name, one in value.items()}, value.node.place
            )
        else:
            entries[key] = _resolved(references, value, found)
    return Node(entries, references.document.place)


def _shell(references: References, resource: Value, found: list[Problem]) -> Node:
    """A resource with the references resolved that stand outside of its props."""
    if not resource.is_mapping:
        return _resolved(references, resource, found)
    return Node(
        {
            key: value.node if key == "props" else _resolved(references, value, found, resource.node)
            for key, value in resource.items()
        },
        resource.node.place,
    )


def _functions(references: References, document: Value, found: list[Problem]) -> Iterator[Function]:
    resources = document.get("resources")
    for key, resource in resources.items() if resources is not None else ():
        component = resource.get("component")
        if component is None or component.text is None:
            continue
        if component.text.partition("@")[0] == "fc3":
            props = _props(references, key, resource, found)
            alone = replace(references, environment=NOTHING_SET)
            yield Function(props, _props(alone, key, resource, []), references.folder)
        else:
            found.append(
                component.problem(
                    f"what component {component.text} needs is not known here",
                    "check it with `s verify`",
                    is_note=True,
                )
            )


def _props(references: References, key: str, resource: Value, found: list[Problem]) -> Value:
    """A function's props with the template beneath them, and all references resolved that can be."""
    steps = (*resource.steps, "props")
    try:
        props = extended_props(references.document, resource.node)
    except TemplateError as error:
        found.append(_unreadable(error, dotted(steps)))
        props = resource.node.get("props") or Node({}, resource.node.place)
    value = Value(props, steps)
    return Value(_resolved(references, value, found, itself(key, resource.node, props)), steps)


def _resolved(
    references: References, value: Value, found: list[Problem], resource: Node | None = None
) -> Node:
    def report(error: TemplateError) -> None:
        if not isinstance(error, UnknownValueError):
            found.append(_unreadable(error, dotted(value.steps)))

    return references.resolve(value.node, resource, report)


def _unreadable(error: TemplateError, path: str) -> Problem:
    wrong, semicolon, fix = error.reason.partition("; ")
    return problem_at(error.place, path, wrong, fix if semicolon else "correct it there")


def _same_names(functions: list[Function]) -> Iterator[Problem]:
    seen: set[tuple[str | None, str]] = set()
    for function in functions:
        name = function.props.get("functionName")
        if name is None or name.text is None:
            continue
        place = function.text("region"), name.text
        if place in seen:
            yield name.problem(
                f"two functions of this file are named {name.text}", "rename one: it would replace the other"
            )
        seen.add(place)


def _many_rules(functions: list[Function]) -> Iterator[Problem]:
    rules: dict[str | None, list[Value]] = {}
    for function in functions:
        for trigger in function.triggers("eventbridge"):
            source = trigger.get("triggerConfig", "eventSourceConfig", "eventSourceType")
            if source is not None and source.text == "Default":
                rules.setdefault(function.text("region"), []).append(trigger)
    for found in rules.values():
        if len(found) > MOST_RULES:
            yield found[MOST_RULES].problem(
                f"this is rule {MOST_RULES + 1} on the default bus; one page of FC allows {MOST_RULES}",
                "join patterns that differ in few values, or ask for a higher quota",
                is_note=True,
            )


def _once(found: list[Problem]) -> tuple[Problem, ...]:
    """In order; what several functions take from one template or anchor is said once."""
    first: dict[tuple[str, int, str], Problem] = {}
    for problem in found:
        first.setdefault((problem.file, problem.line, problem.wrong), problem)
    return tuple(sorted(first.values()))
