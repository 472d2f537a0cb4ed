"""What each step makes of a record, and who may take it: pure functions, the same for every store.

A step gets the record that was found and the store's time, and returns the record to write; the very record
that was found when there is nothing to write. A step taken again by the same owner is no second step, so one
whose answer was lost may be repeated.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from fctoolkit.errors import InProgressError, PayloadMismatchError, StaleOwnerError
from fctoolkit.idempotency.record import Record, Status

LAPSED: Final = "the lease ran out before the claim was settled"
"""The reason of an attempt that never said how it ended."""


@dataclass(frozen=True, slots=True)
class Bid:
    """Who wants to claim what.

    Attributes:
        key: text of the key.
        owner: a token that no other claim has.
        payload: digest of the payload.
        lease: seconds for which nobody else may take it.
        keep: seconds for which the record is kept after that.
    """

    key: str
    owner: str
    payload: str
    lease: float
    keep: float


def alive(found: Record | None, now: float) -> Record | None:
    """The record, unless it has expired."""
    return found if found is not None and now < found.expires_at else None


def claim(found: Record | None, bid: Bid, now: float) -> Record:
    """Claimed for `bid.owner`; or the completed record as it is, to be replayed.

    Raises PayloadMismatchError when the key stands for another payload, InProgressError while another owner's
    lease lasts. A lease that ran out leaves doubt: that attempt counts, and may have done the work.
    """
    if found is None:
        until = now + bid.lease
        return Record(
            bid.key, Status.CLAIMED, bid.owner, bid.payload, 1, until, until + bid.keep, changed_at=now
        )
    if found.payload != bid.payload:
        raise PayloadMismatchError(bid.key)
    if found.status is Status.COMPLETED:
        return found
    lapsed = found.status is Status.CLAIMED
    if lapsed and now < found.lease_until:
        if found.owner == bid.owner:
            return found
        raise InProgressError(bid.key, found.lease_until - now)
    return replace(
        found,
        status=Status.CLAIMED,
        owner=bid.owner,
        attempts=found.attempts + 1,
        lease_until=now + bid.lease,
        expires_at=now + bid.lease + bid.keep,
        changed_at=now,
        reason=LAPSED if lapsed else found.reason,
        maybe_done=lapsed or found.maybe_done,
    )


def complete(found: Record | None, held: Record, outcome: str, keep: float, now: float) -> Record:
    """Completed with an outcome.

    Like the next three: raises StaleOwnerError unless `held.owner` has the claim.
    """
    record = _owned(found, held)
    if record.status is Status.COMPLETED and record.outcome == outcome:
        return record
    return replace(
        _claimed(record),
        status=Status.COMPLETED,
        outcome=outcome,
        maybe_done=False,
        expires_at=now + keep,
        changed_at=now,
    )


def release(found: Record | None, held: Record, keep: float, now: float) -> Record:
    """Given back as if it had not been claimed: the attempt does not count."""
    record = _owned(found, held)
    if record.status is Status.RELEASED:
        return record
    return replace(
        _claimed(record),
        status=Status.RELEASED,
        attempts=record.attempts - 1,
        expires_at=now + keep,
        changed_at=now,
    )


def fail(
    found: Record | None, held: Record, reason: str, keep: float, now: float, *, maybe_done: bool
) -> Record:
    """Given back with a reason; the attempt counts."""
    record = _owned(found, held)
    if record.status is Status.FAILED and (record.reason, record.maybe_done) == (reason, maybe_done):
        return record
    return replace(
        _claimed(record),
        status=Status.FAILED,
        reason=reason,
        maybe_done=maybe_done,
        expires_at=now + keep,
        changed_at=now,
    )


def extend(found: Record | None, held: Record, lease: float, keep: float, now: float) -> Record:
    """Claimed for at least `lease` more seconds."""
    record = _claimed(_owned(found, held))
    until = max(record.lease_until, now + lease)
    return replace(record, lease_until=until, expires_at=max(record.expires_at, until + keep), changed_at=now)


def revoke(found: Record | None, seen: Record, reason: str, keep: float, now: float) -> Record:
    """Completed, and that turned out not to hold: failed, and anybody may claim. The attempt counts.

    Raises StaleOwnerError unless `seen` is the completion that stands.
    """
    record = _owned(found, seen)
    if record.status is Status.FAILED and record.reason == reason:
        return record
    if record.status is not Status.COMPLETED:
        raise StaleOwnerError(record.key, f"the work is {record.status}; nothing was changed")
    return replace(
        record,
        status=Status.FAILED,
        reason=reason,
        outcome="",
        expires_at=now + keep,
        changed_at=now,
    )


def adopt(found: Record | None, outcome: str, keep: float, now: float) -> Record | None:
    """Completed in the place of an owner that could not say so; as it is where there is no such doubt.

    A lease that ran out leaves doubt, and an attempt that failed unclearly.
    """
    if found is None or found.status is Status.COMPLETED:
        return found
    lapsed = found.status is Status.CLAIMED and now >= found.lease_until
    if not lapsed and (found.status is Status.CLAIMED or not found.maybe_done):
        return found
    return replace(
        found,
        status=Status.COMPLETED,
        outcome=outcome,
        maybe_done=False,
        expires_at=now + keep,
        changed_at=now,
    )


def forget(found: Record | None, seen: Record | None, now: float) -> None:
    """Gone. Raises InProgressError while an owner's lease lasts, StaleOwnerError unless `seen` still stands.

    Without `seen`, whatever stands is forgotten.
    """
    if found is None:
        return
    if found.status is Status.CLAIMED and now < found.lease_until:
        raise InProgressError(found.key, found.lease_until - now)
    if seen is not None and (found.owner, found.status) != (seen.owner, seen.status):
        raise StaleOwnerError(found.key, "it is not what it was when it was looked at; nothing was changed")


def _owned(found: Record | None, held: Record) -> Record:
    if found is None:
        raise StaleOwnerError(
            held.key,
            "the claim is gone: it expired, was forgotten, or the store lost it; nothing was changed",
        )
    if found.owner != held.owner:
        raise StaleOwnerError(held.key, "somebody else took the claim over; nothing was changed")
    return found


def _claimed(record: Record) -> Record:
    if record.status is not Status.CLAIMED:
        raise StaleOwnerError(record.key, f"the claim is {record.status} already; nothing was changed")
    return record
