"""One invocation of the search job, from signals to a report. Wires observe, plan and apply."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from enlist.clients.elasticsearch import ElasticsearchClient
from enlist.ledger import Ledger, Work
from enlist.outcomes import Outcome, Report, Result
from enlist.search.apply import SearchApplier, kept_of
from enlist.search.observe import SearchObserver
from enlist.search.plan import Connect, Plan, carry_out, plan
from enlist.search.view import pair_of, resource_of
from enlist.signals import Signal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from enlist.means import Means


WORK = Work("add_connectable_cluster", "AddConnectableCluster")


def run(means: Means, signals: Sequence[Signal] | None, *, dry_run: bool) -> Report:
    """Connects the signalled Elasticsearch instances with their peers; with None, all in bound regions."""
    ledger = Ledger(means.guard, means.account_id, WORK, means.settings.attempts)
    now = datetime.fromtimestamp(means.clock.now(), UTC)
    looks = ElasticsearchClient(means.looks, means.settings.endpoints)
    observer = SearchObserver(looks, ledger, means, now)
    decided = _decide(observer, means, signals)
    client = ElasticsearchClient(means.session, means.settings.endpoints)
    connect = _only_told if dry_run else SearchApplier(client, ledger, means.clock).connect
    done = carry_out(decided.actions, observer.view().connected, connect)
    report = Report((*decided.outcomes, *done))
    if signals is not None and not dry_run:
        _adopt(ledger, means, decided.outcomes)
    return report


def _adopt(ledger: Ledger, means: Means, outcomes: Sequence[Outcome]) -> None:
    """Remembers those pairs that show as connected what a run before left in doubt, while there is time.

    A sweep does not: it would ask for memories of every pair there is.
    """
    applied = {binding.name: binding for binding in means.bindings.search if binding.mode == "apply"}
    for outcome in outcomes:
        binding = applied.get(outcome.binding)
        if binding is None or outcome.result is not Result.ALREADY or not means.deadline.remaining():
            continue
        pair = pair_of(outcome.instance_id, outcome.target)
        ledger.adopt(resource_of(pair), kept_of(binding, pair))


def _decide(observer: SearchObserver, means: Means, signals: Sequence[Signal] | None) -> Plan:
    bindings = means.bindings.search
    if signals is None:
        wanted = [Signal(instance_id) for instance_id in observer.look_at_all()]
    else:
        wanted = [*signals]
        observer.look_at(wanted)
    observer.look_at_peers(list(dict.fromkeys(signal.instance_id for signal in wanted)))
    first = plan(observer.view(), bindings, wanted)
    if not first.candidates:
        return first
    observer.look_closer(first.candidates)
    return plan(observer.view(), bindings, wanted)


def _only_told(action: Connect) -> tuple[Outcome, bool]:
    """A dry run's outcome of one pair, which takes its place as if it had been connected."""
    reason = "dry run: it would be connected now"
    binding = action.binding.name
    told = Outcome(action.instance_id, Result.IGNORED, reason, binding, action.peer_id, planned=True)
    return told, True
