"""Runs one schedule from its seed: a world, what happens in it, and a quiet end. Gives what was found."""

from __future__ import annotations

import json
import logging
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, cast
from unittest import mock

from enlist.edge.job import run as run_edge
from enlist.effects import Effects
from enlist.function import Function
from enlist.search.job import run as run_search
from fctoolkit.clock import Clock
from fctoolkit.transport import open_http
from tests.simulation import edge, search
from tests.simulation.assumptions import LEASE, SWEEP, of_store
from tests.simulation.choices import Choices
from tests.simulation.edge_judge import EdgeJudge
from tests.simulation.engine import Engine, Threads
from tests.simulation.faults import Weather
from tests.simulation.line import Line, SignedLine
from tests.simulation.platform import Platform
from tests.simulation.scene import Scene, SimulatedCloud, Violation
from tests.simulation.search_judge import SearchJudge
from tests.simulation.store import SimulatedStore
from tests.support.product import NOON

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence

    from enlist.sources import Kind
    from fctoolkit.together import Found, Item
    from fctoolkit.transport import HttpClient
    from tests.simulation.assumptions import Assumptions

STORES = ("none", "memory")

_SPREAD = 0x9E3779B97F4A7C15F39CC0605CEDC835
"""Makes ids that differ in their first digits."""


@dataclass(frozen=True, slots=True)
class Result:
    """What one schedule showed.

    Attributes:
        violations: broken promises.
        trace: what happened: when, who, what, how it ended.
        taken: its decisions that were not plain.
        counts: how often each thing really happened.
        digest: two schedules with the same trace have the same.
    """

    violations: tuple[Violation, ...]
    trace: tuple[tuple[float, str, str, str], ...]
    taken: dict[str, int]
    counts: dict[str, int]
    digest: bytes


Judge: TypeAlias = EdgeJudge | SearchJudge
Script: TypeAlias = edge.EdgeScript | search.SearchScript


class Plan(Protocol):
    """What a schedule begins with, as far as both jobs have it alike."""

    @property
    def bindings(self) -> list[dict[str, Any]]:
        """As in a bindings file."""
        ...

    @property
    def environ(self) -> dict[str, str]:
        """Settings of the function."""
        ...

    @property
    def page_size(self) -> int:
        """Of listings."""
        ...

    @property
    def length(self) -> float:
        """Seconds in which things happen and go wrong."""
        ...

    @property
    def pause(self) -> float:
        """Seconds between that and the quiet."""
        ...


@dataclass(frozen=True, slots=True)
class _InAnyOrder:
    """Many looks, one after the other in any order, as threads might come to make them."""

    order: Callable[[int], list[int]]

    def __call__(self, work: Callable[[Item], Found], items: Sequence[Item]) -> list[Found]:
        """What came of each item, in the order of the items."""
        order = self.order(len(items)) if len(items) > 1 else range(len(items))
        found = {place: work(items[place]) for place in order}
        return [found[place] for place in range(len(items))]


class Simulator:
    """Runs schedules one after the other. One a process: the product's functions are kept between them.

    Args:
        assumed: what is assumed of the cloud with each store; as `assumptions` has it unless given.
        signed: requests go through httpx2 and are signed, and signatures are verified. Takes twice as long.
    """

    def __init__(self, assumed: Callable[[str], Assumptions] = of_store, *, signed: bool = False) -> None:
        self._assumed = assumed
        self._signed = signed
        self._threads = Threads()
        self._folder = Path(mkdtemp(prefix="enlist-simulation-"))
        self._functions: dict[str, Function] = {}
        self._line = Line()
        self._store = SimulatedStore()
        self._scene: Scene
        self._unique = 0

    def run(self, seed: int, store: str, kept: Mapping[str, int] | None = None) -> Result:
        """Runs the schedule of a seed; with `kept` only these of its decisions, the others being plain."""
        choices = Choices(seed, kept)
        engine = Engine(self._threads, NOON)
        scene = Scene(
            engine,
            choices,
            Weather(choices, choices.pick("storm", 2, 6, 6, 3)),
            self._assumed(store),
            SimulatedCloud(engine, signed=self._signed),
        )
        scene.skew = scene.assumed.skew * (0, 1, -1)[choices.pick("skew", 4, 1, 1)]
        self._scene, self._unique = scene, 0
        with self._still():
            self._play(scene, store)
        digest = sha256(repr(scene.trace).encode()).digest()
        return Result(tuple(scene.violations), tuple(scene.trace), choices.taken, scene.counts, digest)

    def _play(self, scene: Scene, store: str) -> None:
        self._store.enter(scene)
        remembered = self._store if store != "none" else None
        if scene.choices.pick("job", 3, 1):
            pairs = search.draw(scene.choices, scene.assumed)
            scene.engine.now += pairs.begins
            search.seed(scene, pairs)
            parted = search.SearchHistory()
            judge: Any = SearchJudge(scene, pairs, parted, remembered)
            platform = self._platform(scene, "search", pairs, store, judge)
            script: Any = search.SearchScript(scene, platform, pairs, parted)
            self._run(scene, pairs, judge, script)
        else:
            plan = edge.draw(scene.choices, scene.assumed)
            scene.bound = frozenset(str(binding["cluster"]) for binding in plan.bindings)
            scene.poison = plan.of_quirk("poison")
            scene.cursed = plan.of_quirk("cursed")
            edge.seed(scene, plan)
            history = edge.EdgeHistory()
            judge = EdgeJudge(scene, plan, history, remembered)
            platform = self._platform(scene, "edge", plan, store, judge)
            self._run(scene, plan, judge, edge.EdgeScript(scene, platform, plan, history))

    def _run(self, scene: Scene, plan: Plan, judge: Judge, script: Script) -> None:
        """Lets it all happen: first what the script says, then quiet sweeps, and one more after these."""
        scene.page_size = plan.page_size
        scene.follow = script.again
        scene.lease_of = self._store.lease_of
        script.write()
        if not scene.assumed.kept:
            self._lose_writes(scene, plan.length)
        engine = scene.engine
        quiet = engine.now + plan.length + plan.pause
        engine.at(engine.now + plan.length, lambda: self._calm(scene))
        engine.at(quiet, judge.begin_quiet)
        for number in range(1, judge.sweeps() + 2):
            when = quiet + number * SWEEP
            if scene.assumed.ticks:
                engine.at(when, partial(script.tick, f"quiet tick {number}"))
            engine.at(when + SWEEP - 1, partial(judge.after_sweep, number, script.retry))
        engine.run()
        engine.now += LEASE
        judge.end()

    def _platform(self, scene: Scene, kind: Kind, plan: Plan, store: str, judge: Judge) -> Platform:
        self._line.enter(scene, judge)
        function = self._function(kind, plan, store)
        return Platform(scene, function.handle, scene.assumed.alone, judge.ended)

    def _lose_writes(self, scene: Scene, length: float) -> None:
        """Lets the store fail over now and then, and forget what was written in the seconds before."""
        choices, engine = scene.choices, scene.engine

        def fail_over() -> None:
            scene.count("failover")
            scene.note("the store", f"fails over and forgets {self._store.fail_over(3.0)} writes")

        for number in range(3):
            share = choices.fraction(f"failover {number}")
            moment = 4 * share if choices.pick(f"failover {number} early", 1, 1) else share * length
            engine.at(engine.now + moment, fail_over)

    def _calm(self, scene: Scene) -> None:
        scene.note("", "from here on nothing goes wrong")
        scene.weather.bad = False

    def _function(self, kind: Kind, plan: Plan, store: str) -> Function:
        """The product for these bindings and settings; it keeps nothing of a schedule."""
        environ = {
            "ALIBABA_CLOUD_ACCESS_KEY_ID": "test",
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "test",
            "ENLIST_STORE": "" if store == "none" else "redis://simulated",
            **plan.environ,
        }
        name = json.dumps([kind, plan.bindings, environ])
        if name not in self._functions:
            path = self._folder / f"bindings-{len(self._functions)}.json"
            path.write_text(json.dumps({"edge": [], "search": [], kind: plan.bindings}))
            environ["ENLIST_BINDINGS"] = str(path)
            effects = Effects(
                http=self._http,
                clock=Clock(now=self._now, monotonic=self._monotonic, sleep=self._sleep),
                store=lambda _url, _clock: self._store,
                together=_InAnyOrder(self._order),
                random=lambda: 0.5,
                unique=self._next_unique,
            )
            job, route = (run_edge, "/attach") if kind == "edge" else (run_search, "/connect")
            self._functions[name] = Function(kind, job, route, environ=environ, effects=effects)
        return self._functions[name]

    def _http(self) -> HttpClient:
        if self._signed:
            return open_http(transport=SignedLine(self._line))
        return cast("HttpClient", self._line)

    def _now(self) -> float:
        return self._scene.engine.now + self._scene.skew

    def _monotonic(self) -> float:
        return self._scene.engine.now

    def _sleep(self, seconds: float) -> None:
        self._scene.engine.wait(seconds)

    def _order(self, count: int) -> list[int]:
        """In which order so many looks are made that do not depend on each other."""
        scene = self._scene
        place = scene.invocation.step()
        kind = scene.choices.pick(f"{place} order", 4, 1, 1)
        first = scene.choices.number(f"{place} first", count - 1) if kind == 2 else 0
        order = [(first + number) % count for number in range(count)]
        return order[::-1] if kind == 1 else order

    def _next_unique(self) -> str:
        self._unique += 1
        return f"u{self._unique}"

    @contextmanager
    def _still(self) -> Generator[None]:
        """Without logs, and with ids that every run makes alike."""
        level, count = logging.root.manager.disable, 0

        def next_id() -> uuid.UUID:
            nonlocal count
            count += 1
            return uuid.UUID(int=count * _SPREAD % 2**128)

        logging.disable(logging.CRITICAL)
        try:
            with mock.patch("uuid.uuid4", next_id):
                yield
        finally:
            logging.disable(level)
