"""Reading bindings.yaml so that every problem is shown with file, line and column. Needs the extra `yaml`.

YAML 1.2 (`no` and `on` are texts). Never imported on the event path: functions carry packed JSON.
"""

# The YAML parser ships no types.
# pyright: basic

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import RoundTripConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from enlist.bindings.model import Bindings
from enlist.bindings.packed import problems_of
from enlist.errors import BindingsError, Problem
from fctoolkit.errors import ConfigurationError
from fctoolkit.strictjson import dotted

if TYPE_CHECKING:
    from pathlib import Path

    from fctoolkit.jsontypes import JsonValue

Place: TypeAlias = tuple[str | int, ...]


class _Constructor(RoundTripConstructor):
    """Leaves times as they are written: a wrong one is then refused with its place, like any other value."""


_Constructor.add_constructor("tag:yaml.org,2002:timestamp", RoundTripConstructor.construct_scalar)


def read_yaml(file: Path) -> Bindings:
    """The bindings in a YAML file.

    Raises `BindingsError` with file, line and column of every problem; `ConfigurationError` when the file
    cannot be read.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"no bindings: {file} cannot be read ({error})") from None
    try:
        tree = _parse(text, file)
        data = _plain(tree)
    except RecursionError:
        raise BindingsError((Problem(str(file), "", "nested too deep"),)) from None
    try:
        return Bindings.model_validate(data)
    except ValidationError as error:
        raise BindingsError(
            tuple(
                Problem(_where(file, tree, place), dotted(place), message)
                for place, message in problems_of(error)
            )
        ) from None


def _parse(text: str, file: Path) -> CommentedMap:
    parser = YAML(typ="rt")
    parser.Constructor = _Constructor
    try:
        tree = parser.load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{file}:{mark.line + 1}:{mark.column + 1}" if mark else str(file)
        raise BindingsError((Problem(where, "", f"not YAML: {error.problem or error.context}"),)) from None
    except (YAMLError, ValueError) as error:  # ValueError: `!!int x`, a number of thousands of digits
        raise BindingsError((Problem(str(file), "", f"not YAML: {error}"),)) from None
    if not isinstance(tree, CommentedMap):
        raise BindingsError((Problem(f"{file}:1:1", "", "expected a mapping with edge and search"),))
    return tree


def _plain(node: object) -> JsonValue:
    """YAML's values as JSON's: the parser's own types as plain ones."""
    if isinstance(node, Mapping):
        return {str(key): _plain(value) for key, value in node.items()}
    if isinstance(node, Sequence) and not isinstance(node, str):
        return [_plain(item) for item in node]
    if isinstance(node, bool) or node is None:
        return node
    if isinstance(node, int):
        return int(node)
    return float(node) if isinstance(node, float) else str(node)


def _where(file: Path, tree: CommentedMap, place: Place) -> str:
    """`file:line:column` of the value at `place`, or of the nearest thing above it that the file has."""
    line, column = 0, 0
    node: object = tree
    for step in place:
        if isinstance(node, CommentedMap) and step in node:
            if step in (node.lc.data or ()):  # not so for what `<<` brought in
                # The parser places an empty value at whatever comes next.
                line, column = node.lc.key(step) if node[step] is None else node.lc.value(step)
        elif isinstance(node, CommentedSeq) and isinstance(step, int) and step < len(node):
            line, column = node.lc.item(step)
        else:
            break
        node = node[step]
    return f"{file}:{line + 1}:{column + 1}"
