"""Asks ENS and CS what the planner needs to know. Decides nothing and writes nothing.

Looking is done in widening steps, because most instances are settled by the first: facts; then nodes of the
target clusters; then, for instances that are not nodes yet, those clusters' state and unfinished tasks; then,
only for candidates, a closer look, which is what an attach depends on.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVarTuple

from enlist.choice import choose
from enlist.clients.cs import Cluster, CsClient, Node, Task, TaskState
from enlist.edge.history import (
    NODE_LIST_LAG,
    TASK_MEMORY,
    ended_within,
    hides_somebody,
    is_removal,
    newest_first,
)
from enlist.edge.view import ClusterView, EdgeView
from enlist.outcomes import Result
from enlist.troubles import Trouble, is_not_found, trouble_of
from fctoolkit.errors import AccessDeniedError, ApiError, ClaimError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence
    from datetime import datetime, timedelta

    from enlist.bindings.model import EdgeBinding
    from enlist.clients.ens import EnsClient
    from enlist.facts import EdgeFacts
    from enlist.ledger import Ledger
    from enlist.memory import Past

_Args = TypeVarTuple("_Args")

FEW = 300
"""Up to so many instances, nodes are asked for by id at first; above, all nodes of a cluster are listed."""

_WITHOUT_NODES = frozenset({"initial", "deleted"})
"""States of a cluster that has no nodes to look at."""

_LOG = logging.getLogger(__name__)


class EdgeObserver:
    """Collects one invocation's view. Not shared between threads."""

    def __init__(
        self,
        cs: CsClient,
        ens: EnsClient,
        ledger: Ledger,
        bindings: Sequence[EdgeBinding],
        now: datetime,
    ) -> None:
        self._cs = cs
        self._ens = ens
        self._ledger = ledger
        self._bindings = bindings
        self._bound = {binding.cluster: binding.region for binding in bindings}
        self._now = now
        self._instances: dict[str, EdgeFacts] = {}
        self._chosen: list[tuple[EdgeBinding, list[str]]] = []
        self._nodes: dict[str, dict[str, Node]] = {}
        self._asked: set[tuple[str, str]] = set()
        self._summaries: dict[str, tuple[Task, ...]] = {}
        self._tasks: dict[str, dict[str, Task]] = {}
        self._details: dict[str, Cluster] = {}
        self._nodepools: dict[str, frozenset[str]] = {}
        self._quotas: dict[str, int | None] = {}
        self._troubles: dict[str, Trouble] = {}
        self._elsewhere: Trouble | None = None
        self._pasts: dict[str, Past] = {}
        self._accepted: dict[str, Task] = {}
        self._forgotten: Trouble | None = None
        self._cleared: frozenset[str] = frozenset()

    def view(self) -> EdgeView:
        """What is known so far."""
        tasks: dict[str, list[Task]] = {}
        for known in self._tasks.values():
            for task in known.values():
                for part in task.parts:
                    tasks.setdefault(part.data, []).append(task)
        return EdgeView(
            now=self._now,
            instances=dict(self._instances),
            clusters={cluster_id: self._cluster_view(cluster_id) for cluster_id in self._bound},
            nodes={instance_id: dict(found) for instance_id, found in self._nodes.items()},
            tasks={instance_id: newest_first(some) for instance_id, some in tasks.items()},
            node_quotas=dict(self._quotas),
            cleared=self._cleared,
            elsewhere=self._elsewhere,
            pasts=dict(self._pasts),
            accepted=dict(self._accepted),
            forgotten=self._forgotten,
        )

    def _cluster_view(self, cluster_id: str) -> ClusterView:
        return ClusterView(
            cluster=self._details.get(cluster_id),
            trouble=self._troubles.get(cluster_id),
            nodepools=self._nodepools.get(cluster_id, frozenset()),
            in_flight=self._in_flight(cluster_id),
            unnamed_task=self._unnamed_task(cluster_id),
        )

    def look_at_instances(self, instance_ids: Sequence[str] | None) -> tuple[str, ...]:
        """Facts of these instances, or of all; gives the ids found. Errors concern all and are raised."""
        found = {facts.instance_id: facts for facts in self._ens.describe_instances(instance_ids)}
        untold = [instance_id for instance_id, facts in found.items() if facts.tags is None]
        if untold:
            tags = self._ens.list_tag_resources(untold)
            found.update({one: replace(found[one], tags=tags[one]) for one in untold})
        self._instances = found
        self._chosen = self._choose()
        return tuple(found)

    def _choose(self) -> list[tuple[EdgeBinding, list[str]]]:
        """The ids that each binding decides about, bindings without any left out."""
        chosen: dict[str, list[str]] = {}
        for facts in self._instances.values():
            binding = choose(facts, self._bindings).binding
            if binding is not None:
                chosen.setdefault(binding.name, []).append(facts.instance_id)
        return [(binding, chosen[binding.name]) for binding in self._bindings if binding.name in chosen]

    def look_at_targets(self) -> None:
        """For every instance that a binding chooses: is it a node of its cluster, or on its way?"""
        for binding, ids in self._chosen:
            some = ids if len(ids) <= FEW else None
            with_nodes = self._attempt(
                binding, "its nodes", self._add_nodes, binding.region, binding.cluster, some
            )
            if with_nodes and any(binding.cluster not in self._nodes.get(one, {}) for one in ids):
                self._attempt(binding, "its state", self._add_detail, binding)
                self._attempt(binding, "its tasks", self._add_tasks, binding.region, binding.cluster)

    def look_closer(self, candidates: Collection[str]) -> None:
        """For instances about to be attached: everything else that an attach depends on.

        Of their clusters: nodes listed the other way than at first, because a listing shifts while nodes are
        removed and an id may be asked for in vain; tasks that ended lately; node pools and quotas. Of every
        other edge cluster that can be seen: nodes and unfinished tasks.
        """
        about = frozenset(candidates)
        for binding, ids in self._chosen:
            if about.isdisjoint(ids):
                continue
            if len(ids) <= FEW:
                self._attempt(
                    binding, "all its nodes", self._add_nodes, binding.region, binding.cluster, None
                )
            self._attempt(
                binding,
                "its ended tasks",
                self._add_ended_tasks,
                binding.region,
                binding.cluster,
                TASK_MEMORY,
            )
            self._attempt(binding, "the node quota", self._add_quota, binding.region)
            if binding.nodepool is not None:
                self._attempt(binding, "its node pools", self._add_node_pools, binding)
        self._look_into_clusters(tuple(candidates))
        self._remember(tuple(candidates))
        self._cleared |= about

    def _remember(self, ids: Sequence[str]) -> None:
        """What the store remembers of the ids, and the tasks as which it remembers them to be accepted."""
        try:
            self._pasts = self._ledger.recall(ids, self._now)
        except (StoreError, ClaimError) as error:
            self._forgotten = Trouble(Result.FAILED, f"what was done before could not be read: {error}")
            return
        accepted = {past.task_id: past for past in self._pasts.values() if past.done and past.task_id}
        try:
            for task_id, past in accepted.items():
                self._add_accepted_task(task_id, past)
        except ApiError as error:
            self._elsewhere = trouble_of(error, "the task of an earlier attach could not be read")

    def _add_accepted_task(self, task_id: str, past: Past) -> None:
        """Finds the task, which no list need show any more; none when CS has forgotten it."""
        known = self._tasks.setdefault(past.target, {})
        if task_id not in known:
            try:
                task = self._cs.describe_task_info(past.region, task_id)
            except ApiError as error:
                if is_not_found(error):
                    return
                raise
            known[task_id] = task.model_copy(update={"cluster_id": past.target})
        self._accepted[task_id] = known[task_id]

    def _look_into_clusters(self, ids: Sequence[str]) -> None:
        """Looks for the ids in every edge cluster in sight; trouble with one of them concerns them all."""
        try:
            # A list knows better than a binding in which region a cluster is.
            for cluster_id, region in {**self._bound, **self._listed_clusters()}.items():
                self._look_into(region, cluster_id, ids)
        except ApiError as error:
            doing = "another edge cluster may have it, and looking there did not succeed"
            self._elsewhere = trouble_of(error, doing)

    def _listed_clusters(self) -> dict[str, str]:
        """The regions of the edge clusters that the bound regions list, by cluster id."""
        regions = dict.fromkeys(binding.region for binding in self._bindings)
        return {
            cluster.cluster_id: cluster.region_id or region
            for region in regions
            for cluster in self._cs.describe_edge_clusters(region)
            if cluster.state not in _WITHOUT_NODES
        }

    def _look_into(self, region: str, cluster_id: str, ids: Sequence[str]) -> None:
        try:
            self._add_nodes(region, cluster_id, ids)
            self._add_tasks(region, cluster_id)
            self._add_ended_tasks(region, cluster_id, NODE_LIST_LAG)
        except ApiError as error:
            if is_not_found(error):
                return  # deleted since it was listed, or bound in a region where it is not
            if not isinstance(error, AccessDeniedError) or cluster_id in self._bound:
                raise
            _LOG.warning("cluster %s may not be looked into: %s", cluster_id, error)
            return
        unnamed = self._unnamed_task(cluster_id)
        if unnamed and cluster_id not in self._bound:
            reason = f"task {unnamed} of cluster {cluster_id} does not say which instances it attaches"
            self._elsewhere = Trouble(Result.DEFERRED, reason)

    def _attempt(
        self, binding: EdgeBinding, what: str, look: Callable[[*_Args], None], *args: *_Args
    ) -> bool:
        """Runs `look`; an error becomes the target cluster's trouble, which concerns its instances only."""
        try:
            look(*args)
        except ApiError as error:
            reason = f"cluster {binding.cluster} in {binding.region}: {what} could not be established"
            self._troubles.setdefault(binding.cluster, trouble_of(error, reason))
            return False
        return True

    def _add_nodes(self, region: str, cluster_id: str, ids: Sequence[str] | None) -> None:
        """Reads all nodes of a cluster, or those among `ids`, each id once."""
        if ids is not None:
            ids = [one for one in ids if (cluster_id, one) not in self._asked]
            if not ids:
                return
        for node in self._cs.describe_cluster_nodes(region, cluster_id, ids):
            self._nodes.setdefault(node.instance_id, {})[cluster_id] = node
        self._asked.update((cluster_id, one) for one in ids or ())

    def _add_quota(self, region: str) -> None:
        if region not in self._quotas:
            self._quotas[region] = self._cs.describe_node_quota(region)

    def _add_detail(self, binding: EdgeBinding) -> None:
        self._details[binding.cluster] = self._cs.describe_cluster_detail(binding.region, binding.cluster)

    def _add_node_pools(self, binding: EdgeBinding) -> None:
        pools = self._cs.describe_cluster_node_pools(binding.region, binding.cluster)
        self._nodepools[binding.cluster] = pools

    def _add_tasks(self, region: str, cluster_id: str) -> None:
        """Reads the unfinished tasks of a cluster, once."""
        if cluster_id in self._summaries:
            return
        summaries = self._cs.describe_cluster_tasks(region, cluster_id)
        self._read_tasks(
            region, cluster_id, [one for one in summaries if one.overall is TaskState.UNFINISHED]
        )
        self._summaries[cluster_id] = summaries

    def _add_ended_tasks(self, region: str, cluster_id: str, span: timedelta) -> None:
        """Reads the tasks of a cluster that ended within `span`, each once."""
        known = self._tasks.get(cluster_id, {})
        ended = [
            summary
            for summary in self._summaries.get(cluster_id, ())
            if summary.overall is not TaskState.UNFINISHED
            and summary.task_id not in known
            and ended_within(summary, span, self._now)
        ]
        self._read_tasks(region, cluster_id, ended)

    def _read_tasks(self, region: str, cluster_id: str, summaries: Iterable[Task]) -> None:
        for summary in summaries:
            task = self._read_task(region, cluster_id, summary).model_copy(update={"cluster_id": cluster_id})
            self._tasks.setdefault(cluster_id, {})[task.task_id] = task

    def _read_task(self, region: str, cluster_id: str, summary: Task) -> Task:
        """The task with its parts; without them when it is gone, or hidden in a cluster that is not bound."""
        try:
            return self._cs.describe_task_info(region, summary.task_id)
        except ApiError as error:
            hidden = isinstance(error, AccessDeniedError) and cluster_id not in self._bound
            if not hidden and not is_not_found(error):
                raise
        return summary

    def _unnamed_task(self, cluster_id: str) -> str:
        known = self._tasks.get(cluster_id, {}).values()
        return next((task.task_id for task in known if hides_somebody(task, self._now)), "")

    def _in_flight(self, cluster_id: str) -> frozenset[str]:
        """Instances that are being attached, or just were, and that no node list shows."""
        return frozenset(
            part.data
            for task in self._tasks.get(cluster_id, {}).values()
            if not is_removal(task)
            and (task.overall is TaskState.UNFINISHED or ended_within(task, NODE_LIST_LAG, self._now))
            for part in task.parts
            if task.state_of(part.data) is not TaskState.FAILED
            and cluster_id not in self._nodes.get(part.data, {})
        )
