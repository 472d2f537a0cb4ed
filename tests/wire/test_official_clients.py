"""The vendor's clients, unmodified, do every supported call, with both of their signatures."""

from __future__ import annotations

import gc
import json
import time
import warnings
from typing import TYPE_CHECKING, Any

import pytest

from localcloud import LocalCloud
from localcloud.server import running_server
from tests.support import cloud_sdk
from tests.support.cloud_client import edge_seed, search_seed, state_of
from tests.support.cloud_sdk import Keys, OfficialClients, core_request, core_rpc

if TYPE_CHECKING:
    from collections.abc import Iterator

cs_models = cloud_sdk.cs_models
ens_models = cloud_sdk.ens_models
es_models = cloud_sdk.es_models

NETWORK = {"type": "vpc", "vpcId": "vpc-local", "vswitchId": "vsw-1", "vsArea": "cn-hangzhou-i"}


# The vendor's clients leave their sockets to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")


@pytest.fixture(autouse=True, scope="module")
def collected() -> Iterator[None]:
    """Collects the clients' sockets before other tests could be blamed for them."""
    yield
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "unclosed <socket", ResourceWarning)
        gc.collect()


@pytest.fixture
def filled(cloud: LocalCloud) -> LocalCloud:
    """A cloud with one edge cluster, two machines and two Elasticsearch instances."""
    cloud.seed({**edge_seed(2, name="edge"), **search_seed({}, {})})
    return cloud


@pytest.fixture(params=["", "v2"], ids=["ACS3", "HMAC-SHA1"])
def clients(request: pytest.FixtureRequest, filled: LocalCloud, cloud_url: str) -> OfficialClients:
    """The official clients with one of their two signatures."""
    assert filled.calls == []
    return OfficialClients(cloud_url, request.param)


def test_container_service(clients: OfficialClients, filled: LocalCloud) -> None:
    """alibabacloud_cs20151215 attaches machines, follows the task, and reads what its models can read."""
    client = clients.cs()
    request = cs_models.AttachInstancesRequest(instances=["i-1", "i-9"], is_edge_worker=True)
    attached = client.attach_instances("c1", request)
    assert attached.status_code == 202
    assert [(row.instance_id, row.code) for row in attached.body.list] == [("i-1", "200"), ("i-9", "404")]
    assert client.describe_task_info(attached.body.task_id).body.state == "running"
    tasks = client.describe_cluster_tasks("c1", cs_models.DescribeClusterTasksRequest(page_size=10)).body
    assert [task.task_id for task in tasks.tasks] == [attached.body.task_id]
    filled.advance(90)
    task = client.describe_task_info(attached.body.task_id).body
    assert (task.state, [(part.data, part.status) for part in task.task_result]) == (
        "success",
        [("i-1", "success")],
    )
    wanted = cs_models.DescribeClusterNodesRequest(instance_ids="i-1,i-2", page_size="100", state="all")
    nodes = client.describe_cluster_nodes("c1", wanted).body
    assert [(node.instance_id, node.state, node.node_status) for node in nodes.nodes] == [
        ("i-1", "running", "Ready")
    ]
    assert nodes.page.total_count == 1


def test_container_service_resources(clients: OfficialClients, filled: LocalCloud) -> None:
    """alibabacloud_cs20151215 lists and makes clusters and node pools, and removes nodes."""
    client = clients.cs()
    detail = client.describe_cluster_detail("c1").body
    assert (detail.cluster_id, detail.profile, detail.state) == ("c1", "Edge", "running")
    listed = client.describe_clusters_v1(
        cs_models.DescribeClustersV1Request(profile="Edge", page_size=10)
    ).body
    assert ([cluster.name for cluster in listed.clusters], listed.page_info.total_count) == (["edge"], 1)
    assert client.describe_user_quota().body.node_quota == 100
    info = cs_models.CreateClusterNodePoolRequestNodepoolInfo(name="pool", type="edge")
    pool = client.create_cluster_node_pool(
        "c1", cs_models.CreateClusterNodePoolRequest(nodepool_info=info)
    ).body
    pools = client.describe_cluster_node_pools(
        "c1", cs_models.DescribeClusterNodePoolsRequest()
    ).body.nodepools
    assert [row.nodepool_info.name for row in pools] == ["default-nodepool", "pool"]
    shown = client.describe_cluster_node_pool_detail("c1", pool.nodepool_id).body
    assert shown.nodepool_info.nodepool_id == pool.nodepool_id
    request = cs_models.CreateClusterRequest(name="new", region_id="cn-hangzhou", profile="Edge")
    made = client.create_cluster(request)
    assert client.describe_cluster_detail(made.body.cluster_id).body.state == "initial"
    filled.seed(edge_seed(nodes=[{"instance_id": "i-2"}]))
    removed = client.delete_cluster_nodes(
        "c1", cs_models.DeleteClusterNodesRequest(nodes=["i-2"], drain_node=True)
    )
    assert client.describe_task_info(removed.body.task_id).body.state == "running"
    assert state_of(filled, "cs", "clusters")["nodes"][0]["state"] == "removing"


def test_edge_node_service(clients: OfficialClients, filled: LocalCloud) -> None:
    """alibabacloud_ens20171110 makes, lists, tags, stops, starts and releases machines."""
    client = clients.ens()
    tag = ens_models.RunInstancesRequestTag(key="enlist", value="edge-worker")
    run = ens_models.RunInstancesRequest(amount=2, ens_region_id="cn-chengdu-telecom", tag=[tag])
    made = client.run_instances(run).body.instance_ids
    filled.advance(120)
    wanted = ens_models.DescribeInstancesRequest(
        instance_ids=json.dumps(made), page_size="100", status="Running"
    )
    body = client.describe_instances(wanted).body
    assert (body.code, body.total_count) == (0, 2)
    first = body.instances.instance[0]
    assert (first.instance_id, first.cpu, first.memory, first.osname) == (
        made[0],
        "4",
        8192,
        "CentOS 7.6 64bit",
    )
    assert [(row.tag_key, row.tag_value) for row in first.tags.tags] == [("enlist", "edge-worker")]
    more = ens_models.TagResourcesRequestTag(key="a", value="b")
    client.tag_resources(
        ens_models.TagResourcesRequest(resource_type="instance", resource_id=made, tag=[more])
    )
    listed = client.list_tag_resources(
        ens_models.ListTagResourcesRequest(resource_type="instance", resource_id=made[:1])
    ).body.tag_resources
    assert {(row.tag_key, row.tag_value) for row in listed} == {("enlist", "edge-worker"), ("a", "b")}
    assert client.stop_instance(ens_models.StopInstanceRequest(instance_id=made[0])).body.code == 0
    assert client.start_instance(ens_models.StartInstanceRequest(instance_id=made[0])).body.code == 0
    released = client.release_post_paid_instance(
        ens_models.ReleasePostPaidInstanceRequest(instance_id=made[0])
    )
    assert released.status_code == 200
    left = client.describe_instances(ens_models.DescribeInstancesRequest(instance_ids=json.dumps(made))).body
    assert [row.instance_id for row in left.instances.instance] == made[1:]


def test_elasticsearch(clients: OfficialClients, filled: LocalCloud) -> None:
    """alibabacloud_elasticsearch20170613 makes, lists and connects instances, once for each token."""
    client = clients.es()
    network = es_models.NetworkConfig().from_map(NETWORK)
    create = es_models.CreateInstanceRequest(
        es_version="7.10_with_X-Pack",
        node_amount=3,
        es_admin_password="Secret-word-1",
        network_config=network,
    )
    assert client.create_instance(create).status_code == 200
    new = client.list_instance(es_models.ListInstanceRequest(status="activating")).body.result
    instance_id = new[0].instance_id
    assert client.describe_instance(instance_id).body.result.status == "activating"
    filled.advance(600)
    listed = client.list_instance(
        es_models.ListInstanceRequest(vpc_id="vpc-local", status="active", size=100)
    ).body
    assert (len(listed.result), listed.headers.x_total_count) == (3, 3)
    connect = es_models.AddConnectableClusterRequest(
        body=json.dumps({"instanceId": "es-2"}), client_token="0123456789abcdef"
    )
    for _ in range(2):
        assert client.add_connectable_cluster("es-1", connect).body.result is True
    assert state_of(filled, "elasticsearch", "instances")["connectCount"] == {"es-2": 1}
    candidates = client.describe_connectable_clusters(
        "es-1", es_models.DescribeConnectableClustersRequest(already_set_items=False)
    ).body.result
    assert [row.instances for row in candidates] == [instance_id]
    gone = client.delete_connected_cluster(
        "es-1", es_models.DeleteConnectedClusterRequest(connected_instance_id="es-2", client_token="other")
    )
    assert gone.body.result is True


def test_elasticsearch_answers_the_models_cannot_read(clients: OfficialClients, filled: LocalCloud) -> None:
    """The documented list of connections and XML do not fit the models: the raw answers are there."""
    client = clients.es()
    connect = es_models.AddConnectableClusterRequest(body='{"instanceId":"es-2"}')
    client.add_connectable_cluster("es-1", connect)
    listed = client.list_connected_clusters("es-1")
    assert listed.body is None
    assert _raw(listed)["Result"] == [{"instances": "es-2", "networkType": "vpc"}]
    filled.configure(connected_key="instanceId", connect_format="xml")
    candidates = client.describe_connectable_clusters("es-1", es_models.DescribeConnectableClustersRequest())
    assert [row.instances for row in candidates.body.result] == [None]
    with pytest.raises(cloud_sdk.UnretryableException, match="Result"):
        client.add_connectable_cluster("es-1", connect)
    assert filled.calls[-1]["status"] == 200


def test_every_supported_action_was_called(clients: OfficialClients, filled: LocalCloud) -> None:
    """The tests above leave no supported action out; Function Compute and MNS have tests of their own."""
    test_container_service(clients, filled)
    filled.seed(edge_seed(2, name="edge"))
    test_container_service_resources(clients, filled)
    test_edge_node_service(clients, filled)
    test_elasticsearch(clients, filled)
    filled.configure(connected_key="instances")
    clients.es().list_connected_clusters("es-1")
    called = {(call["service"], call["action"]) for call in filled.calls if call["code"] == ""}
    assert called == {
        (service, action)
        for service, actions in filled.supported.items()
        for action in actions
        if service not in {"fc", "fc2", "mns"}
    }


def test_the_core_sdk_speaks_both_styles(filled: LocalCloud, cloud_url: str) -> None:
    """aliyun-python-sdk-core attaches with the ROA signature and lists machines with the RPC signature."""
    body = json.dumps({"instances": ["i-1"], "is_edge_worker": True})
    attached = json.loads(core_request(cloud_url, "POST", "/clusters/c1/attach", content=body))
    assert attached["list"] == [{"code": "200", "instanceId": "i-1", "message": "successful"}]
    filled.advance(20)
    nodes = json.loads(core_request(cloud_url, "GET", "/clusters/c1/nodes", query={"pageSize": "5"}))
    assert nodes["page"]["total_count"] == 1
    machines = json.loads(core_rpc(cloud_url, "DescribeInstances", InstanceIds='["i-1", "i-ä"]'))
    assert machines["TotalCount"] == 1


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        (Keys(secret="wrong"), "SignatureDoesNotMatch"),
        (Keys(key_id="unknown"), "InvalidAccessKeyId.NotFound"),
        (Keys("STS.1", "s", "wrong"), "InvalidSecurityToken.MismatchWithAccessKey"),
        (Keys("STS.1", "s"), "InvalidSecurityToken.MismatchWithAccessKey"),
    ],
)
@pytest.mark.parametrize("algorithm", ["", "v2"], ids=["ACS3", "HMAC-SHA1"])
def test_wrong_keys_have_the_vendor_s_codes(
    filled: LocalCloud, cloud_url: str, algorithm: str, keys: Keys, code: str
) -> None:
    """A wrong secret, an unknown key and a wrong or missing token are told apart, for all three services."""
    filled.seed(_TEMPORARY)
    clients = OfficialClients(cloud_url, algorithm, keys)
    calls = (
        lambda: clients.cs().describe_user_quota(),
        lambda: clients.ens().describe_instances(ens_models.DescribeInstancesRequest()),
        lambda: clients.es().describe_instance("es-1"),
    )
    for call in calls:
        with pytest.raises(cloud_sdk.ClientException) as refused:
            call()
        assert refused.value.code == code


_TEMPORARY: Any = {
    "sts_credentials": [{"access_key_id": "STS.1", "access_key_secret": "s", "security_token": "to+k/en=="}]
}


@pytest.mark.parametrize("algorithm", ["", "v2"], ids=["ACS3", "HMAC-SHA1"])
def test_temporary_keys_are_accepted(filled: LocalCloud, cloud_url: str, algorithm: str) -> None:
    """Keys with an STS token sign with every client."""
    filled.seed(_TEMPORARY)
    keys = Keys("STS.1", "s", "to+k/en==")
    clients = OfficialClients(cloud_url, algorithm, keys)
    assert clients.cs().describe_user_quota().status_code == 200
    assert clients.es().describe_instance("es-1").status_code == 200
    assert clients.ens().describe_instances(ens_models.DescribeInstancesRequest()).status_code == 200
    assert json.loads(core_request(cloud_url, "GET", "/quota", keys))["node_quota"] == 100
    assert json.loads(core_rpc(cloud_url, "DescribeInstances", keys))["TotalCount"] == 2


@pytest.mark.parametrize("algorithm", ["", "v2"], ids=["ACS3", "HMAC-SHA1"])
@pytest.mark.parametrize("minutes", [-16, 16])
def test_a_client_whose_clock_is_wrong_is_told(algorithm: str, minutes: int) -> None:
    """A server whose clock is 16 minutes away answers InvalidTimeStamp.Expired."""
    cloud = LocalCloud(wall_clock=lambda: time.time() + 60 * minutes)
    with running_server(cloud) as url, pytest.raises(cloud_sdk.ClientException) as refused:
        OfficialClients(url, algorithm).cs().describe_user_quota()
    assert refused.value.code == "InvalidTimeStamp.Expired"


@pytest.mark.parametrize("service", ["cs", "ens", "es"])
def test_a_reused_nonce_is_told(
    clients: OfficialClients, filled: LocalCloud, monkeypatch: pytest.MonkeyPatch, service: str
) -> None:
    """A client whose nonces repeat is answered SignatureNonceUsed the second time."""
    monkeypatch.setattr(cloud_sdk.Utils, "get_nonce", lambda: "the-same")
    calls = {
        "cs": lambda: clients.cs().describe_user_quota(),
        "ens": lambda: clients.ens().describe_instances(ens_models.DescribeInstancesRequest()),
        "es": lambda: clients.es().describe_instance("es-1"),
    }
    assert calls[service]().status_code == 200
    with pytest.raises(cloud_sdk.ClientException) as refused:
        calls[service]()
    assert refused.value.code == filled.calls[-1]["code"] == "SignatureNonceUsed"


def test_the_core_sdk_is_refused_too(filled: LocalCloud, cloud_url: str) -> None:
    """aliyun-python-sdk-core reads the code of ENS, and of CS only the status: it knows no lower camel."""
    with pytest.raises(cloud_sdk.CoreServerException) as refused:
        core_rpc(cloud_url, "DescribeInstances", Keys(secret="wrong"))
    assert refused.value.get_error_code() == "SignatureDoesNotMatch"
    with pytest.raises(cloud_sdk.CoreServerException) as refused:
        core_request(cloud_url, "GET", "/quota", Keys(secret="wrong"))
    assert (refused.value.get_error_code(), refused.value.get_http_status()) == (
        "SDK.UnknownServerError",
        400,
    )
    assert [call["code"] for call in filled.calls] == ["SignatureDoesNotMatch"] * 2


def test_unsupported_actions_are_named_to_the_client(clients: OfficialClients) -> None:
    """A call the local cloud does not have is refused with its name in the message."""
    with pytest.raises(cloud_sdk.ServerException, match="DescribeClusters exists") as refused:
        clients.cs().describe_clusters(cs_models.DescribeClustersRequest())
    assert refused.value.code == "LocalCloud.NotImplemented"


def _raw(answer: Any) -> Any:
    """The decoded body as it came, which the models keep beside themselves."""
    return answer._map["body"]
