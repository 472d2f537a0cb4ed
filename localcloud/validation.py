"""Checks what users of the local cloud hand in, and names the field that is wrong. Knows no service."""

from __future__ import annotations

import difflib
import json
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ValidationError

from fctoolkit.strictjson import JsonError, decode
from localcloud.errors import LocalCloudError, SeedError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

    from pydantic_core import ErrorDetails

    from fctoolkit.jsontypes import FrozenJson, JsonObject, JsonValue

Model = TypeVar("Model", bound=BaseModel)


def checked(model: type[Model], value: FrozenJson, where: str) -> Model:
    """`value` as `model`; SeedError naming every wrong field below the dotted path `where`."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        # The names that the model knows are those of its own fields, not of what stands deeper.
        problems = [
            f"{_path(where, place)}: {in_words(problem, model.model_fields if len(place) == 1 else ())}"
            for problem in error.errors()
            for place in [problem["loc"]]
        ]
        raise SeedError("; ".join(problems)) from None


def read_seed(file: Path) -> JsonObject:
    """The seed in a JSON file; LocalCloudError when the file cannot be read or has something else."""
    try:
        seed = decode(file.read_bytes())
    except OSError as error:
        raise LocalCloudError(f"the seed {file} cannot be read: {error.strerror}") from None
    except JsonError as error:
        raise LocalCloudError(f"the seed {file} is no valid JSON: {error}") from None
    return as_object(seed, str(file))


def in_words(problem: ErrorDetails, known: Collection[str] = ()) -> str:
    """What pydantic found wrong with a value, as the rest of the local cloud says it.

    Args:
        problem: one of `ValidationError.errors()`.
        known: the names that a name which is not known could have been.
    """
    match problem["type"]:
        case "missing":
            return "is missing"
        case "extra_forbidden":
            return not_known(str(problem["loc"][-1]), known) if known else "not known"
        case "model_type" | "dict_type":
            return "should be an object"
        case _:
            return problem["msg"].removeprefix("Value error, ").removeprefix("Input ")


def not_known(name: str, known: Iterable[str]) -> str:
    """That a name is not known, and which was meant, or else all that are."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    return f"not known; did you mean {near[0]}?" if near else f"not known; known are {', '.join(names)}"


def plain_json(value: FrozenJson, where: str) -> JsonValue:
    """A copy of `value` in plain dicts and lists; SeedError when it holds what JSON cannot."""
    try:
        copied: JsonValue = json.loads(json.dumps(value))
    except (TypeError, ValueError) as error:
        raise SeedError(f"{where}: not JSON: {error}") from None
    return copied


def as_object(value: JsonValue, where: str) -> JsonObject:
    """`value` when it is a JSON object, else SeedError."""
    if not isinstance(value, dict):
        raise SeedError(f"{where}: expected a JSON object, found {_kind(value)}")
    return value


def as_list(value: JsonValue, where: str) -> list[JsonValue]:
    """`value` when it is a JSON array, else SeedError."""
    if not isinstance(value, list):
        raise SeedError(f"{where}: expected a JSON array, found {_kind(value)}")
    return value


def only(value: JsonObject, known: frozenset[str], where: str) -> None:
    """SeedError when the object has a key that is not known."""
    for key in value:
        if key not in known:
            raise SeedError(f"{where}.{key}".lstrip(".") + f": {not_known(key, known)}")


def _kind(value: JsonValue) -> str:
    """What JSON calls such a value."""
    match value:
        case None | bool():
            return json.dumps(value)
        case str():
            return "a text"
        case int() | float():
            return "a number"
        case list():
            return "an array"
        case _:
            return "an object"


def _path(where: str, location: tuple[int | str, ...]) -> str:
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in location)
    return (where + "".join(steps)).lstrip(".")
