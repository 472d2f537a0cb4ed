"""Limits on how often actions are called, and how each service says that a call came too early."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from localcloud import Fault, LocalCloud
from localcloud.errors import SeedError
from tests.support.cloud_client import CloudClient, Signer


def _limit(cloud: LocalCloud, action: str = "DescribeUserQuota", service: str = "cs", **fields: Any) -> None:
    limit = {"service": service, "action": action, "per_second": 1, **fields}
    cloud.configure(limits=[limit])


def _quota(cloud: LocalCloud, **signer: str) -> httpx2.Response:
    return CloudClient(cloud, Signer(**signer)).cs("DescribeUserQuota", "/quota")


def test_a_bucket_empties_and_fills_with_time(cloud: LocalCloud) -> None:
    """`burst` calls are served at once, then one for each token that comes, and never more than `burst`."""
    _limit(cloud, per_second=0.5, burst=2)
    assert [_quota(cloud).status_code for _ in range(3)] == [200, 200, 400]
    cloud.advance(2)
    assert [_quota(cloud).status_code for _ in range(2)] == [200, 400]
    cloud.advance(3600)
    assert [_quota(cloud).status_code for _ in range(3)] == [200, 200, 400]


def test_who_waits_as_long_as_told_is_served(cloud: LocalCloud) -> None:
    """The header has milliseconds; a call that was refused takes nothing."""
    _limit(cloud, per_second=3)
    _quota(cloud)
    for _ in range(50):
        refused = _quota(cloud)
        assert (refused.status_code, refused.json()["code"]) == (400, "Throttling.User")
        cloud.advance(int(refused.headers["x-acs-retry-after"]) / 1000)
        assert _quota(cloud).status_code == 200


def test_each_user_can_have_a_bucket(cloud: LocalCloud) -> None:
    """With `each: user` one key does not use up another's; with `account` it does."""
    cloud.seed({"sts_credentials": [{"access_key_id": "k", "access_key_secret": "s", "security_token": "t"}]})
    other = {"key_id": "k", "secret": "s", "token": "t"}
    _limit(cloud, each="user")
    assert [_quota(cloud).status_code, _quota(cloud, **other).status_code] == [200, 200]
    _limit(cloud, each="account")
    assert [_quota(cloud).status_code, _quota(cloud, **other).status_code] == [200, 400]


def test_all_actions_of_a_service_can_share_a_bucket(cloud: LocalCloud) -> None:
    """`*` counts every action of the service and none of another; the tightest limit decides."""
    cloud.configure(
        limits=[
            {"service": "cs", "action": "*", "per_second": 1, "burst": 3},
            {"service": "cs", "action": "DescribeUserQuota", "per_second": 1},
        ]
    )
    client = CloudClient(cloud)
    assert [_quota(cloud).status_code for _ in range(3)] == [200, 400, 400]
    # What the tighter limit refused has taken nothing of the other.
    clusters = [client.cs("DescribeClustersV1", "/api/v1/clusters").status_code for _ in range(3)]
    assert clusters == [200, 200, 400]
    assert client.ens("DescribeInstances").status_code == 200


@pytest.mark.parametrize(
    ("service", "action", "expected"),
    [
        ("cs", "DescribeUserQuota", (400, "Throttling.User", True)),
        ("ens", "DescribeInstances", (400, "Throttling.User", True)),
        ("elasticsearch", "ListInstance", (400, "Throttling.User", True)),
        ("fc", "InvokeFunction", (429, "ResourceExhausted", False)),
    ],
)
def test_each_service_has_its_own_refusal(
    cloud: LocalCloud, service: str, action: str, expected: tuple[int, str, bool]
) -> None:
    """Status and code are the service's; only the gateway of CS, ENS and Elasticsearch tells a time."""
    paths = {
        "DescribeUserQuota": "/quota",
        "ListInstance": "/openapi/instances",
        "InvokeFunction": "/2023-03-30/functions/f/invocations",
    }
    _limit(cloud, action, service)
    method = "POST" if service == "fc" else "GET"
    url = f"http://127.0.0.1{paths.get(action, '/')}"
    answers = [CloudClient(cloud).call(service, action, url, method) for _ in range(2)]
    told = answers[1].json()
    code = told.get("code") or told["Code"]
    assert (answers[1].status_code, code, "x-acs-retry-after" in answers[1].headers) == expected
    assert cloud.calls[-1]["code"] == code


def test_object_storage_has_its_own_refusal() -> None:
    """OSS answers in XML, with a code of its own and no time."""
    cloud = LocalCloud(signed=False)
    cloud.configure(limits=[{"service": "oss", "per_second": 1}])
    with httpx2.Client(transport=cloud.transport) as http:
        answers = [http.get("http://none.oss-cn-hangzhou.aliyuncs.com/file") for _ in range(2)]
    assert answers[0].status_code == 404
    assert (answers[1].status_code, "x-acs-retry-after" in answers[1].headers) == (503, False)
    assert "<Code>TotalQpsLimitExceeded</Code>" in answers[1].text


def test_status_and_code_can_be_others(cloud: LocalCloud) -> None:
    """The variants that are seen of a throttled call can be asked for."""
    _limit(cloud, status=503, code="Rejected.Throttling")
    _quota(cloud)
    assert (_quota(cloud).status_code, _quota(cloud).json()["code"]) == (503, "Rejected.Throttling")
    _limit(cloud, "InvokeFunction", "fc", status=503)
    url = "http://127.0.0.1/2023-03-30/functions/f/invocations"
    answers = [CloudClient(cloud).call("fc", "InvokeFunction", url, "POST") for _ in range(2)]
    assert (answers[1].status_code, answers[1].json()["Code"]) == (503, "ResourceExhausted")


def test_a_limit_for_an_unknown_action_is_refused(cloud: LocalCloud) -> None:
    """A limit that could never refuse is named, and the behaviour stays as it was."""
    with pytest.raises(SeedError, match=r"behaviour\.limits\[0\]\.action: Attach is none of AttachInstances"):
        _limit(cloud, "Attach")
    with pytest.raises(SeedError, match=r"behaviour\.limits\[0\]\.service: ecs"):
        _limit(cloud, "*", "ecs")
    with pytest.raises(SeedError, match=r"behaviour\.limits\[0\]\.per_second"):
        _limit(cloud, per_second=0)
    assert cloud.behaviour.limits == []


def test_a_throttled_call_does_not_use_a_fault_up(cloud: LocalCloud) -> None:
    """Faults befall calls that are served."""
    _limit(cloud)
    _quota(cloud)
    cloud.add_fault(Fault(service="cs", action="DescribeUserQuota", code="X"))
    assert _quota(cloud).json()["code"] == "Throttling.User"
    assert len(cloud.faults()) == 1
