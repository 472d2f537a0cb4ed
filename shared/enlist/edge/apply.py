"""The only writes to edge clusters: AttachInstances, and the reading of what it answered. Plans nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from enlist.clients.cs import (
    AttachedItem,
    AttachInstancesAnswer,
    AttachInstancesRequest,
    CsClient,
    Task,
    TaskState,
)
from enlist.edge.history import failure
from enlist.edge.lookagain import look_again
from enlist.ledger import Hold, Ledger
from enlist.outcomes import Outcome, Result
from enlist.troubles import concerns_all, result_of
from fctoolkit.clock import Clock, Deadline
from fctoolkit.errors import AccessDeniedError, ApiError, PermanentError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from enlist.bindings.model import EdgeBinding
    from enlist.edge.plan import Attach
    from enlist.settings import Settings
    from fctoolkit.jsontypes import JsonObject

TASK_POLL_SECONDS = 5.0

LEAST_SECONDS = 2.0
"""With less time left than this no call is prepared, and nothing claimed."""

MOST_REFUSALS = 5
"""So many calls for one instance each, refused in a row, and it is not the instances that are at fault."""

_NO_TIME = "no time was left for its call; the next run goes on, the oldest first"
_UNCLEAR = "unclear whether it was accepted; the next run looks before it acts"


class _Sent(NamedTuple):
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


@dataclass(slots=True)
class _Progress:
    """How far an action is: what is held, what was sent, and the tasks of what an answer left unclear."""

    action: Attach
    holds: dict[str, Hold] = field(default_factory=dict[str, Hold])
    calls: list[_Sent] = field(default_factory=list[_Sent])
    refusals: int = 0
    tasks: dict[str, str] = field(default_factory=dict[str, str])

    def named(self, instance_id: str, verdict: Outcome) -> Outcome:
        """The verdict on one of the action's instances."""
        binding = self.action.binding
        return verdict._replace(instance_id=instance_id, binding=binding.name, target=binding.cluster)

    def blames_instance(self, sent: _Sent) -> bool:
        """Whether a call was refused for the sake of its one instance, and not whatever it had named."""
        answered = any(not isinstance(one.result, ApiError) for one in self.calls)
        alike = self.refusals >= MOST_REFUSALS or (
            isinstance(sent.result, ApiError) and concerns_all(sent.result)
        )
        return sent.refused and (answered or not alike)


class EdgeApplier:
    """Attaches what a plan asks for.

    Args:
        cs: the calls.
        ledger: the claims, one an instance, made directly before its call.
        clock: measures calls, waits between looks at a task.
        settings: how many instances go into a call, and how many seconds to wait for tasks after the last
            attach; 0 leaves them to a sweep.
        deadline: no look at a task begins after it.
    """

    def __init__(
        self, cs: CsClient, ledger: Ledger, clock: Clock, settings: Settings, deadline: Deadline
    ) -> None:
        self._cs = cs
        self._ledger = ledger
        self._clock = clock
        self._task_wait = settings.task_wait
        self._ids_per_call = settings.ids_per_call
        self._deadline = deadline

    def apply(self, actions: Sequence[Attach]) -> Iterator[Outcome]:
        """One outcome for each instance of the actions. API errors become outcomes, they are not raised."""
        all_progress = [_Progress(action) for action in actions]
        for progress in all_progress:
            yield from self._carry_out(progress)
        # What is unclear is looked at, and settled, before the wait, which may use up the time.
        seen = [
            (progress, sent, self._settle_rest(progress, sent))
            for progress in all_progress
            for sent in progress.calls
        ]
        tasks = self._wait_for([sent for _, sent, _ in seen])
        for progress, sent, shown in seen:
            for outcome in _outcomes(sent, shown, tasks):
                one = outcome.instance_id
                task_id = outcome.task_id or progress.tasks.get(one, "")
                yield outcome._replace(task_id=task_id, attempts=progress.holds[one].attempts)

    def _carry_out(self, progress: _Progress) -> Iterator[Outcome]:
        """Sends the action's calls until enough is accepted; outcomes of those that were not sent at all."""
        action = progress.action
        waiting: list[str] = [*action.instance_ids]
        accepted, limit = 0, action.limit
        size = self._ids_per_call
        while waiting and accepted < action.most:
            if self._deadline.remaining() < LEAST_SECONDS:
                limit = _NO_TIME
                break
            size = min(size, action.most - accepted)
            batch = _next_call(action, waiting, size)
            denied = self._claim(progress, batch)
            for one, verdict in denied.items():
                yield progress.named(one, verdict)
            some = tuple(one for one in batch if one not in denied)
            rest = waiting[len(batch) :]
            if not some:
                waiting = rest
                continue
            sent = self._send(action.binding, some)
            if len(some) > 1 and sent.refused:
                # Nothing was accepted, and one bad id must not keep its neighbours out: halves find it soon.
                size, waiting = len(some) // 2, [*some, *rest]
                continue
            waiting = rest
            size = size if sent.refused else min(size * 2, self._ids_per_call)
            progress.calls.append(sent)
            self._settle_answered(progress, sent)
            accepted += sent.accepted()
            progress.refusals = progress.refusals + 1 if not sent.accepted() else 0
            if isinstance(sent.result, ApiError) and (not sent.refused or progress.refusals == MOST_REFUSALS):
                limit = f"not tried, because calls before it did not succeed: {sent.result}"
                break
        for one in waiting:
            if one in progress.holds:
                progress.holds[one].give_back()
            yield progress.named(one, Outcome.verdict(Result.DEFERRED, limit))

    def _claim(self, progress: _Progress, ids: Sequence[str]) -> dict[str, Outcome]:
        """Claims those of the ids that are not held yet; verdicts on those that may not be attached now."""
        action, denied, doubtful = progress.action, dict[str, Outcome](), list[str]()
        for one in ids:
            if one in progress.holds:
                continue
            if self._deadline.remaining() < LEAST_SECONDS:
                denied[one] = Outcome.verdict(Result.DEFERRED, _NO_TIME)
                continue
            granted = self._ledger.claim(
                one, retried=one in action.retried, revoked=action.revoked.get(one, "")
            )
            if isinstance(granted, Outcome):
                denied[one] = granted
                continue
            progress.holds[one] = granted
            if granted.must_look:
                doubtful.append(one)
        return {**denied, **self._look_before(progress, doubtful)}

    def _look_before(self, progress: _Progress, ids: Sequence[str]) -> dict[str, Outcome]:
        """Looks once more for ids that an attempt before may have attached since they were looked at."""
        if not ids:
            return {}
        binding, found = progress.action.binding, dict[str, Outcome]()
        try:
            shown = look_again(self._cs, binding, ids, self._clock)
        except ApiError as error:
            for one in ids:
                progress.holds[one].give_back()
            why = f"an earlier attempt may have attached it, and looking did not succeed: {error}"
            return {one: Outcome.verdict(result_of(error), why) for one in ids}
        for one in ids:
            if one in shown.joining:
                task_id = shown.tasks.get(one, "")
                progress.holds[one].done(kept_of(binding, task_id))
                verdict = Outcome.verdict(Result.ATTACHING, "an earlier attempt was accepted after all")
                found[one] = verdict._replace(task_id=task_id)
            elif one in shown.present:
                progress.holds[one].give_back()
                found[one] = Outcome.verdict(Result.DEFERRED, "the cluster may have it; the next run looks")
        return found

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

    def _settle_answered(self, progress: _Progress, sent: _Sent) -> None:
        """Settles the claims of those whom the answer mentions, at once: the function may die any time."""
        if isinstance(sent.result, ApiError):
            return
        for item in sent.result.items:
            hold = progress.holds.get(item.instance_id)
            if hold is not None and item.accepted:
                hold.done(kept_of(sent.binding, sent.task_id, sent.request_id))
            elif hold is not None:
                hold.failed(_refusal(item))

    def _settle_rest(self, progress: _Progress, sent: _Sent) -> frozenset[str]:
        """Looks for those of whom it is unclear whether they were accepted, and gives those that are there.

        An unclear claim is left to its lease: the effect may still be on its way.
        """
        shown = self._look_after(progress, sent)
        for one in shown:
            task_id = sent.task_id or progress.tasks.get(one, "")
            progress.holds[one].done(kept_of(sent.binding, task_id, sent.request_id))
        error = sent.result
        if isinstance(error, ApiError) and not error.failure.maybe_done:
            blamed = progress.blames_instance(sent)
            for one in sent.ids:
                if blamed:
                    progress.holds[one].failed(str(error))
                else:
                    progress.holds[one].give_back()
        return shown

    def _look_after(self, progress: _Progress, sent: _Sent) -> frozenset[str]:
        unclear = sent.unclear()
        if not unclear:
            return unclear
        try:
            shown = look_again(self._cs, sent.binding, sorted(unclear), self._clock)
        except ApiError:
            return frozenset()
        progress.tasks.update(shown.tasks)
        return shown.joining


def _next_call(action: Attach, waiting: Sequence[str], size: int) -> Sequence[str]:
    """Who goes into the next call, at most so many: who has to be alone is."""
    if waiting[0] in action.alone:
        return waiting[:1]
    return [one for one in waiting[:size] if one not in action.alone]


def kept_of(binding: EdgeBinding, task_id: str = "", request_id: str = "") -> JsonObject:
    """What is kept of an accepted attach."""
    return {
        "target": binding.cluster,
        "region": binding.region,
        "taskId": task_id,
        "requestId": request_id,
    }


def _refusal(item: AttachedItem) -> str:
    return f"refused with code {item.code or 'none'}: {item.message or 'no message'}"


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
        return Result.FAILED, _refusal(item)
    task = tasks.get(answer.task_id)
    state = task.state_of(instance_id) if task else None
    if state is TaskState.SUCCESS:
        return Result.ATTACHED, f"task {answer.task_id} has succeeded"
    if task is not None and (state is TaskState.FAILED or task.overall is TaskState.FAILED):
        return Result.FAILED, failure(task)
    return Result.ATTACHING, f"accepted as task {answer.task_id or 'without id'}"
