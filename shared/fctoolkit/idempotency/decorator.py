"""A function that does each piece of work once. For `async` ones see fctoolkit.idempotency.asynchronous."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from fctoolkit.idempotency.ending import Ending, OnError
from fctoolkit.idempotency.guard import Guard

if TYPE_CHECKING:
    from collections.abc import Callable

    from fctoolkit.idempotency.key import Key
    from fctoolkit.jsontypes import FrozenJson, JsonValue

P = ParamSpec("P")
OutcomeT = TypeVar("OutcomeT", bound="FrozenJson")


def once(
    guard: Guard | Callable[P, Guard],
    *,
    key: Callable[P, Key],
    payload: Callable[P, FrozenJson] | None = None,
    on_error: OnError = Ending.FAILED_UNCLEAR,
) -> Callable[[Callable[P, OutcomeT]], Callable[P, JsonValue]]:
    """Run a function once for each key; later calls return what the first one returned.

        @once(guard, key=lambda order: Key(ACCOUNT, NAME, "ship", order.id), payload=lambda order: order.to)
        def ship(order: Order) -> JsonObject: ...

    What the function returns has to be JSON, and comes back as JSON has it the first time, too.

    Args:
        guard: makes the claims; or a function of the call's arguments that returns the guard, for one that
            needs the invocation's context.
        key: of the call's arguments, the piece of work.
        payload: of the call's arguments, what may not change under one key; nothing unless given.
        on_error: what becomes of the claim when the function raises.

    Raises, when called, what `Guard.claim` and `Claim.complete` raise, and what the function raises. Raises
    TypeError for an `async` function.
    """

    def decorate(function: Callable[P, OutcomeT]) -> Callable[P, JsonValue]:
        if inspect.iscoroutinefunction(function):
            raise TypeError(f"{function.__name__} is async: use fctoolkit.idempotency.asynchronous.once")

        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> JsonValue:
            chosen = guard if isinstance(guard, Guard) else guard(*args, **kwargs)
            about = payload(*args, **kwargs) if payload else None
            with chosen.claim(key(*args, **kwargs), about, on_error=on_error) as claim:
                if claim.replayed:
                    return claim.outcome
                return claim.complete(function(*args, **kwargs))

        return call

    return decorate
