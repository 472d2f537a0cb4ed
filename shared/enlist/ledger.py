"""One invocation's claims, and what the store remembers, in the terms of a job. Knows no API and no store.

Where no store is named there is no guard: everything is granted and nothing is remembered.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from enlist.memory import UNCLEAR_PAUSE, Past
from enlist.outcomes import Outcome, Result
from enlist.troubles import Trouble
from fctoolkit.errors import (
    ClaimError,
    ConfigurationError,
    InProgressError,
    StaleOwnerError,
    StoreError,
    ToolkitError,
    UnreadableRecordError,
)
from fctoolkit.strictjson import JsonError, decode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from fctoolkit.clock import Deadline
    from fctoolkit.idempotency.guard import Claim, Guard
    from fctoolkit.idempotency.key import Key
    from fctoolkit.idempotency.record import Record
    from fctoolkit.jsontypes import JsonObject

KEEP_SECONDS: Final = 1000 * 86400.0
"""So long what was done, or failed, is remembered: what somebody took away stays away for as long."""

_LOG = logging.getLogger(__name__)


class Work(NamedTuple):
    """What a job does, in the terms of a key. One name in all stages: two of them must not do it twice."""

    function: str
    operation: str


class Hold:
    """What one invocation holds while it acts on one instance or pair.

    How it ended is told once. When the store fails then, that is logged: the claim ends with its lease, and
    whoever comes next looks before acting.
    """

    def __init__(
        self, claim: Claim | None = None, ledger: Ledger | None = None, *, forgotten: bool = False
    ) -> None:
        """Made by `Ledger.claim`; without a claim there is nothing to hold.

        `forgotten` says that there was an earlier record, which was removed so that it begins anew.
        """
        self._claim: Final = claim
        self._ledger: Final = ledger
        self._forgotten: Final = forgotten

    @property
    def attempts(self) -> int:
        """How often it was tried, this time included; 0 without a store."""
        return self._claim.attempts if self._claim else 0

    @property
    def must_look(self) -> bool:
        """Whether an earlier attempt may have done it since anybody looked."""
        claim = self._claim
        # The doubt that a forgotten record held is not in the new one.
        return claim is not None and (self._forgotten or claim.must_look or claim.attempts > 1)

    def done(self, outcome: JsonObject) -> None:
        """It was accepted, or done."""
        if (claim := self._claim) is not None:
            self._settle(lambda: claim.complete(outcome))

    def failed(self, reason: str, *, maybe_done: bool = False) -> None:
        """It went wrong, and the attempt counts."""
        if (claim := self._claim) is not None:
            self._settle(lambda: claim.fail(reason, maybe_done=maybe_done))

    def give_back(self) -> None:
        """Nothing was done; the attempt does not count."""
        if self._claim is not None:
            self._settle(self._claim.release)

    def _settle(self, settle: Callable[[], object]) -> None:
        ledger = self._ledger
        trouble = ledger.trouble if ledger is not None else None
        if trouble is None:
            try:
                settle()
            except ToolkitError as error:
                trouble = error
                if ledger is not None and not isinstance(error, ClaimError):
                    ledger.trouble = error
        if trouble is not None:
            _LOG.warning("a claim could not be settled and ends with its lease: %s", trouble)


Granted: TypeAlias = Hold | Outcome
"""A hold, or the verdict on what may not be done now."""


class Recalled(NamedTuple):
    """What came of asking the store what it remembers.

    Attributes:
        pasts: of those of which anything is remembered.
        asked: those that it was asked about; all of them when that went wrong.
        trouble: why it could not be asked; concerns them all.
    """

    pasts: Mapping[str, Past]
    asked: Sequence[str]
    trouble: Trouble | None = None


@dataclass(slots=True)
class Ledger:
    """Claims and memories of one job in one invocation. Not shared between threads.

    Once the store has failed, nothing more is asked of it: each question could take seconds.

    Attributes:
        guard: makes the claims; None where no store is named.
        account: id of the account, part of every key.
        work: what the job does.
        limit: attempts that fail before nothing is tried any more.
        trouble: how the store failed in this invocation.
    """

    guard: Guard | None
    account: str
    work: Work
    limit: int
    trouble: ToolkitError | None = None
    _seen: dict[str, Record] = field(default_factory=dict[str, "Record"])
    _anew: set[str] = field(default_factory=set[str])

    def recall(self, resources: Sequence[str], now: datetime, until: Deadline) -> Recalled:
        """What is remembered of these, the first ones when there is no time for all.

        What cannot be read is as if it were nothing: it cannot be claimed, and says why when somebody tries.
        """
        pasts: dict[str, Past] = {}
        if self.guard is None:
            return Recalled(pasts, resources)
        for place, resource in enumerate(resources):
            if until.remaining() <= 0:
                return Recalled(pasts, resources[:place])
            try:
                record = self.guard.look(self._key(resource))
            except UnreadableRecordError:
                continue
            except (StoreError, ClaimError) as error:
                reason = f"what was done before could not be read: {error}"
                return Recalled({}, resources, Trouble(Result.FAILED, reason))
            if record is not None:
                pasts[resource] = self._past(record, now)
                self._seen[resource] = record
                if self._begins_anew(record, now):
                    self._anew.add(resource)
        return Recalled(pasts, resources)

    def claim(self, resource: str, *, retried: bool = False, revoked: str = "") -> Granted:
        """Claims one instance or pair directly before it is acted on.

        Args:
            resource: as it was recalled.
            retried: an operator asks: what was recalled is forgotten first.
            revoked: why what was recalled as done is not; then it may be done again, and the attempt counts.
        """
        if self.guard is None:
            return Hold()
        if self.trouble is not None:
            return _no_claim(self.trouble)
        key, seen = self._key(resource), self._seen.get(resource)
        forgotten = seen is not None and (retried or resource in self._anew)
        try:
            if forgotten:
                self.guard.forget(key, seen=seen)
            elif seen is not None and revoked:
                self.guard.revoke(key, seen, revoked)
            claim = self.guard.claim(key)
        except (InProgressError, StaleOwnerError) as error:
            return Outcome.verdict(Result.DEFERRED, f"another run is at it: {error}")
        except (ClaimError, UnreadableRecordError) as error:
            return Outcome.verdict(Result.FAILED, f"it cannot be claimed: {error}")
        except (StoreError, ConfigurationError) as error:
            self.trouble = error
            return _no_claim(error)
        if claim.replayed:
            return Outcome.verdict(Result.DEFERRED, "another run has just done it; the next one looks")
        if claim.attempts > self.limit:
            # The last attempt was still under way when it was recalled.
            return self._quarantined(claim)
        return Hold(claim, self, forgotten=forgotten)

    def adopt(self, resource: str, outcome: JsonObject) -> None:
        """It is seen to be done: what an attempt left in doubt is settled, so that it is remembered.

        When that fails, it is logged: whoever sees it next does it.
        """
        if self.guard is None or self.trouble is not None:
            return
        try:
            self.guard.adopt(self._key(resource), outcome)
        except UnreadableRecordError as error:
            _LOG.warning("%s", error)
        except ToolkitError as error:
            self.trouble = error
            _LOG.warning("what was done before could not be written down: %s", error)

    def _quarantined(self, claim: Claim) -> Outcome:
        """Gives back a claim on what has failed too often already, and the verdict on that."""
        record = replace(claim.record, attempts=claim.attempts - 1)
        past = self._past(record, datetime.fromtimestamp(record.changed_at, UTC))
        Hold(claim, self).give_back()
        return past.quarantined(past.reason)

    def _begins_anew(self, record: Record, now: datetime) -> bool:
        """Whether attempts enough failed, the last of them unclearly, and that was long enough ago.

        Then most likely a service did not answer, and what was asked for is not at fault.
        """
        enough = record.attempts >= self.limit and _is_unclear(record)
        pause_over = record.changed_at + UNCLEAR_PAUSE.total_seconds()
        return enough and now.timestamp() >= max(pause_over, record.lease_until)

    def _key(self, resource: str) -> Key:
        # Nobody without a store pays for what claims need.
        from fctoolkit.idempotency.key import Key  # noqa: PLC0415

        return Key(self.account, self.work.function, self.work.operation, resource)

    def _past(self, record: Record, now: datetime) -> Past:
        outcome = _told(record.outcome)
        return Past(
            done=record.status == "completed",
            at=datetime.fromtimestamp(record.changed_at, UTC),
            attempts=record.attempts,
            exhausted=record.attempts >= self.limit and not self._begins_anew(record, now),
            busy=record.status == "claimed" and now.timestamp() < record.lease_until,
            failed=record.status == "failed" and not record.maybe_done,
            unclear=_is_unclear(record),
            reason=record.reason,
            target=str(outcome.get("target", "")),
            region=str(outcome.get("region", "")),
            task_id=str(outcome.get("taskId", "")),
        )


def _is_unclear(record: Record) -> bool:
    """Whether nobody said how the last attempt ended."""
    return record.status == "claimed" or record.maybe_done


def _told(outcome: str) -> JsonObject:
    """A kept outcome; empty when there is none, or another release wrote what this one cannot read."""
    try:
        told = decode(outcome) if outcome else {}
    except JsonError:
        return {}
    return told if isinstance(told, dict) else {}


def _no_claim(error: ToolkitError) -> Outcome:
    return Outcome.verdict(Result.FAILED, f"without its claim nothing was done: {error}")
