"""Holds what truly happens to pairs of Elasticsearch instances against the promises."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from itertools import combinations
from math import ceil
from typing import TYPE_CHECKING

from enlist.facts import HOLD_TAG
from enlist.search.view import pair_of, resource_of
from localcloud.services.elasticsearch.model import ACTIVE
from tests.simulation.judging import (
    FIRST_SWEEPS,
    failed_lately,
    judge_attempts,
    no_claim_stays,
    quarantined,
)
from tests.simulation.search import HUB

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from localcloud.message import Request, Response
    from tests.simulation.scene import Invocation, Scene
    from tests.simulation.search import SearchHistory, SearchPlan
    from tests.simulation.store import SimulatedStore


@dataclass
class SearchJudge:
    """Judges every connection when it takes effect, and the account when all is quiet.

    Attributes:
        connected: by pair, when connections took effect.
    """

    scene: Scene
    plan: SearchPlan
    history: SearchHistory
    store: SimulatedStore | None
    connected: dict[frozenset[str], list[float]] = field(default_factory=dict[frozenset[str], list[float]])
    _done: dict[str, int] = field(default_factory=dict[str, int])
    _ready: set[str] = field(default_factory=set[str])
    _missing: list[frozenset[str]] = field(default_factory=list[frozenset[str]])
    _connected: int = 0

    def write(self, action: str, request: Request, who: Invocation, do: Callable[[], Response]) -> Response:
        """Has an AddConnectableCluster done, and judges it when it was no repeat that is swallowed."""
        one = request.path.split("/")[3]
        other: str = json.loads(request.body)["instanceId"]
        pair, counts = frozenset((one, other)), self.scene.cloud.connections.counts
        reasons, before = [*self._reasons(pair, who)], counts.get(pair, 0)
        response = do()
        if counts.get(pair, 0) > before:
            self.scene.count("connected")
            judge_attempts(self.scene, self.store, _resource(pair), self.plan.attempts)
            self.connected.setdefault(pair, []).append(self.scene.engine.now)
            self._done[who.name] = self._done.get(who.name, 0) + 1
            if self._done[who.name] > self._max_per_run:
                reasons.append(("unasked", "more than max_per_run"))
            for kind, why in reasons:
                self.scene.violate(kind, f"{who.name} connects {one} and {other}: {why}")
        elif response.status == 200:
            self.scene.count("repeat swallowed")
        return response

    @property
    def _max_per_run(self) -> int:
        return int(self.plan.bindings[0]["max_per_run"])

    @property
    def _max_peers(self) -> int:
        return int(self.plan.bindings[0]["max_peers"])

    def _reasons(self, pair: frozenset[str], who: Invocation) -> Iterator[tuple[str, str]]:
        """Why it must not be connected now, each with the kind of promise."""
        connections = self.scene.cloud.connections
        if pair in connections.pairs:
            yield "twice", "they are connected"
        if pair not in self._wanted():
            yield "unasked", "no binding in apply asks for it"
        for one in sorted(pair):
            since = self.history.held.get(one)
            if self._quirk(one) == "hold" or (since is not None and since < who.began):
                yield "held", f"{one} was tagged {HOLD_TAG} before"
            if len(connections.peers(one)) < self._max_peers:
                continue
            if self.scene.assumed.alone and not any("late effect" in what for what in self.scene.counts):
                yield "unasked", f"{one} has max_peers"
            else:
                # Each looks before it connects: two at once do not see each other, nor what is on its way.
                self.scene.count("max_peers overrun")
        parted = self.history.parted.get(pair)
        retried = max(self.history.retried.get(one, 0.0) for one in pair)
        if parted is None or self.store is None or retried >= parted or who.name.startswith("happening"):
            return
        if self.store.knew(_resource(pair), parted):
            yield "held", "somebody disconnected them"

    def _quirk(self, instance_id: str) -> str:
        return next((one.quirk for one in self.plan.spokes if one.instance_id == instance_id), "")

    def _wanted(self) -> list[frozenset[str]]:
        """Pairs that the binding in apply asks for, and that fit."""
        logs = [one.instance_id for one in self.plan.spokes if one.tag == "logs" and one.quirk != "elsewhere"]
        if self.plan.mesh:
            return [frozenset(pair) for pair in combinations(logs, 2)]
        return [frozenset((HUB, one)) for one in logs]

    def sweeps(self) -> int:
        """How many sweeps connect every pair once nothing goes wrong any more."""
        # An instance that is connected may be activating for a while: then each sweep connects but one pair.
        share = 1 if self.plan.behaviour["es_connection"] else self._max_per_run
        return FIRST_SWEEPS + max(1, ceil(len(self._wanted()) / share))

    def begin_quiet(self) -> None:
        """Nothing goes wrong from now on: what is ready now must come to be connected."""
        moment = self.scene.cloud.moment()
        self._ready = {
            one for one, instance in self.scene.cloud.searches.items() if instance.status(moment) == ACTIVE
        } | {HUB}
        self._missing = self._missing_now()
        self._connected = len(self.scene.cloud.connections.pairs)

    def after_sweep(self, number: int, retry: Callable[[str, str], None]) -> None:
        """Each sweep but the first ones makes progress, and after the last nothing is missing."""
        before, self._missing = self._missing, self._missing_now()
        # A pair that was not ready when the quiet began is served in its turn, too.
        connected, self._connected = self._connected, len(self.scene.cloud.connections.pairs)
        got_on = self._connected > connected or len(self._missing) < len(before)
        shown = ", ".join("+".join(sorted(pair)) for pair in self._missing)
        if number >= self.sweeps() and shown:
            self.scene.violate("lost", f"{shown} not connected after {number} sweeps")
        elif number > FIRST_SWEEPS and shown and not got_on:
            self.scene.violate("lost", f"sweep {number} made no progress: {shown} still missing")
        if number == self.sweeps():
            for pair in self._given_up():
                retry(f"happening at last {sorted(pair)}", min(pair - {HUB}))

    def _given_up(self) -> list[frozenset[str]]:
        return [
            pair for pair in self._lacking() if quarantined(self.store, _resource(pair), self.plan.attempts)
        ]

    def _missing_now(self) -> list[frozenset[str]]:
        given_up = self._given_up()
        return [pair for pair in self._lacking() if pair not in given_up]

    def _lacking(self) -> list[frozenset[str]]:
        """Pairs that nothing keeps apart, and that are not connected."""
        connections, most = self.scene.cloud.connections, self._max_peers
        if self.history.parted and len(self._wanted()) > min(most, self._max_per_run):
            return []  # Who was parted comes back within an hour, and till then takes another's place.
        return [
            pair
            for pair in self._wanted()
            if pair <= self._ready
            and pair not in connections.pairs
            and pair not in self.history.parted
            and not any(self._quirk(one) or one in self.history.held for one in pair)
            and all(len(connections.peers(one)) < most for one in pair)
        ]

    def end(self) -> None:
        """No claim stays for ever, and what was given up was done when somebody asked for it."""
        no_claim_stays(self.scene, self.store)
        for pair in self._given_up():
            self.scene.violate("lost", f"{sorted(pair)} not connected although an operator asked")

    def ended(self, invocation: Invocation, result: object) -> None:
        """An invocation raises only when something befell it, or the account has something to tell."""
        if not isinstance(result, Exception) or invocation.troubled or self.history.parted:
            return
        if failed_lately(self.store, self.scene.engine.now):
            return
        # Where there are more pairs than places, those that find none are told as rejected.
        if len(self._wanted()) <= self._max_peers and not any(one.quirk for one in self.plan.spokes):
            self.scene.violate("raise", f"{invocation.name} raises for no reason: {result}")


def _resource(pair: frozenset[str]) -> str:
    one, other = pair
    return resource_of(pair_of(one, other))
