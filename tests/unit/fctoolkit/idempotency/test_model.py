"""Every store against a model of a few lines: owners, time, leases, expiry, lost answers, in any order."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from fctoolkit.errors import InProgressError, PayloadMismatchError, StaleOwnerError
from fctoolkit.idempotency import Claim, MemoryStore, Status
from fctoolkit.idempotency.sqlitestore import SqliteStore
from tests.support.api_calls import FakeTime
from tests.support.claims import LEASE, Bench, Flaky, key

if TYPE_CHECKING:
    from collections.abc import Callable

    from fctoolkit.idempotency import Store
    from tests.support.redis_server import RedisServer

KEEP = 300.0
OWNERS = st.integers(0, 2)
RESOURCES = st.sampled_from(["i-1", "i-2"])
PLANS = st.sampled_from(["", "", "", "b", ".a", ".b", "b.a", ".bb"])
"""Where the line breaks; never so often that a step gives up."""


class Still(FakeTime):
    """A clock that stands still between the steps, so that the model need not know of waits within one."""

    def sleep(self, seconds: float) -> None:
        """No time passes."""


@dataclass
class Modelled:
    """What should be true of one piece of work."""

    state: str = "none"
    holder: tuple[int, int] | None = None
    payload: int = 0
    attempts: int = 0
    doubt: bool = False
    lease_until: float = 0.0
    gone_at: float = 0.0
    outcome: int = 0


@dataclass
class Held:
    """A claim that an owner still has in hand, perhaps long after it lost it."""

    claim: Claim
    serial: int
    resource: str


class Claims(RuleBasedStateMachine):
    """Three owners, two pieces of work, one store."""

    make: Callable[[FakeTime], Store]

    @initialize()
    def begin(self) -> None:
        """An empty store and nobody's claim."""
        self.time = Still(wall=0.0)
        self.store = Flaky(type(self).make(self.time))
        self.bench = Bench(self.store, self.time)
        self.model: dict[str, Modelled] = {}
        self.hands: dict[int, Held] = {}
        self.serial = 0

    def teardown(self) -> None:
        """Close the store."""
        if hasattr(self, "store"):
            self.store.close()

    def work(self, resource: str) -> Modelled:
        """The model of a piece of work at this time."""
        work = self.model.get(resource)
        if work is None or self.time.passed >= work.gone_at:
            work = self.model[resource] = Modelled()
        return work

    @rule(owner=OWNERS, resource=RESOURCES, payload=st.integers(1, 2), plan=PLANS)
    def claim(self, owner: int, resource: str, payload: int, plan: str) -> None:
        """Somebody claims; it is granted exactly when the model says so."""
        before = replace(self.work(resource))
        self.store.plan = plan
        try:
            claim = self.bench.guard(keep=KEEP).claim(key(resource), payload)
        except PayloadMismatchError:
            assert before.state != "none"
            assert before.payload != payload
            return
        except InProgressError:
            assert before.state == "claimed"
            assert self.time.passed < before.lease_until
            return
        finally:
            self.store.plan = ""
        assert before.state == "none" or before.payload == payload
        if before.state == "completed":
            assert claim.outcome == before.outcome
            return
        now = self.time.passed
        assert before.state != "claimed" or now >= before.lease_until
        self.serial += 1
        work = self.model[resource] = replace(
            before,
            state="claimed",
            holder=(owner, self.serial),
            payload=payload,
            attempts=before.attempts + 1,
            doubt=before.doubt or before.state == "claimed",
            lease_until=now + LEASE,
            gone_at=now + LEASE + KEEP,
        )
        assert (claim.record.lease_until, claim.record.expires_at) == (work.lease_until, work.gone_at)
        assert (claim.attempts, claim.must_look) == (work.attempts, work.doubt)
        self.hands[owner] = Held(claim, self.serial, resource)

    @precondition(lambda self: self.hands)
    @rule(
        data=st.data(),
        how=st.sampled_from(["complete", "release", "fail", "fail, unclear", "extend"]),
        plan=PLANS,
    )
    def settle(self, data: st.DataObject, how: str, plan: str) -> None:
        """Somebody settles a claim made at some time; it counts exactly while it is theirs."""
        owner = data.draw(st.sampled_from(sorted(self.hands)))
        held = self.hands[owner]
        before = self.work(held.resource)
        owned = before.state == "claimed" and before.holder == (owner, held.serial)
        self.store.plan = plan
        try:
            settle_as(held, how)
        except StaleOwnerError:
            assert not owned
            return
        finally:
            self.store.plan = ""
        assert owned
        now = self.time.passed
        if how == "extend":
            before.lease_until = max(before.lease_until, now + LEASE)
            before.gone_at = max(before.gone_at, before.lease_until + KEEP)
            return
        before.state = {"complete": "completed", "release": "released"}.get(how, "failed")
        before.gone_at = now + KEEP
        before.attempts -= how == "release"
        before.outcome = held.serial
        if how.startswith("fail"):
            before.doubt = how != "fail"
        del self.hands[owner]

    @rule(resource=RESOURCES)
    def forget(self, resource: str) -> None:
        """An operator forgets; only from under no owner."""
        work = self.work(resource)
        try:
            self.bench.guard().forget(key(resource))
        except InProgressError:
            assert work.state == "claimed"
            assert self.time.passed < work.lease_until
        else:
            assert work.state != "claimed" or self.time.passed >= work.lease_until
            self.model[resource] = Modelled()

    @rule(seconds=st.sampled_from([1.0, 30.0, LEASE - 1, LEASE, KEEP - 1, KEEP, KEEP + LEASE]))
    def wait(self, seconds: float) -> None:
        """Time passes, to just before or just at the moments that count."""
        self.time.passed += seconds

    @rule(resource=RESOURCES)
    def look(self, resource: str) -> None:
        """Anybody may look; what is seen is what the model says."""
        record = self.bench.guard().look(key(resource))
        work = self.work(resource)
        if record is None:
            assert work.state == "none"
            return
        assert record.status is Status(work.state)
        assert (record.attempts, record.maybe_done) == (
            work.attempts,
            work.doubt and work.state != "completed",
        )


def settle_as(held: Held, how: str) -> None:
    """Settle a claim in one of the ways; what is kept is told apart by the claim's serial number."""
    match how:
        case "complete":
            held.claim.complete(held.serial)
        case "release":
            held.claim.release()
        case "extend":
            held.claim.extend()
        case _:
            held.claim.fail(how, maybe_done=how != "fail")


def run(make: Callable[[FakeTime], Store], examples: int) -> None:
    """Many runs of the machine on a store that `make` makes."""
    machine = type("ClaimsOnOneStore", (Claims,), {"make": staticmethod(make)})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=[*HealthCheck],
        ),
    )


def test_memory_behaves_as_the_model() -> None:
    """The store for simulations does what the model does."""
    run(lambda time: MemoryStore(time.clock), 200)


def test_sqlite_behaves_as_the_model() -> None:
    """SQLite does what the model does."""
    with TemporaryDirectory() as folder:
        count = iter(range(10**6))
        run(lambda time: SqliteStore(str(Path(folder) / f"{next(count)}.db"), clock=time.clock), 25)


def test_redis_behaves_as_the_model(redis: RedisServer) -> None:
    """Redis does what the model does."""
    from fctoolkit.idempotency.redisstore import RedisAddress, RedisStore

    def make(time: FakeTime) -> Store:
        redis.client.flushall()
        return RedisStore(RedisAddress("127.0.0.1", redis.port), clock=time.clock)

    run(make, 60)
