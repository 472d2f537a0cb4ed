"""ActionTrail's audit record of one API call, alone or as the data of a CloudEvent. Knows no product.

Source: https://www.alibabacloud.com/help/doc-detail/28819.html (fields), /28821.htm (samples),
https://alibabacloud.com/help/en/eventbridge/user-guide/actiontrail-events (over EventBridge).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, JsonValue

from fctoolkit.eventmodel import FrozenModel, Number, Object, ResourceEvent, Text
from fctoolkit.events.values import moment_of, once_each, texts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

_ID_KEYS = ("instanceId", "InstanceId", "instanceIds", "InstanceIds")


class UserIdentity(FrozenModel):
    """Who made the call. The access key id in the record is not read."""

    type: str | None = None
    principal_id: str | None = None
    account_id: Number | None = None
    user_name: str | None = None


class ActionTrailRecord(ResourceEvent):
    """One audited call. Only `event_name` is required: samples differ in what else they carry.

    `event_version` is a number in some samples and a string in others. `error_code` and `error_message` stand
    only in records of calls that failed. `response_elements` may be missing for asynchronous calls.
    """

    shape: ClassVar[Literal["actiontrail"]] = "actiontrail"
    names_owner: ClassVar[bool] = False

    event_name: Text
    event_id: str | None = None
    event_version: Number | None = None
    event_type: str | None = None
    event_rw: str | None = Field(default=None, alias="eventRW")
    event_source: str | None = None
    event_time: str | None = None
    service_name: str | None = None
    acs_region: str | None = None
    request_id: str | None = None
    error_code: str | None = None
    error_message: str | None = None
    resource_type: str | None = None
    resource_name: str | None = None
    user_identity: UserIdentity | None = None
    request_parameters: Object = Field(default_factory=dict)
    response_elements: Object = Field(default_factory=dict)
    referenced_resources: Object = Field(default_factory=dict)

    @property
    def failure(self) -> str:
        """The error of a call that failed, so that what it asked for did not happen; empty for others."""
        return self.error_code or self.error_message or ""

    @property
    def occurred_at(self) -> datetime | None:
        """When the call was made."""
        return moment_of(self.event_time)

    def account_ids(self) -> frozenset[str]:
        """The account of the identity that made the call."""
        known = self.user_identity.account_id if self.user_identity else None
        return frozenset((known,) if known else ())

    def region(self) -> str | None:
        """The region the call was made in."""
        return self.acs_region

    def instance_ids(self) -> tuple[str, ...]:
        """Ids of the instances the call is about, from the first place that has some.

        The places, in order: `responseElements.Result`, `responseElements`, `referencedResources` under a key
        such as `ACS::Elasticsearch::Instance` or `Instance`, and `resourceName`.
        """
        for ids in self._candidates():
            if ids:
                return once_each(ids)
        return ()

    def _candidates(self) -> Iterator[tuple[str, ...]]:
        result = self.response_elements.get("Result")
        if isinstance(result, dict):
            yield _ids_in(result)
        yield _ids_in(self.response_elements)
        referenced = self.referenced_resources.items()
        yield tuple(name for key, names in referenced if _is_instance(key) for name in texts(names))
        yield tuple(self._named())

    def _named(self) -> Iterator[str]:
        """Names of one type are joined by `,`, types by `;`, in step with `resourceType`."""
        groups = (self.resource_name or "").split(";")
        types = (self.resource_type or "").split(";")
        if len(types) != len(groups) or not any(_is_instance(one) for one in types):
            types = ["Instance"] * len(groups)
        for group, one in zip(groups, types, strict=True):
            if _is_instance(one):
                yield from filter(None, (name.strip() for name in group.split(",")))


def _is_instance(resource_type: str) -> bool:
    return resource_type.strip().rsplit("::", 1)[-1] == "Instance"


def _ids_in(elements: Mapping[str, JsonValue]) -> tuple[str, ...]:
    """Ids under any known key, also in the older answers' `{"InstanceIds": {"InstanceId": […]}}`."""
    for key in _ID_KEYS:
        value = elements.get(key)
        ids = texts(value.get("InstanceId")) if isinstance(value, dict) else texts(value)
        if ids:
            return ids
    return ()
