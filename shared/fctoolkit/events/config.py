"""Cloud Config's notice that a resource appeared, changed or went away. Knows no product.

Source: https://www.alibabacloud.com/help/en/eventbridge/user-guide/cloud-config-events. Over EventBridge the
keys are in camelCase, over MNS in PascalCase.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, cast

from pydantic import JsonValue, model_validator

from fctoolkit.errors import EventError
from fctoolkit.eventmodel import Number, ResourceEvent, Text
from fctoolkit.events.values import moment_of
from fctoolkit.strictjson import JsonError, decode, excerpt

if TYPE_CHECKING:
    from datetime import datetime

    from fctoolkit.jsontypes import JsonObject


class ConfigChange(ResourceEvent):
    """One change of one resource.

    `resource_event_type` is `DISCOVERED` (created), `MODIFY` or `REMOVE`. `capture_time` and
    `resource_create_time` are milliseconds since the epoch, as strings. `configuration` is JSON in a string.
    """

    shape: ClassVar[Literal["config"]] = "config"

    resource_id: Text
    resource_event_type: Text
    account_id: Number | None = None
    resource_name: str | None = None
    resource_type: str | None = None
    region_id: str | None = None
    capture_time: Number | None = None
    resource_create_time: Number | None = None
    configuration: JsonValue = None
    configuration_diff: JsonValue = None
    request_id: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _lower_first_letters(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        pairs = cast("JsonObject", value).items()
        return {f"{key[:1].lower()}{key[1:]}": item for key, item in pairs}

    @property
    def occurred_at(self) -> datetime | None:
        """When Config saw the change."""
        return moment_of(self.capture_time)

    def settings(self) -> JsonObject:
        """The resource's configuration, decoded; empty when there is none. Raises EventError."""
        value = self.configuration
        if isinstance(value, str) and value:
            try:
                value = decode(value)
            except JsonError as error:
                raise EventError("configuration", error.expected, error.found) from None
        if value is None or value == "":
            return {}
        if not isinstance(value, dict):
            raise EventError("configuration", "an object", excerpt(value))
        return value

    def account_ids(self) -> frozenset[str]:
        """The resource's account."""
        return frozenset((self.account_id,) if self.account_id else ())

    def region(self) -> str | None:
        """The resource's region."""
        return self.region_id

    def instance_ids(self) -> tuple[str, ...]:
        """The resource's id."""
        return (self.resource_id,)
