"""Edge Node Service 2017-11-10, RPC style: the actions that create, list, tag, start and stop instances.

Source: the vendor's ENS API reference and request metadata. Knows no cluster.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from localcloud.errors import Refusal
from localcloud.message import Response, json_response
from localcloud.services.base import (
    REQUEST_ID_HEADER,
    SAME_CODES,
    Call,
    Handler,
    Moment,
    integer,
    invalid,
    json_list,
    json_strings,
    listed,
    listed_tags,
    page_from,
    page_of,
    refuse_unplayed,
    upper_camel_error,
)
from localcloud.services.ens.model import RUNNING, STARTING, STOPPED, Fleet, Machine, created, seeded
from localcloud.validation import as_list, only

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from fctoolkit.jsontypes import JsonObject, JsonValue
    from localcloud.conditions.behaviour import Behaviour

MAXIMUM_IDS = 100
MAXIMUM_PAGE = 100
TAG_PAGE = 50

_EQUAL_FILTERS = (
    "InstanceId",
    "EnsRegionId",
    "InstanceName",
    "ImageId",
    "InstanceResourceType",
)
_NETWORK_FILTERS = ("NetworkId", "VSwitchId")
_PLAYED = frozenset(
    (
        *_EQUAL_FILTERS,
        *_NETWORK_FILTERS,
        "EnsRegionIds",
        "InstanceIds",
        "PageNumber",
        "PageSize",
        "Status",
        "Tags",
    )
)


class EnsService:
    """Edge Node Service over a fleet that other services may look at."""

    name = "ens"
    request_id_header = REQUEST_ID_HEADER
    error_codes = SAME_CODES

    def __init__(self, fleet: Fleet, behaviour: Callable[[], Behaviour]) -> None:
        self._fleet = fleet
        self._behaviour = behaviour
        self.actions: Mapping[str, Handler] = {
            "DescribeInstances": self._describe_instances,
            "RunInstances": self._run_instances,
            "StartInstance": self._start_instance,
            "StopInstance": self._stop_instance,
            "ReleasePostPaidInstance": self._release_instance,
            "TagResources": self._tag_resources,
            "ListTagResources": self._list_tag_resources,
        }

    def error_response(self, refusal: Refusal, request_id: str, host: str) -> Response:
        """`Code` and `Message` in upper camel case."""
        answer = upper_camel_error(refusal, request_id, host)
        return replace(answer, status=200) if self._behaviour().ens_failures == "in_band" else answer

    def seed(self, records: JsonObject, moment: Moment) -> Callable[[], None]:
        """Takes `{"instances": […]}`; an instance of a known id is replaced."""
        only(records, frozenset({"instances"}), "ens")
        values = as_list(records.get("instances", []), "ens.instances")
        machines = [seeded(value, f"ens.instances[{index}]", moment) for index, value in enumerate(values)]

        def place() -> None:
            for machine in machines:
                self._fleet.put(machine)

        return place

    def state(self, moment: Moment) -> JsonObject:
        """`{"instances": […]}`: as DescribeInstances returns them, with tags, and with `attachCount`."""
        instances: list[JsonValue] = [
            {**machine.record, "Status": machine.status(moment), "attachCount": machine.attach_count}
            for machine in self._fleet.all()
        ]
        return {"instances": instances}

    def _describe_instances(self, call: Call) -> Response:
        refuse_unplayed(call, _PLAYED)
        number = integer(call, "PageNumber", 1)
        size = integer(call, "PageSize", 10, maximum=MAXIMUM_PAGE)
        machines = _matching(self._candidates(call), call)
        views: list[JsonValue] = []
        for machine in page_of(machines, number, size):
            machine.look(call.moment)
            views.append(machine.view(call.moment))
        return json_response(
            {
                "Code": 0,
                "RequestId": call.request_id,
                "PageNumber": number,
                "PageSize": size,
                "TotalCount": len(machines),
                "Instances": {"Instance": views},
            }
        )

    def _candidates(self, call: Call) -> Sequence[Machine]:
        if "InstanceIds" not in call.query:
            return self._fleet.all()
        wanted = json_strings(call, "InstanceIds")
        if len(wanted) > MAXIMUM_IDS:
            raise invalid("InstanceIds", f"takes at most {MAXIMUM_IDS} ids, not {len(wanted)}")
        return self._known_among(wanted)

    def _run_instances(self, call: Call) -> Response:
        """Of the many parameters, those that DescribeInstances shows again have an effect here."""
        amount = integer(call, "Amount", 1, maximum=100)
        given: JsonObject = {
            name: call.query[name]
            for name in ("EnsRegionId", "ImageId", "InstanceName", "HostName")
            if name in call.query
        }
        if "InstanceType" in call.query:
            given["SpecName"] = call.query["InstanceType"]
        network = {"NetworkId": call.query.get("NetWorkId"), "VSwitchId": call.query.get("VSwitchId")}
        given["NetworkAttributes"] = {name: value for name, value in network.items() if value}
        machines = [created(given, call.moment) for _ in range(amount)]
        for machine in machines:
            machine.set_tags(listed_tags(call))
            self._fleet.put(machine)
        ids: list[JsonValue] = [machine.instance_id for machine in machines]
        return json_response({"RequestId": call.request_id, "InstanceIds": ids})

    def _start_instance(self, call: Call) -> Response:
        machine = self._expect(call, STOPPED)
        machine.start(call.moment.behaviour.ens_start, call.moment)
        return json_response({"RequestId": call.request_id, "Code": 0})

    def _stop_instance(self, call: Call) -> Response:
        machine = self._expect(call, RUNNING, STARTING)
        machine.record["Status"] = STOPPED
        machine.starting = None
        return json_response({"RequestId": call.request_id, "Code": 0})

    def _release_instance(self, call: Call) -> Response:
        machine = self._known(call.query.get("InstanceId", ""))
        self._fleet.remove(machine.instance_id)
        return json_response({"RequestId": call.request_id})

    def _tag_resources(self, call: Call) -> Response:
        _expect_instances(call)
        tags = listed_tags(call)
        if not tags:
            raise invalid("Tag", "must name at least one tag, as Tag.1.Key and Tag.1.Value")
        machines = [self._known(instance_id) for instance_id in listed(call, "ResourceId")]
        if not machines:
            raise invalid("ResourceId", "must name at least one instance, as ResourceId.1")
        for machine in machines:
            machine.set_tags(tags)
        return json_response({"RequestId": call.request_id})

    def _list_tag_resources(self, call: Call) -> Response:
        """Pages of 50 tags; `NextToken` is empty on the last."""
        _expect_instances(call)
        ids, wanted = listed(call, "ResourceId"), listed_tags(call)
        rows: list[JsonValue] = [
            {"ResourceType": "instance", "ResourceId": machine.instance_id, "TagKey": key, "TagValue": value}
            for machine in (self._known_among(ids) if ids else self._fleet.all())
            if _has_tags(machine, wanted)
            for key, value in machine.tags().items()
        ]
        page, token = page_from(call, rows, TAG_PAGE)
        return json_response({"RequestId": call.request_id, "NextToken": token, "TagResources": page})

    def _known_among(self, instance_ids: list[str]) -> list[Machine]:
        """The machines that there are, each once, in the order of the ids."""
        found = (self._fleet.get(instance_id) for instance_id in dict.fromkeys(instance_ids))
        return [machine for machine in found if machine is not None]

    def _known(self, instance_id: str) -> Machine:
        machine = self._fleet.get(instance_id)
        if machine is None:
            raise Refusal(400, "InstanceIdNotFound", f"The specified instance {instance_id!r} is not found.")
        return machine

    def _expect(self, call: Call, *statuses: str) -> Machine:
        machine = self._known(call.query.get("InstanceId", ""))
        status = machine.status(call.moment)
        if status not in statuses:
            machine.look(call.moment)
            raise Refusal(
                400,
                "IncorrectInstanceStatus",
                f"{machine.instance_id} is {status}, not {' or '.join(statuses)}.",
            )
        return machine


def _matching(machines: Sequence[Machine], call: Call) -> Sequence[Machine]:
    """The machines that pass every filter of DescribeInstances."""
    query, moment = call.query, call.moment
    equal = [(name, query[name]) for name in _EQUAL_FILTERS if name in query]
    network = [(name, query[name]) for name in _NETWORK_FILTERS if name in query]
    regions = json_strings(call, "EnsRegionIds") if "EnsRegionIds" in query else []
    tags = _tag_filter(call)
    if equal or network or regions or tags:
        machines = [
            machine
            for machine in machines
            if _has_fields(machine.record, equal)
            and _has_fields(machine.record["NetworkAttributes"], network)
            and (not regions or machine.record["EnsRegionId"] in regions)
            and _has_tags(machine, tags)
        ]
    if "Status" in query:
        for machine in machines:
            # Also an instance that its status alone keeps off the list was looked at.
            machine.look(moment)
        machines = [machine for machine in machines if machine.status(moment) == query["Status"]]
    return machines


def _has_fields(record: JsonValue, wanted: Sequence[tuple[str, str]]) -> bool:
    """Whether each field of the record has the wanted value."""
    if not wanted:
        return True
    return isinstance(record, dict) and all(record.get(name) == value for name, value in wanted)


def _tag_filter(call: Call) -> dict[str, str]:
    """The `Tags` filter: a JSON array of objects with `Key` and, if it must be a certain one, `Value`."""
    if "Tags" not in call.query:
        return {}
    tags = json_list(call, "Tags", '[{"Key":"k","Value":"v"}]')
    return {
        str(tag["Key"]): str(tag.get("Value", "")) for tag in tags if isinstance(tag, dict) and "Key" in tag
    }


def _has_tags(machine: Machine, wanted: Mapping[str, str]) -> bool:
    """Whether the machine has every wanted tag; an empty value stands for any."""
    if not wanted:
        return True
    tags = machine.tags()
    return all(key in tags and value in {"", tags[key]} for key, value in wanted.items())


def _expect_instances(call: Call) -> None:
    if call.query.get("ResourceType") != "instance":
        raise invalid("ResourceType", "must be instance here")
