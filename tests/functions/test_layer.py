"""The built layer under the Python that it is built for, with nothing else to import from."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import textwrap
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from localcloud import LocalCloud
from localcloud.functions.spec import FunctionSpec
from localcloud.runtime import FunctionProcess
from localcloud.server import running_server
from tests.support.collector import collecting
from tests.support.deployed import caller_environment
from tests.support.product import ROOT, sample, seed
from tests.support.uploads import fc_python, layer_zip, unpacked_layer, uploaded_code
from tools.layer.bytecode import cached_path
from tools.layer.contents import LAYERS, OTEL, REDIS, Layer

NEEDS: Final = {
    "enlist.bindings.yamlfile": "ruamel",
    "fctoolkit.idempotency.redisstore": "redis",
    "fctoolkit.telemetry.recorder": "opentelemetry",
}
"""What modules of the first layer need that is not in it: the extras, of which two have a layer."""

NEEDS_OF_REDIS: Final = {"cryptography", "pybreaker"}
"""Extras of redis, which no store here uses."""

IMPORT_ALL: Final = """
import importlib, json, sys
from importlib.metadata import version
from pathlib import Path

sys.path[:0] = sys.argv[1:]
opt = Path(sys.argv[1])
failed = {}
for file in sorted(opt.rglob("*.py")):
    parts = file.relative_to(opt).with_suffix("").parts
    name = ".".join(parts).removesuffix(".__init__")
    try:
        importlib.import_module(name)
    except BaseException as error:
        failed[name] = getattr(error, "name", None) or repr(error)
metadata = [file.parent.name.removesuffix(".dist-info").rsplit("-", 1) for file in opt.glob("*/METADATA")]
print(json.dumps({"failed": failed, "versions": {name: [told, version(name)] for name, told in metadata}}))
"""

LOOK_AROUND: Final = """
    import sys, sysconfig
    import index

    def handler(event, context):
        index.handler(event, context)
        files = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
        return {
            "version": list(sys.version_info[:2]),
            "path": sys.path,
            "standard": [sysconfig.get_path("stdlib"), sysconfig.get_config_var("DESTSHARED")],
            "files": [file for file in files if file],
        }
"""


@pytest.fixture(scope="module")
def python() -> Path:
    """A Python 3.12."""
    return fc_python()


@pytest.fixture(scope="module")
def layer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The layer, as /opt."""
    return unpacked_layer(tmp_path_factory.mktemp("opt"))


def result(spec: FunctionSpec, environment: dict[str, str], python: Path, event: bytes) -> Any:
    """What a function returns, started for this event alone."""
    with FunctionProcess(spec, environment, python=python) as process:
        invocation = process.invoke(event)
    assert invocation.ok, invocation
    return json.loads(invocation.payload)


def probe(folder: Path, *layers: Path) -> FunctionSpec:
    """The function that attaches, as it is uploaded, with somebody inside who looks around."""
    code = uploaded_code(ROOT / "functions/attach_instances", folder / "code")
    (code / "probe.py").write_text(textwrap.dedent(LOOK_AROUND))
    return FunctionSpec("probe", "probe", "probe.handler", code, timeout=20, layers=layers)


def imported(python: Path, *layers: Path) -> Any:
    """What becomes of importing every module of the first of these layers, with no other packages."""
    command = [python, "-I", "-S", "-B", "-c", IMPORT_ALL, *(layer / "python" for layer in layers)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603  # our own script
    return json.loads(done.stdout)


def test_every_module_finds_what_it_imports(python: Path, layer: Path) -> None:
    """Each module of the layer can be imported, but for those of extras; each package knows its version."""
    found = imported(python, layer)
    assert found["failed"] == NEEDS
    assert {"httpx2", "pydantic", "pydantic_core"} <= found["versions"].keys()
    assert [versions for versions in found["versions"].values() if versions[0] != versions[1]] == []


def test_the_second_layer_brings_what_the_store_needs(python: Path, layer: Path, tmp_path: Path) -> None:
    """With both layers the store in Redis can be imported; they have no file in common."""
    second = unpacked_layer(tmp_path, REDIS)
    found = imported(python, second, layer)
    assert set(found["failed"].values()) <= NEEDS_OF_REDIS
    left = {name: package for name, package in NEEDS.items() if package != "redis"}
    assert imported(python, layer, second)["failed"] == left
    names = [{path.relative_to(one) for path in one.rglob("*") if path.is_file()} for one in (layer, second)]
    assert names[0].isdisjoint(names[1])


def test_the_third_layer_brings_what_a_collector_needs(python: Path, layer: Path, tmp_path: Path) -> None:
    """With it every module of both can be imported, and a function tells a collector what it did."""
    third = unpacked_layer(tmp_path / "otel", OTEL)
    assert imported(python, third, layer)["failed"] == {}
    names = [{path.relative_to(one) for path in one.rglob("*") if path.is_file()} for one in (layer, third)]
    assert names[0].isdisjoint(names[1])
    spec = probe(tmp_path, layer, third)
    cloud = LocalCloud()
    seed(cloud)
    with collecting() as collector, running_server(cloud) as url:
        told = replace(spec, environment={"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url})
        result(told, caller_environment(url), python, sample("ens-custom.json"))
    assert len(collector.invocations()) == 1
    assert len(collector.attempts()) == len(cloud.calls)


@pytest.mark.parametrize("of", LAYERS, ids=lambda one: one.name)
def test_what_is_built_is_small_and_compiled(python: Path, of: Layer) -> None:
    """A zip has at most five million bytes, with bytecode for each source, and no types, tests or stories."""
    path = layer_zip(of)
    assert path.stat().st_size <= 5_000_000
    with zipfile.ZipFile(path) as archive:
        files = {one.filename: one.file_size for one in archive.infolist()}
    sources = {name for name in files if name.endswith(".py")}
    assert {name for name in files if name.endswith(".pyc")} == set(map(cached_path, sources))
    assert not [name for name in files if name.endswith((".pyi", ".typed")) or "/tests/" in name]
    assert all(size < 5_000 for name, size in files.items() if name.endswith("METADATA"))
    for package in {name.split("/")[1] for name in files if ".dist-info/" in name}:
        told = [name for name in files if name.startswith(f"python/{package}/") and "LICEN" in name.upper()]
        assert told, package


def test_nothing_comes_from_elsewhere(python: Path, layer: Path, tmp_path: Path) -> None:
    """A function that has done its work has loaded its own code, the layer's and Python's, and no other."""
    spec = probe(tmp_path, layer)
    cloud = LocalCloud()
    seed(cloud)
    with running_server(cloud) as url:
        seen = result(spec, caller_environment(url), python, sample("ens-custom.json"))
    assert [call["action"] for call in cloud.calls].count("AttachInstances") == 1
    assert seen["version"] == [3, 12]
    assert [Path(one) for one in seen["path"][:2]] == [spec.code, layer / "python"]
    assert not [one for one in seen["path"] if "site-packages" in one or Path(one).is_relative_to(ROOT)]
    allowed = [spec.code, layer / "python", *seen["standard"], ROOT / "localcloud/runtime/bootstrap.py"]
    strangers = [file for file in seen["files"] if not any(map(Path(file).is_relative_to, allowed))]
    assert strangers == []


def test_bytecode_is_what_runs(python: Path, layer: Path, tmp_path: Path) -> None:
    """Whatever becomes of the sources and their times, a function runs the bytecode that was built."""
    opt = tmp_path / "opt"
    shutil.copytree(layer, opt)
    for number, source in enumerate(opt.rglob("*.py")):
        source.write_text("raise SystemExit('this is compiled anew')\n")
        os.utime(source, (number, number))
    spec = probe(tmp_path, opt)
    cloud = LocalCloud()
    seed(cloud)
    with running_server(cloud) as url:
        seen = result(spec, caller_environment(url), python, sample("ens-custom.json"))
    assert [call["action"] for call in cloud.calls].count("AttachInstances") == 1
    assert {"enlist/function.py", "fctoolkit/client.py", "pydantic/main.py"} <= {
        file.removeprefix(f"{opt}/python/") for file in seen["files"]
    }
