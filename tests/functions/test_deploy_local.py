"""The real `s` and its component fc3 deploy every variant to the local cloud, where the machine has both."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

import pytest

from localcloud import LocalCloud
from localcloud.server import running_server
from tests.support.product import ROOT
from tests.support.programs import requires
from tests.support.redis_server import redis_server
from tests.support.s_yaml import STORE
from tests.support.serverless_devs import home_with_component
from tests.support.uploads import DIST, fc_python, layer_zip
from tools.demo import scene
from tools.deploylocal.__main__ import main
from tools.layer.contents import REDIS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# It runs `s` more than a dozen times, each for seconds.
pytestmark = pytest.mark.timeout(600)

STEPS = ["verify, plan", "layer publish", "deploy, info", "deploy again", "plan", "invoke", "invoke"]
BATCH = "s.batch.yaml"
"""In this variant events of ENS come through a queue, so no rule brings one."""


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of what is deployed, with the demo's bindings; packing them writes beside the code."""
    fc_python()
    layer_zip()
    layer_zip(REDIS)
    monkeypatch.setenv("serverless_devs_config_home", str(home_with_component(tmp_path / "home")))
    folder = tmp_path / "checkout"
    shutil.copytree(ROOT / "functions", folder / "functions")
    for file in ROOT.glob("s*.yaml"):
        shutil.copy(file, folder)
    pack = f'"{sys.executable}" -m enlist.bindings "$1" "{ROOT}/tools/demo/bindings.yaml" functions/*/'
    (folder / "dev").write_text(f"#!/bin/sh\nexec {pack}\n")
    (folder / "dev").chmod(0o755)
    return folder


def deploy(template: Path, url: str, *options: str) -> int:
    """`./dev deploy-local` of a template, to the local cloud at a URL."""
    program = ["--program", str(requires("s")), "--dist", str(DIST)]
    return main([*program, "--template", str(template), "--endpoint", url, *options])


@pytest.fixture
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A Redis for the variant that has a store."""
    if request.getfixturevalue("variant") != "s.redis.yaml":
        yield ""
        return
    folder = tmp_path / "redis"
    folder.mkdir()
    with redis_server(folder) as server:
        yield server.url


@pytest.mark.parametrize("variant", sorted(path.name for path in ROOT.glob("s*.yaml")))
def test_a_variant_is_deployed_run_and_removed(
    checkout: Path,
    variant: str,
    store: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Every step finds in the local cloud what s.yaml says; what was deployed attaches and connects."""
    for name, value in {**STORE, "ENLIST_STORE": store}.items():
        monkeypatch.setenv(name, value)
    with LocalCloud() as cloud, running_server(cloud) as url:
        cloud.seed(scene.seed())
        assert deploy(checkout / variant, url) == 0, capsys.readouterr()
        calls = [str(call["action"]) for call in cloud.calls]
        left = cloud.state().get("fc")
    told = capsys.readouterr().out.splitlines()
    assert [line[:14].strip() for line in told] == [*STEPS, "event", "event", "remove"]
    brought = ["no rule: none matches" if variant == BATCH else "ens-ready", "elasticsearch-active"]
    assert [line.endswith(words) for line, words in zip(told[-3:-1], brought, strict=True)] == [True, True]
    assert {"AttachInstances", "AddConnectableCluster"} <= set(calls)
    assert isinstance(left, dict)
    assert not left.get("functions")
