"""Reading the bindings a function carries. JSON needs nothing; YAML needs the extra `yaml` and is for a desk.

Source of the file's format: `enlist.bindings.model`; packed files add `format` and `source`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from enlist.bindings.model import Bindings, EdgeBinding, PeerMatch, SearchBinding
from enlist.errors import BindingsError, Problem
from fctoolkit.errors import ConfigurationError
from fctoolkit.strictjson import JsonError, decode, dotted

if TYPE_CHECKING:
    from pydantic import BaseModel

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
            _message(item["type"], item["loc"], item["msg"].removeprefix("Value error, ")),
        )
        for item in error.errors(include_url=False, include_context=False, include_input=False)
    ]


def _message(kind: str, place: tuple[str | int, ...], message: str) -> str:
    """What is wrong and what to do, in the words of a file."""
    key = str(place[-1]) if place else ""
    if kind == "extra_forbidden":
        from difflib import get_close_matches  # noqa: PLC0415 -- only a mistake needs it

        known = sorted(_model_at(place[:-1]).model_fields)
        close = get_close_matches(key, known, n=1, cutoff=0.7)
        fix = f"did you mean {close[0]}?" if close else f"take it out; known are {', '.join(known)}"
        return f"there is no such key here; {fix}"
    if kind == "missing":
        return f"is required; add `{key}`"
    return _WORDS.get(kind, message)


def _model_at(place: tuple[str | int, ...]) -> type[BaseModel]:
    """The model whose keys stand at a place."""
    match place:
        case ():
            return Bindings
        case ("edge", int()):
            return EdgeBinding
        case ("search", int()):
            return SearchBinding
        case _:
            return PeerMatch


_WORDS = {
    "too_short": "must not be empty; give at least one entry",
    "tuple_type": "must be a list; write [one, two]",
    "dict_type": "must be a mapping; write {key: [value]}",
    "string_type": "must be a text; put it in quotes",
    "timezone_aware": "has no timezone; end the time in Z or in an offset such as +08:00",
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
