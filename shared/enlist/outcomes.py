"""What became of each instance, and what the invocation says of it all. Pure data; knows no API."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from enlist.errors import NotSettledError

if TYPE_CHECKING:
    from fctoolkit.jsontypes import JsonObject


class Result(StrEnum):
    """How it ended for one instance (edge) or one pair (search), this time."""

    ATTACHED = "attached"
    """It is a node now: its task has succeeded."""
    ATTACHING = "attaching"
    """Accepted; a task is running. A later sweep settles it."""
    CONNECTED = "connected"
    """The connection was made now."""
    ALREADY = "already"
    """It is where it should be; nothing was done."""
    DEFERRED = "deferred"
    """Not ready, or not its turn. Nothing was done; the next event or sweep looks again."""
    HELD = "held"
    """Somebody wants it left alone."""
    IGNORED = "ignored"
    """No binding asks for it, or its binding only reports."""
    REJECTED = "rejected"
    """Refused: repeating it as it is cannot help."""
    FAILED = "failed"
    """It went wrong: a write, or a look that was needed before one."""


UNSETTLED = frozenset({Result.REJECTED, Result.FAILED})
"""Results that make an invocation raise."""

MOST_NAMED = 20
"""Outcomes that an error names one by one."""

MOST_TEXT = 8_000
"""Characters of an error's text: a dead letter over MNS holds 64 KB, the event among them."""

_QUIET = frozenset({Result.IGNORED, Result.ALREADY})


class Outcome(NamedTuple):
    """What became of one instance.

    Attributes:
        instance_id: the instance the signal named; empty when an event could not be read that far.
        result: how it ended.
        reason: why, for a person.
        binding: name of the binding that decided, empty when none did.
        target: cluster id (edge) or the peer's instance id (search).
        task_id: the cluster task to follow, when one is known.
        request_id: the vendor's request id of the call that decided.
        field: the field at fault when an event or request was refused.
        duration_ms: time the deciding call took, milliseconds; 0 when no call was made for it.
        standing: an earlier attempt led to this, and it was only found again. A sweep does not raise for it:
            somebody was told already.
        planned: it tells what would be done by a binding that is in mode plan, or without dry run.
        attempts: how often it was tried; 0 when nothing was tried or there is no store to count.
    """

    instance_id: str
    result: Result
    reason: str
    binding: str = ""
    target: str = ""
    task_id: str = ""
    request_id: str = ""
    field: str = ""
    duration_ms: int = 0
    standing: bool = False
    planned: bool = False
    attempts: int = 0

    @classmethod
    def verdict(cls, result: Result, reason: str, *, standing: bool = False, attempts: int = 0) -> Outcome:
        """What was decided, before it is said on whom: a planner's rule speaks so."""
        return cls("", result, reason, standing=standing, attempts=attempts)

    @property
    def quarantined(self) -> bool:
        """Whether it is held because it failed too often."""
        return self.result is Result.HELD and self.attempts > 0

    @property
    def quiet(self) -> bool:
        """Whether a sweep counts it and does not list it: on a large account nearly all are so."""
        return self.result in _QUIET and not self.planned

    def as_record(self) -> JsonObject:
        """The outcome as flat JSON, camelCase, empty values left out."""
        record: JsonObject = {
            "instanceId": self.instance_id,
            "result": self.result.value,
            "reason": self.reason,
            "binding": self.binding,
            "target": self.target,
            "taskId": self.task_id,
            "requestId": self.request_id,
            "field": self.field,
            "durationMs": self.duration_ms,
            "attempts": self.attempts,
        }
        return {key: value for key, value in record.items() if value not in ("", 0)}


class Report(NamedTuple):
    """All outcomes of one invocation."""

    outcomes: tuple[Outcome, ...]

    def counts(self) -> dict[str, int]:
        """How many outcomes of each result, results that did not occur left out.

        Those `held` because they failed too often are counted once more, as `quarantined`.
        """
        counts: dict[str, int] = {}
        for outcome in self.outcomes:
            names = (outcome.result.value, "quarantined") if outcome.quarantined else (outcome.result.value,)
            for name in names:
                counts[name] = counts.get(name, 0) + 1
        return dict(sorted(counts.items()))

    def as_record(self, *, quiet: bool = False) -> JsonObject:
        """`{"counts": {...}, "outcomes": [...]}`; `quiet` leaves out what a sweep only counts."""
        shown = [o.as_record() for o in self.outcomes if not (quiet and o.quiet)]
        return {"counts": {**self.counts()}, "outcomes": [*shown]}

    def raise_unsettled(self) -> None:
        """Raises `NotSettledError` if an outcome is `rejected` or `failed`."""
        self._raise([outcome for outcome in self.outcomes if outcome.result in UNSETTLED])

    def raise_new_failures(self) -> None:
        """Raises `NotSettledError` if something `failed` now, as a sweep does."""
        self._raise(self.new_failures)

    @property
    def new_failures(self) -> list[Outcome]:
        """What `failed` in this very run.

        What a sweep rejects, or finds failed from an earlier run, is reported and does not raise: the next
        tick would only say so again, and a tick in a dead-letter queue helps nobody.
        """
        return [one for one in self.outcomes if one.result is Result.FAILED and not one.standing]

    def _raise(self, bad: list[Outcome]) -> None:
        if not bad:
            return
        shown = [f"{one.instance_id or 'event'} {one.result.value}: {one.reason}" for one in bad[:MOST_NAMED]]
        more = f"; and {len(bad) - MOST_NAMED} more, see the log" if len(bad) > MOST_NAMED else ""
        raise NotSettledError(
            f"{len(bad)} of {len(self.outcomes)} not settled: {'; '.join(shown)}{more}"[:MOST_TEXT]
        )
