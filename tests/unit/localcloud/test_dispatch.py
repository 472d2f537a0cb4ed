"""Which action a request asks for, what is refused before any action runs, and the list of calls."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import httpx2
import pytest

from localcloud import LocalCloud, catalogue
from localcloud.endpoints import Endpoint, endpoint_of, is_loopback
from localcloud.errors import LocalCloudError, Refusal
from tests.support.cloud_client import CS, ES, VERSIONS, CloudClient, edge_seed

if TYPE_CHECKING:
    from typing import Any


@pytest.mark.parametrize(
    ("service", "action", "method", "path"),
    [
        ("cs", "AttachInstances", "POST", "/clusters/{ClusterId}/attach"),
        ("cs", "DescribeTaskInfo", "GET", "/tasks/{task_id}"),
        (
            "elasticsearch",
            "AddConnectableCluster",
            "POST",
            "/openapi/instances/{InstanceId}/connected-clusters",
        ),
        ("ens", "DescribeInstances", "POST", "/"),
    ],
)
def test_the_catalogue_knows_the_vendor_s_actions(service: str, action: str, method: str, path: str) -> None:
    """Actions are listed with their path, method and the service's version."""
    known = catalogue.load(service)
    operation = known.named(action)
    assert known.version == VERSIONS[service]
    assert operation.path == path
    assert method in operation.methods


def test_an_exact_path_wins_over_one_with_parameters() -> None:
    """`/api/v1/clusters` and `/clusters/{ClusterId}` are told apart, and parameters come decoded."""
    known = catalogue.load("cs")
    assert known.matching("GET", "/api/v1/clusters")[0].action == "DescribeClustersV1"
    operation, path = known.matching("GET", "/clusters/a%2Fb")
    assert (operation.action, path) == ("DescribeClusterDetail", {"ClusterId": "a/b"})


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [("GET", "/nowhere/at/all", "InvalidApi.NotFound"), ("PUT", "/quota", "UnsupportedHTTPMethod")],
)
def test_unknown_paths_and_methods_are_refused(method: str, path: str, code: str) -> None:
    """A path or method the vendor does not have has the vendor's code, and the message names it."""
    with pytest.raises(Refusal, match=path) as refusal:
        catalogue.load("cs").matching(method, path)
    assert refusal.value.code == code


def test_an_action_that_is_not_supported_is_refused_by_name(cloud: LocalCloud) -> None:
    """An action the vendor has and the local cloud has not is a 501 that names it and lists those it has."""
    answer = CloudClient(cloud).cs("DescribeClusters", "/clusters")
    assert answer.status_code == 501
    assert answer.json()["code"] == "LocalCloud.NotImplemented"
    assert "DescribeClusters exists" in answer.json()["message"]
    assert "AttachInstances" in answer.json()["message"]


def test_an_action_nobody_has_is_refused_by_name(cloud: LocalCloud) -> None:
    """An action the vendor does not have is InvalidAction.NotFound, in RPC and in ROA style."""
    client = CloudClient(cloud)
    assert client.ens("MakeTea").json()["Code"] == "InvalidAction.NotFound"
    assert client.cs("MakeTea", "/quota").json()["code"] == "InvalidAction.NotFound"
    assert "MakeTea" in cloud.calls[-1]["action"]


def test_an_action_that_contradicts_the_path_is_refused(cloud: LocalCloud) -> None:
    """A client that names one action and calls the path of another is told both names."""
    answer = CloudClient(cloud).cs("DescribeTaskInfo", "/quota")
    assert answer.status_code == 400
    assert "DescribeTaskInfo" in answer.json()["message"]
    assert "DescribeUserQuota" in answer.json()["message"]


def test_an_unknown_version_is_refused(cloud: LocalCloud) -> None:
    """A version no service here has is InvalidVersion, and the message lists the ones there are."""
    answer = CloudClient(cloud).cs("X", "/x", headers={"x-acs-version": "1999-01-01"})
    assert answer.json()["Code"] == "InvalidVersion"
    assert "1999-01-01" in answer.json()["Message"]
    assert VERSIONS["cs"] in answer.json()["Message"]


def test_a_misspelled_parameter_is_refused_by_name(cloud: LocalCloud) -> None:
    """Unknown query parameters and body keys do not pass unnoticed."""
    cloud.seed(edge_seed())
    client = CloudClient(cloud)
    query = client.cs("DescribeClusterNodes", "/clusters/c1/nodes", params={"page_size": "5"}).json()
    body = client.attach("i-1", is_edge_workers=True).json()
    assert query["code"] == body["code"] == "LocalCloud.UnknownParameter"
    assert "page_size" in query["message"]
    assert "is_edge_workers" in body["message"]


def test_a_parameter_that_would_be_ignored_is_refused(cloud: LocalCloud) -> None:
    """A filter the vendor has and the local cloud does not play is refused, not ignored."""
    answer = CloudClient(cloud).ens("DescribeInstances", SearchKey="x")
    assert answer.status_code == 501
    assert "SearchKey" in answer.json()["Message"]


@pytest.mark.parametrize(
    "content", [b"{", b"[]", b"\xff", b"[" * 100_000], ids=["broken", "list", "binary", "deep"]
)
def test_a_body_that_is_no_json_object_is_refused(cloud: LocalCloud, content: bytes) -> None:
    """Broken JSON, other JSON, other bytes and endless nesting are the caller's error."""
    cloud.seed(edge_seed())
    answer = CloudClient(cloud).cs("AttachInstances", "/clusters/c1/attach", "POST", content=content)
    assert (answer.status_code, answer.json()["code"]) == (400, "InvalidParameter.body")


def test_the_service_is_told_by_host_and_path_without_a_version(cloud: LocalCloud) -> None:
    """Without a version header the host names the service, and on loopback the path does."""
    client = CloudClient(cloud).http
    for url in (f"{CS}/quota", "http://127.0.0.1:4580/quota"):
        assert client.get(url).json()["node_quota"] == 100
    for url in (f"{ES}/openapi/instances", "http://localhost/openapi/instances"):
        assert client.get(url).json()["Result"] == []
    for url in ("https://ens.aliyuncs.com/", "http://[::1]:4580/"):
        answer = client.post(url, headers={"x-acs-action": "DescribeInstances"})
        assert answer.json()["TotalCount"] == 0


@pytest.mark.parametrize(
    ("host", "endpoint"),
    [
        ("cs.cn-hangzhou.aliyuncs.com", Endpoint("cs", "cn-hangzhou")),
        ("cs-anony-vpc.cn-hangzhou.aliyuncs.com", Endpoint("cs", "cn-hangzhou")),
        ("CS.aliyuncs.com:443", Endpoint("cs", "")),
        ("elasticsearch-vpc.ap-southeast-1.aliyuncs.com", Endpoint("elasticsearch", "ap-southeast-1")),
        ("ens.aliyuncs.com", Endpoint("ens", "")),
        ("ens.vpc-proxy.aliyuncs.com", Endpoint("ens", "")),
        ("fcv3.cn-hangzhou.aliyuncs.com", Endpoint("fc", "cn-hangzhou")),
        ("fcv3-vpc.cn-hangzhou.aliyuncs.com", Endpoint("fc", "cn-hangzhou")),
        ("cn-hangzhou-finance.fc.aliyuncs.com", Endpoint("fc", "cn-hangzhou-finance")),
        ("123.cn-hangzhou.fc.aliyuncs.com", Endpoint("fc", "cn-hangzhou")),
        ("123.cn-hangzhou-internal.fc.aliyuncs.com", Endpoint("fc", "cn-hangzhou")),
        ("fc.cn-hangzhou.aliyuncs.com", Endpoint("fc", "cn-hangzhou")),
        ("fc-vpc.cn-hangzhou.aliyuncs.com", Endpoint("fc", "cn-hangzhou")),
        ("cn-hangzhou.aliyuncs.com", Endpoint()),
        ("127.0.0.1:4580", Endpoint()),
        ("cs.example.com", Endpoint()),
    ],
)
def test_hosts_name_services_and_regions(host: str, endpoint: Endpoint) -> None:
    """The vendor's public, VPC and central endpoints are understood."""
    assert endpoint_of(host) == endpoint


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("localhost:1", True),
        ("127.0.0.2", True),
        ("[::1]:80", True),
        ("10.0.0.1", False),
        ("example.com", False),
    ],
)
def test_loopback_hosts_are_told_from_others(host: str, loopback: bool) -> None:
    """Only this machine's own names and addresses count as loopback."""
    assert is_loopback(host) is loopback


def test_no_other_host_is_reached(cloud: LocalCloud) -> None:
    """A host that is neither the vendor's nor loopback is a loud error, and nothing is called."""
    with pytest.raises(LocalCloudError, match=r"example\.com"):
        httpx2.Client(transport=cloud.transport).get("https://example.com/")
    assert cloud.calls == []


def test_clusters_and_tasks_exist_in_their_region_only(cloud: LocalCloud) -> None:
    """A cluster and its tasks are found at the endpoint of their region and at the central one."""
    cloud.seed(edge_seed(region_id="cn-shanghai", tasks=[{"task_id": "T-1"}]))
    client = CloudClient(cloud)
    hosts = {CS: 404, "https://cs.cn-shanghai.aliyuncs.com": 200, "https://cs.aliyuncs.com": 200}
    for host, status in hosts.items():
        assert client.cs("DescribeClusterDetail", "/clusters/c1", host=host).status_code == status
        assert client.cs("DescribeTaskInfo", "/tasks/T-1", host=host).status_code == status
    assert client.cs("DescribeClusterDetail", "/clusters/c1").json()["code"] == "ErrorClusterNotFound"


def test_every_call_is_recorded_in_order(cloud: LocalCloud) -> None:
    """`calls` has the documented fields for calls that went well and calls that did not."""
    client = CloudClient(cloud)
    first = client.cs("DescribeUserQuota", "/quota")
    client.es("DescribeInstance", "/es-9")
    assert cloud.calls == [
        {
            "service": "cs",
            "action": "DescribeUserQuota",
            "method": "GET",
            "path": "/quota",
            "status": 200,
            "code": "",
            "requestId": first.headers["x-acs-request-id"],
            "at": cloud.calls[0]["at"],
        },
        {**cloud.calls[1], "service": "elasticsearch", "status": 404, "code": "InstanceNotFound"},
    ]


def test_a_closed_cloud_says_so() -> None:
    """After its `with` block the cloud refuses to be used."""
    with LocalCloud() as cloud:
        transport = cloud.transport
    with pytest.raises(LocalCloudError, match="closed"):
        httpx2.Client(transport=transport).get("http://localhost/_localcloud/state")


def test_answers_are_json_with_request_id_and_date(cloud: LocalCloud) -> None:
    """Every answer has the content type, the request id and the server's date."""
    answer: Any = CloudClient(cloud).cs("DescribeUserQuota", "/quota")
    assert answer.headers["content-type"].startswith("application/json")
    assert len(answer.headers["x-acs-request-id"]) == 36
    assert answer.headers["date"].endswith(" GMT")
    assert json.loads(answer.content) == answer.json()


def test_an_unknown_action_in_the_query_is_in_the_list_of_calls(cloud: LocalCloud) -> None:
    """A call in RPC style whose action does not exist is listed with the action that it asked for."""
    httpx2.Client(transport=cloud.transport).get(
        "https://ens.aliyuncs.com/?Action=MakeTea&Version=2017-11-10"
    )
    assert [(call["service"], call["action"]) for call in cloud.calls] == [("ens", "MakeTea")]
