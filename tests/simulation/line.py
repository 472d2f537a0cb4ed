"""The line between the product and the local cloud: takes the place of its HTTP client. Judges nothing.

On the way to the cloud and on the way back a strand waits, others run, and something may befall the call.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

import httpx2

from enlist.search.view import pair_of
from localcloud.conditions.clock import iso_time
from localcloud.conditions.faults import Fault
from localcloud.message import Request, Response
from tests.simulation.assumptions import HOUR, LEASE, MINUTE
from tests.simulation.faults import (
    DENIED,
    EXPIRED,
    FAILING_TASK,
    FINE,
    POISON,
    REFUSED_ITEM,
    TIMEOUT,
    Trouble,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.simulation.scene import Invocation, Scene

_TASKS = frozenset({"DescribeClusterTasks", "DescribeTaskInfo"})
WRITES = frozenset({"AttachInstances", "AddConnectableCluster"})

FAILED = "it failed"
"""What the task of an attach says that failed later."""

MOST_ON_A_PAGE = 100
"""As CS, ENS and Elasticsearch have it."""

_LOOKING = 1.2
"""Seconds from the beginning of an invocation to its claim, when nothing slows it down."""

_BACK = 0.05
"""Seconds an answer takes."""

_PAGE_SIZE = re.compile(r"((?:^|&)(?:PageSize|pageSize|page_size|size)=)\d+")


class Answered:
    """An answer, as much of `httpx2.Response` as the toolkit uses."""

    __slots__ = ("_body", "headers", "status_code")

    def __init__(self, response: Response) -> None:
        self.status_code = response.status
        self.headers = response.headers
        self._body = response.body

    def iter_bytes(self) -> tuple[bytes, ...]:
        """The body."""
        return (self._body,)

    def close(self) -> None:
        """Nothing is held."""


class Witness(Protocol):
    """Sees each write when it takes effect."""

    def write(self, action: str, request: Request, who: Invocation, do: Callable[[], Response]) -> Response:
        """Has the write done, and judges it."""
        ...


class Line:
    """An HTTP client whose calls go through the scene that was entered last."""

    scene: Scene
    _witness: Witness

    def __init__(self) -> None:
        self.headers = httpx2.Headers()
        self.timeout = httpx2.Timeout(connect=3.0, read=10.0, write=5.0, pool=3.0)

    def enter(self, scene: Scene, witness: Witness) -> None:
        """From here on calls go through this scene, and writes are seen by this witness."""
        self.scene, self._witness = scene, witness

    def send(self, asked: httpx2.Request, *, auth: object, stream: bool) -> Answered:
        """As httpx2 has it; raises its errors when no answer comes."""
        scene = self.scene
        invocation = scene.invocation
        place, action = invocation.step(), asked.headers["x-acs-action"]
        trouble = scene.weather.of_call(place, action)
        if trouble is DENIED and not scene.may_be_hidden(asked.url.path):
            trouble = FINE
        if scene.weather.bad and scene.cursed and action in WRITES and _names(scene.cursed, asked.content):
            trouble = TIMEOUT
        if trouble is not FINE:
            scene.count(trouble.name)
            invocation.troubled = True
        call = _Call(
            self, invocation, action, _request(asked, scene.page_size), trouble, place, scene.engine.now
        )
        if action in WRITES and trouble.travel > 1:
            call.follow()
        scene.engine.wait(trouble.travel)
        response = call.carry(asked.extensions["timeout"]["read"])
        scene.note(invocation.name, call.shown, _summary(action, response))
        scene.engine.wait(_BACK)
        return Answered(response)

    def take_effect(self, action: str, request: Request, who: Invocation) -> Response:
        """What the cloud answers now."""
        cloud = self.scene.cloud
        if action in WRITES:
            if _names(self.scene.poison, request.body):
                return _refusal(POISON)
            return self._witness.write(action, request, who, lambda: cloud.handle(request))
        if action in _TASKS and self.scene.assumed.hides_tasks:
            return self._with_some_tasks_hidden(request)
        return cloud.handle(request)

    def _with_some_tasks_hidden(self, request: Request) -> Response:
        """Lets CS list new tasks late and forget old ones, as far as that is assumed."""
        assumed, now = self.scene.assumed, self.scene.engine.now
        moment = self.scene.cloud.moment()
        young = iso_time(now - assumed.task_lag)
        clusters = self.scene.cloud.clusters.values()
        every = [cluster.tasks for cluster in clusters]
        for cluster in clusters:
            cluster.tasks = {
                task_id: task
                for task_id, task in cluster.tasks.items()
                if str(task.record["created"]) <= young
                and (task.change is None or now - task.change.latest(moment) < assumed.remembered)
            }
        try:
            return self.scene.cloud.handle(request)
        finally:
            for cluster, tasks in zip(clusters, every, strict=True):
                cluster.tasks = tasks


class SignedLine(httpx2.BaseTransport):
    """The same line as a transport of httpx2, so that requests are built and signed as in the cloud."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Sends one request."""
        answered = self._line.send(request, auth=None, stream=True)
        return httpx2.Response(
            answered.status_code, headers=[*answered.headers.items()], content=answered.iter_bytes()[0]
        )


@dataclass(frozen=True, slots=True)
class _Call:
    """One call, and what befalls it."""

    line: Line
    who: Invocation
    action: str
    request: Request
    trouble: Trouble
    place: str
    begun: float

    @property
    def shown(self) -> str:
        """The call in a trace."""
        path, body = self.request.path.strip("/"), self.request.body.decode()
        return f"{self.action} {path} {body}".strip()

    def carry(self, patience: float) -> Response:
        """What the product gets. Raises what httpx2 raises when that is nothing."""
        scene, trouble = self.line.scene, self.trouble
        if self.who.expired or trouble is EXPIRED:
            self.who.expired = True
            return _refusal(EXPIRED)
        response = self._effect() if self._takes_effect() else Response(0)
        if trouble.effect == "late":
            scene.engine.at(self._landing(), self._land)
        if trouble.end != "answer":
            scene.note(self.who.name, self.shown, trouble.name)
        if self.action in WRITES and trouble.end not in ("answer", "refused", "unreachable"):
            self.follow()
        return self._end(response, patience)

    def _takes_effect(self) -> bool:
        """Whether it takes effect at once. What is refused does not, unless that is not assumed."""
        refused = self.trouble.end == "refused" and self.action in WRITES
        may = refused and not self.line.scene.assumed.refused_means_nothing
        return self.trouble.effect == "now" or may

    def _end(self, response: Response, patience: float) -> Response:
        """What its caller sees of it."""
        scene, trouble = self.line.scene, self.trouble
        match trouble.end:
            case "refused":
                return _refusal(trouble)
            case "unreachable":
                raise httpx2.ConnectError("unreachable")
            case "timeout":
                scene.engine.wait(patience)
                raise httpx2.ReadTimeout("no answer")
            case "cut":
                raise httpx2.ReadError("cut off")
            case "crash":
                scene.crash(self.who)
            case "frozen":
                scene.freeze(self.who)
                # Only who was not ended goes on, and then as if nothing had been.
                return response if response.status else self._effect()
            case "unreadable":
                return Response(response.status, response.headers, b"{}")
            case "short":
                return _shortened(response)
            case _:
                pass
        return response

    @property
    def _ids(self) -> list[str]:
        """Of an attach the instances, of a connection the pair as the store names it."""
        body = json.loads(self.request.body)
        if self.action == "AttachInstances":
            return [str(one) for one in body["instances"]]
        return [":".join(pair_of(self.request.path.split("/")[3], str(body["instanceId"])))]

    def _landing(self) -> float:
        """When a late effect takes place: at any time within what is assumed, or at its very end."""
        scene = self.line.scene
        now, bound = scene.engine.now, scene.assumed.late_effect
        if self.action == "AddConnectableCluster" and scene.assumed.token >= HOUR:
            # Its token makes a repeat within the hour in which it was sent the same request.
            rest = HOUR - (self.begun + scene.skew) % HOUR - (now - self.begun) - 0.01
            seconds = max(0.0, min(2 * MINUTE, rest))
        elif bound is None:
            seconds = max(0.0, min(scene.lease_of(self._ids) - now, LEASE) - 0.01)
        else:
            seconds = bound
        share = scene.choices.fraction(f"{self.place} late")
        if scene.choices.pick(f"{self.place} at last", 1, 3):
            return now + max(0.0, seconds - share)
        return now + share * seconds

    def follow(self) -> None:
        """Lets somebody come at the worst of times: right now, or when the claim's lease ends."""
        scene = self.line.scene
        if not scene.weather.bad:
            return
        kind = scene.choices.pick(f"{self.place} follow", 2, 1, 4)
        lease, ids = scene.lease_of(self._ids), [one for name in self._ids for one in name.split(":")]
        moments = [scene.engine.now + 0.2] if kind == 1 else []
        if kind == 2 and lease < math.inf:
            before = [scene.choices.fraction(f"{self.place} before {number}") for number in (1, 2)]
            moments = [lease - _LOOKING * (0.3 + share) for share in before]
        for number, moment in enumerate(moments):
            name = f"follow {number + 1} of {self.place}"
            scene.engine.at(moment, partial(scene.follow, ids, name))

    def _land(self) -> None:
        self.line.scene.note(self.who.name, self.shown, "takes effect now")
        self._effect()

    def _effect(self) -> Response:
        """Lets the call take effect, some instances of an attach be refused, or fail later."""
        scene = self.line.scene
        if self.trouble is REFUSED_ITEM or self.trouble is FAILING_TASK:
            ids: list[str] = json.loads(self.request.body)["instances"]
            first = scene.choices.number(f"{self.place} which", len(ids) - 1)
            some = ids[first:] if scene.choices.pick(f"{self.place} rest", 3, 1) else ids[first : first + 1]
            refused = dict.fromkeys(some, "400") if self.trouble is REFUSED_ITEM else {}
            failing = dict.fromkeys(some, FAILED) if self.trouble is FAILING_TASK else {}
            fault = Fault(service="cs", action="AttachInstances", items=refused, task_items=failing)
            scene.cloud.add_fault(fault)
        return self.line.take_effect(self.action, self.request, self.who)


def _names(ids: Iterable[str], body: bytes | None) -> bool:
    """Whether a body names one of the instances."""
    return any(f'"{one}"'.encode() in (body or b"") for one in ids)


def _request(asked: httpx2.Request, page_size: int) -> Request:
    """The request as the local cloud takes it, with pages as small as they are told to be."""
    path, _, query = asked.url.raw_path.decode().partition("?")
    if page_size < MOST_ON_A_PAGE:
        query = _PAGE_SIZE.sub(rf"\g<1>{page_size}", query)
    return Request(asked.method, path, query, dict(asked.headers.items()), asked.content)


def _refusal(trouble: Trouble) -> Response:
    body = {"code": trouble.code, "Code": trouble.code, "message": trouble.name, "Message": trouble.name}
    return Response(trouble.status, {"content-type": "application/json"}, json.dumps(body).encode())


def _shortened(response: Response) -> Response:
    """The answer of AttachInstances without what it says of the first instance."""
    body = json.loads(response.body)
    body["list"] = body.get("list", [])[1:]
    return Response(response.status, response.headers, json.dumps(body).encode())


def _summary(action: str, response: Response) -> str:
    """An answer in a trace: of a write all of it, of a read its status."""
    return f"{response.status} {response.body.decode()}" if action in WRITES else str(response.status)
