"""What the tasks of clusters say about an instance that no node list shows. Pure.

A node list lags behind an accepted attach, so tasks count as membership. Types of tasks are only exemplified
by the vendor (`cluster_scaleout`); what is read from a type is said here.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from enlist.clients.cs import Task, TaskState
from enlist.facts import parse_time
from enlist.outcomes import Outcome, Result

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

NODE_LIST_LAG = timedelta(minutes=15)
"""So long after its task has succeeded, an instance that no node list shows still counts as attached."""

TASK_MEMORY = timedelta(hours=24)
"""So long a failed attach, or a removal, keeps an instance from being attached again by itself.

Each attempt reloads the machine, and whoever took a node out did not want it back in five minutes."""

_REMOVALS = ("scalein", "scale_in", "remove", "delete", "drain")
_ATTACHES = ("scaleout", "scale_out", "attach", "add")
_FIRST = datetime.min.replace(tzinfo=UTC)


def is_removal(task: Task) -> bool:
    """True for a task that takes nodes out of a cluster."""
    return any(word in task.task_type.lower() for word in _REMOVALS)


def may_attach(task: Task) -> bool:
    """True for a task that brings nodes into a cluster, or whose type is not told."""
    kind = task.task_type.lower()
    return not kind or any(word in kind for word in _ATTACHES)


def ended_within(task: Task, span: timedelta, now: datetime) -> bool:
    """True when the task ended less than `span` ago, or when its time cannot be read."""
    moment = parse_time(task.updated or task.created)
    return moment is None or now - moment < span


def newest_first(tasks: Iterable[Task]) -> tuple[Task, ...]:
    """Tasks by the time of their creation, those whose time cannot be read at the end."""
    return tuple(
        sorted(tasks, key=lambda task: (parse_time(task.created) or _FIRST, task.task_id), reverse=True)
    )


def verdict(
    tasks: Sequence[Task], instance_id: str, cluster_id: str, now: datetime, *, retry: bool
) -> Outcome | None:
    """What the tasks, newest first, say about attaching the instance to the cluster; None when nothing.

    An unfinished task of any cluster speaks first. Of the ended ones only the newest counts, and only that of
    the cluster itself.
    """
    unfinished = [task for task in tasks if task.state_of(instance_id) is TaskState.UNFINISHED]
    if unfinished:
        task = unfinished[0]
        return Outcome(instance_id, *_unfinished(task, cluster_id), task_id=task.task_id)
    here = [task for task in tasks if task.cluster_id == cluster_id]
    said = _ended(here[0], instance_id, now, retry=retry) if here else None
    return Outcome(instance_id, *said, task_id=here[0].task_id, standing=True) if said else None


def _unfinished(task: Task, cluster_id: str) -> tuple[Result, str]:
    if is_removal(task):
        return Result.HELD, f"task {task.task_id} is taking it out of cluster {task.cluster_id}"
    if task.cluster_id == cluster_id:
        return Result.ATTACHING, f"task {task.task_id} is {task.state or 'unfinished'}"
    return Result.REJECTED, f"task {task.task_id} is attaching it to another cluster, {task.cluster_id}"


def _ended(task: Task, instance_id: str, now: datetime, *, retry: bool) -> tuple[Result, str] | None:
    state = task.state_of(instance_id)
    if is_removal(task):
        if state is TaskState.SUCCESS and not retry and ended_within(task, TASK_MEMORY, now):
            why = f"task {task.task_id} took it out of the cluster less than 24 h ago"
            return Result.HELD, f"{why}; ask for it over HTTP with retry"
        return None
    if state is TaskState.SUCCESS and ended_within(task, NODE_LIST_LAG, now):
        return Result.ATTACHED, f"task {task.task_id} has succeeded; the node list follows"
    if state is TaskState.FAILED and not retry and ended_within(task, TASK_MEMORY, now):
        why = f"task {task.task_id} failed: {task.why() or 'no error given'}"
        return Result.FAILED, (
            f"{why}. Each attempt reloads the machine: it is not tried again by itself within 24 h; "
            "ask for it over HTTP with retry"
        )
    return None
