"""The tick of an FC timer trigger. Knows no other trigger.

Source: the structs of the vendor's FC runtime SDK for Go (`events`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from fctoolkit.eventmodel import EventModel, Text
from fctoolkit.events.values import moment_of

if TYPE_CHECKING:
    from datetime import datetime


class TimerEvent(EventModel):
    """One tick. `payload` is the text configured in the trigger, empty when there is none."""

    shape: ClassVar[Literal["timer"]] = "timer"

    trigger_name: Text
    trigger_time: Text
    payload: str | None = None

    @property
    def occurred_at(self) -> datetime | None:
        """When the trigger fired."""
        return moment_of(self.trigger_time)
