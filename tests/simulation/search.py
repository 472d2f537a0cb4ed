"""A schedule's account of Elasticsearch instances: what is there, and what happens to it. Judges nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from enlist.facts import HOLD_TAG
from localcloud.conditions.progress import Change
from tests.simulation.assumptions import HOUR, MINUTE, SWEEP
from tests.simulation.script import NEVER, Script
from tests.support.product import VPC, es_instance

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulation.assumptions import Assumptions
    from tests.simulation.choices import Choices
    from tests.simulation.platform import Platform
    from tests.simulation.scene import Scene

HUB = "es-hub"


@dataclass(frozen=True, slots=True)
class Spoke:
    """An instance as a schedule begins with it; `ready` is seconds after the beginning, `NEVER` for none."""

    instance_id: str
    tag: str
    ready: float
    quirk: str


@dataclass(frozen=True, slots=True)
class SearchPlan:
    """What a schedule begins with.

    Attributes:
        bindings: as in a bindings file.
        behaviour: of the local cloud.
        page_size: of listings.
        spokes: the instances, without the hub.
        mesh: all are connected with each other, and not with a hub.
        length: seconds in which things happen and go wrong; quiet follows.
        pause: seconds that pass between the two.
        attempts: ENLIST_ATTEMPTS.
        begins: seconds after noon, so that an hour may end in the middle.
    """

    bindings: list[dict[str, Any]]
    behaviour: dict[str, Any]
    page_size: int
    spokes: tuple[Spoke, ...]
    mesh: bool
    length: float
    pause: float
    attempts: int
    begins: float

    @property
    def environ(self) -> dict[str, str]:
        """Settings of the function."""
        return {"ENLIST_ATTEMPTS": str(self.attempts)}


def draw(choices: Choices, assumed: Assumptions) -> SearchPlan:
    """Draws what a schedule begins with."""
    mesh = choices.pick("mesh", 2, 1) == 1
    most = (10, 1, 2)[choices.pick("max per run", 5, 2, 2)]
    binding = {
        "name": "logs",
        "match": {"vpcId": [VPC], "tags": {"enlist": ["logs"]}},
        "region": "cn-hangzhou",
        "peers": "same-binding" if mesh else [HUB],
        "mode": "apply",
        "max_peers": (5, 1, 2)[choices.pick("max peers", 3, 1, 2)],
        "max_per_run": most,
    }
    plan = {**binding, "name": "plan", "match": {"tags": {"enlist": ["plan"]}}, "mode": "plan"}
    count = 1 + choices.pick("instances", 3, 5, 3, 2)
    return SearchPlan(
        [binding, plan],
        {
            "es_connection": (0.0, 60.0)[choices.pick("activating", 3, 1)],
            "token_memory_seconds": assumed.token * (24, 1)[choices.pick("token", 2, 1)],
            "connected_key": ("instances", "instanceId")[choices.pick("key", 2, 1)],
            "connect_format": ("json", "xml")[choices.pick("format", 3, 1)],
        },
        (100, 2, 1)[choices.pick("page size", 3, 2, 1)],
        tuple(_spoke(choices, f"es-{number + 1}") for number in range(count)),
        mesh,
        (2.5, 1.0, 5.0)[choices.pick("length", 3, 2, 1)] * SWEEP,
        (0.0, 25 * HOUR)[choices.pick("pause", 12, 1)],
        (5, 2)[choices.pick("attempts", 1, 1)],
        (0.0, HOUR - 2, HOUR - SWEEP)[choices.pick("hour", 4, 2, 1)],
    )


def _spoke(choices: Choices, instance_id: str) -> Spoke:
    tag = ("logs", "plan", "")[choices.pick(f"{instance_id} tag", 12, 1, 1)]
    ready = (0.0, 40.0, 6 * MINUTE, NEVER)[choices.pick(f"{instance_id} late", 12, 3, 3, 1)]
    quirk = ("", "hold", "elsewhere")[choices.pick(f"{instance_id} quirk", 20, 1, 1)]
    return Spoke(instance_id, tag, ready, quirk)


def seed(scene: Scene, plan: SearchPlan) -> None:
    """Puts the account in place, and lets instances become active in time."""
    scene.cloud.configure(**plan.behaviour)
    records = [es_instance(HUB, tag="")]
    for spoke in plan.spokes:
        record = es_instance(spoke.instance_id, tag=spoke.tag)
        if spoke.quirk == "hold":
            record["tags"].append({"tagKey": HOLD_TAG, "tagValue": "yes"})
        if spoke.quirk == "elsewhere":
            record["networkConfig"] = {**record["networkConfig"], "vpcId": "vpc-other"}
        records.append(record)
    scene.cloud.seed({"elasticsearch": {"instances": records}})
    for spoke in plan.spokes:
        scene.cloud.searches[spoke.instance_id].activating = (Change(scene.engine.now, spoke.ready),)


@dataclass
class SearchHistory:
    """What people did, and when.

    Attributes:
        held: by instance id, since when it bears the tag.
        retried: by instance id, when an operator asked to try it again.
        parted: by pair, when somebody disconnected it.
    """

    held: dict[str, float] = field(default_factory=dict[str, float])
    retried: dict[str, float] = field(default_factory=dict[str, float])
    parted: dict[frozenset[str], float] = field(default_factory=dict[frozenset[str], float])


class SearchScript(Script):
    """What happens in a schedule: events, ticks, operators."""

    def __init__(self, scene: Scene, platform: Platform, plan: SearchPlan, history: SearchHistory) -> None:
        super().__init__(
            scene,
            platform,
            kind="search",
            path="/connect",
            things=plan.spokes,
            length=plan.length,
            retried=history.retried,
        )
        self._plan = plan
        self._history = history

    def _happening(self, name: str) -> None:
        choices, spokes = self._scene.choices, self._plan.spokes
        when = choices.fraction(f"{name} when") * self._plan.length
        one = spokes[choices.number(f"{name} which", len(spokes) - 1)].instance_id
        actions: tuple[Callable[[], None], ...] = (
            lambda: self._hold(one),
            lambda: self._part(one),
            lambda: self.retry(name, one),
            self._asked(name, "/sweep"),
            self._asked(name, "/plan"),
        )
        self._at(when, actions[choices.pick(f"{name} what", 3, 4, 2, 2, 1)])

    def _hold(self, instance_id: str) -> None:
        self._scene.note("somebody", f"tags {instance_id} {HOLD_TAG}")
        self._scene.count("held by hand")
        record: Any = self._scene.cloud.searches[instance_id].record
        record["tags"] = [*record["tags"], {"tagKey": HOLD_TAG, "tagValue": "yes"}]
        self._history.held.setdefault(instance_id, self._scene.engine.now)

    def _part(self, instance_id: str) -> None:
        connections = self._scene.cloud.connections
        for peer in connections.peers(instance_id)[:1]:
            self._scene.note("somebody", f"disconnects {instance_id} and {peer}")
            self._scene.count("removed by hand")
            connections.disconnect(instance_id, peer)
            self._history.parted[frozenset((instance_id, peer))] = self._scene.engine.now
