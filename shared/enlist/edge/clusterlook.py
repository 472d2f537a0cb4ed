"""What one invocation finds out about one edge cluster. Decides nothing and knows no other cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from enlist.clients.cs import Cluster, CsClient, Node, Task, TaskState
from enlist.clients.wire import PAGE_SIZE
from enlist.edge.history import ended_within, hides_somebody, is_current, is_removal
from enlist.edge.view import ClusterView
from enlist.troubles import is_not_found
from fctoolkit.errors import AccessDeniedError, ApiError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime, timedelta

    from enlist.troubles import Trouble

FEW = 300
"""Up to so many instances, nodes are asked for by id at first; above, all nodes of a cluster are listed."""


class ClusterLook:
    """One cluster as far as it was looked at. One thread at a time may look; all may read when none does.

    Args:
        cs: the calls. The methods raise the `ApiError` tree, unless they say otherwise.
        cluster_id: the cluster.
        now: when the invocation began.
        bound: whether a binding names it.

    Attributes:
        nodes: by instance id, those that were found.
        tasks: by task id, those that were read.
        trouble: the first that was met; it concerns the cluster's own instances.
    """

    def __init__(self, cs: CsClient, cluster_id: str, now: datetime, *, bound: bool) -> None:
        self._cs = cs
        self._cluster_id = cluster_id
        self._now = now
        self._bound = bound
        self._asked: set[str] = set()
        self._pages_listed = 0
        self._summaries: tuple[Task, ...] | None = None
        self._detail: Cluster | None = None
        self._nodepools: frozenset[str] = frozenset()
        self.nodes: dict[str, Node] = {}
        self.tasks: dict[str, Task] = {}
        self.trouble: Trouble | None = None

    def view(self) -> ClusterView:
        """What is known so far."""
        return ClusterView(
            cluster=self._detail,
            trouble=self.trouble,
            nodepools=self._nodepools,
            in_flight=self._in_flight(),
            unnamed_task=self.unnamed_task(),
        )

    def unnamed_task(self) -> str:
        """A task that may attach anybody, or has just done so; empty when there is none."""
        known = self.tasks.values()
        return next((task.task_id for task in known if hides_somebody(task, self._now)), "")

    def find_members(
        self, region: str, own: Collection[str], about: Collection[str], size: int | None
    ) -> None:
        """Finds out which of these are nodes, in the fewest calls.

        Args:
            region: of the cluster.
            own: instances that are about to be attached here. They are asked for by id whatever was listed.
            about: these, and those that are about to be attached elsewhere.
            size: how many nodes the cluster is said to have, None when that is not said.

        Many are looked for in a list of all nodes, as long as that is no longer than they are many. A list of
        one page cannot shift while it is read, so for them it is as good as asking by id.
        """
        many = len(about)
        is_short = size is not None and size <= PAGE_SIZE
        if (many > FEW and (size is None or size <= many)) or (many > PAGE_SIZE and is_short):
            self.list_nodes(region)
            self.ask_for_nodes(region, sorted(own))
        elif self._pages_listed == 1:
            self.ask_for_nodes(region, sorted(own))
        else:
            self.ask_for_nodes(region, sorted(about))

    def list_nodes(self, region: str) -> None:
        """Reads all nodes of the cluster, once."""
        if not self._pages_listed:
            found = self._cs.describe_cluster_nodes(region, self._cluster_id)
            self.nodes.update((node.instance_id, node) for node in found)
            self._pages_listed = max(1, -(-len(found) // PAGE_SIZE))

    def ask_for_nodes(self, region: str, ids: Iterable[str]) -> None:
        """Reads the nodes among `ids`, each id once."""
        new = [one for one in ids if one not in self._asked]
        if new:
            found = self._cs.describe_cluster_nodes(region, self._cluster_id, new)
            self.nodes.update((node.instance_id, node) for node in found)
            self._asked.update(new)

    def add_detail(self, region: str) -> None:
        """Reads what the cluster is, once."""
        if self._detail is None:
            self._detail = self._cs.describe_cluster_detail(region, self._cluster_id)

    def add_node_pools(self, region: str) -> None:
        """Reads which node pools it has."""
        self._nodepools = self._cs.describe_cluster_node_pools(region, self._cluster_id)

    def add_tasks(self, region: str) -> None:
        """Reads its unfinished tasks, once."""
        if self._summaries is not None:
            return
        summaries = self._cs.describe_cluster_tasks(region, self._cluster_id)
        self._read_tasks(region, [one for one in summaries if one.overall is TaskState.UNFINISHED])
        self._summaries = summaries

    def add_ended_tasks(self, region: str, span: timedelta) -> None:
        """Reads its tasks that ended within `span`, each once."""
        ended = [
            summary
            for summary in self._summaries or ()
            if summary.overall is not TaskState.UNFINISHED
            and summary.task_id not in self.tasks
            and ended_within(summary, span, self._now)
        ]
        self._read_tasks(region, ended)

    def _read_tasks(self, region: str, summaries: Iterable[Task]) -> None:
        for summary in summaries:
            task = self._read_task(region, summary).model_copy(update={"cluster_id": self._cluster_id})
            self.tasks[task.task_id] = task

    def _read_task(self, region: str, summary: Task) -> Task:
        """The task with its parts; without them when it is gone, or hidden in a cluster that is not bound."""
        try:
            return self._cs.describe_task_info(region, summary.task_id)
        except ApiError as error:
            hidden = isinstance(error, AccessDeniedError) and not self._bound
            if not hidden and not is_not_found(error):
                raise
        return summary

    def _in_flight(self) -> frozenset[str]:
        """Instances that are being attached, or just were, and that no node list shows."""
        return frozenset(
            part.data
            for task in self.tasks.values()
            if not is_removal(task) and is_current(task, self._now)
            for part in task.parts
            if task.state_of(part.data) is not TaskState.FAILED and part.data not in self.nodes
        )
