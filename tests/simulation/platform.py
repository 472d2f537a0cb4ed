"""Function Compute as far as a schedule needs it: starts invocations, ends them in time, delivers again.

An event whose invocation raised, or was ended, is delivered again; one that returned is not.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from fctoolkit.errors import ToolkitError
from fctoolkit.testing import FakeContext, FakeFunction
from tests.simulation.assumptions import MINUTE, TIMEOUT
from tests.simulation.scene import Invocation

if TYPE_CHECKING:
    from collections.abc import Callable

    from fctoolkit.context import Context
    from fctoolkit.jsontypes import JsonValue
    from tests.simulation.scene import Scene

_MOST_AT_ONCE = 8
_CONTEXT = FakeContext(function=FakeFunction(name="simulated", timeout=TIMEOUT))


@dataclass(frozen=True, slots=True)
class Delivery:
    """Something that invokes the function.

    Attributes:
        name: for people and for decisions; unique.
        raw: the event's bytes.
        retries: how often it is delivered again at most.
        attempt: 1 for the first.
    """

    name: str
    raw: bytes
    retries: int = 0
    attempt: int = 1

    @property
    def title(self) -> str:
        """The name of this attempt."""
        return self.name if self.attempt == 1 else f"{self.name}/{self.attempt}"


@dataclass
class Platform:
    """One function on FC.

    Attributes:
        handle: the function.
        alone: whether only one invocation may run at a time.
        ended: called with what an invocation returned or raised, unless it was killed.
    """

    scene: Scene
    handle: Callable[[bytes, Context], JsonValue]
    alone: bool
    ended: Callable[[Invocation, JsonValue | Exception], None]
    _waiting: deque[Delivery] = field(default_factory=deque[Delivery])
    _at_work: int = 0

    def deliver(self, delivery: Delivery) -> None:
        """Invokes the function, now or when its turn comes."""
        self._waiting.append(delivery)
        self._begin()

    def _begin(self) -> None:
        while self._waiting and self._at_work < (1 if self.alone else _MOST_AT_ONCE):
            self._start(self._waiting.popleft())

    def _start(self, delivery: Delivery) -> None:
        engine = self.scene.engine
        self._at_work += 1
        if self._at_work > 1:
            self.scene.count("invocations side by side")
        strand = engine.begin(lambda: self._run(invocation, delivery))
        invocation = Invocation(delivery.title, engine.now, strand)
        self.scene.running[strand] = invocation
        if self.scene.assumed.killed:
            engine.at(engine.now + TIMEOUT, lambda: self._time_out(invocation))

    def _run(self, invocation: Invocation, delivery: Delivery) -> None:
        scene = self.scene
        scene.note(invocation.name, "begins")
        result: JsonValue | Exception | None = None
        ended = False
        try:
            result = self.handle(delivery.raw, _CONTEXT)
            ended = True
        except ToolkitError as error:
            result, ended = error, True
        except Exception as error:  # noqa: BLE001 -- the product must raise none but its own
            scene.violate("error", repr(error))
            result, ended = error, True
        finally:
            self._at_work -= 1
            engine = scene.engine
            engine.at(engine.now, self._begin)
            if not ended:
                self._again(delivery)
        self.ended(invocation, result)
        if isinstance(result, Exception):
            scene.note(invocation.name, "raises", str(result))
            self._again(delivery)
        else:
            scene.note(invocation.name, "returns", _told(result))
            self._count(result)

    def _count(self, result: JsonValue) -> None:
        """Counts outcomes, so that it can be seen that all of them occur."""
        counts = result.get("counts") if isinstance(result, dict) else None
        for name in counts if isinstance(counts, dict) else ():
            self.scene.count(f"outcome {name}")

    def _time_out(self, invocation: Invocation) -> None:
        if not invocation.strand.dead:
            self.scene.note(invocation.name, "is ended at its timeout")
            self.scene.count("timeout of the function")
            self.scene.engine.kill(invocation.strand)

    def _again(self, delivery: Delivery) -> None:
        if delivery.attempt <= delivery.retries:
            self.scene.count("delivered again")
            following = replace(delivery, attempt=delivery.attempt + 1)
            wait = MINUTE * delivery.attempt
            self.scene.engine.at(self.scene.engine.now + wait, lambda: self.deliver(following))
        elif delivery.retries:
            self.scene.count("dead letters")


def _told(result: JsonValue) -> str:
    outcomes = result.get("outcomes") if isinstance(result, dict) else None
    rows = [one for one in outcomes if isinstance(one, dict)] if isinstance(outcomes, list) else []
    return ", ".join(
        " ".join(str(row.get(key, "")) for key in ("instanceId", "target", "result") if row.get(key))
        for row in rows
    )
