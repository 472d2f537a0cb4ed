"""The only writes to edge clusters: AttachInstances, and the reading of what it answered. Plans nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from enlist.clients.cs import AttachInstancesAnswer, AttachInstancesRequest, CsClient, Task, TaskState
from enlist.edge.history import is_removal
from enlist.outcomes import Outcome, Result
from enlist.troubles import result_of
from fctoolkit.clock import Clock, Deadline
from fctoolkit.errors import AccessDeniedError, ApiError, PermanentError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from enlist.bindings.model import EdgeBinding
    from enlist.edge.plan import Attach
    from enlist.settings import Settings

TASK_POLL_SECONDS = 5.0

MOST_REFUSALS = 5
"""So many calls for one instance each, refused in a row, and it is not the instances that are at fault."""

_UNCLEAR = "unclear whether it was accepted; the next run looks before it acts"


@dataclass(frozen=True, slots=True)
class _Sent:
    """One call that was made: its answer or its error, and the milliseconds it took."""

    binding: EdgeBinding
    ids: tuple[str, ...]
    result: AttachInstancesAnswer | ApiError
    took: int

    def accepted(self) -> int:
        """How many instances count as accepted: those of an unclear end do."""
        if isinstance(self.result, ApiError):
            return len(self.ids) if self.result.failure.maybe_done else 0
        refused = {item.instance_id for item in self.result.items if not item.accepted}
        return len(set(self.ids) - refused)

    @property
    def refused(self) -> bool:
        """Whether the service refused the call as a whole, so that nothing was accepted."""
        return isinstance(self.result, PermanentError) and not isinstance(self.result, AccessDeniedError)

    def unclear(self) -> frozenset[str]:
        """The instances of which it is not known whether they were accepted."""
        if isinstance(self.result, ApiError):
            return frozenset(self.ids) if self.result.failure.maybe_done else frozenset()
        return frozenset(self.ids) - {item.instance_id for item in self.result.items}

    @property
    def task_id(self) -> str:
        """The task the answer names, if it does."""
        return "" if isinstance(self.result, ApiError) else self.result.task_id

    @property
    def request_id(self) -> str:
        """The vendor's request id."""
        return self.result.failure.request_id if isinstance(self.result, ApiError) else self.result.request_id


class EdgeApplier:
    """Attaches what a plan asks for.

    Args:
        cs: the calls.
        clock: measures calls, waits between looks at a task.
        settings: how many instances go into a call, and how many seconds to wait for tasks after the last
            attach; 0 leaves them to a sweep.
        deadline: no look at a task begins after it.
    """

    def __init__(self, cs: CsClient, clock: Clock, settings: Settings, deadline: Deadline) -> None:
        self._cs = cs
        self._clock = clock
        self._task_wait = settings.task_wait
        self._ids_per_call = settings.ids_per_call
        self._deadline = deadline

    def apply(self, actions: Sequence[Attach]) -> Iterator[Outcome]:
        """One outcome for each instance of the actions. API errors become outcomes, they are not raised."""
        calls: list[_Sent] = []
        for action in actions:
            yield from self._carry_out(action, calls)
        # What is unclear is looked at before the wait, which may use up the time.
        seen = [self._look_again(sent.binding, sent.unclear()) for sent in calls]
        tasks = self._wait_for(calls)
        for sent, shown in zip(calls, seen, strict=True):
            yield from _outcomes(sent, shown, tasks)

    def _carry_out(self, action: Attach, calls: list[_Sent]) -> Iterator[Outcome]:
        """Sends the action's calls until enough is accepted; outcomes of those that were not sent at all."""
        waiting, accepted, limit = list(action.instance_ids), 0, action.limit
        size, refusals = self._ids_per_call, 0
        while waiting and accepted < action.most:
            size = min(size, action.most - accepted, len(waiting))
            some = tuple(waiting[:size])
            sent = self._send(action.binding, some)
            if size > 1 and sent.refused:
                # Nothing was accepted, and one bad id must not keep its neighbours out: halves find it soon.
                size //= 2
                continue
            waiting = waiting[size:]
            size = size if sent.refused else min(size * 2, self._ids_per_call)
            calls.append(sent)
            accepted += sent.accepted()
            refusals = refusals + 1 if not sent.accepted() else 0
            if isinstance(sent.result, ApiError) and (not sent.refused or refusals == MOST_REFUSALS):
                limit = f"not tried, because calls before it did not succeed: {sent.result}"
                break
        for one in waiting:
            yield Outcome(one, Result.DEFERRED, limit, action.binding.name, action.binding.cluster)

    def _send(self, binding: EdgeBinding, ids: tuple[str, ...]) -> _Sent:
        request = AttachInstancesRequest(
            cluster_id=binding.cluster, instances=ids, nodepool_id=binding.nodepool
        )
        started = self._clock.monotonic()
        result: AttachInstancesAnswer | ApiError
        try:
            result = self._cs.attach_instances(binding.region, request)
        except ApiError as error:
            result = error
        return _Sent(binding, ids, result, round((self._clock.monotonic() - started) * 1000))

    def _wait_for(self, calls: Sequence[_Sent]) -> dict[str, Task]:
        """The tasks as they stand when all have ended or the wait is over; empty when nobody waits."""
        tasks: dict[str, Task] = {}
        regions = {sent.task_id: sent.binding.region for sent in calls if sent.task_id}
        wait = Deadline.after(min(self._task_wait, self._deadline.remaining()), self._clock)
        while regions and wait.remaining() > 0:
            self._clock.sleep(min(TASK_POLL_SECONDS, wait.remaining()))
            for task_id, region in list(regions.items()):
                try:
                    tasks[task_id] = self._cs.describe_task_info(region, task_id)
                except ApiError:
                    del regions[task_id]  # the attach was accepted; a sweep settles it
                    continue
                if tasks[task_id].overall is not TaskState.UNFINISHED:
                    del regions[task_id]
        return tasks

    def _look_again(self, binding: EdgeBinding, ids: frozenset[str]) -> frozenset[str]:
        """Those of the ids that the cluster shows as nodes, or names in an unfinished attach task."""
        if not ids:
            return ids
        try:
            nodes = self._cs.describe_cluster_nodes(binding.region, binding.cluster, sorted(ids))
            seen = {node.instance_id for node in nodes if node.state not in ("removing", "failed")}
            for summary in self._cs.describe_cluster_tasks(binding.region, binding.cluster):
                if summary.overall is TaskState.UNFINISHED and not is_removal(summary):
                    task = self._cs.describe_task_info(binding.region, summary.task_id)
                    seen |= {part.data for part in task.parts}
        except ApiError:
            return frozenset()
        return ids & seen


def _outcomes(sent: _Sent, seen: frozenset[str], tasks: Mapping[str, Task]) -> Iterator[Outcome]:
    """One outcome for each instance of a call; `seen` are those that the cluster shows all the same."""
    for instance_id in sent.ids:
        if instance_id in seen:
            told = Result.ATTACHING, "the answer does not say so, but the cluster shows it"
        elif isinstance(sent.result, ApiError):
            told = _after_error(sent.result)
        else:
            told = _after_answer(sent.result, tasks, instance_id)
        yield Outcome(
            instance_id,
            *told,
            sent.binding.name,
            sent.binding.cluster,
            task_id=sent.task_id,
            request_id=sent.request_id,
            duration_ms=sent.took,
        )


def _after_error(error: ApiError) -> tuple[Result, str]:
    return (
        (Result.FAILED, f"{_UNCLEAR}: {error}")
        if error.failure.maybe_done
        else (result_of(error), str(error))
    )


def _after_answer(
    answer: AttachInstancesAnswer, tasks: Mapping[str, Task], instance_id: str
) -> tuple[Result, str]:
    """What the answer, and its task if somebody waited for it, say of one instance."""
    item = next((one for one in answer.items if one.instance_id == instance_id), None)
    if item is None:
        return Result.FAILED, f"{_UNCLEAR}: the answer does not mention it"
    if not item.accepted:
        return Result.FAILED, f"refused with code {item.code or 'none'}: {item.message or 'no message'}"
    task = tasks.get(answer.task_id)
    state = task.state_of(instance_id) if task else None
    if state is TaskState.SUCCESS:
        return Result.ATTACHED, f"task {answer.task_id} has succeeded"
    if task is not None and (state is TaskState.FAILED or task.overall is TaskState.FAILED):
        return Result.FAILED, f"task {answer.task_id} failed: {task.why() or 'no error given'}"
    return Result.ATTACHING, f"accepted as task {answer.task_id or 'without id'}"
