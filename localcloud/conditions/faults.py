"""Trouble on demand: calls that fail, hang, are cut off or partly succeed. Knows no service.

A fault waits for calls of its action and is used up after `times` of them. Faults are taken in the order they
were added, and only by requests whose signature is good.
"""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Final, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator

from localcloud.errors import Refusal
from localcloud.message import Response

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_TROUBLES: Final = ("status", "code", "body", "headers", "drop", "delay", "malformed", "items", "task_items")
"""What a fault can ask for; without one of them nobody would notice it."""
Malformed: TypeAlias = Literal["not_json", "cut", "truncated", "html", "empty", "wrong_type"]


class Fault(BaseModel):
    """One kind of trouble.

    Attributes:
        id: given by the cloud, counted from 1; what is sent has no effect.
        service: its short name, as `calls` has it: `cs`, `fc` (FC 3.0), `fc2` (FC 2.0) and so on.
        action: the action it befalls; `*` for every action of the service.
        path: only calls whose path contains this, such as a cluster's id; empty for all.
        caller: only calls signed with this access key id; empty for all.
        after: so many calls that it could befall are left alone first.
        probability: how likely it befalls each of the others.
        seed: of the dice, where the probability is below 1. Each fault has dice of its own, so a run that
            makes the same calls in the same order meets the same trouble.
        times: how many calls it befalls; None for all that come.
        status: HTTP status of the failure; 500 when only another part of a failure is given.
        code: the failure's code, in the service's own error shape.
        message: the failure's message.
        headers: added to the answer, such as `x-acs-retry-after` (milliseconds).
        body: the answer's raw body, instead of one made from code and message; with no status it is sent as
            200.
        malformed: what is wrong with the answer, of the action or of the failure. `not_json`: a text in the
            place of the body. `cut`: half of the body, and its length is right. `truncated`: half of the
            body, the length says more, and the connection is closed. `html`: the page of a proxy. `empty`:
            no body. `wrong_type`: the body as it is, said to be plain text.
        effect: `before`: the action is not done. `after`: it is done, and then the failure is answered.
        drop: the connection is cut instead of an answer.
        delay: seconds before the answer. On its own it lets the action succeed.
        items: refuses single items of a call with several, each with its code: instances by id in
            AttachInstances, or any item by its place, counted from `1`.
        task_items: AttachInstances accepts these instances; in its task they fail, each with its message.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: int = 0
    service: str
    action: str
    path: str = ""
    caller: str = ""
    after: Annotated[int, Field(ge=0)] = 0
    probability: Annotated[float, Field(gt=0, le=1)] = 1.0
    seed: int = 0
    times: Annotated[int, Field(ge=1)] | None = 1
    status: Annotated[int, Field(ge=200, le=599)] | None = None
    code: str = ""
    message: str = ""
    headers: dict[str, str] = Field(default_factory=dict)
    body: str | None = None
    malformed: Malformed | None = None
    effect: Literal["before", "after"] = "before"
    drop: bool = False
    delay: Annotated[float, Field(ge=0)] = 0.0
    items: dict[str, str] = Field(default_factory=dict)
    task_items: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        if self.model_fields_set.isdisjoint(_TROUBLES):
            raise ValueError(f"asks for no trouble: give one of {', '.join(_TROUBLES)}")
        if self.drop and (self.malformed or self.body is not None):
            raise ValueError("drop cuts the connection: there is no answer to give a body or to be malformed")
        return self

    @property
    def fails(self) -> bool:
        """Whether the answer is a failure, and not only late, partial or malformed."""
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
        """`response` with what is wrong with it, and with the fault's headers and delay."""
        spoiled = _SPOILED[self.malformed](response) if self.malformed else response
        return replace(spoiled, headers={**spoiled.headers, **self._lower()}, delay=self.delay)

    def _lower(self) -> dict[str, str]:
        return {name.lower(): value for name, value in self.headers.items()}


def _html(response: Response) -> Response:
    page = f"<html><head><title>{response.status}</title></head><body>a proxy</body></html>"
    return replace(response, headers={**response.headers, "content-type": "text/html"}, body=page.encode())


def _half(response: Response) -> int:
    return len(response.body) // 2


_SPOILED: Final[Mapping[Malformed, Callable[[Response], Response]]] = {
    "not_json": lambda response: replace(response, body=b"this is not JSON"),
    "cut": lambda response: replace(response, body=response.body[: _half(response)]),
    "truncated": lambda response: replace(response, cut_after=_half(response)),
    "html": _html,
    "empty": lambda response: replace(response, body=b""),
    "wrong_type": lambda response: replace(
        response, headers={**response.headers, "content-type": "text/plain"}
    ),
}


@dataclass(slots=True)
class _Waiting:
    """A fault, what is left of its numbers, and its dice."""

    fault: Fault
    skip: int
    left: int | None
    dice: random.Random | None

    def concerns(self, service: str, action: str, path: str, caller: str) -> bool:
        """Whether it waits for such a call."""
        fault = self.fault
        return (
            fault.service == service
            and fault.action in {action, "*"}
            and fault.path in path
            and fault.caller in {"", caller}
        )

    def befalls(self) -> bool:
        """Whether it befalls this call; counts."""
        if self.skip:
            self.skip -= 1
            return False
        if self.dice is not None and self.dice.random() >= self.fault.probability:
            return False
        if self.left is not None:
            self.left -= 1
        return True

    def told(self) -> Fault:
        """The fault with what is left."""
        return self.fault.model_copy(update={"after": self.skip, "times": self.left})


class FaultBook:
    """The faults that still wait, in order."""

    def __init__(self) -> None:
        self._waiting: list[_Waiting] = []
        self._numbers = itertools.count(1)

    def add(self, fault: Fault) -> int:
        """Lets the fault wait for its calls; returns its id."""
        number = next(self._numbers)
        named = (fault.seed, fault.service, fault.action)
        # Counted among those that wait, so that one that is added once more throws the same.
        twins = sum((one.fault.seed, one.fault.service, one.fault.action) == named for one in self._waiting)
        # A text is a seed that is the same in every process.
        seed = f"{fault.seed}/{fault.service}/{fault.action}/{twins}"
        dice = random.Random(seed) if fault.probability < 1 else None  # noqa: S311 - no secret is made of it
        known = fault.model_copy(update={"id": number})
        self._waiting.append(_Waiting(known, fault.after, fault.times, dice))
        return number

    def take(self, service: str, action: str, path: str, caller: str) -> Fault | None:
        """The first fault that befalls this call, counted down."""
        for waiting in self._waiting:
            if waiting.concerns(service, action, path, caller) and waiting.befalls():
                if waiting.left == 0:
                    self._waiting.remove(waiting)
                return waiting.fault
        return None

    def waiting(self) -> list[Fault]:
        """The faults that still wait, with what is left of `after` and `times`."""
        return [waiting.told() for waiting in self._waiting]

    def remove(self, number: int | None = None) -> bool:
        """Forgets the fault of an id, or all; False when there is none of that id."""
        kept = [one for one in self._waiting if number is not None and one.fault.id != number]
        known = number is None or len(kept) < len(self._waiting)
        self._waiting = kept
        return known
