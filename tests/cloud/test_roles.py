"""STS and Resource Manager, as every way to call them sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.cloud_modes import Keys
from tests.support.cloud_scene import in_modes

if TYPE_CHECKING:
    from tests.support.cloud_scene import Scene

ROLE = {"RoleArn": "acs:ram::1234567890123456:role/deployer", "RoleSessionName": "a-session"}


@in_modes("sts", "cs")
def test_a_role_is_assumed(at: Scene) -> None:
    """The keys that assuming a role gives sign for every service, and say whose they are."""
    assert at.does("sts", "GetCallerIdentity")["IdentityType"] == "RAMUser"
    given = at.does("sts", "AssumeRole", DurationSeconds=900, **ROLE)["Credentials"]
    names = ("AccessKeyId", "AccessKeySecret", "SecurityToken")
    guest = at.signing_with(Keys(*(given[name] for name in names)))
    assert guest.does("sts", "GetCallerIdentity")["Arn"].endswith("assumed-role/deployer/a-session")
    guest.does("cs", "DescribeUserQuota")


@in_modes("sts")
def test_a_role_that_cannot_be_assumed(at: Scene) -> None:
    """A wrong ARN, a role of another account and too long a time are refused."""
    wrong = {**ROLE, "RoleArn": "deployer"}
    assert at.refuses("sts", "AssumeRole", **wrong) == (400, "InvalidParameter.RoleArn")
    other = {**ROLE, "RoleArn": "acs:ram::1:role/deployer"}
    assert at.refuses("sts", "AssumeRole", **other) == (404, "EntityNotExist.Role")
    assert at.refuses("sts", "AssumeRole", DurationSeconds=3601, **ROLE) == (
        400,
        "InvalidParameter.DurationSeconds",
    )


@in_modes("resourcemanager")
def test_a_service_linked_role(at: Scene) -> None:
    """It is not there, is made once, and is there."""
    service = {"ServiceName": "sendevent-fc.eventbridge.aliyuncs.com"}
    assert at.does("resourcemanager", "CheckServiceLinkedRoleExistence", **service)["Exists"] is False
    made = at.does("resourcemanager", "CreateServiceLinkedRole", Description="d", **service)["Role"]
    assert made["IsServiceLinkedRole"] is True
    assert at.does("resourcemanager", "CheckServiceLinkedRoleExistence", **service)["Exists"] is True
    status, code = at.refuses("resourcemanager", "CreateServiceLinkedRole", **service)
    assert (status // 100, code != "") == (4, True)
