"""A store of claims on virtual time, whose operations may be slow, fail, or be forgotten by a failover."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from urllib.parse import unquote

from fctoolkit.errors import StoreError
from fctoolkit.idempotency import Reading, Status
from fctoolkit.idempotency.record import Record, from_text
from tests.simulation.faults import STORE_FINE

if TYPE_CHECKING:
    from tests.simulation.scene import Scene


class SimulatedStore:
    """Keeps claims as `MemoryStore` does. Each operation is a place where others may run."""

    _scene: Scene

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._writes: list[tuple[float, str, str | None]] = []
        self._completed: dict[str, float] = {}

    def enter(self, scene: Scene) -> None:
        """From here on it is a new store, in this scene."""
        self._scene = scene
        self._texts.clear()
        self._writes.clear()
        self._completed.clear()

    @property
    def remembers(self) -> bool:
        """See Store."""
        return True

    def check(self) -> None:
        """Nothing can be wrong."""

    def close(self) -> None:
        """Nothing to let go of."""

    def read(self, key: str) -> Reading:
        """See Store."""
        self._operate("read", key, None)
        return Reading(self._texts.get(key), self._scene.engine.now)

    def swap(self, key: str, old: str | None, new: str | None, seconds: float) -> bool:
        """See Store. Nothing is removed for its age: records say themselves when they end."""
        return self._operate("swap", key, (old, new))

    def records(self) -> list[Record]:
        """Every record, for judging."""
        return [from_text(key, text) for key, text in self._texts.items()]

    def fail_over(self, seconds: float) -> int:
        """Forgets what was written in the last seconds; says how many writes that was."""
        lost = 0
        while self._writes and self._writes[-1][0] > self._scene.engine.now - seconds:
            _, key, before = self._writes.pop()
            lost += 1
            if before is None:
                self._texts.pop(key, None)
            else:
                self._texts[key] = before
        return lost

    def _operate(self, what: str, key: str, change: tuple[str | None, str | None] | None) -> bool:
        scene = self._scene
        invocation = scene.invocation
        trouble = scene.weather.of_store(invocation.step())
        shown = f"store {what} {key.rpartition('/')[2]}"
        if trouble is not STORE_FINE:
            scene.count(trouble.name)
            invocation.troubled = True
            scene.note(invocation.name, shown, trouble.name)
        scene.engine.wait(trouble.travel)
        swapped = trouble.effect == "now" and change is not None and self._swap(key, *change)
        match trouble.end:
            case "cut":
                raise StoreError("the store: cut off", maybe_done=change is not None, transient=True)
            case "full":
                raise StoreError("the store: full")
            case "crash":
                scene.crash(invocation)
            case "frozen":
                scene.freeze(invocation)
            case _:
                pass
        if change is not None:
            after = "nothing" if change[1] is None else from_text(key, change[1]).status.value
            scene.note(invocation.name, shown, f"{after}{'' if swapped else ', too late'}")
        scene.engine.wait(trouble.travel)
        return swapped

    def _swap(self, key: str, old: str | None, new: str | None) -> bool:
        if self._texts.get(key) != old:
            return False
        self._writes.append((self._scene.engine.now, key, old))
        if new is None:
            self._texts.pop(key, None)
        else:
            self._texts[key] = new
            self._count(None if old is None else from_text(key, old), from_text(key, new))
        return True

    def _count(self, before: Record | None, after: Record) -> None:
        name = after.status.value
        if after.status is Status.CLAIMED and before is not None and before.status is Status.CLAIMED:
            name = "taken over"
        self._scene.count(f"claim {name}")
        if after.status is Status.COMPLETED:
            self._completed.setdefault(_resource(after), self._scene.engine.now)

    def knew(self, resource: str, moment: float) -> bool:
        """Whether it had been told before that moment that the work on a resource is done."""
        return self._completed.get(resource, math.inf) < moment

    def lease_of(self, resources: list[str]) -> float:
        """When the first of the claims on these ends; infinite when there is none."""
        ends = [
            record.lease_until
            for record in self.records()
            if record.status is Status.CLAIMED and _resource(record) in resources
        ]
        return min(ends, default=math.inf)


def _resource(record: Record) -> str:
    return unquote(record.key.rpartition("/")[2])
