"""Claims on pieces of work: who may do one, and what became of it. Knows stores only as a protocol.

guard = Guard(store, timeout=float(context.function.timeout))
key = Key(context.account_id, context.function.name, "AttachInstances", instance_id)

with guard.claim(key, {"cluster": cluster_id}) as claim:
    if claim.replayed:
        return claim.outcome
    if claim.must_look and is_attached(instance_id):
        ...
    claim.complete(attach(instance_id))
"""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Self

from fctoolkit.clock import SYSTEM_CLOCK, Clock
from fctoolkit.errors import ConfigurationError, StoreError, ToolkitError, UnsettledError
from fctoolkit.idempotency import steps
from fctoolkit.idempotency.ending import MAX_REASON_LENGTH, Ending, OnError, ending_for, reason_of
from fctoolkit.idempotency.key import digest, outcome_text
from fctoolkit.idempotency.record import Record, Status, from_text
from fctoolkit.strictjson import decode, shorten

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from fctoolkit.idempotency.key import Key
    from fctoolkit.idempotency.store import Store
    from fctoolkit.jsontypes import FrozenJson, JsonValue

_LOG = logging.getLogger(__name__)

KEEP_SECONDS: Final = 48 * 3600.0
"""How long a record is kept unless told otherwise. EventBridge retries for a day."""

LEASE_MARGIN_SECONDS: Final = 30.0
"""By how much a lease is longer than the function's timeout unless told otherwise."""

MAX_SECONDS: Final = 10 * 366 * 86400.0
"""The longest time of any kind: ten years, which every store can count."""

_UNSETTLED: Final = "the block ended without complete, release or fail"

_TRIES: Final = 3
"""How often a step is begun when the store fails in passing."""

_MISSES: Final = 20
"""How often a step may find that somebody else was faster. Each time somebody else got on."""

_WAITS: Final = (0.05, 0.25)
"""Seconds before the second and third try."""


def new_token() -> str:
    """An owner token: 128 random bits."""
    return os.urandom(16).hex()


class Guard:
    """Makes claims in one store, for functions of one timeout. Has no state; threads may share it."""

    def __init__(
        self,
        store: Store,
        *,
        timeout: float,
        lease: float | None = None,
        keep: float = KEEP_SECONDS,
        clock: Clock = SYSTEM_CLOCK,
        tokens: Callable[[], str] = new_token,
    ) -> None:
        """Claims for functions that are killed after `timeout` seconds.

        Args:
            store: where claims are kept.
            timeout: the function's, in seconds. No owner lives longer, so a lease must.
            lease: seconds for which a claim cannot be taken over; `timeout` + 30 unless given.
            keep: seconds for which a record is kept after its last change; 48 hours unless given.
            clock: for waits between tries, and for `Claim.seconds_left`. When a lease ends and a record
                expires is the store's to say.
            tokens: makes owner tokens, no two of which may be alike.

        Raises ConfigurationError when the lease is not longer than the timeout, and for seconds that are not
        above 0 and up to MAX_SECONDS.
        """
        lease = timeout + LEASE_MARGIN_SECONDS if lease is None else lease
        for name, seconds in (("timeout", timeout), ("lease", lease), ("keep", keep)):
            _require_seconds(name, seconds)
        if lease <= timeout:
            raise ConfigurationError(
                f"lease: {lease:g} s do not outlast the function's timeout of {timeout:g} s, so a second "
                "owner could start while the first one works; make the lease longer or the timeout shorter"
            )
        self.store: Final = store
        self.lease: Final = lease
        self.keep: Final = keep
        self._clock = clock
        self._tokens = tokens

    def claim(
        self, key: Key, payload: FrozenJson = None, *, on_error: OnError = Ending.FAILED_UNCLEAR
    ) -> Claim:
        """Claim a piece of work, or get what came of it when it was completed before.

        The claim is made by this call; as a context manager it is also settled when its block raises.

        Args:
            key: the piece of work.
            payload: what the work depends on. Under one key it may not change while the record lasts.
            on_error: what becomes of the claim when its block raises; see `Ending`.

        Raises InProgressError, PayloadMismatchError, NotStorableError and StoreError. After a StoreError with
        `maybe_done` the claim may stand, owned by nobody, until its lease runs out.
        """
        name = key.text
        bid = steps.Bid(name, self._tokens(), digest(name, payload), self.lease, self.keep)
        begun = self._clock.monotonic()
        record = self.step(name, lambda found, now: steps.claim(found, bid, now))
        if record is None:  # pragma: no cover  # a claim always makes a record
            raise AssertionError
        if not self.store.remembers:
            record = replace(record, maybe_done=True)
        return Claim(self, record, ends=begun + self.lease, on_error=on_error, clock=self._clock)

    def look(self, key: Key) -> Record | None:
        """The record of a piece of work, None when there is none. Changes nothing. Raises StoreError."""
        return self.step(key.text, lambda found, _now: found)

    def forget(self, key: Key, *, seen: Record | None = None) -> None:
        """Remove a record, so that the work can be done anew: an operator's remedy.

        With `seen` only if that is the record that stands, so that of two who looked at it one alone begins
        anew. Raises InProgressError while somebody's lease lasts, StaleOwnerError and StoreError.
        """
        self.step(key.text, lambda found, now: steps.forget(found, seen, now))

    def revoke(self, key: Key, seen: Record, reason: str) -> None:
        """Take back a completion that turned out not to hold: the work failed later, in another's hands.

        The attempt counts as one that failed, for `reason`, in at most 500 characters. Raises StaleOwnerError
        when `seen` is not what stands, and StoreError.
        """
        short = _short(reason)
        self.step(key.text, lambda found, now: steps.revoke(found, seen, short, self.keep, now))

    def adopt(self, key: Key, outcome: FrozenJson) -> None:
        """The work is seen to be done: complete it, if an attempt ended in doubt and nobody is at it.

        The attempts stay as they are, and what was never claimed stays unknown. Raises NotStorableError for
        an outcome that cannot be kept, and StoreError.
        """
        text = outcome_text(key.text, outcome)
        self.step(key.text, lambda found, now: steps.adopt(found, text, self.keep, now))

    def step(self, key: str, decide: Callable[[Record | None, float], Record | None]) -> Record | None:
        """Read, decide, write on condition, and again when somebody else was faster.

        A store that fails in passing is tried again after a moment, from the reading on, so a write whose
        answer was lost is found rather than repeated. `decide` may raise; then nothing is written.
        """
        unclear = False
        failures = misses = 0
        while True:
            try:
                seen = self.store.read(key)
                stored = None if seen.text is None else from_text(key, seen.text)
                found = steps.alive(stored, seen.now)
                wanted = decide(found, seen.now)
                if wanted is found:
                    return found
                new, seconds = (None, 1.0) if wanted is None else _written(wanted, seen.now)
                if self.store.swap(key, seen.text, new, seconds):
                    return wanted
            except StoreError as error:
                unclear = unclear or error.maybe_done
                failures += 1
                if not error.transient or failures >= _TRIES:
                    if unclear and not error.maybe_done:
                        raise StoreError(str(error), maybe_done=True, transient=error.transient) from error
                    raise
                self._clock.sleep(_WAITS[failures - 1])
                continue
            misses += 1
            if misses >= _MISSES:
                raise StoreError(f"{key}: others were faster {misses} times", maybe_done=unclear)


def _require_seconds(name: str, seconds: float) -> float:
    """What a record can hold: a time for ever could not be read back, none at all would forget at once."""
    if not 0 < seconds <= MAX_SECONDS:
        raise ConfigurationError(
            f"{name}: {seconds} is no number of seconds above 0 and up to {MAX_SECONDS:.0f}"
        )
    return seconds


def _short(reason: str) -> str:
    # Names of files may hold half characters, with which the record could not be read back.
    return shorten(reason.encode(errors="backslashreplace").decode(), MAX_REASON_LENGTH)


def _written(record: Record, now: float) -> tuple[str, float]:
    return record.to_text(), record.expires_at - now


class Claim:
    """One claim of one owner, or the replay of a completed one. For one thread at a time.

    Attributes:
        record: as it was when claimed; for a replay, the completed one.
        replayed: the work was completed before. There is nothing to do and nothing to settle.
    """

    def __init__(self, guard: Guard, record: Record, *, ends: float, on_error: OnError, clock: Clock) -> None:
        """Made by `Guard.claim`. `ends` is when the lease may run out, on `clock.monotonic`."""
        self.record = record
        self.replayed: Final = record.status is Status.COMPLETED
        self._guard = guard
        self._ends = ends
        self._on_error = on_error
        self._clock = clock
        self._settled = self.replayed

    @property
    def outcome(self) -> JsonValue:
        """A copy of the outcome of the completed work, None when this is no replay."""
        return decode(self.record.outcome) if self.replayed else None

    @property
    def attempts(self) -> int:
        """Claims so far that were not released, this one included."""
        return self.record.attempts

    @property
    def must_look(self) -> bool:
        """Whether the work may have been done already, by an attempt that could not say so.

        True when an earlier owner's lease ran out, when an attempt failed unclearly, and always with a store
        that remembers nothing. False is no proof: a store can lose records.
        """
        return self.record.maybe_done and not self.replayed

    @property
    def settled(self) -> bool:
        """Whether the claim was completed, released or failed, or is a replay."""
        return self._settled

    def seconds_left(self) -> float:
        """Seconds for which the lease surely lasts, counted on this machine from before the claim."""
        return max(0.0, self._ends - self._clock.monotonic())

    def complete(self, outcome: FrozenJson = None, *, keep: float | None = None) -> JsonValue:
        """The work is done. Keep the outcome, for `keep` seconds; return it as a replay would.

        Like all that follow: raises StaleOwnerError, and changes nothing, when the claim is no longer this
        owner's; raises StoreError when the store fails, and may then be repeated. This one also raises
        NotStorableError for an outcome that cannot be kept. Those that take seconds raise ConfigurationError
        for what is no number above 0 and up to MAX_SECONDS.
        """
        text = outcome_text(self.record.key, outcome)
        seconds = self._keep(keep)
        self._settle(lambda found, now: steps.complete(found, self.record, text, seconds, now))
        return decode(text)

    def release(self) -> None:
        """Nothing was done. The attempt does not count, and anybody may claim at once."""
        self._settle(lambda found, now: steps.release(found, self.record, self._guard.keep, now))

    def fail(self, reason: str, *, maybe_done: bool, keep: float | None = None) -> None:
        """It went wrong. The attempt counts, and anybody may claim at once.

        Args:
            reason: why, in at most 500 characters; the rest is cut off.
            maybe_done: whether the work may have been done all the same; the next owner is told to look.
            keep: seconds for which this and the count of attempts are kept.
        """
        short = _short(reason)
        seconds = self._keep(keep)
        self._settle(
            lambda found, now: steps.fail(found, self.record, short, seconds, now, maybe_done=maybe_done)
        )

    def extend(self, seconds: float | None = None) -> None:
        """Hold the claim for at least `seconds` more, by default the guard's lease."""
        lease = self._guard.lease if seconds is None else _require_seconds("seconds", seconds)
        begun = self._clock.monotonic()
        if self._guard.store.remembers:
            keep = self._guard.keep
            self._guard.step(
                self.record.key, lambda found, now: steps.extend(found, self.record, lease, keep, now)
            )
        self._ends = max(self._ends, begun + lease)

    def end_with(self, error: BaseException, on_error: OnError | None = None) -> None:
        """Settle the claim as `on_error` says, by default its own.

        Raises nothing of the toolkit's, so that `error` is what is seen.
        """
        if self._settled:
            return
        try:
            match ending_for(on_error or self._on_error, error):
                case Ending.RELEASED:
                    self.release()
                case Ending.FAILED:
                    # The error may come from the very look that was asked for.
                    self.fail(reason_of(error), maybe_done=self.must_look)
                case Ending.FAILED_UNCLEAR:
                    self.fail(reason_of(error), maybe_done=True)
                case Ending.LEFT:
                    pass
        except ToolkitError as trouble:
            _LOG.warning("a claim could not be settled and ends with its lease: %s", trouble)

    def end_unsettled(self) -> None:
        """Fail a claim whose block ended without a word. Raises UnsettledError when there was none."""
        if not self._settled:
            self.fail(_UNSETTLED, maybe_done=True)
            raise UnsettledError(self.record.key, _UNSETTLED)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.end_unsettled()
        else:
            self.end_with(error)

    def _keep(self, seconds: float | None) -> float:
        return self._guard.keep if seconds is None else _require_seconds("keep", seconds)

    def _settle(self, decide: Callable[[Record | None, float], Record]) -> None:
        # A store that remembers nothing has no record to change, and nobody to lose the claim to.
        if self._guard.store.remembers:
            self._guard.step(self.record.key, decide)
        self._settled = True
