"""What the product goes through while its permissions are watched: every kind of call it can make."""

from __future__ import annotations

import contextlib
import functools
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from enlist.bindings.packed import validate
from fctoolkit.errors import ToolkitError
from localcloud.conditions.faults import Fault
from localcloud.template.reading import Template, read_template
from tests.support.product import (
    EDGE_BINDING,
    ENS_ID,
    ES_ID,
    EVENTS,
    HUB_ID,
    ROOT,
    SEARCH_BINDING,
    TIMER,
    Product,
    cluster,
    custom_event,
    ens_instance,
    es_instance,
    http_event,
    seed,
)
from tests.support.ram_requests import WatchedCloud
from tools.ram.documents import render

if TYPE_CHECKING:
    from pathlib import Path

    from localcloud.message import Request
    from tools.ram.reach import Sight

ATTACH, CONNECT = "attach-instances.json", "add-connectable-cluster.json"
POOLED, UNBOUND, FAR = "c2pooled", "c3unbound", "c4far"
SAMPLES = [path.read_bytes() for path in sorted(EVENTS.rglob("*.json"))]
DRY_RUN = http_event({"instances": [ENS_ID, ES_ID], "dryRun": True})
RETRY = http_event({"instances": [ENS_ID, ES_ID], "retry": True})
ROUTES = [
    http_event({"instances": [ENS_ID, ES_ID]}, path="/plan"),
    http_event("", path="/sweep"),
    http_event("", method="GET", path=f"/instances/{ENS_ID}"),
    http_event("", method="GET", path=f"/instances/{ES_ID}"),
    http_event("", method="GET", path="/health"),
]
MESH = [f"es-cn-mesh{number}" for number in range(3)]

PLAN_EDGE = {**EDGE_BINDING, "mode": "plan"}
PLAN_SEARCH = {**SEARCH_BINDING, "mode": "plan"}
POOLED_EDGE = {
    **EDGE_BINDING,
    "name": "pooled",
    "match": {"tags": {"enlist": ["pooled"]}},
    "cluster": POOLED,
    "region": "cn-beijing",
    "nodepool": "np1",
}


@dataclass(frozen=True)
class Scenario:
    """An account, bindings, and what happens.

    Attributes:
        edge: edge bindings; none, and the function has nothing to do.
        search: search bindings.
        ens: ENS instances, when they are not the usual one.
        es: Elasticsearch instances, when they are not the usual pair.
        behaviour: variants of the services.
        faults: trouble, told as `Fault` is.
        events: what is delivered to both functions, a minute apart.
        environ: settings of the functions.
    """

    edge: tuple[dict[str, Any], ...] = (EDGE_BINDING,)
    search: tuple[dict[str, Any], ...] = (SEARCH_BINDING,)
    ens: list[dict[str, Any]] | None = None
    es: list[dict[str, Any]] | None = None
    behaviour: dict[str, Any] = field(default_factory=dict)
    faults: tuple[dict[str, Any], ...] = ()
    events: tuple[bytes, ...] = (custom_event(ENS_ID), custom_event(ES_ID, kind="search"), TIMER)
    environ: dict[str, str] = field(default_factory=dict)


def attach_fault(**trouble: Any) -> dict[str, Any]:
    """Trouble with AttachInstances."""
    return {"service": "cs", "action": "AttachInstances", **trouble}


SCENARIOS: dict[str, Scenario] = {
    "samples": Scenario(events=(*SAMPLES, *SAMPLES)),
    "sweep": Scenario(events=(TIMER, TIMER)),
    "dry run": Scenario(events=(DRY_RUN,)),
    "HTTP routes": Scenario(events=tuple(ROUTES)),
    "mode plan": Scenario(edge=(PLAN_EDGE,), search=(PLAN_SEARCH,), events=(TIMER, DRY_RUN)),
    "plan beside apply": Scenario(
        edge=(EDGE_BINDING, {**POOLED_EDGE, "mode": "plan"}),
        search=(SEARCH_BINDING, {**PLAN_SEARCH, "name": "far", "region": "cn-beijing"}),
        ens=[
            ens_instance(),
            ens_instance("i-2", Tags={"Tags": [{"TagKey": "enlist", "TagValue": "pooled"}]}),
        ],
    ),
    "several clusters and node pools": Scenario(
        edge=(EDGE_BINDING, POOLED_EDGE),
        ens=[
            ens_instance(),
            ens_instance("i-2", Tags={"Tags": [{"TagKey": "enlist", "TagValue": "pooled"}]}),
        ],
        events=(custom_event(ENS_ID, "i-2"), TIMER),
    ),
    "tags are told apart": Scenario(behaviour={"ens_tags": "separate"}),
    "other spellings": Scenario(
        behaviour={"task_success": "succeeded", "connected_key": "instanceId", "connect_format": "xml"}
    ),
    "a lost answer": Scenario(faults=(attach_fault(drop=True, effect="after"),)),
    "a lost request": Scenario(faults=(attach_fault(drop=True),)),
    "waiting for the task": Scenario(environ={"ENLIST_TASK_WAIT": "20"}),
    "a refused call": Scenario(
        ens=[ens_instance(), ens_instance("i-2")],
        faults=(attach_fault(status=400, code="InvalidInstance"),),
        events=(TIMER, RETRY),
    ),
    "a failed task": Scenario(
        faults=(attach_fault(task_items={ENS_ID: "failed"}),), events=(TIMER, TIMER, TIMER, RETRY)
    ),
    "a mesh": Scenario(
        search=({**SEARCH_BINDING, "peers": "same-binding"},),
        es=[es_instance(one) for one in MESH],
        events=(custom_event(*MESH, kind="search"), TIMER),
    ),
    "peers by a pattern": Scenario(
        search=({**SEARCH_BINDING, "peers": {"match": {"tags": {"enlist": ["hub"]}}}},),
        es=[es_instance(), es_instance(HUB_ID, tag="hub")],
    ),
    "named instances": Scenario(
        search=({**SEARCH_BINDING, "match": {"instanceId": [ES_ID, {"prefix": "es-cn-mesh"}]}},),
        es=[es_instance(HUB_ID), es_instance(), *(es_instance(one) for one in MESH)],
    ),
    "a lost connection": Scenario(
        faults=({"service": "elasticsearch", "action": "AddConnectableCluster", "drop": True},)
    ),
    "edge only": Scenario(search=()),
    "search only": Scenario(edge=()),
}


def play(scenario: Scenario, folder: Path) -> dict[str, list[Request]]:
    """The requests that each function made, by the name of its policy."""
    cloud = WatchedCloud()
    cloud.configure(**scenario.behaviour)
    far = [
        cluster(POOLED, region_id="cn-beijing", nodepools=[{"nodepool_info": {"nodepool_id": "np1"}}]),
        cluster(UNBOUND),
        cluster(FAR, region_id="cn-beijing"),
    ]
    seed(cloud, ens=scenario.ens, es=scenario.es, clusters=[cluster(), *far])
    for fault in scenario.faults:
        cloud.add_fault(Fault.model_validate(fault))
    product = Product(
        cloud, folder, edge=[*scenario.edge], search=[*scenario.search], environ=scenario.environ
    )
    made: dict[str, list[Request]] = {ATTACH: [], CONNECT: []}
    for event in scenario.events:
        for name, function in ((ATTACH, product.attach), (CONNECT, product.connect)):
            cloud.requests.clear()
            with contextlib.suppress(ToolkitError):
                function(event)
            made[name] += cloud.requests
        cloud.advance(60)
    return made


def policies(
    scenario: Scenario, *, account: str = "*", sight: Sight = "account"
) -> dict[str, dict[str, Any]]:
    """What `./dev ram` renders for the scenario's bindings, decoded, by file."""
    return rendered({"edge": [*scenario.edge], "search": [*scenario.search]}, account=account, sight=sight)


def rendered(
    bindings: dict[str, Any], *, account: str = "*", sight: Sight = "account"
) -> dict[str, dict[str, Any]]:
    """What `./dev ram` renders for bindings, decoded, by file."""
    files = render(_template(account), validate(bindings, "bindings"), account, sight)
    return {name: json.loads(text) for name, text in files.items()}


@functools.cache
def _template(account: str) -> Template:
    return read_template(ROOT / "s.yaml", environment={}, account_id=account)
