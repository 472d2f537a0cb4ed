"""One invocation of the edge job, from signals to a report. Wires observe, plan and apply."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from enlist.clients.cs import CsClient
from enlist.clients.ens import EnsClient
from enlist.edge.apply import LEAST_SECONDS, EdgeApplier, kept_of
from enlist.edge.observe import EdgeObserver
from enlist.edge.plan import Attach, Plan, plan
from enlist.ledger import Ledger, Work
from enlist.outcomes import Outcome, Report, Result
from enlist.signals import Signal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from enlist.means import Means


WORK = Work("attach_instances", "AttachInstances")

_ON_THEIR_WAY = frozenset({Result.ATTACHING, Result.ATTACHED})
_THERE = _ON_THEIR_WAY | {Result.ALREADY}
"""Results of a look. A sweep asks for no memories of those that are there: on most accounts, nearly all."""


def run(means: Means, signals: Sequence[Signal] | None, *, dry_run: bool) -> Report:
    """Brings the signalled ENS instances into their clusters; with None, all that a binding can concern.

    Raises the `ApiError` tree only when ENS does not answer, which concerns all instances alike.
    """
    endpoints = means.settings.endpoints
    looks = CsClient(means.looks, endpoints)
    ens = EnsClient(means.looks, endpoints, means.function_region, means.together)
    now = datetime.fromtimestamp(means.clock.now(), UTC)
    ledger = Ledger(means.guard, means.account_id, WORK, means.settings.attempts)
    decided = _decide(EdgeObserver(looks, ens, ledger, means, now), means, signals)
    applier = EdgeApplier(
        CsClient(means.session, endpoints), ledger, means.clock, means.settings, means.deadline
    )
    done = _only_told(decided.actions) if dry_run else applier.apply(decided.actions)
    report = Report((*decided.outcomes, *done))
    if not dry_run:
        shown = _ON_THEIR_WAY if signals is None else _THERE
        _adopt(ledger, means, [one for one in decided.outcomes if one.result in shown])
    return report


def _adopt(ledger: Ledger, means: Means, shown: Sequence[Outcome]) -> None:
    """Remembers those that show as attached what a run before left in doubt, as long as there is time."""
    applied = {binding.name: binding for binding in means.bindings.edge if binding.mode == "apply"}
    for outcome in shown:
        binding = applied.get(outcome.binding)
        if binding is not None and means.deadline.remaining() > LEAST_SECONDS:
            ledger.adopt(outcome.instance_id, kept_of(binding, outcome.task_id))


def _decide(observer: EdgeObserver, means: Means, signals: Sequence[Signal] | None) -> Plan:
    bindings = means.bindings.edge
    if not bindings:
        return plan(observer.view(), bindings, signals or ())
    found = observer.look_at_instances(
        None if signals is None else [signal.instance_id for signal in signals]
    )
    wanted = [Signal(instance_id) for instance_id in found] if signals is None else signals
    observer.look_at_targets()
    first = plan(observer.view(), bindings, wanted)
    if not first.candidates:
        return first
    observer.look_closer(first.candidates)
    return plan(observer.view(), bindings, wanted)


def _only_told(actions: Sequence[Attach]) -> Iterator[Outcome]:
    """A dry run's outcomes: what would be done now, and what would wait."""
    for action in actions:
        for place, instance_id in enumerate(action.instance_ids):
            told = (
                (Result.IGNORED, "dry run: it would be attached now")
                if place < action.most
                else (Result.DEFERRED, action.limit)
            )
            yield Outcome(instance_id, *told, action.binding.name, action.binding.cluster, planned=True)
