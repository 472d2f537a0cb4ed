"""Edge Node Service, as every way to call it sees it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.support.cloud_client import edge_seed
from tests.support.cloud_scene import in_modes

if TYPE_CHECKING:
    from tests.support.cloud_scene import Scene


def ids(answer: Any) -> list[str]:
    """The instances on a page."""
    return [row["InstanceId"] for row in answer["Instances"]["Instance"]]


@in_modes("ens")
def test_the_life_of_a_machine(at: Scene) -> None:
    """Machines are made, start, are stopped and started again, and released."""
    region = {"EnsRegionId": "cn-chengdu-telecom", "ImageId": "centos_7_6", "InstanceName": "n"}
    made = at.does("ens", "RunInstances", Amount=2, Tag=[{"Key": "enlist", "Value": "edge-worker"}], **region)
    first, second = made["InstanceIds"]
    wanted = json.dumps([first, second])
    assert ids(at.does("ens", "DescribeInstances", InstanceIds=wanted, Status="Running")) == []
    at.wait(120)
    found = at.does("ens", "DescribeInstances", InstanceIds=wanted, PageSize="100", Status="Running")
    assert (found["Code"], found["TotalCount"], ids(found)) == (0, 2, [first, second])
    row = found["Instances"]["Instance"][0]
    assert (row["Cpu"], row["Memory"], row["OSName"]) == ("4", 8192, "CentOS 7.6 64bit")
    assert row["Tags"]["Tags"] == [{"TagKey": "enlist", "TagValue": "edge-worker"}]
    assert at.does("ens", "StopInstance", InstanceId=first)["Code"] == 0
    assert at.refuses("ens", "StopInstance", InstanceId=first) == (400, "IncorrectInstanceStatus")
    assert at.does("ens", "StartInstance", InstanceId=first)["Code"] == 0
    at.does("ens", "ReleasePostPaidInstance", InstanceId=first)
    assert ids(at.does("ens", "DescribeInstances", InstanceIds=wanted)) == [second]


@in_modes("ens")
def test_tags(at: Scene) -> None:
    """Tags are put on machines, listed by machine and by tag, and found by a filter."""
    at.seed(edge_seed(3))
    tags = [{"Key": "a", "Value": "b"}, {"Key": "ä", "Value": "c d"}]
    at.does("ens", "TagResources", ResourceType="instance", ResourceId=["i-1", "i-2"], Tag=tags)
    listed = at.does("ens", "ListTagResources", ResourceType="instance", ResourceId=["i-1", "i-3"])
    assert {(row["ResourceId"], row["TagKey"], row["TagValue"]) for row in listed["TagResources"]} == {
        ("i-1", "a", "b"),
        ("i-1", "ä", "c d"),
    }
    by_tag = at.does("ens", "ListTagResources", ResourceType="instance", Tag=[{"Key": "a", "Value": "b"}])
    assert {row["ResourceId"] for row in by_tag["TagResources"]} == {"i-1", "i-2"}
    assert ids(at.does("ens", "DescribeInstances", Tags=tags[1:])) == ["i-1", "i-2"]
    assert ids(at.does("ens", "DescribeInstances", Tags=[{"Key": "a", "Value": "x"}])) == []


@in_modes("ens")
def test_pages_of_machines(at: Scene) -> None:
    """Machines come in pages, each once, with the total on every page."""
    at.seed(edge_seed(25))
    pages = [at.does("ens", "DescribeInstances", PageNumber=str(n), PageSize="10") for n in (1, 2, 3, 4)]
    assert [len(ids(page)) for page in pages] == [10, 10, 5, 0]
    assert {page["TotalCount"] for page in pages} == {25}
    assert [one for page in pages for one in ids(page)] == [f"i-{number}" for number in range(1, 26)]
    assert at.refuses("ens", "DescribeInstances", PageSize="101") == (400, "InvalidParameter.PageSize")


@in_modes("ens")
def test_what_is_not_there(at: Scene) -> None:
    """An unknown machine is refused by every action on one; a list of ids leaves it out."""
    for action in ("StartInstance", "StopInstance", "ReleasePostPaidInstance"):
        assert at.refuses("ens", action, InstanceId="i-none") == (400, "InstanceIdNotFound")
    found = at.does("ens", "DescribeInstances", InstanceIds='["i-none", "i-ä"]')
    assert (found["TotalCount"], ids(found)) == (0, [])


@in_modes("ens")
def test_wrong_parameters_are_named(at: Scene) -> None:
    """A value that an action does not take is refused by the parameter's name."""
    at.seed(edge_seed(1))
    wrong = {"InstanceIds": "i-1", "PageNumber": "0"}
    for name, value in wrong.items():
        assert at.refuses("ens", "DescribeInstances", **{name: value}) == (400, f"InvalidParameter.{name}")
    kind = {"ResourceType": "disk", "ResourceId": ["i-1"], "Tag": [{"Key": "a", "Value": "b"}]}
    assert at.refuses("ens", "TagResources", **kind) == (400, "InvalidParameter.ResourceType")


@in_modes("ens")
def test_a_tag_that_only_its_own_list_shows(at: Scene) -> None:
    """Where tags are `separate`, machines are described without them, and ListTagResources has them."""
    at.behave(ens_tags="separate")
    at.seed(edge_seed(1))
    at.does(
        "ens", "TagResources", ResourceType="instance", ResourceId=["i-1"], Tag=[{"Key": "a", "Value": "b"}]
    )
    (row,) = at.does("ens", "DescribeInstances")["Instances"]["Instance"]
    assert not (row.get("Tags") or {}).get("Tags")
    listed = at.does("ens", "ListTagResources", ResourceType="instance", ResourceId=["i-1"])
    assert [row["TagKey"] for row in listed["TagResources"]] == ["a"]
