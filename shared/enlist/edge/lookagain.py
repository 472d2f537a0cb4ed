"""One more look at a cluster, directly before or after a write whose effect is in doubt. Decides nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from enlist.clients.cs import CsClient, Task, TaskState
from enlist.edge.clusterlook import ClusterLook
from enlist.edge.history import NODE_LIST_LAG, is_removal, newest_first

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from enlist.bindings.model import EdgeBinding
    from fctoolkit.clock import Clock

_NOT_JOINING = frozenset({"removing", "failed"})


class Shown(NamedTuple):
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
    look = ClusterLook(cs, binding.cluster, datetime.fromtimestamp(clock.now(), UTC), bound=True)
    look.ask_for_nodes(binding.region, sorted(ids))
    look.add_tasks(binding.region)
    look.add_ended_tasks(binding.region, NODE_LIST_LAG)
    leaving = {node.instance_id for node in look.nodes.values() if node.state.lower() in _NOT_JOINING}
    tasks = _attached_by(look.tasks.values())
    joining = (look.nodes.keys() - leaving) | tasks.keys()
    asked = frozenset(ids)
    return Shown(
        joining=asked & joining,
        present=asked if look.unnamed_task() else asked & (joining | leaving),
        tasks=tasks,
    )


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
