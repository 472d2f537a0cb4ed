"""What a new instance loads for its first event: nothing that it does not use, and not more by and by."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

from localcloud import LocalCloud
from localcloud.runtime import FunctionProcess
from localcloud.server import running_server
from tests.support.deployed import caller_environment
from tests.support.instances import watched
from tests.support.product import ENS_ID, ES_ID, TIMER, http_event, sample, seed

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

WATCHING = """
    import sys

    IMPORTERS = {}
    BEFORE = set(sys.modules)

    class Watch:
        def find_spec(self, name, path=None, target=None):
            frame = sys._getframe(1)
            while frame.f_globals["__name__"].partition(".")[0] == "importlib":
                frame = frame.f_back
            IMPORTERS.setdefault(name, frame.f_globals["__name__"])

    sys.meta_path.insert(0, Watch())
    import index

    def handler(event, context):
        index.handler(event, context)
        return {name: IMPORTERS.get(name, "") for name in sys.modules if name not in BEFORE}
"""
"""Returns every module that was loaded, and which other one asked for it first."""

FUNCTIONS = {"edge": "attach_instances", "search": "add_connectable_cluster"}
JOBS = {
    "edge": {"enlist.edge", "enlist.clients.cs", "enlist.clients.ens"},
    "search": {"enlist.search", "enlist.clients.elasticsearch"},
}
HTTP = {"enlist.httpdoor", "enlist.request", "fctoolkit.http", "fctoolkit.httproutes"}
SHAPES = {
    f"fctoolkit.events.{name}" for name in ("actiontrail", "cloudevent", "cloudmonitor", "config", "timer")
}
NEVER = {
    *("argparse", "asyncio", "click", "difflib", "multiprocessing", "rich", "unittest", "httpx2._main"),
    *("redis", "sqlite3", "fctoolkit.idempotency", "fctoolkit.deadletters", "fctoolkit.mns"),
    *("xml", "yaml", "ruamel", "enlist.bindings.yamlfile", "enlist.bindings.__main__"),
    *("fctoolkit.customruntime", "fctoolkit.testing", "fctoolkit.telemetry", "localcloud", "opentelemetry"),
}
"""What no event needs, however it comes, where no store is named."""

CASES = {
    "custom-edge": ("edge", sample("ens-custom.json"), {"cloudevent"}),
    "custom-search": ("search", sample("elasticsearch-custom.json"), {"cloudevent"}),
    "cloudmonitor": ("edge", sample("ens-cloudmonitor-eventbridge.json"), {"cloudevent", "cloudmonitor"}),
    "native": ("edge", sample("ens-cloudmonitor-native.json"), {"cloudmonitor"}),
    "actiontrail": (
        "search",
        sample("elasticsearch-actiontrail-api-call.json"),
        {"cloudevent", "actiontrail"},
    ),
    "config": ("search", sample("elasticsearch-config-eventbridge.json"), {"cloudevent", "config"}),
    "timer-edge": ("edge", TIMER, {"timer"}),
    "timer-search": ("search", TIMER, {"timer"}),
    "http-edge": ("edge", http_event({"instances": [ENS_ID]}), {"http"}),
    "http-search": ("search", http_event({"instances": [ES_ID]}), {"http"}),
}
"""A function, its first event, and the shapes of event that it has."""

MOST_OWN = {"edge": 61, "search": 57}
"""Modules of ours. Two or three more than there are: who needs another one shall look twice."""

MOST_OTHERS = 145
"""Modules of other packages, Python's own left out: releases of theirs may add some."""


def loaded(folder: Path, kind: str, event: bytes) -> dict[str, str]:
    """What a new instance loads until it has settled an event: each module, and who asked for it."""
    cloud = LocalCloud()
    seed(cloud)
    with (
        running_server(cloud) as url,
        FunctionProcess(watched(folder, FUNCTIONS[kind], WATCHING), caller_environment(url)) as process,
    ):
        invocation = process.invoke(event)
    assert invocation.ok, invocation
    assert cloud.calls
    found: Any = json.loads(invocation.payload)
    return dict(found)


def chain(module: str, importers: Mapping[str, str]) -> str:
    """How a module came to be loaded: `index -> enlist.function -> …`."""
    steps = [module]
    while steps[0] in importers and importers[steps[0]] and importers[steps[0]] not in steps:
        steps.insert(0, importers[steps[0]])
    return " -> ".join(steps)


def intruders(found: Mapping[str, str], unwanted: Collection[str]) -> list[str]:
    """How what is unwanted came to be loaded, without the parts of a package that is told of."""
    among = [one for one in found if any(one == name or one.startswith(f"{name}.") for name in unwanted)]
    return [chain(one, found) for one in among if one.rpartition(".")[0] not in among]


@pytest.mark.parametrize("case", CASES)
def test_an_event_loads_only_what_it_uses(tmp_path: Path, case: str) -> None:
    """No other job, door, shape of event, store, parser or tool is loaded, nor many more modules."""
    kind, event, shapes = CASES[case]
    other = "search" if kind == "edge" else "edge"
    found = loaded(tmp_path, kind, event)
    used = {f"fctoolkit.events.{shape}" for shape in shapes}
    unwanted = NEVER | JOBS[other] | (SHAPES - used) | (set() if "http" in shapes else HTTP)
    assert intruders(found, unwanted) == []
    assert (used & SHAPES) <= found.keys()
    own = [one for one in found if one.partition(".")[0] in ("enlist", "fctoolkit")]
    strangers = {"index", *own, *(one for one in found if one.partition(".")[0] in sys.stdlib_module_names)}
    others = [one for one in found if one not in strangers]
    assert len(own) <= MOST_OWN[kind], ", ".join(sorted(own))
    assert len(others) <= MOST_OTHERS, ", ".join(sorted(others))


def test_the_chain_names_who_asked() -> None:
    """What is found is told with the modules through which it came, a package's parts with the package."""
    found = {
        "index": "watching",
        "enlist.ledger": "index",
        "xml": "enlist.ledger",
        "xml.dom": "enlist.ledger",
    }
    assert intruders(found, {"xml", "yaml"}) == ["watching -> index -> enlist.ledger -> xml"]
