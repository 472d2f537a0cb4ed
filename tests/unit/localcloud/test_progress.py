"""Changes of state go on at once, with time, or with looks, as asked for each kind of resource."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from localcloud import Behaviour, LocalCloud
from localcloud.conditions.progress import Change, Looks
from localcloud.errors import SeedError
from tests.support.cloud_client import CloudClient, edge_seed, search_seed, state_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from localcloud.services.base import Moment

HOUR = 3600


def _cluster(client: CloudClient) -> str:
    body = {"name": "n", "region_id": "cn-hangzhou"}
    created = client.cs("CreateCluster", "/clusters", "POST", json=body).json()
    return str(created["cluster_id"])


def _cluster_state(client: CloudClient, cluster_id: str) -> str:
    return str(client.cs("DescribeClusterDetail", f"/clusters/{cluster_id}").json()["state"])


def _ens_status(client: CloudClient, instance_id: str) -> str:
    answer = client.ens("DescribeInstances", InstanceIds=f'["{instance_id}"]').json()
    return str(answer["Instances"]["Instance"][0]["Status"])


def _es_status(client: CloudClient, instance_id: str) -> str:
    return str(client.es("DescribeInstance", f"/{instance_id}").json()["Result"]["status"])


def _task_of_pool(client: CloudClient) -> str:
    body = {"nodepool_info": {"name": "p", "type": "edge"}}
    created = client.cs("CreateClusterNodePool", "/clusters/c1/nodepools", "POST", json=body).json()
    return str(created["task_id"])


def _remove(client: CloudClient) -> str:
    client.cs("DeleteClusterNodes", "/clusters/c1/nodes", "POST", json={"nodes": ["i-0"]})
    return ""


def _attach(client: CloudClient) -> str:
    return str(client.attach("i-1").json()["task_id"])


def _reload(client: CloudClient) -> str:
    client.attach("i-1")
    return "i-1"


def _restart(client: CloudClient) -> str:
    client.ens("StopInstance", InstanceId="i-1")
    client.ens("StartInstance", InstanceId="i-1")
    return "i-1"


def _create_search(client: CloudClient) -> str:
    body = {"esVersion": "7.10.0_with_X-Pack", "networkConfig": {"vpcId": "vpc-1"}}
    created = client.es("createInstance", method="POST", json=body).json()
    return str(created["Result"]["instanceId"])


def _connect(client: CloudClient) -> str:
    client.connect("es-1", "es-2")
    return "es-2"


def _names(client: CloudClient, _: str) -> str:
    return ",".join(node["instance_id"] for node in client.nodes())


def _task_state(client: CloudClient, task_id: str) -> str:
    return str(client.task(task_id)["state"])


KINDS: dict[str, tuple[Callable[[CloudClient], str], Callable[[CloudClient, str], str], tuple[str, str]]] = {
    "node_listing": (_attach, _names, ("i-0", "i-0,i-1")),
    "node_joining": (_attach, _task_state, ("running", "success")),
    "node_removal": (_remove, _names, ("i-0", "")),
    "nodepool_creation": (_task_of_pool, _task_state, ("running", "success")),
    "cluster_creation": (_cluster, _cluster_state, ("initial", "running")),
    "ens_reload": (_reload, _ens_status, ("Starting", "Running")),
    "ens_start": (_restart, _ens_status, ("Starting", "Running")),
    "es_activation": (_create_search, _es_status, ("activating", "active")),
    "es_connection": (_connect, _es_status, ("activating", "active")),
}


@pytest.fixture
def client(cloud: LocalCloud) -> CloudClient:
    """A client of an account with a node `i-0`, a machine, and two Elasticsearch instances."""
    cloud.seed({**edge_seed(nodes=[{"instance_id": "i-0"}]), **search_seed({}, {})})
    return CloudClient(cloud)


@pytest.mark.parametrize("kind", KINDS)
def test_a_change_goes_on_as_it_is_told_to(cloud: LocalCloud, client: CloudClient, kind: str) -> None:
    """With 0 the new state is there at once, with seconds after them, with two looks in the third."""
    begin, see, (old, new) = KINDS[kind]
    for pace, seen in (
        (0, [new]),
        (60, [old] * 5),
        ({"looks": 2}, [old, old, new, new]),
        ({"looks": 0}, [new]),
    ):
        cloud.reset()
        cloud.seed({**edge_seed(nodes=[{"instance_id": "i-0"}]), **search_seed({}, {})})
        cloud.configure(**{kind: pace})
        name = begin(client)
        assert [see(client, name) for _ in seen] == seen
        if pace == 60:
            cloud.advance(60)
            assert see(client, name) == new


def test_every_change_of_state_is_tried() -> None:
    """The table above has each field of the behaviour that says how a change goes on."""
    schema = Behaviour.model_json_schema()["properties"]
    assert {name for name, field in schema.items() if "Looks" in str(field)} == KINDS.keys()


def test_time_alone_ends_no_change_that_takes_looks(cloud: LocalCloud, client: CloudClient) -> None:
    """However late it is, the first looks still see the old state."""
    cloud.configure(ens_start={"looks": 1})
    instance_id = _restart(client)
    cloud.advance(HOUR)
    assert [_ens_status(client, instance_id) for _ in range(2)] == ["Starting", "Running"]


def test_looking_at_something_else_is_no_look(cloud: LocalCloud, client: CloudClient) -> None:
    """What a call does not show is not looked at, nor what the cloud's own API shows."""
    cloud.configure(ens_start={"looks": 1})
    cloud.seed({"ens": {"instances": [{"InstanceId": "i-2"}]}})
    instance_id = _restart(client)
    _ens_status(client, "i-2")
    client.ens("DescribeInstances", Status="Running", InstanceIds='["i-2"]')
    assert state_of(cloud, "ens", "instances")["Status"] == "Starting"
    assert _ens_status(client, instance_id) == "Starting"
    assert state_of(cloud, "ens", "instances")["Status"] == "Running"


def test_a_list_that_the_state_keeps_it_off_is_a_look(cloud: LocalCloud, client: CloudClient) -> None:
    """Who waits with a filter for the new state gets it after as many looks."""
    cloud.configure(
        ens_start={"looks": 2}, es_activation={"looks": 2}, node_joining={"looks": 2}, node_listing=0
    )
    _restart(client)
    _create_search(client)
    ens = [client.ens("DescribeInstances", Status="Running").json()["TotalCount"] for _ in range(3)]
    search = [len(client.es("ListInstance", "?status=active").json()["Result"]) for _ in range(3)]
    client.attach("i-1")
    nodes = [len(client.nodes(state="running")) for _ in range(3)]
    assert (ens, search, nodes) == ([0, 0, 1], [2, 2, 3], [1, 1, 2])


def test_a_refusal_for_the_state_is_a_look(cloud: LocalCloud, client: CloudClient) -> None:
    """Who repeats a call until it is taken is served after as many refusals."""
    cloud.configure(ens_start={"looks": 1}, es_activation={"looks": 2}, cluster_creation={"looks": 1})
    instance_id = _create_search(client)
    cloud.configure(es_connection=0)
    search = [client.connect(instance_id, "es-1").status_code for _ in range(3)]
    _restart(client)
    attached = [client.attach("i-1").json()["list"][0]["code"] for _ in range(2)]
    assert search == [400, 400, 400]  # Another VPC is no matter of time.
    assert [call["code"] for call in cloud.calls if call["action"] == "AddConnectableCluster"] == [
        "InstanceActivating",
        "InstanceActivating",
        "InvalidParameter.instanceId",
    ]
    assert attached == ["400", "200"]
    cluster = _cluster(client)
    assert [client.attach("i-1", cluster=cluster).status_code for _ in range(2)] == [400, 202]


def test_a_task_and_its_nodes_are_one_change(cloud: LocalCloud, client: CloudClient) -> None:
    """Looks at either count for both, once a call, and one call shows both as before or both as after."""
    cloud.seed(edge_seed(2))
    cloud.configure(node_joining={"looks": 3}, node_listing=0)
    task_id = client.attach("i-1", "i-2").json()["task_id"]

    def states() -> set[str]:
        return {node["state"] for node in client.nodes()}

    assert states() == {"initial"}
    assert client.task(task_id)["state"] == "running"
    assert states() == {"initial"}
    assert client.task(task_id)["state"] == "success"
    assert states() == {"running"}


@pytest.mark.parametrize("pace", [-1, {"looks": -1}, {"looks": "x"}, {"look": 1}, "soon", None])
def test_a_wrong_pace_is_told_the_shape(cloud: LocalCloud, pace: Any) -> None:
    """What is neither seconds nor looks is refused with the field's name and the shape."""
    with pytest.raises(
        SeedError, match=r'behaviour\.ens_start: expected seconds, 0 or more, or \{"looks": n\}'
    ):
        cloud.configure(ens_start=pace)


def test_a_change_tells_when_it_ended(cloud: LocalCloud) -> None:
    """With looks a change ended at the last look that it took; before, its end is now."""
    change = Change(cloud.clock.now(), Looks(looks=2))
    begun = cloud.clock.now()

    def after(seconds: float) -> Moment:
        cloud.advance(seconds)
        return cloud.moment()

    first, second, third = after(10), after(10), after(10)
    for moment in (first, first, second):
        change.look(moment)
        assert not change.is_over(moment)
        assert change.latest(moment) == moment.now
    assert change.is_over(third)
    assert change.latest(third) == begun + 20
