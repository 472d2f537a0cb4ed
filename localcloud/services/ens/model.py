"""ENS instances and how they change over time. Knows no API style and no other service.

A machine keeps the record it was seeded or created with; what time does to it is computed when asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from localcloud.conditions.clock import iso_time
from localcloud.conditions.progress import Change, Looks, look, under_way
from localcloud.services.base import Moment, new_id
from localcloud.services.ens.records import InstanceRecord
from localcloud.validation import checked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fctoolkit.jsontypes import JsonObject, JsonValue

RUNNING = "Running"
STARTING = "Starting"
STOPPED = "Stopped"


@dataclass(slots=True)
class Machine:
    """One ENS instance.

    Attributes:
        record: as DescribeInstances returns it, with the status it has when nothing is under way.
        starting: it is `Starting` until this is over, whatever the record says.
        reloading: it is `Starting` because of an attach.
        attach_count: how many attaches were accepted; each makes it reload.
    """

    record: JsonObject
    starting: Change | None = None
    reloading: bool = False
    attach_count: int = 0

    @property
    def instance_id(self) -> str:
        """The instance id."""
        return str(self.record["InstanceId"])

    def status(self, moment: Moment) -> str:
        """Its status now."""
        return STARTING if under_way(self.starting, moment) else str(self.record["Status"])

    def look(self, moment: Moment) -> None:
        """Its status is looked at."""
        look(moment, self.starting)

    def tags(self) -> dict[str, str]:
        """Its tags, whichever way they are shown."""
        # A page may look at ten thousand machines: the record was checked when it came.
        tags = cast("Mapping[str, Sequence[Mapping[str, str]]]", self.record["Tags"])
        return {tag["TagKey"]: tag["TagValue"] for tag in tags["Tags"]}

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Adds or overwrites tags."""
        merged = {**self.tags(), **tags}
        self.record["Tags"] = {"Tags": [{"TagKey": key, "TagValue": value} for key, value in merged.items()]}

    def view(self, moment: Moment) -> JsonObject:
        """The instance as DescribeInstances returns it now."""
        view = {**self.record, "Status": self.status(moment)}
        if moment.behaviour.ens_tags == "separate":
            del view["Tags"]
        return view

    def start(self, pace: float | Looks, moment: Moment) -> None:
        """Lets it be `Starting` for so long and `Running` after that."""
        self.record["Status"] = RUNNING
        self.starting = Change(moment.now, pace)
        self.reloading = False

    def reload(self, moment: Moment) -> None:
        """An attach was accepted: the machine restarts, as it does at the vendor's, and that is counted."""
        self.attach_count += 1
        self.start(moment.behaviour.ens_reload, moment)
        self.reloading = True


class Fleet:
    """All ENS instances, in the order they came."""

    def __init__(self) -> None:
        self._machines: dict[str, Machine] = {}
        # Made when it is asked for: a page of ten must not copy ten thousand.
        self._in_order: tuple[Machine, ...] | None = None

    def __len__(self) -> int:
        return len(self._machines)

    def all(self) -> Sequence[Machine]:
        """Every machine."""
        if self._in_order is None:
            self._in_order = tuple(self._machines.values())
        return self._in_order

    def get(self, instance_id: str) -> Machine | None:
        """The machine of that id."""
        return self._machines.get(instance_id)

    def put(self, machine: Machine) -> None:
        """Adds the machine, or replaces the one of the same id."""
        self._machines[machine.instance_id] = machine
        self._in_order = None

    def remove(self, instance_id: str) -> None:
        """Takes the machine out."""
        del self._machines[instance_id]
        self._in_order = None


def seeded(value: JsonValue, where: str, moment: Moment) -> Machine:
    """A machine from a seed. One that is seeded `Starting` becomes `Running` as a new one does."""
    checked_record = checked(InstanceRecord, value, where)
    record: JsonObject = checked_record.model_dump(exclude={"attachCount"})
    record["CreationTime"] = record["CreationTime"] or iso_time(moment.now)
    machine = Machine(record, attach_count=checked_record.attachCount)
    if record["Status"] == STARTING:
        machine.start(moment.behaviour.ens_start, moment)
    return machine


def created(given: JsonObject, moment: Moment) -> Machine:
    """A machine as RunInstances makes it: `Starting` first."""
    record = {"InstanceId": new_id("i-", 22), "Status": STARTING, **given}
    return seeded(record, "ens.instances", moment)
