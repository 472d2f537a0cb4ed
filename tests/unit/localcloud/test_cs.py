"""Container Service: clusters, attaches with their nodes and tasks over time, and refusals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.cloud_client import CloudClient, edge_seed, state_of

if TYPE_CHECKING:
    from localcloud import LocalCloud


def test_an_attach_goes_through_its_stages(cloud: LocalCloud) -> None:
    """Accepted at once; the node list lags, the node is initial while the task runs, both end together."""
    cloud.seed(edge_seed())
    client = CloudClient(cloud)
    answer = client.attach("i-1")
    assert answer.status_code == 202
    assert answer.json()["list"] == [{"code": "200", "instanceId": "i-1", "message": "successful"}]
    task_id = answer.json()["task_id"]
    assert client.nodes() == []
    assert client.task(task_id)["state"] == "running"
    cloud.advance(20)
    assert [(node["instance_id"], node["state"], node["node_status"]) for node in client.nodes()] == [
        ("i-1", "initial", "NotReady")
    ]
    cloud.advance(69.9)
    assert client.task(task_id)["task_result"] == [{"data": "i-1", "status": "initial"}]
    cloud.advance(0.1)
    assert [(node["state"], node["node_status"]) for node in client.nodes()] == [("running", "Ready")]
    assert client.task(task_id)["state"] == "success"
    assert client.task(task_id)["task_result"] == [{"data": "i-1", "status": "success"}]


def test_an_attach_reloads_the_machine(cloud: LocalCloud) -> None:
    """After an accepted attach the machine is Starting for a while; before the attach it was Running."""
    cloud.seed(edge_seed())
    client = CloudClient(cloud)
    client.attach("i-1")
    assert state_of(cloud, "ens", "instances")["Status"] == "Starting"
    cloud.advance(30)
    assert state_of(cloud, "ens", "instances")["Status"] == "Running"


@pytest.mark.parametrize("later", [0, 10, 1000])
def test_a_second_attach_does_harm_and_is_counted(cloud: LocalCloud, later: float) -> None:
    """A machine that is attached or attaching is accepted again, reloads again, and the state shows it."""
    cloud.seed(edge_seed())
    client = CloudClient(cloud)
    client.attach("i-1")
    cloud.advance(later)
    second = client.attach("i-1").json()
    assert second["list"][0]["code"] == "200"
    machine = state_of(cloud, "ens", "instances")
    assert (machine["attachCount"], machine["Status"]) == (2, "Starting")
    assert client.task(second["task_id"])["state"] == "running"
    assert state_of(cloud, "cs", "clusters")["nodes"][0]["state"] == "initial"


def test_a_machine_can_be_taken_from_another_cluster(cloud: LocalCloud) -> None:
    """Nothing stops the attach of another cluster's node, not even while it joins there: it is counted."""
    cloud.seed({**edge_seed(), "cs": {"clusters": [{"cluster_id": "c1"}, {"cluster_id": "c2"}]}})
    client = CloudClient(cloud)
    rows = [client.attach("i-1", cluster=cluster).json()["list"][0]["code"] for cluster in ("c1", "c2")]
    assert rows == ["200", "200"]
    assert state_of(cloud, "ens", "instances")["attachCount"] == 2


@pytest.mark.parametrize(
    ("machine", "code"),
    [
        ({"Status": "Stopped"}, "400"),
        ({"Cpu": "1"}, "400"),
        ({"Memory": 2048}, "400"),
        ({"OSName": "CentOS 7.3 64bit"}, "400"),
        ({"OSName": "Ubuntu 22.04"}, "400"),
        ({"InstanceId": "i-other"}, "404"),
        ({"OSName": "CentOS 7.4 64bit", "Cpu": 2, "Memory": 4096}, "200"),
        ({"OSName": "CentOS 8.2"}, "200"),
    ],
)
def test_machines_that_cannot_join_are_refused_one_by_one(
    cloud: LocalCloud, machine: dict[str, Any], code: str
) -> None:
    """Status, size and operating system decide for each instance; the others join."""
    seed = edge_seed(2)
    seed["ens"]["instances"][0] |= machine
    cloud.seed(seed)
    rows = CloudClient(cloud).attach("i-1", "i-2").json()["list"]
    assert [(row["instanceId"], row["code"]) for row in rows] == [("i-1", code), ("i-2", "200")]
    nodes = {node["instance_id"] for node in state_of(cloud, "cs", "clusters")["nodes"]}
    assert nodes == ({"i-1", "i-2"} if code == "200" else {"i-2"})


def test_a_task_without_any_accepted_instance_has_failed(cloud: LocalCloud) -> None:
    """When every instance is refused, the answer still names a task, and it failed."""
    cloud.seed(edge_seed())
    client = CloudClient(cloud)
    task = client.task(client.attach("i-9").json()["task_id"])
    assert (task["state"], task["task_result"]) == ("fail", [{"data": "i-9", "status": "failed"}])
    assert "i-9" in task["error"]["message"]


@pytest.mark.parametrize(
    ("cluster", "body", "status", "code"),
    [
        ({}, {"is_edge_worker": False}, 400, "InvalidParameter.is_edge_worker"),
        ({}, {"is_edge_worker": "true"}, 400, "InvalidParameter.is_edge_worker"),
        ({"profile": "Default"}, {}, 400, "InvalidParameter.is_edge_worker"),
        ({"profile": "Default"}, {"is_edge_worker": False}, 501, "LocalCloud.NotImplemented"),
        ({"state": "updating"}, {}, 400, "ErrorClusterState"),
        ({}, {"nodepool_id": "np-x"}, 404, "ErrorNodePoolNotFound"),
        ({}, {"instances": []}, 400, "InvalidParameter.instances"),
        ({}, {"instances": "i-1"}, 400, "InvalidParameter.instances"),
        ({}, {"instances": ["i-1", "i-1"]}, 400, "InvalidParameter.instances"),
        ({"cluster_id": "c2"}, {}, 404, "ErrorClusterNotFound"),
    ],
)
def test_attach_is_refused_as_a_whole(
    cloud: LocalCloud, cluster: dict[str, Any], body: dict[str, Any], status: int, code: str
) -> None:
    """A cluster, node pool or body that does not fit has the vendor's code, and no machine is touched."""
    cloud.seed(edge_seed(**cluster))
    answer = CloudClient(cloud).attach("i-1", **body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert state_of(cloud, "ens", "instances")["attachCount"] == 0


def test_the_node_quota_counts_new_nodes_only(cloud: LocalCloud) -> None:
    """A full cluster takes no new node, but a second attach of its own node is still accepted."""
    cloud.seed(edge_seed(2))
    cloud.configure(node_quota=1)
    client = CloudClient(cloud)
    assert client.attach("i-1").status_code == 202
    assert client.attach("i-2").json()["code"] == "QuotaExceeded.Node"
    assert client.attach("i-1").status_code == 202
    assert client.cs("DescribeUserQuota", "/quota").json()["node_quota"] == 1


def test_documented_variants_can_be_played(cloud: LocalCloud) -> None:
    """The status of an attach and the spellings of task and node states follow the behaviour."""
    cloud.seed(edge_seed(2))
    cloud.configure(
        attach_status=200,
        task_success="succeeded",
        task_failure="failed",
        node_ready="true",
        node_joining=0,
    )
    client = CloudClient(cloud)
    answer = client.attach("i-1")
    cloud.advance(20)
    assert answer.status_code == 200
    assert client.task(answer.json()["task_id"])["state"] == "succeeded"
    assert client.task(client.attach("i-9").json()["task_id"])["state"] == "failed"
    assert client.nodes()[0]["node_status"] == "true"


def test_nodes_are_filtered_and_paged(cloud: LocalCloud) -> None:
    """Ids come as a comma list or JSON, state filters, pages count, and a node pool overrides ids."""
    nodes = [{"instance_id": f"i-{n:02}", "state": "failed" if n == 3 else "running"} for n in range(12)]
    nodes[5]["nodepool_id"] = "np-b"
    pools = [{"nodepool_info": {"nodepool_id": name}} for name in ("np-a", "np-b")]
    cloud.seed(edge_seed(nodes=nodes, nodepools=pools))
    client = CloudClient(cloud)

    def ids(**query: str | int) -> list[str]:
        return [node["instance_id"] for node in client.nodes(**query)]

    assert len(ids()) == 10
    assert ids(pageNumber=2) == ["i-10", "i-11"]
    assert len(ids(pageSize=100)) == 12
    assert ids(instanceIds="i-01,i-02,i-99") == ["i-01", "i-02"]
    assert ids(instanceIds='["i-04"]') == ["i-04"]
    assert ids(state="failed") == ["i-03"]
    assert ids(nodepool_id="np-b", instanceIds="i-01") == ["i-05"]
    page = client.cs("DescribeClusterNodes", "/clusters/c1/nodes").json()["page"]
    assert page == {"page_number": 1, "page_size": 10, "total_count": 12}


@pytest.mark.parametrize(
    "query",
    [{"pageSize": "101"}, {"pageNumber": "0"}, {"pageSize": "x"}, {"state": "odd"}, {"instanceIds": "[1]"}],
)
def test_bad_paging_and_filters_are_refused_by_name(cloud: LocalCloud, query: dict[str, str]) -> None:
    """A value out of range names the parameter."""
    cloud.seed(edge_seed())
    answer = CloudClient(cloud).cs("DescribeClusterNodes", "/clusters/c1/nodes", params=query)
    assert answer.status_code == 400
    assert next(iter(query)) in answer.json()["code"]


def test_tasks_of_a_cluster_are_listed_without_their_instances(cloud: LocalCloud) -> None:
    """The task list gives state and type; which instances a task works on only DescribeTaskInfo tells."""
    cloud.seed(edge_seed())
    client = CloudClient(cloud)
    task_id = client.attach("i-1").json()["task_id"]
    listed = client.cs("DescribeClusterTasks", "/clusters/c1/tasks").json()
    assert [(task["task_id"], task["task_type"], task["state"]) for task in listed["tasks"]] == [
        (task_id, "cluster_scaleout", "running")
    ]
    assert "task_result" not in listed["tasks"][0]
    assert listed["page_info"]["total_count"] == 1


def test_clusters_are_listed_and_filtered(cloud: LocalCloud) -> None:
    """Filters need the whole value, the name any part of it."""
    clusters = [
        {"cluster_id": "c1", "name": "edge-one", "profile": "Edge", "region_id": "cn-hangzhou"},
        {"cluster_id": "c2", "name": "edge-two", "profile": "Edge", "region_id": "cn-shanghai"},
        {"cluster_id": "c3", "name": "plain", "profile": "Default"},
    ]
    cloud.seed({"cs": {"clusters": clusters}})
    client = CloudClient(cloud)

    def ids(**query: str) -> list[str]:
        answer = client.cs("DescribeClustersV1", "/api/v1/clusters", params=query).json()
        return [cluster["cluster_id"] for cluster in answer["clusters"]]

    assert ids() == ["c1", "c2", "c3"]
    assert ids(profile="Edge") == ["c1", "c2"]
    assert ids(name="two") == ["c2"]
    assert ids(region_id="cn-shanghai") == ["c2"]
    assert ids(page_size="1", page_number="2") == ["c2"]


def test_node_pools_count_their_nodes(cloud: LocalCloud) -> None:
    """A cluster has a default pool; an attach without a pool goes there, and the pool's counts follow."""
    cloud.seed(edge_seed())
    client = CloudClient(cloud)
    client.attach("i-1")
    cloud.advance(20)
    pools = client.cs("DescribeClusterNodePools", "/clusters/c1/nodepools").json()["nodepools"]
    info = pools[0]["nodepool_info"]
    assert (len(pools), info["is_default"], pools[0]["status"]["initial_nodes"]) == (1, True, 1)
    cloud.advance(70)
    path = f"/clusters/c1/nodepools/{info['nodepool_id']}"
    detail = client.cs("DescribeClusterNodePoolDetail", path).json()
    assert (detail["status"]["healthy_nodes"], detail["status"]["total_nodes"]) == (1, 1)
    missing = client.cs("DescribeClusterNodePoolDetail", "/clusters/c1/nodepools/np-x")
    assert missing.json()["code"] == "ErrorNodePoolNotFound"


def test_created_clusters_and_pools_can_be_used(cloud: LocalCloud) -> None:
    """A new cluster is initial for a while, then takes nodes into a new pool."""
    cloud.seed(edge_seed())
    client = CloudClient(cloud)
    made = client.cs(
        "CreateCluster",
        "/clusters",
        "POST",
        json={"name": "n", "region_id": "cn-hangzhou", "profile": "Edge"},
    ).json()
    cluster = made["cluster_id"]
    assert client.attach("i-1", cluster=cluster).json()["code"] == "ErrorClusterState"
    cloud.advance(300)
    pool = client.cs(
        "CreateClusterNodePool",
        f"/clusters/{cluster}/nodepools",
        "POST",
        json={"nodepool_info": {"name": "p", "type": "edge"}},
    ).json()["nodepool_id"]
    assert client.attach("i-1", cluster=cluster, nodepool_id=pool).status_code == 202
    assert client.task(made["task_id"])["state"] == "success"
    assert state_of(cloud, "cs", "clusters", 1)["nodes"][0]["nodepool_id"] == pool


def test_removed_nodes_leave_after_a_while(cloud: LocalCloud) -> None:
    """A removed node is removing first and then gone; its machine stays."""
    cloud.seed(edge_seed(nodes=[{"instance_id": "i-1"}]))
    client = CloudClient(cloud)
    answer = client.cs("DeleteClusterNodes", "/clusters/c1/nodes", "POST", json={"nodes": ["i-1"]})
    assert answer.status_code == 202
    assert client.nodes(state="removing")[0]["instance_id"] == "i-1"
    cloud.advance(30)
    assert client.nodes() == []
    assert client.task(answer.json()["task_id"])["state"] == "success"
    assert state_of(cloud, "ens", "instances")["InstanceId"] == "i-1"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"nodes": ["i-9"]}, "ErrorNodeNotFound"),
        ({"nodes": []}, "InvalidParameter.nodes"),
        ({"nodes": ["i-1"], "release_node": True}, "LocalCloud.NotImplemented"),
    ],
)
def test_bad_removals_are_refused(cloud: LocalCloud, body: dict[str, Any], code: str) -> None:
    """Unknown nodes, no nodes, and the release of machines are refused."""
    cloud.seed(edge_seed(nodes=[{"instance_id": "i-1"}]))
    answer = CloudClient(cloud).cs("DeleteClusterNodes", "/clusters/c1/nodes", "POST", json=body)
    assert answer.json()["code"] == code


@pytest.mark.parametrize(("given", "shown"), [(True, "true"), (False, "false"), ("Ready", "Ready")])
def test_a_node_s_status_may_be_a_truth_value_in_a_seed(
    cloud: LocalCloud, given: bool | str, shown: str
) -> None:
    """A seed may write `true` for the text that the vendor answers."""
    cloud.seed(edge_seed(nodes=[{"instance_id": "i-1", "node_status": given}]))
    assert [node["node_status"] for node in CloudClient(cloud).nodes()] == [shown]
