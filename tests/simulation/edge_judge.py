"""Holds what truly happens to machines against the promises. Sees the cloud as it is, not as it is listed."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from math import ceil
from typing import TYPE_CHECKING, Any

from enlist.facts import HOLD_TAG
from localcloud.conditions.progress import under_way
from localcloud.services.cs.model import REMOVE
from tests.simulation.assumptions import DAY
from tests.simulation.judging import (
    FIRST_SWEEPS,
    failed_lately,
    judge_attempts,
    no_claim_stays,
    quarantined,
)
from tests.simulation.line import FAILED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from localcloud.message import Request, Response
    from localcloud.services.base import Moment
    from localcloud.services.cs.model import Cluster, Node, Task
    from tests.simulation.edge import EdgeHistory, EdgePlan, Machine
    from tests.simulation.scene import Invocation, Scene
    from tests.simulation.store import SimulatedStore


@dataclass
class EdgeJudge:
    """Judges every attach when it takes effect, and the account when all is quiet.

    Attributes:
        attached: by instance id, when attaches took effect.
    """

    scene: Scene
    plan: EdgePlan
    history: EdgeHistory
    store: SimulatedStore | None
    attached: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    _ready: set[str] = field(default_factory=set[str])
    _missing: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    def write(self, action: str, request: Request, who: Invocation, do: Callable[[], Response]) -> Response:
        """Has an AttachInstances done, and judges it by what was true at that moment."""
        cluster_id = request.path.split("/")[2]
        ids: list[str] = json.loads(request.body)["instances"]
        reasons = {one: [*self._reasons(one, cluster_id, who)] for one in ids}
        response = do()
        rows = json.loads(response.body).get("list", []) if response.status in (200, 202) else []
        accepted = [str(row["instanceId"]) for row in rows if row["code"] == "200"]
        for one in accepted:
            self.scene.count("attached")
            judge_attempts(self.scene, self.store, one, self.plan.attempts)
            self.attached.setdefault(one, []).append(self.scene.engine.now)
            for kind, why in reasons[one]:
                self.scene.violate(kind, f"{who.name} attaches {one} to {cluster_id}: {why}")
        self._judge_share(who, accepted)
        return response

    def _judge_share(self, who: Invocation, accepted: list[str]) -> None:
        """No more than `max_per_run` of a binding in one invocation."""
        who.attached.extend(accepted)
        for binding in self.plan.bindings:
            tag = str(binding["name"])
            some = [one for one in who.attached if self._machine(one).tag == tag]
            if len(some) > binding["max_per_run"]:
                self.scene.violate(
                    "unasked", f"{who.name} attaches {len(some)} of {tag}, more than max_per_run"
                )

    def _reasons(self, instance_id: str, cluster_id: str, who: Invocation) -> Iterator[tuple[str, str]]:
        """Why it must not be attached now, each with the kind of promise."""
        now, moment = self.scene.engine.now, self.scene.cloud.moment()
        machine = self._machine(instance_id)
        binding = next((one for one in self.plan.bindings if one["name"] == machine.tag), None)
        if binding is None or binding["mode"] != "apply" or binding["cluster"] != cluster_id:
            yield "unasked", "no binding in apply asks for it"
        for cluster in self.scene.cloud.clusters.values():
            node = _node(cluster, instance_id, moment)
            if node is not None:
                kind = "held" if node.state(moment) == "removing" else "twice"
                yield kind, f"it is {node.state(moment)} in {cluster.cluster_id}"
        held_since = self.history.held.get(instance_id, 0.0 if machine.quirk == "hold" else now)
        if held_since < who.began:
            yield "held", f"it was tagged {HOLD_TAG} before"
        yield from self._undone(instance_id, cluster_id, who)

    def _undone(self, instance_id: str, cluster_id: str, who: Invocation) -> Iterator[tuple[str, str]]:
        """An attach that failed, or was undone by somebody, is not repeated before its time."""
        now, asked = self.scene.engine.now, self.history.retried.get(instance_id, 0.0)
        moment = self.scene.cloud.moment()
        tasks = self.scene.cloud.clusters[cluster_id].tasks.values()
        # Who takes out a node that failed lets it be tried again.
        has_failed = any(task.failures.get(instance_id) == FAILED for task in tasks)
        for task in tasks:
            if instance_id not in task.instances or task.change is None or not task.change.is_over(moment):
                continue
            removed = task.record["task_type"] == REMOVE
            # A refusal leaves a task that failed, too, and has touched no machine.
            if not removed and task.failures.get(instance_id) != FAILED:
                continue
            if asked >= _created(task) or who.name.startswith("happening"):
                continue
            knew = self.store is not None and self.store.knew(instance_id, _created(task))
            for_good = removed and knew and not has_failed
            if for_good or now - task.change.latest(moment) < DAY:
                yield "held", f"task {task.task_id} {'took it out' if removed else 'failed'}"

    def _machine(self, instance_id: str) -> Machine:
        return next(one for one in self.plan.machines if one.instance_id == instance_id)

    def sweeps(self) -> int:
        """How many sweeps bring every machine into its cluster once nothing goes wrong any more."""
        tags = [one.tag for one in self.plan.machines]
        most = [ceil(tags.count(str(one["name"])) / int(one["max_per_run"])) for one in self.plan.bindings]
        return FIRST_SWEEPS + max(most)

    def begin_quiet(self) -> None:
        """Nothing goes wrong from now on: what is ready now must come to be where it belongs."""
        moment = self.scene.cloud.moment()
        fleet = self.scene.cloud.fleet
        for machine in self.plan.machines:
            known = fleet.get(machine.instance_id)
            if known is not None and not under_way(known.starting, moment):
                self._ready.add(machine.instance_id)
        self._missing = {str(binding["name"]): self._missing_of(binding) for binding in self.plan.bindings}

    def after_sweep(self, number: int, retry: Callable[[str, str], None]) -> None:
        """Each sweep but the first ones makes progress, and after the last nothing is missing."""
        for binding in self.plan.bindings:
            name, missing = str(binding["name"]), self._missing_of(binding)
            before, self._missing[name] = self._missing[name], missing
            if number >= self.sweeps() and missing:
                self.scene.violate(
                    "lost", f"{', '.join(missing)} not in {binding['cluster']} after {number} sweeps"
                )
            elif number > FIRST_SWEEPS and missing and len(missing) > len(before) - binding["max_per_run"]:
                self.scene.violate(
                    "lost", f"sweep {number} made no progress: {', '.join(missing)} still missing"
                )
        if number == self.sweeps():
            for one in self._given_up():
                retry(f"happening at last {one}", one)

    def _missing_of(self, binding: dict[str, Any]) -> list[str]:
        """The machines that the binding asks for, nothing keeps out, and that are not in its cluster."""
        if binding["mode"] != "apply":
            return []
        moment = self.scene.cloud.moment()
        cluster = self.scene.cloud.clusters[binding["cluster"]]
        if self._is_full(cluster):
            return []
        return [
            one.instance_id
            for one in self.plan.machines
            if one.tag == binding["name"]
            and one.instance_id in self._ready
            and _node(cluster, one.instance_id, moment) is None
            and not self._excused(one)
            and one.instance_id not in self._given_up()
        ]

    def _target_of(self, machine: Machine) -> Cluster:
        binding = next(one for one in self.plan.bindings if one["name"] == machine.tag)
        return self.scene.cloud.clusters[binding["cluster"]]

    def _is_full(self, cluster: Cluster) -> bool:
        return len(cluster.members(self.scene.cloud.moment())) >= int(self.plan.behaviour["node_quota"])

    def _given_up(self) -> list[str]:
        """Machines in quarantine that nothing else keeps out."""
        clusters, moment = self.scene.cloud.clusters.values(), self.scene.cloud.moment()
        return [
            one.instance_id
            for one in self.plan.machines
            if quarantined(self.store, one.instance_id, self.plan.attempts)
            and not self._excused(one)
            and not self._is_full(self._target_of(one))
            and not any(_node(cluster, one.instance_id, moment) for cluster in clusters)
        ]

    def _excused(self, machine: Machine) -> bool:
        one, history = machine.instance_id, self.history
        if not machine.is_welcome or one in history.held or one in history.taken:
            return True
        for cluster in self.scene.cloud.clusters.values():
            for task in cluster.tasks.values():
                if one in task.failures or (one in task.instances and task.record["task_type"] == REMOVE):
                    return True
        return False

    def end(self) -> None:
        """No claim stays for ever, and what was given up was done when somebody asked for it."""
        no_claim_stays(self.scene, self.store)
        for one in self._given_up():
            self.scene.violate("lost", f"{one} was not attached although an operator asked")

    def ended(self, invocation: Invocation, result: object) -> None:
        """An invocation raises only when something befell it, or the account has something to tell."""
        if isinstance(result, Exception) and not invocation.troubled and self._all_plain():
            self.scene.violate("raise", f"{invocation.name} raises for no reason: {result}")

    def _all_plain(self) -> bool:
        tasks = [task for cluster in self.scene.cloud.clusters.values() for task in cluster.tasks.values()]
        return (
            not any(one.quirk for one in self.plan.machines)
            and not self.history.taken
            and not failed_lately(self.store, self.scene.engine.now)
            and not any(task.failures or task.record["task_type"] == REMOVE for task in tasks)
        )


def _node(cluster: Cluster, instance_id: str, moment: Moment) -> Node | None:
    """The machine's node in the cluster, listed or not, unless it is gone or has failed."""
    node = next((one for one in cluster.members(moment) if one.instance_id == instance_id), None)
    return None if node is None or node.state(moment) == "failed" else node


def _created(task: Task) -> float:
    return datetime.fromisoformat(str(task.record["created"])).timestamp()
