"""What an instance does, and does not, between its start and its first answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from localcloud import LocalCloud
from localcloud.functions.spec import FunctionSpec, Hook
from localcloud.runtime import FunctionProcess
from localcloud.server import running_server
from tests.support.deployed import caller_environment
from tests.support.instances import watched
from tests.support.product import sample, seed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COLLECTIONS = """
    import gc

    collected = []
    gc.callbacks.append(lambda phase, info: collected.append(info["generation"]))
    del collected[:]
    import index
    while_loading = list(collected)

    def initialize(context):
        index.initialize(context)

    def handler(event, context):
        failed = ""
        try:
            index.handler(event, context)
        except Exception as error:
            failed = type(error).__name__
        return {
            "failed": failed,
            "while_loading": while_loading,
            "enabled": gc.isenabled(),
            "set_aside": gc.get_freeze_count(),
        }
"""


@pytest.fixture
def environment() -> Iterator[dict[str, str]]:
    """That of a caller, with a cloud that has the usual small account."""
    cloud = LocalCloud()
    seed(cloud)
    with running_server(cloud) as url:
        yield caller_environment(url)


def outcome(spec: FunctionSpec, environment: dict[str, str], event: bytes) -> Any:
    """What a new instance returns for its first event."""
    with FunctionProcess(spec, environment) as process:
        invocation = process.invoke(event)
    assert invocation.ok, invocation
    return json.loads(invocation.payload)


@pytest.mark.parametrize("hook", [None, Hook("watching.initialize", 20)], ids=["event", "initializer"])
@pytest.mark.parametrize("function", ["attach_instances", "add_connectable_cluster"])
def test_nothing_is_collected_while_modules_load(
    tmp_path: Path, environment: dict[str, str], function: str, hook: Hook | None
) -> None:
    """Loading is not interrupted by collections, they run afterwards, and what was loaded is set aside."""
    spec = watched(tmp_path, function, COLLECTIONS, initializer=hook)
    seen = outcome(spec, environment, sample("timer.json"))
    assert seen.pop("set_aside") > 10_000
    assert seen == {"failed": "", "while_loading": [], "enabled": True}


def test_collections_run_in_an_instance_whose_settings_are_wrong(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    """An instance that never gets ready may live on, and must not grow for ever."""
    spec = watched(tmp_path, "attach_instances", COLLECTIONS, environment={"ENLIST_ATTEMPTS": "many"})
    seen = outcome(spec, environment, sample("timer.json"))
    assert (seen["failed"], seen["enabled"]) == ("ConfigurationError", True)
