"""The built layer under the Python that it is built for, with nothing else to import from."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

import pytest

from localcloud import LocalCloud
from localcloud.functions.spec import FunctionSpec
from localcloud.runtime import FunctionProcess
from localcloud.server import running_server
from tests.support.deployed import caller_environment
from tests.support.product import ROOT, sample, seed
from tests.support.runtime_functions import write_function
from tests.support.uploads import fc_python, unpacked_layer, uploaded_code

AT_A_DESK = {"enlist.bindings.yamlfile"}
"""Modules that need the extra `yaml`, which functions do without."""

IMPORT_ALL = """
    import importlib, pkgutil

    def handler(event, context):
        failed = {}
        for package in event.decode().split():
            root = importlib.import_module(package)
            for module in pkgutil.walk_packages(root.__path__, package + "."):
                try:
                    importlib.import_module(module.name)
                except ImportError as error:
                    failed[module.name] = error.name
        return failed
"""

LOOK_AROUND = """
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


def test_every_module_finds_what_it_imports(python: Path, layer: Path, tmp_path: Path) -> None:
    """Each module of the layer's own packages can be imported; only reading YAML lacks its library."""
    spec = write_function(tmp_path, IMPORT_ALL, layers=(layer,))
    failed = result(spec, caller_environment("http://127.0.0.1:1"), python, b"fctoolkit enlist")
    assert failed == dict.fromkeys(AT_A_DESK, "ruamel")


def test_nothing_comes_from_elsewhere(python: Path, layer: Path, tmp_path: Path) -> None:
    """A function that has done its work has loaded its own code, the layer's and Python's, and no other."""
    code = uploaded_code(ROOT / "functions/attach_instances", tmp_path / "code")
    (code / "probe.py").write_text(textwrap.dedent(LOOK_AROUND))
    spec = FunctionSpec("probe", "probe", "probe.handler", code, timeout=20, layers=(layer,))
    cloud = LocalCloud()
    seed(cloud)
    with running_server(cloud) as url:
        seen = result(spec, caller_environment(url), python, sample("ens-custom.json"))
    assert [call["action"] for call in cloud.calls].count("AttachInstances") == 1
    assert seen["version"] == [3, 12]
    assert [Path(one) for one in seen["path"][:2]] == [code, layer / "python"]
    assert not [one for one in seen["path"] if "site-packages" in one or Path(one).is_relative_to(ROOT)]
    allowed = [code, layer / "python", *seen["standard"], ROOT / "localcloud/runtime/bootstrap.py"]
    strangers = [file for file in seen["files"] if not any(map(Path(file).is_relative_to, allowed))]
    assert strangers == []
