"""Trouble on demand: which calls a fault befalls, how often, and what the caller sees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from localcloud import Fault
from tests.support.cloud_client import CloudClient, Signer, edge_seed, search_seed, state_of

if TYPE_CHECKING:
    from localcloud import LocalCloud


def _quota(cloud: LocalCloud) -> httpx2.Response:
    return CloudClient(cloud).cs("DescribeUserQuota", "/quota")


def _fault(cloud: LocalCloud, action: str = "AttachInstances", service: str = "cs", **fields: Any) -> None:
    cloud.add_fault(Fault.model_validate({"service": service, "action": action, **fields}))


def test_a_fault_befalls_its_action_so_many_times(cloud: LocalCloud) -> None:
    """Status, code, message and headers are answered in the service's shape, then all is well again."""
    _fault(
        cloud,
        "DescribeUserQuota",
        times=2,
        status=400,
        code="Throttling.User",
        message="slow down",
        headers={"X-Acs-Retry-After": "1500"},
    )
    for _ in range(2):
        answer = _quota(cloud)
        assert (answer.status_code, answer.headers["x-acs-retry-after"]) == (400, "1500")
        assert (answer.json()["code"], answer.json()["message"]) == ("Throttling.User", "slow down")
    assert _quota(cloud).status_code == 200
    assert [call["code"] for call in cloud.calls] == ["Throttling.User", "Throttling.User", ""]


def test_faults_wait_in_order_and_leave_others_alone(cloud: LocalCloud) -> None:
    """The first added comes first; `*` befalls every action of its service and none of another."""
    _fault(cloud, "DescribeUserQuota", code="First")
    _fault(cloud, "*", code="Second", status=503)
    _fault(cloud, "*", "ens", code="Other")
    assert [_quota(cloud).json()["code"] for _ in range(2)] == ["First", "Second"]
    assert _quota(cloud).status_code == 200
    assert CloudClient(cloud).ens("DescribeInstances").json()["Code"] == "Other"
    assert cloud.faults() == []


def test_a_badly_signed_request_does_not_use_a_fault_up(cloud: LocalCloud) -> None:
    """Faults befall requests that would have been served."""
    _fault(cloud, "DescribeUserQuota", code="X")
    CloudClient(cloud, Signer(secret="wrong")).cs("DescribeUserQuota", "/quota")
    assert len(cloud.faults()) == 1


@pytest.mark.parametrize(("effect", "count"), [("before", 0), ("after", 1)])
@pytest.mark.parametrize("trouble", [{"status": 503, "code": "ServiceUnavailable"}, {"drop": True}])
def test_a_failure_comes_before_or_after_the_effect(
    cloud: LocalCloud, effect: str, count: int, trouble: dict[str, Any]
) -> None:
    """`before` leaves everything as it was; `after` has done it, and the caller does not learn."""
    cloud.seed(edge_seed())
    _fault(cloud, effect=effect, **trouble)
    client = CloudClient(cloud)
    if "drop" in trouble:
        with pytest.raises(httpx2.ReadError):
            client.attach("i-1")
        assert cloud.calls[-1]["status"] == 0
    else:
        assert client.attach("i-1").status_code == 503
    assert state_of(cloud, "ens", "instances")["attachCount"] == count


def test_a_delay_moves_the_clock_or_times_out(cloud: LocalCloud) -> None:
    """In process a late answer lets time pass in the cloud; a client that waits less gets its time-out."""
    cloud.seed(edge_seed())
    _fault(cloud, times=2, delay=30)
    client = CloudClient(cloud)
    before = cloud.clock.now()
    client.http.timeout = httpx2.Timeout(60)
    assert client.attach("i-1").status_code == 202
    assert cloud.clock.now() == before + 30
    client.http.timeout = httpx2.Timeout(5)
    with pytest.raises(httpx2.ReadTimeout):
        client.attach("i-1")
    assert cloud.clock.now() == before + 35
    assert state_of(cloud, "ens", "instances")["attachCount"] == 2


def test_a_body_of_its_own_is_answered_as_it_is(cloud: LocalCloud) -> None:
    """A raw body stands for any answer: HTML of a proxy, an in-band code, `Result: false`."""
    cloud.seed(search_seed({}, {}))
    _fault(cloud, "AddConnectableCluster", "elasticsearch", body='{"RequestId":"r","Result":false}')
    _fault(cloud, "DescribeUserQuota", status=502, body="<html>", headers={"content-type": "text/html"})
    client = CloudClient(cloud)
    refused = client.connect("es-1", "es-2")
    assert (refused.status_code, refused.json()["Result"]) == (200, False)
    assert client.connected("es-1") == []
    page = _quota(cloud)
    assert (page.status_code, page.text, page.headers["content-type"]) == (502, "<html>", "text/html")


def test_single_instances_can_be_refused(cloud: LocalCloud) -> None:
    """`items` refuses these instances with these codes; the others are attached."""
    cloud.seed(edge_seed(2))
    _fault(cloud, items={"i-1": "500"})
    rows = CloudClient(cloud).attach("i-1", "i-2").json()["list"]
    assert [(row["instanceId"], row["code"]) for row in rows] == [("i-1", "500"), ("i-2", "200")]
    assert state_of(cloud, "ens", "instances")["attachCount"] == 0


def test_single_instances_can_fail_in_the_task(cloud: LocalCloud) -> None:
    """`task_items` are accepted and fail later: a task that succeeds as a whole hides them."""
    cloud.seed(edge_seed(2))
    _fault(cloud, task_items={"i-1": "no address"})
    client = CloudClient(cloud)
    answer = client.attach("i-1", "i-2").json()
    assert [row["code"] for row in answer["list"]] == ["200", "200"]
    cloud.advance(90)
    task = client.task(answer["task_id"])
    assert task["state"] == "success"
    assert task["task_result"] == [{"data": "i-1", "status": "failed"}, {"data": "i-2", "status": "success"}]
    assert "no address" in task["error"]["message"]
    assert [(node["state"], node["error_message"]) for node in client.nodes()] == [
        ("failed", "no address"),
        ("running", ""),
    ]


def test_a_task_fails_when_all_its_instances_do(cloud: LocalCloud) -> None:
    """With every instance failed the task itself has failed."""
    cloud.seed(edge_seed())
    _fault(cloud, task_items={"i-1": "no address", "i-9": "not even asked for"})
    client = CloudClient(cloud)
    task_id = client.attach("i-1").json()["task_id"]
    cloud.advance(90)
    assert client.task(task_id)["state"] == "fail"
