"""EventBridge's event patterns: compile one, match an event, explain a mismatch. Knows no event shapes.

Source: https://www.alibabacloud.com/help/en/doc-detail/181432.htm. A pattern is an object shaped like the
events it matches, with an array of expressions at each leaf:

    {"source": [{"prefix": "acs."}], "data": {"eventName": ["Create"], "errorCode": [{"exists": false}]}}

All leaves must match (AND); at a leaf, one expression is enough (OR); letter case counts. The page leaves
some questions open. Here:

- When the event has an array at a leaf, one element that matches is enough. Elements are scalars; deeper
  arrays and objects match nothing. A pattern does not reach into objects that stand in an array.
- `exists` asks whether the key is there, whatever its value, null included. When a parent of the key is
  missing or is no object, the key is not there. Every other expression needs the key, `anything-but` too.
- `anything-but` lets any scalar pass that it does not name, of whatever type.
- Numbers are equal when their values are: 300 is 300.0. One edition of the page says that they are compared
  as texts; `numbers_as_text=True` does that for exact values and `anything-but`.
"""

from __future__ import annotations

import json
import math
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import AddressValueError, IPv4Address, IPv4Network
from types import MappingProxyType
from typing import Final, NamedTuple, TypeAlias

from fctoolkit.errors import PatternError
from fctoolkit.jsontypes import FrozenJson, JsonScalar
from fctoolkit.strictjson import JsonError, Place, decode, dotted, excerpt, shorten

EVENTBRIDGE_LIMIT = 5
"""Expressions that EventBridge accepts for one field."""

MAX_DEPTH = 32
"""Levels of keys accepted in a pattern; a limit of ours."""

Test: TypeAlias = Callable[[JsonScalar], bool]
Path: TypeAlias = tuple[str, ...]
_Equal: TypeAlias = Callable[[JsonScalar, JsonScalar], bool]


class Mismatch(NamedTuple):
    """The first field of a pattern that an event does not match.

    Attributes:
        path: dotted path of the field.
        wanted: the pattern's expressions for it, as JSON.
        found: the event's value, shortened.
    """

    path: str
    wanted: str
    found: str

    def __str__(self) -> str:
        return f"{self.path}: wanted {self.wanted}, found {self.found}"


@dataclass(frozen=True, slots=True)
class Pattern:
    """A compiled pattern. Immutable, usable by many threads. Two patterns are equal when their JSON is."""

    source: str
    _fields: tuple[_Field, ...] = field(repr=False, compare=False)

    def matches(self, event: FrozenJson) -> bool:
        """Whether the event matches. The pattern `{}` matches every event."""
        for one in self._fields:  # noqa: SIM110 -- a generator would cost as much as the look itself
            if not one.matches(event):
                return False
        return True

    def explain(self, event: FrozenJson) -> Mismatch | None:
        """The first field, in the pattern's order, that does not match; None when the event matches."""
        for one in self._fields:
            if not one.matches(event):
                present, value = _look_up(event, one.path)
                return Mismatch(dotted(one.path), one.wanted, excerpt(value) if present else "no such field")
        return None

    def paths(self) -> tuple[Path, ...]:
        """Each leaf's path as a tuple of keys, such as `("data", "eventName")`, in the pattern's order."""
        return tuple(one.path for one in self._fields)


def compile_pattern(
    pattern: FrozenJson, *, limit: int | None = None, numbers_as_text: bool = False
) -> Pattern:
    """Compile a pattern given as JSON text (`str`) or as decoded JSON.

    Args:
        pattern: the pattern.
        limit: how many expressions a field may have; `EVENTBRIDGE_LIMIT` for what is sent to EventBridge,
            None for no limit.
        numbers_as_text: compare numbers by their JSON text, see the module's docstring.

    Raises PatternError, which names the place and the operator, when the pattern is not in this language.
    """
    if isinstance(pattern, str):
        try:
            pattern = decode(pattern)
        except JsonError as error:
            raise PatternError(error.path, f"expected {error.expected}, found {error.found}") from None
    if not isinstance(pattern, Mapping):
        raise PatternError("", f"expected an object of fields, found {excerpt(pattern)}")
    equal = _equal_text if numbers_as_text else _equal
    fields = tuple(_fields_of(pattern, (), limit, equal))
    return Pattern(json.dumps(pattern, ensure_ascii=False), fields)


class _Field(NamedTuple):
    """One leaf.

    `presence` holds the answers that `exists` expressions accept, `texts` the texts that are named as they
    are; `tests`, for all other expressions, look at a scalar.
    """

    path: Path
    wanted: str
    presence: frozenset[bool]
    texts: frozenset[str]
    tests: tuple[Test, ...]

    def matches(self, event: FrozenJson) -> bool:
        present, value = _look_up(event, self.path)
        if present in self.presence:
            return True
        if isinstance(value, str):
            return self._accepts(value)
        return present and any(self._accepts(scalar) for scalar in _scalars(value))

    def _accepts(self, scalar: JsonScalar) -> bool:
        if isinstance(scalar, str) and scalar in self.texts:
            return True
        return bool(self.tests) and any(test(scalar) for test in self.tests)


# Nearly every object is a dict, which is told at once; the check for other mappings is slow.
_OBJECT = (dict, Mapping)


def _look_up(event: FrozenJson, path: Path) -> tuple[bool, FrozenJson]:
    value = event
    for key in path:
        if not isinstance(value, _OBJECT) or key not in value:
            return False, None
        value = value[key]
    return True, value


def _scalars(value: FrozenJson) -> Iterator[JsonScalar]:
    if value is None or isinstance(value, (str, int, float)):
        yield value
    elif isinstance(value, Sequence):
        for item in value:
            if item is None or isinstance(item, (str, int, float)):
                yield item


def _fields_of(
    pattern: Mapping[str, FrozenJson], path: Path, limit: int | None, equal: _Equal
) -> Iterator[_Field]:
    if path and not pattern:
        raise PatternError(dotted(path), "expected at least one field, found an empty object")
    if len(path) >= MAX_DEPTH:
        raise PatternError(shorten(dotted(path)), f"expected at most {MAX_DEPTH} levels of keys")
    for key, value in pattern.items():
        here = (*path, key)
        if isinstance(value, Mapping):
            yield from _fields_of(value, here, limit, equal)
        elif isinstance(value, Sequence) and not isinstance(value, str):
            yield _field_of(value, here, limit, equal)
        else:
            hint = " (an operator stands in an array)" if key in _KNOWN_OPERATORS else ""
            raise PatternError(
                dotted(here), f"expected an array of expressions or an object, found {excerpt(value)}{hint}"
            )


def _field_of(expressions: Sequence[FrozenJson], path: Path, limit: int | None, equal: _Equal) -> _Field:
    where = dotted(path)
    if not expressions:
        raise PatternError(where, "expected at least one expression, found an empty array")
    if limit is not None and len(expressions) > limit:
        raise PatternError(where, f"expected at most {limit} expressions, found {len(expressions)}")
    presence: set[bool] = set()
    texts: set[str] = set()
    tests: list[Test] = []
    for index, expression in enumerate(expressions):
        place: Place = (*path, index)
        if isinstance(expression, Mapping):
            name, operand = _operator_of(expression, place)
            if name == "exists":
                presence.add(_flag(operand, (*place, name)))
            else:
                tests.append(_OPERATORS[name](operand, (*place, name), equal))
        elif isinstance(expression, str):
            texts.add(expression)
        else:
            tests.append(_exact(expression, place, equal))
    wanted = json.dumps(expressions, ensure_ascii=False)
    return _Field(path, wanted, frozenset(presence), frozenset(texts), tuple(tests))


def _operator_of(expression: Mapping[str, FrozenJson], place: Place) -> tuple[str, FrozenJson]:
    if len(expression) != 1:
        found = ", ".join(sorted(expression)) or "none"
        raise PatternError(dotted(place), f"expected one operator in each object, found {found}")
    name, operand = next(iter(expression.items()))
    if name not in _KNOWN_OPERATORS:
        import difflib  # noqa: PLC0415 -- only a mistake needs it

        close = difflib.get_close_matches(name, _KNOWN_OPERATORS, n=1)
        hint = f" (did you mean {close[0]!r}?)" if close else ""
        known = ", ".join(_KNOWN_OPERATORS)
        raise PatternError(dotted(place), f"unknown operator {shorten(name)!r}{hint}; there are {known}")
    return name, operand


def _equal(wanted: JsonScalar, value: JsonScalar) -> bool:
    """JSON equality: true is not 1, and 300 is 300.0."""
    if isinstance(wanted, bool) or isinstance(value, bool):
        return wanted is value
    return wanted == value


def _equal_text(wanted: JsonScalar, value: JsonScalar) -> bool:
    """Equality of the JSON texts: 300 is not 300.0."""
    return _equal(wanted, value) and json.dumps(wanted) == json.dumps(value)


def _exact(wanted: FrozenJson, place: Place, equal: _Equal) -> Test:
    scalar = _scalar(wanted, place)
    return lambda value: equal(scalar, value)


def _prefix(operand: FrozenJson, place: Place, _: _Equal) -> Test:
    text = _text(operand, place)
    return lambda value: isinstance(value, str) and value.startswith(text)


def _suffix(operand: FrozenJson, place: Place, _: _Equal) -> Test:
    text = _text(operand, place)
    return lambda value: isinstance(value, str) and value.endswith(text)


def _contains(operand: FrozenJson, place: Place, _: _Equal) -> Test:
    text = _text(operand, place)
    return lambda value: isinstance(value, str) and text in value


def _anything_but(operand: FrozenJson, place: Place, equal: _Equal) -> Test:
    if isinstance(operand, Mapping):
        name, inner = _operator_of(operand, place)
        if name != "prefix":
            raise PatternError(
                dotted(place), f"'anything-but' takes only 'prefix' as an operator, found {name!r}"
            )
        excluded = _prefix(inner, (*place, name), equal)
        return lambda value: not excluded(value)
    items: Sequence[FrozenJson] = (operand,)
    if isinstance(operand, Sequence) and not isinstance(operand, str):
        items = operand
    if not items:
        raise PatternError(dotted(place), "expected at least one value, found an empty array")
    for item in items:
        if isinstance(item, bool) or not isinstance(item, (str, int, float)):
            raise PatternError(dotted(place), f"expected strings or numbers, found {excerpt(item)}")
    tests = tuple(_exact(item, place, equal) for item in items)
    return lambda value: not any(test(value) for test in tests)


def _numeric(operand: FrozenJson, place: Place, _: _Equal) -> Test:
    """`["=", 5]`, one bound such as `[">", 0]`, or a lower and an upper one such as `[">", 0, "<=", 5]`."""
    where = dotted(place)
    form = 'expected ["=", number], one bound, or a lower and an upper bound such as [">", 0, "<=", 5]'
    if (
        isinstance(operand, str)
        or not isinstance(operand, Sequence)
        or len(operand) not in (_ONE_BOUND, _BOTH_BOUNDS)
    ):
        raise PatternError(where, f"{form}; found {excerpt(operand)}")
    bounds: dict[str, float] = {}
    for sign, number in zip(operand[::2], operand[1::2], strict=True):
        if not isinstance(sign, str) or sign not in _COMPARISONS:
            raise PatternError(where, f"expected one of {' '.join(_COMPARISONS)}; found {excerpt(sign)}")
        if isinstance(number, bool) or not isinstance(number, (int, float)) or not math.isfinite(number):
            raise PatternError(where, f"expected a number after {sign!r}; found {excerpt(number)}")
        bounds[sign] = number
    if len(operand) == _BOTH_BOUNDS and sorted(sign[0] for sign in bounds) != ["<", ">"]:
        raise PatternError(where, f"{form}; found {excerpt(operand)}")
    lower = next((number for sign, number in bounds.items() if sign[0] == ">"), -math.inf)
    upper = next((number for sign, number in bounds.items() if sign[0] == "<"), math.inf)
    if lower > upper or (lower == upper and set(bounds) != {">=", "<="}):
        raise PatternError(where, f"no number lies in the range {excerpt(operand)}")
    checks = tuple((_COMPARISONS[sign], number) for sign, number in bounds.items())

    def test(value: JsonScalar) -> bool:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return False
        return all(compare(value, number) for compare, number in checks)

    return test


def _cidr(operand: FrozenJson, place: Place, _: _Equal) -> Test:
    try:
        network = IPv4Network(_text(operand, place), strict=False)
    except ValueError:
        raise PatternError(
            dotted(place), f'expected an IPv4 block such as "10.0.0.0/24", found {excerpt(operand)}'
        ) from None

    def test(value: JsonScalar) -> bool:
        if not isinstance(value, str):
            return False
        try:
            return IPv4Address(value) in network
        except AddressValueError:
            return False

    return test


def _flag(operand: FrozenJson, place: Place) -> bool:
    if not isinstance(operand, bool):
        raise PatternError(dotted(place), f"expected true or false, found {excerpt(operand)}")
    return operand


def _text(operand: FrozenJson, place: Place) -> str:
    if not isinstance(operand, str):
        raise PatternError(dotted(place), f"expected a string, found {excerpt(operand)}")
    return operand


def _scalar(value: FrozenJson, place: Place) -> JsonScalar:
    if isinstance(value, float) and not math.isfinite(value):
        raise PatternError(dotted(place), f"expected a finite number, found {value}")
    if value is None or isinstance(value, (str, int, float)):
        return value
    raise PatternError(
        dotted(place), f"expected a string, number, true, false, null or an operator, found {excerpt(value)}"
    )


_COMPARISONS: Final[Mapping[str, Callable[[float, float], bool]]] = MappingProxyType(
    {"=": operator.eq, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
)

_ONE_BOUND, _BOTH_BOUNDS = 2, 4  # items of a `numeric` array

_OPERATORS: Final[Mapping[str, Callable[[FrozenJson, Place, _Equal], Test]]] = MappingProxyType(
    {
        "prefix": _prefix,
        "suffix": _suffix,
        "contains": _contains,
        "anything-but": _anything_but,
        "numeric": _numeric,
        "cidr": _cidr,
    }
)

_KNOWN_OPERATORS: Final = (*_OPERATORS, "exists")
