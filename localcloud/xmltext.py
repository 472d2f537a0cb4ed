"""Text in XML: what it can hold, and how it is escaped. Knows no service."""

from __future__ import annotations

import re
from typing import Final
from xml.sax.saxutils import escape

_FORBIDDEN: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""What XML cannot hold, even when it is escaped."""


def is_writable(text: str) -> bool:
    """Whether XML can hold the text."""
    return _FORBIDDEN.search(text) is None


def escaped(text: str) -> str:
    """The text as it stands in an element, with a mark in the place of what XML cannot hold."""
    # A carriage return would be read as a line feed.
    return escape(_FORBIDDEN.sub("\ufffd", text), {"\r": "&#13;"})
