"""One more look at a cluster, directly before or after a write whose effect is in doubt. Decides nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from enlist.clients.cs import CsClient, TaskState
from enlist.edge.history import NODE_LIST_LAG, ended_within, hides_somebody, is_removal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from enlist.bindings.model import EdgeBinding
    from fctoolkit.clock import Clock

_NOT_JOINING = frozenset({"removing", "failed"})


@dataclass(frozen=True, slots=True)
class Shown:
    """Which of the instances that were asked for a cluster shows.

    Attributes:
        joining: nodes, and those that a task attaches or has just attached.
        present: these, those that fail or are being removed, and all whom a task may attach that does not
            say which.
    """

    joining: frozenset[str]
    present: frozenset[str]


def look_again(cs: CsClient, binding: EdgeBinding, ids: Sequence[str], clock: Clock) -> Shown:
    """What the binding's cluster shows of these instances now. Raises the `ApiError` tree."""
    now = datetime.fromtimestamp(clock.now(), UTC)
    asked = frozenset(ids)
    joining: set[str] = set()
    present: set[str] = set()
    for node in cs.describe_cluster_nodes(binding.region, binding.cluster, sorted(asked)):
        (present if node.state.lower() in _NOT_JOINING else joining).add(node.instance_id)
    for summary in cs.describe_cluster_tasks(binding.region, binding.cluster):
        lately = summary.overall is TaskState.UNFINISHED or ended_within(summary, NODE_LIST_LAG, now)
        if not lately or is_removal(summary):
            continue
        task = cs.describe_task_info(binding.region, summary.task_id)
        if hides_somebody(task, now):
            present |= asked
        joining |= {part.data for part in task.parts if task.state_of(part.data) is not TaskState.FAILED}
    return Shown(asked & joining, asked & (joining | present))
