"""The plan: which instances to attach where, and for every other one the reason why not.

Pure: no clock, no network, no state. `plan` is what a dry run, the tests and a simulation call. The rules
stand in `_judge` in the order in which they apply; the first that speaks decides.
"""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from enlist.choice import as_reported, choose
from enlist.clients.cs import EDGE_PROFILE, Task, TaskState
from enlist.edge.view import ClusterView, EdgeView
from enlist.facts import EdgeFacts, parse_time
from enlist.outcomes import Outcome, Result

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from enlist.bindings.model import EdgeBinding
    from enlist.signals import Signal

MIN_CPU = 2
MIN_MEMORY_MIB = 4096
"""The vendor's minimum for an edge node: 2 vCPU and 4 GB."""

NODE_LIST_LAG = timedelta(minutes=15)
"""So long after its task has succeeded, an instance that no node list shows still counts as attached."""

TASK_MEMORY = timedelta(hours=24)
"""So long a failed attach, or a removal, keeps an instance from being attached again by itself.

Each attempt reloads the machine, and whoever took a node out did not want it back in five minutes."""

_REMOVALS = ("scalein", "remove", "delete", "drain")
_TAKES_NODES = "running"
_ENDED = frozenset({"deleting", "deleted", "delete_failed", "failed", "removing"})
_FIRST = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Attach:
    """One write: these instances, into this cluster."""

    binding: EdgeBinding
    instance_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do, and what became of the others without doing anything."""

    actions: tuple[Attach, ...]
    outcomes: tuple[Outcome, ...]

    def instance_ids(self) -> tuple[str, ...]:
        """The instances that would be attached."""
        return tuple(one for action in self.actions for one in action.instance_ids)


def plan(view: EdgeView, bindings: Sequence[EdgeBinding], signals: Iterable[Signal]) -> Plan:
    """Decides for each signal, oldest instance first. The same view gives the same plan."""
    outcomes: list[Outcome] = []
    candidates: dict[str, list[EdgeFacts]] = {}
    unique = {signal.instance_id: signal for signal in sorted(signals, key=lambda one: one.retry)}
    for signal in sorted(unique.values(), key=lambda one: _age(view, one)):
        facts = view.instances.get(signal.instance_id)
        if facts is None:
            outcomes.append(
                Outcome(
                    signal.instance_id,
                    Result.DEFERRED,
                    "no such ENS instance is visible to this account; if it is new, a sweep will find it",
                )
            )
            continue
        choice = choose(facts, bindings)
        if choice.outcome is not None:
            outcomes.append(choice.outcome)
        if choice.binding is None:
            continue
        verdict = _judge(view, facts, choice.binding, retry=signal.retry)
        if verdict is None:
            candidates.setdefault(choice.binding.name, []).append(facts)
        else:
            outcomes.append(as_reported(verdict, choice.binding))
    actions = _share_out(view, bindings, candidates, outcomes)
    return Plan(tuple(actions), tuple(outcomes))


def _age(view: EdgeView, signal: Signal) -> tuple[datetime, str]:
    facts = view.instances.get(signal.instance_id)
    return ((facts.created_at if facts else None) or _FIRST, signal.instance_id)


def _judge(view: EdgeView, facts: EdgeFacts, binding: EdgeBinding, *, retry: bool) -> Outcome | None:
    """None when the instance should be attached now; else why not."""
    target = view.clusters.get(binding.cluster, ClusterView())
    return (
        _membership(view, facts, binding)
        or _trouble(facts, binding, target)
        or _history(view, facts, binding, retry=retry)
        or _readiness(facts, binding)
        or _destination(facts, binding, target)
    )


def _outcome(
    instance_id: str,
    binding: EdgeBinding,
    result: Result,
    reason: str,
    *,
    task_id: str = "",
    request_id: str = "",
) -> Outcome:
    return Outcome(
        instance_id, result, reason, binding.name, binding.cluster, task_id=task_id, request_id=request_id
    )


def _membership(view: EdgeView, facts: EdgeFacts, binding: EdgeBinding) -> Outcome | None:
    found = dict(view.nodes.get(facts.instance_id, ()))
    node = found.get(binding.cluster)
    if node is None:
        if not found:
            return None
        other = next(iter(found))
        return _outcome(
            facts.instance_id,
            binding,
            Result.REJECTED,
            f"it is a node of another cluster, {other}; remove it there first",
        )
    state = node.state.lower()
    if state == "removing":
        return _outcome(facts.instance_id, binding, Result.HELD, "somebody is removing the node")
    if state == "failed":
        why = node.error_message or "no error message"
        return _outcome(
            facts.instance_id,
            binding,
            Result.FAILED,
            f"the node is in state failed: {why}; remove it to try again",
        )
    if state == "running":
        return _outcome(
            facts.instance_id, binding, Result.ALREADY, f"a node, {node.node_status or 'running'}"
        )
    tasks = _unfinished(view, facts.instance_id, binding.cluster)
    return _outcome(
        facts.instance_id,
        binding,
        Result.ATTACHING,
        f"a node in state {node.state or 'unknown'}",
        task_id=tasks[0].task_id if tasks else "",
    )


def _trouble(facts: EdgeFacts, binding: EdgeBinding, target: ClusterView) -> Outcome | None:
    if target.trouble is None:
        return None
    trouble = target.trouble
    return _outcome(facts.instance_id, binding, trouble.result, trouble.reason, request_id=trouble.request_id)


def _unfinished(view: EdgeView, instance_id: str, cluster_id: str) -> list[Task]:
    return [
        task
        for task in view.tasks.get(instance_id, ())
        if task.cluster_id == cluster_id and task.state_of(instance_id) is TaskState.UNFINISHED
    ]


def is_removal(task: Task) -> bool:
    """True for a task that takes nodes out of a cluster. Task types are only exemplified by the vendor."""
    return any(word in task.task_type.lower() for word in _REMOVALS)


def ended_within(task: Task, span: timedelta, now: datetime) -> bool:
    """True when the task ended less than `span` ago, or when its time cannot be read."""
    moment = parse_time(task.updated or task.created)
    return moment is None or now - moment < span


def _history(view: EdgeView, facts: EdgeFacts, binding: EdgeBinding, *, retry: bool) -> Outcome | None:
    tasks = view.tasks.get(facts.instance_id, ())
    for task in tasks:
        verdict = _task_verdict(task, facts, binding, view.now, newest=task is tasks[0], retry=retry)
        if verdict is not None:
            return verdict
    if view.elsewhere is not None:
        trouble = view.elsewhere
        return _outcome(
            facts.instance_id, binding, trouble.result, trouble.reason, request_id=trouble.request_id
        )
    return None


def _task_verdict(
    task: Task, facts: EdgeFacts, binding: EdgeBinding, now: datetime, *, newest: bool, retry: bool
) -> Outcome | None:
    def say(result: Result, reason: str) -> Outcome:
        return _outcome(facts.instance_id, binding, result, reason, task_id=task.task_id)

    state = task.state_of(facts.instance_id)
    here = task.cluster_id == binding.cluster
    if state is TaskState.UNFINISHED:
        if is_removal(task):
            return say(Result.HELD, f"task {task.task_id} is taking it out of cluster {task.cluster_id}")
        if here:
            return say(Result.ATTACHING, f"task {task.task_id} is {task.state or 'unfinished'}")
        return say(
            Result.REJECTED, f"task {task.task_id} is attaching it to another cluster, {task.cluster_id}"
        )
    if not newest or not here:
        return None
    if is_removal(task):
        if state is TaskState.SUCCESS and not retry and ended_within(task, TASK_MEMORY, now):
            why = f"task {task.task_id} took it out of the cluster"
            return say(Result.HELD, f"{why} less than 24 h ago; ask for it over HTTP with retry")
        return None
    if state is TaskState.SUCCESS and ended_within(task, NODE_LIST_LAG, now):
        return say(Result.ATTACHED, f"task {task.task_id} has succeeded; the node list follows")
    if state is TaskState.FAILED and not retry and ended_within(task, TASK_MEMORY, now):
        why = task.why() or "no error given"
        return say(
            Result.FAILED,
            f"task {task.task_id} failed: {why}. Each attempt reloads the machine: it is not tried again by "
            "itself within 24 h; ask for it over HTTP with retry",
        )
    return None


def _readiness(facts: EdgeFacts, binding: EdgeBinding) -> Outcome | None:
    def no(result: Result, reason: str) -> Outcome:
        return _outcome(facts.instance_id, binding, result, reason)

    if facts.status != "Running":
        return no(Result.DEFERRED, f"its status is {facts.status or 'unknown'}, not Running")
    missing = [
        name
        for name, value in (("cpu", facts.cpu), ("memoryMiB", facts.memory_mib), ("osName", facts.os_name))
        if value is None or value == ""
    ]
    if missing or facts.cpu is None or facts.memory_mib is None:
        return no(Result.REJECTED, f"ENS does not say its {', '.join(missing)}")
    if facts.cpu < MIN_CPU or facts.memory_mib < MIN_MEMORY_MIB:
        return no(
            Result.REJECTED,
            f"{facts.cpu} vCPU and {facts.memory_mib} MiB; an edge node needs {MIN_CPU} and {MIN_MEMORY_MIB}",
        )
    if not binding.supports(facts.os_name):
        return no(Result.REJECTED, f"operating system {facts.os_name!r} is not in the binding's os")
    return None


def _destination(facts: EdgeFacts, binding: EdgeBinding, target: ClusterView) -> Outcome | None:
    def no(result: Result, reason: str) -> Outcome:
        return _outcome(facts.instance_id, binding, result, reason)

    cluster = target.cluster
    if cluster is None:
        return no(Result.REJECTED, f"cluster {binding.cluster} could not be looked at")
    if cluster.profile != EDGE_PROFILE:
        return no(Result.REJECTED, f"cluster profile is {cluster.profile or 'unknown'}, not {EDGE_PROFILE}")
    if cluster.region_id and cluster.region_id != binding.region:
        return no(
            Result.REJECTED,
            f"the cluster is in region {cluster.region_id}, the binding says {binding.region}",
        )
    if cluster.state in _ENDED:
        return no(Result.REJECTED, f"cluster state is {cluster.state}")
    if cluster.state != _TAKES_NODES:
        return no(Result.DEFERRED, f"cluster state is {cluster.state or 'unknown'}, not {_TAKES_NODES}")
    if binding.nodepool is not None and binding.nodepool not in (target.nodepools or frozenset()):
        return no(Result.REJECTED, f"node pool {binding.nodepool} is not in the cluster")
    return None


def _share_out(
    view: EdgeView,
    bindings: Sequence[EdgeBinding],
    candidates: Mapping[str, Sequence[EdgeFacts]],
    outcomes: list[Outcome],
) -> list[Attach]:
    """Attaches for the candidates that mode, quota and `max_per_run` let through; outcomes for the others.

    `candidates` are by the name of their binding.
    """
    actions: list[Attach] = []
    planned: Counter[str] = Counter()
    for binding in bindings:
        room, no_room = _room(view, binding, planned[binding.cluster])
        taken: list[str] = []
        for facts in candidates.get(binding.name, ()):
            verdict: tuple[Result, str] | None = None
            if binding.mode == "plan":
                verdict = (
                    Result.IGNORED,
                    "mode plan; in apply it would be attached",
                )
            elif len(taken) >= room:
                verdict = (Result.REJECTED, no_room)
            elif len(taken) >= binding.max_per_run:
                verdict = (
                    Result.DEFERRED,
                    f"max_per_run {binding.max_per_run} is used up; the next run goes on",
                )
            if verdict is None:
                taken.append(facts.instance_id)
            else:
                outcomes.append(_outcome(facts.instance_id, binding, *verdict))
        planned[binding.cluster] += len(taken)
        if taken:
            actions.append(Attach(binding, tuple(taken)))
    return actions


def _room(view: EdgeView, binding: EdgeBinding, planned: int) -> tuple[int, str]:
    """How many more nodes the cluster may take, and what to say when there is no room."""
    if binding.region not in view.node_quotas:
        return sys.maxsize, ""  # not looked at yet: the job asks before anything is attached
    quota = view.node_quotas[binding.region]
    target = view.clusters.get(binding.cluster, ClusterView())
    if quota is None or target.cluster is None or target.cluster.size is None:
        return 0, "the node quota or the cluster's size is not known"
    used = target.cluster.size + len(target.in_flight) + planned
    return max(0, quota - used), f"the cluster has {used} of the {quota} nodes its quota allows"
