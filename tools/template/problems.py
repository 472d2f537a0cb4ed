"""What the linter says, and the values that it says it about. Knows no rule."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, TypeAlias

from fctoolkit.strictjson import dotted, excerpt

if TYPE_CHECKING:
    from localcloud.template.source import Node, Place

Steps: TypeAlias = tuple[str | int, ...]
"""The way to a value: keys and positions."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing to mend.

    Attributes:
        file, line: where it stands.
        path: the value, such as `resources.report.props.timeout`.
        wrong: what is wrong there.
        fix: what to do.
        is_note: it may be meant so; a note makes no file bad.
    """

    file: str
    line: int
    path: str
    wrong: str
    fix: str
    is_note: bool = False

    def __str__(self) -> str:
        mark = "note: " if self.is_note else ""
        return f"{self.file}:{self.line}: {self.path}: {mark}{self.wrong}; {self.fix}"


def problem_at(place: Place, path: str, wrong: str, fix: str, *, is_note: bool = False) -> Problem:
    """A problem at a place of the tree."""
    return Problem(str(place.file), place.line, path, wrong, fix, is_note)


@dataclass(frozen=True, slots=True)
class Value:
    """A value of the resolved tree, and the way to it."""

    node: Node
    steps: Steps = ()

    def get(self, *steps: str | int) -> Value | None:
        """The value that the steps lead to, None when they lead nowhere."""
        value: Value | None = self
        for step in steps:
            value = _child(value, step) if value is not None else None
        return value

    def items(self) -> Iterator[tuple[str, Value]]:
        """Keys and values of a mapping; nothing for anything else."""
        content = self.node.content
        if isinstance(content, Mapping):
            yield from ((key, Value(node, (*self.steps, key))) for key, node in content.items())

    def values(self) -> Iterator[Value]:
        """The values of a mapping; nothing for anything else."""
        yield from (value for _, value in self.items())

    def elements(self) -> Iterator[Value]:
        """The items of a list; nothing for anything else."""
        content = self.node.content
        if isinstance(content, tuple):
            yield from (Value(node, (*self.steps, index)) for index, node in enumerate(content))

    @property
    def is_mapping(self) -> bool:
        """Whether it has keys."""
        return isinstance(self.node.content, Mapping)

    @property
    def is_known(self) -> bool:
        """False for a reference that only a deployment can resolve; no rule judges what it cannot see."""
        content = self.node.content
        return not (isinstance(content, str) and "${" in content)

    @property
    def text(self) -> str | None:
        """The value when it is a text and known."""
        content = self.node.content
        return content if isinstance(content, str) and self.is_known else None

    @property
    def number(self) -> float | None:
        """The value when it is a number."""
        content = self.node.content
        return content if isinstance(content, (int, float)) and not isinstance(content, bool) else None

    @property
    def excerpt(self) -> str:
        """The value in few words."""
        return excerpt(self.node.plain())

    def problem(self, wrong: str, fix: str, *, is_note: bool = False) -> Problem:
        """A problem with this value."""
        return problem_at(self.node.place, dotted(self.steps), wrong, fix, is_note=is_note)


def _child(value: Value, step: str | int) -> Value | None:
    content = value.node.content
    if isinstance(step, str):
        found = value.node.get(step)
    else:
        found = content[step] if isinstance(content, tuple) and step < len(content) else None
    return None if found is None else Value(found, (*value.steps, step))


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that was probably meant, whatever its case; empty when none is near."""
    folded = {one.casefold(): one for one in known}
    found = get_close_matches(word.casefold(), folded, n=1, cutoff=0.7)
    return folded[found[0]] if found else ""
