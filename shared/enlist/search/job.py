"""One invocation of the search job, from signals to a report. Wires observe, plan and apply."""

from __future__ import annotations

from typing import TYPE_CHECKING

from enlist.clients.elasticsearch import ElasticsearchClient
from enlist.outcomes import Outcome, Report, Result
from enlist.search.apply import SearchApplier
from enlist.search.observe import SearchObserver
from enlist.search.plan import Plan, plan
from enlist.signals import Signal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from enlist.means import Means


def run(means: Means, signals: Sequence[Signal] | None, dry_run: bool) -> Report:  # noqa: FBT001 -- `Job`'s shape
    """Connects the signalled Elasticsearch instances with their peers; with None, all in the bound regions.

    Raises the `ApiError` tree only when a region cannot be listed, which concerns all its instances alike.
    """
    client = ElasticsearchClient(means.session, means.settings.endpoints)
    decided = _decide(SearchObserver(client, means.bindings.search), means, signals)
    applier = SearchApplier(client, means.clock)
    outcomes = [*decided.outcomes]
    for action in decided.actions:
        if dry_run:
            reason = "dry run: it would be connected now"
            outcomes.append(
                Outcome(action.instance_id, Result.IGNORED, reason, action.binding.name, action.peer_id)
            )
        else:
            outcomes.append(applier.connect(action))
    return Report(tuple(outcomes))


def _decide(observer: SearchObserver, means: Means, signals: Sequence[Signal] | None) -> Plan:
    bindings = means.bindings.search
    if signals is None:
        wanted = [Signal(instance_id, door="timer") for instance_id in observer.look_at_all()]
    else:
        wanted = [*signals]
        observer.look_at(wanted)
    observer.look_at_peers()
    first = plan(observer.view(), bindings, wanted)
    if not first.actions:
        return first
    # Whether a pair may be connected at all is asked only for those about to be.
    observer.look_closer(first.instance_ids())
    return plan(observer.view(), bindings, wanted)
