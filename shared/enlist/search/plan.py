"""The plan: which pairs of Elasticsearch instances to connect, and for every other pair the reason why not.

Pure: no clock, no network, no state. The rules stand in `_judge` and `_judge_closer` in the order in which
they apply; the first that speaks decides.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from enlist.bindings.model import SAME_BINDING, PeerMatch, SearchBinding
from enlist.choice import as_reported, choose, in_turn, only_reported, unbound, used_up
from enlist.facts import HOLD_TAG, SearchFacts
from enlist.identifiers import SEARCH_ID
from enlist.outcomes import Outcome, Result
from enlist.search.view import Pair, SearchView, pair_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from enlist.memory import Past
    from enlist.signals import Signal

ACTIVE = "active"
CLOUD_NATIVE = "public"
"""`archType` of the cloud-native architecture, which cannot be connected; `exclusive` can."""

_ON_ITS_WAY = frozenset({"activating", "unknown", ""})


class Connect(NamedTuple):
    """One write: connect two instances.

    Attributes:
        binding: asks for it.
        instance_id: the one the binding chose.
        peer_id: the other one.
        retry: an operator asks for it whatever is remembered of the pair.
    """

    binding: SearchBinding
    instance_id: str
    peer_id: str
    retry: bool = False

    @property
    def pair(self) -> Pair:
        """Both, in the order in which they are called."""
        return pair_of(self.instance_id, self.peer_id)


class Plan(NamedTuple):
    """What to do, and what became of the other pairs without doing anything.

    `candidates` are pairs that nothing seen so far keeps apart, and that were not cleared: look closer at
    them, and plan again. Their outcome for now is `deferred`.
    """

    actions: tuple[Connect, ...]
    outcomes: tuple[Outcome, ...]
    candidates: tuple[Connect, ...] = ()


def plan(view: SearchView, bindings: Sequence[SearchBinding], signals: Iterable[Signal]) -> Plan:
    """Decides for each signal and each of its peers, oldest instance first. The same view, the same plan."""
    outcomes: list[Outcome] = []
    verdicts: dict[Pair, Outcome] = {}
    ready: dict[Pair, Connect] = {}
    retries = in_turn(signals, view.instances)
    by_binding = peers_of(view, bindings)
    for instance_id, retry in retries.items():
        facts = view.instances.get(instance_id)
        if facts is None:
            outcomes.append(_not_visible(view, instance_id) if bindings else unbound(instance_id))
            continue
        choice = choose(facts, bindings)
        if choice.binding is None:
            outcomes.extend([choice.outcome] if choice.outcome else [])
            continue
        peers = [one for one in by_binding[choice.binding.name] if one != instance_id]
        if not peers:
            alone = Connect(choice.binding, instance_id, "")
            outcomes.append(_outcome(alone, Outcome.verdict(Result.IGNORED, "no instance is its peer")))
        for peer_id in peers:
            connect = Connect(choice.binding, instance_id, peer_id, retry)
            _weigh(view, facts, connect, ready, verdicts)
    candidates = tuple(one for pair, one in ready.items() if pair not in view.cleared)
    verdicts.update(
        (one.pair, _outcome(one, Outcome.verdict(Result.DEFERRED, "it was not looked at closely enough")))
        for one in candidates
    )
    cleared = [one for pair, one in ready.items() if pair in view.cleared]
    verdicts.update(
        (one.pair, _outcome(one, only_reported("connected"))) for one in cleared if one.binding.mode == "plan"
    )
    actions = [one for one in cleared if one.binding.mode == "apply"]
    outcomes.extend(_region_troubles(view))
    return Plan(tuple(actions), (*outcomes, *verdicts.values()), candidates)


def peers_of(view: SearchView, bindings: Sequence[SearchBinding]) -> dict[str, tuple[str, ...]]:
    """The instances that each binding names as peers, by the binding's name, in a stable order."""
    chosen: dict[str, list[str]] = {}
    if any(binding.peers == SAME_BINDING for binding in bindings):
        for facts in view.instances.values():
            by = choose(facts, bindings).binding
            if by is not None:
                chosen.setdefault(by.name, []).append(facts.instance_id)
    return {binding.name: _peers(view, binding, chosen.get(binding.name, [])) for binding in bindings}


def _peers(view: SearchView, binding: SearchBinding, chosen: Sequence[str]) -> tuple[str, ...]:
    if isinstance(binding.peers, tuple):
        return tuple(dict.fromkeys(binding.peers))
    if isinstance(binding.peers, PeerMatch):
        match = binding.peers
        there = (one for one in view.instances.values() if one.region_id == binding.region)
        return tuple(sorted(one.instance_id for one in there if match.matches(one.as_record())))
    return tuple(sorted(chosen))


def _weigh(
    view: SearchView,
    facts: SearchFacts,
    connect: Connect,
    ready: dict[Pair, Connect],
    verdicts: dict[Pair, Outcome],
) -> None:
    """Adds a pair to the ready ones or to the verdicts. One side's binding that asks for it is enough."""
    pair = connect.pair
    verdict = _judge(view, facts, connect.peer_id)
    if verdict is None and pair in view.cleared:
        verdict = _judge_closer(view, connect)
    if verdict is None:
        known = ready.get(pair)
        if known is None or known.binding.mode == "plan":
            ready[pair] = connect
        verdicts.pop(pair, None)
    elif pair not in ready:
        verdicts.setdefault(pair, _outcome(connect, verdict))


def _outcome(connect: Connect, verdict: Outcome) -> Outcome:
    return as_reported(_named(connect, verdict), connect.binding)


def _not_visible(view: SearchView, instance_id: str) -> Outcome:
    trouble = view.troubles.get(instance_id)
    if trouble is not None:
        return trouble.verdict()._replace(instance_id=instance_id)
    reason = "no such Elasticsearch instance is visible in a bound region; if it is new, a sweep will find it"
    return Outcome(instance_id, Result.DEFERRED, reason)


def _region_troubles(view: SearchView) -> list[Outcome]:
    return [trouble.verdict()._replace(target=region) for region, trouble in view.regions.items()]


def _judge(view: SearchView, facts: SearchFacts, peer_id: str) -> Outcome | None:
    """What can be said from a first look; None when nothing seen keeps the two apart."""
    own_id = facts.instance_id
    if peer_id in view.connected.get(own_id, ()) or own_id in view.connected.get(peer_id, ()):
        return Outcome.verdict(Result.ALREADY, "connected")
    trouble = view.troubles.get(own_id) or view.troubles.get(peer_id)
    if trouble is not None:
        return trouble.verdict()
    peer = view.instances.get(peer_id)
    if peer is None:
        return Outcome.verdict(
            Result.DEFERRED, f"peer {peer_id} is not visible in {facts.region_id}; a sweep looks again"
        )
    if peer.tags is None or HOLD_TAG in peer.tags:
        return Outcome.verdict(
            Result.HELD, f"peer {peer_id} is tagged {HOLD_TAG}, or its tags could not be read"
        )
    return _readiness(facts) or _readiness(peer) or _together(facts, peer)


def _judge_closer(view: SearchView, connect: Connect) -> Outcome | None:
    """What needs a closer look; None when the pair should be connected now."""
    if view.forgotten is not None:
        return view.forgotten.verdict()
    past = view.pasts.get(connect.pair)
    remembered = _remembered(view, past) if past is not None and not connect.retry else None
    if remembered is not None:
        return remembered
    one, other = connect.pair
    if other not in view.connectable.get(one, ()) and one not in view.connectable.get(other, ()):
        reason = f"Elasticsearch does not list {connect.peer_id} as connectable"
        return Outcome.verdict(Result.REJECTED, f"{reason}; version, zones or architecture differ")
    full = [
        f"{one} has {len(view.connected[one])} peers already"
        for one in (connect.instance_id, connect.peer_id)
        if len(view.connected[one]) >= connect.binding.max_peers
    ]
    return (
        Outcome.verdict(Result.REJECTED, f"{full[0]}; max_peers is {connect.binding.max_peers}")
        if full
        else None
    )


def _remembered(view: SearchView, past: Past) -> Outcome | None:
    """What the store remembers of a pair that is not listed as connected."""
    if past.just_done(view.now):
        return Outcome.verdict(Result.DEFERRED, "connected before, and not listed yet")
    if past.done:
        return past.taken_away("they were connected")
    return past.keeps_failing(view.now)


def _readiness(facts: SearchFacts) -> Outcome | None:
    if not SEARCH_ID.fits(facts.instance_id):
        return Outcome.verdict(Result.REJECTED, f"{facts.instance_id} is not {SEARCH_ID.words}")
    if facts.status in _ON_ITS_WAY:
        status = facts.status or "in an unknown state"
        return Outcome.verdict(Result.DEFERRED, f"{facts.instance_id} is {status}, not active")
    if facts.status != ACTIVE:
        return Outcome.verdict(Result.REJECTED, f"{facts.instance_id} is {facts.status}, not active")
    if facts.arch_type == CLOUD_NATIVE:
        reason = "has the cloud-native architecture, which cannot be connected"
        return Outcome.verdict(Result.REJECTED, f"{facts.instance_id} {reason}")
    return None


def _together(facts: SearchFacts, peer: SearchFacts) -> Outcome | None:
    if facts.vpc_id and facts.vpc_id == peer.vpc_id:
        return None
    own, other = facts.vpc_id or "unknown", peer.vpc_id or "unknown"
    where = f"{facts.instance_id} in {own}, {peer.instance_id} in {other}"
    return Outcome.verdict(Result.REJECTED, f"they are not in one VPC: {where}")


def carry_out(
    actions: Iterable[Connect],
    connected: Mapping[str, Collection[str]],
    connect: Callable[[Connect], tuple[Outcome, bool]],
) -> Iterator[Outcome]:
    """The outcomes of the actions, as far as `max_per_run` and `max_peers` let them be done.

    `connect` does one, and says whether it took a place: what the service refuses takes none, so that a pair
    that is always refused keeps no other pair out. `connected` are the connections before the run.
    """
    peers = Counter({instance_id: len(ids) for instance_id, ids in connected.items()})
    done: Counter[str] = Counter()
    tried: Counter[str] = Counter()
    for action in actions:
        binding = action.binding
        full = [one for one in action.pair if peers[one] >= binding.max_peers]
        if full:
            reason = f"with this run {full[0]} has its max_peers, {binding.max_peers}"
            yield _named(action, Outcome.verdict(Result.REJECTED, reason))
        elif done[binding.name] >= binding.max_per_run or tried[binding.name] >= 2 * binding.max_per_run:
            yield _named(action, Outcome.verdict(Result.DEFERRED, used_up(binding)))
        else:
            outcome, taken = connect(action)
            tried[binding.name] += 1
            if taken:
                done[binding.name] += 1
                peers.update(action.pair)
            yield outcome


def _named(action: Connect, verdict: Outcome) -> Outcome:
    return verdict._replace(
        instance_id=action.instance_id, binding=action.binding.name, target=action.peer_id
    )
