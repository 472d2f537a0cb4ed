"""The shapes of ids, checked wherever an id comes in, so that none can change the path of a call. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, TypeAlias

from pydantic import AfterValidator

if TYPE_CHECKING:
    from collections.abc import Callable


def shaped(pattern: str, words: str) -> Callable[[str], str]:
    """A validator that accepts texts of a shape and otherwise says in words what was expected."""
    whole = re.compile(pattern, re.ASCII)

    def check(text: str) -> str:
        if not whole.fullmatch(text):
            raise ValueError(f"expected {words}")
        return text

    return check


_ID = "letters, digits, - and _, at most 128"

ResourceId: TypeAlias = Annotated[str, AfterValidator(shaped(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}", _ID))]
"""A cluster, node pool or ENS instance id. The vendor publishes no grammar; all its samples keep this one."""

SearchId: TypeAlias = Annotated[
    str,
    AfterValidator(
        shaped(r"es-[A-Za-z0-9-]{1,124}", "an Elasticsearch instance id such as es-cn-n6w1o1x0w001c")
    ),
]

RegionId: TypeAlias = Annotated[
    str, AfterValidator(shaped(r"[a-z]{2}(-[a-z0-9]+)+", "a region id such as cn-hangzhou"))
]
