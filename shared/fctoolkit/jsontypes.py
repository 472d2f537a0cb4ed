"""The type of decoded JSON, so that no `Any` leaks from a function that returns some.

Imports nothing of ours. The aliases are real unions and not texts, because others build unions of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias, Union

JsonScalar: TypeAlias = str | int | float | bool | None
JsonValue: TypeAlias = Union[JsonScalar, "list[JsonValue]", "dict[str, JsonValue]"]
"""Decoded JSON, as `json.loads` makes it."""

JsonObject: TypeAlias = dict[str, JsonValue]

FrozenJson: TypeAlias = Union[JsonScalar, Sequence["FrozenJson"], Mapping[str, "FrozenJson"]]  # noqa: UP007
"""JSON that is only read: takes lists and dicts of narrower types, which `JsonValue` (invariant) does not."""
