"""The plan: which instances to attach where, and for every other one the reason why not.

Pure: no clock, no network, no state. `plan` is what a dry run, the tests and a simulation call. The rules
stand in `_judge` and `_judge_closer` in the order in which they apply; the first that speaks decides.
"""

from __future__ import annotations

from collections import Counter
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from enlist.choice import FIRST, as_reported, choose, in_turn, only_reported, unbound, used_up
from enlist.clients.cs import EDGE_PROFILE, TaskState
from enlist.edge import history
from enlist.edge.view import ClusterView, EdgeView
from enlist.identifiers import RESOURCE_ID
from enlist.outcomes import Outcome, Result

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from enlist.bindings.model import EdgeBinding
    from enlist.facts import EdgeFacts
    from enlist.memory import Past
    from enlist.signals import Signal

MIN_CPU = 2
MIN_MEMORY_MIB = 4096
"""The vendor's minimum for an edge node: 2 vCPU and 4 GB."""

_TAKES_NODES = "running"
_ENDED = frozenset({"deleting", "deleted", "delete_failed", "failed", "removing"})


class Attach(NamedTuple):
    """One write: bring these instances, in this order, into the binding's cluster, until `most` are accepted.

    Attributes:
        binding: says where.
        instance_ids: which, the oldest first, and those of whom an attempt had an unclear end last.
        most: how many may be accepted.
        limit: the reason for the others to wait.
        retried: those that an operator asks for whatever is remembered of them.
        revoked: by instance id, why what is remembered as accepted has failed since.
        alone: those to be called by themselves: perhaps it was for one of them that a call had no clear end.
    """

    binding: EdgeBinding
    instance_ids: tuple[str, ...]
    most: int
    limit: str
    retried: frozenset[str] = frozenset()
    revoked: Mapping[str, str] = MappingProxyType({})
    alone: frozenset[str] = frozenset()


class Plan(NamedTuple):
    """What to do, and what became of the others without doing anything.

    `candidates` are instances that nothing seen so far keeps from being attached, and that were not cleared:
    look closer at them, and plan again. Their outcome for now is `deferred`.
    """

    actions: tuple[Attach, ...]
    outcomes: tuple[Outcome, ...]
    candidates: tuple[str, ...] = ()


def plan(view: EdgeView, bindings: Sequence[EdgeBinding], signals: Iterable[Signal]) -> Plan:
    """Decides for each signal, oldest instance first. The same view gives the same plan."""
    outcomes: list[Outcome] = []
    candidates: list[str] = []
    ready: dict[str, list[str]] = {}
    retries = in_turn(signals, view.instances)
    for instance_id, retry in retries.items():
        facts = view.instances.get(instance_id)
        if facts is None:
            outcomes.append(_not_visible(instance_id) if bindings else unbound(instance_id))
            continue
        choice = choose(facts, bindings)
        if choice.binding is None:
            outcomes.extend([choice.outcome] if choice.outcome else [])
            continue
        verdict = _judge(view, facts, choice.binding, retry=retry)
        if verdict is None and instance_id not in view.cleared:
            candidates.append(instance_id)
            verdict = Outcome.verdict(Result.DEFERRED, "it was not looked at closely enough")
        verdict = verdict or _judge_closer(view, choice.binding, instance_id, retry=retry)
        if verdict is None:
            ready.setdefault(choice.binding.name, []).append(instance_id)
        else:
            outcomes.append(_outcome(instance_id, choice.binding, verdict))
    actions = [_with_pasts(view, retries, one) for one in _share_out(view, bindings, ready, outcomes)]
    return Plan(tuple(actions), tuple(outcomes), tuple(candidates))


def _outcome(instance_id: str, binding: EdgeBinding, verdict: Outcome) -> Outcome:
    named = verdict._replace(instance_id=instance_id, binding=binding.name, target=binding.cluster)
    return as_reported(named, binding)


def _not_visible(instance_id: str) -> Outcome:
    reason = "no such ENS instance is visible to this account; if it is new, a sweep will find it"
    return Outcome(instance_id, Result.DEFERRED, reason)


def _judge(view: EdgeView, facts: EdgeFacts, binding: EdgeBinding, *, retry: bool) -> Outcome | None:
    """What can be said from a first look; None when nothing seen keeps the instance from being attached."""
    target = view.clusters.get(binding.cluster, ClusterView())
    tasks = view.tasks.get(facts.instance_id, ())
    return (
        _membership(view, facts, binding)
        or (target.trouble.verdict() if target.trouble else None)
        or history.verdict(tasks, facts.instance_id, binding.cluster, view.now, retry=retry)
        or _readiness(facts, binding)
        or _destination(binding, target)
    )


def _with_pasts(view: EdgeView, retries: Mapping[str, bool], action: Attach) -> Attach:
    """The action with what has to become of what is remembered of its instances."""
    pasts = {one: view.pasts[one] for one in action.instance_ids if one in view.pasts}
    revoked = {
        one: why
        for one, past in pasts.items()
        if not retries[one] and (why := _failed_since(view, past, one))
    }
    return action._replace(
        retried=frozenset(one for one in pasts if retries[one]),
        revoked=revoked,
        alone=frozenset(one for one, past in pasts.items() if past.unclear),
    )


def _unclear_last(view: EdgeView, ids: Iterable[str]) -> list[str]:
    """The ids in their order; those of an unclear end last, first the one that was tried longest ago.

    A machine that always breaks its call would keep out all that are younger, or were called with it.
    """

    def turn(one: str) -> datetime:
        past = view.pasts.get(one)
        return past.at if past is not None and past.unclear else FIRST

    return sorted(ids, key=turn)


def _judge_closer(view: EdgeView, binding: EdgeBinding, instance_id: str, *, retry: bool) -> Outcome | None:
    """What needs a closer look; None when the instance should be attached now."""
    if view.forgotten is not None:
        return view.forgotten.verdict()
    remembered = _remembered(view, instance_id, retry=retry)
    if remembered is not None:
        return remembered
    target = view.clusters.get(binding.cluster, ClusterView())
    if view.elsewhere is not None:
        return view.elsewhere.verdict()
    if target.unnamed_task:
        reason = f"task {target.unnamed_task} of the cluster does not say which instances it attaches"
        return Outcome.verdict(Result.DEFERRED, reason)
    if binding.nodepool is not None and binding.nodepool not in target.nodepools:
        return Outcome.verdict(Result.REJECTED, f"node pool {binding.nodepool} is not in the cluster")
    return None


def _remembered(view: EdgeView, instance_id: str, *, retry: bool) -> Outcome | None:
    """What the store remembers of an instance that neither nodes nor tasks show."""
    past = view.pasts.get(instance_id)
    if past is None:
        return None
    if past.done:
        accepted = _accepted(view, past, instance_id, retry=retry)
        if accepted is not None or retry:
            return accepted
    elif retry:
        return None
    failed = _failed_since(view, past, instance_id)
    return past.keeps_failing(view.now, failed)


def _accepted(view: EdgeView, past: Past, instance_id: str, *, retry: bool) -> Outcome | None:
    """What follows from an attach that was accepted; None when it failed so long ago that it may be tried."""
    failed = _failed_since(view, past, instance_id)
    task = view.accepted.get(past.task_id)
    told = f"accepted as task {past.task_id or 'without id'}"
    tasks = view.tasks.get(instance_id, ())
    removed = history.removed_since(tasks, instance_id, past.target, past.at)
    if past.just_done(view.now) and not failed and not removed:
        verdict = Outcome.verdict(Result.ATTACHING, f"{told}, which is not shown yet")
        return verdict._replace(task_id=past.task_id)
    if not removed and task is not None and history.keeps_silent(task, instance_id, view.now):
        reason = f"{told}, which is {task.state or 'unfinished'} and does not say what became of it"
        return Outcome.verdict(Result.DEFERRED, reason)._replace(task_id=past.task_id)
    if retry:
        return None
    if not failed:
        what = f"it was attached to cluster {past.target}, {told},"
        return past.taken_away(what, sure=removed or task is not None)
    lately = history.failed_lately(task, view.now) if task is not None else None
    return Outcome.verdict(*lately, standing=True)._replace(task_id=past.task_id) if lately else None


def _failed_since(view: EdgeView, past: Past, instance_id: str) -> str:
    """Why an attach that was accepted has failed; empty when it is not known to have."""
    task = view.accepted.get(past.task_id)
    if task is None or not past.done:
        return ""
    state = task.state_of(instance_id) or task.overall
    return history.failure(task) if state is TaskState.FAILED else ""


def _membership(view: EdgeView, facts: EdgeFacts, binding: EdgeBinding) -> Outcome | None:
    found = view.nodes.get(facts.instance_id, {})
    node = found.get(binding.cluster)
    if node is None:
        if not found:
            return None
        return Outcome.verdict(
            Result.REJECTED, f"it is a node of another cluster, {next(iter(found))}; remove it there first"
        )
    state = node.state.lower()
    if state == "removing":
        return Outcome.verdict(Result.HELD, "somebody is removing the node")
    if state == "failed":
        why = node.error_message or "no error message"
        return Outcome.verdict(
            Result.FAILED,
            f"the node is in state failed: {why}; remove it, then ask for it over HTTP with retry",
            standing=True,
        )
    if state == "running":
        return Outcome.verdict(Result.ALREADY, f"a node, {node.node_status or 'running'}")
    tasks = view.tasks.get(facts.instance_id, ())
    running = [task.task_id for task in tasks if task.state_of(facts.instance_id) is TaskState.UNFINISHED]
    verdict = Outcome.verdict(Result.ATTACHING, f"a node in state {node.state or 'unknown'}")
    return verdict._replace(task_id=running[0] if running else "")


def _readiness(facts: EdgeFacts, binding: EdgeBinding) -> Outcome | None:
    if facts.status != "Running":
        return Outcome.verdict(Result.DEFERRED, f"its status is {facts.status or 'unknown'}, not Running")
    if not RESOURCE_ID.fits(facts.instance_id):
        return Outcome.verdict(Result.REJECTED, f"its id is not {RESOURCE_ID.words}")
    missing = [
        name
        for name, value in (("cpu", facts.cpu), ("memoryMiB", facts.memory_mib), ("osName", facts.os_name))
        if value is None or value == ""
    ]
    if missing or facts.cpu is None or facts.memory_mib is None:
        return Outcome.verdict(Result.REJECTED, f"ENS does not say its {', '.join(missing)}")
    if facts.cpu < MIN_CPU or facts.memory_mib < MIN_MEMORY_MIB:
        has = f"{facts.cpu} vCPU and {facts.memory_mib} MiB"
        return Outcome.verdict(Result.REJECTED, f"{has}; an edge node needs {MIN_CPU} and {MIN_MEMORY_MIB}")
    if not binding.supports(facts.os_name):
        return Outcome.verdict(
            Result.REJECTED, f"operating system {facts.os_name!r} is not in the binding's os"
        )
    return None


def _destination(binding: EdgeBinding, target: ClusterView) -> Outcome | None:
    cluster = target.cluster
    if cluster is None:
        return Outcome.verdict(Result.REJECTED, f"cluster {binding.cluster} could not be looked at")
    if cluster.profile != EDGE_PROFILE:
        return Outcome.verdict(
            Result.REJECTED, f"cluster profile is {cluster.profile or 'unknown'}, not {EDGE_PROFILE}"
        )
    if cluster.region_id and cluster.region_id != binding.region:
        where = f"the cluster is in region {cluster.region_id}"
        return Outcome.verdict(Result.REJECTED, f"{where}, the binding says {binding.region}")
    if cluster.state in _ENDED:
        return Outcome.verdict(Result.REJECTED, f"cluster state is {cluster.state}")
    if cluster.state != _TAKES_NODES:
        return Outcome.verdict(
            Result.DEFERRED, f"cluster state is {cluster.state or 'unknown'}, not {_TAKES_NODES}"
        )
    return None


def _share_out(
    view: EdgeView,
    bindings: Sequence[EdgeBinding],
    ready: Mapping[str, Sequence[str]],
    outcomes: list[Outcome],
) -> list[Attach]:
    """Attaches for the ready instances, by their binding's name, as far as mode, quota and limits allow.

    Whose oldest instance waits longest comes first: when the time is up, the next run begins with the others.
    """
    actions: list[Attach] = []
    turns = {name: turn for turn, name in enumerate(ready)}
    planned: Counter[str] = Counter()
    for binding in bindings:
        ids = _unclear_last(view, ready.get(binding.name, ()))
        room, no_room = _room(view, binding, planned[binding.cluster])
        if room >= binding.max_per_run:
            room, no_room = binding.max_per_run, Outcome.verdict(Result.DEFERRED, used_up(binding))
        verdict: Outcome | None = None
        if binding.mode == "plan":
            verdict = only_reported("attached")
        elif room == 0:
            verdict = no_room
        if verdict is not None:
            outcomes.extend(_outcome(instance_id, binding, verdict) for instance_id in ids)
        elif ids:
            planned[binding.cluster] += min(room, len(ids))
            actions.append(Attach(binding, tuple(ids), room, no_room.reason))
    return sorted(actions, key=lambda action: turns[action.binding.name])


def _room(view: EdgeView, binding: EdgeBinding, planned: int) -> tuple[int, Outcome]:
    """How many more nodes the cluster may take, and the verdict on those that find no room."""
    quota = view.node_quotas.get(binding.region)
    target = view.clusters.get(binding.cluster, ClusterView())
    if quota is None or target.cluster is None or target.cluster.size is None:
        return 0, Outcome.verdict(Result.REJECTED, "the node quota or the cluster's size is not known")
    used = target.cluster.size + len(target.in_flight) + planned
    reason = f"no more room in the cluster: its quota is {quota} nodes, {used} were taken before"
    return max(0, quota - used), Outcome.verdict(Result.DEFERRED, reason)
