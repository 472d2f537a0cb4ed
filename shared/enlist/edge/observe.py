"""Asks ENS and CS what the planner needs to know. Decides nothing and writes nothing.

Looking is done in widening steps, because most instances are settled by the first: facts; then nodes of the
target clusters; then, for instances that are not nodes yet, those clusters' state and unfinished tasks; then,
only for candidates, a closer look, which is what an attach depends on. Within a step clusters are looked at
together, so that it takes as long as the slowest of them and not as all.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeVarTuple

from enlist.choice import choose
from enlist.edge.clusterlook import FEW, ClusterLook
from enlist.edge.history import NODE_LIST_LAG, TASK_MEMORY, newest_first
from enlist.edge.view import EdgeView
from enlist.outcomes import Result
from enlist.troubles import Trouble, is_late, is_not_found, looking_trouble
from fctoolkit.errors import AccessDeniedError, ApiError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from enlist.bindings.model import EdgeBinding
    from enlist.clients.cs import Cluster, CsClient, Node, Task
    from enlist.clients.ens import EnsClient
    from enlist.facts import EdgeFacts
    from enlist.ledger import Ledger
    from enlist.means import Means
    from enlist.memory import Past

_Args = TypeVarTuple("_Args")

_WITHOUT_NODES = frozenset({"initial", "deleted"})
"""States of a cluster that has no nodes to look at."""

_NO_TIME = Trouble(Result.DEFERRED, "there was no time to look into it")

_LOG = logging.getLogger(__name__)


class _Target(NamedTuple):
    """A binding's cluster, and the instances that the binding chooses."""

    binding: EdgeBinding
    ids: Sequence[str]
    look: ClusterLook

    @property
    def region(self) -> str:
        """Where the binding says that the cluster is."""
        return self.binding.region


class _Sight(NamedTuple):
    """A cluster in sight: where it is, how large, and who is about to be attached, here and at all."""

    cluster_id: str
    region: str
    size: int | None
    own: frozenset[str]
    about: frozenset[str]
    look: ClusterLook


@dataclass(slots=True)
class _Region:
    """What a region told, or why it did not."""

    quota: int | ApiError | None = None
    clusters: tuple[Cluster, ...] | ApiError = ()


class EdgeObserver:
    """Collects one invocation's view. Not shared between threads.

    Args:
        cs: the calls to CS.
        ens: the calls to ENS.
        ledger: remembers what was done before.
        means: the bindings, what does many looks, and until when there is time for them.
        now: when the invocation began.
    """

    def __init__(self, cs: CsClient, ens: EnsClient, ledger: Ledger, means: Means, now: datetime) -> None:
        self._cs = cs
        self._ens = ens
        self._ledger = ledger
        self._bindings = means.bindings.edge
        self._together = means.together
        self._until = means.looks_until
        self._now = now
        self._bound = {binding.cluster: binding.region for binding in self._bindings}
        self._looks: dict[str, ClusterLook] = {}
        self._instances: dict[str, EdgeFacts] = {}
        self._targets: list[_Target] = []
        self._quotas: dict[str, int | None] = {}
        self._elsewhere: Trouble | None = None
        self._pasts: Mapping[str, Past] = {}
        self._accepted: dict[str, Task] = {}
        self._forgotten: Trouble | None = None
        self._cleared: frozenset[str] = frozenset()

    def view(self) -> EdgeView:
        """What is known so far."""
        nodes: dict[str, dict[str, Node]] = {}
        tasks: dict[str, list[Task]] = {}
        for cluster_id, look in self._looks.items():
            for node in look.nodes.values():
                nodes.setdefault(node.instance_id, {})[cluster_id] = node
            for task in look.tasks.values():
                for part in task.parts:
                    tasks.setdefault(part.data, []).append(task)
        return EdgeView(
            now=self._now,
            instances=dict(self._instances),
            clusters={cluster_id: self._look(cluster_id).view() for cluster_id in self._bound},
            nodes=nodes,
            tasks={instance_id: newest_first(some) for instance_id, some in tasks.items()},
            node_quotas=dict(self._quotas),
            cleared=self._cleared,
            elsewhere=self._elsewhere,
            pasts=dict(self._pasts),
            accepted=dict(self._accepted),
            forgotten=self._forgotten,
        )

    def _look(self, cluster_id: str) -> ClusterLook:
        """What is known of the cluster; nothing yet when it was not looked at."""
        if cluster_id not in self._looks:
            bound = cluster_id in self._bound
            self._looks[cluster_id] = ClusterLook(self._cs, cluster_id, self._now, bound=bound)
        return self._looks[cluster_id]

    def look_at_instances(self, instance_ids: Sequence[str] | None) -> tuple[str, ...]:
        """Facts of these instances, or of all; gives the ids found. Errors concern all and are raised."""
        found = {facts.instance_id: facts for facts in self._ens.describe_instances(instance_ids)}
        untold = [instance_id for instance_id, facts in found.items() if facts.tags is None]
        if untold:
            tags = self._ens.list_tag_resources(untold)
            found.update({one: found[one]._replace(tags=tags[one]) for one in untold})
        self._instances = found
        self._targets = list(self._choose())
        return tuple(found)

    def _choose(self) -> Iterator[_Target]:
        """The ids that each binding decides about, bindings without any left out."""
        chosen: dict[str, list[str]] = {}
        for facts in self._instances.values():
            binding = choose(facts, self._bindings).binding
            if binding is not None:
                chosen.setdefault(binding.name, []).append(facts.instance_id)
        for binding in self._bindings:
            if binding.name in chosen:
                yield _Target(binding, chosen[binding.name], self._look(binding.cluster))

    def look_at_targets(self) -> None:
        """For every instance that a binding chooses: is it a node of its cluster, or on its way?"""
        self._together(self._look_at_cluster, _by_cluster(self._targets))

    def _look_at_cluster(self, targets: Iterable[_Target]) -> None:
        for target in targets:
            look, region = target.look, target.region
            if len(target.ids) <= FEW:
                with_nodes = self._attempt(target, "its nodes", look.ask_for_nodes, region, target.ids)
            else:
                with_nodes = self._attempt(target, "its nodes", look.list_nodes, region)
            if with_nodes and any(one not in look.nodes for one in target.ids):
                self._attempt(target, "its state", look.add_detail, region)
                self._attempt(target, "its tasks", look.add_tasks, region)

    def look_closer(self, candidates: Collection[str]) -> None:
        """For instances about to be attached: everything else that an attach depends on.

        Of their clusters: nodes listed the other way than at first, because a listing shifts while nodes are
        removed and an id may be asked for in vain; tasks that ended lately; node pools and quotas. Of every
        other edge cluster that can be seen: nodes and unfinished tasks.
        """
        about = frozenset(candidates)
        targets = [target for target in self._targets if not about.isdisjoint(target.ids)]
        regions = {binding.region: _Region() for binding in self._bindings}
        steps = [partial(self._list_clusters, region, told) for region, told in regions.items()]
        with_targets = dict.fromkeys(target.region for target in targets)
        steps.extend(partial(self._ask_quota, region, regions[region]) for region in with_targets)
        steps.extend(partial(self._look_closer_at_cluster, some) for some in _by_cluster(targets))
        self._together(_do, steps)
        for target in targets:
            self._take_quota(target, regions[target.region].quota)
        self._look_into_clusters(regions, about)
        self._cleared |= self._remember([*candidates])

    def _remember(self, ids: Sequence[str]) -> frozenset[str]:
        """What the store remembers of the ids, and the tasks as which it remembers them to be accepted.

        Gives the ids that it was asked about: the first ones, when there is no time for all.
        """
        recalled = self._ledger.recall(ids, self._now, self._until)
        self._pasts, self._forgotten = recalled.pasts, recalled.trouble
        self._add_accepted_tasks()
        return frozenset(recalled.asked)

    def _add_accepted_tasks(self) -> None:
        accepted = {past.task_id: past for past in self._pasts.values() if past.done and past.task_id}
        try:
            tasks = self._together(self._accepted_task, [*accepted.values()])
        except ApiError as error:
            doing = "the task of an earlier attach could not be read"
            self._elsewhere = looking_trouble(error, doing, self._until)
            return
        for task in tasks:
            if task is not None:
                self._look(task.cluster_id).tasks[task.task_id] = self._accepted[task.task_id] = task

    def _accepted_task(self, past: Past) -> Task | None:
        """The task, which no list need show any more; None when CS has forgotten it, or shows it no more."""
        known = self._looks[past.target].tasks if past.target in self._looks else {}
        if past.task_id in known:
            return known[past.task_id]
        try:
            task = self._cs.describe_task_info(past.region, past.task_id)
        except ApiError as error:
            # The cluster of an earlier binding may be hidden by now, and is no reason to stop for others.
            if is_not_found(error) or isinstance(error, AccessDeniedError):
                return None
            raise
        return task.model_copy(update={"cluster_id": past.target})

    def _look_closer_at_cluster(self, targets: Iterable[_Target]) -> None:
        for target in targets:
            look, region = target.look, target.region
            self._attempt(target, "all its nodes", look.list_nodes, region)
            self._attempt(target, "its ended tasks", look.add_ended_tasks, region, TASK_MEMORY)
            if target.binding.nodepool is not None:
                self._attempt(target, "its node pools", look.add_node_pools, region)

    def _ask_quota(self, region: str, told: _Region) -> None:
        try:
            told.quota = self._cs.describe_node_quota(region)
        except ApiError as error:
            told.quota = error

    def _take_quota(self, target: _Target, quota: int | ApiError | None) -> None:
        if isinstance(quota, ApiError):
            self._note(target, "the node quota", quota)
        else:
            self._quotas[target.region] = quota

    def _list_clusters(self, region: str, told: _Region) -> None:
        try:
            told.clusters = self._cs.describe_edge_clusters(region)
        except ApiError as error:
            told.clusters = error

    def _look_into_clusters(self, regions: Mapping[str, _Region], about: frozenset[str]) -> None:
        """Looks for the ids in every edge cluster in sight; trouble with one of them concerns them all."""
        doing = "another edge cluster may have it, and looking there did not succeed"
        try:
            sights = self._sights(regions, about)
            troubles = [one for one in self._together(self._look_into, sights) if one is not None]
        except ApiError as error:
            self._elsewhere = looking_trouble(error, doing, self._until)
            return
        missed = troubles.count(_NO_TIME)
        if missed:
            seen = f"there was time to look into {len(sights) - missed} of {len(sights)}"
            reason = f"another edge cluster may have it, and {seen}; raise the function's timeout"
            self._elsewhere = Trouble(Result.DEFERRED, reason)
            _LOG.warning("nothing is attached: %s edge clusters; raise the function's timeout", seen)
        elif troubles:
            self._elsewhere = troubles[-1]

    def _sights(self, regions: Mapping[str, _Region], about: frozenset[str]) -> list[_Sight]:
        """The clusters of the bindings, and those that the bound regions list. Raises why one could not."""
        where, sizes = dict(self._bound), dict[str, int | None]()
        for region, told in regions.items():
            if isinstance(told.clusters, ApiError):
                raise told.clusters
            for cluster in told.clusters:
                if cluster.state not in _WITHOUT_NODES:
                    # A list knows better than a binding in which region a cluster is.
                    where[cluster.cluster_id] = cluster.region_id or region
                    sizes[cluster.cluster_id] = cluster.size
        own = dict.fromkeys(where, frozenset[str]())
        for target in self._targets:
            own[target.binding.cluster] |= about.intersection(target.ids)
        return [_Sight(one, where[one], sizes.get(one), own[one], about, self._look(one)) for one in where]

    def _look_into(self, sight: _Sight) -> Trouble | None:
        """Trouble with one cluster that concerns everybody; raises an error that does."""
        look, region = sight.look, sight.region
        try:
            look.find_members(region, sight.own, sight.about, sight.size)
            look.add_tasks(region)
            look.add_ended_tasks(region, NODE_LIST_LAG)
        except ApiError as error:
            if is_late(error, self._until):
                return _NO_TIME
            if is_not_found(error):
                return None  # deleted since it was listed, or bound in a region where it is not
            if not isinstance(error, AccessDeniedError) or sight.cluster_id in self._bound:
                raise
            _LOG.warning("cluster %s may not be looked into: %s", sight.cluster_id, error)
            return None
        unnamed = look.unnamed_task()
        if not unnamed or sight.cluster_id in self._bound:
            return None
        reason = f"task {unnamed} of cluster {sight.cluster_id} does not say which instances it attaches"
        return Trouble(Result.DEFERRED, reason)

    def _attempt(self, target: _Target, what: str, look: Callable[[*_Args], None], *args: *_Args) -> bool:
        """Runs `look`; an error becomes the target cluster's trouble, which concerns its instances only."""
        try:
            look(*args)
        except ApiError as error:
            self._note(target, what, error)
            return False
        return True

    def _note(self, target: _Target, what: str, error: ApiError) -> None:
        """The first trouble with a target cluster is the one that is told."""
        if target.look.trouble is None:
            binding = target.binding
            doing = f"cluster {binding.cluster} in {binding.region}: {what} could not be established"
            target.look.trouble = looking_trouble(error, doing, self._until)


def _by_cluster(targets: Iterable[_Target]) -> list[list[_Target]]:
    """The targets in groups of one cluster each: two bindings may name it, and one thread looks at it."""
    groups: dict[str, list[_Target]] = {}
    for target in targets:
        groups.setdefault(target.binding.cluster, []).append(target)
    return list(groups.values())


def _do(step: Callable[[], None]) -> None:
    step()
