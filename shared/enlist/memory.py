"""What the store of claims remembers of an instance or a pair, and what that means for acting again. Pure.

Knows no store. Without one there is no memory, and nothing here is asked.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from enlist.facts import rfc3339
from enlist.outcomes import Outcome, Result

if TYPE_CHECKING:
    from datetime import datetime

LISTS_LAG = timedelta(minutes=15)
"""So long after it was accepted or done, something may be shown by no list and be there all the same."""

ATTEMPT_PAUSE = timedelta(minutes=4)
"""So long after an attempt that failed none is made: an event is delivered again within seconds.

Less than the time between two sweeps, so that each of them may try."""

UNCLEAR_PAUSE = timedelta(hours=1)
"""So long a quarantine lasts when nobody knows how the last attempt ended: an outage is nobody's fault."""


class Past(NamedTuple):
    """What is remembered of earlier work on an instance or a pair.

    Attributes:
        done: it was accepted, or done.
        at: when the record was last written.
        attempts: how often it was tried, this invocation not included.
        exhausted: that is as often as is allowed, for now.
        busy: another invocation is at it.
        failed: the last attempt surely failed.
        unclear: nobody said how the last attempt ended.
        reason: why the last attempt that went wrong did.
        target: where it was accepted: a cluster, or the peer.
        region: API region of the target.
        task_id: the task it was accepted as.
    """

    done: bool
    at: datetime
    attempts: int
    exhausted: bool = False
    busy: bool = False
    failed: bool = False
    unclear: bool = False
    reason: str = ""
    target: str = ""
    region: str = ""
    task_id: str = ""

    def just_done(self, now: datetime) -> bool:
        """Whether it was done so lately that no list need show it."""
        return self.done and now - self.at < LISTS_LAG

    def taken_away(self, what: str, *, sure: bool = True) -> Outcome:
        """The verdict on what was done once and is undone: whoever took it away meant it.

        Where it is not `sure` that it had come to an end, it may have failed after it was accepted.
        """
        came = "somebody took that back" if sure else "it failed since, which is not known, or was taken out"
        why = f"{what} on {rfc3339(self.at)}, and {came}"
        return Outcome.verdict(Result.HELD, f"{why}; ask for it over HTTP with retry")

    def keeps_failing(self, now: datetime, reason: str = "") -> Outcome | None:
        """The verdict on what failed before, too often or just now; None when it may be tried again."""
        if self.busy:
            return None
        if self.exhausted:
            return self.quarantined(reason or self.reason)
        if not self.failed or now - self.at >= ATTEMPT_PAUSE:
            return None
        why = f"attempt {self.attempts} failed: {self.reason or 'no reason was kept'}"
        again = f"a run after {rfc3339(self.at + ATTEMPT_PAUSE)} tries again"
        return Outcome.verdict(Result.FAILED, f"{why}; {again}", standing=True, attempts=self.attempts)

    def quarantined(self, reason: str) -> Outcome:
        """The verdict on what has failed too often."""
        why = f"quarantined after {self.attempts} attempts, the last: {reason or 'no reason was kept'}"
        remedy = "Mend the cause and ask for it over HTTP with retry"
        if self.unclear:
            why = f"quarantined after {self.attempts} attempts, the last of which had no clear end"
            remedy = f"It is tried again after {rfc3339(self.at + UNCLEAR_PAUSE)}, or over HTTP with retry"
        return Outcome.verdict(Result.HELD, f"{why}. {remedy}", attempts=self.attempts)
