"""The plan: which pairs of Elasticsearch instances to connect, and for every other pair the reason why not.

Pure: no clock, no network, no state. The rules stand in `_judge` in the order in which they apply.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from enlist.bindings.model import SAME_BINDING, PeerMatch, SearchBinding
from enlist.choice import Choice, as_reported, choose
from enlist.facts import HOLD_TAG, SearchFacts
from enlist.outcomes import Outcome, Result

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from enlist.search.view import SearchView
    from enlist.signals import Signal

ACTIVE = "active"
CLOUD_NATIVE = "public"
"""`archType` of the cloud-native architecture, which cannot be connected; `exclusive` can."""

_ON_ITS_WAY = frozenset({"activating", "unknown", ""})
_FIRST = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Connect:
    """One write: connect two instances. `instance_id` is the one the binding chose."""

    binding: SearchBinding
    instance_id: str
    peer_id: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do, and what became of the other pairs without doing anything."""

    actions: tuple[Connect, ...]
    outcomes: tuple[Outcome, ...]

    def instance_ids(self) -> tuple[str, ...]:
        """The instances that would get a connection, each once."""
        return tuple(dict.fromkeys(action.instance_id for action in self.actions))


def peer_ids(view: SearchView, facts: SearchFacts, binding: SearchBinding) -> tuple[str, ...]:
    """The instances that a binding wants an instance connected with, without itself, in a stable order."""
    if isinstance(binding.peers, PeerMatch):
        wanted = [
            one.instance_id for one in view.instances.values() if binding.peers.matches(one.as_record())
        ]
    elif binding.peers == SAME_BINDING:
        wanted = [one.instance_id for one in view.instances.values() if not binding.mismatch(one.as_record())]
    else:
        return tuple(one for one in dict.fromkeys(binding.peers) if one != facts.instance_id)
    in_region = (one for one in wanted if view.instances[one].region_id == facts.region_id)
    return tuple(sorted(one for one in in_region if one != facts.instance_id))


def pair_of(one: str, other: str) -> tuple[str, str]:
    """The unordered pair, in the order in which it is always called."""
    return (one, other) if one < other else (other, one)


def plan(view: SearchView, bindings: Sequence[SearchBinding], signals: Iterable[Signal]) -> Plan:
    """Decides for each signal and each of its peers, oldest instance first. The same view, the same plan."""
    outcomes: list[Outcome] = []
    ready: dict[tuple[str, str], Connect] = {}
    seen: set[tuple[str, str]] = set()
    ids = dict.fromkeys(signal.instance_id for signal in signals)
    for instance_id in sorted(ids, key=lambda one: _age(view, one)):
        facts = view.instances.get(instance_id)
        choice = _choice(view, instance_id, facts, bindings)
        if choice.outcome is not None:
            outcomes.append(choice.outcome)
        if facts is None or choice.binding is None:
            continue
        peers = peer_ids(view, facts, choice.binding)
        if not peers:
            outcomes.append(
                _outcome(instance_id, choice.binding, "", Result.IGNORED, "no other instance is its peer")
            )
        for peer_id in peers:
            pair = pair_of(instance_id, peer_id)
            if pair in seen:
                continue
            seen.add(pair)
            verdict = _judge(view, facts, peer_id, choice.binding)
            if verdict is None:
                ready[pair] = Connect(choice.binding, instance_id, peer_id)
            else:
                outcomes.append(as_reported(verdict, choice.binding))
    actions = _share_out(view, list(ready.values()), outcomes)
    return Plan(tuple(actions), tuple(outcomes))


def _age(view: SearchView, instance_id: str) -> tuple[datetime, str]:
    facts = view.instances.get(instance_id)
    return ((facts.created_at if facts else None) or _FIRST, instance_id)


def _choice(
    view: SearchView, instance_id: str, facts: SearchFacts | None, bindings: Sequence[SearchBinding]
) -> Choice[SearchBinding]:
    if facts is not None:
        return choose(facts, bindings)
    trouble = view.troubles.get(instance_id)
    if trouble is not None:
        return Choice(
            None, Outcome(instance_id, trouble.result, trouble.reason, request_id=trouble.request_id)
        )
    reason = "no such Elasticsearch instance is visible in a bound region; if it is new, a sweep will find it"
    return Choice(None, Outcome(instance_id, Result.DEFERRED, reason))


def _outcome(
    instance_id: str,
    binding: SearchBinding,
    peer_id: str,
    result: Result,
    reason: str,
    *,
    request_id: str = "",
) -> Outcome:
    return Outcome(instance_id, result, reason, binding.name, peer_id, request_id=request_id)


def _judge(view: SearchView, facts: SearchFacts, peer_id: str, binding: SearchBinding) -> Outcome | None:
    """None when the pair should be connected now; else why not."""

    def no(result: Result, reason: str, request_id: str = "") -> Outcome:
        return _outcome(facts.instance_id, binding, peer_id, result, reason, request_id=request_id)

    if peer_id in view.connected.get(facts.instance_id, frozenset()):
        return no(Result.ALREADY, "connected")
    for one in (facts.instance_id, peer_id):
        if one in view.troubles:
            trouble = view.troubles[one]
            return no(trouble.result, trouble.reason, trouble.request_id)
    peer = view.instances.get(peer_id)
    if peer is None:
        return no(Result.DEFERRED, f"peer {peer_id} is not visible in {binding.region}; a sweep looks again")
    if peer.tags is None or HOLD_TAG in peer.tags:
        return no(Result.HELD, f"peer {peer_id} is tagged {HOLD_TAG}, or its tags could not be read")
    verdict = _readiness(facts) or _readiness(peer)
    if verdict is not None:
        return no(*verdict)
    if not facts.vpc_id or facts.vpc_id != peer.vpc_id:
        return no(
            Result.REJECTED,
            f"they are not in one VPC: {facts.instance_id} in {facts.vpc_id or 'unknown'}, "
            f"{peer_id} in {peer.vpc_id or 'unknown'}",
        )
    connectable = view.connectable.get(facts.instance_id)
    if connectable is not None and peer_id not in connectable:
        return no(
            Result.REJECTED,
            f"Elasticsearch does not list {peer_id} as connectable; version, zones or architecture differ",
        )
    return None


def _readiness(facts: SearchFacts) -> tuple[Result, str] | None:
    if facts.status in _ON_ITS_WAY:
        return Result.DEFERRED, f"{facts.instance_id} is {facts.status or 'in an unknown state'}, not active"
    if facts.status != ACTIVE:
        return Result.REJECTED, f"{facts.instance_id} is {facts.status}, not active"
    if facts.arch_type == CLOUD_NATIVE:
        return (
            Result.REJECTED,
            f"{facts.instance_id} has the cloud-native architecture, which cannot be connected",
        )
    return None


def _share_out(view: SearchView, ready: Sequence[Connect], outcomes: list[Outcome]) -> list[Connect]:
    """The connections that mode, `max_peers` and `max_per_run` let through; outcomes for the others."""
    actions: list[Connect] = []
    peers = Counter({instance_id: len(ids) for instance_id, ids in view.connected.items()})
    run: Counter[str] = Counter()
    for action in ready:
        binding = action.binding
        # A peer's own connections are known, and bounded, where a binding concerns the peer too.
        full = [
            one
            for one in (action.instance_id, action.peer_id)
            if one in view.connected and peers[one] >= binding.max_peers
        ]
        verdict: tuple[Result, str] | None = None
        if binding.mode == "plan":
            verdict = (
                Result.IGNORED,
                "mode plan; in apply it would be connected",
            )
        elif full:
            verdict = (
                Result.REJECTED,
                f"{full[0]} has {peers[full[0]]} peers already; max_peers is {binding.max_peers}",
            )
        elif run[binding.name] >= binding.max_per_run:
            verdict = (Result.DEFERRED, f"max_per_run {binding.max_per_run} is used up; the next run goes on")
        if verdict is None:
            actions.append(action)
            run[binding.name] += 1
            peers.update((action.instance_id, action.peer_id))
        else:
            outcomes.append(_outcome(action.instance_id, binding, action.peer_id, *verdict))
    return actions
