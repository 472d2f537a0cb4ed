"""Does one part of an invocation over and over, alone. Gets JSON on stdin, tells JSON on stdout.

Needs what the layer has, and data of the tests. Turns go round the parts, so noise meets all alike.
"""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict

from bench.case import BenchError
from bench.resources import Meter
from bench.scene import CONTEXT, KEY
from bench.starts import go_first, pin, processors
from enlist.bindings.model import SearchBinding
from enlist.edge.plan import plan as edge_plan
from enlist.facts import SearchFacts
from enlist.search.plan import plan as search_plan
from enlist.search.view import SearchView, pair_of
from enlist.signals import Signal, SignalRules
from fctoolkit.credentials import Credentials
from fctoolkit.errors import EventError
from fctoolkit.events import EventBatch, RawEvent, TimerEvent, parse_event, unwrap
from fctoolkit.http import HttpEvent
from fctoolkit.transport import AcsAuth
from tests.support import edge_plans

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from enlist.sources import Kind

EVENTS: Final = Path(__file__).resolve().parents[1] / "events"
WARM_UP: Final = 3
"""Rounds that are not counted."""

SECONDS: Final = 0.01
"""That a round gives to each part, about."""

FAMILIES: Final[Mapping[str, tuple[Kind, str]]] = {
    "CloudMonitor, over EventBridge": ("edge", "ens-cloudmonitor-eventbridge.json"),
    "CloudMonitor, native": ("edge", "ens-cloudmonitor-native.json"),
    "ActionTrail, over EventBridge": ("search", "elasticsearch-actiontrail-api-call.json"),
    "Config, over EventBridge": ("search", "elasticsearch-config-eventbridge.json"),
    "custom": ("edge", "ens-custom.json"),
    "in a queue's message": ("edge", "mns-wrapped.json"),
    "batch of two": ("edge", "batch-objects.json"),
    "timer": ("edge", "timer.json"),
    "HTTP": ("edge", "http-event.json"),
}
"""An event of each family, and the function that reads it."""

SIGNED: Final[Mapping[str, tuple[str, str, bytes]]] = {
    "GET": ("GET", "/clusters/c1f0a2b3c4d5e6f708192a3b4c5d6e7f8", b""),
    "GET with a query": (
        "GET",
        "/?InstanceIds=%5B%22i-5ens00000000000001%22%5D&PageNumber=1&PageSize=100",
        b"",
    ),
    "POST with 1 KiB": ("POST", "/clusters/c1f0a2b3c4d5e6f708192a3b4c5d6e7f8/attach", b"x" * 1_024),
}
PLANNED: Final = (1, 100)


class Asked(BaseModel):
    """How often each part has its turn."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rounds: int


def parts() -> dict[str, Callable[[], object]]:
    """Every part, by its name."""
    return {
        **{f"sign: {name}": signing(*request) for name, request in SIGNED.items()},
        **{f"read: {name}": reading(kind, file) for name, (kind, file) in FAMILIES.items()},
        **{f"plan: attach {count}": planning_edge(count) for count in PLANNED},
        **{f"plan: connect {count}": planning_search(count) for count in PLANNED},
    }


def signing(method: str, target: str, body: bytes) -> Callable[[], object]:
    """Signs a request as it leaves."""
    headers = {
        "host": "cs.cn-hangzhou.aliyuncs.com",
        "accept": "application/json",
        "x-acs-action": "AnAction",
        "x-acs-version": "2015-12-15",
    }
    return partial(AcsAuth(Credentials(KEY, KEY)).headers_for, method, target, headers, body)


def reading(kind: Kind, file: str) -> Callable[[], object]:
    """From the bytes of an event to its signals, where it has some of its own."""
    raw, rules = (EVENTS / file).read_bytes(), SignalRules.of(kind)

    def read() -> object:
        event = parse_event(raw)
        items = event.items if isinstance(event, EventBatch) else (event,)
        found: list[Signal] = []
        for item in items:
            one = item if isinstance(item, EventError) else unwrap(item)
            if not isinstance(one, (EventError, EventBatch, HttpEvent, RawEvent, TimerEvent)):
                found += rules.read(one, CONTEXT.account_id)
        return found

    return read


def planning_edge(count: int) -> Callable[[], object]:
    """Decides about machines that are all ready, in one cluster with room for them."""
    ids = [f"i-{number:020}" for number in range(count)]
    view = edge_plans.VIEW._replace(
        instances={one: edge_plans.FACTS._replace(instance_id=one) for one in ids},
        cleared=frozenset(ids),
    )
    binding = edge_plans.binding(max_per_run=count)
    signals = [Signal(one) for one in ids]
    if edge_plans.attached(edge_plan(view, (binding,), signals)) != tuple(ids):
        raise BenchError(f"not all of {count} machines would be attached")
    return partial(edge_plan, view, (binding,), signals)


def planning_search(count: int) -> Callable[[], object]:
    """Decides about new instances that all belong with one hub."""
    ids = [f"es-cn-{number:015}" for number in range(count)]
    hub = "es-cn-hub000000000001"
    facts = SearchFacts(
        instance_id=hub,
        status="active",
        region_id="cn-hangzhou",
        vpc_id="vpc-1",
        arch_type="exclusive",
        created_at=edge_plans.NOW,
        tags={"enlist": "logs"},
    )
    view = SearchView(
        edge_plans.NOW,
        {one: facts._replace(instance_id=one) for one in (*ids, hub)},
        connected=dict.fromkeys((*ids, hub), frozenset[str]()),
        connectable={**dict.fromkeys(ids, frozenset({hub})), hub: frozenset(ids)},
        cleared=frozenset(pair_of(one, hub) for one in ids),
    )
    binding = SearchBinding.model_validate(
        {
            "name": "logs",
            "match": {"tags": {"enlist": ["logs"]}},
            "region": "cn-hangzhou",
            "peers": [hub],
            "mode": "apply",
            "max_per_run": count,
        }
    )
    signals = [Signal(one) for one in ids]
    if len(search_plan(view, (binding,), signals).actions) != count:
        raise BenchError(f"not all of {count} instances would be connected")
    return partial(search_plan, view, (binding,), signals)


def times_for(work: Callable[[], object]) -> int:
    """How often a part is done in a round. The first time is not counted: models are built then."""
    work()
    done, meter = 0, Meter()
    while not done or meter.read()[0] < SECONDS:
        work()
        done += 1
    return done


def main() -> None:
    """Measures and tells, for each part, microseconds of processor time in each round."""
    asked = Asked.model_validate_json(sys.stdin.read())
    pin(processors()[1])
    go_first()
    works = parts()
    often = {name: times_for(work) for name, work in works.items()}
    told: dict[str, list[float]] = {name: [] for name in works}
    for number in range(-WARM_UP, asked.rounds):
        for name, work in works.items():
            meter = Meter()
            for _ in range(often[name]):
                work()
            if number >= 0:
                told[name].append(meter.read()[1] / often[name] * 1_000_000)
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main()
