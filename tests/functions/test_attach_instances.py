"""attach_instances, in process, against a local cloud in which careless code does harm."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from enlist.errors import NotSettledError
from localcloud.conditions.faults import Fault
from tests.support.product import (
    CLUSTER,
    EDGE_BINDING,
    ENS_ID,
    OTHER_CLUSTER,
    TIMER,
    Product,
    cluster,
    custom_event,
    ens_instance,
    http_event,
    only,
    sample,
    seed,
    state_of,
)

if TYPE_CHECKING:
    from pathlib import Path


def attach_count(product: Product, instance_id: str = ENS_ID) -> int:
    """How often the machine was attached, as the cloud counted."""
    return int(state_of(product.cloud, "ens", instance_id)["attachCount"])


def test_a_new_instance_becomes_a_node(product: Product) -> None:
    """From event to node: accepted as a task first, a node when the task is done."""
    first = only(product.attach(custom_event(ENS_ID)))
    assert (first["result"], first["target"]) == ("attaching", CLUSTER)
    assert first["taskId"].startswith("T-")
    product.cloud.advance(120)
    assert only(product.attach(custom_event(ENS_ID)))["result"] == "already"
    (node,) = product.cloud.state()["cs"]["clusters"][0]["nodes"]  # type: ignore[index,call-overload]
    assert (node["instance_id"], node["state"]) == (ENS_ID, "running")  # type: ignore[index,call-overload]


@pytest.mark.parametrize("seconds", [0, 5, 19, 25, 60, 91, 200])
def test_a_second_delivery_never_attaches_again(product: Product, seconds: int) -> None:
    """However long after the first delivery the second comes, the machine is attached once."""
    product.attach(custom_event(ENS_ID))
    product.cloud.advance(seconds)
    product.attach(custom_event(ENS_ID))
    product.attach(TIMER)
    assert product.writes() == ["AttachInstances"]
    assert attach_count(product) == 1


def test_a_lagging_node_list_is_not_trusted(product: Product) -> None:
    """A node list that shows nothing even after the task has succeeded does not lead to a second attach."""
    product.cloud.configure(node_listing=600, node_joining=30)
    product.attach(custom_event(ENS_ID))
    product.cloud.advance(60)
    assert only(product.attach(custom_event(ENS_ID)))["result"] == "attached"
    assert attach_count(product) == 1


@pytest.mark.parametrize(
    "variant",
    [
        {"attach_status": 200},
        {"task_success": "succeeded"},
        {"node_ready": "true"},
        {"ens_tags": "separate"},
    ],
)
def test_every_documented_variant_of_the_services(product: Product, variant: dict[str, Any]) -> None:
    """Whichever of the vendor's spellings the services use, the instance becomes a node."""
    product.cloud.configure(**variant)
    assert only(product.attach(custom_event(ENS_ID)))["result"] == "attaching"
    product.cloud.advance(120)
    assert only(product.attach(custom_event(ENS_ID)))["result"] == "already"


def test_a_hold_tag_is_found_wherever_tags_are_told(product: Product) -> None:
    """An instance on hold is left alone also when DescribeInstances gives no tags."""
    tags = [{"TagKey": "enlist", "TagValue": "edge-worker"}, {"TagKey": "enlist:hold", "TagValue": ""}]
    seed(product.cloud, ens=[ens_instance(Tags={"Tags": tags})])
    product.cloud.configure(ens_tags="separate")
    assert only(product.attach(custom_event(ENS_ID)))["result"] == "held"
    assert product.writes() == []


def test_task_wait_waits_for_the_task(product: Product) -> None:
    """With ENLIST_TASK_WAIT the outcome can be `attached`; without it nobody pays for waiting."""
    product.environ["ENLIST_TASK_WAIT"] = "50"
    product.cloud.configure(node_joining=40)
    assert only(product.attach(custom_event(ENS_ID)))["result"] == "attached"


def test_task_wait_ends_before_the_function_does(product: Product) -> None:
    """A wait longer than the function's timeout ends in `attaching`, not in a killed function."""
    product.environ["ENLIST_TASK_WAIT"] = "3600"
    product.cloud.configure(node_joining=3000)
    started = product.cloud.clock.now()
    assert only(product.attach(custom_event(ENS_ID)))["result"] == "attaching"
    assert product.cloud.clock.now() - started < 60


def test_a_machine_that_is_not_ready_is_finished_by_a_sweep(product: Product) -> None:
    """`deferred` is a normal end: the timer attaches the machine when it runs."""
    seed(product.cloud, ens=[ens_instance(Status="Starting")])
    assert only(product.attach(custom_event(ENS_ID)))["result"] == "deferred"
    seed(product.cloud, ens=[ens_instance(Status="Running")])
    assert only(product.attach(TIMER))["result"] == "attaching"


def test_a_lost_event_is_repaired_by_a_sweep(product: Product) -> None:
    """Without any event, the timer finds the machine, page by page."""
    crowd = [ens_instance(f"i-other{number:04}", Tags={"Tags": []}) for number in range(250)]
    seed(product.cloud, ens=[*crowd, ens_instance()])
    answer = product.attach(TIMER)
    assert only(answer)["instanceId"] == ENS_ID
    assert answer["counts"] == {"attaching": 1, "ignored": 250}


def test_a_machine_of_another_cluster_is_left_alone(product: Product) -> None:
    """Membership is looked for in every edge cluster that can be seen, bound or not."""
    node = {"instance_id": ENS_ID, "state": "running"}
    seed(product.cloud, clusters=[cluster(), cluster(OTHER_CLUSTER, nodes=[node])])
    with pytest.raises(NotSettledError, match=f"rejected: it is a node of another cluster, {OTHER_CLUSTER}"):
        product.attach(custom_event(ENS_ID))
    assert product.writes() == []


def test_a_machine_on_its_way_to_another_cluster_is_left_alone(product: Product, tmp_path: Path) -> None:
    """A running task elsewhere counts as membership although no node list shows it."""
    seed(product.cloud, clusters=[cluster(), cluster(OTHER_CLUSTER)])
    elsewhere = Product(product.cloud, tmp_path, edge=[{**EDGE_BINDING, "cluster": OTHER_CLUSTER}])
    elsewhere.attach(custom_event(ENS_ID))
    seed(product.cloud, ens=[ens_instance()], clusters=[cluster()])
    with pytest.raises(NotSettledError, match="is attaching it to another cluster"):
        product.attach(custom_event(ENS_ID))
    assert product.writes() == ["AttachInstances"]


def test_a_wrong_region_is_named(product: Product) -> None:
    """A cluster that is not in the binding's region is rejected with the vendor's own code."""
    product.edge = [{**EDGE_BINDING, "region": "cn-beijing"}]
    with pytest.raises(NotSettledError, match="ErrorClusterNotFound"):
        product.attach(custom_event(ENS_ID))
    assert product.writes() == []


def test_no_permission_fails_with_the_code(product: Product) -> None:
    """A missing permission is an operator's to mend: failed, not rejected, not silently skipped."""
    product.cloud.add_fault(
        Fault(service="cs", action="DescribeClusterNodes", status=403, code="Forbidden.RAM", message="no")
    )
    with pytest.raises(
        NotSettledError, match=r"failed: .*its nodes could not be established.*Forbidden\.RAM"
    ):
        product.attach(custom_event(ENS_ID))
    assert product.writes() == []


def test_a_refused_instance_does_not_fail_its_neighbours(product: Product) -> None:
    """Of two machines in one call, the accepted one is on its way and the refused one is reported."""
    seed(product.cloud, ens=[ens_instance("i-good"), ens_instance("i-bad")])
    product.cloud.add_fault(Fault(service="cs", action="AttachInstances", items={"i-bad": "400"}))
    with pytest.raises(NotSettledError, match="1 of 2 not settled: i-bad failed: refused with code 400"):
        product.attach(custom_event("i-good", "i-bad"))
    assert (attach_count(product, "i-good"), attach_count(product, "i-bad")) == (1, 0)


def test_a_failed_part_of_a_successful_task_is_failed(product: Product) -> None:
    """A task that succeeds as a whole can hide a failed part; it is reported and not repeated by itself."""
    product.cloud.add_fault(Fault(service="cs", action="AttachInstances", task_items={ENS_ID: "failed"}))
    product.attach(custom_event(ENS_ID))
    for minutes in (2, 20, 600):
        product.cloud.advance(minutes * 60)
        # The first tick may find the node in its list; it stays failed when the list does not show it.
        seed(product.cloud, ens=[ens_instance()], clusters=[])
        assert only(product.attach(TIMER))["result"] == "failed"
        with pytest.raises(NotSettledError, match="failed"):
            product.attach(custom_event(ENS_ID))
    assert product.writes() == ["AttachInstances"]


@pytest.mark.parametrize("drop", [True, False])
def test_an_unclear_end_is_looked_into_before_anything_is_repeated(product: Product, *, drop: bool) -> None:
    """When an answer is lost, the call is not sent again: nodes and tasks tell what happened."""
    trouble: dict[str, Any] = {"drop": True} if drop else {"status": 500, "code": "InternalError"}
    product.cloud.add_fault(Fault(service="cs", action="AttachInstances", effect="after", **trouble))
    assert only(product.attach(custom_event(ENS_ID)))["result"] == "attaching"
    assert attach_count(product) == 1


def test_an_attach_that_did_not_arrive_is_made_by_the_next_delivery(product: Product) -> None:
    """Lost before it had an effect: failed and raised now, done when the platform delivers again."""
    product.cloud.add_fault(Fault(service="cs", action="AttachInstances", effect="before", drop=True))
    with pytest.raises(NotSettledError, match="unclear whether it was accepted"):
        product.attach(custom_event(ENS_ID))
    assert only(product.attach(custom_event(ENS_ID)))["result"] == "attaching"
    assert attach_count(product) == 1


def test_throttling_is_waited_out(product: Product) -> None:
    """A throttled attach had no effect and is repeated within the call."""
    product.cloud.add_fault(
        Fault(service="cs", action="AttachInstances", times=2, status=400, code="Throttling.User")
    )
    assert only(product.attach(custom_event(ENS_ID)))["result"] == "attaching"
    assert attach_count(product) == 1


def test_a_busy_cluster_defers(product: Product) -> None:
    """A cluster that takes no nodes right now is left to a sweep, without an error."""
    product.cloud.add_fault(
        Fault(service="cs", action="AttachInstances", status=400, code="ErrorClusterState", message="busy")
    )
    assert only(product.attach(custom_event(ENS_ID)))["result"] == "deferred"
    assert only(product.attach(TIMER))["result"] == "attaching"


def test_a_dry_run_changes_nothing(product: Product) -> None:
    """`dryRun` over HTTP tells what would be done."""
    answer = product.attach(http_event({"instances": [ENS_ID], "dryRun": True}))
    body = json.loads(answer["body"])
    assert (answer["statusCode"], only(body)["result"]) == (200, "ignored")
    assert "dry run: it would be attached" in only(body)["reason"]
    assert product.writes() == []


def test_retry_over_http_attaches_after_a_failure(product: Product) -> None:
    """An operator removes the failed node and asks for another attempt; an event cannot do that."""
    product.cloud.add_fault(Fault(service="cs", action="AttachInstances", task_items={ENS_ID: "failed"}))
    product.attach(custom_event(ENS_ID))
    product.cloud.advance(100)
    assert product.attach(http_event({"instances": [ENS_ID], "retry": True}))["statusCode"] == 502
    product.remove_node(ENS_ID)
    assert only(product.attach(custom_event(ENS_ID)))["result"] == "held"
    answer = product.attach(http_event({"instances": [ENS_ID], "retry": True}))
    assert only(json.loads(answer["body"]))["result"] == "attaching"
    assert product.writes() == ["AttachInstances"] * 2


def test_a_batch_is_one_call(product: Product) -> None:
    """Machines of one cluster that are signalled together are attached together."""
    ids = [f"i-{number:02}" for number in range(10)]
    seed(product.cloud, ens=[ens_instance(one) for one in ids])
    batch = [json.loads(custom_event(one)) for one in ids]
    answer = product.attach(json.dumps(batch).encode())
    assert answer["counts"] == {"attaching": 10}
    assert product.writes() == ["AttachInstances"]


def test_a_broken_item_does_not_stop_its_batch(product: Product) -> None:
    """What can be read is done; the broken item is reported with its place, and the batch raises."""
    batch = [json.loads(custom_event(ENS_ID)), "{", {"source": 7, "type": "x"}]
    with pytest.raises(NotSettledError, match=r"2 of 3 not settled: event rejected: \[1\].*\[2\]"):
        product.attach(json.dumps(batch).encode())
    assert attach_count(product) == 1


def test_an_idle_sweep_is_cheap(product: Product) -> None:
    """When everything is where it should be, a sweep asks for instances and nodes and nothing more."""
    product.attach(sample("ens-custom.json"))
    product.cloud.advance(200)
    before = len(product.cloud.calls)
    product.attach(TIMER)
    assert [call["action"] for call in product.cloud.calls[before:]] == [
        "DescribeInstances",
        "DescribeClusterNodes",
    ]


def test_a_sweep_that_rejects_does_not_raise(product: Product) -> None:
    """A tick is not poison: what a sweep rejects is reported and stays reported, without dead letters."""
    seed(product.cloud, ens=[ens_instance(Cpu="1")])
    assert only(product.attach(TIMER))["result"] == "rejected"
