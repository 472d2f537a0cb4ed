"""Edge Node Service: instances, filters, pages, tags, and how starting and stopping change them."""

from __future__ import annotations

import json
import time
from statistics import median
from typing import Any

import pytest

from localcloud import LocalCloud
from localcloud.errors import SeedError
from localcloud.message import Request
from tests.support.cloud_client import CloudClient


def _ids(client: CloudClient, **query: str | int) -> list[str]:
    answer = client.ens("DescribeInstances", **query).json()
    return [instance["InstanceId"] for instance in answer["Instances"]["Instance"]]


def _seed(cloud: LocalCloud, *instances: dict[str, Any]) -> CloudClient:
    rows = [{"InstanceId": f"i-{number}", **given} for number, given in enumerate(instances, start=1)]
    seed: Any = {"ens": {"instances": rows}}
    cloud.seed(seed)
    return CloudClient(cloud)


def test_instances_come_back_as_they_were_seeded(cloud: LocalCloud) -> None:
    """Fields of a seed are given back unchanged, unknown ones too, and missing ones are filled in."""
    given = {
        "InstanceId": "i-full",
        "Cpu": "8",
        "Memory": 16384,
        "NetworkAttributes": {
            "NetworkId": "n-1",
            "VSwitchId": "vsw-1",
            "PrivateIpAddress": {"IpAddress": ["10.0.0.1"]},
        },
        "DataDisk": {"DataDisk": [{"Size": 20480}]},
        "Tags": {"Tags": [{"TagKey": "enlist", "TagValue": "edge-worker"}]},
    }
    client = _seed(cloud, given, {})
    answer = client.ens("DescribeInstances").json()
    full, partial = answer["Instances"]["Instance"]
    assert {key: full[key] for key in given} == given
    assert (partial["Status"], partial["Cpu"], partial["Memory"]) == ("Running", "4", 8192)
    assert partial["OSName"].startswith("CentOS 7.6")
    assert partial["CreationTime"].endswith("Z")
    assert (answer["Code"], answer["TotalCount"], answer["PageNumber"], answer["PageSize"]) == (0, 2, 1, 10)


@pytest.mark.parametrize(
    "tags", [[{"TagKey": "a", "TagValue": "b"}], {"Tag": []}, {"a": "b"}, {"Tags": [{"Key": "a"}]}, "a=b"]
)
def test_tags_of_another_shape_are_refused_with_the_right_one(cloud: LocalCloud, tags: object) -> None:
    """A seed whose tags have another shape is told the shape that is right."""
    shape = '{"Tags": {"Tags": [{"TagKey": "name", "TagValue": "text"}]}}'
    with pytest.raises(SeedError) as refused:
        _seed(cloud, {"Tags": tags})
    assert str(refused.value) == f"ens.instances[0].Tags: the right shape is {shape}"


def test_no_tags_may_be_null(cloud: LocalCloud) -> None:
    """Tags that are null in a seed are no tags."""
    client = _seed(cloud, {"Tags": None})
    assert client.ens("DescribeInstances").json()["Instances"]["Instance"][0]["Tags"] == {"Tags": []}


def test_instances_are_filtered(cloud: LocalCloud) -> None:
    """All filters must hold; an empty list of ids is a filter that nothing passes."""
    client = _seed(
        cloud,
        {"EnsRegionId": "cn-chengdu-telecom", "Status": "Stopped"},
        {"EnsRegionId": "cn-hangzhou-cmcc", "NetworkAttributes": {"NetworkId": "n-2"}},
        {"InstanceName": "worker", "Tags": {"Tags": [{"TagKey": "a", "TagValue": "b"}]}},
    )
    assert _ids(client, InstanceIds='["i-3","i-1","i-9"]') == ["i-3", "i-1"]
    assert _ids(client, InstanceIds="[]") == []
    assert _ids(client, InstanceId="i-2") == ["i-2"]
    assert _ids(client, Status="Stopped") == ["i-1"]
    assert _ids(client, EnsRegionId="cn-hangzhou-cmcc", Status="Stopped") == []
    assert _ids(client, EnsRegionIds='["cn-hangzhou-cmcc","cn-chengdu-telecom"]') == ["i-1", "i-2"]
    assert _ids(client, NetworkId="n-2") == ["i-2"]
    assert _ids(client, InstanceName="worker") == ["i-3"]
    assert _ids(client, Tags='[{"Key":"a","Value":"b"}]') == ["i-3"]
    assert _ids(client, Tags='[{"Key":"a","Value":"c"}]') == []


def test_instances_are_paged(cloud: LocalCloud) -> None:
    """Ten a page unless asked otherwise, a hundred at most."""
    client = _seed(cloud, *({} for _ in range(12)))
    assert len(_ids(client)) == 10
    assert _ids(client, PageNumber=2) == ["i-11", "i-12"]
    assert len(_ids(client, PageSize=100)) == 12


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PageSize", "101"),
        ("PageNumber", "0"),
        ("InstanceIds", "i-1"),
        ("InstanceIds", json.dumps([f"i-{number}" for number in range(101)])),
        ("Tags", "a=b"),
    ],
)
def test_bad_filters_are_refused_by_name(cloud: LocalCloud, name: str, value: str) -> None:
    """A page that is too large, ids that are no JSON or too many: the code names the parameter."""
    answer = CloudClient(cloud).ens("DescribeInstances", **{name: value})
    assert (answer.status_code, answer.json()["Code"]) == (400, f"InvalidParameter.{name}")


def test_tags_can_be_told_separately(cloud: LocalCloud) -> None:
    """In the variant `separate` DescribeInstances shows no tags, and ListTagResources still does."""
    client = _seed(cloud, {"Tags": {"Tags": [{"TagKey": "a", "TagValue": "b"}]}}, {})
    cloud.configure(ens_tags="separate")
    described = client.ens("DescribeInstances").json()["Instances"]["Instance"]
    assert all("Tags" not in instance for instance in described)
    listed = client.ens("ListTagResources", ResourceType="instance").json()
    assert listed["TagResources"] == [
        {"ResourceType": "instance", "ResourceId": "i-1", "TagKey": "a", "TagValue": "b"}
    ]
    assert listed["NextToken"] == ""


def test_tags_are_set_and_listed_page_by_page(cloud: LocalCloud) -> None:
    """TagResources adds tags; ListTagResources filters by resource and tag and pages with NextToken."""
    client = _seed(cloud, *({} for _ in range(60)))
    every = {f"ResourceId.{number}": f"i-{number}" for number in range(1, 61)}
    tagged = client.ens(
        "TagResources", ResourceType="instance", **every, **{"Tag.1.Key": "a", "Tag.1.Value": "b"}
    )
    assert tagged.status_code == 200
    first = client.ens("ListTagResources", ResourceType="instance").json()
    rest = client.ens("ListTagResources", ResourceType="instance", NextToken=first["NextToken"]).json()
    assert (len(first["TagResources"]), len(rest["TagResources"]), rest["NextToken"]) == (50, 10, "")
    one = {"ResourceId.1": "i-7", "Tag.1.Key": "a"}
    assert len(client.ens("ListTagResources", ResourceType="instance", **one).json()["TagResources"]) == 1
    other = {"Tag.1.Key": "a", "Tag.1.Value": "z"}
    assert client.ens("ListTagResources", ResourceType="instance", **other).json()["TagResources"] == []


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"ResourceType": "disk", "ResourceId.1": "i-1", "Tag.1.Key": "a"}, "InvalidParameter.ResourceType"),
        ({"ResourceType": "instance", "ResourceId.1": "i-1"}, "InvalidParameter.Tag"),
        ({"ResourceType": "instance", "Tag.1.Key": "a"}, "InvalidParameter.ResourceId"),
        ({"ResourceType": "instance", "ResourceId.1": "i-9", "Tag.1.Key": "a"}, "InstanceIdNotFound"),
    ],
)
def test_bad_tags_are_refused(cloud: LocalCloud, query: dict[str, str], code: str) -> None:
    """Other resources, no tag, no resource and unknown instances are refused."""
    client = _seed(cloud, {})
    assert client.ens("TagResources", **query).json()["Code"] == code


def test_new_instances_start(cloud: LocalCloud) -> None:
    """RunInstances makes as many as asked, with what was given; they are Starting first and Running later."""
    client = CloudClient(cloud)
    made = client.ens(
        "RunInstances",
        Amount=2,
        EnsRegionId="cn-chengdu-telecom",
        InstanceType="ens.sn1.small",
        NetWorkId="n-7",
        **{"Tag.1.Key": "a", "Tag.1.Value": "b"},
    ).json()["InstanceIds"]
    assert len(set(made)) == 2
    one = client.ens("DescribeInstances", InstanceId=made[0]).json()["Instances"]["Instance"][0]
    assert (one["Status"], one["EnsRegionId"], one["SpecName"]) == (
        "Starting",
        "cn-chengdu-telecom",
        "ens.sn1.small",
    )
    assert one["NetworkAttributes"]["NetworkId"] == "n-7"
    assert one["Tags"] == {"Tags": [{"TagKey": "a", "TagValue": "b"}]}
    cloud.advance(120)
    assert _ids(client, Status="Running") == made


def test_instances_stop_start_and_go(cloud: LocalCloud) -> None:
    """Stopping, starting and releasing change the status, and each needs the right one before."""
    client = _seed(cloud, {})
    assert client.ens("StartInstance", InstanceId="i-1").json()["Code"] == "IncorrectInstanceStatus"
    assert client.ens("StopInstance", InstanceId="i-1").json()["Code"] == 0
    assert _ids(client, Status="Stopped") == ["i-1"]
    assert client.ens("StopInstance", InstanceId="i-1").json()["Code"] == "IncorrectInstanceStatus"
    assert client.ens("StartInstance", InstanceId="i-1").json()["Code"] == 0
    assert _ids(client, Status="Starting") == ["i-1"]
    assert client.ens("ReleasePostPaidInstance", InstanceId="i-1").status_code == 200
    assert _ids(client) == []
    assert client.ens("StopInstance", InstanceId="i-1").json()["Code"] == "InstanceIdNotFound"


def test_a_page_does_not_take_longer_where_many_are_stored() -> None:
    """With ten thousand instances a page takes less than twice what it takes with ten, unsigned."""
    clouds = {stored: LocalCloud(signed=False) for stored in (10, 10_000)}
    times: dict[int, list[float]] = {stored: [] for stored in clouds}
    for stored, cloud in clouds.items():
        _seed(cloud, *[{}] * stored)
    for turn in range(60):
        for stored, cloud in clouds.items():
            page = (1, stored // 20, stored // 10)[turn % 3]
            query = f"Action=DescribeInstances&Version=2017-11-10&PageSize=10&PageNumber={max(page, 1)}"
            begun = time.perf_counter()
            answer = cloud.handle(Request("GET", "/", query))
            times[stored].append(time.perf_counter() - begun)
            assert len(json.loads(answer.body)["Instances"]["Instance"]) == 10
    assert median(times[10_000]) < 2 * median(times[10])
