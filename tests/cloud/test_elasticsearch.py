"""Elasticsearch, as every way to call it sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.cloud_client import search_seed
from tests.support.cloud_scene import in_modes

if TYPE_CHECKING:
    from tests.support.cloud_scene import Scene

NETWORK = {"type": "vpc", "vpcId": "vpc-local", "vswitchId": "vsw-1", "vsArea": "cn-hangzhou-i"}


@in_modes("elasticsearch")
def test_the_life_of_an_instance(at: Scene) -> None:
    """A new instance is activating, then active, and listed by its network and status."""
    given = {"esVersion": "7.10_with_X-Pack", "nodeAmount": 3, "esAdminPassword": "Secret-word-1"}
    at.does("elasticsearch", "createInstance", networkConfig=NETWORK, **given)
    # The vendor's client gives nothing of the answer.
    (row,) = at.does("elasticsearch", "ListInstance", status="activating")["Result"]
    made = row["instanceId"]
    shown = at.does("elasticsearch", "DescribeInstance", InstanceId=made)["Result"]
    assert (shown["status"], shown["networkConfig"]["vpcId"]) == ("activating", "vpc-local")
    at.wait(600)
    listed = at.does("elasticsearch", "ListInstance", vpcId="vpc-local", status="active", size=100)
    assert [row["instanceId"] for row in listed["Result"]] == [made]
    assert listed["Headers"]["X-Total-Count"] == 1
    assert "Secret-word-1" not in str(at.state)


@in_modes("elasticsearch")
def test_connecting_and_disconnecting(at: Scene) -> None:
    """A pair is connected once for each token, listed by both, and disconnected."""
    at.seed(search_seed({}, {}, {}))
    connect = {"InstanceId": "es-1", "instanceId": "es-2", "clientToken": "0123456789abcdef"}
    for _ in range(2):
        assert at.does("elasticsearch", "AddConnectableCluster", **connect)["Result"] is True
    assert at.state["elasticsearch"]["instances"][0]["connectCount"] == {"es-2": 1}
    for one, other in (("es-1", "es-2"), ("es-2", "es-1")):
        listed = at.does("elasticsearch", "ListConnectedClusters", InstanceId=one)["Result"]
        assert listed == [{"instances": other, "networkType": "vpc"}]
    free = at.does("elasticsearch", "DescribeConnectableClusters", InstanceId="es-1", alreadySetItems=False)
    assert [row["instances"] for row in free["Result"]] == ["es-3"]
    cut = {"InstanceId": "es-1", "connectedInstanceId": "es-2"}
    assert at.does("elasticsearch", "DeleteConnectedCluster", clientToken="t", **cut)["Result"] is True
    assert at.does("elasticsearch", "ListConnectedClusters", InstanceId="es-2")["Result"] == []
    assert at.refuses("elasticsearch", "DeleteConnectedCluster", **cut) == (
        400,
        "InvalidParameter.connectedInstanceId",
    )


@in_modes("elasticsearch")
def test_a_token_stands_for_one_request(at: Scene) -> None:
    """A clientToken that comes again with another request is refused, and nothing is connected."""
    at.seed(search_seed({}, {}, {}))
    token = {"InstanceId": "es-1", "clientToken": "t"}
    at.does("elasticsearch", "AddConnectableCluster", instanceId="es-2", **token)
    assert at.refuses("elasticsearch", "AddConnectableCluster", instanceId="es-3", **token) == (
        400,
        "IdempotentParameterMismatch",
    )
    assert at.state["elasticsearch"]["instances"][0]["connectedClusters"] == ["es-2"]


@in_modes("elasticsearch")
def test_instances_that_do_not_fit(at: Scene) -> None:
    """Those of another network, those that are not active, and those that are not there are told apart."""
    at.seed(search_seed({}, {"networkConfig": {"vpcId": "vpc-other"}}, {"status": "activating"}))
    codes = [
        at.refuses("elasticsearch", "AddConnectableCluster", InstanceId=one, instanceId=other)
        for one, other in (("es-1", "es-2"), ("es-1", "es-3"), ("es-3", "es-1"), ("es-1", "es-1"))
    ]
    assert codes == [
        (400, "InvalidParameter.instanceId"),
        (400, "TargetInstanceStatusNotSupportCurrentAction"),
        (400, "InstanceActivating"),
        (400, "InvalidParameter.instanceId"),
    ]
    assert at.refuses("elasticsearch", "DescribeInstance", InstanceId="es-none") == (404, "InstanceNotFound")


@in_modes("elasticsearch")
def test_pages_and_tags(at: Scene) -> None:
    """Instances come in pages, each once, and are found by a tag."""
    tagged = {"tags": [{"tagKey": "enlist", "tagValue": "logs"}]}
    at.seed(search_seed(*({} for _ in range(24)), tagged))
    pages = [at.does("elasticsearch", "ListInstance", page=number, size=10) for number in (1, 2, 3)]
    assert [row["instanceId"] for page in pages for row in page["Result"]] == [
        f"es-{n}" for n in range(1, 26)
    ]
    assert {page["Headers"]["X-Total-Count"] for page in pages} == {25}
    wanted = '[{"tagKey":"enlist","tagValue":"logs"}]'
    found = at.does("elasticsearch", "ListInstance", tags=wanted)["Result"]
    assert [row["instanceId"] for row in found] == ["es-25"]
    assert at.refuses("elasticsearch", "ListInstance", size=101) == (400, "InvalidParameter.size")


@in_modes("elasticsearch")
def test_a_connection_that_takes_its_time(at: Scene) -> None:
    """Where a connection puts both instances into `activating`, they are active again when it is over."""
    at.behave(es_connection=60)
    at.seed(search_seed({}, {}))
    at.does("elasticsearch", "AddConnectableCluster", InstanceId="es-1", instanceId="es-2")

    def statuses() -> list[str]:
        return [
            at.does("elasticsearch", "DescribeInstance", InstanceId=one)["Result"]["status"]
            for one in ("es-1", "es-2")
        ]

    assert statuses() == ["activating"] * 2
    at.wait(60)
    assert statuses() == ["active"] * 2
