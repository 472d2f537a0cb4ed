"""The whole scene, from the first delivery to the last sweep, and what is wrong with how it ended."""

from __future__ import annotations

import json
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from localcloud.functions.spec import FunctionSpec, Hook
from localcloud.server import running_server
from localcloud.template.reading import local_layer_folders
from tests.support.deployed import caller_environment
from tests.support.product import ACCOUNT, ROOT
from tests.support.redis_server import redis_server
from tests.workers.account import Account, make
from tests.workers.fleet import Fleet, Tally, Worker
from tests.workers.function.hurry import Hurry
from tests.workers.stage import BEHAVIOUR, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

STORES: Final = ("none", "sqlite", "redis")
"""Without one, several workers attach twice: that is what reservedConcurrency is for."""

TIMEOUT: Final = 6
"""Seconds: the function's."""
LEASE: Final = 7.2
"""Seconds that a lease really takes: the store's clock is so much faster."""
SPEED: Final = (TIMEOUT + 30) / LEASE
FUNCTION: Final = "enlist-dev-attach-instances"


@dataclass(frozen=True, slots=True)
class Scene:
    """How large it is. The same seed makes the same account, events and dice, but not the same moments.

    Attributes:
        store: what ENLIST_STORE says.
        machines: how many belong into a cluster.
        events: duplicates included; most of them in arrays.
        workers: processes.
        kills: SIGKILLs at most; they end when each event was delivered.
        seconds: when it is given up.
    """

    seed: int
    store: str
    machines: int = 250
    events: int = 1000
    workers: int = 4
    kills: int = 25
    seconds: float = 200.0


@dataclass(frozen=True)
class Story:
    """What happened.

    Attributes:
        wrong: each machine that is not where it belongs, or was not attached just once.
        kills: how many, by what the worker was doing.
        sweeps: how many it took in the end.
        writes: calls of AttachInstances.
    """

    seed: int
    wrong: tuple[str, ...]
    tally: Tally
    kills: dict[str, int]
    sweeps: int
    writes: int
    deliveries: int
    seconds: float

    @property
    def summary(self) -> str:
        """One line."""
        tally, kills = self.tally, sum(self.kills.values())
        return (
            f"seed {self.seed}: {len(self.wrong)} wrong; {self.deliveries} deliveries, {self.writes} writes, "
            f"{tally.ends.total()} invocations, {kills} kills ({tally.inside} inside), "
            f"{tally.denied} denied because of a claim, {tally.taken_over} taken over, {self.seconds} s"
        )

    def __str__(self) -> str:
        return json.dumps(vars(self), indent=1, default=vars)


@contextmanager
def opened(store: str, folder: Path) -> Iterator[str]:
    """What ENLIST_STORE says for one of STORES, as long as it is there."""
    if store == "redis":
        with redis_server(folder) as server:
            yield server.url
    else:
        yield f"sqlite:///{folder}/claims.db?one_machine=yes" if store == "sqlite" else ""


def play(scene: Scene, folder: Path) -> Story:
    """Delivers all events to workers that are killed, lets faults stop, and sweeps until nothing changes."""
    begun = time.monotonic()
    ends = begun + scene.seconds
    account = make(scene.seed, machines=scene.machines, events=scene.events)
    hurry = Hurry(time.time(), SPEED)
    stage = Stage(scene.seed, scene.kills, hurry)
    stage.seed(account.seed | {"behaviour": BEHAVIOUR, "sts_credentials": _keys(scene.workers)})
    bindings = folder / "packed.json"
    bindings.write_text(json.dumps(account.bindings))
    with ExitStack() as stack:
        url = stack.enter_context(running_server(stage))
        fleet = Fleet(_workers(scene, url, bindings, hurry))
        stack.callback(fleet.close)
        stage.workers = fleet.workers
        rage = threading.Thread(target=stage.rage)
        rage.start()
        settled = fleet.run(account.deliveries, ends=ends, first_round=stage.calm)
        stage.calm()
        rage.join()
        sweeps = _sweep_until_quiet(fleet, stage, ends)
    wrong = [] if settled else ["not every delivery was settled"]
    return Story(
        seed=scene.seed,
        wrong=(*wrong, *_wrong(stage, account)),
        tally=fleet.tally,
        kills=dict(stage.kills),
        sweeps=sweeps,
        writes=stage.writes,
        deliveries=len(account.deliveries),
        seconds=round(time.monotonic() - begun, 1),
    )


def _keys(workers: int) -> list[dict[str, str]]:
    return [
        {"access_key_id": f"worker-{number}", "access_key_secret": "test", "security_token": "token"}
        for number in range(workers)
    ]


def _workers(scene: Scene, url: str, bindings: Path, hurry: Hurry) -> list[Worker]:
    spec = FunctionSpec(
        key="attach_instances",
        name=FUNCTION,
        handler="index.handler",
        code=Path(__file__).parent / "function",
        timeout=TIMEOUT,
        account_id=ACCOUNT,
        layers=local_layer_folders(ROOT),
        initializer=Hook("index.initialize", 20),
        environment={
            "WORKERS_SINCE": str(hurry.since),
            "WORKERS_SPEED": str(hurry.speed),
            "ENLIST_ATTEMPTS": "100",
        },
    )
    return [
        Worker(
            spec,
            {
                **caller_environment(url),
                "ENLIST_BINDINGS": str(bindings),
                "ENLIST_STORE": scene.store,
                "ALIBABA_CLOUD_ACCESS_KEY_ID": key["access_key_id"],
                "ALIBABA_CLOUD_SECURITY_TOKEN": key["security_token"],
            },
        )
        for key in _keys(scene.workers)
    ]


def _sweep_until_quiet(fleet: Fleet, stage: Stage, ends: float) -> int:
    """Sweeps until one finds everything where it belongs and writes nothing; how many it took."""
    sweeps = 0
    while time.monotonic() < ends:
        before = stage.writes
        report = fleet.sweep()
        sweeps += 1
        quiet = report is not None and report["counts"].keys() <= {"already", "ignored"}
        if quiet and stage.writes == before:
            break
        time.sleep(1)
    return sweeps


def _wrong(stage: Stage, account: Account) -> list[str]:
    """What is not as the bindings say, or was done twice."""
    state: Any = stage.state()
    counts = {one["InstanceId"]: one["attachCount"] for one in state["ens"]["instances"]}
    places: dict[str, list[str]] = {}
    for cluster in state["cs"]["clusters"]:
        for node in cluster["nodes"]:
            places.setdefault(node["instance_id"], []).append(cluster["cluster_id"])
    wrong = []
    for one, target in account.belongs.items():
        wanted = [target] if target else []
        if places.get(one, []) != wanted or counts[one] != len(wanted):
            wrong.append(f"{one}: attached {counts[one]} times, node of {places.get(one, [])}, not {wanted}")
    return wrong
