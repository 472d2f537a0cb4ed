"""RAM's decisions as the evaluator makes them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.ram_evaluator import Decision, decide

CLUSTER = "acs:cs:cn-hangzhou:1234567890123456:cluster/c1"


def policy(*statements: dict[str, Any]) -> dict[str, Any]:
    """A policy document."""
    return {"Version": "1", "Statement": [*statements]}


def statement(action: Any, resource: Any, effect: str = "Allow", **more: Any) -> dict[str, Any]:
    """One statement."""
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


@pytest.mark.parametrize(
    ("action", "resource", "allowed"),
    [
        ("cs:AttachInstances", CLUSTER, True),
        (["cs:Other", "cs:AttachInstances"], ["acs:x", CLUSTER], True),
        ("cs:Attach*", "*", True),
        ("cs:AttachInstance?", "acs:cs:*:*:cluster/c?", True),
        ("cs:AttachInstances", "acs:cs:*:*:cluster/*", True),
        ("cs:AttachInstances", "acs:cs:cn-hangzhou:*:cluster/c1*", True),
        ("cs:attachinstances", CLUSTER, False),
        ("cs:AttachInstances", "acs:cs:cn-beijing:*:cluster/c1", False),
        ("cs:AttachInstances", "acs:cs:*:*:cluster/c[1]", False),
        ("cs:AttachInstance", CLUSTER, False),
    ],
)
def test_what_a_statement_allows(action: Any, resource: Any, allowed: bool) -> None:
    """`*` is any text, `?` one character, and nothing else is special."""
    expected = Decision.ALLOWED if allowed else Decision.NOT_ALLOWED
    assert decide([policy(statement(action, resource))], "cs:AttachInstances", CLUSTER) is expected


def test_a_deny_wins() -> None:
    """A Deny in any policy wins over an Allow in any other; without a statement nothing is allowed."""
    allowing = policy(statement("*", "*"))
    denying = policy(statement("cs:*", "*", "Deny"))
    assert decide([allowing, denying], "cs:AttachInstances", CLUSTER) is Decision.DENIED
    assert decide([denying], "ens:DescribeInstances", "*") is Decision.NOT_ALLOWED
    assert decide([], "cs:AttachInstances", CLUSTER) is Decision.NOT_ALLOWED


def test_a_condition_must_be_fulfilled() -> None:
    """StringEquals compares a key of the request with one value or several."""
    condition = {"StringEquals": {"ram:ServiceName": ["a", "b"]}}
    some = [policy(statement("ram:CreateServiceLinkedRole", "*", Condition=condition))]
    for service, expected in (("b", Decision.ALLOWED), ("c", Decision.NOT_ALLOWED)):
        context = {"ram:ServiceName": service}
        assert decide(some, "ram:CreateServiceLinkedRole", "*", context) is expected
    assert decide(some, "ram:CreateServiceLinkedRole", "*") is Decision.NOT_ALLOWED


@pytest.mark.parametrize(
    "broken",
    [
        {"Version": "2", "Statement": []},
        {"Version": "1", "Statement": [], "Id": "x"},
        policy({"Effect": "Allow", "NotAction": "*", "Resource": "*"}),
        policy(statement("*", "*", "Maybe")),
        policy(statement("*", "*", Condition={"IpAddress": {"acs:SourceIp": "10.0.0.1"}})),
    ],
)
def test_what_is_not_understood_is_an_error(broken: dict[str, Any]) -> None:
    """A policy with elements that the evaluator does not have is never taken for one that allows."""
    with pytest.raises(ValueError, match="expected"):
        decide([broken], "cs:AttachInstances", CLUSTER)
