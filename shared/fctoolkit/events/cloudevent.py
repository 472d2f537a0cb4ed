"""The CloudEvents envelope as EventBridge delivers it. Knows the families of `type`, not the products.

Source: https://www.alibabacloud.com/help/en/eventbridge/user-guide/event-overview.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias

from pydantic import ConfigDict, Field, JsonValue

from fctoolkit.eventmodel import EventModel, Number, Text
from fctoolkit.events.values import ResourceName, moment_of

if TYPE_CHECKING:
    from datetime import datetime

    from fctoolkit.events.actiontrail import ActionTrailRecord
    from fctoolkit.events.cloudmonitor import CloudMonitorEvent
    from fctoolkit.events.config import ConfigChange
    from fctoolkit.jsontypes import JsonObject

Family: TypeAlias = Literal["ActionTrail", "CloudMonitor", "Config", "custom"]
Detail: TypeAlias = "ActionTrailRecord | CloudMonitorEvent | ConfigChange | JsonValue"

_CONFIG_CHANGE = "ConfigurationItemChangeNotification"
_SEGMENTS = 3


class CloudEvent(EventModel):
    """One event of a bus. Only `id`, `source` and `type` are required.

    `time` and `publish_time` are kept as they came, because the vendor writes them in several ways;
    `occurred_at` is `time` understood. The same event sent again has the same source and id.
    """

    model_config = ConfigDict(extra="allow")

    shape: ClassVar[Literal["cloud"]] = "cloud"

    id: Text
    source: Text
    type: Text
    specversion: str = "1.0"
    subject: str | None = None
    time: str | None = None
    datacontenttype: str | None = None
    dataschema: str | None = None
    data: JsonValue = None
    account_id: Number | None = Field(default=None, alias="aliyunaccountid")
    original_account_id: Number | None = Field(default=None, alias="aliyunoriginalaccountid")
    region_id: str | None = Field(default=None, alias="aliyunregionid")
    event_bus_name: str | None = Field(default=None, alias="aliyuneventbusname")
    publish_time: Number | None = Field(default=None, alias="aliyunpublishtime")
    publish_address: str | None = Field(default=None, alias="aliyunpublishaddr")

    @property
    def extensions(self) -> JsonObject:
        """The attributes that are not named above, as they came."""
        return dict(self.model_extra or {})

    @property
    def occurred_at(self) -> datetime | None:
        """`time` as a moment, None when it cannot be told."""
        return moment_of(self.time)

    @property
    def service(self) -> str | None:
        """The cloud service that sent it: `x` for the sources `acs.x` and `acs:x`, None for others."""
        prefix, name = self.source[:4], self.source[4:]
        return name if prefix in ("acs.", "acs:") and name else None

    @property
    def family(self) -> Family:
        """Which vendor format `data` has, from the middle of `type`; `custom` for all others."""
        parts = self.type.split(":", _SEGMENTS - 1)
        middle = parts[1] if len(parts) == _SEGMENTS else ""
        if middle == "ActionTrail":
            return "ActionTrail"
        if middle == "CloudMonitor":
            return "CloudMonitor"
        return "Config" if middle == "Config" else "custom"

    def account_ids(self) -> frozenset[str]:
        """The receiving account, the producing one, and the one in the subject. `detail()` may name more."""
        subject = ResourceName.read(self.subject)
        known = (self.account_id, self.original_account_id, subject.account if subject else None)
        return frozenset(filter(None, known))

    def region(self) -> str | None:
        """The bus's region, else the one in the subject. The resource's own stands in `detail()`."""
        subject = ResourceName.read(self.subject)
        return self.region_id or (subject.region if subject else None) or None

    def detail(self) -> Detail:
        """`data` as its family's model, or as it came. Raises EventError naming the field under `data`."""
        # Each family is loaded when it comes.
        if self.family == "ActionTrail":
            from fctoolkit.events.actiontrail import ActionTrailRecord  # noqa: PLC0415

            return ActionTrailRecord.read(self.data, ("data",))
        if self.family == "CloudMonitor":
            return self._system_event()
        if self.type.endswith(f":Config:{_CONFIG_CHANGE}"):
            from fctoolkit.events.config import ConfigChange  # noqa: PLC0415

            return ConfigChange.read(self.data, ("data",))
        return self.data

    def _system_event(self) -> CloudMonitorEvent:
        """Whether `data` holds the native event or only its content is documented for no product."""
        from fctoolkit.events.cloudmonitor import CloudMonitorEvent  # noqa: PLC0415

        data = self.data
        if not isinstance(data, dict) or "name" in data:
            return CloudMonitorEvent.read(data, ("data",))
        subject = ResourceName.read(self.subject)
        outer: JsonObject = {
            "id": self.id,
            "name": self.type,
            "resourceId": self.subject,
            "userId": self.account_id,
            "regionId": (subject.region if subject else None) or self.region_id,
            "eventTime": self.time,
            **(data if "content" in data else {"content": data}),
        }
        return CloudMonitorEvent.read(outer, ("data",))
