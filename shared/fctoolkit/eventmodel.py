"""The base of event models: frozen, lenient with unknown keys, one typed error. Knows no event shapes."""

from __future__ import annotations

from types import MappingProxyType
from typing import Annotated, ClassVar, Final, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    ModelWrapValidatorHandler,
    PrivateAttr,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel

from fctoolkit.errors import EventError
from fctoolkit.jsontypes import JsonObject
from fctoolkit.strictjson import Place, dotted, excerpt

Text = Annotated[str, Field(min_length=1)]
"""A string that is not empty."""

Number = Annotated[str, Field(coerce_numbers_to_str=True)]
"""An id, version or time that some senders write as a string and others as a number."""

Object = Annotated[dict[str, JsonValue], BeforeValidator(lambda value: {} if value is None else value)]
"""A JSON object; null counts as an empty one."""


_EXPECTED: Final = MappingProxyType(
    {
        "dict_type": "an object",
        "missing": "a value",
        "model_type": "an object",
        "string_too_short": "a string that is not empty",
        "string_type": "a string",
    }
)
"""Pydantic's kinds of error in the words of JSON."""


class FrozenModel(BaseModel):
    """A part of an event: camelCase in JSON, snake_case here, unknown keys ignored."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="ignore", alias_generator=to_camel)


class EventModel(FrozenModel):
    """An event. Build one with `read`.

    Each model has a `shape`, a word that tells it from the others without loading them.
    """

    _document: JsonObject = PrivateAttr(default_factory=dict)

    @model_validator(mode="wrap")
    @classmethod
    def _keep_document(cls, value: object, handler: ModelWrapValidatorHandler[Self]) -> Self:
        made = handler(value)
        if isinstance(value, dict):
            made._document = value  # noqa: SLF001 -- the object being made
        return made

    @classmethod
    def read(cls, value: object, place: Place = ()) -> Self:
        """The model of a decoded JSON value that stands at `place`. Raises EventError naming the field."""
        try:
            return cls.model_validate(value)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            field = dotted((*place, *first["loc"]))
            expected = _EXPECTED.get(first["type"], first["msg"].removeprefix("Input should be "))
            found = "nothing" if first["type"] == "missing" else excerpt(first["input"])
            raise EventError(field, expected, found) from None

    @property
    def document(self) -> JsonObject:
        """The JSON object as it came, for patterns to look at. Do not change it."""
        return self._document

    def account_ids(self) -> frozenset[str]:
        """The Alibaba Cloud accounts the event says it belongs to; empty when it does not say."""
        return frozenset()

    def region(self) -> str | None:
        """The region the event says it is about; None when it does not say."""
        return None


class ResourceEvent(EventModel):
    """An event in one of the vendor's formats that tell of resources.

    Attributes:
        names_owner: whether `account_ids` are those that own the resources, and not only who made a call.
    """

    names_owner: ClassVar[bool] = True

    @property
    def failure(self) -> str:
        """Why what it tells of did not happen; empty when it did."""
        return ""

    def instance_ids(self) -> tuple[str, ...]:
        """Ids of the instances it is about, each once; empty when it names none."""
        return ()
