"""What an edge planner sees of one machine that is ready, with changes; and what a plan makes of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from enlist.bindings.model import EdgeBinding
from enlist.clients.cs import Cluster, Task, TaskPart
from enlist.edge.plan import Plan, plan
from enlist.edge.view import ClusterView, EdgeView
from enlist.facts import EdgeFacts
from enlist.signals import Signal

if TYPE_CHECKING:
    from enlist.outcomes import Outcome

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
BINDING = EdgeBinding.model_validate(
    {
        "name": "one",
        "match": {"tags": {"enlist": ["yes"]}},
        "cluster": "c1",
        "region": "cn-hangzhou",
        "mode": "apply",
    }
)
FACTS = EdgeFacts(
    instance_id="i-1",
    status="Running",
    cpu=4,
    memory_mib=8192,
    os_name="CentOS 7.6 64bit",
    created_at=NOW - timedelta(hours=1),
    tags={"enlist": "yes"},
)
CLUSTER = Cluster(cluster_id="c1", region_id="cn-hangzhou", profile="Edge", state="running", size=0)
VIEW = EdgeView(
    now=NOW,
    instances={"i-1": FACTS},
    clusters={"c1": ClusterView(cluster=CLUSTER)},
    node_quotas={"cn-hangzhou": 100},
    cleared=frozenset({"i-1"}),
)


def view(facts: EdgeFacts = FACTS, **changes: Any) -> EdgeView:
    """What was seen of one instance, with what the test wants to be different."""
    return VIEW._replace(instances={facts.instance_id: facts}, **changes)


def binding(**changes: Any) -> EdgeBinding:
    """The binding, with changes."""
    return EdgeBinding.model_validate({**BINDING.model_dump(), **changes})


def task(state: str, part: str, *, age: timedelta = timedelta(), **changes: Any) -> Task:
    """A task that names the instance."""
    moment = (NOW - age).isoformat()
    parts = (TaskPart(data="i-1", status=part),)
    base = Task(task_id="T-1", cluster_id="c1", task_type="cluster_scaleout", state=state, updated=moment)
    return base.model_copy(update={"parts": parts, **changes})


def decide(seen: EdgeView, *bindings: EdgeBinding, retry: bool = False) -> Plan:
    """The plan for one signal."""
    return plan(seen, bindings or (BINDING,), [Signal("i-1", retry=retry)])


def attached(made: Plan) -> tuple[str, ...]:
    """The instances a plan would attach."""
    return tuple(one for action in made.actions for one in action.instance_ids)


def only(made: Plan) -> Outcome:
    """The one outcome of a plan that does nothing."""
    assert made.actions == ()
    (outcome,) = made.outcomes
    return outcome
