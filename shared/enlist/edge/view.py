"""What one invocation has observed about ENS instances and edge clusters. Data only; knows no API calls."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from enlist.clients.cs import Cluster, Node, Task
    from enlist.facts import EdgeFacts
    from enlist.memory import Past
    from enlist.troubles import Trouble


class ClusterView(NamedTuple):
    """A cluster as far as it was looked at.

    Attributes:
        cluster: None when only its nodes and tasks were asked for.
        trouble: why something about it could not be established; concerns its own instances.
        nodepools: ids of its node pools; empty when nobody asked.
        in_flight: instances that attach tasks name, unfinished or just ended, and no node list shows.
        unnamed_task: an attach task that does not say whom it attaches; empty when there is none.
    """

    cluster: Cluster | None = None
    trouble: Trouble | None = None
    nodepools: frozenset[str] = frozenset()
    in_flight: frozenset[str] = frozenset()
    unnamed_task: str = ""


class EdgeView(NamedTuple):
    """Everything the planner may know.

    Attributes:
        now: when it was observed, aware, UTC.
        instances: facts by instance id; an id that is missing is not visible to this account.
        clusters: by cluster id, those of the bindings.
        nodes: by instance id, then by the id of whichever cluster it is a node of.
        tasks: by instance id, newest first: unfinished ones, and those that ended lately.
        node_quotas: nodes a cluster may have, by region; None when CS does not say.
        cleared: instances for which everything was looked at that an attach depends on. Others may become
            candidates, but are not attached.
        elsewhere: trouble in looking at other clusters, which concerns every instance.
        pasts: by instance id, what the store remembers of those that were looked at closer.
        accepted: by id, the tasks as which the store remembers instances to be accepted.
        forgotten: trouble in asking the store, which concerns every instance.
    """

    now: datetime
    instances: Mapping[str, EdgeFacts]
    clusters: Mapping[str, ClusterView] = MappingProxyType({})
    nodes: Mapping[str, Mapping[str, Node]] = MappingProxyType({})
    tasks: Mapping[str, tuple[Task, ...]] = MappingProxyType({})
    node_quotas: Mapping[str, int | None] = MappingProxyType({})
    cleared: frozenset[str] = frozenset()
    elsewhere: Trouble | None = None
    pasts: Mapping[str, Past] = MappingProxyType({})
    accepted: Mapping[str, Task] = MappingProxyType({})
    forgotten: Trouble | None = None
