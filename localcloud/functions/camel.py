"""Models of what the vendor writes in camel case, and their first mistake in words. Knows no file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from localcloud.validation import in_words

if TYPE_CHECKING:
    from pydantic import ValidationError


class Model(BaseModel):
    """Keys in camel case; unknown ones are left to others to judge."""

    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", frozen=True)


def first_mistake(error: ValidationError) -> tuple[tuple[int | str, ...], str]:
    """Where the first value that does not fit stands, and what is wrong with it, which names it again."""
    first = error.errors(include_input=False, include_url=False)[0]
    path = ".".join(str(step) for step in first["loc"])
    return first["loc"], f"{path}: {in_words(first)}"
