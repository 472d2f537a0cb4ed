"""Asks Elasticsearch what the planner needs to know. Decides nothing and writes nothing.

Instances are looked at together. What one of them tells is a value, and all are merged in one thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from enlist.choice import choose
from enlist.search.plan import Connect, peers_of
from enlist.search.view import Pair, SearchView, resource_of
from enlist.troubles import Trouble, is_not_found, looking_trouble
from fctoolkit.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from enlist.bindings.model import SearchBinding
    from enlist.clients.elasticsearch import ElasticsearchClient
    from enlist.facts import SearchFacts
    from enlist.ledger import Ledger
    from enlist.means import Means
    from enlist.memory import Past
    from enlist.signals import Signal


class _Found(NamedTuple):
    """What came of looking for an instance: its facts, or why not, and the regions where it is not."""

    facts: SearchFacts | Trouble | None
    missing: Sequence[str]


class _Question(NamedTuple):
    """What to ask about an instance."""

    facts: SearchFacts
    connected: bool
    connectable: bool


class _Told(NamedTuple):
    """What was told about an instance; None where nobody asked, or it could not be established."""

    connected: frozenset[str] | None
    connectable: frozenset[str] | None
    trouble: Trouble | None


class SearchObserver:
    """Collects one invocation's view. Not shared between threads.

    Args:
        client: the calls.
        ledger: remembers what was done before.
        means: the bindings, what does many looks, and until when there is time for them.
        now: when the invocation began.
    """

    def __init__(self, client: ElasticsearchClient, ledger: Ledger, means: Means, now: datetime) -> None:
        self._client = client
        self._ledger = ledger
        self._now = now
        self._bindings = means.bindings.search
        self._together = means.together
        self._until = means.looks_until
        self._regions = tuple(dict.fromkeys(binding.region for binding in self._bindings))
        self._instances: dict[str, SearchFacts] = {}
        self._connected: dict[str, frozenset[str]] = {}
        self._connectable: dict[str, frozenset[str]] = {}
        self._cleared: set[Pair] = set()
        self._troubles: dict[str, Trouble] = {}
        self._pasts: dict[Pair, Past] = {}
        self._forgotten: Trouble | None = None
        self._region_troubles: dict[str, Trouble] = {}
        self._listed: set[str] = set()
        self._missing: set[tuple[str, str]] = set()

    def view(self) -> SearchView:
        """What is known so far."""
        return SearchView(
            self._now,
            dict(self._instances),
            dict(self._connected),
            dict(self._connectable),
            frozenset(self._cleared),
            dict(self._troubles),
            dict(self._region_troubles),
            dict(self._pasts),
            self._forgotten,
        )

    def look_at_all(self) -> tuple[str, ...]:
        """Facts of every instance in the bound regions; gives their ids. A region's trouble is its own."""
        self._list(self._regions)
        return tuple(self._instances)

    def look_at(self, signals: Iterable[Signal]) -> None:
        """Facts of the signalled instances; the region the signal names is asked first, then the others."""
        hints = {signal.instance_id: signal.region for signal in signals}
        self._describe(
            {
                instance_id: sorted(self._regions, key=lambda one: one != hint)
                for instance_id, hint in hints.items()
            }
        )

    def look_at_peers(self, wanted: Collection[str]) -> None:
        """For the wanted instances that a binding chooses: their peers' facts, and what is connected.

        A connection shows from either side: the side with fewer instances is asked, a hub and not its spokes.
        """
        self._list(
            binding.region for _, binding in self._chosen(wanted) if not isinstance(binding.peers, tuple)
        )
        chosen = self._chosen(wanted)
        peers = peers_of(self.view(), self._bindings)
        unknown: dict[str, list[str]] = {}
        asked: dict[str, None] = {}
        for facts, binding in chosen:
            for peer_id in peers[binding.name]:
                if peer_id not in self._instances:
                    unknown.setdefault(peer_id, []).append(facts.region_id)
                asked[peer_id] = None
        self._describe(unknown)
        own = {facts.instance_id: None for facts, _ in chosen}
        self._establish(asked if len(asked) < len(own) else own, ())

    def look_closer(self, candidates: Sequence[Connect]) -> None:
        """For pairs about to be connected: connections of both, and what may be connected at all.

        Who comes first is looked at first, and is still looked at when there is no time for all.
        """
        both = (one for connect in candidates for one in (connect.instance_id, connect.peer_id))
        self._establish(both, frozenset(connect.instance_id for connect in candidates))
        self._cleared.update(self._remember([connect.pair for connect in candidates]))

    def _remember(self, pairs: Sequence[Pair]) -> Collection[Pair]:
        """What the store remembers of the pairs; gives those that it was asked about."""
        resources = {resource_of(pair): pair for pair in pairs}
        recalled = self._ledger.recall([*resources], self._now, self._until)
        self._pasts.update((resources[one], past) for one, past in recalled.pasts.items())
        self._forgotten = recalled.trouble
        return [resources[one] for one in recalled.asked]

    def _chosen(self, wanted: Collection[str]) -> list[tuple[SearchFacts, SearchBinding]]:
        found = (self._instances[one] for one in wanted if one in self._instances)
        pairs = ((facts, choose(facts, self._bindings).binding) for facts in found)
        return [(facts, binding) for facts, binding in pairs if binding is not None]

    def _list(self, regions: Iterable[str]) -> None:
        """Facts of every instance in these regions, each region once."""
        new = [region for region in dict.fromkeys(regions) if region not in self._listed]
        self._listed.update(new)
        for region, listed in zip(new, self._together(self._list_region, new), strict=True):
            if isinstance(listed, Trouble):
                self._region_troubles[region] = listed
            else:
                self._instances.update((facts.instance_id, facts) for facts in listed)

    def _list_region(self, region: str) -> tuple[SearchFacts, ...] | Trouble:
        try:
            return self._client.list_instance(region)
        except ApiError as error:
            return looking_trouble(error, f"the instances in {region} could not be listed", self._until)

    def _describe(self, wanted: Mapping[str, Sequence[str]]) -> None:
        """Facts of instances, by id, in the first of the regions that has them."""
        new = [(one, regions) for one, regions in wanted.items() if one not in self._troubles]
        for (instance_id, _), found in zip(new, self._together(self._find, new), strict=True):
            self._missing.update((region, instance_id) for region in found.missing)
            if isinstance(found.facts, Trouble):
                self._troubles[instance_id] = found.facts
            elif found.facts is not None:
                self._instances[instance_id] = found.facts

    def _find(self, wanted: tuple[str, Sequence[str]]) -> _Found:
        instance_id, regions = wanted
        missing: list[str] = []
        for region in dict.fromkeys(regions):
            if (region, instance_id) in self._missing:
                continue
            try:
                return _Found(self._client.describe_instance(region, instance_id), missing)
            except ApiError as error:
                if not is_not_found(error):
                    doing = f"{instance_id} could not be described in {region}"
                    return _Found(looking_trouble(error, doing, self._until), missing)
            missing.append(region)
        return _Found(None, missing)

    def _establish(self, instance_ids: Iterable[str], connectable: Collection[str]) -> None:
        """What these instances are connected with, and some of them can be; what is known is not asked."""
        questions = [
            _Question(
                self._instances[one],
                connected=one not in self._connected,
                connectable=one in connectable and one not in self._connectable,
            )
            for one in dict.fromkeys(instance_ids)
            if one in self._instances
        ]
        for question, told in zip(questions, self._together(self._ask, questions), strict=True):
            instance_id = question.facts.instance_id
            if told.connected is not None:
                self._connected[instance_id] = told.connected
            if told.connectable is not None:
                self._connectable[instance_id] = told.connectable
            if told.trouble is not None:
                self._troubles[instance_id] = told.trouble

    def _ask(self, question: _Question) -> _Told:
        connected = connectable = trouble = None
        if question.connectable:
            look, what = self._client.describe_connectable_clusters, "what it can be connected with"
            connectable, trouble = self._attempt(question.facts, what, look)
        if question.connected:
            look, what = self._client.list_connected_clusters, "its connections"
            connected, new_trouble = self._attempt(question.facts, what, look)
            trouble = new_trouble or trouble
        return _Told(connected, connectable, trouble)

    def _attempt(
        self, facts: SearchFacts, what: str, look: Callable[[str, str], frozenset[str]]
    ) -> tuple[frozenset[str] | None, Trouble | None]:
        try:
            return look(facts.region_id, facts.instance_id), None
        except ApiError as error:
            doing = f"{facts.instance_id}: {what} could not be established"
            return None, looking_trouble(error, doing, self._until)
