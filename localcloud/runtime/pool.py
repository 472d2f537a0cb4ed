"""Which instance takes a request, and when another one may start. Starts and measures no process itself.

FC gives a request to a warm instance that has room, else it starts one, up to the function's limit and the
region's; above these it refuses. This machine has a limit of its own, which FC knows nothing of: who needs
another instance then waits for one that ends, idle ones of other functions first.

Sources: https://www.alibabacloud.com/help/en/functioncompute/fc/overview-of-configuring-the-maximum-number-of-on-demand-instances
and https://www.alibabacloud.com/help/en/fc/user-guide/configure-instance-concurrency.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from localcloud.errors import LocalCloudError

if TYPE_CHECKING:
    from collections.abc import Callable

    from localcloud.runtime.exchange import Instance

WATCH_SECONDS: Final = 0.05
"""How often instances that work are looked at."""


class ClosedError(LocalCloudError):
    """A function was to run although it was ended."""


class LimitError(Exception):
    """Function or region have as many instances as they may. FC answers that with 429 ResourceExhausted."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How many instances there may be, and for how long.

    Attributes:
        processes: instances on this machine, of all functions; who needs one more waits.
        per_region: instances in a region, of all functions; one more is refused. FC's pages say 300, and 100.
        idle_seconds: after so long without a request an instance ends. Real time, as processes cost real
            memory; FC does not say how long it keeps them.
    """

    processes: int = 8
    per_region: int = 300
    idle_seconds: float = 300.0


@dataclass(eq=False, slots=True)
class Slot:
    """The place of one instance: taken before it starts, free when it has ended.

    Attributes:
        running: requests that it has now.
        ready: whether it takes requests beside the one that it was started for.
        provisioned: whether it is kept, however long it is idle.
        used_at: when it last had one, seconds that never go back.
        held: the bytes of memory that were last seen in it.
        memory: the most bytes that were seen in it, since it last had no request.
        highest: the most bytes that its process has had at any time.
        since: when it was taken, seconds since the epoch.
    """

    pool: Pool
    instance: Instance | None = None
    instance_id: str = ""
    running: int = 0
    ready: bool = False
    provisioned: bool = False
    used_at: float = 0.0
    held: int = 0
    memory: int = 0
    highest: int = 0
    since: float = field(default_factory=time.time)


@dataclass(eq=False, slots=True)
class Pool:
    """The instances of one function. Guarded by its machine.

    Attributes:
        most: instances at once; None when only the region limits them.
        concurrency: requests that an instance takes at once.
        end: ends an instance that has no requests, its pre-stop hook first.
        watch: looks at an instance that works.
        waiting: requests that wait for an instance.
        leaving: instances that are being ended.
    """

    name: str
    region: str
    most: int | None
    concurrency: int
    end: Callable[[Slot], object]
    watch: Callable[[Slot], None]
    slots: list[Slot] = field(default_factory=list)
    waiting: int = 0
    leaving: int = 0
    closed: bool = False

    def free(self) -> Slot | None:
        """The instance that a request goes to: a provisioned one, a fuller one, the last one used."""
        busy = sum(slot.running > 0 for slot in self.slots)
        # A limit that was lowered leaves instances that may not be used any more until others are idle.
        full = self.most is not None and busy >= self.most
        takers = [
            slot
            for slot in self.slots
            if slot.ready and slot.running < self.concurrency and (slot.running or not full)
        ]
        return max(takers, key=lambda slot: (slot.provisioned, slot.running, slot.used_at), default=None)

    def idle(self) -> list[Slot]:
        """Instances that may be ended, the one used longest ago first."""
        idle = [slot for slot in self.slots if slot.ready and not slot.running and not slot.provisioned]
        return sorted(idle, key=lambda slot: slot.used_at)


class Machine:
    """What runs functions: says who may start, keeps an eye on who works, ends who is idle. Thread-safe.

    `now` is a clock that never goes back.
    """

    def __init__(self, limits: Limits | None = None, *, now: Callable[[], float] = time.monotonic) -> None:
        self.limits = limits or Limits()
        self._now = now
        self._pools: list[Pool] = []
        self._changed = threading.Condition()
        self._wake = threading.Event()
        self._keeping = self._dozing = False

    def add(self, pool: Pool) -> None:
        """Lets a function have instances here."""
        with self._changed:
            self._pools.append(pool)

    def take(self, pool: Pool) -> Slot:
        """A slot for one more request: of a warm instance, or an empty one in which to start another.

        Waits while the machine is full. Raises LimitError when FC would refuse, ClosedError when the pool is
        closed.
        """
        with self._changed:
            while True:
                self._refuse_closed(pool)
                slot = pool.free()
                if slot is None and not _has_room_soon(pool) and self._may_start(pool):
                    slot = self._open(pool)
                if slot is not None:
                    self._begin(slot)
                    return slot
                pool.waiting += 1
                self._changed.wait()
                pool.waiting -= 1

    def provide(self, pool: Pool, target: int) -> Slot | None:
        """An empty slot in which to start one of `target` provisioned instances; None when all are there.

        Warm instances become provisioned first, and what is too many is an instance like others again. Waits
        and raises as `take` does.
        """
        with self._changed:
            while True:
                self._refuse_closed(pool)
                _share_out(pool, target)
                if sum(slot.provisioned for slot in pool.slots) >= target:
                    return None
                if self._may_start(pool):
                    slot = self._open(pool)
                    slot.provisioned = True
                    self._begin(slot)
                    return slot
                self._changed.wait()

    def started(self, slot: Slot) -> None:
        """The slot's instance takes other requests too from now on."""
        with self._changed:
            slot.ready = True
            self._changed.notify_all()

    def give_back(self, slot: Slot) -> bool:
        """A request of the slot is over; whether its instance is still there."""
        with self._changed:
            slot.running -= 1
            slot.used_at = self._now()
            self._changed.notify_all()
            return slot in slot.pool.slots

    def drop(self, slot: Slot) -> None:
        """The slot's instance is gone: it gets no more requests, and its place is free."""
        with self._changed:
            if slot in slot.pool.slots:
                slot.pool.slots.remove(slot)
            self._changed.notify_all()

    def limit(self, pool: Pool, most: int | None) -> None:
        """Changes how many instances a function may have. Those that are too many end when they are idle."""
        with self._changed:
            pool.most = most
            self._wake.set()
            self._changed.notify_all()

    def slots(self, pool: Pool) -> tuple[Slot, ...]:
        """The places that a function has now."""
        with self._changed:
            return tuple(pool.slots)

    def close(self, pool: Pool) -> list[Slot]:
        """Lets a function have no more requests; its slots, for who ends them, when those that run are over.

        Who waits for a slot gets a ClosedError.
        """
        with self._changed:
            pool.closed = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not pool.leaving and not any(slot.running for slot in pool.slots))
            slots, pool.slots = pool.slots, []
            if pool in self._pools:
                self._pools.remove(pool)
            self._wake.set()
            return slots

    @staticmethod
    def _refuse_closed(pool: Pool) -> None:
        if pool.closed:
            raise ClosedError(f"{pool.name} is not run any more: the functions were ended")

    def _may_start(self, pool: Pool) -> bool:
        """Whether there is room for another instance. When there is none here, one that is idle is ended."""
        if pool.most is not None and len(pool.slots) >= pool.most:
            raise LimitError(f"{pool.name} has all the instances it may have at once: {pool.most}")
        region = [one for one in self._pools if one.region == pool.region]
        if sum(len(one.slots) for one in region) >= self.limits.per_region and not self._end_one(region):
            limit = self.limits.per_region
            raise LimitError(f"all functions in {pool.region} have the instances they may have: {limit}")
        if sum(len(one.slots) + one.leaving for one in self._pools) < self.limits.processes:
            return True
        if not any(one.leaving for one in self._pools):
            self._end_one(self._pools)
        return False

    def _end_one(self, pools: list[Pool]) -> bool:
        idle = sorted((slot for pool in pools for slot in pool.idle()), key=lambda slot: slot.used_at)
        if idle:
            self._end(idle[0])
        return bool(idle)

    def _open(self, pool: Pool) -> Slot:
        slot = Slot(pool, used_at=self._now())
        pool.slots.append(slot)
        if not self._keeping:
            self._keeping = True
            threading.Thread(target=self._keep, name="function-keeper", daemon=True).start()
        return slot

    def _begin(self, slot: Slot) -> None:
        if not slot.running:
            slot.memory = slot.held
        slot.running += 1
        if self._dozing:
            self._dozing = False
            self._wake.set()

    def _end(self, slot: Slot) -> None:
        """Ends an idle instance in a thread of its own: its pre-stop hook may take its time."""
        pool = slot.pool
        pool.slots.remove(slot)
        pool.leaving += 1

        def run() -> None:
            try:
                pool.end(slot)
            finally:
                with self._changed:
                    pool.leaving -= 1
                    self._changed.notify_all()

        threading.Thread(target=run, name="function-end", daemon=True).start()

    def _keep(self) -> None:
        """Looks at the instances that work and ends those idle too long, as long as there are any."""
        while (look := self._round()) is not None:
            working, wait = look
            for slot in working:
                slot.pool.watch(slot)
            self._wake.wait(wait)
            self._wake.clear()

    def _round(self) -> tuple[list[Slot], float] | None:
        """Which instances work now, and how long nothing is to be done; None when there are none at all."""
        with self._changed:
            for slot in [slot for pool in self._pools for slot in pool.idle()]:
                most = slot.pool.most
                surplus = most is not None and len(slot.pool.slots) > most
                if surplus or self._now() - slot.used_at >= self.limits.idle_seconds:
                    self._end(slot)
            slots = [slot for pool in self._pools for slot in pool.slots]
            if not slots:
                self._keeping = False
                return None
            working = [slot for slot in slots if slot.running]
            self._dozing = not working
            if working:
                return working, WATCH_SECONDS
            idle = [slot.used_at for pool in self._pools for slot in pool.idle()]
            left = self.limits.idle_seconds - (self._now() - min(idle) if idle else 0.0)
            return [], max(WATCH_SECONDS, left)


def _has_room_soon(pool: Pool) -> bool:
    """Whether an instance that starts can take the request, too, once it is ready."""
    starting = [slot for slot in pool.slots if not slot.ready]
    expected = pool.waiting + sum(slot.running for slot in starting)
    return expected < pool.concurrency * len(starting)


def _share_out(pool: Pool, target: int) -> None:
    for number, slot in enumerate(sorted(pool.slots, key=lambda slot: not slot.provisioned)):
        slot.provisioned = number < target
