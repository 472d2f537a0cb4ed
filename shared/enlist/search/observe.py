"""Asks Elasticsearch what the planner needs to know. Decides nothing and writes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from enlist.choice import choose
from enlist.outcomes import Result
from enlist.search.plan import Connect, peers_of
from enlist.search.view import Pair, SearchView, resource_of
from enlist.troubles import Trouble, is_not_found, trouble_of
from fctoolkit.errors import ApiError, ClaimError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence
    from datetime import datetime

    from enlist.bindings.model import SearchBinding
    from enlist.clients.elasticsearch import ElasticsearchClient
    from enlist.facts import SearchFacts
    from enlist.ledger import Ledger
    from enlist.memory import Past
    from enlist.signals import Signal


class SearchObserver:
    """Collects one invocation's view. Not shared between threads."""

    def __init__(
        self, client: ElasticsearchClient, ledger: Ledger, bindings: Sequence[SearchBinding], now: datetime
    ) -> None:
        self._client = client
        self._ledger = ledger
        self._now = now
        self._bindings = bindings
        self._regions = tuple(dict.fromkeys(binding.region for binding in bindings))
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
        for region in self._regions:
            self._list(region)
        return tuple(self._instances)

    def look_at(self, signals: Iterable[Signal]) -> None:
        """Facts of the signalled instances; the region the signal names is asked first, then the others."""
        for signal in signals:
            for region in sorted(self._regions, key=lambda one: one != signal.region):
                if self._describe(region, signal.instance_id):
                    break

    def look_at_peers(self, wanted: Collection[str]) -> None:
        """For the wanted instances that a binding chooses: their peers' facts, and what is connected.

        A connection shows from either side: the side with fewer instances is asked, a hub and not its spokes.
        """
        for _, binding in self._chosen(wanted):
            if not isinstance(binding.peers, tuple):
                self._list(binding.region)
        chosen = self._chosen(wanted)
        peers = peers_of(self.view(), self._bindings)
        asked: dict[str, None] = {}
        for facts, binding in chosen:
            for peer_id in peers[binding.name]:
                if peer_id not in self._instances:
                    self._describe(facts.region_id, peer_id)
                asked[peer_id] = None
        own = {facts.instance_id: None for facts, _ in chosen}
        for instance_id in asked if len(asked) < len(own) else own:
            if instance_id in self._instances:
                self._attempt(self._instances[instance_id], "its connections", self._add_connected)

    def look_closer(self, candidates: Sequence[Connect]) -> None:
        """For pairs about to be connected: connections of both, and what may be connected at all."""
        for connect in candidates:
            self._attempt(
                self._instances[connect.instance_id], "what it can be connected with", self._add_connectable
            )
            for one in connect.pair:
                self._attempt(self._instances[one], "its connections", self._add_connected)
            self._cleared.add(connect.pair)
        self._remember([connect.pair for connect in candidates])

    def _remember(self, pairs: Sequence[Pair]) -> None:
        """What the store remembers of the pairs."""
        resources = {resource_of(pair): pair for pair in pairs}
        try:
            found = self._ledger.recall([*resources], self._now)
        except (StoreError, ClaimError) as error:
            self._forgotten = Trouble(Result.FAILED, f"what was done before could not be read: {error}")
            return
        self._pasts.update((resources[resource], past) for resource, past in found.items())

    def _chosen(self, wanted: Collection[str]) -> list[tuple[SearchFacts, SearchBinding]]:
        found = (self._instances[one] for one in wanted if one in self._instances)
        pairs = ((facts, choose(facts, self._bindings).binding) for facts in found)
        return [(facts, binding) for facts, binding in pairs if binding is not None]

    def _list(self, region: str) -> None:
        if region in self._listed:
            return
        self._listed.add(region)
        try:
            self._instances.update({facts.instance_id: facts for facts in self._client.list_instance(region)})
        except ApiError as error:
            self._region_troubles[region] = trouble_of(
                error, f"the instances in {region} could not be listed"
            )

    def _describe(self, region: str, instance_id: str) -> bool:
        """True when the instance was found, or when looking for it failed and that was noted."""
        if (region, instance_id) in self._missing:
            return False
        if instance_id in self._troubles:
            return True
        try:
            self._instances[instance_id] = self._client.describe_instance(region, instance_id)
        except ApiError as error:
            if is_not_found(error):
                self._missing.add((region, instance_id))
                return False
            self._troubles[instance_id] = trouble_of(
                error, f"{instance_id} could not be described in {region}"
            )
        return True

    def _add_connected(self, facts: SearchFacts) -> None:
        if facts.instance_id not in self._connected:
            ids = self._client.list_connected_clusters(facts.region_id, facts.instance_id)
            self._connected[facts.instance_id] = ids

    def _add_connectable(self, facts: SearchFacts) -> None:
        if facts.instance_id not in self._connectable:
            ids = self._client.describe_connectable_clusters(facts.region_id, facts.instance_id)
            self._connectable[facts.instance_id] = ids

    def _attempt(self, facts: SearchFacts, what: str, look: Callable[[SearchFacts], None]) -> None:
        """Runs `look`; an error becomes the instance's trouble."""
        try:
            look(facts)
        except ApiError as error:
            trouble = trouble_of(error, f"{facts.instance_id}: {what} could not be established")
            self._troubles[facts.instance_id] = trouble
