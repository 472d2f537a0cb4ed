"""The decorators, and the forms for async code."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from fctoolkit.errors import InProgressError, PayloadMismatchError, UnsettledError
from fctoolkit.idempotency import Ending, Guard, Key, MemoryStore, NoStore, Status, Store, once
from fctoolkit.idempotency import asynchronous as background
from tests.support.claims import Bench, key
from tests.support.store_around import StoreAround

if TYPE_CHECKING:
    from collections.abc import Callable

    from fctoolkit.jsontypes import JsonObject


@dataclass(frozen=True)
class Order:
    """What a function is called with."""

    id: str
    to: str = "here"


def key_of(order: Order) -> Key:
    """The work of an order."""
    return key(order.id)


def test_a_function_runs_once(bench: Bench) -> None:
    """A decorated function runs once for each key; every call returns the same JSON."""
    ran: list[str] = []

    @once(bench.guard(), key=key_of, payload=lambda order: order.to)
    def ship(order: Order) -> JsonObject:
        """Ship it."""
        ran.append(order.id)
        return {"parcels": [order.id, order.to]}

    assert (ship.__name__, ship.__doc__) == ("ship", "Ship it.")
    for _ in range(2):
        assert ship(Order("a")) == {"parcels": ["a", "here"]}
        assert ship(order=Order("b")) == {"parcels": ["b", "here"]}
    assert ran == ["a", "b"]
    with pytest.raises(PayloadMismatchError):
        ship(Order("a", to="there"))


def test_a_function_that_raises_runs_again(bench: Bench) -> None:
    """A function's error goes to the caller, and the next call tries again."""
    tries: list[int] = []

    @once(lambda order: bench.guard(), key=key_of, on_error=Ending.FAILED)
    def ship(order: Order) -> int:
        tries.append(1)
        if len(tries) < 3:
            raise OSError("no road")
        return len(tries)

    for _ in range(2):
        with pytest.raises(OSError, match="no road"):
            ship(Order("a"))
    assert [ship(Order("a")), ship(Order("a"))] == [3, 3]


def test_a_function_that_calls_itself_is_refused(bench: Bench) -> None:
    """A nested claim of the same work is in progress, and waits for nothing."""

    @once(bench.guard(), key=key_of)
    def ship(order: Order) -> object:
        return ship(order)

    with pytest.raises(InProgressError):
        ship(Order("a"))


def test_async_functions_have_a_decorator_of_their_own(bench: Bench) -> None:
    """A coroutine is never mistaken for an outcome."""

    async def ship(order: Order) -> int:
        return 1

    with pytest.raises(TypeError, match=r"ship is async: use fctoolkit\.idempotency\.asynchronous\.once"):
        once(bench.guard(), key=key_of)(ship)


def test_an_async_function_runs_once(bench: Bench) -> None:
    """So does an async function, and the loop goes on while the store is asked."""
    ran: list[str] = []

    @background.once(bench.guard(), key=key_of, payload=lambda order: order.to)
    async def ship(order: Order) -> list[str]:
        await asyncio.sleep(0)
        ran.append(order.id)
        return [order.id]

    async def main() -> list[object]:
        first = [await ship(Order("a")), await ship(Order("a"))]
        many = await asyncio.gather(*(ship(Order("b")) for _ in range(5)), return_exceptions=True)
        return [*first, *many]

    results = asyncio.run(main())
    assert results[:2] == [["a"], ["a"]]
    assert all(result == ["b"] or isinstance(result, InProgressError) for result in results[2:])
    assert ran == ["a", "b"]


def test_async_blocks_end_like_others(bench: Bench) -> None:
    """An async block settles its claim as it says, as its error says, or is told that it said nothing."""
    guard = bench.guard()

    async def main() -> None:
        async with background.claimed(guard, key("failed")) as claim:
            assert (claim.attempts, claim.must_look, claim.replayed) == (1, False, False)
            await claim.extend(200)
            assert claim.seconds_left() == 200
            await claim.fail("no", maybe_done=True)
        async with background.claimed(guard, key("released")) as claim:
            await claim.release()
        async with background.claimed(guard, key("completed"), 1) as claim:
            assert await claim.complete((1,)) == [1]
        async with background.claimed(guard, key("completed"), 1) as claim:
            assert (claim.replayed, claim.outcome) == (True, [1])
        with pytest.raises(UnsettledError):
            async with background.claimed(guard, key("unsettled")):
                pass
        with pytest.raises(OSError, match="x"):
            async with background.claimed(guard, key("raised"), on_error=Ending.RELEASED):
                raise OSError("x")

    asyncio.run(main())
    expected = {
        "failed": Status.FAILED,
        "released": Status.RELEASED,
        "completed": Status.COMPLETED,
        "unsettled": Status.FAILED,
        "raised": Status.RELEASED,
    }
    for name, status in expected.items():
        record = guard.look(key(name))
        assert record is not None
        assert record.status is status


class Slow(StoreAround):
    """A store whose next swap waits until it is let go."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self.held = False
        self.reached, self.go = threading.Event(), threading.Event()

    def hold(self) -> None:
        """Let the next swap wait."""
        self.held = True

    def swap(self, key: str, old: str | None, new: str | None, seconds: float) -> bool:
        """Wait if told to, then swap."""
        if self.held:
            self.reached.set()
            assert self.go.wait(20)
        return super().swap(key, old, new, seconds)


def cancelled_during(work: Callable[[Guard, Slow], object]) -> Bench:
    """Cancel a task, twice, while the store is at its work; the bench it was done on."""
    bench = Bench(MemoryStore())
    slow = Slow(bench.store)

    async def main() -> None:
        task = asyncio.ensure_future(work(bench.guard(slow), slow))
        assert await asyncio.to_thread(slow.reached.wait, 20)
        for _ in range(2):
            task.cancel()
            await asyncio.sleep(0.01)
        assert not task.done()
        slow.go.set()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    return bench


def test_a_task_cancelled_while_claiming_leaves_nothing() -> None:
    """A claim that is granted after its task was cancelled is given back."""

    async def work(guard: Guard, slow: Slow) -> None:
        slow.hold()
        async with background.claimed(guard, key()):
            raise AssertionError

    record = cancelled_during(work).guard().look(key())
    assert record is not None
    assert (record.status, record.attempts) == (Status.RELEASED, 0)


def test_a_loop_that_ends_leaves_nothing_claimed() -> None:
    """A task that its loop breaks off at the end waits for the store's answer, and gives the claim back."""
    bench = Bench(MemoryStore())
    slow = Slow(bench.store)
    slow.hold()

    async def work() -> None:
        async with background.claimed(bench.guard(slow), key()):
            raise AssertionError

    async def main() -> asyncio.Task[None]:
        task = asyncio.ensure_future(work())
        assert await asyncio.to_thread(slow.reached.wait, 20)
        threading.Timer(0.1, slow.go.set).start()
        return task

    assert asyncio.run(main()).cancelled()
    record = bench.guard().look(key())
    assert record is not None
    assert (record.status, record.attempts) == (Status.RELEASED, 0)


def test_a_task_cancelled_while_completing_has_completed() -> None:
    """Work that was done stays done when its task is cancelled while that is written down."""

    async def work(guard: Guard, slow: Slow) -> None:
        async with background.claimed(guard, key()) as claim:
            slow.hold()
            await claim.complete("done")

    assert cancelled_during(work).guard().claim(key()).outcome == "done"


def test_a_task_cancelled_at_work_fails_its_claim() -> None:
    """Cancelling the work itself is an error like any other: unclear, unless chosen otherwise."""
    bench = Bench(MemoryStore())

    async def main() -> None:
        at_work = asyncio.Event()

        async def work() -> None:
            async with background.claimed(bench.guard(), key()):
                at_work.set()
                await asyncio.sleep(20)

        task = asyncio.create_task(work())
        await at_work.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    record = bench.guard().look(key())
    assert record is not None
    assert (record.status, record.maybe_done, record.reason) == (Status.FAILED, True, "CancelledError")


def test_without_a_store_functions_just_run() -> None:
    """With no store a decorated function runs each time."""
    ran: list[int] = []

    @once(Bench(NoStore()).guard(), key=key_of)
    def ship(order: Order) -> int:
        ran.append(1)
        return len(ran)

    assert [ship(Order("a")), ship(Order("a"))] == [1, 2]
