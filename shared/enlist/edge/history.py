"""What the tasks of clusters say about an instance that no node list shows. Pure.

A node list lags behind an accepted attach, so tasks count as membership. Types of tasks are only exemplified
by the vendor (`cluster_scaleout`); what is read from a type is said here.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from enlist.clients.cs import Task, TaskState
from enlist.facts import parse_time
from enlist.memory import LISTS_LAG
from enlist.outcomes import Outcome, Result

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

NODE_LIST_LAG = LISTS_LAG
"""So long after its task has succeeded, an instance that no node list shows still counts as attached."""

TASK_MEMORY = timedelta(hours=24)
"""So long a failed attach, or a removal, keeps an instance from being attached again by itself.

Each attempt reloads the machine, and whoever took a node out did not want it back in five minutes."""

_REMOVALS = ("scalein", "scale_in", "remove", "delete", "drain")
_ATTACHES = ("scaleout", "scale_out", "attach", "add_node", "addnode")
_LAST = datetime.max.replace(tzinfo=UTC)


def is_removal(task: Task) -> bool:
    """True for a task that takes nodes out of a cluster."""
    return any(word in task.task_type.lower() for word in _REMOVALS)


def may_attach(task: Task) -> bool:
    """True for a task that brings nodes into a cluster, or whose type is not told."""
    kind = task.task_type.lower()
    return not kind or any(word in kind for word in _ATTACHES)


def removed_since(tasks: Iterable[Task], instance_id: str, cluster_id: str, moment: datetime) -> bool:
    """True when a removal that began after `moment` took the instance out of the cluster."""
    return any(
        task.cluster_id == cluster_id
        and is_removal(task)
        and task.state_of(instance_id) is TaskState.SUCCESS
        and (parse_time(task.created) or moment) > moment
        for task in tasks
    )


def ended_within(task: Task, span: timedelta, now: datetime) -> bool:
    """True when the task ended less than `span` ago, or when its time cannot be read."""
    moment = parse_time(task.updated or task.created)
    return moment is None or now - moment < span


def is_current(task: Task, now: datetime) -> bool:
    """True for a task that goes on, or ended so lately that no node list need show its effect."""
    return task.overall is TaskState.UNFINISHED or ended_within(task, NODE_LIST_LAG, now)


def hides_somebody(task: Task, now: datetime) -> bool:
    """True for a task that may be attaching an instance, or just have attached it, and does not say which."""
    return not task.parts and may_attach(task) and _may_act_unsaid(task, now)


def newest_first(tasks: Iterable[Task]) -> tuple[Task, ...]:
    """Tasks by their time: those without a readable one first, and of two at once the removal."""
    return tuple(
        sorted(
            tasks,
            key=lambda task: (
                parse_time(task.created or task.updated) or _LAST,
                is_removal(task),
                task.task_id,
            ),
            reverse=True,
        )
    )


def verdict(
    tasks: Sequence[Task], instance_id: str, cluster_id: str, now: datetime, *, retry: bool
) -> Outcome | None:
    """What the tasks, newest first, say about attaching the instance to the cluster; None when nothing.

    An unfinished task of any cluster speaks first, then one that attached it elsewhere so lately that no node
    list need show it. Of the cluster's own ended tasks the newest counts that had an effect. Else a task
    that is done with it and goes on for others is waited for: nothing is said for good before its end.
    """
    unfinished = [task for task in tasks if task.state_of(instance_id) is TaskState.UNFINISHED]
    if unfinished:
        task = unfinished[0]
        return Outcome(instance_id, *_unfinished(task, cluster_id), task_id=task.task_id)
    ended = [task for task in tasks if not _without_effect(task, instance_id)]
    for other in dict.fromkeys(task.cluster_id for task in ended if task.cluster_id != cluster_id):
        task = next(task for task in ended if task.cluster_id == other)
        if _has_just_attached(task, instance_id, now):
            reason = f"task {task.task_id} has just attached it to another cluster, {other}"
            return Outcome(instance_id, Result.REJECTED, reason, task_id=task.task_id)
    newest = next((task for task in ended if task.cluster_id == cluster_id), None)
    said = _ended(newest, instance_id, now, retry=retry) if newest else None
    if newest and said:
        return Outcome(instance_id, *said, task_id=newest.task_id, standing=True)
    going_on = next((task for task in tasks if task.overall is TaskState.UNFINISHED), None)
    if going_on is None:
        return None
    reason = f"task {going_on.task_id} of cluster {going_on.cluster_id} goes on for others"
    return Outcome(instance_id, Result.DEFERRED, reason, task_id=going_on.task_id)


def _without_effect(task: Task, instance_id: str) -> bool:
    return is_removal(task) and task.state_of(instance_id) is not TaskState.SUCCESS


def _has_just_attached(task: Task, instance_id: str, now: datetime) -> bool:
    # A task that goes on for others has no end yet that could be long ago.
    return not is_removal(task) and task.state_of(instance_id) is TaskState.SUCCESS and is_current(task, now)


def _unfinished(task: Task, cluster_id: str) -> tuple[Result, str]:
    if is_removal(task):
        return Result.HELD, f"task {task.task_id} is taking it out of cluster {task.cluster_id}"
    if task.cluster_id == cluster_id:
        return Result.ATTACHING, f"task {task.task_id} is {task.state or 'unfinished'}"
    return Result.REJECTED, f"task {task.task_id} is attaching it to another cluster, {task.cluster_id}"


def _ended(task: Task, instance_id: str, now: datetime, *, retry: bool) -> tuple[Result, str] | None:
    if is_removal(task):
        if not retry and ended_within(task, TASK_MEMORY, now):
            why = f"task {task.task_id} took it out of the cluster less than 24 h ago"
            return Result.HELD, f"{why}; ask for it over HTTP with retry"
        return None
    if _has_just_attached(task, instance_id, now):
        return Result.ATTACHED, f"task {task.task_id} has succeeded; the node list follows"
    failed = task.state_of(instance_id) is TaskState.FAILED
    return failed_lately(task, now) if failed and not retry else None


def failure(task: Task) -> str:
    """That a task failed, and why."""
    return f"task {task.task_id} failed: {task.why() or 'no error given'}"


def failed_lately(task: Task, now: datetime) -> tuple[Result, str] | None:
    """What a failed attach means for trying again; None when it was long enough ago."""
    if not ended_within(task, TASK_MEMORY, now):
        return None
    return Result.FAILED, (
        f"{failure(task)}. Each attempt reloads the machine: it is not tried again by itself within 24 h; "
        "ask for it over HTTP with retry"
    )


def keeps_silent(task: Task, instance_id: str, now: datetime) -> bool:
    """True for a task that was to attach the instance, and may be doing so or just have done so unsaid."""
    return task.state_of(instance_id) is None and _may_act_unsaid(task, now)


def _may_act_unsaid(task: Task, now: datetime) -> bool:
    """True for a task that may still be at it, or has just ended. One that goes on for a day hangs."""
    return is_current(task, now) and ended_within(task, TASK_MEMORY, now)
