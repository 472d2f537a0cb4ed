"""A schedule's ENS instances and edge clusters: what is there, and what happens to it. Judges nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from enlist.facts import HOLD_TAG
from localcloud.conditions.progress import Change
from localcloud.message import Request
from tests.simulation.assumptions import HOUR, MINUTE, SWEEP
from tests.simulation.script import NEVER, Script

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulation.assumptions import Assumptions
    from tests.simulation.choices import Choices
    from tests.simulation.platform import Platform
    from tests.simulation.scene import Scene

ONE, TWO, OTHER = "c-one", "c-two", "c-other"
"""The clusters: two that bindings name, and one that none does."""

TAGS = ("one", "two", "plan", "")
"""Of instances: what the bindings ask for; the third is asked for in mode plan, the last by nobody."""

QUIRKS = ("", "hold", "member", "elsewhere", "unbound", "small", "poison", "cursed")
"""What is special about an instance: somebody holds it, it is a node somewhere, it is too small, every call
that names it is refused; or, until the quiet, no such call is answered."""

LATE = (0.0, 40.0, 4 * MINUTE, 11 * MINUTE)


@dataclass(frozen=True, slots=True)
class Machine:
    """An instance as a schedule begins with it.

    Attributes:
        tag: which binding asks for it.
        ready: seconds after the beginning at which it is Running; `NEVER` for none.
        appears: seconds after the beginning from which ENS knows it.
        quirk: what is special about it; see `QUIRKS`.
    """

    instance_id: str
    tag: str
    ready: float
    appears: float
    quirk: str

    @property
    def is_welcome(self) -> bool:
        """Whether nothing special keeps it out for good."""
        return self.quirk in ("", "cursed")


@dataclass(frozen=True, slots=True)
class EdgePlan:
    """What a schedule begins with.

    Attributes:
        bindings: as in a bindings file.
        behaviour: of the local cloud.
        page_size: of listings.
        machines: the instances.
        length: seconds in which things happen and go wrong; quiet follows.
        pause: seconds that pass between the two.
        attempts: ENLIST_ATTEMPTS.
        ids_per_call: ENLIST_IDS_PER_CALL.
        task_wait: ENLIST_TASK_WAIT.
        begins: seconds after noon.
    """

    bindings: list[dict[str, Any]]
    behaviour: dict[str, Any]
    page_size: int
    machines: tuple[Machine, ...]
    length: float
    pause: float
    attempts: int
    ids_per_call: int
    task_wait: int
    begins: float = 0.0

    def of_quirk(self, quirk: str) -> frozenset[str]:
        """The instances with a quirk."""
        return frozenset(one.instance_id for one in self.machines if one.quirk == quirk)

    @property
    def environ(self) -> dict[str, str]:
        """Settings of the function."""
        return {
            "ENLIST_ATTEMPTS": str(self.attempts),
            "ENLIST_IDS_PER_CALL": str(self.ids_per_call),
            "ENLIST_TASK_WAIT": str(self.task_wait),
        }


def draw(choices: Choices, assumed: Assumptions) -> EdgePlan:
    """Draws what a schedule begins with."""
    attach = (90.0, 30.0, 600.0, 0.0)[choices.pick("attach seconds", 5, 3, 2, 1)]
    longest = attach + assumed.list_lag
    lag = (20.0, 0.0, 240.0, longest)[choices.pick("list lag", 4, 2, 3, 3)]
    most = (10, 1, 2)[choices.pick("max per run", 5, 2, 2)]
    behaviour = {
        "node_joining": attach,
        "node_listing": min(lag, longest) if assumed.list_lag < 3600 else longest,
        "ens_reload": (30.0, 0.0, 150.0)[choices.pick("reload", 3, 2, 1)],
        "node_removal": (30.0, 200.0)[choices.pick("removing", 2, 1)],
        "ens_tags": ("described", "separate")[choices.pick("tags", 3, 1)],
        "task_success": ("success", "succeeded")[choices.pick("success", 3, 1)],
        "task_failure": ("fail", "failed")[choices.pick("failure", 3, 1)],
        "attach_status": (202, 200)[choices.pick("attach status", 1, 1)],
        "node_quota": (100, 2)[choices.pick("quota", 12, 1)],
    }
    bindings = [_binding("one", ONE, "apply", most), _binding("plan", ONE, "plan", most)]
    if choices.pick("second binding", 1, 1):
        bindings.append(_binding("two", TWO, "apply", most))
    count = 1 + choices.pick("machines", 5, 5, 3, 2, 1)
    return EdgePlan(
        bindings,
        behaviour,
        (100, 2, 1)[choices.pick("page size", 3, 2, 1)],
        tuple(_machine(choices, f"i-{number + 1}") for number in range(count)),
        (2.5, 1.0, 5.0)[choices.pick("length", 3, 2, 1)] * SWEEP,
        (0.0, 25 * HOUR)[choices.pick("pause", 8, 1)],
        (5, 2)[choices.pick("attempts", 1, 1)],
        (20, 1)[choices.pick("ids per call", 3, 1)],
        (0, 20)[choices.pick("task wait", 6, 1)],
    )


def _binding(tag: str, cluster: str, mode: str, most: int) -> dict[str, Any]:
    return {
        "name": tag,
        "match": {"tags": {"enlist": [tag]}},
        "cluster": cluster,
        "region": "cn-hangzhou",
        "mode": mode,
        "max_per_run": most,
    }


def _machine(choices: Choices, instance_id: str) -> Machine:
    tag = TAGS[choices.pick(f"{instance_id} tag", 12, 3, 2, 1)]
    late = LATE[choices.pick(f"{instance_id} late", 8, 3, 2, 1)]
    fate = choices.pick(f"{instance_id} fate", 12, 3, 1)
    quirk = QUIRKS[choices.pick(f"{instance_id} quirk", 22, 1, 1, 1, 1, 1, 2, 2)]
    ready = NEVER if fate == 2 else late
    return Machine(instance_id, tag, ready, late / 2 if fate == 1 else 0.0, quirk)


def seed(scene: Scene, plan: EdgePlan) -> None:
    """Puts the account in place, and lets machines appear and become ready in time."""
    cloud, began = scene.cloud, scene.engine.now
    cloud.configure(**plan.behaviour)
    homes = {"member": ONE, "elsewhere": TWO, "unbound": OTHER}
    clusters: list[dict[str, Any]] = []
    for cluster_id in (ONE, TWO, OTHER):
        at_home = [one.instance_id for one in plan.machines if homes.get(one.quirk) == cluster_id]
        clusters.append(
            {
                "cluster_id": cluster_id,
                "region_id": "cn-hangzhou",
                "profile": "Edge",
                "state": "running",
                "nodes": [{"instance_id": one} for one in at_home],
            }
        )
    cloud.seed({"cs": {"clusters": clusters}})
    for number, machine in enumerate(plan.machines):
        record = _record(machine, number)

        def appear(record: dict[str, Any] = record, machine: Machine = machine) -> None:
            cloud.seed({"ens": {"instances": [record]}})
            known = cloud.fleet.get(machine.instance_id)
            if known is not None:
                known.starting = Change(began, machine.ready)

        if machine.appears:
            scene.engine.at(began + machine.appears, appear)
        else:
            appear()


def _record(machine: Machine, number: int) -> dict[str, Any]:
    tags = {"enlist": machine.tag} if machine.tag else {}
    if machine.quirk == "hold":
        tags[HOLD_TAG] = "yes"
    return {
        "InstanceId": machine.instance_id,
        "EnsRegionId": "cn-hangzhou-cmcc",
        "Status": "Running",
        "Cpu": "1" if machine.quirk == "small" else "4",
        "Memory": 8192,
        "OSName": "CentOS 7.6 64bit",
        "CreationTime": f"2026-11-20T00:0{number}:00Z",
        "Tags": {"Tags": [{"TagKey": key, "TagValue": value} for key, value in tags.items()]},
    }


@dataclass
class EdgeHistory:
    """What people did to machines, and when: by instance id.

    Attributes:
        held: since when it bears the tag.
        retried: when an operator asked to try it again.
        taken: machines that somebody else attached.
    """

    held: dict[str, float] = field(default_factory=dict[str, float])
    retried: dict[str, float] = field(default_factory=dict[str, float])
    taken: set[str] = field(default_factory=set[str])


class EdgeScript(Script):
    """What happens in a schedule: events, ticks, operators, clusters that change."""

    def __init__(self, scene: Scene, platform: Platform, plan: EdgePlan, history: EdgeHistory) -> None:
        super().__init__(
            scene,
            platform,
            kind="edge",
            path="/attach",
            things=plan.machines,
            length=plan.length,
            retried=history.retried,
        )
        self._plan = plan
        self._history = history

    def write(self) -> None:
        """Puts everything that happens on the schedule."""
        super().write()
        if self._scene.assumed.others:
            self._somebody_else()

    def _happening(self, name: str) -> None:
        choices, plan = self._scene.choices, self._plan
        when = choices.fraction(f"{name} when") * plan.length
        one = plan.machines[choices.number(f"{name} which", len(plan.machines) - 1)].instance_id
        what = choices.pick(f"{name} what", 3, 4, 3, 2, 2, 1)
        actions: tuple[Callable[[], None], ...] = (
            lambda: self._hold(one),
            lambda: self._remove(one),
            lambda: self.retry(name, one),
            lambda: self._busy(ONE, (60.0, 400.0)[choices.pick(f"{name} long", 1, 1)]),
            self._asked(name, "/sweep"),
            self._asked(name, "/plan"),
        )
        self._at(when, actions[what])

    def _hold(self, instance_id: str) -> None:
        machine = self._scene.cloud.fleet.get(instance_id)
        if machine is not None:
            self._scene.note("somebody", f"tags {instance_id} {HOLD_TAG}")
            self._scene.count("held by hand")
            machine.set_tags({HOLD_TAG: "yes"})
            self._history.held.setdefault(instance_id, self._scene.engine.now)

    def _remove(self, instance_id: str) -> None:
        scene = self._scene
        moment = scene.cloud.moment()
        for cluster in scene.cloud.clusters.values():
            nodes = [
                one for one in cluster.listed(moment) if one.instance_id == instance_id and not one.leaving
            ]
            if nodes:
                scene.note("somebody", f"removes {instance_id} from {cluster.cluster_id}")
                scene.count("removed by hand")
                cluster.remove(nodes, moment)

    def _busy(self, cluster_id: str, seconds: float) -> None:
        cluster = self._scene.cloud.clusters[cluster_id]
        self._scene.note("somebody", f"updates {cluster_id} for {seconds:.0f} s")
        self._scene.count("cluster busy")
        cluster.record["state"] = "updating"

        def done() -> None:
            cluster.record["state"] = "running"

        self._scene.engine.at(self._scene.engine.now + seconds, done)

    def _somebody_else(self) -> None:
        """Somebody attaches a machine by hand, to the cluster that no binding names."""
        choices, plan, scene = self._scene.choices, self._plan, self._scene
        one = plan.machines[choices.number("other which", len(plan.machines) - 1)].instance_id
        when = (1.5, SWEEP + 0.3)[choices.pick("other when", 1, 1)] + choices.fraction("other after")

        def attach() -> None:
            free = all(one not in cluster.nodes for cluster in scene.cloud.clusters.values())
            if scene.cloud.fleet.get(one) is not None and free:
                scene.note("somebody", f"attaches {one} to {OTHER}")
                self._history.taken.add(one)
                scene.cloud.handle(_attach_request(OTHER, one))

        self._at(when, attach)


def _attach_request(cluster_id: str, instance_id: str) -> Request:
    headers = {
        "host": "cs.cn-hangzhou.aliyuncs.com",
        "x-acs-action": "AttachInstances",
        "x-acs-version": "2015-12-15",
        "content-type": "application/json",
    }
    body = json.dumps({"instances": [instance_id], "is_edge_worker": True}).encode()
    return Request("POST", f"/clusters/{cluster_id}/attach", "", headers, body)
