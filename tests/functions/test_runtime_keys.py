"""Keys of roles that end: functions get new ones in time, and only careless code is refused."""

from __future__ import annotations

import json
import os
import textwrap
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from localcloud import LocalCloud
from localcloud.functions.deployment import Deployment
from localcloud.server import running_server
from localcloud.template.reading import read_template
from tests.support.deployed import BINDINGS
from tests.support.product import ENS_ID, ROOT, custom_event, seed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from localcloud.runtime import Invocation

LIFETIME = 600
CARELESS = """
    import importlib.util, os

    spec = importlib.util.spec_from_file_location("product", os.environ["ENLIST_PRODUCT"])
    product = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(product)
    KEPT = {}

    def handler(event, context):
        if not KEPT:
            KEPT.update({name: os.environ[name] for name in os.environ if name.startswith("ALIBABA_CLOUD_")})
        os.environ.update(KEPT)
        return product.handler(event, context)
"""
"""The product's function, but with the first key that it has seen for ever after."""


@dataclass
class World:
    """A served cloud with the product and its careless twin, and how late it is there.

    Attributes:
        late: seconds by which the cloud's wall clock is ahead.
    """

    cloud: LocalCloud
    deployment: Deployment
    late: float = 0.0

    def attach(self, function: str) -> Invocation:
        """Asks a function to attach a machine that is attached by now."""
        return self.deployment.invoke(function, custom_event(ENS_ID))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Nobody gives the functions a key but the cloud."""
    careless = tmp_path / "careless"
    careless.mkdir()
    (careless / "index.py").write_text(textwrap.dedent(CARELESS))
    bindings = tmp_path / "packed.json"
    bindings.write_text(json.dumps(BINDINGS))
    made: list[World] = []
    cloud = LocalCloud(wall_clock=lambda: time.time() + (made[0].late if made else 0.0))
    with cloud, running_server(cloud) as url:
        environment = {
            "PATH": os.environ["PATH"],
            "ENLIST_ENDPOINT_URL": url,
            "ENLIST_BINDINGS": str(bindings),
            "ENLIST_PRODUCT": str(ROOT / "functions" / "attach_instances" / "index.py"),
        }
        template = read_template(ROOT / "s.yaml", environment=environment)
        product = template.function("attach_instances")
        twin = replace(product, key="careless", name="careless", code=careless, initializer=None, triggers=())
        template = replace(template, functions=(product, twin))
        with Deployment(template, environment) as deployment:
            cloud.deploy(deployment, url)
            cloud.seed({"behaviour": {"role_key_seconds": LIFETIME}})
            seed(cloud)
            made.append(World(cloud, deployment))
            yield made[0]


def keys(cloud: LocalCloud) -> Any:
    """The temporary keys of the cloud, in the order they were made."""
    return cloud.state()["sts_credentials"]


def test_a_key_is_renewed_before_it_ends(world: World) -> None:
    """A warm instance gets another key when half of the life of the last one is over, and goes on working."""
    assert world.attach("attach_instances").ok
    (first,) = keys(world.cloud)
    assert first["arn"].startswith("acs:ram::1234567890123456:assumed-role/enlist-dev-attach-instances/")
    for late, made in ((LIFETIME * 0.4, 1), (LIFETIME * 0.6, 2), (LIFETIME * 1.15, 3)):
        world.late = late
        invocation = world.attach("attach_instances")
        assert (invocation.ok, invocation.cold) == (True, False)
        assert len(keys(world.cloud)) == made


def test_who_keeps_a_key_is_refused_one_day(world: World) -> None:
    """Code that keeps the first key it saw works until that key ends, and fails from then on."""
    assert world.attach("careless").ok
    world.late = LIFETIME * 0.6
    assert world.attach("careless").ok
    world.late = LIFETIME * 1.15
    failed = world.attach("careless")
    assert failed.error_type == "UnhandledInvocationError"
    assert world.cloud.calls[-1]["code"] == "InvalidSecurityToken.Expired"
    assert world.attach("attach_instances").ok


def test_a_reset_ends_all_keys(world: World) -> None:
    """After a reset the keys from before are refused, and a warm instance has another one at once."""
    assert world.attach("attach_instances").ok
    (before,) = keys(world.cloud)
    world.cloud.reset()
    seed(world.cloud)
    invocation = world.attach("attach_instances")
    assert (invocation.ok, invocation.cold) == (True, False)
    (after,) = keys(world.cloud)
    assert after["access_key_id"] != before["access_key_id"]


def test_a_function_without_a_role(world: World) -> None:
    """A function without a role calls with the account's own key, whatever that is changed to."""
    spec = world.deployment.function("attach_instances")
    world.deployment.put(replace(spec, role=""))
    world.cloud.seed({"credentials": {"access_key_id": "own", "access_key_secret": "secret"}})
    assert world.attach("attach_instances").ok
    assert keys(world.cloud) == []
