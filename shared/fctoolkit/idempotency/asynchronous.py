"""Claims for `async` code: the same claims, with each call of the store in a thread.

    async with claimed(guard, key, payload) as claim:
        if claim.replayed:
            return claim.outcome
        return await claim.complete(await attach(instance_id))

A call of a store cannot be broken off. A task that is cancelled during one waits for its end, which the
store's time limits bound, so that no claim is left behind of which nobody knows.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from fctoolkit.idempotency.ending import Ending, OnError
from fctoolkit.idempotency.guard import Claim, Guard

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType

    from fctoolkit.idempotency.key import Key
    from fctoolkit.idempotency.record import Record
    from fctoolkit.jsontypes import FrozenJson, JsonValue

P = ParamSpec("P")
T = TypeVar("T")
OutcomeT = TypeVar("OutcomeT", bound="FrozenJson")


class AsyncClaim:
    """A Claim whose steps are awaited. Everything said there holds here."""

    def __init__(self, claim: Claim) -> None:
        self.sync = claim

    @property
    def record(self) -> Record:
        """See Claim."""
        return self.sync.record

    @property
    def replayed(self) -> bool:
        """See Claim."""
        return self.sync.replayed

    @property
    def outcome(self) -> JsonValue:
        """See Claim."""
        return self.sync.outcome

    @property
    def attempts(self) -> int:
        """See Claim."""
        return self.sync.attempts

    @property
    def must_look(self) -> bool:
        """See Claim."""
        return self.sync.must_look

    def seconds_left(self) -> float:
        """See Claim."""
        return self.sync.seconds_left()

    async def complete(self, outcome: FrozenJson = None, *, keep: float | None = None) -> JsonValue:
        """See Claim."""
        return await _to_its_end(lambda: self.sync.complete(outcome, keep=keep))

    async def release(self) -> None:
        """See Claim."""
        await _to_its_end(self.sync.release)

    async def fail(self, reason: str, *, maybe_done: bool, keep: float | None = None) -> None:
        """See Claim."""
        await _to_its_end(lambda: self.sync.fail(reason, maybe_done=maybe_done, keep=keep))

    async def extend(self, seconds: float | None = None) -> None:
        """See Claim."""
        await _to_its_end(lambda: self.sync.extend(seconds))


class claimed:  # noqa: N801  # read as what it gives, like contextlib.closing
    """`Guard.claim` as an asynchronous context manager; the claim is made when its block is entered."""

    def __init__(
        self, guard: Guard, key: Key, payload: FrozenJson = None, *, on_error: OnError = Ending.FAILED_UNCLEAR
    ) -> None:
        self._make = lambda: guard.claim(key, payload, on_error=on_error)
        self._claim: Claim | None = None

    async def __aenter__(self) -> AsyncClaim:
        task = _in_a_thread(self._make)
        try:
            claim = await _ended(task)
        except asyncio.CancelledError as error:
            # The block will not run. Nothing was done, so nothing is left claimed.
            if task.exception() is None:
                await _to_its_end(functools.partial(task.result().end_with, error, Ending.RELEASED))
            raise
        self._claim = claim
        return AsyncClaim(claim)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        claim = self._claim
        if claim is not None:
            await _to_its_end(
                claim.end_unsettled if error is None else functools.partial(claim.end_with, error)
            )


def once(
    guard: Guard | Callable[P, Guard],
    *,
    key: Callable[P, Key],
    payload: Callable[P, FrozenJson] | None = None,
    on_error: OnError = Ending.FAILED_UNCLEAR,
) -> Callable[[Callable[P, Awaitable[OutcomeT]]], Callable[P, Awaitable[JsonValue]]]:
    """Run an `async` function once for each key. See fctoolkit.idempotency.once."""

    def decorate(function: Callable[P, Awaitable[OutcomeT]]) -> Callable[P, Awaitable[JsonValue]]:
        @functools.wraps(function)
        async def call(*args: P.args, **kwargs: P.kwargs) -> JsonValue:
            chosen = guard if isinstance(guard, Guard) else guard(*args, **kwargs)
            about = payload(*args, **kwargs) if payload else None
            async with claimed(chosen, key(*args, **kwargs), about, on_error=on_error) as claim:
                if claim.replayed:
                    return claim.outcome
                return await claim.complete(await function(*args, **kwargs))

        return call

    return decorate


async def _to_its_end(call: Callable[[], T]) -> T:
    """Run a blocking call in a thread and wait for its end, even when cancelled meanwhile."""
    return await _ended(_in_a_thread(call))


def _in_a_thread(call: Callable[[], T]) -> asyncio.Future[T]:
    # No task, as asyncio.to_thread would be: a loop that ends cancels all tasks, and the call goes on unseen.
    loop = asyncio.get_running_loop()
    return loop.run_in_executor(None, contextvars.copy_context().run, call)


async def _ended(task: asyncio.Future[T]) -> T:
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        task.exception()  # seen, so that asyncio does not complain of it later
        raise cancelled
    return task.result()
