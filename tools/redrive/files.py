"""Dead letters in a file: JSON lines, one JSON array, or one message. Knows no queue and sends nothing."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from fctoolkit.events import json_inside, looks_like_json

if TYPE_CHECKING:
    from collections.abc import Iterator

_SPACE = re.compile(r"[ \t\r\n]*")


def messages_in(content: bytes) -> list[bytes]:
    """The messages, byte for byte as they stand in the file.

    * A JSON array: each item is a message; a text in it is a message, too.
    * Lines, when the first one alone is JSON or base64 of JSON: each line is a message.
    * Anything else is one message.
    """
    content = content.removeprefix(b"\xef\xbb\xbf")
    lines = [line for line in content.splitlines() if line.strip()]
    if not lines:
        return []
    if content.lstrip()[:1] == b"[" and (items := _items(content)) is not None:
        return items
    return lines if len(lines) > 1 and _is_whole(lines[0]) else [content.strip()]


def _items(content: bytes) -> list[bytes] | None:
    """The items of an array as they are written; None when it is no array as a whole."""
    try:
        text = content.decode()
        return list(_slices(text))
    except (ValueError, RecursionError):
        return None


def _slices(text: str) -> Iterator[bytes]:
    """Each item's own text. Decoding and encoding again could change it."""
    decoder = json.JSONDecoder()
    at = _after_space(text, text.index("[") + 1)
    while text[at : at + 1] != "]":
        value, end = decoder.raw_decode(text, at)
        yield (value if isinstance(value, str) else text[at:end]).encode()
        at = _after_space(text, end)
        if text[at : at + 1] == ",":
            at = _after_space(text, at + 1)
        elif text[at : at + 1] != "]":
            raise ValueError("no array")
    if text[at + 1 :].strip():
        raise ValueError("something behind the array")


def _after_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _is_whole(line: bytes) -> bool:
    try:
        json.loads(json_inside(line))
    except (ValueError, RecursionError):
        return False
    return looks_like_json(json_inside(line))
