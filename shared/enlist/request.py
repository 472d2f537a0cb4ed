"""Instances that a person or program names: the body of a request, or of a direct invocation."""

from __future__ import annotations

from typing import Annotated, cast

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, JsonValue, ValidationError
from pydantic.alias_generators import to_camel

from enlist.signals import INSTANCES
from fctoolkit.errors import EventError
from fctoolkit.strictjson import dotted, excerpt

OPTIONS = ("dryRun", "retry")
_MOST = 100
_EXPECTED = {
    "bool_type": "true or false",
    "extra_forbidden": f"one of {', '.join((*INSTANCES, 'regionId', *OPTIONS))}",
    "list_type": "an array",
    "string_type": "a string",
    "too_long": f"1 to {_MOST} instance ids",
    "too_short": f"1 to {_MOST} instance ids",
}
"""Pydantic's kinds of error in the words of a request."""


class Request(BaseModel):
    """Instances named by a person or program: the body of `POST /`, or of a direct invocation.

    In JSON: `{"instances": ["i-…"], "regionId": "…", "dryRun": true, "retry": true}`. The key `instanceIds`,
    as custom events have it, does for `instances`.

    Attributes:
        instances: 1 to 100 instance ids. Bindings decide where they belong; a request cannot.
        region_id: API region of the instances; only Elasticsearch ids need one, and only to save calls.
        dry_run: plan and report, do nothing.
        retry: attach although an attach of the instance failed, or it was removed, within a day.
    """

    model_config = ConfigDict(
        defer_build=True, extra="forbid", frozen=True, strict=True, alias_generator=to_camel
    )

    instances: Annotated[
        list[str], Field(min_length=1, max_length=_MOST, validation_alias=AliasChoices(*INSTANCES))
    ]
    region_id: str = ""
    dry_run: bool = False
    retry: bool = False


def read_request(body: dict[str, JsonValue]) -> Request:
    """The request in decoded JSON. Raises `EventError` naming the field."""
    try:
        return Request.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        expected = _EXPECTED.get(first["type"], first["msg"])
        raise EventError(dotted(first["loc"]), expected, excerpt(cast("JsonValue", first["input"]))) from None
