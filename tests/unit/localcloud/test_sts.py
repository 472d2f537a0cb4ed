"""STS and Resource Manager in the local cloud: who calls, keys for a role, and roles of services."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from localcloud import LocalCloud
from localcloud.errors import SeedError
from tests.support.cloud_client import ENS, CloudClient, Signer

if TYPE_CHECKING:
    import httpx2

STS = "https://sts.cn-hangzhou.aliyuncs.com"
RESOURCES = "https://resourcemanager.aliyuncs.com"
ACCOUNT = "1234567890123456"
ROLE = f"acs:ram::{ACCOUNT}:role/reader"
SEND_TO_MNS = "sendevent-mns.eventbridge.aliyuncs.com"


def sts(client: CloudClient, action: str, **parameters: str) -> httpx2.Response:
    """One call of STS."""
    return client.call("sts", action, STS, "POST", params=parameters)


def assume(client: CloudClient, **parameters: str) -> httpx2.Response:
    """AssumeRole of the reader, with other parameters when told."""
    return sts(client, "AssumeRole", **{"RoleArn": ROLE, "RoleSessionName": "night-shift", **parameters})


def signer_of(answer: httpx2.Response) -> Signer:
    """Signs with the keys that an answer brings."""
    keys = answer.json()["Credentials"]
    return Signer(keys["AccessKeyId"], keys["AccessKeySecret"], keys["SecurityToken"])


def test_the_account_s_own_key_is_a_user_s() -> None:
    """The same one every time."""
    client = CloudClient(LocalCloud())
    first, second = (sts(client, "GetCallerIdentity").json() for _ in range(2))
    assert first["IdentityType"] == "RAMUser"
    assert (first["AccountId"], first["Arn"]) == (ACCOUNT, f"acs:ram::{ACCOUNT}:user/test")
    assert first["UserId"] == first["PrincipalId"] == second["UserId"]


def test_the_keys_of_a_role_are_accepted_until_they_expire() -> None:
    """By other services and by STS, which says whose they are; a reset forgets them."""
    passed = 0.0
    cloud = LocalCloud(wall_clock=lambda: time.time() + passed)
    answer = assume(CloudClient(cloud), DurationSeconds="900")
    told = answer.json()["Credentials"]["Expiration"]
    assert 890 < datetime.fromisoformat(told).timestamp() - time.time() <= 900
    own = CloudClient(cloud, signer_of(answer))
    assert own.call("ens", "DescribeInstances", ENS).status_code == 200
    identity = sts(own, "GetCallerIdentity").json()
    user = answer.json()["AssumedRoleUser"]
    assert identity["IdentityType"] == "AssumedRoleUser"
    assert identity["Arn"] == user["Arn"] == f"acs:ram::{ACCOUNT}:assumed-role/reader/night-shift"
    assert identity["PrincipalId"] == user["AssumedRoleId"] == f"{identity['RoleId']}:night-shift"
    passed = 901
    assert own.call("ens", "DescribeInstances", ENS).json()["Code"] == "InvalidSecurityToken.Expired"
    cloud.reset()
    assert own.call("ens", "DescribeInstances", ENS).json()["Code"] == "InvalidAccessKeyId.NotFound"


@pytest.mark.parametrize(
    ("parameters", "status", "code"),
    [
        ({"RoleArn": "reader"}, 400, "InvalidParameter.RoleArn"),
        ({"RoleArn": f"acs:ram::{ACCOUNT}:user/reader"}, 400, "InvalidParameter.RoleArn"),
        ({"RoleArn": "acs:ram::1:role/reader"}, 404, "EntityNotExist.Role"),
        ({"RoleSessionName": "a"}, 400, "InvalidParameter.RoleSessionName"),
        ({"RoleSessionName": "a b"}, 400, "InvalidParameter.RoleSessionName"),
        ({"DurationSeconds": "899"}, 400, "InvalidParameter.DurationSeconds"),
        ({"DurationSeconds": "3601"}, 400, "InvalidParameter.DurationSeconds"),
        ({"DurationSeconds": "long"}, 400, "InvalidParameter.DurationSeconds"),
        ({"Policy": "allow"}, 400, "InvalidParameter.PolicyGrammar"),
        ({"Policy": f'{{"a": "{"x" * 2048}"}}'}, 400, "InvalidParameter.PolicySize"),
        ({"ExternalId": "x1"}, 501, "LocalCloud.NotImplemented"),
    ],
)
def test_who_asks_for_a_role_wrongly_gets_no_keys(parameters: dict[str, str], status: int, code: str) -> None:
    """Neither for a role of others nor for longer than a role allows."""
    cloud = LocalCloud()
    refused = assume(CloudClient(cloud), **parameters)
    assert (refused.status_code, refused.json()["Code"]) == (status, code)
    assert cloud.state()["sts_credentials"] == []


def roles(client: CloudClient, action: str, **parameters: str) -> httpx2.Response:
    """One call of Resource Manager, as fc3 makes them."""
    return client.call("resourcemanager", action, RESOURCES, params=parameters)


def test_a_service_s_role_is_there_once_it_is_made() -> None:
    """A new account has none, and a role is not made twice."""
    cloud = LocalCloud(now=1_800_000_000)
    client = CloudClient(cloud)
    exists = [roles(client, "CheckServiceLinkedRoleExistence", ServiceName=SEND_TO_MNS).json()["Exists"]]
    made = roles(client, "CreateServiceLinkedRole", ServiceName=SEND_TO_MNS).json()["Role"]
    exists.append(roles(client, "CheckServiceLinkedRoleExistence", ServiceName=SEND_TO_MNS).json()["Exists"])
    assert exists == [False, True]
    assert made["RoleName"] == "AliyunServiceRoleForEventBridgeSendToMNS"
    assert made["IsServiceLinkedRole"] is True
    assert made["CreateDate"] == "2027-01-15T08:00:00Z"
    again = roles(client, "CreateServiceLinkedRole", ServiceName=SEND_TO_MNS)
    assert (again.status_code, again.json()["Code"]) == (409, "EntityAlreadyExists.Role")


def test_what_state_tells_of_roles_is_a_seed_of_them() -> None:
    """A cloud can begin with the roles of an account that was deployed to before."""
    cloud, other = LocalCloud(), LocalCloud()
    roles(CloudClient(cloud), "CreateServiceLinkedRole", ServiceName=SEND_TO_MNS)
    state: Any = cloud.state()
    other.seed({"resourcemanager": state["resourcemanager"]})
    assert other.state()["resourcemanager"] == state["resourcemanager"]
    with pytest.raises(SeedError, match=r"resourcemanager\.roles\[0\]\.ServiceName"):
        other.seed({"resourcemanager": {"roles": [{"ServiceName": "mns"}]}})


def test_a_name_that_is_no_service_s_is_refused() -> None:
    """Whether one asks or makes."""
    client = CloudClient(LocalCloud())
    for action in ("CheckServiceLinkedRoleExistence", "CreateServiceLinkedRole"):
        for name in ("", "fc", "fc.example.com"):
            refused = roles(client, action, ServiceName=name)
            assert (refused.status_code, refused.json()["Code"]) == (400, "InvalidParameter.ServiceName")
