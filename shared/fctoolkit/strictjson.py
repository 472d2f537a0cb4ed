"""JSON read strictly: what one reader would lose and another misread is refused. Knows no event shapes.

Python's own reader accepts more than RFC 8259 does, and some of what the RFC leaves open is a danger when two
programs look at the same text. Refused here: duplicate keys, NaN and Infinity, numbers that overflow, half
surrogate pairs, bytes that are not UTF-8 and deep nesting. One leading byte order mark is skipped.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NoReturn, TypeAlias, cast

if TYPE_CHECKING:
    from fctoolkit.jsontypes import FrozenJson, JsonObject, JsonValue

MAX_DEPTH = 64
"""Levels of nesting accepted unless told otherwise; the events and answers known have fewer than ten."""

EXCERPT_LENGTH = 80
"""Characters of a value that may appear in a message."""

Place: TypeAlias = tuple[str | int, ...]
"""Where a value stands: keys and indexes from the root."""


class JsonError(ValueError):
    """A text is not acceptable JSON.

    Attributes:
        path: dotted path of the value at fault, empty for the text as a whole.
        expected: what would have been accepted.
        found: what came, shortened.
    """

    def __init__(self, path: str, expected: str, found: str) -> None:
        self.path = path
        self.expected = expected
        self.found = found
        super().__init__(f"{path or 'JSON'}: expected {expected}, found {found}")


def decode(raw: bytes | str, *, max_depth: int = MAX_DEPTH) -> JsonValue:
    """Read one JSON value. Raises JsonError, and nothing else, when `raw` is not acceptable."""
    text = _text_of(raw)
    try:
        value = cast("JsonValue", json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant))
    except json.JSONDecodeError as error:
        found = f"text that breaks at character {error.pos} of {len(text)}" if text.strip() else "nothing"
        raise JsonError("", "JSON", found) from None
    except RecursionError:
        raise JsonError("", f"at most {max_depth} levels of nesting", "far more") from None
    except JsonError:
        raise
    except ValueError:  # Python refuses to convert integers of thousands of digits.
        raise JsonError("", "numbers of ordinary size", "a number of thousands of digits") from None
    _inspect(value, max_depth)
    return value


def dotted(place: Place) -> str:
    """`("data", "ids", 0)` as `data.ids[0]`."""
    path = ""
    for step in place:
        path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else step
    return path


def excerpt(value: FrozenJson) -> str:
    """A value in few words for a message: scalars and lists of scalars as JSON, other containers by size."""
    if isinstance(value, Mapping):
        return f"an object of {len(value)} keys"
    if isinstance(value, Sequence) and not isinstance(value, str):
        items = value[:EXCERPT_LENGTH]
        if any(isinstance(item, (Mapping, list, tuple)) for item in items):
            return f"an array of {len(value)} items"
        return shorten(json.dumps(items, ensure_ascii=False, default=repr))
    if isinstance(value, str):
        value = value[: EXCERPT_LENGTH + 1]
    return shorten(json.dumps(value, ensure_ascii=False, default=repr))


def shorten(text: str, length: int = EXCERPT_LENGTH) -> str:
    """`text` cut to `length` characters, with a mark where it was cut."""
    return text if len(text) <= length else text[: length - 1] + "…"


def _text_of(raw: bytes | str) -> str:
    if isinstance(raw, str):
        return raw.removeprefix("\ufeff")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        found = f"byte 0x{raw[error.start]:02x} at offset {error.start}"
        raise JsonError("", "JSON in UTF-8", found) from None


def _unique(pairs: list[tuple[str, JsonValue]]) -> JsonObject:
    result: JsonObject = {}
    for key, value in pairs:
        if key in result:
            raise JsonError(shorten(key), "each key once in an object", "the same key again")
        result[key] = value
    return result


def _no_constant(name: str) -> NoReturn:
    raise JsonError("", "a finite number", name)


def _inspect(root: JsonValue, max_depth: int) -> None:
    """Walk the value without recursion, so that no depth is too deep to be refused properly."""
    left: list[tuple[Place, JsonValue]] = [((), root)]
    while left:
        place, value = left.pop()
        if isinstance(value, (dict, list)):
            if len(place) >= max_depth:
                raise JsonError(shorten(dotted(place)), f"at most {max_depth} levels of nesting", "more")
            children = value.items() if isinstance(value, dict) else enumerate(value)
            left.extend(((*place, key), child) for key, child in children)
            if isinstance(value, dict):
                for key in value:
                    _require_unicode(key, place)
        elif isinstance(value, str):
            _require_unicode(value, place)
        elif isinstance(value, float) and not math.isfinite(value):
            raise JsonError(dotted(place), "a finite number", "a number too large")


def _require_unicode(text: str, place: Place) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise JsonError(dotted(place), "valid Unicode text", "half of a surrogate pair") from None
