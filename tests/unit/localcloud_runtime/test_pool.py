"""Which instance takes a request and when another may start, without any process."""

from __future__ import annotations

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from localcloud.runtime.pool import ClosedError, LimitError, Limits, Machine, Pool, Slot
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable

PER_REGION = 6


def pool(
    machine: Machine,
    name: str = "one",
    *,
    most: int | None = None,
    concurrency: int = 1,
    end: Callable[[Slot], None] = lambda _: None,
) -> Pool:
    """A function that may have instances on a machine; `end` is told of each that ends."""
    made = Pool(name, "cn-hangzhou", most, concurrency, end, lambda _: None)
    machine.add(made)
    return made


def started(machine: Machine, pool: Pool) -> Slot:
    """A slot for a request, its instance started when it has none."""
    slot = machine.take(pool)
    if not slot.ready:
        machine.started(slot)
    return slot


class Instances(RuleBasedStateMachine):
    """Requests come and go, instances crash, limits change; nothing ever has to wait."""

    def __init__(self) -> None:
        super().__init__()
        self.machine = Machine(Limits(processes=1000, per_region=PER_REGION))
        self.pools = [pool(self.machine, "one"), pool(self.machine, "two", most=2, concurrency=3)]
        self.busy: list[Slot] = []

    @rule(which=st.integers(0, 1))
    def request(self, which: int) -> None:
        """A request gets a warm instance, or a new one, or is refused where there is no room."""
        asked = self.pools[which]
        room = [slot for slot in asked.slots if slot.running < asked.concurrency]
        full = asked.most is not None and len(asked.slots) >= asked.most
        alive = sum(len(pool.slots) for pool in self.pools)
        idle = [slot for pool in self.pools for slot in pool.slots if not slot.running]
        try:
            slot = started(self.machine, asked)
        except LimitError:
            assert not room
            assert full or (alive >= PER_REGION and not idle)
            return
        if room:
            assert slot in room
            # A fuller one comes first, so that fewer are needed; of these the one that was used last.
            assert (slot.running - 1, slot.used_at) == max(
                (one.running - (one is slot), one.used_at) for one in room
            )
        self.busy.append(slot)

    @precondition(lambda self: self.busy)
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        """A request ends."""
        slot = self.busy.pop(data.draw(st.integers(0, len(self.busy) - 1)))
        self.machine.give_back(slot)

    @precondition(lambda self: self.busy)
    @rule(data=st.data())
    def crash(self, data: st.DataObject) -> None:
        """An instance crashes, and with it all its requests."""
        slot = data.draw(st.sampled_from(self.busy))
        self.machine.drop(slot)
        for one in [one for one in self.busy if one is slot]:
            self.busy.remove(one)
            assert not self.machine.give_back(one)

    @rule(most=st.none() | st.integers(0, 4), which=st.integers(0, 1))
    def limit(self, most: int | None, which: int) -> None:
        """A limit changes; what runs goes on."""
        if most is None or most >= len(self.pools[which].slots):
            self.machine.limit(self.pools[which], most)

    @invariant()
    def within_limits(self) -> None:
        """No function has more instances than it may have, no region, and no instance more requests."""
        for one in self.pools:
            slots = self.machine.slots(one)
            assert one.most is None or len(slots) <= one.most
            assert all(0 <= slot.running <= one.concurrency for slot in slots)
        assert sum(len(one.slots) for one in self.pools) <= PER_REGION

    @invariant()
    def every_request_has_its_place(self) -> None:
        """What runs in the slots is exactly what was taken and not given back."""
        for one in self.pools:
            assert sum(slot.running for slot in one.slots) == sum(slot.pool is one for slot in self.busy)

    def teardown(self) -> None:
        """Everything ends."""
        for slot in self.busy:
            self.machine.give_back(slot)
        for one in self.pools:
            self.machine.close(one)


TestInstances = Instances.TestCase
TestInstances.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_a_full_machine_loses_no_request() -> None:
    """With more requests than the machine can run, all are done, by as many instances as fit."""
    machine = Machine(Limits(processes=3, per_region=100))
    lock = threading.Lock()
    alive, most, done = 0, 0, 0

    def ended(_: Slot) -> None:
        nonlocal alive
        with lock:
            alive -= 1

    def request(one: Pool, seconds: float) -> None:
        nonlocal alive, most, done
        slot = machine.take(one)
        if slot.instance_id == "":
            slot.instance_id = "started"
            with lock:
                alive += 1
                most = max(most, alive)
            machine.started(slot)
        time.sleep(seconds)
        machine.give_back(slot)
        with lock:
            done += 1

    pools = [pool(machine, str(number), concurrency=1 + number % 2, end=ended) for number in range(4)]
    chance = random.Random(0)  # noqa: S311 -- no secret
    with ThreadPoolExecutor(24) as threads:
        asked = [threads.submit(request, chance.choice(pools), chance.uniform(0, 0.01)) for _ in range(200)]
        for one in asked:
            one.result(30)
    assert (done, most) == (200, 3)


def test_who_waits_when_the_pool_is_closed() -> None:
    """A request that waits for room on the machine gets a ClosedError when its function ends."""
    machine = Machine(Limits(processes=1))
    busy, waiting = pool(machine, "busy"), pool(machine, "waiting")
    slot = started(machine, busy)
    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(machine.take, waiting)
        until(lambda: waiting.waiting)
        assert machine.close(waiting) == []
        with pytest.raises(ClosedError, match="waiting"):
            asked.result(20)
    machine.give_back(slot)
    assert machine.close(busy) == [slot]


def test_a_provisioned_instance_goes_first() -> None:
    """It is there anyway; the other one, though it was used last, may end the sooner."""
    machine = Machine()
    one = pool(machine)
    provisioned = machine.provide(one, 1)
    assert provisioned is not None
    machine.started(provisioned)
    other = started(machine, one)
    machine.give_back(provisioned)
    machine.give_back(other)
    assert machine.take(one) is provisioned


def test_requests_share_an_instance_that_starts() -> None:
    """Where an instance takes several requests, those that come while it starts wait for it."""
    machine = Machine()
    shared = pool(machine, concurrency=2, most=1)
    first = machine.take(shared)
    with ThreadPoolExecutor(1) as threads:
        second = threads.submit(machine.take, shared)
        until(lambda: shared.waiting)
        with pytest.raises(LimitError, match="all the instances it may have at once: 1"):
            machine.take(shared)
        machine.started(first)
        assert second.result(20) is first
    assert first.running == 2
