"""One invocation of the search job, from signals to a report. Wires observe, plan and apply."""

from __future__ import annotations

from typing import TYPE_CHECKING

from enlist.clients.elasticsearch import ElasticsearchClient
from enlist.outcomes import Outcome, Report, Result
from enlist.search.apply import SearchApplier
from enlist.search.observe import SearchObserver
from enlist.search.plan import Connect, Plan, plan
from enlist.signals import Signal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from enlist.means import Means


def run(means: Means, signals: Sequence[Signal] | None, dry_run: bool) -> Report:  # noqa: FBT001 -- `Job`'s shape
    """Connects the signalled Elasticsearch instances with their peers; with None, all in bound regions."""
    client = ElasticsearchClient(means.session, means.settings.endpoints)
    decided = _decide(SearchObserver(client, means.bindings.search), means, signals)
    applier = SearchApplier(client, means.clock)
    settle = _only_told if dry_run else applier.connect
    return Report((*decided.outcomes, *map(settle, decided.actions)))


def _decide(observer: SearchObserver, means: Means, signals: Sequence[Signal] | None) -> Plan:
    bindings = means.bindings.search
    if signals is None:
        wanted = [Signal(instance_id) for instance_id in observer.look_at_all()]
    else:
        wanted = [*signals]
        observer.look_at(wanted)
    observer.look_at_peers()
    first = plan(observer.view(), bindings, wanted)
    if not first.candidates:
        return first
    observer.look_closer(first.candidates)
    return plan(observer.view(), bindings, wanted)


def _only_told(action: Connect) -> Outcome:
    """A dry run's outcome of one pair."""
    reason = "dry run: it would be connected now"
    return Outcome(action.instance_id, Result.IGNORED, reason, action.binding.name, action.peer_id)
