"""Every sample event, delivered to the deployed functions: from their folders, and from what is uploaded."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from localcloud import LocalCloud
from localcloud.server import running_server
from tests.support.deployed import deployed
from tests.support.product import ENS_ID, ES_ID, EVENTS, HUB_ID, sample, seed, state_of
from tests.support.uploads import uploaded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from localcloud.functions.deployment import Deployment

EDGE = ("attach_instances",)
SEARCH = ("add_connectable_cluster",)
FOR: dict[str, tuple[str, ...]] = {
    "batch-objects.json": EDGE + SEARCH,
    "batch-strings.json": EDGE + SEARCH,
    "mns-wrapped.json": EDGE,
    "mns-wrapped-base64.json": SEARCH,
    "timer.json": EDGE + SEARCH,
    "http-instances.json": EDGE,
    "http-event.json": SEARCH,
    "direct-invocation.json": SEARCH,
}
NAMES = sorted(path.name for path in EVENTS.glob("*.json"))
ON_THE_BUS = {
    "ens-cloudmonitor-eventbridge.json": "ens-created",
    "ens-cloudmonitor-eventbridge-content.json": "ens-created",
    "ens-custom.json": "ens-ready",
    "elasticsearch-actiontrail-api-call.json": "elasticsearch-created",
    "elasticsearch-actiontrail-console-operation.json": "elasticsearch-created",
    "elasticsearch-config-eventbridge.json": "elasticsearch-discovered",
    "elasticsearch-custom.json": "elasticsearch-active",
}


def functions_for(name: str) -> tuple[str, ...]:
    """The functions that a sample concerns."""
    return FOR.get(name) or (EDGE if name.startswith("ens-") else SEARCH)


@pytest.fixture(
    scope="module",
    params=[deployed, uploaded, partial(uploaded, template="s.custom.yaml")],
    ids=["folders", "zips", "zips-custom"],
)
def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[LocalCloud, Deployment]]:
    """A served cloud and the functions of s.yaml, in processes of their own.

    From the folders of this repository on the Python that runs the tests; then from zips on Python 3.12, on
    the built-in runtime and on a custom one.
    """
    cloud = LocalCloud()
    with running_server(cloud) as url, request.param(url, tmp_path_factory.mktemp("world")) as deployment:
        yield cloud, deployment


def effects(cloud: LocalCloud) -> tuple[int, int]:
    """How often the machine was attached and the pair connected, as the cloud counted."""
    machine = state_of(cloud, "ens", ENS_ID)
    instance = state_of(cloud, "elasticsearch", ES_ID)
    return int(machine["attachCount"]), int(sum(instance["connectCount"].values()))


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_delivered_twice_has_one_effect(world: tuple[LocalCloud, Deployment], name: str) -> None:
    """Twice the same event, the second before the node list shows the first: one attach or one connection."""
    cloud, deployment = world
    cloud.reset()
    seed(cloud)
    for _ in range(2):
        for function in functions_for(name):
            invocation = deployment.invoke(function, sample(name))
            assert invocation.ok, invocation.payload
    concerned = functions_for(name)
    assert effects(cloud) == (int(EDGE[0] in concerned), int(SEARCH[0] in concerned))


@pytest.mark.parametrize("name", sorted(path.name for path in (EVENTS / "rejected").iterdir()))
def test_a_rejected_sample_raises_and_has_no_effect(world: tuple[LocalCloud, Deployment], name: str) -> None:
    """A rejected sample reaches the caller as a typed error, and so a dead-letter queue."""
    cloud, deployment = world
    cloud.reset()
    seed(cloud)
    function = SEARCH[0] if name == "failed-call.json" else EDGE[0]
    invocation = deployment.invoke(function, sample(f"rejected/{name}"))
    error = json.loads(invocation.payload)
    assert error["errorType"] == "NotSettledError"
    assert "event rejected: " in error["errorMessage"]
    assert cloud.calls == []


@pytest.mark.parametrize("name", sorted(path.name for path in (EVENTS / "ignored").iterdir()))
@pytest.mark.parametrize("function", EDGE + SEARCH)
def test_an_ignored_sample_is_no_error(
    world: tuple[LocalCloud, Deployment], name: str, function: str
) -> None:
    """An ignored sample returns, says that it is ignored, and leads to no call, in either function."""
    cloud, deployment = world
    cloud.reset()
    seed(cloud)
    invocation = deployment.invoke(function, sample(f"ignored/{name}"))
    assert invocation.ok, invocation.payload
    assert [one["result"] for one in json.loads(invocation.payload)["outcomes"]] == ["ignored"]
    assert cloud.calls == []


@pytest.mark.parametrize("name", NAMES)
def test_the_rules_of_s_yaml_take_what_the_functions_accept(
    world: tuple[LocalCloud, Deployment], name: str
) -> None:
    """Each sample that comes over EventBridge matches the one rule meant for it; no other sample does."""
    _, deployment = world
    event: Any = json.loads(sample(name))
    if not isinstance(event, dict) or "specversion" not in event:
        assert name not in ON_THE_BUS
        return
    matched = [rule.name for rule in deployment.bus.put(event).matched]
    wanted = ON_THE_BUS.get(name)
    assert [rule.rsplit("-attach-instances-")[-1].rsplit("-cluster-")[-1] for rule in matched] == (
        [wanted] if wanted else []
    )


def test_http_over_the_trigger(world: tuple[LocalCloud, Deployment]) -> None:
    """Through the HTTP trigger the outcome comes back as the body of a 200."""
    cloud, deployment = world
    cloud.reset()
    seed(cloud)
    body = json.dumps({"instances": [ES_ID]}).encode()
    exchange = deployment.http("add_connectable_cluster", "POST", "/connect", body=body)
    (outcome,) = json.loads(exchange.answer.body)["outcomes"]
    assert (exchange.answer.status, outcome["result"], outcome["target"]) == (200, "connected", HUB_ID)
