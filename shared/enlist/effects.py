"""Everything by which a function touches the world, in one value. Tests and simulations pass their own."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, NamedTuple

from fctoolkit.clock import SYSTEM_CLOCK, Clock
from fctoolkit.together import Together, in_threads
from fctoolkit.transport import HttpClient, new_nonce, open_http

if TYPE_CHECKING:
    from collections.abc import Callable

    from fctoolkit.idempotency.store import Store


def _open_store(url: str, clock: Clock) -> Store:
    # Nobody without a store pays for what it needs.
    from fctoolkit.idempotency.opening import open_store  # noqa: PLC0415

    return open_store(url, setting="ENLIST_STORE", clock=clock)


class Effects(NamedTuple):
    """Where what a function does comes from and goes to.

    Attributes:
        http: opens the connection pool; by default one to the network.
        clock: says when it is, and waits.
        store: opens the store of claims that a URL names.
        together: does many looks, by default several at a time.
        random: from 0.0 to 1.0, for waits.
        unique: a text that no other call returns: nonces of signatures, tokens of claims.
    """

    http: Callable[[], HttpClient] = open_http
    clock: Clock = SYSTEM_CLOCK
    store: Callable[[str, Clock], Store] = _open_store
    together: Together = in_threads
    random: Callable[[], float] = random.random
    unique: Callable[[], str] = new_nonce
