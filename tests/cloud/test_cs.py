"""Container Service, as every way to call it sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.cloud_client import edge_seed
from tests.support.cloud_scene import CORE, IN_PROCESS, OVER_HTTP, in_modes

if TYPE_CHECKING:
    from tests.support.cloud_scene import Scene


@in_modes("cs")
def test_a_machine_joins_and_leaves(at: Scene) -> None:
    """An attach is accepted machine by machine, its task runs and ends, and the node can be removed."""
    at.seed(edge_seed(2))
    attached = at.does("cs", "AttachInstances", ClusterId="c1", instances=["i-1", "i-9"], is_edge_worker=True)
    assert [(row["instanceId"], row["code"]) for row in attached["list"]] == [("i-1", "200"), ("i-9", "404")]
    task = attached["task_id"]
    assert at.does("cs", "DescribeTaskInfo", task_id=task)["state"] == "running"
    tasks = at.does("cs", "DescribeClusterTasks", cluster_id="c1", page_size=10)["tasks"]
    assert [one["task_id"] for one in tasks] == [task]
    at.wait(90)
    ended = at.does("cs", "DescribeTaskInfo", task_id=task)
    assert (ended["state"], [(part["data"], part["status"]) for part in ended["task_result"]]) == (
        "success",
        [("i-1", "success")],
    )
    wanted = {"ClusterId": "c1", "instanceIds": "i-1,i-2", "pageSize": "100", "state": "all"}
    listed = at.does("cs", "DescribeClusterNodes", **wanted)
    assert [(node["instance_id"], node["state"], node["node_status"]) for node in listed["nodes"]] == [
        ("i-1", "running", "Ready")
    ]
    assert listed["page"]["total_count"] == 1
    name = listed["nodes"][0]["node_name"]
    removed = at.does("cs", "DeleteClusterNodes", ClusterId="c1", nodes=[name], drain_node=True)
    assert at.does("cs", "DescribeTaskInfo", task_id=removed["task_id"])["state"] == "running"
    assert at.state["cs"]["clusters"][0]["nodes"][0]["state"] == "removing"
    at.wait(30)
    assert at.does("cs", "DescribeClusterNodes", **wanted)["nodes"] == []


@in_modes("cs")
def test_clusters_and_node_pools(at: Scene) -> None:
    """Clusters and node pools are made, listed, and described; a new cluster is not ready at once."""
    at.seed(edge_seed(name="edge"))
    made = at.does("cs", "CreateCluster", name="new", region_id="cn-hangzhou", profile="Edge")
    assert at.does("cs", "DescribeClusterDetail", ClusterId=made["cluster_id"])["state"] == "initial"
    at.wait(300)
    assert at.does("cs", "DescribeClusterDetail", ClusterId=made["cluster_id"])["state"] == "running"
    named = at.does("cs", "DescribeClustersV1", name="edg", profile="Edge", page_size=10)
    assert ([one["cluster_id"] for one in named["clusters"]], named["page_info"]["total_count"]) == (
        ["c1"],
        1,
    )
    pool = at.does(
        "cs", "CreateClusterNodePool", ClusterId="c1", nodepool_info={"name": "pool", "type": "edge"}
    )
    pools = at.does("cs", "DescribeClusterNodePools", ClusterId="c1")["nodepools"]
    assert [row["nodepool_info"]["name"] for row in pools] == ["default-nodepool", "pool"]
    shown = at.does("cs", "DescribeClusterNodePoolDetail", ClusterId="c1", NodepoolId=pool["nodepool_id"])
    assert shown["nodepool_info"]["nodepool_id"] == pool["nodepool_id"]
    assert at.does("cs", "DescribeUserQuota")["node_quota"] == 100


@in_modes("cs")
def test_pages_of_nodes(at: Scene) -> None:
    """Nodes come in pages, each once; a page beyond the last is empty, and too large a page is refused."""
    at.seed(edge_seed(nodes=[{"instance_id": f"i-{number}"} for number in range(25)]))
    seen: list[str] = []
    for number in ("1", "2", "3", "4"):
        page = at.does("cs", "DescribeClusterNodes", ClusterId="c1", pageNumber=number, pageSize="10")
        assert page["page"] == {"page_number": int(number), "page_size": 10, "total_count": 25}
        seen += [node["instance_id"] for node in page["nodes"]]
    assert seen == [f"i-{number}" for number in range(25)]
    assert at.refuses("cs", "DescribeClusterNodes", ClusterId="c1", pageSize="101") == (
        400,
        "InvalidParameter.pageSize",
    )


@in_modes("cs")
def test_what_is_not_there(at: Scene) -> None:
    """Unknown clusters, tasks, node pools and nodes are 404s with codes of their own."""
    at.seed(edge_seed())
    assert at.refuses("cs", "DescribeClusterDetail", ClusterId="c2") == (404, "ErrorClusterNotFound")
    assert at.refuses("cs", "DescribeTaskInfo", task_id="T-none") == (404, "ErrorTaskNotFound")
    assert at.refuses("cs", "DescribeClusterNodePoolDetail", ClusterId="c1", NodepoolId="np") == (
        404,
        "ErrorNodePoolNotFound",
    )
    assert at.refuses("cs", "DeleteClusterNodes", ClusterId="c1", nodes=["none"]) == (
        404,
        "ErrorNodeNotFound",
    )


@in_modes("cs")
def test_wrong_parameters_are_named(at: Scene) -> None:
    """A value that the action does not take is refused by the parameter's name; state stays as it was."""
    at.seed(edge_seed())
    before = at.state
    assert at.refuses("cs", "DescribeClusterNodes", ClusterId="c1", state="odd") == (
        400,
        "InvalidParameter.state",
    )
    assert at.refuses("cs", "DeleteClusterNodes", ClusterId="c1", nodes=[]) == (400, "InvalidParameter.nodes")
    assert at.refuses("cs", "CreateCluster", name="new") == (400, "InvalidParameter.region_id")
    assert at.state == before


@in_modes("cs", only=(IN_PROCESS, OVER_HTTP, CORE))
def test_a_misspelt_parameter_is_not_passed_over(at: Scene) -> None:
    """A key that the action does not have is refused, whoever can send one."""
    at.seed(edge_seed(1))
    misspelt = {"instances": ["i-1"], "is_edge_wroker": True}
    assert at.refuses("cs", "AttachInstances", ClusterId="c1", **misspelt) == (
        400,
        "LocalCloud.UnknownParameter",
    )


@in_modes("cs")
def test_an_action_that_is_not_played(at: Scene) -> None:
    """An action that the vendor has and the local cloud does not is a 501 with a code of its own."""
    assert at.refuses("cs", "DescribeClusters") == (501, "LocalCloud.NotImplemented")
