"""Trouble on demand: which calls a fault befalls, how often, and what the caller sees."""

from __future__ import annotations

import socket
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from pydantic import ValidationError

from localcloud import Fault, LocalCloud
from localcloud.errors import SeedError
from localcloud.server import running_server
from tests.support.cloud_client import CloudClient, Signer, edge_seed, search_seed, state_of


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


def test_a_fault_leaves_the_first_calls_alone(cloud: LocalCloud) -> None:
    """`after` counts calls that it could befall, not those of others."""
    _fault(cloud, "DescribeUserQuota", after=2, times=1, code="Late")
    CloudClient(cloud).ens("DescribeInstances")
    assert [_quota(cloud).status_code for _ in range(4)] == [200, 200, 500, 200]


def test_a_fault_befalls_one_caller(cloud: LocalCloud) -> None:
    """`caller` is an access key id; other keys are left alone."""
    cloud.seed({"sts_credentials": [{"access_key_id": "k", "access_key_secret": "s", "security_token": "t"}]})
    _fault(cloud, "DescribeUserQuota", caller="k", code="Yours")
    other = CloudClient(cloud, Signer("k", "s", "t"))
    assert _quota(cloud).status_code == 200
    assert other.cs("DescribeUserQuota", "/quota").json()["code"] == "Yours"
    assert cloud.faults() == []


def _rolled(seed: int, others: int = 0, **fields: Any) -> list[int]:
    """The statuses of forty calls to a cloud with a fault that is likely by half, between calls of others."""
    cloud = LocalCloud()
    _fault(cloud, "DescribeUserQuota", probability=0.5, seed=seed, times=None, **fields)
    _fault(cloud, "DescribeInstances", "ens", probability=0.5, seed=seed, times=None, code="Other")
    statuses = []
    for _ in range(40):
        statuses.append(_quota(cloud).status_code)
        for _ in range(others):
            CloudClient(cloud).ens("DescribeInstances")
    return statuses


def test_dice_fall_the_same_in_each_run() -> None:
    """With a seed the same calls meet the same trouble, whatever other calls are made between them."""
    first = _rolled(7, status=503)
    assert 5 < first.count(503) < 35
    assert _rolled(7, others=1, status=503) == first
    assert _rolled(8, status=503) != first


def test_a_fault_added_once_more_throws_the_same(cloud: LocalCloud) -> None:
    """In one cloud, too: its id has no part in its dice. Two that wait have dice of their own."""

    def thrown(twins: int = 1) -> list[str]:
        for twin in range(twins):
            _fault(cloud, "DescribeUserQuota", probability=0.5, seed=7, times=None, code=f"Code{twin}")
        codes = [str(_quota(cloud).json().get("code", "")) for _ in range(40)]
        cloud.remove_faults()
        return codes

    first = thrown()
    assert thrown() == first
    assert "Code1" in thrown(twins=2)


def test_a_fault_that_is_not_thrown_is_not_used_up(cloud: LocalCloud) -> None:
    """`times` counts the calls that it befalls; one that it spares may meet the next fault."""
    _fault(cloud, "DescribeUserQuota", probability=1e-9, code="Rare")
    _fault(cloud, "DescribeUserQuota", code="Next")
    assert [_quota(cloud).status_code for _ in range(3)] == [500, 200, 200]
    assert [fault.code for fault in cloud.faults()] == ["Rare"]


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


@pytest.mark.parametrize(
    ("kind", "content_type", "body"),
    [
        ("not_json", "application/json;charset=utf-8", "this is not JSON"),
        ("cut", "application/json;charset=utf-8", None),
        ("html", "text/html", "<html><head><title>202</title></head><body>a proxy</body></html>"),
        ("empty", "application/json;charset=utf-8", ""),
        ("wrong_type", "text/plain", None),
    ],
)
def test_an_answer_can_be_malformed(
    cloud: LocalCloud, kind: str, content_type: str, body: str | None
) -> None:
    """The action is done as ever; only what is answered is wrong, in the way that was asked for."""
    cloud.seed(edge_seed(2))
    _fault(cloud, malformed=kind)
    client = CloudClient(cloud)
    answer = client.attach("i-1")
    assert (answer.status_code, answer.headers["content-type"]) == (202, content_type)
    assert int(answer.headers.get("content-length", len(answer.content))) == len(answer.content)
    assert state_of(cloud, "ens", "instances")["attachCount"] == 1
    if body is not None:
        assert answer.text == body
    elif kind == "cut":
        with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
            answer.json()
        assert answer.text.startswith('{"list":')
    else:
        assert answer.json()["list"][0]["instanceId"] == "i-1"


def test_a_failure_can_be_malformed(cloud: LocalCloud) -> None:
    """A refusal of the action, and a failure that is asked for, are as malformed as an answer."""
    _fault(cloud, "DescribeClusterDetail", malformed="not_json")
    _fault(cloud, "DescribeUserQuota", malformed="html", status=502)
    missing = CloudClient(cloud).cs("DescribeClusterDetail", "/clusters/none")
    assert (missing.status_code, missing.text) == (404, "this is not JSON")
    page = _quota(cloud)
    assert (page.status_code, "<title>502</title>" in page.text) == (502, True)


def test_an_answer_can_end_before_its_length(cloud: LocalCloud) -> None:
    """`truncated` breaks off in the body: in process as on the wire the answer ends early."""
    _fault(cloud, "DescribeUserQuota", malformed="truncated", times=3)
    with pytest.raises(httpx2.RemoteProtocolError):
        _quota(cloud)
    with running_server(cloud) as url:
        headers = {"x-acs-version": "2015-12-15", "x-acs-action": "DescribeUserQuota"}
        with (
            httpx2.Client(auth=Signer()) as client,
            pytest.raises(httpx2.RemoteProtocolError, match="without sending complete message body"),
        ):
            client.get(f"{url}/quota", headers=headers)
        parts = urlsplit(url)
        signed = next(Signer().auth_flow(httpx2.Request("GET", f"{url}/quota", headers=headers)))
        with socket.create_connection((parts.hostname or "", parts.port or 0)) as connection:
            lines = "".join(f"{name}: {value}\r\n" for name, value in signed.headers.items())
            connection.sendall(f"GET /quota HTTP/1.1\r\n{lines}\r\n".encode())
            received = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = received.partition(b"\r\n\r\n")
    whole = len(_quota(cloud).content)
    assert head.startswith(b"HTTP/1.1 200")
    assert f"content-length: {whole}".encode() in head
    assert len(body) == whole // 2


def test_items_are_refused_by_their_place(cloud: LocalCloud) -> None:
    """Where items have no id, or it is not known before, `items` names their places."""
    cloud.seed(edge_seed(3))
    _fault(cloud, items={"2": "500"})
    rows = CloudClient(cloud).attach("i-3", "i-2", "i-1").json()["list"]
    assert [row["code"] for row in rows] == ["200", "500", "200"]


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


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"times": 3}, "asks for no trouble: give one of status, code"),
        ({"drop": True, "body": "x"}, "there is no answer"),
    ],
)
def test_a_fault_that_nobody_would_notice_is_refused(cloud: LocalCloud, fields: Any, why: str) -> None:
    """It would wait, be used up, and the test that asked for it would pass for no reason."""
    with pytest.raises(ValidationError, match=why):
        _fault(cloud, "DescribeUserQuota", **fields)


def test_items_of_an_action_that_has_none_are_refused(cloud: LocalCloud) -> None:
    """The message names the actions whose items can be refused."""
    for field in ("items", "task_items"):
        with pytest.raises(
            SeedError, match=f"^{field}: DescribeUserQuota has none; those of AttachInstances"
        ):
            _fault(cloud, "DescribeUserQuota", **{field: {"i-1": "X"}})
