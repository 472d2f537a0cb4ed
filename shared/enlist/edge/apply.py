"""The only writes to edge clusters: AttachInstances, and the reading of what it answered. Plans nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from enlist.clients.cs import AttachInstancesAnswer, AttachInstancesRequest, CsClient, Task, TaskState
from enlist.clients.wire import chunks
from enlist.outcomes import Outcome, Result
from enlist.troubles import result_of
from fctoolkit.clock import Clock, Deadline
from fctoolkit.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from enlist.bindings.model import EdgeBinding
    from enlist.edge.plan import Attach

IDS_PER_CALL = 20
"""Instances attached in one call. The vendor documents no limit; its samples have two."""

TASK_POLL_SECONDS = 5.0


class EdgeApplier:
    """Attaches what a plan asks for.

    Args:
        cs: the calls.
        clock: measures calls, waits between looks at a task.
        task_wait: seconds to wait for a task after an attach; 0 leaves it to a sweep.
        deadline: no look at a task begins after it.
    """

    def __init__(self, cs: CsClient, clock: Clock, task_wait: float, deadline: Deadline) -> None:
        self._cs = cs
        self._clock = clock
        self._task_wait = task_wait
        self._deadline = deadline

    def attach(self, action: Attach) -> Iterator[Outcome]:
        """One outcome for each instance of the action. API errors become outcomes, they are not raised."""
        for some in chunks(action.instance_ids, IDS_PER_CALL):
            yield from self._attach_some(action.binding, tuple(some))

    def _attach_some(self, binding: EdgeBinding, ids: tuple[str, ...]) -> Iterator[Outcome]:
        request = AttachInstancesRequest(
            cluster_id=binding.cluster, instances=ids, nodepool_id=binding.nodepool
        )
        started = self._clock.monotonic()
        try:
            answer = self._cs.attach_instances(binding.region, request)
        except ApiError as error:
            yield from self._after_error(binding, ids, error, self._since(started))
            return
        took = self._since(started)
        accepted = {item.instance_id for item in answer.items if item.accepted} & set(ids)
        task = self._wait_for(binding, answer.task_id) if accepted else None
        for instance_id in ids:
            result, reason = _item_result(answer, task, instance_id)
            yield Outcome(
                instance_id,
                result,
                reason,
                binding.name,
                binding.cluster,
                task_id=answer.task_id,
                request_id=answer.request_id,
                duration_ms=took,
            )

    def _wait_for(self, binding: EdgeBinding, task_id: str) -> Task | None:
        """The task as it stands when it has ended or the wait is over; None when nobody asked to wait."""
        wait = Deadline.after(min(self._task_wait, self._deadline.remaining()), self._clock)
        task: Task | None = None
        while task_id and wait.remaining() > 0:
            self._clock.sleep(min(TASK_POLL_SECONDS, wait.remaining()))
            try:
                task = self._cs.describe_task_info(binding.region, task_id)
            except ApiError:
                return task  # the attach was accepted; a sweep settles it
            if task.overall is not TaskState.UNFINISHED:
                break
        return task

    def _after_error(
        self, binding: EdgeBinding, ids: tuple[str, ...], error: ApiError, took: int
    ) -> Iterator[Outcome]:
        seen = self._look_again(binding, ids) if error.failure.maybe_done else frozenset[str]()
        for instance_id in ids:
            if instance_id in seen:
                result, reason = Result.ATTACHING, f"the answer was lost, but the node is there: {error}"
            elif error.failure.maybe_done:
                result = Result.FAILED
                reason = f"it is unclear whether it was accepted; the next run looks before it acts: {error}"
            else:
                result, reason = result_of(error), str(error)
            yield Outcome(
                instance_id,
                result,
                reason,
                binding.name,
                binding.cluster,
                request_id=error.failure.request_id,
                duration_ms=took,
            )

    def _look_again(self, binding: EdgeBinding, ids: tuple[str, ...]) -> frozenset[str]:
        """The instances that the cluster shows as nodes or names in an unfinished task."""
        try:
            nodes = self._cs.describe_cluster_nodes(binding.region, binding.cluster, ids)
            seen = {node.instance_id for node in nodes}
            for summary in self._cs.describe_cluster_tasks(binding.region, binding.cluster):
                if summary.overall is TaskState.UNFINISHED:
                    task = self._cs.describe_task_info(binding.region, summary.task_id)
                    seen |= {part.data for part in task.parts or ()}
        except ApiError:
            return frozenset()
        return frozenset(seen)

    def _since(self, started: float) -> int:
        return round((self._clock.monotonic() - started) * 1000)


def _item_result(answer: AttachInstancesAnswer, task: Task | None, instance_id: str) -> tuple[Result, str]:
    """What the answer, and its task if somebody waited for it, say of one instance."""
    item = next((one for one in answer.items if one.instance_id == instance_id), None)
    if item is None:
        return Result.FAILED, "the answer does not mention it; the next run looks before it acts"
    if not item.accepted:
        return Result.FAILED, f"refused with code {item.code or 'none'}: {item.message or 'no message'}"
    state = task.state_of(instance_id) if task else None
    if task is not None and state is TaskState.SUCCESS:
        return Result.ATTACHED, f"task {answer.task_id} has succeeded"
    if task is not None and (state is TaskState.FAILED or task.overall is TaskState.FAILED):
        return Result.FAILED, f"task {answer.task_id} failed: {task.why() or 'no error given'}"
    return Result.ATTACHING, f"accepted as task {answer.task_id or 'without id'}"
