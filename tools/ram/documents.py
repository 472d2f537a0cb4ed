"""The files of `ram/`: what the functions may do, who may be them, and what deploying them needs. Pure.

Sources for deploying: "Policies and sample policies" of Function Compute 3.0, the requests that component fc3
makes for `s deploy`, `s info`, `s layer publish`, `s invoke` and `s remove`, and EventBridge's page on
service-linked roles. For a VPC: the policy of Function Compute's service-linked role, its page on networks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fctoolkit.errors import ConfigurationError
from tools.ram.policy import allow, document, grouped, text
from tools.ram.reach import Sight, resources
from tools.ram.table import EDGE, SEARCH, Permission

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from enlist.bindings.model import Bindings
    from fctoolkit.jsontypes import JsonObject
    from localcloud.functions.spec import FunctionSpec
    from localcloud.template.reading import Template

ANY_ACCOUNT = "*"
"""RAM takes it where an account id stands. A role reaches its own account only, so it widens nothing."""

FUNCTIONS = "enlist-*"
LAYERS = "enlist*"

NEEDS: Mapping[str, tuple[Permission, ...]] = {"attach_instances": EDGE, "add_connectable_cluster": SEARCH}
"""What each function calls, by its key in s.yaml."""

# What fc3 does with a function of ours: look, deploy, invoke, remove.
_ON_FUNCTIONS = (
    "fc:GetFunction",
    "fc:CreateFunction",
    "fc:UpdateFunction",
    "fc:DeleteFunction",
    "fc:TagResources",
    "fc:UntagResources",
    "fc:InvokeFunction",
    "fc:ListTriggers",
    "fc:GetTrigger",
    "fc:CreateTrigger",
    "fc:UpdateTrigger",
    "fc:DeleteTrigger",
    "fc:GetFunctionAsyncInvokeConfig",
    "fc:PutFunctionAsyncInvokeConfig",
    "fc:DeleteFunctionAsyncInvokeConfig",
    "fc:GetConcurrencyConfig",
    "fc:PutConcurrencyConfig",
    "fc:DeleteConcurrencyConfig",
    "fc:GetProvisionConfig",
    "fc:GetScalingConfig",
    "fc:DeleteScalingConfig",
    "fc:ListVpcBindings",
    "fc:ListAliases",
    "fc:ListFunctionVersions",
)
_ON_LAYERS = ("fc:ListLayerVersions", "fc:CreateLayerVersion", "fc:DeleteLayerVersion", "fc:GetLayerVersion")
# The token lends a place in a bucket of FC's own, so the code's upload needs nothing of OSS.
_UNLIMITED = ("fc:GetTempBucketToken", "fc:ListScalingConfigs", "ram:CheckServiceLinkedRoleExistence")

SERVICE_LINKED = ("sendevent-fc.eventbridge.aliyuncs.com", "source-cms.eventbridge.aliyuncs.com")
"""Services whose service-linked roles fc3 makes, when they are missing, for a trigger on the default bus."""

NETWORK = (
    "vpc:DescribeVSwitchAttributes",
    "vpc:DescribeVpcAttribute",
    "ecs:CreateNetworkInterface",
    "ecs:DeleteNetworkInterface",
    "ecs:DescribeNetworkInterfaces",
    "ecs:CreateNetworkInterfacePermission",
    "ecs:DescribeNetworkInterfacePermissions",
    "ecs:DeleteNetworkInterfacePermission",
)
"""What FC does with a function's role to bring its instances into a VPC."""


def render(template: Template, bindings: Bindings, account: str, sight: Sight) -> dict[str, str]:
    """The files by name. `template` must have been read for the same `account`.

    Raises ConfigurationError when a document is too large for RAM.
    """
    specs = [template.function(key) for key in NEEDS]
    policies: dict[str, JsonObject] = {
        f"{spec.key.replace('_', '-')}.json": document(_of_function(spec, bindings, account, sight))
        for spec in specs
    }
    policies["deploy.json"] = document(_of_deployment(specs, account))
    policies["trust.json"] = document(_trust())
    policies["vpc.json"] = document([allow(sorted(NETWORK), ["*"])])
    return {name: text(name, policy) for name, policy in policies.items()}


def _of_function(spec: FunctionSpec, bindings: Bindings, account: str, sight: Sight) -> Iterable[JsonObject]:
    bound = bindings.edge if NEEDS[spec.key] is EDGE else bindings.search
    if bound:
        yield from grouped(
            (need.actions, resources(need.reach, bindings, account, sight)) for need in NEEDS[spec.key]
        )
    if not (spec.role and spec.asynchronous.on_failure and spec.log_project):
        raise ConfigurationError(
            f"{spec.key}: s.yaml must name its role, an onFailure destination, and project and logstore "
            "under logConfig"
        )
    # FC does these two in the function's name.
    yield allow(["mns:SendMessage"], [spec.asynchronous.on_failure])
    yield allow(["log:PostLogStoreLogs"], [f"acs:log:{spec.region}:{account}:{_store(spec)}"])


def _store(spec: FunctionSpec) -> str:
    return f"project/{spec.log_project}/logstore/{spec.log_store}"


def _of_deployment(specs: Sequence[FunctionSpec], account: str) -> Iterable[JsonObject]:
    regions = sorted({spec.region for spec in specs})
    place = [f"acs:fc:{region}:{account}" for region in regions]
    yield allow(_ON_FUNCTIONS, [f"{one}:functions/{FUNCTIONS}" for one in place])
    # It stands for all functions, or for the one that is asked about.
    yield allow(
        ["fc:ListFunctionAsyncInvokeConfigs"],
        [f"{one}:{what}" for one in place for what in ("async-invoke-configs/*", f"functions/{FUNCTIONS}")],
    )
    yield allow(_ON_LAYERS, [f"{one}:layers/{LAYERS}" for one in place])
    yield allow(_UNLIMITED, ["*"])
    # For `s logs`.
    stores = sorted({f"{spec.region}:{account}:{_store(spec)}" for spec in specs})
    yield allow(["log:GetLogStoreLogs"], [f"acs:log:{store}" for store in stores])
    # fc3 changes a role's ARN to small letters.
    roles = [spec.role.rpartition("/")[2].lower() for spec in specs]
    yield allow(["ram:PassRole"], [f"acs:ram:*:{account}:role/{role}" for role in roles])
    yield allow(["ram:CreateServiceLinkedRole"], ["*"], {"StringEquals": {"ram:ServiceName": SERVICE_LINKED}})


def _trust() -> Iterable[JsonObject]:
    yield {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": ["fc.aliyuncs.com"]}}
