"""Function Compute's own client makes functions, layers, versions and aliases, and they run."""

from __future__ import annotations

import json
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import httpx2
import pytest

from localcloud import LocalCloud
from localcloud.runtime import interpreters
from localcloud.server import running_server
from tests.support.echo_function import echo_deployment
from tests.support.fc_clients import fc3_invoke
from tests.support.fc_control import ARN, ControlPlane, code_of, event, models, refused
from tests.support.programs import requires

# The vendor's clients leave their sockets to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    pytest.mark.usefixtures("cleared"),
]

NEW = "def handler(event, context): return 'new'"


def test_functions_call_the_cloud_where_it_is_served_now() -> None:
    """Also when it was used before it was served, or was served elsewhere before."""
    requires("python3.12")
    with LocalCloud() as cloud:
        cloud.put_event(event(source="mine"))
        for name in ("one", "two"):
            with running_server(cloud) as url:
                plane = ControlPlane(cloud, url)
                plane.create(name, "import os\ndef handler(e, c): return os.environ['ENLIST_ENDPOINT_URL']")
                assert plane.invoke(name).decode() == url
                plane.trigger(name, "web", "http", {"authType": "anonymous", "methods": ["GET"]})
                state: Any = cloud.state()
                assert httpx2.get(state["functions"][-1]["urls"][0]).text == url
        assert cloud.url == ""


def test_code_is_replaced(plane: ControlPlane) -> None:
    """A function that was made from a zip runs; after an update of its code alone, the new code does."""
    made = plane.create("one", "def handler(event, context): return b'old ' + event", timeout=10)
    assert plane.invoke("one", b"event") == b"old event"
    changed = plane.update("one", code=code_of(NEW))
    assert plane.invoke("one") == b"new"
    assert made.code_checksum != changed.code_checksum
    assert (changed.timeout, changed.function_id) == (10, made.function_id)
    assert (made.memory_size, made.cpu, made.disk_size) == (512, 0.35, 512)


@pytest.mark.parametrize(
    ("runtime", "python"),
    [
        ("python3.12", "python3.12"),
        ("python3.10", "python3.10"),
        ("python3.9", "python3.9"),
        ("python3", "python3.9"),
    ],
)
def test_every_built_in_runtime(plane: ControlPlane, runtime: str, python: str) -> None:
    """Each runs functions, gives them keys, and tells what they raise, on the Python that it stands for."""
    requires(python)
    source = """
        import os, sys
        def initialize(context): pass
        def handler(event, context):
            if event: raise ValueError(os.environ["ALIBABA_CLOUD_ACCESS_KEY_ID"])
            return "python%d.%d" % sys.version_info[:2]
    """
    hooks = models.InstanceLifecycleConfig(
        initializer=models.LifecycleHook(handler="index.initialize", timeout=10)
    )
    plane.create("one", source, runtime=runtime, instance_lifecycle_config=hooks)
    plane.create("broken", "def", runtime=runtime)
    assert plane.invoke("one").decode() == python
    assert json.loads(fc3_invoke(plane.url, "one", b"fail")[2])["errorMessage"] == "test"
    assert json.loads(fc3_invoke(plane.url, "broken", b"")[2])["errorType"] == "UserCodeSyntaxError"


def test_layers_in_their_order(plane: ControlPlane) -> None:
    """Of two layers with one module the first in the list wins, whichever was published first."""
    arns = [plane.layer("same", python__who=f"NAME = {number}").layer_version_arn for number in (1, 2)]
    source = "import who\ndef handler(event, context): return who.NAME"
    plane.create("forwards", source, layers=arns)
    plane.create("backwards", source, layers=arns[::-1])
    assert (plane.invoke("forwards"), plane.invoke("backwards")) == (b"1", b"2")
    assert [layer.arn for layer in plane.get("backwards").layers] == arns[::-1]
    assert arns == [f"{ARN}:layers/same/versions/{number}" for number in (1, 2)]


def test_layers_are_one_folder(plane: ControlPlane) -> None:
    """Layers are put together at /opt, so one package may come from several; Python finds opt/python only."""
    parts = {"python__parts____init__": "", "python__parts__one": "N = 1"}
    first = plane.layer("first", **parts, bare="")
    second = plane.layer("second", python__parts__one="N = 0", python__parts__two="N = 2", bare="")
    source = """
        import importlib.util, parts.one, parts.two
        def handler(event, context):
            return [parts.one.N, parts.two.N, importlib.util.find_spec("bare")]
    """
    plane.create("one", source, layers=[first.layer_version_arn, second.layer_version_arn])
    assert json.loads(plane.invoke("one")) == [1, 2, None]
    only = plane.layer("tools", bin__tool="").layer_version_arn
    plane.create("two", "import os\ndef handler(event, context): return os.environ['PATH']", layers=[only])
    (tool, *_) = plane.invoke("two").decode().split(":")
    assert (Path(tool) / "tool.py").is_file()
    assert plane.update("two", layers=[]).layers == []
    assert not plane.invoke("two").decode().startswith(tool)


def test_a_version_stays_as_it_was(plane: ControlPlane) -> None:
    """A published version keeps its code, layers and configuration, and knows its number."""
    source = """
        import os, who
        def handler(event, context):
            return os.environ["A"] + who.NAME + context.function.qualifier
    """
    arn = plane.layer("lib", python__who="NAME = ' layered '").layer_version_arn
    plane.create("one", source, environment_variables={"A": "before"}, layers=[arn])
    assert plane.publish("one") == "1"
    plane.update("one", code=code_of(NEW), environment_variables={"A": "after"}, layers=[])
    plane.client.delete_layer_version("lib", "1")
    assert plane.invoke("one", qualifier="1") == b"before layered 1"
    assert plane.invoke("one", qualifier="LATEST") == b"new"
    assert plane.get("one", "1").environment_variables == {"A": "before"}
    assert plane.get("one", "1").function_arn == f"{ARN}:functions/one/1"


def test_a_reset_forgets(plane: ControlPlane) -> None:
    """What was made by calls is gone after a reset, layers too."""
    plane.create("one")
    plane.layer("lib", python__lib="")
    assert {*plane.cloud.state()["fc"]} == {"functions", "layers"}
    plane.cloud.reset()
    assert "fc" not in plane.cloud.state()
    with refused(404, "FunctionNotFound"):
        plane.invoke("one")
    plane.create("one", NEW)
    assert plane.invoke("one") == b"new"


def test_an_alias_with_weights(plane: ControlPlane) -> None:
    """An alias shares its invocations between two versions as its weights say, the same way in each run."""
    plane.create("one", "def handler(event, context): return context.function.version_id")
    assert [plane.publish("one") for _ in range(2)] == ["1", "2"]
    plane.alias("one", "live", "1", v2=0.5)
    first = [plane.invoke("one", qualifier="live") for _ in range(12)]
    assert {*first} == {b"1", b"2"}
    body = models.UpdateAliasInput(version_id="2")
    updated = plane.client.update_alias("one", "live", models.UpdateAliasRequest(body=body)).body
    assert (updated.version_id, updated.additional_version_weight) == ("2", None)
    assert {plane.invoke("one", qualifier="live") for _ in range(4)} == {b"2"}
    plane.cloud.reset()
    plane.create("one", "def handler(event, context): return context.function.version_id")
    assert [plane.publish("one") for _ in range(2)] == ["1", "2"]
    plane.alias("one", "live", "1", v2=0.5)
    assert [plane.invoke("one", qualifier="live") for _ in range(12)] == first


def test_a_deployed_function_takes_the_place_of_a_templates(tmp_path: Path) -> None:
    """A function of the name that one of the template has runs instead of it, until a reset."""
    requires("python3.12")
    with LocalCloud() as cloud, running_server(cloud) as url, echo_deployment(tmp_path, url) as deployment:
        cloud.deploy(deployment, url)
        plane = ControlPlane(cloud, url)
        assert plane.invoke("app-plain", b"event") == b"event"
        count = len(deployment.functions)
        plane.create("app-plain", NEW)
        plane.create("plain", "def handler(event, context): return 'named as a key'")
        assert plane.invoke("app-plain") == b"new"
        assert plane.invoke("plain") == b"named as a key"
        assert len(deployment.functions) == count + 1
        plane.client.delete_function("app-plain")
        with refused(404, "FunctionNotFound"):
            plane.invoke("app-plain")
        cloud.reset()
        assert plane.invoke("app-plain", b"event") == b"event"
        assert len(deployment.functions) == count


def test_a_python_that_is_missing(plane: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the Python of a runtime is missing, invoking says how to get it; a variant has any run it."""
    monkeypatch.setattr(interpreters, "find", lambda version: None)
    plane.create("one", "import sys\ndef handler(event, context): return '%d.%d' % sys.version_info[:2]")
    layer = plane.layer("lib", python__lib="").layer_version_arn
    plane.create("layered", layers=[layer])
    with refused(412, "FunctionNotStarted", "pyenv install 3.12"):
        plane.invoke("one")
    plane.cloud.configure(function_python="any")
    assert plane.invoke("one").decode() == f"{sys.version_info.major}.{sys.version_info.minor}"
    with refused(412, "FunctionNotStarted", "python3.12"):
        plane.invoke("layered")


def test_made_in_the_middle_of_a_reset(plane: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> None:
    """A function that is made while the cloud is reset is there afterwards as a whole, and runs."""
    plane.create("before")
    deployment = plane.cloud.deliveries.deployment
    restore, made = deployment.restore, threading.Thread(target=plane.create, args=("one",))

    def slowly() -> None:
        restore()
        made.start()
        made.join(0.5)

    monkeypatch.setattr(deployment, "restore", slowly)
    plane.cloud.reset()
    made.join()
    assert [spec.key for spec in deployment.functions] == ["one"]
    assert plane.get("one").function_name == "one"
    assert plane.invoke("one", b"event") == b"event"


def test_no_folder_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was uploaded is gone when the cloud is closed, also where somebody keeps hold of that cloud."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with LocalCloud() as cloud, running_server(cloud) as url:
        ControlPlane(cloud, url).create("one")
        assert [*tmp_path.glob("localcloud-fc-*/*/index.py")]
    assert not [*tmp_path.iterdir()]
