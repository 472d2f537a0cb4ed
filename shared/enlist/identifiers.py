"""The shapes of ids, checked wherever an id comes in, so that none can change the path of a call. Pure."""

from __future__ import annotations

import re
from typing import Annotated, NamedTuple, TypeAlias

from pydantic import AfterValidator


class Shape(NamedTuple):
    """A form of text, ASCII only.

    Attributes:
        pattern: a regular expression that the whole text must match.
        words: the same in words, for a message.
    """

    pattern: str
    words: str

    def fits(self, text: str) -> bool:
        """Whether a text has this form."""
        return re.fullmatch(self.pattern, text, re.ASCII) is not None

    def check(self, text: str) -> str:
        """The text itself. Raises ValueError saying what was expected."""
        if not self.fits(text):
            raise ValueError(f"expected {self.words}")
        return text


RESOURCE_ID = Shape(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}", "letters, digits, - and _, at most 128")
"""A cluster, node pool, task or ENS instance id. The vendor publishes no grammar; its samples keep this."""

SEARCH_ID = Shape(r"es-[A-Za-z0-9-]{1,124}", "an Elasticsearch instance id such as es-cn-n6w1o1x0w001c")
REGION_ID = Shape(r"[a-z]{2}(-[a-z0-9]+)+", "a region id such as cn-hangzhou")

ResourceId: TypeAlias = Annotated[str, AfterValidator(RESOURCE_ID.check)]
SearchId: TypeAlias = Annotated[str, AfterValidator(SEARCH_ID.check)]
RegionId: TypeAlias = Annotated[str, AfterValidator(REGION_ID.check)]
