"""What a job is given for one invocation. Data only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from enlist.bindings.model import Bindings
    from enlist.clients.wire import Session
    from enlist.settings import Settings
    from fctoolkit.clock import Clock, Deadline
    from fctoolkit.idempotency.guard import Guard
    from fctoolkit.together import Together


SHARE_OF_LOOKS: Final = 0.75
"""The part of an invocation's time in which it may look; the rest is kept for acting."""


class Means(NamedTuple):
    """What a job is given for one invocation.

    Attributes:
        session: sends this invocation's calls.
        looks: sends those that only look, until `looks_until`.
        looks_until: before the deadline, so that there is time for what was found.
        settings: what the environment says.
        bindings: the user's policy.
        clock: says when it is, and waits.
        deadline: by when it must be done.
        function_region: API region the function runs in.
        account_id: the account the function belongs to.
        together: does many looks.
        guard: makes claims; None where no store is named.
    """

    session: Session
    looks: Session
    looks_until: Deadline
    settings: Settings
    bindings: Bindings
    clock: Clock
    deadline: Deadline
    function_region: str
    account_id: str
    together: Together
    guard: Guard | None
