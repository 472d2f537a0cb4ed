"""Asynchronous tasks: background invocations that can be asked about and stopped. Runs none of them.

A function has them where `asyncTask` is set for its asynchronous invocations. What becomes of a task is told
by what delivers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from localcloud.message import Response, json_response
from localcloud.services.base import integer
from localcloud.services.fc.codes import missing, there_already, wrong
from localcloud.services.fc.plane import DONE, LARGEST_PAGE, PAGE, qualifier_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fctoolkit.jsontypes import JsonObject, JsonValue
    from localcloud.delivery.deliveries import Deliveries
    from localcloud.delivery.journal import DeliveryRecord
    from localcloud.services.base import Call, Handler, Work
    from localcloud.services.fc.model import Function
    from localcloud.services.fc.plane import Plane

RUNNING: Final = "Running"
RETRYING: Final = "Retrying"
STOPPING: Final = "Stopping"
STOPPED: Final = "Stopped"
_OVER: Final = frozenset({"Succeeded", "Failed", STOPPED})
MOST_TASKS: Final = 10_000
"""Tasks that are remembered, each with its payload. FC forgets them with time."""


@dataclass(slots=True)
class Task:
    """One task.

    Attributes:
        function: the ARN of the version or alias that was invoked.
        started: milliseconds since the epoch, as `ended` is; that is 0 before the end.
        events: the states it has come through, with their times.
    """

    id: str
    function: str
    qualifier: str
    request_id: str
    payload: str
    started: int
    status: str = RUNNING
    ended: int = 0
    tries: int = 0
    error: str = ""
    result: str = ""
    instance: str = ""
    events: list[tuple[str, int]] = field(default_factory=list)

    def becomes(self, status: str, at: int) -> None:
        """Goes on to another state."""
        self.status = status
        self.events.append((status, at))
        if status in _OVER:
            self.ended = at

    def record(self, *, payload: bool) -> JsonObject:
        """As FC answers it, with or without what the function got and gave."""
        events: list[JsonValue] = [
            {"eventId": number, "status": status, "timestamp": at, "eventDetail": ""}
            for number, (status, at) in enumerate(self.events, start=1)
        ]
        record: JsonObject = {
            "taskId": self.id,
            "functionArn": self.function,
            "qualifier": self.qualifier,
            "requestId": self.request_id,
            "status": self.status,
            "startedTime": self.started,
            "endTime": self.ended,
            "durationMs": max(self.ended - self.started, 0),
            "alreadyRetriedTimes": max(self.tries - 1, 0),
            "taskErrorMessage": self.error,
            "instanceId": self.instance,
            "events": events,
        }
        return {**record, "taskPayload": self.payload, "returnPayload": self.result} if payload else record


class Tasks:
    """The tasks of all functions, in the order they came. `now` is the state clock."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._tasks: dict[tuple[str, str], Task] = {}
        self._by_request: dict[str, Task] = {}

    def begin(self, function: Function, task_id: str, call: Call) -> None:
        """Notes an invocation that is taken now; refuses an id that the function has had."""
        if (function.id, task_id) in self._tasks:
            raise there_already("AsyncTask", task_id)
        qualifier = qualifier_of(call)
        task = Task(
            task_id,
            function.arn(qualifier),
            qualifier,
            call.request_id,
            call.content.decode(errors="replace"),
            self._milliseconds(),
        )
        task.becomes(RUNNING, task.started)
        self._tasks[function.id, task_id] = task
        self._by_request[call.request_id] = task
        if len(self._tasks) > MOST_TASKS:
            self._forget_one()

    def of(self, function: Function) -> list[Task]:
        """The tasks of a function."""
        return [task for (owner, _), task in self._tasks.items() if owner == function.id]

    def get(self, function: Function, task_id: str) -> Task:
        """One task of a function; refuses an id that it has not."""
        task = self._tasks.get((function.id, task_id))
        if task is None:
            raise missing("AsyncTask", task_id, f"function '{function.name}'")
        return task

    def stop(self, task: Task, deliveries: Deliveries) -> None:
        """Lets a task be tried no more. A try that is under way is waited for, and counts no more."""
        if task.status not in _OVER:
            waited = deliveries.forget(task.request_id)
            task.becomes(STOPPED if waited else STOPPING, self._milliseconds())

    def tried(self, record: DeliveryRecord, deliveries: Deliveries) -> None:
        """Notes what became of a try."""
        invocation = record.invocation
        task = self._by_request.get(invocation.request_id)
        if task is None or task.status in _OVER:
            return
        task.tries, task.instance = record.tries, invocation.instance_id
        if task.status == STOPPING:
            deliveries.forget(task.request_id)
            task.becomes(STOPPED, self._milliseconds())
            return
        task.result = invocation.payload.decode(errors="replace")
        task.error = "" if invocation.ok else task.result
        over = "Succeeded" if invocation.ok else "Failed"
        task.becomes(over if record.over else RETRYING, self._milliseconds())

    def _forget_one(self) -> None:
        """Forgets the first task that is over."""
        first = next((key for key, task in self._tasks.items() if task.status in _OVER), None)
        if first is not None:
            del self._by_request[self._tasks.pop(first).request_id]

    def _milliseconds(self) -> int:
        return int(self._now() * 1000)


class TaskActions:
    """ListAsyncTasks and its like."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self.actions: Mapping[str, Handler] = {
            "ListAsyncTasks": self._list,
            "GetAsyncTask": self._get,
            "StopAsyncTask": self._stop,
        }

    def _list(self, call: Call) -> Response:
        """The newest first, unless the order is asc."""
        size = integer(call, "limit", PAGE, maximum=LARGEST_PAGE)
        order = call.query.get("sortOrderByTime") or "desc"
        if order not in {"asc", "desc"}:
            raise wrong(f"sortOrderByTime must be asc or desc, not {order!r}.")
        found = [one for one in self._plane.tasks.of(self._plane.function(call)) if _matches(one, call.query)]
        if order == "desc":
            found.reverse()
        token = call.query.get("nextToken", "")
        ids = [task.id for task in found]
        if token:
            if token not in ids:
                raise wrong(f"nextToken {token!r} is none that was given.")
            found = found[ids.index(token) :]
        with_payload = call.query.get("includePayload", "").lower() == "true"
        rows: list[JsonValue] = [task.record(payload=with_payload) for task in found[:size]]
        following: JsonObject = {"nextToken": found[size].id} if len(found) > size else {}
        return json_response({"tasks": rows, **following})

    def _get(self, call: Call) -> Response:
        return json_response(self._found(call).record(payload=True))

    def _stop(self, call: Call) -> Work:
        task = self._found(call)

        # What delivers may be waiting for the cloud.
        def stop() -> Response:
            self._plane.tasks.stop(task, self._plane.stage.deliveries())
            return DONE

        return stop

    def _found(self, call: Call) -> Task:
        return self._plane.tasks.get(self._plane.function(call), call.path["taskId"])


def _matches(task: Task, query: Mapping[str, str]) -> bool:
    begin, end = query.get("startedTimeBegin", ""), query.get("startedTimeEnd", "")
    return (
        task.id.startswith(query.get("prefix", ""))
        and query.get("qualifier", task.qualifier) == task.qualifier
        and query.get("status", task.status) == task.status
        and (not begin.isdecimal() or task.started >= int(begin[:15]))
        and (not end.isdecimal() or task.started <= int(end[:15]))
    )
