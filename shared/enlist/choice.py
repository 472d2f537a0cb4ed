"""What both jobs decide alike: which binding an instance has, and how a binding's limits are told. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Generic, NamedTuple, Protocol, TypeVar

from enlist.bindings.model import Binding
from enlist.facts import HOLD_TAG, rfc3339
from enlist.outcomes import UNSETTLED, Outcome, Result

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from enlist.signals import Signal
    from fctoolkit.jsontypes import FrozenJson

_Binding = TypeVar("_Binding", bound=Binding)

MOST_EXPLAINED = 10
"""Bindings of which a reason says why they do not match: an account may have many, and more strangers."""

FIRST = datetime.min.replace(tzinfo=UTC)
"""Before every time that there is."""


class Facts(Protocol):
    """What both kinds of facts have."""

    @property
    def instance_id(self) -> str:
        """The instance."""
        ...

    @property
    def created_at(self) -> datetime | None:
        """When it was created, None when that is not known."""
        ...

    @property
    def tags(self) -> Mapping[str, str] | None:
        """Its tags, None when they could not be read."""
        ...

    def as_record(self) -> dict[str, FrozenJson]:
        """The published record, which patterns match."""
        ...


class Choice(NamedTuple, Generic[_Binding]):
    """The binding that decides about an instance, or the outcome when none does."""

    binding: _Binding | None
    outcome: Outcome | None = None


def choose(facts: Facts, bindings: Sequence[_Binding]) -> Choice[_Binding]:
    """The first binding that matches, unless the instance is on hold or too old for it."""
    record = facts.as_record()
    binding = next((one for one in bindings if one.matches(record)), None)
    if binding is None:
        return Choice(None, _unmatched(facts.instance_id, record, bindings))
    kept_out = _kept_out(facts, binding)
    if kept_out is None:
        return Choice(binding)
    outcome = Outcome(facts.instance_id, *kept_out, binding.name, binding.target)
    return Choice(None, as_reported(outcome, binding))


def _unmatched(instance_id: str, record: Mapping[str, FrozenJson], bindings: Sequence[Binding]) -> Outcome:
    if not bindings:
        return unbound(instance_id)
    reasons = [f"{one.name} ({one.mismatch(record)})" for one in bindings[:MOST_EXPLAINED]]
    if len(bindings) > MOST_EXPLAINED:
        reasons.append(f"and {len(bindings) - MOST_EXPLAINED} more")
    return Outcome(instance_id, Result.IGNORED, f"no binding matches: {'; '.join(reasons)}")


def unbound(instance_id: str) -> Outcome:
    """The outcome where there is no binding at all."""
    return Outcome(instance_id, Result.IGNORED, "there is no binding for its kind")


def as_reported(verdict: Outcome, binding: Binding) -> Outcome:
    """A verdict as its binding's mode reports it: a binding that only reports refuses nothing."""
    if binding.mode == "plan" and verdict.result in UNSETTLED:
        told = only_reported(f"{verdict.result.value}: {verdict.reason}")
        return verdict._replace(result=told.result, reason=told.reason, planned=True)
    return verdict


def only_reported(what: str) -> Outcome:
    """The verdict of a binding in mode plan, before it is known on whom."""
    verdict = Outcome.verdict(Result.IGNORED, f"mode plan; in apply it would be {what}")
    return verdict._replace(planned=True)


def used_up(binding: Binding) -> str:
    """The reason of `max_per_run` for waiting."""
    return f"max_per_run {binding.max_per_run} is used up; the next run goes on"


def age(facts: Facts | None, instance_id: str) -> tuple[datetime, str]:
    """What instances are sorted by: the oldest first, those of unknown age before them."""
    created_at = facts.created_at if facts is not None else None
    return (created_at or FIRST, instance_id)


def in_turn(signals: Iterable[Signal], instances: Mapping[str, Facts]) -> dict[str, bool]:
    """The signalled ids, the oldest first; and of each whether one of its signals asks for a retry."""
    retries: dict[str, bool] = {}
    for signal in signals:
        retries[signal.instance_id] = retries.get(signal.instance_id, False) or signal.retry
    return {one: retries[one] for one in sorted(retries, key=lambda one: age(instances.get(one), one))}


def _kept_out(facts: Facts, binding: Binding) -> tuple[Result, str] | None:
    if facts.tags is None:
        return Result.REJECTED, f"its tags could not be read, so {HOLD_TAG} cannot be ruled out"
    if HOLD_TAG in facts.tags:
        return Result.HELD, f"tagged {HOLD_TAG}"
    if binding.created_after is None:
        return None
    if facts.created_at is None:
        return Result.REJECTED, "it is not known when it was created, and the binding has created_after"
    if facts.created_at < binding.created_after:
        created, after = rfc3339(facts.created_at), rfc3339(binding.created_after)
        return Result.IGNORED, f"created {created}, before created_after {after}"
    return None
