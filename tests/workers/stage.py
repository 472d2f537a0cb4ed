"""The cloud that the workers call, and the hand that kills them: SIGKILL at an API call, or at any moment."""

from __future__ import annotations

import random
import re
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Final

from localcloud import LocalCloud
from localcloud.conditions.clock import StateClock
from localcloud.message import Response

if TYPE_CHECKING:
    from collections.abc import Sequence

    from localcloud.message import Request
    from tests.workers.fleet import Worker
    from tests.workers.function.hurry import Hurry

AT_A_WRITE: Final = 0.3
"""How likely a worker is killed while it waits for the answer of a write."""
AT_A_LOOK: Final = 0.004
"""The same for any other call."""
AT_ANY_MOMENT: Final = (0.2, 0.9)
"""Seconds between two kills that look at no call."""
_KEY: Final = re.compile(r"Credential=worker-(\d+)")

BEHAVIOUR: Final = {
    "node_listing": 5,
    "node_joining": 15,
    "ens_reload": 5,
    "ens_start": 30,
    "node_quota": 10_000,
}


class Stage(LocalCloud):
    """A local cloud whose callers may die while they wait for it.

    Each worker signs with a key of its own, so that the caller of a request is known. When a caller died,
    every second request is carried out all the same. The seed decides on the dice; when they are thrown is
    up to the machine.
    """

    def __init__(self, seed: int, kills: int, hurry: Hurry) -> None:
        super().__init__(wall_clock=hurry.now)
        self.clock = StateClock(ticks=lambda: time.monotonic() * hurry.speed)
        self.clock.follow()
        self.workers: Sequence[Worker] = ()
        self.kills: Counter[str] = Counter()
        self._chance = random.Random(seed)  # noqa: S311 -- no secret
        self._drawn = Counter[bool]()
        self._left = kills
        self._lock = threading.Lock()
        self._over = threading.Event()

    def handle(self, request: Request) -> Response:
        """Answers a request; kills its caller first when the dice say so."""
        key = _KEY.search(request.header("authorization"))
        action = request.header("x-acs-action")
        if key is None:
            return super().handle(request)
        write = action == "AttachInstances"
        with self._lock:
            kill = self._left > 0 and self._chance.random() < (AT_A_WRITE if write else AT_A_LOOK)
            self._drawn[write] += kill
            # One after the other, so that few kills are enough to see both.
            heard = self._drawn[write] % 2 == 0
        if not kill:
            return super().handle(request)
        when = f"{'write' if write else 'look'}, {'carried out' if heard else 'not carried out'}"
        self._kill(self.workers[int(key[1])], when)
        return super().handle(request) if heard else Response(0, dropped=True)

    def rage(self) -> None:
        """Kills workers at any moment, until `calm` or until there were enough kills. For a thread."""
        while self._left > 0:
            with self._lock:
                pause, worker = self._chance.uniform(*AT_ANY_MOMENT), self._chance.choice(self.workers)
            if self._over.wait(pause):
                return
            self._kill(worker, "any moment")

    def calm(self) -> None:
        """No more kills."""
        with self._lock:
            self._left = 0
        self._over.set()

    @property
    def writes(self) -> int:
        """How many calls so far changed something, refused ones too."""
        return sum(call["action"] == "AttachInstances" for call in self.calls)

    def _kill(self, worker: Worker, when: str) -> None:
        with self._lock:
            if self._left <= 0:
                return
            self._left -= 1
            self.kills[when] += 1
        worker.kill()
