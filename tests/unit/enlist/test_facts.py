"""Facts: one record a kind, whatever spelling Describe used, and nothing that Describe did not say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enlist.facts import (
    EDGE_FACTS,
    SEARCH_FACTS,
    edge_facts,
    parse_time,
    read_tags,
    rfc3339,
    search_facts,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fctoolkit.jsontypes import FrozenJson

ENS_ITEM: dict[str, Any] = {
    "InstanceId": "i-5ens00000000000001",
    "InstanceName": "edge-1",
    "EnsRegionId": "cn-hangzhou-cmcc",
    "Status": "Running",
    "Cpu": "4",
    "Memory": 8192,
    "OSName": "CentOS 7.6 64bit",
    "ImageId": "centos_7_06",
    "SpecName": "ens.sn1.large",
    "CreationTime": "2026-11-20T08:00:00Z",
    "NetworkAttributes": {"NetworkId": "n-1", "VSwitchId": "vsw-1", "PrivateIpAddress": {"IpAddress": []}},
    "Tags": {"Tags": [{"TagKey": "enlist", "TagValue": "edge-worker"}]},
}
SEARCH_ITEM: dict[str, Any] = {
    "instanceId": "es-cn-logs000000000001",
    "description": "logs",
    "status": "active",
    "esVersion": "7.10.0_with_X-Pack",
    "archType": "exclusive",
    "zoneCount": 2,
    "createdAt": "2026-11-20T08:00:00.253Z",
    "networkConfig": {"type": "vpc", "vpcId": "vpc-1", "vswitchId": "vsw-1"},
    "tags": [{"tagKey": "enlist", "tagValue": "logs"}],
}

# Fact by the place in Describe that it comes from.
EDGE_PLACES = {
    "instanceId": ("InstanceId",),
    "instanceName": ("InstanceName",),
    "ensRegionId": ("EnsRegionId",),
    "status": ("Status",),
    "cpu": ("Cpu",),
    "memoryMiB": ("Memory",),
    "osName": ("OSName",),
    "imageId": ("ImageId",),
    "specName": ("SpecName",),
    "networkId": ("NetworkAttributes", "NetworkId"),
    "vswitchId": ("NetworkAttributes", "VSwitchId"),
    "createdAt": ("CreationTime",),
    "tags": ("Tags",),
}
SEARCH_PLACES = {
    "instanceId": ("instanceId",),
    "description": ("description",),
    "status": ("status",),
    "vpcId": ("networkConfig", "vpcId"),
    "vswitchId": ("networkConfig", "vswitchId"),
    "esVersion": ("esVersion",),
    "archType": ("archType",),
    "zoneCount": ("zoneCount",),
    "createdAt": ("createdAt",),
    "tags": ("tags",),
}
NUMBERS = {"cpu", "memoryMiB", "zoneCount"}

json_values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from(
        ["4", " 4 ", "active", "0001-01-01T00:00:00+08:00", "2026-11-20T08:00:00Z", "9" * 5000]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
tag_lists: st.SearchStrategy[Any] = st.lists(
    st.dictionaries(st.sampled_from(["TagKey", "tagValue", "Key", "value", "x"]), json_values, max_size=2),
    max_size=2,
)


def described(places: Mapping[str, tuple[str, ...]]) -> st.SearchStrategy[dict[str, Any]]:
    """Items of Describe in which any field may be anything, or missing."""
    top = sorted({place[0] for place in places.values()})
    inner = sorted({place[-1] for place in places.values()})
    nested = st.dictionaries(st.sampled_from(inner), json_values, max_size=3)
    wrapped = tag_lists | tag_lists.map(lambda tags: {"Tags": tags})
    return st.dictionaries(st.sampled_from(top), json_values | nested | wrapped, max_size=8)


def at(item: dict[str, Any], place: tuple[str, ...]) -> Any:
    """The value at a place of an item, None when there is none."""
    value: Any = item
    for key in place:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def check_record(
    record: Mapping[str, FrozenJson], item: dict[str, Any], places: Mapping[str, tuple[str, ...]]
) -> None:
    """Each fact of the record is what the item says at the fact's place."""
    for fact, value in record.items():
        said = at(item, places[fact])
        if fact == "tags":
            assert value == read_tags(said if said is not None else [])
        elif fact == "createdAt":
            assert value == rfc3339(parse_time(said))
        elif fact in NUMBERS:
            assert isinstance(value, int)
            assert value == int(said)
        else:
            assert isinstance(said, (str, int, float))
            assert value in (str(said), str(said).lower())


@given(item=described(EDGE_PLACES))
@settings(max_examples=300)
def test_nothing_that_ens_says_breaks_the_facts_or_is_added_to(item: dict[str, Any]) -> None:
    """Whatever an item holds, the record has only published names, each with what the item says there."""
    record = edge_facts(item).as_record()
    assert record.keys() <= EDGE_FACTS.keys()
    check_record(record, item, EDGE_PLACES)


@given(item=described(SEARCH_PLACES))
@settings(max_examples=300)
def test_nothing_that_elasticsearch_says_breaks_the_facts_or_is_added_to(item: dict[str, Any]) -> None:
    """The same for Elasticsearch; only the region is known without being said."""
    record = search_facts(item, "cn-hangzhou").as_record()
    assert record.keys() <= SEARCH_FACTS.keys()
    assert record.pop("regionId") == "cn-hangzhou"
    check_record(record, item, SEARCH_PLACES)


def test_an_ens_item_gives_every_edge_fact() -> None:
    """The published names are all filled from one full item."""
    record = edge_facts(ENS_ITEM).as_record()
    assert record == {
        "instanceId": "i-5ens00000000000001",
        "instanceName": "edge-1",
        "ensRegionId": "cn-hangzhou-cmcc",
        "status": "Running",
        "cpu": 4,
        "memoryMiB": 8192,
        "osName": "CentOS 7.6 64bit",
        "imageId": "centos_7_06",
        "specName": "ens.sn1.large",
        "networkId": "n-1",
        "vswitchId": "vsw-1",
        "createdAt": "2026-11-20T08:00:00Z",
        "tags": {"enlist": "edge-worker"},
    }
    assert record.keys() == EDGE_FACTS.keys()


def test_an_elasticsearch_item_gives_every_search_fact() -> None:
    """The same for Elasticsearch."""
    record = search_facts(SEARCH_ITEM, "cn-hangzhou").as_record()
    assert record == {
        "instanceId": "es-cn-logs000000000001",
        "description": "logs",
        "regionId": "cn-hangzhou",
        "status": "active",
        "vpcId": "vpc-1",
        "vswitchId": "vsw-1",
        "esVersion": "7.10.0_with_X-Pack",
        "archType": "exclusive",
        "zoneCount": 2,
        "createdAt": "2026-11-20T08:00:00.253000Z",
        "tags": {"enlist": "logs"},
    }
    assert record.keys() == SEARCH_FACTS.keys()


def test_what_ens_does_not_say_stays_unknown() -> None:
    """Unknown is None or empty in the facts and absent from the record, not zero and not no tags."""
    facts = edge_facts({"InstanceId": "i-1", "Status": "Running"})
    assert (facts.cpu, facts.memory_mib, facts.created_at, facts.tags) == (None, None, None, None)
    assert facts.as_record() == {"instanceId": "i-1", "status": "Running"}


def test_elasticsearch_leaves_tags_out_when_there_are_none() -> None:
    """A missing list, or null, means no tags there; another thing is unknown."""
    assert search_facts({"instanceId": "es-1"}, "cn-a").tags == {}
    assert search_facts({"instanceId": "es-1", "tags": None}, "cn-a").tags == {}
    assert search_facts({"instanceId": "es-1", "tags": "x"}, "cn-a").tags is None


def test_the_status_of_elasticsearch_is_compared_in_lower_case() -> None:
    """Both spellings of active occur."""
    assert search_facts({"status": "Active"}, "cn-a").status == "active"


@pytest.mark.parametrize(
    "value",
    [
        [{"TagKey": "a", "TagValue": "1"}, {"TagKey": "b", "TagValue": ""}],
        [{"tagKey": "a", "tagValue": "1"}, {"tagKey": "b", "tagValue": ""}],
        [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": ""}],
        [{"key": "a", "value": "1"}, {"key": "b", "value": None}],
        [{"TagKey": "a", "TagValue": 1}, {"TagKey": "b"}],
        {"Tags": [{"TagKey": "a", "TagValue": "1"}, {"TagKey": "b", "TagValue": ""}]},
        {"Tag": [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": ""}]},
        {"tags": [{"tagKey": "a", "tagValue": "1"}, {"tagKey": "b", "tagValue": ""}]},
    ],
)
def test_tags_are_read_in_every_spelling(value: Any) -> None:
    """Four spellings of a tag, bare or wrapped; a tag without a value has an empty one."""
    assert read_tags(value) == {"a": "1", "b": ""}


@pytest.mark.parametrize("value", [[], {}, {"Tags": []}, {"Tag": []}])
def test_an_empty_list_is_no_tags(value: Any) -> None:
    """The service says that there are none."""
    assert read_tags(value) == {}


@pytest.mark.parametrize(
    "value",
    [
        None,
        "a",
        1,
        {"Other": []},
        {"Tags": "a"},
        {"Tags": None},
        ["a"],
        [{"Value": "1"}],
        [{"Key": 1, "Value": "1"}],
        [{"Key": "a", "Value": ["1"]}],
        [{"Key": "a", "Value": "1"}, {}],
    ],
)
def test_tags_that_cannot_be_read_are_unknown(value: Any) -> None:
    """Unknown is not no tags: one that cannot be read might be the one that holds the instance."""
    assert read_tags(value) is None


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("4", 4),
        (4, 4),
        (" 4 ", 4),
        (4.0, 4),
        ("four", None),
        ("4.5", None),
        ("", None),
        (None, None),
        (True, None),
        ([4], None),
        (float("inf"), None),
        (float("nan"), None),
        ("9" * 5000, None),
    ],
)
def test_cpu_and_memory_are_numbers_or_texts(value: Any, number: int | None) -> None:
    """ENS writes both; what is no number is unknown."""
    facts = edge_facts({**ENS_ITEM, "Cpu": value, "Memory": value})
    assert (facts.cpu, facts.memory_mib) == (number, number)


@pytest.mark.parametrize("value", [["i-1"], {"a": 1}, True, None])
def test_a_text_that_is_no_text_is_unknown(value: Any) -> None:
    """An object or a list is not turned into a text that nobody wrote."""
    assert edge_facts({**ENS_ITEM, "OSName": value}).os_name == ""


@pytest.mark.parametrize("value", [None, [], "n-1", 1])
def test_a_network_that_is_no_object_is_unknown(value: Any) -> None:
    """Neither service's network breaks the rest of the facts."""
    assert edge_facts({**ENS_ITEM, "NetworkAttributes": value}).network_id == ""
    assert search_facts({**SEARCH_ITEM, "networkConfig": value}, "cn-a").vpc_id == ""


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-20T08:00:00Z",
        "2026-11-20T16:00:00+08:00",
        "2026-11-20T08:00:00",
        "2026-11-20 08:00:00",
        "20261120T080000Z",
        "2026-11-20T08:00:00.000Z",
    ],
)
def test_times_are_read_in_every_spelling(text: str) -> None:
    """ISO 8601 in its forms; a time without a zone is UTC."""
    assert parse_time(text) == datetime(2026, 11, 20, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    "value", ["", "yesterday", "2026-13-01", "0001-01-01T00:00:00+08:00", 1793844930, None, [], True]
)
def test_a_time_that_cannot_be_read_is_unknown(value: Any) -> None:
    """No guess is made: an instance whose age is unknown is not a new one."""
    assert parse_time(value) is None


def test_times_are_written_in_utc_with_z() -> None:
    """The record's form is RFC 3339 whatever the zone was."""
    east = timezone(timedelta(hours=8))
    assert rfc3339(datetime(2026, 11, 1, 8, tzinfo=east)) == "2026-11-01T00:00:00Z"
    assert rfc3339(None) is None
