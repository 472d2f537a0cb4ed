"""What one schedule runs on: virtual time, the local cloud, invocations and the trace. Judges nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from localcloud import LocalCloud
from localcloud.conditions.clock import StateClock
from tests.support.product import NOON

if TYPE_CHECKING:
    from collections.abc import Callable

    from localcloud.services.cs.model import Cluster
    from localcloud.services.elasticsearch.model import Connections, Instance
    from localcloud.services.ens.model import Fleet
    from tests.simulation.assumptions import Assumptions
    from tests.simulation.choices import Choices
    from tests.simulation.engine import Engine, Strand
    from tests.simulation.faults import Weather

_FOREVER = 3600.0
_THAWED = 240.0


@dataclass(frozen=True, slots=True)
class Violation:
    """A broken promise: its kind, such as `twice`, and what happened."""

    kind: str
    text: str


@dataclass(slots=True)
class Invocation:
    """One invocation of a function while it runs.

    Attributes:
        name: of the delivery it is for, and which attempt, such as `event 3/2`.
        began: when.
        strand: where it runs.
        steps: how many calls and store operations it has begun.
        troubled: something befell one of them.
        expired: its credentials are not valid any more.
        attached: instances that it attached.
    """

    name: str
    began: float
    strand: Strand
    steps: int = 0
    troubled: bool = False
    expired: bool = False
    attached: list[str] = field(default_factory=list[str])

    def step(self) -> str:
        """The name of its next call or operation, from which decisions about it are named."""
        self.steps += 1
        return f"{self.name}.{self.steps}"


class _EngineClock(StateClock):
    """The cloud's clock, which is that of the engine."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine.now)
        self._engine = engine

    def now(self) -> float:
        """The present moment."""
        return self._engine.now


class SimulatedCloud(LocalCloud):
    """The local cloud on virtual time.

    Args:
        engine: has the time.
        signed: whether signatures are looked at; they cost half of a schedule.
    """

    def __init__(self, engine: Engine, *, signed: bool) -> None:
        super().__init__(now=NOON, wall_clock=lambda: engine.now, signed=signed)
        self.clock = _EngineClock(engine)
        services: Any = self._world.services
        self.clusters: dict[str, Cluster] = services["cs"]._clusters
        self.fleet: Fleet = services["cs"]._fleet
        self.searches: dict[str, Instance] = services["elasticsearch"]._instances
        self.connections: Connections = services["elasticsearch"]._connections


def _nobody(_ids: list[str], _name: str) -> None:
    pass


def _no_lease(_ids: list[str]) -> float:
    return math.inf


@dataclass
class Scene:
    """Everything that one schedule has.

    Attributes:
        page_size: items on a page of a listing at most, whatever was asked for.
        skew: seconds by which the functions' clock is ahead of the cloud's.
        bound: clusters that a binding names.
        poison: instances for whose sake every call that names them is refused.
        cursed: instances for whose sake no write that names them is answered, or done, until the quiet.
        running: the invocations that have begun, by their strand.
        trace: what happened: when, who, what, how it ended.
        counts: how often each thing really happened.
        violations: broken promises.
        follow: sends one more event about instances, of a name.
        lease_of: when the first of the claims on instances ends.
    """

    engine: Engine
    choices: Choices
    weather: Weather
    assumed: Assumptions
    cloud: SimulatedCloud
    page_size: int = 100
    skew: float = 0.0
    bound: frozenset[str] = frozenset()
    poison: frozenset[str] = frozenset()
    cursed: frozenset[str] = frozenset()
    running: dict[Strand, Invocation] = field(default_factory=dict["Strand", Invocation])
    trace: list[tuple[float, str, str, str]] = field(default_factory=list[tuple[float, str, str, str]])
    counts: dict[str, int] = field(default_factory=dict[str, int])
    violations: list[Violation] = field(default_factory=list[Violation])
    follow: Callable[[list[str], str], None] = _nobody
    lease_of: Callable[[list[str]], float] = _no_lease

    def may_be_hidden(self, url: str) -> bool:
        """Whether the function may lack the permission for a call, as far as that is assumed."""
        _, named, cluster_id = url.partition("/clusters/")
        return self.assumed.hidden or not named or cluster_id.partition("/")[0] in self.bound

    def note(self, who: str, what: str, how: str = "") -> None:
        """Writes a line of the trace."""
        self.trace.append((self.engine.now, who, what, how))

    def count(self, what: str) -> None:
        """Counts something that happened."""
        self.counts[what] = self.counts.get(what, 0) + 1

    def violate(self, kind: str, text: str) -> None:
        """A promise is broken."""
        self.violations.append(Violation(kind, text))
        self.note("!", f"{kind}: {text}")

    @property
    def invocation(self) -> Invocation:
        """The one that has the baton. Raises `KilledError` when it was killed."""
        strand = self.engine.current
        if strand is None:
            raise RuntimeError("no invocation is running")
        self.engine.check(strand)
        return self.running[strand]

    def crash(self, invocation: Invocation) -> None:
        """Ends an invocation for good, here and now."""
        self.note(invocation.name, "crashes")
        self.engine.kill(invocation.strand)
        self.engine.check(invocation.strand)

    def freeze(self, invocation: Invocation) -> None:
        """Lets an invocation hang until it is ended; one that nobody ends goes on after some minutes."""
        self.note(invocation.name, "hangs")
        self.engine.wait(_FOREVER if self.assumed.killed else _THAWED)
