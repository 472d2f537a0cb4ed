"""One more look at a cluster, directly before or after a write whose effect is in doubt. Decides nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from enlist.clients.cs import CsClient, Task, TaskState
from enlist.edge.history import NODE_LIST_LAG, ended_within, hides_somebody, is_removal, newest_first
from enlist.troubles import is_not_found
from fctoolkit.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from enlist.bindings.model import EdgeBinding
    from fctoolkit.clock import Clock

_NOT_JOINING = frozenset({"removing", "failed"})


@dataclass(frozen=True, slots=True)
class Shown:
    """Which of the instances that were asked for a cluster shows.

    Attributes:
        joining: nodes, and those that a task attaches or has just attached, unless one took them out since.
        present: these, those that fail or are being removed, and all whom a task may attach that does not
            say which.
        tasks: by instance id, the task that attaches it or has just done so.
    """

    joining: frozenset[str]
    present: frozenset[str]
    tasks: Mapping[str, str]


def look_again(cs: CsClient, binding: EdgeBinding, ids: Sequence[str], clock: Clock) -> Shown:
    """What the binding's cluster shows of these instances now. Raises the `ApiError` tree."""
    now = datetime.fromtimestamp(clock.now(), UTC)
    asked = frozenset(ids)
    joining: set[str] = set()
    present: set[str] = set()
    for node in cs.describe_cluster_nodes(binding.region, binding.cluster, sorted(asked)):
        (present if node.state.lower() in _NOT_JOINING else joining).add(node.instance_id)
    lately = [
        _with_parts(cs, binding, summary)
        for summary in cs.describe_cluster_tasks(binding.region, binding.cluster)
        if summary.overall is TaskState.UNFINISHED or ended_within(summary, NODE_LIST_LAG, now)
    ]
    if any(hides_somebody(task, now) for task in lately):
        present |= asked
    tasks = _attached_by(lately)
    joining |= tasks.keys()
    return Shown(asked & joining, asked & (joining | present), tasks)


def _attached_by(tasks: Iterable[Task]) -> dict[str, str]:
    """By instance id, the task that attaches it, or did so and was not undone by a later one."""
    found: dict[str, str] = {}
    # Unfinished tasks last: what still goes on is not undone.
    oldest_first = newest_first(tasks)[::-1]
    for task in sorted(oldest_first, key=lambda task: task.overall is TaskState.UNFINISHED):
        for part in task.parts:
            state = task.state_of(part.data)
            if not is_removal(task) and state is not TaskState.FAILED:
                found[part.data] = task.task_id
            elif is_removal(task) and state is TaskState.SUCCESS:
                found.pop(part.data, None)
    return found


def _with_parts(cs: CsClient, binding: EdgeBinding, summary: Task) -> Task:
    """The task with its parts; without them when it has gone since it was listed."""
    try:
        return cs.describe_task_info(binding.region, summary.task_id)
    except ApiError as error:
        if not is_not_found(error):
            raise
    return summary
