"""CloudMonitor's system event, as it is pushed natively or as the data of a CloudEvent. Knows no product.

Source: https://help.aliyun.com/document_detail/116628.htm (native), /304401.htm (names over EventBridge).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Literal

from pydantic import AfterValidator, Field

from fctoolkit.eventmodel import Number, Object, ResourceEvent, Text
from fctoolkit.events.values import ResourceName, id_of, last_segment, moment_of, once_each, texts

if TYPE_CHECKING:
    from datetime import datetime

_BRACKETS: Final = re.compile(r"(?P<resource>[^\[\]]+)\[(?P<rest>[^\[\]]+)\]")
_MARK: Final = ":CloudMonitor:"


def plain_name(name: str) -> str:
    """The native spelling of an event's name.

    `EnsInstance[Create:Executed]` and `ens:CloudMonitor:EnsInstance[Create:Executed]`, as EventBridge writes
    them, are `EnsInstance:Create:Executed`; other names stay as they are.
    """
    short = name.split(_MARK, 1)[-1]
    found = _BRACKETS.fullmatch(short)
    return f"{found['resource']}:{found['rest']}" if found else short


class CloudMonitorEvent(ResourceEvent):
    """One system event. Only `name` is required; it is given in its native spelling, see `plain_name`.

    `event_time` is ISO 8601 in its basic form, such as `20190409T121826.922+0800`; `ver` may be absent.
    """

    shape: ClassVar[Literal["cloudmonitor"]] = "cloudmonitor"

    name: Annotated[Text, AfterValidator(plain_name)]
    id: str | None = None
    ver: Number | None = None
    product: str | None = None
    level: str | None = None
    resource_id: str | None = None
    instance_name: str | None = None
    user_id: Number | None = None
    region_id: str | None = None
    event_time: str | None = None
    status: str | None = None
    content: Object = Field(default_factory=dict)

    @property
    def occurred_at(self) -> datetime | None:
        """When it happened."""
        return moment_of(self.event_time)

    def account_ids(self) -> frozenset[str]:
        """The account CloudMonitor names and the one in the resource's name."""
        resource = ResourceName.read(self.resource_id)
        return frozenset(filter(None, (self.user_id, resource.account if resource else None)))

    def region(self) -> str | None:
        """The region CloudMonitor names, else the one in the resource's name."""
        resource = ResourceName.read(self.resource_id)
        return self.region_id or (resource.region if resource else None) or None

    def instance_ids(self) -> tuple[str, ...]:
        """Ids of the instances concerned, from the first place that has some.

        The places, in order: `instanceId`, `resourceId` and `InstanceId` of the content, then the end of the
        event's own `resourceId`.
        """
        for key in ("instanceId", "resourceId", "InstanceId"):
            ids = once_each(map(id_of, texts(self.content.get(key))))
            if ids:
                return ids
        return texts(last_segment(self.resource_id or ""))
