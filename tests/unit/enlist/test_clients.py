"""The clients' requests: what is on the wire, how ids are checked before, and how pages are walked."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from enlist.clients.cs import AttachInstancesRequest
from enlist.clients.elasticsearch import AddConnectableClusterRequest, client_token
from enlist.endpoints import Endpoints
from fctoolkit.errors import AnswerError
from tests.support.enlist_calls import REGION, Sent, cs, elasticsearch, ens, pages, says, sent

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.api_calls import Service

    Call: TypeAlias = Callable[[Service], object]

ATTACH = AttachInstancesRequest(cluster_id="c1", instances=("i-5j2zjis", "i-5j443uf"))
CONNECT = AddConnectableClusterRequest(instance_id="es-1", remote_id="es-2", client_token="token-1")


def cs_get(action: str, path: str, **query: str) -> Sent:
    """A read of CS."""
    return Sent(action, "2015-12-15", "GET", "https://cs.cn-hangzhou.aliyuncs.com", path, query, None)


def ens_post(action: str, **query: str) -> Sent:
    """A call of ENS: RPC style, all in the query, no body."""
    return Sent(action, "2017-11-10", "POST", "https://ens.aliyuncs.com", "/", query, None)


def search_get(action: str, path: str, **query: str) -> Sent:
    """A read of Elasticsearch."""
    address = "https://elasticsearch.cn-hangzhou.aliyuncs.com"
    return Sent(action, "2017-06-13", "GET", address, f"/openapi/instances{path}", query, None)


def attach_sent(body: dict[str, Any]) -> Sent:
    """The attach of CS."""
    address = "https://cs.cn-hangzhou.aliyuncs.com"
    return Sent("AttachInstances", "2015-12-15", "POST", address, "/clusters/c1/attach", {}, body)


NODES = {"state": "all", "pageSize": "100", "pageNumber": "1"}
READS: dict[str, tuple[Call, Sent]] = {
    "DescribeTaskInfo": (
        lambda service: cs(service).describe_task_info(REGION, "T-5a544aff80282e39ea000039"),
        cs_get("DescribeTaskInfo", "/tasks/T-5a544aff80282e39ea000039"),
    ),
    "DescribeClusterTasks": (
        lambda service: cs(service).describe_cluster_tasks(REGION, "c1"),
        cs_get("DescribeClusterTasks", "/clusters/c1/tasks", page_number="1", page_size="50"),
    ),
    "DescribeClusterNodes of some": (
        lambda service: cs(service).describe_cluster_nodes(REGION, "c1", ["i-1", "i-2"]),
        cs_get("DescribeClusterNodes", "/clusters/c1/nodes", instanceIds="i-1,i-2", **NODES),
    ),
    "DescribeClusterNodes of all": (
        lambda service: cs(service).describe_cluster_nodes(REGION, "c1"),
        cs_get("DescribeClusterNodes", "/clusters/c1/nodes", **NODES),
    ),
    "DescribeClusterDetail": (
        lambda service: cs(service).describe_cluster_detail(REGION, "c1"),
        cs_get("DescribeClusterDetail", "/clusters/c1"),
    ),
    "DescribeClustersV1": (
        lambda service: cs(service).describe_edge_clusters(REGION),
        cs_get("DescribeClustersV1", "/api/v1/clusters", profile="Edge", page_number="1", page_size="100"),
    ),
    "DescribeClusterNodePools": (
        lambda service: cs(service).describe_cluster_node_pools(REGION, "c1"),
        cs_get("DescribeClusterNodePools", "/clusters/c1/nodepools"),
    ),
    "DescribeUserQuota": (
        lambda service: cs(service).describe_node_quota(REGION),
        cs_get("DescribeUserQuota", "/quota"),
    ),
    "DescribeInstances of some": (
        lambda service: ens(service).describe_instances(["i-1", "i-2"]),
        ens_post("DescribeInstances", InstanceIds='["i-1","i-2"]', PageNumber="1", PageSize="100"),
    ),
    "DescribeInstances of all": (
        lambda service: ens(service).describe_instances(),
        ens_post("DescribeInstances", PageNumber="1", PageSize="100"),
    ),
    "ListTagResources": (
        lambda service: ens(service).list_tag_resources(["i-1", "i-2"]),
        ens_post(
            "ListTagResources", ResourceType="instance", **{"ResourceId.1": "i-1", "ResourceId.2": "i-2"}
        ),
    ),
    "ListInstance": (
        lambda service: elasticsearch(service).list_instance(REGION),
        search_get("ListInstance", "", page="1", size="100"),
    ),
    "ListConnectedClusters": (
        lambda service: elasticsearch(service).list_connected_clusters(REGION, "es-1"),
        search_get("ListConnectedClusters", "/es-1/connected-clusters"),
    ),
    "DescribeConnectableClusters": (
        lambda service: elasticsearch(service).describe_connectable_clusters(REGION, "es-1"),
        search_get("DescribeConnectableClusters", "/es-1/connectable-clusters", alreadySetItems="true"),
    ),
}


EMPTY: dict[str, Any] = {
    "cluster_id": "c1",
    "task_id": "T-1",
    **{key: [] for key in ("nodes", "tasks", "clusters", "nodepools", "Result", "TagResources")},
    "Instances": {"Instance": []},
}
"""An answer to every read, with nothing in it."""


@pytest.mark.parametrize("name", READS)
def test_every_read_goes_out_as_the_vendor_documents_it(name: str) -> None:
    """Action, version, method, host, path and query are those of the vendor's client; there is no body."""
    call, expected = READS[name]
    service = says(EMPTY)
    call(service)
    assert sent(service) == [expected]
    assert "content-type" not in service.requests[0].headers
    assert service.requests[0].headers["accept"] == "application/json"


def test_describe_instance_of_elasticsearch_goes_out_as_documented() -> None:
    """The id stands in the path and nowhere else."""
    service = says({"Result": {"instanceId": "es-cn-n6w1o1x0w001c"}})
    elasticsearch(service).describe_instance(REGION, "es-cn-n6w1o1x0w001c")
    assert sent(service) == [search_get("DescribeInstance", "/es-cn-n6w1o1x0w001c")]


def test_attach_instances_goes_out_byte_for_byte_as_the_vendors_client_sends_it() -> None:
    """POST to the cluster, compact JSON, `is_edge_worker` true, and no node pool unless one is named."""
    service = says({"list": []})
    cs(service).attach_instances(REGION, ATTACH)
    body = b'{"instances":["i-5j2zjis","i-5j443uf"],"is_edge_worker":true}'
    assert sent(service) == [attach_sent(json.loads(body))]
    assert service.requests[0].content == body
    assert service.requests[0].headers["content-type"] == "application/json; charset=utf-8"


def test_a_node_pool_is_named_in_the_body() -> None:
    """With a node pool the same call carries its id."""
    service = says({"list": []})
    request = AttachInstancesRequest(cluster_id="c1", instances=("i-1",), nodepool_id="np1")
    cs(service).attach_instances(REGION, request)
    body = {"instances": ["i-1"], "is_edge_worker": True, "nodepool_id": "np1"}
    assert sent(service) == [attach_sent(body)]


def test_add_connectable_cluster_goes_out_as_the_vendors_client_sends_it() -> None:
    """The instance in the path, the token in the query, the remote instance in a JSON body."""
    service = says({"Result": True})
    elasticsearch(service).add_connectable_cluster(REGION, CONNECT)
    [request] = sent(service)
    assert (request.action, request.version, request.method) == (
        "AddConnectableCluster",
        "2017-06-13",
        "POST",
    )
    assert request.address == "https://elasticsearch.cn-hangzhou.aliyuncs.com"
    assert request.path == "/openapi/instances/es-1/connected-clusters"
    assert request.query == {"clientToken": "token-1"}
    assert service.requests[0].content == b'{"instanceId":"es-2"}'
    assert service.requests[0].headers["content-type"] == "application/json; charset=utf-8"


def test_every_client_uses_the_endpoints_it_is_given() -> None:
    """With an address for all services, the local cloud's for example, nothing else is called."""
    endpoints = Endpoints(overrides={"": "http://127.0.0.1"})
    service = says(EMPTY)
    cs(service, endpoints).describe_cluster_detail(REGION, "c1")
    ens(service, endpoints).describe_instances()
    elasticsearch(service, endpoints).list_instance(REGION)
    assert {one.address for one in sent(service)} == {"http://127.0.0.1"}


@pytest.mark.parametrize("wrong", ["", " ", "i-1/..", "i 1", " i-1", "i-é", "i" * 129, 1, None])
@pytest.mark.parametrize(
    ("field", "model"),
    [
        ("cluster_id", AttachInstancesRequest),
        ("instances.1", AttachInstancesRequest),
        ("instance_id", AddConnectableClusterRequest),
        ("remote_id", AddConnectableClusterRequest),
    ],
)
def test_a_wrong_id_is_refused_at_its_field(
    field: str, model: type[AttachInstancesRequest | AddConnectableClusterRequest], wrong: Any
) -> None:
    """Before anything is sent, and with the name of the field that is at fault."""
    name, _, index = field.partition(".")
    good: dict[str, Any] = (
        {"cluster_id": "c1", "instances": ["i-1"]}
        if model is AttachInstancesRequest
        else {"instance_id": "es-1", "remote_id": "es-2", "client_token": "t"}
    )
    with pytest.raises(ValidationError) as caught:
        model.model_validate({**good, name: ["i-1", wrong] if index else wrong})
    assert [one["loc"] for one in caught.value.errors()] == [(name, int(index)) if index else (name,)]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"instances": []}, "instances"),
        ({"instances": ["i-1"] * 101}, "instances"),
        ({"is_edge_worker": False}, "is_edge_worker"),
        ({"nodepool_id": "np/1"}, "nodepool_id"),
        ({"password": "secret"}, "password"),
    ],
)
def test_an_attach_that_could_do_harm_cannot_be_built(changes: dict[str, Any], field: str) -> None:
    """1 to 100 instances, always as edge workers, and no parameter that is not meant."""
    with pytest.raises(ValidationError) as caught:
        AttachInstancesRequest.model_validate({"cluster_id": "c1", "instances": ["i-1"], **changes})
    assert [one["loc"] for one in caught.value.errors()] == [(field,)]


@pytest.mark.parametrize("token", ["", "t" * 65, "é", "a\nb"])
def test_a_token_the_service_would_refuse_cannot_be_sent(token: str) -> None:
    """1 to 64 printable ASCII characters."""
    with pytest.raises(ValidationError, match="client_token"):
        AddConnectableClusterRequest(instance_id="es-1", remote_id="es-2", client_token=token)


def test_an_instance_is_not_connected_with_itself() -> None:
    """Both ids of a pair differ."""
    with pytest.raises(ValidationError, match="cannot be connected with itself"):
        AddConnectableClusterRequest(instance_id="es-1", remote_id="es-1", client_token="t")


@given(
    one=st.from_regex(r"\Aes-[a-z0-9-]{1,12}\Z"),
    other=st.from_regex(r"\Aes-[a-z0-9-]{1,12}\Z"),
    generation=st.text(max_size=40),
    later=st.text(max_size=40),
)
def test_a_token_stands_for_a_pair_an_intent_and_a_generation(
    one: str, other: str, generation: str, later: str
) -> None:
    """At most 64 ASCII characters, the same from both sides, another for another generation or intent."""
    token = client_token(one, other, generation)
    assert re.fullmatch(r"[0-9a-f]{64}", token)
    assert client_token(other, one, generation) == token
    assert client_token(one, other, generation, "disconnect") != token
    assert client_token(one, f"{other}x", generation) != token
    assert (client_token(one, other, later) == token) == (later == generation)


def test_more_than_a_page_of_nodes_is_read_page_by_page() -> None:
    """250 nodes take three calls, and each node comes once, in order."""
    ids = [f"i-{number}" for number in range(250)]

    def page(asked: Sent) -> Any:
        start = (int(asked.query["pageNumber"]) - 1) * 100
        nodes = [{"instance_id": one} for one in ids[start : start + 100]]
        return {"nodes": nodes, "page": {"total_count": len(ids)}}

    service = pages(page)
    assert [node.instance_id for node in cs(service).describe_cluster_nodes(REGION, "c1")] == ids
    assert [one.query["pageNumber"] for one in sent(service)] == ["1", "2", "3"]


def test_more_than_a_hundred_node_ids_are_asked_for_in_parts() -> None:
    """No call names more than 100 instances, and none is left out."""
    ids = [f"i-{number}" for number in range(230)]

    def page(asked: Sent) -> Any:
        some = asked.query["instanceIds"].split(",")
        return {"nodes": [{"instance_id": one} for one in some], "page": {"total_count": len(some)}}

    service = pages(page)
    assert [node.instance_id for node in cs(service).describe_cluster_nodes(REGION, "c1", ids)] == ids
    assert [len(one.query["instanceIds"].split(",")) for one in sent(service)] == [100, 100, 30]


def test_more_than_a_hundred_ens_ids_are_asked_for_in_parts() -> None:
    """DescribeInstances takes 100 ids a call, ListTagResources 50."""
    ids = [f"i-{number}" for number in range(120)]

    def page(asked: Sent) -> Any:
        if asked.action == "ListTagResources":
            return {"TagResources": []}
        some = json.loads(asked.query["InstanceIds"])
        return {"Instances": {"Instance": [{"InstanceId": one} for one in some]}, "TotalCount": len(some)}

    service = pages(page)
    assert [facts.instance_id for facts in ens(service).describe_instances(ids)] == ids
    assert ens(service).list_tag_resources(ids) == {one: {} for one in ids}
    named = [sum(key.startswith("ResourceId.") for key in one.query) for one in sent(service)]
    assert named == [0, 0, 50, 50, 20]


def test_nobody_is_asked_about_nothing() -> None:
    """No ids means no call, not all instances."""
    service = says({})
    assert ens(service).describe_instances([]) == ()
    assert ens(service).list_tag_resources([]) == {}
    assert cs(service).describe_cluster_nodes(REGION, "c1", []) == ()
    assert sent(service) == []


@pytest.mark.parametrize("total", [{}, {"TotalCount": 0}, {"TotalCount": None}])
def test_without_a_total_pages_end_at_an_empty_one(total: dict[str, Any]) -> None:
    """An answer that does not say how many there are is read until nothing more comes."""
    listed = [[{"InstanceId": "i-1"}], [{"InstanceId": "i-2"}], []]

    def page(asked: Sent) -> Any:
        return {"Instances": {"Instance": listed[int(asked.query["PageNumber"]) - 1]}, **total}

    service = pages(page)
    assert [facts.instance_id for facts in ens(service).describe_instances()] == ["i-1", "i-2"]
    assert len(sent(service)) == 3


def test_a_listing_that_ends_before_its_total_is_no_answer() -> None:
    """An empty page that says there are five contradicts itself: it is not read as "none"."""
    service = says({"clusters": [], "page_info": {"total_count": 5}})
    with pytest.raises(AnswerError, match="page 1 is empty after 0 of 5 items"):
        cs(service).describe_edge_clusters(REGION)
    assert len(sent(service)) == 1


@pytest.mark.parametrize(
    ("body", "headers", "calls"),
    [
        ({"Headers": {"X-Total-Count": 2}}, {}, 2),
        ({"Headers": {"X-Total-Count": "2"}}, {}, 2),
        ({}, {"x_total_count": "2"}, 2),
        ({"Headers": None}, {"x_total_count": "2"}, 2),
        ({"Headers": {"X-Total-Count": 2}}, {"x_total_count": "99"}, 2),
        ({}, {}, 3),
        ({}, {"x_total_count": "many"}, 3),
    ],
)
def test_the_total_of_elasticsearch_is_in_the_body_or_a_header_or_nowhere(
    body: dict[str, Any], headers: dict[str, str], calls: int
) -> None:
    """Known, it saves the last call; unknown or unreadable, pages end at an empty one."""
    listed = [[{"instanceId": "es-1"}], [{"instanceId": "es-2"}], []]

    def page(asked: Sent) -> Any:
        return {"Result": listed[int(asked.query["page"]) - 1], **body}

    service = pages(page, **headers)
    assert [facts.instance_id for facts in elasticsearch(service).list_instance(REGION)] == ["es-1", "es-2"]
    assert len(sent(service)) == calls


def test_tags_are_read_to_the_last_token() -> None:
    """Every page of ListTagResources is read, and its tags go to the instance they belong to."""
    answers: dict[str, Any] = {
        "": {"NextToken": "n1", "TagResources": [{"ResourceId": "i-1", "TagKey": "a", "TagValue": "1"}]},
        "n1": {"NextToken": "", "TagResources": [{"ResourceId": "i-1", "TagKey": "b", "TagValue": None}]},
    }
    service = pages(lambda asked: answers[asked.query.get("NextToken", "")])
    assert ens(service).list_tag_resources(["i-1", "i-2"]) == {"i-1": {"a": "1", "b": ""}, "i-2": {}}
    assert len(sent(service)) == 2
