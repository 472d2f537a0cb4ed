"""Elasticsearch: instances, which of them can be connected, and what connecting does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.cloud_client import CloudClient, search_seed, state_of

if TYPE_CHECKING:
    from localcloud import LocalCloud


def _pair(
    cloud: LocalCloud, one: dict[str, Any] | None = None, other: dict[str, Any] | None = None
) -> CloudClient:
    cloud.seed(search_seed(one or {}, other or {}))
    return CloudClient(cloud)


def test_a_connection_belongs_to_both_sides(cloud: LocalCloud) -> None:
    """Connecting A with B shows B at A and A at B, and one call takes it away from both."""
    client = _pair(cloud)
    assert client.connect("es-1", "es-2").json()["Result"] is True
    assert client.connected("es-1") == [{"instances": "es-2", "networkType": "vpc"}]
    assert client.connected("es-2") == [{"instances": "es-1", "networkType": "vpc"}]
    assert state_of(cloud, "elasticsearch", "instances")["connectedClusters"] == ["es-2"]
    gone = client.es(
        "DeleteConnectedCluster", "/es-2/connected-clusters", "DELETE", params={"connectedInstanceId": "es-1"}
    )
    assert gone.json()["Result"] is True
    assert client.connected("es-1") == []


def test_connections_are_counted(cloud: LocalCloud) -> None:
    """Each connection that had its effect is counted for the pair, whichever side asked."""
    client = _pair(cloud)
    client.connect("es-1", "es-2")
    client.connect("es-2", "es-1")
    assert state_of(cloud, "elasticsearch", "instances", 0)["connectCount"] == {"es-2": 2}
    assert state_of(cloud, "elasticsearch", "instances", 1)["connectCount"] == {"es-1": 2}


@pytest.mark.parametrize(
    ("one", "other", "code"),
    [
        ({"status": "activating"}, {}, "InstanceActivating"),
        ({"status": "inactive"}, {}, "InstanceStatusNotSupportCurrentAction"),
        ({}, {"status": "activating"}, "TargetInstanceStatusNotSupportCurrentAction"),
        ({}, {"status": "invalid"}, "TargetInstanceStatusNotSupportCurrentAction"),
        ({}, {"networkConfig": {"vpcId": "vpc-other"}}, "InvalidParameter.instanceId"),
        ({}, {"networkConfig": {"vsArea": "cn-shanghai-b"}}, "InstanceNotFound"),
        ({}, {"instanceId": "es-other"}, "InstanceNotFound"),
        ({"instanceId": "es-2"}, {}, "InstanceNotFound"),
    ],
)
def test_instances_that_do_not_fit_are_not_connected(
    cloud: LocalCloud, one: dict[str, Any], other: dict[str, Any], code: str
) -> None:
    """Both must exist in the region, be active, and be in one VPC."""
    client = _pair(cloud, one, other)
    answer = client.connect("es-1", "es-2")
    assert answer.json()["Code"] == code
    state: Any = cloud.state()
    assert not any(row["connectedClusters"] for row in state["elasticsearch"]["instances"])


def test_an_instance_is_not_connected_with_itself(cloud: LocalCloud) -> None:
    """The remote instance must be another one, and must be named."""
    client = _pair(cloud)
    assert client.connect("es-1", "es-1").json()["Code"] == "InvalidParameter.instanceId"
    empty = client.es("AddConnectableCluster", "/es-1/connected-clusters", "POST", json={})
    assert empty.json()["Code"] == "InvalidParameter.instanceId"


def test_a_repeated_token_has_no_second_effect(cloud: LocalCloud) -> None:
    """The same token and request within the memory give the stored answer; another request is refused."""
    client = _pair(cloud)
    first = client.connect("es-1", "es-2", clientToken="t-1")
    again = client.connect("es-1", "es-2", clientToken="t-1")
    assert again.json() == first.json()
    assert state_of(cloud, "elasticsearch", "instances")["connectCount"] == {"es-2": 1}
    assert client.connect("es-2", "es-1", clientToken="t-1").json()["Code"] == "IdempotentParameterMismatch"


def test_a_token_is_forgotten_in_time(cloud: LocalCloud) -> None:
    """After the memory has passed the same token has an effect again."""
    client = _pair(cloud)
    cloud.configure(token_memory_seconds=60)
    client.connect("es-1", "es-2", clientToken="t")
    cloud.advance(60)
    client.connect("es-1", "es-2", clientToken="t")
    assert state_of(cloud, "elasticsearch", "instances")["connectCount"] == {"es-2": 2}


def test_a_refused_request_does_not_use_its_token_up(cloud: LocalCloud) -> None:
    """A token whose request was refused may be used for the next try."""
    client = _pair(cloud, {"status": "activating"})
    assert client.connect("es-1", "es-2", clientToken="t").status_code == 400
    cloud.advance(600)
    assert client.connect("es-1", "es-2", clientToken="t").json()["Result"] is True


@pytest.mark.parametrize("token", ["x" * 65, "é"])
def test_bad_tokens_are_refused(cloud: LocalCloud, token: str) -> None:
    """A token is ASCII and at most 64 characters long."""
    client = _pair(cloud)
    assert client.connect("es-1", "es-2", clientToken=token).json()["Code"] == "InvalidParameter.clientToken"
    assert client.connect("es-1", "es-2", clientToken="x" * 64).json()["Result"] is True


def test_documented_variants_can_be_played(cloud: LocalCloud) -> None:
    """The key of an id, XML answers, and instances that activate after a connection follow the behaviour."""
    client = _pair(cloud)
    cloud.configure(connected_key="instanceId", connect_format="xml", es_connection=60)
    answer = client.connect("es-1", "es-2")
    assert answer.headers["content-type"].startswith("text/xml")
    assert answer.text.startswith("<RequestId>")
    assert "<Result>true</Result>" in answer.text
    assert client.connected("es-1") == [{"instanceId": "es-2", "networkType": "vpc"}]
    assert [row["status"] for row in _listed(client)] == ["activating", "activating"]
    cloud.advance(60)
    assert [row["status"] for row in _listed(client)] == ["active", "active"]


def _listed(client: CloudClient, **query: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = client.es("ListInstance", params=query).json()["Result"]
    return rows


def test_connectable_instances_are_those_of_the_vpc(cloud: LocalCloud) -> None:
    """Candidates share the VPC and are not the instance itself; connected ones are left out on request."""
    cloud.seed(search_seed({}, {}, {"networkConfig": {"vpcId": "vpc-other"}}, {}))
    client = CloudClient(cloud)
    client.connect("es-1", "es-2")

    def ids(**query: str) -> list[str]:
        answer = client.es("DescribeConnectableClusters", "/es-1/connectable-clusters", params=query)
        return [row["instances"] for row in answer.json()["Result"]]

    assert ids() == ids(alreadySetItems="true") == ids(alreadySetItems="True") == ["es-2", "es-4"]
    assert ids(alreadySetItems="false") == ids(alreadySetItems="False") == ["es-4"]
    bad = client.es(
        "DescribeConnectableClusters", "/es-1/connectable-clusters", params={"alreadySetItems": "1"}
    )
    assert bad.json()["Code"] == "InvalidParameter.alreadySetItems"


def test_instances_are_listed_and_filtered(cloud: LocalCloud) -> None:
    """Filters, pages, and the total in body and header."""
    cloud.seed(
        search_seed(
            {"description": "the logs", "tags": [{"tagKey": "enlist", "tagValue": "logs"}]},
            {"esVersion": "8.17.0_with_X-Pack", "status": "inactive"},
            {"networkConfig": {"vpcId": "vpc-2"}},
            {"networkConfig": {"vsArea": "cn-shanghai-b"}},
        )
    )
    client = CloudClient(cloud)

    def ids(**query: str) -> list[str]:
        return [row["instanceId"] for row in _listed(client, **query)]

    assert ids() == ["es-1", "es-2", "es-3"]
    assert ids(status="inactive") == ["es-2"]
    assert ids(vpcId="vpc-2") == ["es-3"]
    assert ids(esVersion="8.17") == ["es-2"]
    assert ids(description="logs") == ["es-1"]
    assert ids(instanceId="es-3") == ["es-3"]
    assert ids(tags='[{"tagKey":"enlist","tagValue":"logs"}]') == ["es-1"]
    assert ids(page="2", size="2") == ["es-3"]
    answer = client.es("ListInstance", params={"size": "1"})
    assert (answer.json()["Headers"], answer.headers["x-total-count"]) == ({"X-Total-Count": 3}, "3")
    assert client.es("ListInstance", params={"size": "101"}).json()["Code"] == "InvalidParameter.size"
    assert client.es("ListInstance", params={"tags": "x"}).json()["Code"] == "InvalidParameter.tags"


def test_a_new_instance_activates(cloud: LocalCloud) -> None:
    """CreateInstance makes an instance that is activating first, and keeps no password."""
    client = CloudClient(cloud)
    body = {
        "esVersion": "7.10_with_X-Pack",
        "nodeAmount": 3,
        "esAdminPassword": "secret-word",
        "networkConfig": {"type": "vpc", "vpcId": "vpc-1", "vswitchId": "vsw-1", "vsArea": "cn-hangzhou-i"},
        "tags": [{"tagKey": "enlist", "tagValue": "logs"}],
    }
    made = client.es("createInstance", method="POST", json=body, params={"clientToken": "t"}).json()
    again = client.es("createInstance", method="POST", json=body, params={"clientToken": "t"}).json()
    assert made == again
    instance_id = made["Result"]["instanceId"]

    def described() -> dict[str, Any]:
        answer: dict[str, Any] = client.es("DescribeInstance", f"/{instance_id}").json()["Result"]
        return answer

    assert described()["status"] == "activating"
    assert described()["networkConfig"]["vpcId"] == "vpc-1"
    assert described()["tags"] == body["tags"]
    cloud.advance(600)
    assert described()["status"] == "active"
    assert "secret-word" not in str(cloud.state())


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"networkConfig": {}}, "InvalidParameter.esVersion"),
        ({"esVersion": "7.10"}, "InvalidParameter.networkConfig"),
        ({"esVersion": "7.10", "networkConfig": {}, "nodeAmount": "many"}, "InvalidParameter.body"),
    ],
)
def test_bad_creations_are_refused(cloud: LocalCloud, body: dict[str, Any], code: str) -> None:
    """What is missing or wrong is named, and nothing is made."""
    client = CloudClient(cloud)
    assert client.es("createInstance", method="POST", json=body).json()["Code"] == code
    assert _listed(client) == []


def test_only_connected_instances_can_be_disconnected(cloud: LocalCloud) -> None:
    """Disconnecting what is not connected is refused."""
    client = _pair(cloud)
    answer = client.es(
        "DeleteConnectedCluster", "/es-1/connected-clusters", "DELETE", params={"connectedInstanceId": "es-2"}
    )
    assert answer.json()["Code"] == "InvalidParameter.connectedInstanceId"
