"""What happens in a schedule of either job: events, ticks, retries. Knows neither machines nor pairs."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Literal, Protocol

from tests.simulation.assumptions import DAY, LEASE, SWEEP
from tests.simulation.platform import Delivery
from tests.support.product import TIMER, custom_event, http_event

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.simulation.platform import Platform
    from tests.simulation.scene import Scene

NEVER = 400 * DAY


class Thing(Protocol):
    """An instance of either kind."""

    @property
    def instance_id(self) -> str:
        """Its id."""
        ...

    @property
    def ready(self) -> float:
        """Seconds after which it is ready; NEVER when it never is."""
        ...


class Script:
    """What happens to one job. Subclasses say what people do.

    Args:
        scene: where.
        platform: delivers.
        kind: of the job.
        path: of its HTTP route.
        things: the instances that events name.
        length: seconds in which things happen.
        retried: by instance id, when an operator asked to try it again.
    """

    def __init__(
        self,
        scene: Scene,
        platform: Platform,
        *,
        kind: Literal["edge", "search"],
        path: str,
        things: Sequence[Thing],
        length: float,
        retried: dict[str, float],
    ) -> None:
        self._scene = scene
        self._platform = platform
        self._kind = kind
        self._path = path
        self._things = things
        self._length = length
        self._retried = retried
        self._began = scene.engine.now

    def write(self) -> None:
        """Puts everything that happens on the schedule."""
        for thing in self._things:
            self._events(thing)
        for number in range(1, int(self._length / SWEEP) + 1):
            self._ticks(f"tick {number}", number * SWEEP)
        for number in range(self._scene.choices.pick("happenings", 5, 4, 2, 1)):
            self._happening(f"happening {number + 1}")

    def tick(self, name: str) -> None:
        """The timer comes."""
        self._platform.deliver(Delivery(name, TIMER))

    def again(self, ids: list[str], name: str) -> None:
        """One more event about these instances."""
        self._platform.deliver(Delivery(name, self._event(*ids), retries=3))

    def retry(self, name: str, instance_id: str) -> None:
        """An operator asks for an instance whatever is remembered of it."""
        self._retried[instance_id] = self._scene.engine.now
        self._scene.note("somebody", f"asks to retry {instance_id}")
        self._scene.count("retries asked for")
        body = {"instances": [instance_id], "retry": True}
        self._platform.deliver(Delivery(name, http_event(body, path=self._path)))

    def _happening(self, name: str) -> None:
        """Puts something that people do on the schedule."""
        raise NotImplementedError

    def _asked(self, name: str, path: str) -> Callable[[], None]:
        """Somebody asks over HTTP, without a body."""
        return lambda: self._platform.deliver(Delivery(name, http_event({}, path=path)))

    def _at(self, seconds: float, action: Callable[[], None]) -> None:
        self._scene.engine.at(self._began + seconds, action)

    def _event(self, *ids: str) -> bytes:
        return custom_event(*ids, kind=self._kind)

    def _events(self, thing: Thing) -> None:
        """Events of an instance: mostly one when it is ready; also early, again, late, together, never."""
        choices = self._scene.choices
        copies = (1, 2, 3, 0)[choices.pick(f"{thing.instance_id} events", 6, 4, 1, 2)]
        for copy in range(copies):
            name = f"event {thing.instance_id}.{copy + 1}"
            ready = thing.ready if thing.ready < NEVER else 0.0
            moment = (ready + 1.0, 0.0, SWEEP - 0.3, ready + LEASE)[choices.pick(f"{name} when", 5, 1, 3, 1)]
            moment += (0.0, 0.1, 0.5, 5.0)[choices.pick(f"{name} after", 4, 3, 2, 1)]
            ids = [thing.instance_id]
            if choices.pick(f"{name} all", 5, 1):
                ids = [one.instance_id for one in self._things]
            raw = self._event(*ids)
            if choices.pick(f"{name} batch", 6, 1):
                raw = json.dumps([json.loads(self._event(one)) for one in ids]).encode()
            delivery = Delivery(name, raw, retries=3)
            self._at(moment, partial(self._platform.deliver, delivery))

    def _ticks(self, name: str, moment: float) -> None:
        if not self._scene.assumed.ticks:
            return
        choices = self._scene.choices
        copies = (1, 0, 2)[choices.pick(f"{name} copies", 7, 2, 1)]
        late = (0.0, 0.4, 20.0)[choices.pick(f"{name} late", 5, 2, 1)]
        for copy in range(copies):
            self._at(moment + late * (copy + 1), partial(self.tick, f"{name}.{copy + 1}"))
