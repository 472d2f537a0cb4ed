"""What others than its owner may do to a record: forget, revoke, adopt; on every store that remembers."""

from __future__ import annotations

import pytest

from fctoolkit.errors import InProgressError, StaleOwnerError
from fctoolkit.idempotency import Status
from tests.support.claims import LEASE, Bench, key


def test_an_operator_can_forget(bench: Bench) -> None:
    """A record can be removed by hand, but not from under an owner."""
    guard = bench.guard()
    guard.forget(key())
    guard.claim(key(), 1).complete()
    guard.forget(key())
    guard.claim(key(), 2)
    with pytest.raises(InProgressError):
        guard.forget(key())
    bench.wait(LEASE)
    guard.forget(key())
    assert bench.store.read(key().text).text is None
    assert guard.claim(key(), 3).attempts == 1


def test_only_what_was_seen_is_forgotten(bench: Bench) -> None:
    """Of two who look at a record and forget what they saw, one begins anew and the other learns of it."""
    guard = bench.guard()
    guard.claim(key()).complete()
    seen = guard.look(key())
    assert seen is not None
    guard.forget(key(), seen=seen)
    guard.claim(key()).complete()
    with pytest.raises(StaleOwnerError, match="not what it was"):
        guard.forget(key(), seen=seen)
    assert guard.claim(key()).replayed


def test_a_completion_that_does_not_hold_is_revoked(bench: Bench) -> None:
    """Work that failed after it was completed may be claimed again; the attempt counts."""
    guard = bench.guard()
    guard.claim(key()).complete({"task": "T-1"})
    seen = guard.look(key())
    assert seen is not None
    guard.revoke(key(), seen, "the task failed")
    guard.revoke(key(), seen, "the task failed")
    again = guard.claim(key())
    assert (again.replayed, again.attempts, again.must_look) == (False, 2, False)
    assert again.record.reason == "the task failed"


def test_only_the_completion_that_was_seen_is_revoked(bench: Bench) -> None:
    """A completion that another owner made since stands; so does work that somebody is at."""
    guard = bench.guard()
    guard.claim(key()).complete(1)
    seen = guard.look(key())
    assert seen is not None
    guard.revoke(key(), seen, "failed")
    claim = guard.claim(key())
    with pytest.raises(StaleOwnerError):
        guard.revoke(key(), seen, "failed")
    claim.complete(2)
    with pytest.raises(StaleOwnerError):
        guard.revoke(key(), seen, "failed")
    assert guard.claim(key()).outcome == 2


@pytest.mark.parametrize("end", ["lapsed", "unclear"])
def test_what_is_seen_to_be_done_is_adopted(bench: Bench, end: str) -> None:
    """Work that an attempt left in doubt and that shows as done is completed; attempts stay as they are."""
    guard = bench.guard()
    claim = guard.claim(key())
    if end == "unclear":
        claim.fail("no answer", maybe_done=True)
    bench.wait(LEASE)
    guard.adopt(key(), {"task": "T-1"})
    guard.adopt(key(), {"task": "T-2"})
    again = guard.claim(key())
    assert (again.replayed, again.outcome, again.attempts) == (True, {"task": "T-1"}, 1)
    with pytest.raises(StaleOwnerError):
        claim.release()


def test_what_is_not_in_doubt_is_not_adopted(bench: Bench) -> None:
    """Work that nobody claimed, that somebody is at, or that surely failed stays as it is."""
    guard = bench.guard()
    guard.adopt(key(), 1)
    assert guard.look(key()) is None
    claim = guard.claim(key())
    guard.adopt(key(), 1)
    claim.fail("refused", maybe_done=False)
    guard.adopt(key(), 1)
    record = guard.look(key())
    assert record is not None
    assert record.status is Status.FAILED
