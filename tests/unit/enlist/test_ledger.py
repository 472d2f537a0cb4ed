"""What a job's claims come to when other runs are at the same piece of work."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from enlist.ledger import Hold, Ledger, Work
from enlist.outcomes import Outcome, Result
from fctoolkit.clock import Deadline
from fctoolkit.idempotency import MemoryStore
from tests.support.api_calls import FakeTime
from tests.support.claims import LEASE, Bench

if TYPE_CHECKING:
    from enlist.memory import Past

WORK = Work("attach_instances", "AttachInstances")


def recalled(ledger: Ledger, time: FakeTime) -> Past:
    """What is remembered of the instance just now."""
    now = datetime.fromtimestamp(time.clock.now(), UTC)
    return ledger.recall(["i-1"], now, Deadline.after(60, time.clock)).pasts["i-1"]


def test_attempts_that_end_after_they_were_recalled_count() -> None:
    """What was tried as often as is allowed is not tried once more by a run that saw the last one at work."""
    time = FakeTime()
    bench = Bench(MemoryStore(time.clock), time)
    for _ in range(2):
        assert isinstance(Ledger(bench.guard(), "1", WORK, 2).claim("i-1"), Hold)
        bench.wait(LEASE - 1)
        ledger = Ledger(bench.guard(), "1", WORK, 2)
        assert recalled(ledger, time).busy
        bench.wait(2)
    verdict = ledger.claim("i-1")
    assert isinstance(verdict, Outcome)
    assert (verdict.result, verdict.quarantined) == (Result.HELD, True)
    assert recalled(ledger, time).attempts == 2
