"""What deploying needs: every request that fc3 makes is allowed, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.product import ACCOUNT, EDGE_BINDING
from tests.support.ram_evaluator import Decision, decide
from tests.support.ram_scenarios import rendered

FC = f"acs:fc:cn-hangzhou:{ACCOUNT}"
NAME = "enlist-dev-attach-instances"
FUNCTION = f"{FC}:functions/{NAME}"
TRIGGER = f"{FUNCTION}/triggers/sweep"
LAYER = f"{FC}:layers/enlist/versions"
LOG_STORE = f"acs:log:cn-hangzhou:{ACCOUNT}:project/enlist-{ACCOUNT}/logstore/enlist-dev"
SEND_TO_FC = {"ram:ServiceName": "sendevent-fc.eventbridge.aliyuncs.com"}
FROM_THE_BUS = {"ram:ServiceName": "source-cms.eventbridge.aliyuncs.com"}

# What s deploy, info, plan, layer publish, invoke, logs and remove ask for, by FC's page on policies.
# fc3 tags a function by requests of their own when its tags change.
NEEDED: list[tuple[str, str, dict[str, str]]] = [
    ("fc:GetFunction", FUNCTION, {}),
    ("fc:CreateFunction", FUNCTION, {}),
    ("fc:UpdateFunction", FUNCTION, {}),
    ("fc:DeleteFunction", FUNCTION, {}),
    ("fc:TagResources", FUNCTION, {}),
    ("fc:UntagResources", FUNCTION, {}),
    ("fc:InvokeFunction", FUNCTION, {}),
    ("fc:InvokeFunction", f"{FUNCTION}/LATEST", {}),
    ("fc:GetTrigger", TRIGGER, {}),
    ("fc:CreateTrigger", TRIGGER, {}),
    ("fc:UpdateTrigger", TRIGGER, {}),
    ("fc:DeleteTrigger", TRIGGER, {}),
    ("fc:ListTriggers", f"{FUNCTION}/triggers/*", {}),
    ("fc:GetFunctionAsyncInvokeConfig", f"{FUNCTION}/LATEST", {}),
    ("fc:PutFunctionAsyncInvokeConfig", FUNCTION, {}),
    ("fc:DeleteFunctionAsyncInvokeConfig", FUNCTION, {}),
    ("fc:ListFunctionAsyncInvokeConfigs", FUNCTION, {}),
    ("fc:ListFunctionAsyncInvokeConfigs", f"{FC}:async-invoke-configs/*", {}),
    ("fc:GetConcurrencyConfig", FUNCTION, {}),
    ("fc:PutConcurrencyConfig", FUNCTION, {}),
    ("fc:DeleteConcurrencyConfig", FUNCTION, {}),
    ("fc:GetProvisionConfig", FUNCTION, {}),
    ("fc:GetScalingConfig", FUNCTION, {}),
    ("fc:DeleteScalingConfig", FUNCTION, {}),
    ("fc:ListScalingConfigs", "*", {}),
    ("fc:ListVpcBindings", f"{FUNCTION}/vpc-bindings/*", {}),
    ("fc:ListAliases", f"{FUNCTION}/aliases/*", {}),
    ("fc:ListFunctionVersions", f"{FUNCTION}/versions/*", {}),
    ("fc:GetTempBucketToken", "*", {}),
    ("fc:ListLayerVersions", f"{LAYER}/*", {}),
    ("fc:DeleteLayerVersion", f"{LAYER}/1", {}),
    ("log:GetLogStoreLogs", LOG_STORE, {}),
    ("fc:CreateLayerVersion", f"{LAYER}/*", {}),
    ("fc:CreateLayerVersion", f"{FC}:layers/enlist-redis/versions/*", {}),
    ("fc:GetLayerVersion", f"{LAYER}/1", {}),
    ("ram:PassRole", f"acs:ram::{ACCOUNT}:role/{NAME}", {}),
    ("ram:PassRole", f"acs:ram:*:{ACCOUNT}:role/enlist-dev-add-connectable-cluster", {}),
    ("ram:CheckServiceLinkedRoleExistence", "*", {}),
    ("ram:CreateServiceLinkedRole", "*", SEND_TO_FC),
    ("ram:CreateServiceLinkedRole", "*", FROM_THE_BUS),
]
NOT_NEEDED: list[tuple[str, str, dict[str, str]]] = [
    ("fc:UpdateFunction", f"{FC}:functions/other", {}),
    ("fc:InvokeFunction", f"{FC}:functions/other", {}),
    ("fc:UpdateFunction", f"acs:fc:cn-beijing:{ACCOUNT}:functions/{NAME}", {}),
    ("fc:CreateLayerVersion", f"{FC}:layers/other/versions/*", {}),
    ("fc:CreateCustomDomain", f"{FC}:custom-domains/example.com", {}),
    ("ram:PassRole", f"acs:ram::{ACCOUNT}:role/admin", {}),
    ("ram:PassRole", f"acs:ram::{ACCOUNT}:role/{NAME}-2", {}),
    ("ram:PassRole", f"acs:ram::{ACCOUNT}:role/enlist-prod-attach-instances", {}),
    ("ram:CreateServiceLinkedRole", "*", {"ram:ServiceName": "ecs.aliyuncs.com"}),
    ("ram:CreateServiceLinkedRole", "*", {}),
    ("ram:CreateRole", "*", {}),
    ("ram:AttachPolicyToRole", "*", {}),
    ("cs:AttachInstances", f"acs:cs:cn-hangzhou:{ACCOUNT}:cluster/c1", {}),
    ("oss:PutObject", "*", {}),
]


@pytest.fixture(params=["*", ACCOUNT])
def deploy(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The policy, for any account and for one."""
    return rendered({"edge": [EDGE_BINDING]}, account=request.param)["deploy.json"]


def test_each_request_is_allowed(deploy: dict[str, Any]) -> None:
    """Whoever has the policy can deploy, look at, invoke and remove the functions and publish the layer."""
    assert [one for one in NEEDED if decide([deploy], *one) is not Decision.ALLOWED] == []


def test_nothing_else_is_allowed(deploy: dict[str, Any]) -> None:
    """Other functions, layers and roles are out of reach, and so is what the functions themselves may do."""
    assert [one for one in NOT_NEEDED if decide([deploy], *one) is Decision.ALLOWED] == []
    granted = {action for statement in deploy["Statement"] for action in statement["Action"]}
    assert granted == {action for action, _, _ in NEEDED}
