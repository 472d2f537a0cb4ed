"""What the rendered policies allow, and what they do not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings

from enlist.bindings.packed import validate
from fctoolkit.errors import ConfigurationError
from localcloud.template.reading import read_template
from tests.support.enlist_bindings import binding_files
from tests.support.product import ACCOUNT, CLUSTER, EDGE_BINDING, ES_ID, HUB_ID, ROOT, SEARCH_BINDING
from tests.support.ram_evaluator import Decision, decide
from tests.support.ram_scenarios import ATTACH, CONNECT, rendered
from tools.ram.documents import render
from tools.ram.policy import MOST_CHARACTERS

if TYPE_CHECKING:
    from collections.abc import Mapping

ATTACHES, CONNECTS = "cs:AttachInstances", "elasticsearch:AddConnectableCluster"
BOTH = {"edge": [EDGE_BINDING], "search": [SEARCH_BINDING]}


def allows(
    policy: dict[str, Any], action: str, resource: str, context: Mapping[str, str] | None = None
) -> bool:
    """Whether somebody with this policy may do it."""
    return decide([policy], action, resource, context) is Decision.ALLOWED


def cluster_arn(cluster: str = CLUSTER, region: str = "cn-hangzhou") -> str:
    """The resource name of a cluster."""
    return f"acs:cs:{region}:{ACCOUNT}:cluster/{cluster}"


def instance_arn(instance: str, region: str = "cn-hangzhou") -> str:
    """The resource name of an Elasticsearch instance."""
    return f"acs:elasticsearch:{region}:{ACCOUNT}:instances/{instance}"


def search(**changes: Any) -> dict[str, Any]:
    """The policy of add_connectable_cluster for one binding."""
    return rendered({"search": [{**SEARCH_BINDING, **changes}]})[CONNECT]


@pytest.mark.parametrize("account", ["*", ACCOUNT])
def test_only_bound_clusters_can_be_changed(account: str) -> None:
    """Attaching is allowed to the clusters of bindings in mode apply, in their region, and to no other."""
    planned = {**EDGE_BINDING, "name": "planned", "cluster": "c2planned", "mode": "plan"}
    policy = rendered({"edge": [EDGE_BINDING, planned]}, account=account)[ATTACH]
    assert allows(policy, ATTACHES, cluster_arn())
    for other in (
        cluster_arn("c2planned"),
        cluster_arn("c3"),
        cluster_arn(f"{CLUSTER}0"),
        cluster_arn(region="cn-beijing"),
        "*",
    ):
        assert not allows(policy, ATTACHES, other)
    assert allows(policy, "cs:DescribeClusterDetail", cluster_arn("c2planned"))
    for action in ("cs:DeleteCluster", "cs:DeleteClusterNodes", "cs:DescribeClusterUserKubeconfig"):
        assert not allows(policy, action, cluster_arn())


def test_mode_plan_may_change_nothing() -> None:
    """With bindings in mode plan only, as shipped, no statement holds a write."""
    plan = {kind: [{**one, "mode": "plan"} for one in some] for kind, some in BOTH.items()}
    for file in (ATTACH, CONNECT):
        text = json.dumps(rendered(plan)[file])
        assert ATTACHES not in text
        assert CONNECTS not in text


def test_a_new_instance_is_any_instance_of_the_region() -> None:
    """When nothing says ids, any instance of the binding's region may be connected, and none elsewhere."""
    policy = search()
    assert allows(policy, CONNECTS, instance_arn(ES_ID))
    assert allows(policy, CONNECTS, instance_arn(HUB_ID))
    assert not allows(policy, CONNECTS, instance_arn(ES_ID, "cn-beijing"))
    assert not allows(policy, CONNECTS, instance_arn("*"))
    assert not allows(policy, "elasticsearch:DeleteInstance", instance_arn(ES_ID))
    assert not allows(policy, "elasticsearch:DeleteConnectedCluster", instance_arn(ES_ID))


@pytest.mark.parametrize(
    ("match", "peers", "allowed", "refused"),
    [
        ([ES_ID], [HUB_ID], [ES_ID, HUB_ID], ["es-cn-other", f"{ES_ID}0"]),
        ([{"prefix": "es-cn-log"}], [HUB_ID], [ES_ID, HUB_ID, "es-cn-log9"], ["es-cn-other"]),
        ([{"prefix": "es-cn-log"}, ES_ID], "same-binding", [ES_ID, "es-cn-log9"], [HUB_ID]),
        ([ES_ID], {"match": {"instanceId": [{"prefix": "es-cn-hub"}]}}, [ES_ID, HUB_ID], ["es-cn-other"]),
        ([ES_ID], {"match": {"vpcId": ["vpc-1"]}}, [ES_ID, "es-cn-other"], []),
        ([{"suffix": "1"}], [HUB_ID], [ES_ID, "es-cn-other"], []),
        (["es-cn-*"], [HUB_ID], [ES_ID, "es-cn-other"], []),
        ([{"prefix": "*"}], [HUB_ID], [ES_ID, "es-cn-other"], []),
    ],
)
def test_instances_that_bindings_name(match: Any, peers: Any, allowed: list[str], refused: list[str]) -> None:
    """Names in bindings, whole or their beginnings, are names in the policy, for both sides of a pair."""
    policy = search(match={"instanceId": match}, peers=peers)
    assert [one for one in allowed if not allows(policy, CONNECTS, instance_arn(one))] == []
    assert [one for one in refused if allows(policy, CONNECTS, instance_arn(one))] == []


@pytest.mark.parametrize("file", [ATTACH, CONNECT])
def test_fc_may_write_the_log_and_the_dead_letters(file: str) -> None:
    """FC writes in the function's name: to the queue and the log store of s.yaml, and to no others."""
    policy = rendered(BOTH, account=ACCOUNT)[file]
    queue = f"acs:mns:cn-hangzhou:{ACCOUNT}:/queues/enlist-dev-dead-letters/messages"
    store = f"acs:log:cn-hangzhou:{ACCOUNT}:project/enlist-{ACCOUNT}/logstore/enlist-dev"
    assert allows(policy, "mns:SendMessage", queue)
    assert not allows(policy, "mns:SendMessage", queue.replace("dead-letters", "others"))
    assert not allows(policy, "mns:ReceiveMessage", queue)
    assert allows(policy, "log:PostLogStoreLogs", store)
    assert not allows(policy, "log:PostLogStoreLogs", f"{store}-2")


def test_names_follow_the_environment() -> None:
    """Stage, region, queue and log of s.yaml are in the policies."""
    names = {"ENLIST_STAGE": "prod", "ENLIST_REGION": "cn-beijing"}
    template = read_template(ROOT / "s.yaml", environment=names, account_id=ACCOUNT)
    files = render(template, validate(BOTH, "bindings"), ACCOUNT, "account")  # type: ignore[arg-type]
    for expected in (
        f"acs:mns:cn-beijing:{ACCOUNT}:/queues/enlist-prod-dead-letters/messages",
        f"acs:log:cn-beijing:{ACCOUNT}:project/enlist-{ACCOUNT}/logstore/enlist-prod",
    ):
        assert expected in files[ATTACH]
        assert expected in files[CONNECT]
    assert f"acs:ram:*:{ACCOUNT}:role/enlist-prod-attach-instances" in files["deploy.json"]
    assert f"acs:fc:cn-beijing:{ACCOUNT}:functions/enlist-*" in files["deploy.json"]


def test_the_account_is_where_an_account_stands() -> None:
    """Every resource name has the account in its place, and a function's region is never left open."""
    for account in ("*", ACCOUNT):
        for name, policy in rendered(BOTH, account=account).items():
            for statement in policy["Statement"]:
                for resource in statement.get("Resource", []):
                    if resource == "*":
                        continue
                    _, service, region, owner, _ = resource.split(":", 4)
                    assert owner == account, (name, resource)
                    assert (region == "*") == (service in ("ens", "ram") or resource.endswith(":cluster/*"))


def test_rendering_is_stable() -> None:
    """The order of bindings does not change a policy."""
    other = {**EDGE_BINDING, "name": "other", "cluster": "c2"}
    hub = {**SEARCH_BINDING, "name": "hub", "region": "cn-beijing"}
    one = {"edge": [EDGE_BINDING, other], "search": [SEARCH_BINDING, hub]}
    assert rendered(one) == rendered({kind: some[::-1] for kind, some in one.items()})


def test_too_many_bindings_are_an_error_that_helps() -> None:
    """A policy that RAM would not take is refused with its size and what to do."""
    many = [{**EDGE_BINDING, "name": f"b{number}", "cluster": f"c{number:033}"} for number in range(100)]
    assert len(json.dumps(rendered({"edge": many[:50]})[ATTACH], indent=1)) < MOST_CHARACTERS
    with pytest.raises(ConfigurationError, match=r"attach-instances\.json: \d+ .* 6144 .* another stage"):
        rendered({"edge": many})


@settings(max_examples=30)
@given(binding_files())
def test_any_bindings_give_policies(bindings: dict[str, Any]) -> None:
    """Whatever is valid renders, and attaching is allowed to the clusters in mode apply and nowhere else."""
    files = rendered(bindings)
    bound = {(one["cluster"], one["region"]): False for one in bindings["edge"]}
    for one in bindings["edge"]:
        bound[one["cluster"], one["region"]] |= one.get("mode") == "apply"
    for (cluster, region), applied in bound.items():
        assert allows(files[ATTACH], ATTACHES, cluster_arn(cluster, region)) is applied


def test_only_fc_may_be_the_functions() -> None:
    """The trust policy names Function Compute and nobody else."""
    (statement,) = rendered(BOTH)["trust.json"]["Statement"]
    assert statement == {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"Service": ["fc.aliyuncs.com"]},
    }


def test_a_vpc_needs_a_policy_of_its_own() -> None:
    """Making network interfaces is allowed by vpc.json alone, and it allows nothing else."""
    files = rendered(BOTH)
    del files["trust.json"]  # it says who may be the functions, and allows nothing
    (statement,) = files["vpc.json"]["Statement"]
    assert {action.partition(":")[0] for action in statement["Action"]} == {"ecs", "vpc"}
    for action in ("ecs:CreateNetworkInterface", "vpc:DescribeVSwitchAttributes"):
        assert [name for name, policy in files.items() if allows(policy, action, "*")] == ["vpc.json"]
    assert not allows(files["vpc.json"], "ecs:RunInstances", "*")
