"""The real `s` reads every variant of s.yaml as the local cloud does, offline; its component accepts each."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from localcloud.template.references import References
from localcloud.template.resources import resolved_props, resources
from localcloud.template.source import load
from tests.support.product import ROOT
from tests.support.programs import requires
from tests.support.s_yaml import STORE
from tests.support.serverless_devs import home_with_component

if TYPE_CHECKING:
    from pathlib import Path

VARIANTS = sorted(path.name for path in ROOT.glob("s*.yaml"))
KEYS = {"AccountID": "1234567890123456", "AccessKeyID": "test", "AccessKeySecret": "test"}
UNRESOLVED = "${config('AccountID')}"
"""What `s preview` leaves as it is written: only credentials tell the account."""


def serverless(home: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs `s` in the repository with a home of its own, credentials of nobody, and telemetry off."""
    (home / ".s").mkdir(exist_ok=True)
    (home / ".s/set-config.yml").write_text("analysis: disable\n")
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "CI": "true", **variables}
    command = [str(requires("s")), *words]
    return subprocess.run(  # noqa: S603 -- the pinned program and words of our own
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def read_here(variant: str, environment: dict[str, str]) -> dict[str, Any]:
    """The props of every function, as the local cloud resolves them."""
    document = load(ROOT / variant)
    references = References(document, ROOT, environment, UNRESOLVED)
    return {key: resolved_props(references, key, resource).plain() for key, resource in resources(document)}


def test_there_are_variants() -> None:
    """Stage prod, the custom runtime, the queue and the store have a file each."""
    assert {"s.yaml", "s.prod.yaml", "s.custom.yaml", "s.batch.yaml", "s.redis.yaml"} <= set(VARIANTS)


@pytest.mark.parametrize("variables", [{}, {"ENLIST_REGION": "cn-beijing", "ENLIST_LAYER_VERSION": "7"}])
@pytest.mark.parametrize("variant", VARIANTS)
def test_both_read_the_same(tmp_path: Path, variant: str, variables: dict[str, str]) -> None:
    """`s preview` works offline, and resolves what the local cloud resolves, value for value."""
    variables = {**STORE, **variables}
    done = serverless(
        tmp_path, "preview", "--template", variant, "--output-format", "json", "--silent", **variables
    )
    assert done.returncode == 0, done.stdout + done.stderr
    shown = json.loads(done.stdout)
    assert shown["edition"] == "3.0.0"
    props = {key: resource["props"] for key, resource in shown["resources"].items()}
    assert props == read_here(variant, variables)
    assert shown["actions"]["pre-deploy"] == [{"run": "./dev pack", "path": "./"}]


def test_without_its_store_nothing_is_read(tmp_path: Path) -> None:
    """`s` refuses s.redis.yaml without the variable, so no function is deployed that lacks its store."""
    done = serverless(tmp_path, "preview", "--template", "s.redis.yaml", "--silent")
    assert done.returncode != 0
    assert "env('ENLIST_STORE') not found" in done.stdout + done.stderr


@pytest.fixture
def with_component(tmp_path: Path) -> Path:
    """A home for `s` that has the component fc3, when this machine has it."""
    return home_with_component(tmp_path)


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_component_accepts_it(with_component: Path, variant: str) -> None:
    """`s verify` passes, where the machine has the component."""
    done = serverless(with_component, "verify", "--template", variant, **KEYS, **STORE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed" in done.stdout


def test_a_wrong_value_is_not_accepted(with_component: Path) -> None:
    """The component's check is real: it refuses a timeout that is a word."""
    broken = with_component / "s.yaml"
    broken.write_text((ROOT / "s.yaml").read_text().replace("timeout: 60", "timeout: sixty"))
    assert serverless(with_component, "verify", "--template", str(broken), **KEYS).returncode != 0
