"""add_connectable_cluster, in process, against a local cloud."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest

from enlist.effects import Effects
from enlist.errors import NotSettledError
from fctoolkit.together import one_by_one
from localcloud.conditions.faults import Fault
from tests.support.product import (
    ES_ID,
    HUB_ID,
    SEARCH_BINDING,
    TIMER,
    Product,
    custom_event,
    es_instance,
    http_event,
    only,
    seed,
    state_of,
    still_cloud,
)

EVENT = custom_event(ES_ID, kind="search")


def connected(product: Product, instance_id: str = ES_ID) -> list[str]:
    """What the cloud says the instance is connected with."""
    return list(state_of(product.cloud, "elasticsearch", instance_id)["connectedClusters"])


def connections(product: Product) -> int:
    """How often a connection of the new instance took effect, as the cloud counted."""
    return int(sum(state_of(product.cloud, "elasticsearch", ES_ID)["connectCount"].values()))


def test_a_new_instance_is_connected_with_its_peer(product: Product) -> None:
    """From event to connection, visible from both sides."""
    outcome = only(product.connect(EVENT))
    assert (outcome["result"], outcome["target"]) == ("connected", HUB_ID)
    assert (connected(product), connected(product, HUB_ID)) == ([HUB_ID], [ES_ID])


def test_a_second_delivery_does_nothing(product: Product) -> None:
    """A connection that exists is not made again, by an event or by the timer."""
    product.connect(EVENT)
    assert only(product.connect(EVENT))["result"] == "already"
    product.connect(TIMER)
    assert product.writes() == ["AddConnectableCluster"]


def test_both_sides_of_a_pair_send_the_same_request(product: Product) -> None:
    """Whichever instance is signalled, the call is one and the same, so that its token protects the pair."""
    product.search = [{**SEARCH_BINDING, "match": {"vpcId": ["vpc-logs"]}, "peers": "same-binding"}]
    lost = Fault(
        service="elasticsearch", action="ListConnectedClusters", times=5, body='{"Result": []}', status=200
    )
    product.cloud.add_fault(lost)
    product.connect(EVENT)
    product.cloud.advance(600)
    product.connect(custom_event(HUB_ID, kind="search"))
    paths = {str(call["path"]) for call in product.cloud.calls if call["action"] == "AddConnectableCluster"}
    assert len(product.writes()) == 2
    assert paths == {f"/openapi/instances/{HUB_ID}/connected-clusters"}
    assert connections(product) == 1


def test_connecting_again_after_a_disconnect_is_not_swallowed(product: Product) -> None:
    """The token has a generation: the service does not take a new connection for a repeat of the old one."""
    product.connect(EVENT)
    product.disconnect()
    # Within the hour the service takes it for a repeat: said as it is, not as a connection.
    assert only(product.connect(TIMER))["result"] == "deferred"
    product.cloud.advance(3601)
    assert only(product.connect(TIMER))["result"] == "connected"
    assert connected(product) == [HUB_ID]


@pytest.mark.parametrize(
    "variant", [{"connect_format": "xml"}, {"connected_key": "instanceId"}, {"connected_key": "instances"}]
)
def test_every_documented_variant_of_the_service(product: Product, variant: dict[str, Any]) -> None:
    """Whichever form the answers have, the pair is connected once."""
    product.cloud.configure(**variant)
    assert only(product.connect(EVENT))["result"] == "connected"
    assert only(product.connect(EVENT))["result"] == "already"


def test_result_false_is_a_failure(product: Product) -> None:
    """HTTP 200 with `Result: false` means that nothing was configured."""
    product.cloud.add_fault(
        Fault(
            service="elasticsearch",
            action="AddConnectableCluster",
            status=200,
            body='{"RequestId": "R-1", "Result": false}',
        )
    )
    with pytest.raises(NotSettledError, match="failed: Elasticsearch answered 200 with Result false"):
        product.connect(EVENT)


@pytest.mark.parametrize("effect", ["before", "after"])
def test_a_lost_answer_is_repeated_with_the_same_token(product: Product, effect: str) -> None:
    """Whether or not the lost call took effect, the repeat is the same request and takes effect once."""
    product.cloud.add_fault(
        Fault.model_validate(
            {"service": "elasticsearch", "action": "AddConnectableCluster", "effect": effect, "drop": True}
        )
    )
    assert only(product.connect(EVENT))["result"] == "connected"
    assert product.writes() == ["AddConnectableCluster"] * 2
    assert connections(product) == 1


@pytest.mark.parametrize(
    "code",
    ["InstanceActivating", "ConcurrencyUpdateInstanceConflict", "TokenPreviousRequestProcessError"],
)
def test_a_busy_instance_defers(product: Product, code: str) -> None:
    """Codes that say "not now" leave the pair to a sweep, without an error."""
    product.cloud.add_fault(
        Fault(service="elasticsearch", action="AddConnectableCluster", status=400, code=code)
    )
    assert only(product.connect(EVENT))["result"] == "deferred"
    assert only(product.connect(TIMER))["result"] == "connected"


def test_an_instance_that_is_activating_is_finished_by_a_sweep(product: Product) -> None:
    """`deferred` is a normal end: the timer connects the pair when both are active."""
    seed(product.cloud, es=[es_instance(status="activating"), es_instance(HUB_ID, tag="")])
    assert only(product.connect(EVENT))["result"] == "deferred"
    seed(product.cloud, es=[es_instance()])
    assert only(product.connect(TIMER))["result"] == "connected"


def test_another_vpc_is_rejected_before_any_write(product: Product) -> None:
    """Instances of two VPCs cannot be connected, and are not tried."""
    network = {"type": "vpc", "vpcId": "vpc-other", "vswitchId": "vsw-2", "vsArea": "cn-hangzhou-i"}
    seed(product.cloud, es=[es_instance(), es_instance(HUB_ID, tag="", networkConfig=network)])
    with pytest.raises(NotSettledError, match="rejected: they are not in one VPC"):
        product.connect(EVENT)
    assert product.writes() == []


def test_a_region_is_found_without_being_named(product: Product) -> None:
    """An HTTP request needs no region: each bound region is asked."""
    elsewhere = {**SEARCH_BINDING, "name": "beijing", "region": "cn-beijing"}
    product.search = [elsewhere, SEARCH_BINDING]
    answer = product.connect(http_event({"instances": [ES_ID]}))
    assert only(json.loads(answer["body"]))["result"] == "connected"


def test_a_sweep_pages_and_connects_the_lost_one(product: Product) -> None:
    """The timer finds an instance whose event never came, beyond the first page."""
    crowd = [es_instance(f"es-cn-other{number:04}", tag="") for number in range(150)]
    seed(product.cloud, es=[*crowd, es_instance(), es_instance(HUB_ID, tag="")])
    answer = product.connect(TIMER)
    assert answer["counts"] == {"connected": 1, "ignored": 151}
    assert only(answer)["instanceId"] == ES_ID


def test_a_wrong_region_in_an_event_does_not_lose_the_instance(product: Product) -> None:
    """A custom event may carry its bus's region: the named region is asked first, then the others."""
    product.search = [{**SEARCH_BINDING, "name": "beijing", "region": "cn-beijing"}, SEARCH_BINDING]
    event = {**json.loads(EVENT), "data": {"instanceId": ES_ID, "regionId": "cn-beijing"}}
    network = {"type": "vpc", "vpcId": "vpc-logs", "vswitchId": "vsw-1", "vsArea": "cn-hangzhou-i"}
    seed(product.cloud, es=[es_instance(networkConfig=network), es_instance(HUB_ID, tag="")])
    assert only(product.connect(json.dumps(event).encode()))["result"] == "connected"


def test_a_region_that_cannot_be_listed_does_not_stop_the_others(product: Product) -> None:
    """A sweep does what it can and raises for the region it could not see."""
    product.search = [{**SEARCH_BINDING, "name": "beijing", "region": "cn-beijing"}, SEARCH_BINDING]
    # The fault befalls whichever region is asked first.
    product.effects = Effects(together=one_by_one)
    product.cloud.add_fault(
        Fault(service="elasticsearch", action="ListInstance", status=403, code="NoPermission")
    )
    with pytest.raises(NotSettledError, match="failed: the instances in cn-beijing could not be listed"):
        product.connect(TIMER)
    assert connected(product) == [HUB_ID]


@pytest.mark.parametrize("door", ["events", "sweep"])
def test_a_mesh_keeps_max_peers_at_both_ends(product: Product, door: str) -> None:
    """However the instances are signalled, nobody gets more peers than the binding allows."""
    ids = [f"es-cn-mesh{number}" for number in range(5)]
    seed(product.cloud, es=[es_instance(one) for one in ids])
    product.search = [{**SEARCH_BINDING, "peers": "same-binding", "max_peers": 2}]
    for event in [custom_event(one, kind="search") for one in ids] if door == "events" else [TIMER] * 2:
        with contextlib.suppress(NotSettledError):
            product.connect(event)
    assert max(len(connected(product, one)) for one in ids) == 2


def test_a_hub_keeps_max_peers_too(product: Product) -> None:
    """A hub that no binding chooses has the same limit: its connections are looked at before each new one."""
    spokes = [f"es-cn-spoke{number}" for number in range(4)]
    seed(product.cloud, es=[es_instance(HUB_ID, tag=""), *(es_instance(one) for one in spokes)])
    product.search = [{**SEARCH_BINDING, "max_peers": 3}]
    product.connect(TIMER)
    assert len(connected(product, HUB_ID)) == 3
    with pytest.raises(NotSettledError, match=f"{HUB_ID} has 3 peers already; max_peers is 3"):
        product.connect(custom_event(spokes[3], kind="search"))


def test_a_missing_hub_is_asked_for_once(product: Product) -> None:
    """Sixty instances that wait for one hub cost one look for it."""
    spokes = [es_instance(f"es-cn-spoke{number}") for number in range(60)]
    cloud = still_cloud()
    cloud.seed({"elasticsearch": {"instances": spokes}})
    waiting = Product(cloud, product.folder)
    answer: Any = waiting.connect(TIMER)
    assert answer["counts"] == {"deferred": 60}
    assert [call["action"] for call in cloud.calls].count("DescribeInstance") == 1


def test_a_pair_that_is_always_refused_keeps_no_other_out(product: Product) -> None:
    """With max_per_run 1, the second spoke is connected in the same sweep in which the first is refused."""
    old = es_instance("es-cn-old", createdAt="2026-11-01T00:00:00Z")
    seed(product.cloud, es=[old, es_instance(), es_instance(HUB_ID, tag="")])
    product.search = [{**SEARCH_BINDING, "max_per_run": 1}]
    product.cloud.add_fault(
        Fault(service="elasticsearch", action="AddConnectableCluster", status=400, code="VersionMismatch")
    )
    product.connect(TIMER)
    assert connected(product) == [HUB_ID]


@pytest.mark.parametrize(
    "peers", [[HUB_ID], {"match": {"tags": {"enlist": [{"exists": False}]}}}, "same-binding"]
)
def test_an_event_costs_the_same_among_many(product: Product, peers: Any) -> None:
    """However many instances a binding has, one event asks about the one instance and its peers."""
    crowd = [es_instance(f"es-cn-other{number:03}", connectedClusters=[HUB_ID]) for number in range(90)]
    seed(product.cloud, es=[es_instance(), es_instance(HUB_ID, tag="")])
    product.cloud.seed({"elasticsearch": {"instances": crowd if peers != "same-binding" else []}})
    product.search = [{**SEARCH_BINDING, "peers": peers, "max_peers": 100}]
    product.connect(EVENT)
    assert len(product.cloud.calls) <= 8


def test_an_idle_sweep_asks_the_hub_and_not_its_spokes(product: Product) -> None:
    """Connections show from either side: ninety spokes of one hub cost one look."""
    spokes = [es_instance(f"es-cn-spoke{number:03}") for number in range(90)]
    hub = es_instance(HUB_ID, tag="", connectedClusters=[one["instanceId"] for one in spokes])
    product.cloud.reset()
    seed(product.cloud, es=[*spokes, hub])
    answer: Any = product.connect(TIMER)
    assert answer["counts"] == {"already": 90, "ignored": 1}
    assert [call["action"] for call in product.cloud.calls] == ["ListInstance", "ListConnectedClusters"]
