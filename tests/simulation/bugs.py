"""Bugs to plant, one at a time: each takes one care out of the product. Proves that the simulator sees.

A bug replaces a function of the product by one that lacks the care. When the product changes so that a bug
can no longer be planted, planting it fails; then plant it anew.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from unittest import mock

from enlist.clients.cs import CsClient
from enlist.edge import apply, history, observe, plan
from enlist.ledger import Hold, Ledger
from enlist.outcomes import Outcome, Report
from enlist.search import apply as search_apply
from enlist.search import plan as search_plan
from fctoolkit import retry
from fctoolkit.idempotency import Status
from fctoolkit.idempotency.guard import Guard
from fctoolkit.retry import FailureKind

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from fctoolkit.idempotency import Store


@dataclass(frozen=True, slots=True)
class Bug:
    """One care taken out.

    Attributes:
        name: what the bug does.
        store: with which store it is looked for.
        patches: makes what replaces the product's functions: target and replacement.
    """

    name: str
    store: str
    patches: Callable[[], list[tuple[object, str, Any]]]


def _blind_retry() -> list[tuple[object, str, Any]]:
    careful = retry._worth_repeating

    def careless(failed: retry.FailedAttempt) -> bool:
        return failed.kind is FailureKind.TRANSIENT or careful(failed)

    return [(retry, "_worth_repeating", careless)]


def _unfenced_release() -> list[tuple[object, str, Any]]:
    claim = Ledger.claim

    def careless(self: Ledger, resource: str, **options: Any) -> Any:
        granted = claim(self, resource, **options)
        if isinstance(granted, Outcome) and self.guard is not None:
            # As a `finally` does that releases whatever is there.
            self.guard.step(
                self._key(resource).text,
                lambda found, _now: (
                    replace(found, status=Status.RELEASED)
                    if found is not None and found.status is Status.CLAIMED
                    else found
                ),
            )
        return granted

    return [(Ledger, "claim", careless)]


def _no_look_before_act() -> list[tuple[object, str, Any]]:
    return [(Hold, "must_look", property(lambda _self: False))]


def _tasks_forgotten() -> list[tuple[object, str, Any]]:
    def nothing(_self: CsClient, _region: str, _cluster_id: str) -> tuple[()]:
        return ()

    return [(CsClient, "describe_cluster_tasks", nothing)]


def _lagging_list_trusted() -> list[tuple[object, str, Any]]:
    return [(history, "_has_just_attached", lambda *_: False)]


def _lease_too_short() -> list[tuple[object, str, Any]]:
    make = Guard.__init__

    def short(self: Guard, store: Store, **options: Any) -> None:
        make(self, store, **options)
        object.__setattr__(self, "lease", 2.0)

    return [(Guard, "__init__", short)]


def _hold_tag_ignored() -> list[tuple[object, str, Any]]:
    from enlist import choice

    return [(choice, "HOLD_TAG", "another"), (search_plan, "HOLD_TAG", "another")]


def _other_clusters_ignored() -> list[tuple[object, str, Any]]:
    return [(observe.EdgeObserver, "_look_into_clusters", lambda *_: None)]


def _released_after_unclear_end() -> list[tuple[object, str, Any]]:
    settle = apply.EdgeApplier._settle_rest

    def careless(self: apply.EdgeApplier, progress: Any, sent: Any) -> frozenset[str]:
        shown = settle(self, progress, sent)
        for one in sent.unclear() - shown:
            progress.holds[one].give_back()
        return shown

    return [
        (apply.EdgeApplier, "_settle_rest", careless),
        (Hold, "must_look", property(lambda _self: False)),
    ]


def _completed_ignored() -> list[tuple[object, str, Any]]:
    def everybody(view: Any, _retries: object, action: plan.Attach) -> plan.Attach:
        return action._replace(retried=frozenset(one for one in action.instance_ids if one in view.pasts))

    return [(plan, "_with_pasts", everybody), (plan, "_remembered", lambda *_, **__: None)]


def _replay_taken_for_granted() -> list[tuple[object, str, Any]]:
    claim = Ledger.claim

    def careless(self: Ledger, resource: str, **options: Any) -> Any:
        granted = claim(self, resource, **options)
        return Hold() if isinstance(granted, Outcome) and "just done" in granted.reason else granted

    return [(Ledger, "claim", careless)]


def _acts_without_claim() -> list[tuple[object, str, Any]]:
    claim = Ledger.claim

    def careless(self: Ledger, resource: str, **options: Any) -> Any:
        granted = claim(self, resource, **options)
        if isinstance(granted, Outcome) and (
            "another run is at it" in granted.reason or "without" in granted.reason
        ):
            return Hold()
        return granted

    return [(Ledger, "claim", careless)]


def _event_swallowed() -> list[tuple[object, str, Any]]:
    from enlist.edge import job

    decide = job._decide

    def lazy(observer: Any, means: Any, signals: Any) -> plan.Plan:
        if signals is not None:
            return decide(observer, means, signals)
        observer.look_at_instances(None)
        return plan.Plan((), ())

    return [
        (job, "_decide", lazy),
        (Report, "raise_unsettled", lambda _self: None),
    ]


def _attempts_not_counted() -> list[tuple[object, str, Any]]:
    past = Ledger._past

    def careless(self: Ledger, record: Any, now: Any) -> Any:
        return past(self, record, now)._replace(exhausted=False)

    return [(Ledger, "_past", careless), (Ledger, "_quarantined", lambda _self, claim: Hold(claim))]


def _quarantine_for_ever() -> list[tuple[object, str, Any]]:
    remembered, search_remembered = plan._remembered, search_plan._judge_closer

    def stubborn(view: Any, instance_id: str, *, retry: bool) -> Any:
        return remembered(view, instance_id, retry=False)

    def stubborn_pair(view: Any, connect: Any) -> Any:
        return search_remembered(view, connect._replace(retry=False))

    return [(plan, "_remembered", stubborn), (search_plan, "_judge_closer", stubborn_pair)]


def _first_page_only() -> list[tuple[object, str, Any]]:
    from enlist.clients import cs, elasticsearch, ens

    def careless(request: Any, page_key: str, call: Any) -> Any:
        query = {**request.query, page_key: "1"}
        yield from call(replace(request, query=query)).items

    return [(module, "paged", careless) for module in (cs, ens, elasticsearch)]


def _neighbours_dropped() -> list[tuple[object, str, Any]]:
    return [(apply._Sent, "refused", property(lambda _self: False))]


def _mode_plan_acts() -> list[tuple[object, str, Any]]:
    share = plan._share_out

    def careless(view: Any, bindings: Any, ready: Any, outcomes: Any) -> Any:
        acting = [binding.model_copy(update={"mode": "apply"}) for binding in bindings]
        return share(view, acting, ready, outcomes)

    return [(plan, "_share_out", careless)]


def _max_per_run_ignored() -> list[tuple[object, str, Any]]:
    share = plan._share_out

    def careless(view: Any, bindings: Any, ready: Any, outcomes: Any) -> Any:
        greedy = [binding.model_copy(update={"max_per_run": 1000}) for binding in bindings]
        return share(view, greedy, ready, outcomes)

    return [(plan, "_share_out", careless)]


def _removal_forgotten() -> list[tuple[object, str, Any]]:
    ended = history._ended

    def careless(task: Any, instance_id: str, now: Any, *, retry: bool) -> Any:
        return None if history.is_removal(task) else ended(task, instance_id, now, retry=retry)

    return [(history, "_ended", careless)]


def _failed_attach_repeated() -> list[tuple[object, str, Any]]:
    ended = history._ended

    def careless(task: Any, instance_id: str, now: Any, *, retry: bool) -> Any:
        return ended(task, instance_id, now, retry=retry or not history.is_removal(task))

    return [(history, "_ended", careless)]


def _token_for_each_event() -> list[tuple[object, str, Any]]:
    count = iter(range(10**9))
    return [(search_apply, "client_token", lambda *_: f"token-{next(count)}")]


def _max_peers_ignored() -> list[tuple[object, str, Any]]:
    carry = search_plan.carry_out
    from enlist.search import job

    def careless(actions: Any, _connected: Any, connect: Any) -> Any:
        return carry(actions, {}, connect)

    judge = search_plan._judge_closer

    def blind(view: Any, connect: Any) -> Any:
        return judge(view._replace(connected={one: frozenset() for one in view.connected}), connect)

    return [(job, "carry_out", careless), (search_plan, "_judge_closer", blind)]


def _connected_not_looked_at() -> list[tuple[object, str, Any]]:
    from enlist.clients.elasticsearch import ElasticsearchClient

    return [
        (ElasticsearchClient, "list_connected_clusters", lambda *_: frozenset()),
        *_token_for_each_event(),
    ]


BUGS = (
    Bug("an attach is repeated blindly after a time-out", "none", _blind_retry),
    Bug("tasks do not count as membership", "none", _tasks_forgotten),
    Bug("a node list that lags is trusted", "none", _lagging_list_trusted),
    Bug("the hold tag is ignored", "none", _hold_tag_ignored),
    Bug("other clusters are not looked into", "none", _other_clusters_ignored),
    Bug("an event is swallowed and the sweep skips what was deferred", "none", _event_swallowed),
    Bug("only the first page is read", "none", _first_page_only),
    Bug("a refused neighbour drops the batch", "none", _neighbours_dropped),
    Bug("mode plan acts", "none", _mode_plan_acts),
    Bug("max_per_run is ignored", "none", _max_per_run_ignored),
    Bug("a removal by somebody is forgotten", "none", _removal_forgotten),
    Bug("a failed attach is repeated at once", "none", _failed_attach_repeated),
    Bug("a new token for each event", "none", _token_for_each_event),
    Bug("max_peers is ignored", "none", _max_peers_ignored),
    Bug("what is connected is not looked at", "none", _connected_not_looked_at),
    Bug("who is refused a claim releases it", "memory", _unfenced_release),
    Bug("a lease that lapsed is taken over without a look", "memory", _no_look_before_act),
    Bug("a lease is shorter than a call", "memory", _lease_too_short),
    Bug("a claim is released after an unclear end", "memory", _released_after_unclear_end),
    Bug("what is remembered as done is done again", "memory", _completed_ignored),
    Bug("a replay is taken for a claim", "memory", _replay_taken_for_granted),
    Bug("it acts without a claim", "memory", _acts_without_claim),
    Bug("attempts are not counted", "memory", _attempts_not_counted),
    Bug("a quarantine is never released", "memory", _quarantine_for_ever),
)
BY_NAME = {bug.name: bug for bug in BUGS}


@contextmanager
def planted(name: str) -> Generator[None]:
    """Plants the bug of that name for as long as the block lasts; none for an empty name."""
    with ExitStack() as stack:
        for owner, attribute, replacement in BY_NAME[name].patches() if name else ():
            stack.enter_context(mock.patch.object(owner, attribute, replacement))
        yield
