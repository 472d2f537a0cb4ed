"""The facts that bindings match on: one flat camelCase record a kind, whatever spelling Describe used.

Pure. The records are a published schema: names are only ever added.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fctoolkit.jsontypes import FrozenJson, JsonObject, JsonValue

HOLD_TAG = "enlist:hold"
"""An instance with this tag key, whatever its value, is left alone."""

EDGE_FACTS: Mapping[str, str] = {
    "instanceId": "id of the ENS instance",
    "instanceName": "its name",
    "ensRegionId": "ENS node it runs in, such as cn-hangzhou-cmcc; not an API region",
    "status": "Running, Stopped, Expired, Starting … as ENS says",
    "cpu": "vCPUs, a number",
    "memoryMiB": "memory in MiB, a number",
    "osName": "operating system, such as CentOS 7.6 64bit",
    "imageId": "id of its image",
    "specName": "instance type",
    "networkId": "ENS network it is in",
    "vswitchId": "ENS vSwitch it is in",
    "createdAt": "when it was created, RFC 3339, UTC",
    "tags": "its tags, an object of key to value",
}

SEARCH_FACTS: Mapping[str, str] = {
    "instanceId": "id of the Elasticsearch instance",
    "description": "its name",
    "regionId": "API region it is in",
    "status": "active, activating, inactive, invalid, unknown",
    "vpcId": "VPC it is in",
    "vswitchId": "vSwitch it is in",
    "esVersion": "such as 7.10.0_with_X-Pack",
    "archType": "exclusive (basic control) or public (cloud-native)",
    "zoneCount": "number of zones, a number",
    "createdAt": "when it was created, RFC 3339, UTC",
    "tags": "its tags, an object of key to value",
}


class EdgeFacts(NamedTuple):
    """What ENS says of one instance. None and empty mean that ENS did not say.

    `cpu` in vCPUs, `memory_mib` in MiB. `tags` is None when they could not be read, which is not "no tags".
    """

    instance_id: str
    status: str
    ens_region_id: str = ""
    instance_name: str = ""
    cpu: int | None = None
    memory_mib: int | None = None
    os_name: str = ""
    image_id: str = ""
    spec_name: str = ""
    network_id: str = ""
    vswitch_id: str = ""
    created_at: datetime | None = None
    tags: Mapping[str, str] | None = None

    def as_record(self) -> dict[str, FrozenJson]:
        """The published record; unknown facts are absent, so that `exists: false` can be asked."""
        return _present(
            {
                "instanceId": self.instance_id,
                "instanceName": self.instance_name,
                "ensRegionId": self.ens_region_id,
                "status": self.status,
                "cpu": self.cpu,
                "memoryMiB": self.memory_mib,
                "osName": self.os_name,
                "imageId": self.image_id,
                "specName": self.spec_name,
                "networkId": self.network_id,
                "vswitchId": self.vswitch_id,
                "createdAt": rfc3339(self.created_at),
                "tags": self.tags,
            }
        )


class SearchFacts(NamedTuple):
    """What Elasticsearch says of one instance. None and empty mean that it did not say."""

    instance_id: str
    status: str
    region_id: str
    description: str = ""
    vpc_id: str = ""
    vswitch_id: str = ""
    es_version: str = ""
    arch_type: str = ""
    zone_count: int | None = None
    created_at: datetime | None = None
    tags: Mapping[str, str] | None = None

    def as_record(self) -> dict[str, FrozenJson]:
        """The published record; unknown facts are absent."""
        return _present(
            {
                "instanceId": self.instance_id,
                "description": self.description,
                "regionId": self.region_id,
                "status": self.status,
                "vpcId": self.vpc_id,
                "vswitchId": self.vswitch_id,
                "esVersion": self.es_version,
                "archType": self.arch_type,
                "zoneCount": self.zone_count,
                "createdAt": rfc3339(self.created_at),
                "tags": self.tags,
            }
        )


def edge_facts(described: JsonObject) -> EdgeFacts:
    """Facts from one item of ENS DescribeInstances (`Instances.Instance[]`). `InstanceId` must be there."""
    network = described.get("NetworkAttributes")
    attributes = network if isinstance(network, dict) else {}
    return EdgeFacts(
        instance_id=_text(described.get("InstanceId")),
        status=_text(described.get("Status")),
        ens_region_id=_text(described.get("EnsRegionId")),
        instance_name=_text(described.get("InstanceName")),
        cpu=_number(described.get("Cpu")),
        memory_mib=_number(described.get("Memory")),
        os_name=_text(described.get("OSName")),
        image_id=_text(described.get("ImageId")),
        spec_name=_text(described.get("SpecName")),
        network_id=_text(attributes.get("NetworkId")),
        vswitch_id=_text(attributes.get("VSwitchId")),
        created_at=parse_time(described.get("CreationTime")),
        tags=read_tags(described.get("Tags")),
    )


def search_facts(described: JsonObject, region_id: str) -> SearchFacts:
    """Facts from Elasticsearch DescribeInstance (`Result`) or one item of ListInstance (`Result[]`)."""
    network = described.get("networkConfig")
    config = network if isinstance(network, dict) else {}
    return SearchFacts(
        instance_id=_text(described.get("instanceId")),
        status=_text(described.get("status")).lower(),
        region_id=region_id,
        description=_text(described.get("description")),
        vpc_id=_text(config.get("vpcId")),
        vswitch_id=_text(config.get("vswitchId")),
        es_version=_text(described.get("esVersion")),
        arch_type=_text(described.get("archType")),
        zone_count=_number(described.get("zoneCount")),
        created_at=parse_time(described.get("createdAt")),
        # Elasticsearch leaves the list out, or null, for an instance that has none.
        tags=read_tags([] if described.get("tags") is None else described["tags"]),
    )


def read_tags(value: JsonValue) -> dict[str, str] | None:
    """Tags from any spelling the services use; None when `value` is not one of them.

    Lists of `{TagKey, TagValue}`, `{tagKey, tagValue}`, `{Key, Value}` or `{key, value}`, bare or wrapped as
    `{"Tags": […]}` or `{"Tag": […]}`.
    """
    if isinstance(value, dict):
        wrapped = value.get("Tags", value.get("Tag", value.get("tags")))
        return read_tags(wrapped) if isinstance(wrapped, list) else ({} if not value else None)
    if not isinstance(value, list):
        return None
    tags: dict[str, str] = {}
    for item in value:
        if not isinstance(item, dict):
            return None
        lowered = {key.lower(): text for key, text in item.items()}
        key = lowered.get("tagkey", lowered.get("key"))
        if not isinstance(key, str):
            return None
        text = lowered.get("tagvalue", lowered.get("value"))
        if isinstance(text, (dict, list)):
            return None
        tags[key] = _text(text)
    return tags


def parse_time(value: JsonValue) -> datetime | None:
    """An aware UTC datetime from ISO 8601 text; None when it cannot be read. Times without a zone are UTC."""
    if not isinstance(value, str) or not value:
        return None
    try:
        moment = datetime.fromisoformat(value)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def rfc3339(moment: datetime | None) -> str | None:
    """`2026-11-01T00:00:00Z`, or None."""
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _present(record: dict[str, FrozenJson]) -> dict[str, FrozenJson]:
    return {key: value for key, value in record.items() if value is not None and value != ""}


def _text(value: JsonValue) -> str:
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else ""


def _number(value: JsonValue) -> int | None:
    try:
        return int(value) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else None
    except (ValueError, OverflowError):
        return None
