"""Trouble on demand: calls that fail, hang, are cut off or partly succeed. Knows no service.

A fault waits for calls of its action and is used up after `times` of them. Faults are taken in the order they
were added, and only by requests whose signature is good.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from localcloud.errors import Refusal
from localcloud.message import Response


class Fault(BaseModel):
    """One kind of trouble.

    Attributes:
        service: its short name, as `calls` has it: `cs`, `fc` (FC 3.0), `fc2` (FC 2.0) and so on.
        action: the action it befalls; `*` for every action of the service.
        path: only calls whose path contains this, such as a cluster's id; empty for all.
        times: how many calls it befalls.
        status: HTTP status of the failure; 500 when only another part of a failure is given.
        code: the failure's code, in the service's own error shape.
        message: the failure's message.
        headers: added to the answer, such as `x-acs-retry-after` (milliseconds).
        body: the answer's raw body, instead of one made from code and message; with no status it is sent as
            200.
        effect: `before`: the action is not done. `after`: it is done, and then the failure is answered.
        drop: the connection is cut instead of an answer.
        delay: seconds before the answer. On its own it lets the action succeed.
        items: AttachInstances refuses these instances, each with its code.
        task_items: AttachInstances accepts these instances; in its task they fail, each with its message.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    service: str
    action: str
    path: str = ""
    times: Annotated[int, Field(ge=1)] = 1
    status: Annotated[int, Field(ge=200, le=599)] | None = None
    code: str = ""
    message: str = ""
    headers: dict[str, str] = Field(default_factory=dict)
    body: str | None = None
    effect: Literal["before", "after"] = "before"
    drop: bool = False
    delay: Annotated[float, Field(ge=0)] = 0.0
    items: dict[str, str] = Field(default_factory=dict)
    task_items: dict[str, str] = Field(default_factory=dict)

    @property
    def fails(self) -> bool:
        """Whether the answer is a failure, and not only late or partial."""
        return self.drop or self.status is not None or bool(self.code) or self.body is not None

    def raw_response(self) -> Response | None:
        """The answer when it needs no service's shape: a cut connection or a body of its own."""
        if self.drop:
            return Response(0, dropped=True)
        if self.body is None:
            return None
        return Response(
            self.status or 200, {"content-type": "application/json", **self._lower()}, self.body.encode()
        )

    def refusal(self) -> Refusal:
        """The failure, for a service to put into its own shape."""
        return Refusal(
            self.status or 500, self.code or "InternalError", self.message or "a fault was asked for"
        )

    def dressed(self, response: Response) -> Response:
        """`response` with the fault's headers and delay."""
        return Response(
            response.status,
            {**response.headers, **self._lower()},
            response.body,
            self.delay,
            response.dropped,
        )

    def _lower(self) -> dict[str, str]:
        return {name.lower(): value for name, value in self.headers.items()}


class FaultBook:
    """The faults that still wait, in order."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Lets the fault wait for its calls."""
        self._waiting.append(fault)

    def take(self, service: str, action: str, path: str) -> Fault | None:
        """The first fault that waits for this call, counted down."""
        for index, fault in enumerate(self._waiting):
            if fault.service == service and fault.action in {action, "*"} and fault.path in path:
                left = [fault.model_copy(update={"times": fault.times - 1})] if fault.times > 1 else []
                self._waiting[index : index + 1] = left
                return fault
        return None

    def waiting(self) -> list[Fault]:
        """The faults that still wait."""
        return list(self._waiting)
