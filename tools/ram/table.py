"""Which RAM actions each API call of the product needs, and on what. Data only; knows no bindings.

Sources: the authorization tables on the vendor's pages of each action; for CS also its page on granting RAM
permissions, for Elasticsearch that on objects supported for authorization. Where editions of these pages
differ in an action's name, all names are granted and `unsure` says so: each of them only reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Reach(Enum):
    """What a permission is needed on, in terms of bindings."""

    CHANGED_CLUSTERS = "the clusters of bindings in mode apply"
    BOUND_CLUSTERS = "the clusters of bindings"
    POOLED_CLUSTERS = "the clusters of bindings with a nodepool"
    SEEN_CLUSTERS = "the clusters in sight"
    MACHINES = "the account's ENS instances"
    CHANGED_INSTANCES = "the instances that bindings in mode apply may connect"
    SEEN_INSTANCES = "the Elasticsearch instances in bound regions"
    UNLIMITED = "everything"


@dataclass(frozen=True, slots=True)
class Permission:
    """What one API action needs.

    Attributes:
        api: the API action, as the client names it.
        actions: the RAM actions that allow it, all of them granted.
        reach: what it is needed on.
        why: what the product does with it.
        unsure: what documents do not settle; empty when they agree.
        writes: whether it changes anything.
    """

    api: str
    actions: tuple[str, ...]
    reach: Reach
    why: str
    unsure: str = ""
    writes: bool = False


EDGE: tuple[Permission, ...] = (
    Permission(
        "AttachInstances",
        ("cs:AttachInstances",),
        Reach.CHANGED_CLUSTERS,
        "makes a machine a node; the only write",
        writes=True,
    ),
    Permission(
        "DescribeInstances",
        ("ens:DescribeInstances",),
        Reach.MACHINES,
        "what a machine is, and which machines there are",
    ),
    Permission(
        "ListTagResources",
        ("ens:ListTagResources",),
        Reach.UNLIMITED,
        "tags, where DescribeInstances leaves them out",
        "whether it can be limited to instances",
    ),
    Permission(
        "DescribeClusterDetail",
        ("cs:DescribeClusterDetail", "cs:GetClusterById"),
        Reach.BOUND_CLUSTERS,
        "profile, state and size of a target",
        "one edition of the page has the second name",
    ),
    Permission(
        "DescribeClusterNodePools",
        ("cs:DescribeClusterNodePools",),
        Reach.POOLED_CLUSTERS,
        "whether the binding's node pool is in the cluster",
    ),
    Permission(
        "DescribeClusterNodes",
        ("cs:DescribeClusterNodes",),
        Reach.SEEN_CLUSTERS,
        "whether the machine is a node already, anywhere",
    ),
    Permission(
        "DescribeClusterTasks",
        ("cs:DescribeClusterTasks",),
        Reach.SEEN_CLUSTERS,
        "whether it is on its way, anywhere",
    ),
    Permission(
        "DescribeTaskInfo",
        ("cs:DescribeTaskInfo",),
        Reach.UNLIMITED,
        "which machines a task is about, and how it ended",
        "one edition of the page has a resource for it",
    ),
    Permission(
        "DescribeClustersV1",
        ("cs:DescribeClustersV1", "cs:GetClusters"),
        Reach.UNLIMITED,
        "which edge clusters there are to look into",
        "one page names both, another the second only",
    ),
    Permission(
        "DescribeUserQuota",
        ("cs:DescribeUserQuota",),
        Reach.UNLIMITED,
        "how many nodes a cluster may have",
    ),
)

SEARCH: tuple[Permission, ...] = (
    Permission(
        "AddConnectableCluster",
        ("elasticsearch:AddConnectableCluster",),
        Reach.CHANGED_INSTANCES,
        "connects two instances; the only write",
        "whether the other instance of the pair is checked, too: it is allowed",
        writes=True,
    ),
    Permission(
        "DescribeInstance",
        ("elasticsearch:DescribeInstance",),
        Reach.SEEN_INSTANCES,
        "what an instance is",
    ),
    Permission(
        "ListInstance",
        ("elasticsearch:ListInstance",),
        Reach.SEEN_INSTANCES,
        "which instances there are: a sweep, and peers chosen by a pattern",
    ),
    Permission(
        "ListConnectedClusters",
        ("elasticsearch:ListConnectedClusters",),
        Reach.SEEN_INSTANCES,
        "whether a pair is connected, and how many peers an instance has",
    ),
    Permission(
        "DescribeConnectableClusters",
        ("elasticsearch:DescribeConnectableClusters",),
        Reach.SEEN_INSTANCES,
        "whether a pair can be connected at all",
    ),
)
