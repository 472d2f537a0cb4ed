"""A small language for what values may look like. Knows no key of any file.

A shape yields one problem for each thing that is wrong, with its own line and a fix. That is why these are no
pydantic models: those know nothing of lines, answer a union with an error for each branch, and name no fix.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from tools.template.problems import Problem, Value, nearest

if TYPE_CHECKING:
    from fctoolkit.jsontypes import JsonScalar


class Shape(Protocol):
    """What a value may look like."""

    def problems(self, value: Value) -> Iterator[Problem]:
        """What is wrong with a value whose references are all resolved."""
        ...


def check(shape: Shape, value: Value) -> Iterator[Problem]:
    """What is wrong with a value. One that is unknown before a deployment is passed."""
    if value.is_known:
        yield from shape.problems(value)


@dataclass(frozen=True, slots=True)
class Anything:
    """Any value."""

    def problems(self, value: Value) -> Iterator[Problem]:  # noqa: ARG002 - the protocol's name
        """Nothing is wrong."""
        yield from ()


@dataclass(frozen=True, slots=True)
class Text:
    """A text of some form; `expected` says the form in words."""

    form: str = r"(?s).+"
    expected: str = "a text that is not empty"

    def problems(self, value: Value) -> Iterator[Problem]:
        """No text, or one of another form."""
        content = value.node.content
        if isinstance(content, (bool, int, float)):
            yield value.problem(f"expected a text, found {value.excerpt}", "put it in quotes")
        elif not isinstance(content, str):
            yield value.problem(f"expected a text, found {value.excerpt}", f"write {self.expected}")
        elif not re.fullmatch(self.form, content):
            yield value.problem(f"{value.excerpt} is not {self.expected}", f"write {self.expected}")


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some words or numbers."""

    known: tuple[JsonScalar, ...]

    def problems(self, value: Value) -> Iterator[Problem]:
        """Not one of these."""
        content = value.node.content
        if isinstance(content, (Mapping, tuple)) or (type(content), content) not in {
            (type(one), one) for one in self.known
        }:
            known = ", ".join(str(one) for one in self.known)
            near = nearest(str(content), (str(one) for one in self.known))
            fix = f"did you mean {near}? There are: {known}" if near else f"take one of: {known}"
            yield value.problem(f"{value.excerpt} is not known here", fix)


@dataclass(frozen=True, slots=True)
class Number:
    """A number from `low` to `high` in steps of `step`; a whole one when the step is."""

    low: float
    high: float = math.inf
    step: float = 1

    def problems(self, value: Value) -> Iterator[Problem]:
        """No number, or one out of range or between steps."""
        whole = float(self.step).is_integer()
        kind = "a whole number" if whole else "a number"
        upper = "" if math.isinf(self.high) else f" to {self.high:g}"
        steps = "" if self.step == 1 else f" in steps of {self.step:g}"
        fix = f"write {kind} from {self.low:g}{upper}{steps}, without quotes"
        number = value.number
        if number is None or (whole and isinstance(number, float)):
            yield value.problem(f"expected {kind}, found {value.excerpt}", fix)
        elif not self.low <= number <= self.high:
            yield value.problem(f"{number:g} is out of range", fix)
        elif not math.isclose(number / self.step, round(number / self.step), abs_tol=1e-6):
            yield value.problem(f"{number:g} is between the steps", fix)


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false."""

    def problems(self, value: Value) -> Iterator[Problem]:
        """Anything else, such as the text `yes`."""
        if not isinstance(value.node.content, bool):
            yield value.problem(
                f"expected true or false, found {value.excerpt}", "write true or false, without quotes"
            )


@dataclass(frozen=True, slots=True)
class Items:
    """A list with from `least` to `most` items, each at most once."""

    shape: Shape
    least: int = 0
    most: int = 1000

    def problems(self, value: Value) -> Iterator[Problem]:
        """No list, too short or too long, an item twice, and what is wrong with each item."""
        content = value.node.content
        if not isinstance(content, tuple):
            yield value.problem(f"expected a list, found {value.excerpt}", "write a list, such as [one, two]")
            return
        if not self.least <= len(content) <= self.most:
            bound = f"at least {self.least}" if len(content) < self.least else f"at most {self.most}"
            yield value.problem(f"the list has {len(content)} items", f"give {bound}")
        seen: list[object] = []
        for item in value.elements():
            yield from check(self.shape, item)
            if item.node.plain() in seen:
                yield item.problem("the item is in the list twice", "take one out")
            seen.append(item.node.plain())


@dataclass(frozen=True, slots=True)
class Mapped:
    """A mapping of free names."""

    shape: Shape
    least: int = 0

    def problems(self, value: Value) -> Iterator[Problem]:
        """No mapping, too few names, and what is wrong with each value."""
        if not isinstance(value.node.content, Mapping):
            yield value.problem(f"expected a mapping, found {value.excerpt}", "write `name: value` lines")
        elif len(value.node.content) < self.least:
            yield value.problem("the mapping is empty", "give it an entry, or take it out")
        for child in value.values():
            yield from check(self.shape, child)


@dataclass(frozen=True, slots=True)
class Keys:
    """A mapping of known keys and no others."""

    required: Mapping[str, Shape] = field(default_factory=dict)
    optional: Mapping[str, Shape] = field(default_factory=dict)

    def problems(self, value: Value) -> Iterator[Problem]:
        """No mapping, a key that is not known or missing, and what is wrong with each value."""
        known = {**self.required, **self.optional}
        if not isinstance(value.node.content, Mapping):
            fix = f"write a mapping with {', '.join(self.required or known)}"
            yield value.problem(f"expected a mapping, found {value.excerpt}", fix)
            return
        missing = {key for key in self.required if value.get(key) is None}
        for key, child in value.items():
            if key in known:
                yield from check(known[key], child)
                continue
            near = nearest(key, set(known) - {other for other, _ in value.items()})
            missing.discard(near)
            fix = f"did you mean {near}?" if near else f"take it out; known are {', '.join(sorted(known))}"
            yield child.problem("there is no such key here", fix)
        for key in sorted(missing):
            yield value.problem(f"{key} is missing", f"add `{key}`")


@dataclass(frozen=True, slots=True)
class Or:
    """One shape for a text, such as the word `auto`, and another for anything else."""

    text: Shape
    other: Shape

    def problems(self, value: Value) -> Iterator[Problem]:
        """What is wrong with the one that the value takes after."""
        yield from (self.other if value.text is None else self.text).problems(value)
