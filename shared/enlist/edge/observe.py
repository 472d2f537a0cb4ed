"""Asks ENS and CS what the planner needs to know. Decides nothing and writes nothing.

Looking is done in widening steps, because most instances are settled by the first: facts; then nodes of the
target clusters; then, for instances that are not nodes yet, those clusters' state and tasks; then, only for
instances that are about to be attached, every other edge cluster that can be seen, node pools and quotas.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ParamSpec

from enlist.choice import choose
from enlist.clients.cs import Cluster, CsClient, Node, Task, TaskState
from enlist.edge.plan import NODE_LIST_LAG, TASK_MEMORY, ended_within, is_removal
from enlist.edge.view import ClusterView, EdgeView
from enlist.outcomes import Result
from enlist.troubles import Trouble, trouble_of
from fctoolkit.errors import AccessDeniedError, ApiError, PermanentError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from enlist.bindings.model import EdgeBinding
    from enlist.clients.ens import EnsClient
    from enlist.facts import EdgeFacts

_P = ParamSpec("_P")

FEW = 300
"""Up to so many instances, nodes are asked for by id; above, all nodes of a cluster are listed."""


class EdgeObserver:
    """Collects one invocation's view. Not shared between threads."""

    def __init__(self, cs: CsClient, ens: EnsClient, bindings: Sequence[EdgeBinding], now: datetime) -> None:
        self._cs = cs
        self._ens = ens
        self._bindings = bindings
        self._view = EdgeView(now=now, instances={})
        self._nodes: dict[str, dict[str, Node]] = {}
        self._tasks: dict[str, list[Task]] = {}
        self._looked_into: set[str] = set()

    def view(self) -> EdgeView:
        """What is known so far."""
        newest = {
            instance_id: tuple(sorted(tasks, key=lambda task: (task.created, task.task_id), reverse=True))
            for instance_id, tasks in self._tasks.items()
        }
        nodes = {instance_id: tuple(found.items()) for instance_id, found in self._nodes.items()}
        return replace(self._view, nodes=nodes, tasks=newest)

    def look_at_instances(self, instance_ids: Sequence[str] | None) -> tuple[str, ...]:
        """Facts of these instances, or of all; gives the ids found. Errors concern all and are raised."""
        found = {facts.instance_id: facts for facts in self._ens.describe_instances(instance_ids)}
        untold = [instance_id for instance_id, facts in found.items() if facts.tags is None]
        if untold:
            tags = self._ens.list_tag_resources(untold)
            found.update({one: replace(found[one], tags=tags[one]) for one in untold})
        self._view = replace(self._view, instances=found)
        return tuple(found)

    def look_at_targets(self) -> None:
        """For every instance that a binding chooses: is it a node of its cluster, or on its way?"""
        for binding, some in self._chosen():
            with_nodes = self._attempt(binding, "its nodes", self._add_nodes, binding, some)
            missing = any(binding.cluster not in self._nodes.get(facts.instance_id, {}) for facts in some)
            if with_nodes and missing:
                self._attempt(binding, "its state", self._add_detail, binding)
                self._attempt(binding, "its tasks", self._add_tasks, binding.region, binding.cluster)

    def look_elsewhere(self, instance_ids: Sequence[str]) -> None:
        """For instances about to be attached: node pools, quotas, all other edge clusters in sight."""
        about = set(instance_ids)
        for binding, some in self._chosen():
            if any(facts.instance_id in about for facts in some):
                if binding.nodepool is not None:
                    self._attempt(binding, "its node pools", self._add_node_pools, binding)
                self._attempt(binding, "the node quota", self._add_quota, binding.region)
        for region in sorted({binding.region for binding in self._bindings}):
            self._look_into_region(region, instance_ids)

    def _look_into_region(self, region: str, instance_ids: Sequence[str]) -> None:
        try:
            clusters = self._cs.describe_clusters(region)
            for cluster in clusters:
                if cluster.cluster_id not in self._looked_into:
                    self._look_into_other(region, cluster.cluster_id, instance_ids)
        except ApiError as error:
            reason = (
                f"it may be a node of another edge cluster in {region}, which could not be looked at: {error}"
            )
            self._view = replace(
                self._view, elsewhere=Trouble(Result.FAILED, reason, error.failure.request_id)
            )

    def _look_into_other(self, region: str, cluster_id: str, instance_ids: Sequence[str]) -> None:
        try:
            self._remember_nodes(
                cluster_id, self._cs.describe_cluster_nodes(region, cluster_id, instance_ids)
            )
            self._add_tasks(region, cluster_id)
        except AccessDeniedError:
            return  # not a cluster that this account lets us see
        except PermanentError as error:
            if "NotFound" not in error.failure.code:  # deleted since it was listed
                raise

    def _chosen(self) -> list[tuple[EdgeBinding, list[EdgeFacts]]]:
        """The instances that each binding decides about, bindings without any left out."""
        chosen: dict[str, list[EdgeFacts]] = {}
        for facts in self._view.instances.values():
            binding = choose(facts, self._bindings).binding
            if binding is not None:
                chosen.setdefault(binding.name, []).append(facts)
        return [(binding, chosen[binding.name]) for binding in self._bindings if binding.name in chosen]

    def _attempt(
        self, binding: EdgeBinding, what: str, look: Callable[_P, None], *args: _P.args, **kwargs: _P.kwargs
    ) -> bool:
        """Runs `look`; an error becomes the target cluster's trouble, which concerns its instances only."""
        try:
            look(*args, **kwargs)
        except ApiError as error:
            reason = f"cluster {binding.cluster} in {binding.region}: {what} could not be established"
            self._update(binding.cluster, trouble=trouble_of(error, reason))
            return False
        return True

    def _update(
        self,
        cluster_id: str,
        *,
        cluster: Cluster | None = None,
        trouble: Trouble | None = None,
        nodepools: frozenset[str] | None = None,
        in_flight: frozenset[str] | None = None,
    ) -> None:
        """Adds what has become known about a cluster to the view."""
        known = self._view.clusters.get(cluster_id, ClusterView())
        more = ClusterView(
            cluster=cluster or known.cluster,
            trouble=trouble or known.trouble,
            nodepools=known.nodepools if nodepools is None else nodepools,
            in_flight=known.in_flight if in_flight is None else in_flight,
        )
        self._view = replace(self._view, clusters={**self._view.clusters, cluster_id: more})

    def _add_nodes(self, binding: EdgeBinding, some: Sequence[EdgeFacts]) -> None:
        ids = [facts.instance_id for facts in some]
        wanted = ids if len(ids) <= FEW else None
        self._remember_nodes(
            binding.cluster, self._cs.describe_cluster_nodes(binding.region, binding.cluster, wanted)
        )

    def _add_quota(self, region: str) -> None:
        if region not in self._view.node_quotas:
            quota = self._cs.describe_node_quota(region)
            self._view = replace(self._view, node_quotas={**self._view.node_quotas, region: quota})

    def _remember_nodes(self, cluster_id: str, found: Iterable[Node]) -> None:
        for node in found:
            self._nodes.setdefault(node.instance_id, {})[cluster_id] = node

    def _add_detail(self, binding: EdgeBinding) -> None:
        self._update(
            binding.cluster, cluster=self._cs.describe_cluster_detail(binding.region, binding.cluster)
        )

    def _add_node_pools(self, binding: EdgeBinding) -> None:
        pools = self._cs.describe_cluster_node_pools(binding.region, binding.cluster)
        self._update(binding.cluster, nodepools=pools)

    def _add_tasks(self, region: str, cluster_id: str) -> None:
        if cluster_id in self._looked_into:
            return
        self._looked_into.add(cluster_id)
        in_flight: set[str] = set()
        for summary in self._cs.describe_cluster_tasks(region, cluster_id):
            if not self._matters(summary):
                continue
            task = self._cs.describe_task_info(region, summary.task_id)
            task = task.model_copy(update={"cluster_id": cluster_id})
            for part in task.parts or ():
                self._tasks.setdefault(part.data, []).append(task)
                if task.state_of(part.data) is TaskState.UNFINISHED and not is_removal(task):
                    in_flight.add(part.data)
        self._update(cluster_id, in_flight=frozenset(in_flight))

    def _matters(self, task: Task) -> bool:
        """Whether a task can say something about an instance that is not in the node list."""
        if task.overall is TaskState.UNFINISHED:
            return True
        weighs_long = task.overall is TaskState.FAILED or is_removal(task)
        span = TASK_MEMORY if weighs_long else NODE_LIST_LAG
        return ended_within(task, span, self._view.now)
