"""An s.yaml as a tree of values that know their line. Knows YAML, and nothing of what the file means.

Every value carries the place it was written at, so that each later complaint can name file and line.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from fctoolkit.errors import ConfigurationError
from fctoolkit.jsontypes import JsonScalar, JsonValue

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands; lines count from 1."""

    file: Path
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class TemplateError(ConfigurationError):
    """An s.yaml cannot be used.

    Attributes:
        place: file and line of what is wrong.
        reason: what is wrong there and what to do.
    """

    def __init__(self, place: Place, reason: str) -> None:
        self.place = place
        self.reason = reason
        super().__init__(f"{place}: {reason}")


class UnknownValueError(TemplateError):
    """A value that only a deployment knows, such as a resource's output. The file may still be right."""


Content: TypeAlias = JsonScalar | Mapping[str, "Node"] | tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Node:
    """A value of the file and the place of its key. Mappings and lists hold nodes again."""

    content: Content
    place: Place

    def get(self, key: str) -> Node | None:
        """The value under `key`, None when this is no mapping or has no such key."""
        return self.content.get(key) if isinstance(self.content, Mapping) else None

    def at(self, path: Iterable[int | str]) -> Node:
        """The deepest node that `path` leads to; steps that lead nowhere are left out."""
        node = self
        for step in path:
            if isinstance(node.content, tuple) and isinstance(step, int) and step < len(node.content):
                node = node.content[step]
            else:
                node = node.get(str(step)) or node
        return node

    def plain(self) -> JsonValue:
        """The value without its places."""
        if isinstance(self.content, Mapping):
            return {key: child.plain() for key, child in self.content.items()}
        if isinstance(self.content, tuple):
            return [child.plain() for child in self.content]
        return self.content


def merge(base: Node, over: Node) -> Node:
    """`over` laid on `base`: mappings are merged key by key, anything else is replaced."""
    if not (isinstance(base.content, Mapping) and isinstance(over.content, Mapping)):
        return over
    merged = dict(base.content)
    for key, child in over.content.items():
        merged[key] = merge(merged[key], child) if key in merged else child
    return Node(merged, over.place)


def load(file: Path) -> Node:
    """The file as a tree, with the files that it extends (`extend: ./s.yaml`) merged beneath it.

    Raises TemplateError when the file cannot be read, is no YAML 1.2, or is not a mapping.
    """
    return _load(file, ())


def _load(file: Path, children: tuple[Path, ...]) -> Node:
    start = Place(file, 1)
    if file in children:
        raise TemplateError(
            start, "the file extends itself, directly or through another; take one `extend` out"
        )
    try:
        loaded: object = YAML(typ="rt").load(file.read_text(encoding="utf-8"))
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark is not None else 1
        raise TemplateError(Place(file, line), f"no valid YAML: {error.problem or error.context}") from None
    except YAMLError as error:
        raise TemplateError(start, f"no valid YAML: {error}") from None
    except (OSError, UnicodeDecodeError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or error
        raise TemplateError(start, f"the file cannot be read: {why}; name another template") from None
    if not isinstance(loaded, CommentedMap):
        raise TemplateError(start, "expected a mapping with `edition` and `resources`")
    root = _node(loaded, start)
    base = root.get("extend")
    if base is None:
        return root
    if not isinstance(base.content, str):
        raise TemplateError(base.place, "`extend` must be the path of one file, such as ./s.yaml")
    return merge(_load((file.parent / base.content).resolve(), (*children, file)), root)


def _node(value: object, place: Place) -> Node:
    if isinstance(value, CommentedMap):
        return Node(
            {_key(key, place): _node(child, _inside(value, key, place)) for key, child in value.items()},
            place,
        )
    if isinstance(value, CommentedSeq):
        return Node(
            tuple(_node(child, _inside(value, index, place)) for index, child in enumerate(value)), place
        )
    if value is None or isinstance(value, bool):
        return Node(value, place)
    # The parser's own kinds of text and number remember how they were spelled; nobody needs that here.
    for plain in (str, int, float):
        if isinstance(value, plain):
            return Node(plain(value), place)
    raise TemplateError(place, f"a {type(value).__name__} is not allowed here; put the value in quotes")


def _key(key: object, place: Place) -> str:
    if not isinstance(key, str):
        raise TemplateError(place, f"the key {key!r} is not a text; put it in quotes")
    return str(key)


def _inside(container: CommentedMap | CommentedSeq, key: object, place: Place) -> Place:
    """The place of a list's item or a mapping's key. A key merged by `<<` stands where it was written."""
    position = (container.lc.data or {}).get(key)
    if position is not None:
        return Place(place.file, position[0] + 1)
    merged = container.merge if isinstance(container, CommentedMap) else ()
    for other in merged:
        if key in other:
            return _inside(other, key, place)
    return Place(place.file, container.lc.line + 1)
