"""Reading the bindings a function carries. JSON needs nothing; YAML needs the extra `yaml` and is for a desk.

Source of the file's format: `enlist.bindings.model`; packed files add `format` and `source`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from enlist.bindings.model import Bindings
from enlist.errors import BindingsError, Problem
from fctoolkit.errors import ConfigurationError
from fctoolkit.strictjson import JsonError, decode, dotted

if TYPE_CHECKING:
    from fctoolkit.jsontypes import JsonObject

PACKED_FORMAT = 1

_YAML_ENDINGS = (".yaml", ".yml")


def load_bindings(path: str | Path) -> Bindings:
    """The bindings in a file, YAML by its ending, else packed JSON.

    Raises `BindingsError` with every problem and its place, `ConfigurationError` when the file cannot be
    read.
    """
    file = Path(path)
    if file.suffix in _YAML_ENDINGS:
        try:
            from enlist.bindings.yamlfile import read_yaml  # noqa: PLC0415 -- keeps YAML off the event path
        except ImportError:
            raise ConfigurationError(
                f"ENLIST_BINDINGS: {file} is YAML and no parser is installed; pack it to JSON with "
                "`./dev pack`, or install enlist[yaml]"
            ) from None
        return read_yaml(file)
    return _read_packed(file)


def validate(data: JsonObject, where: str) -> Bindings:
    """Bindings from decoded data. Raises `BindingsError`; each problem's place is `where`."""
    try:
        return Bindings.model_validate(data)
    except ValidationError as error:
        raise BindingsError(
            tuple(Problem(where, dotted(loc), message) for loc, message in problems_of(error))
        ) from None


def problems_of(error: ValidationError) -> list[tuple[tuple[str | int, ...], str]]:
    """Each problem's place in the data, and its message."""
    return [
        (
            # pydantic puts the chosen branch of a union, such as <ids>, into the path.
            tuple(step for step in item["loc"] if isinstance(step, int) or not step.startswith("<")),
            _WORDS.get(item["type"]) or item["msg"].removeprefix("Value error, "),
        )
        for item in error.errors(include_url=False, include_context=False, include_input=False)
    ]


_WORDS = {
    "extra_forbidden": "there is no such key here",
    "missing": "is required",
    "too_short": "must not be empty",
    "tuple_type": "must be a list",
    "dict_type": "must be a mapping",
}
"""Pydantic's kinds of error in the words of a file."""


def pack(bindings: Bindings, source: str) -> JsonObject:
    """The JSON that a function carries: the bindings with every default written out."""
    data: JsonObject = bindings.model_dump(mode="json")
    return {"format": PACKED_FORMAT, "source": source, **data}


def _read_packed(file: Path) -> Bindings:
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"no bindings: {file} cannot be read ({error.strerror}); pack bindings.yaml with `./dev pack`, "
            "or name a file in ENLIST_BINDINGS"
        ) from None
    try:
        data = decode(raw)
    except JsonError as error:
        raise BindingsError(
            (Problem(str(file), error.path, f"expected {error.expected}, found {error.found}"),)
        ) from None
    if not isinstance(data, dict):
        raise BindingsError((Problem(str(file), "", "expected an object"),))
    if data.pop("format", PACKED_FORMAT) != PACKED_FORMAT:
        raise BindingsError((Problem(str(file), "format", f"expected {PACKED_FORMAT}; pack the file again"),))
    data.pop("source", None)
    return validate(data, str(file))
