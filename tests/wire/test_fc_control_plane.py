"""Function Compute's own client makes functions, layers, versions and triggers, and they run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import httpx2
import pytest

from localcloud import LocalCloud
from localcloud.server import running_server
from tests.support.fc_control import ARN, ControlPlane, code_of, collect_sockets, refused
from tests.support.programs import requires

if TYPE_CHECKING:
    from collections.abc import Iterator

# The vendor's clients leave their sockets to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")

NEW = "def handler(event, context): return 'new'"


@pytest.fixture(autouse=True, scope="module")
def collected() -> Iterator[None]:
    """No other test is blamed for the client's sockets."""
    yield
    collect_sockets()


@pytest.fixture
def plane() -> Iterator[ControlPlane]:
    """A cloud in which nothing is deployed, on a port."""
    requires("python3.12")
    with LocalCloud() as cloud, running_server(cloud) as url:
        yield ControlPlane(cloud, url)


def test_code_is_replaced(plane: ControlPlane) -> None:
    """A function that was made from a zip runs; after an update of its code alone, the new code does."""
    made = plane.create("one", "def handler(event, context): return b'old ' + event", timeout=10)
    assert plane.invoke("one", b"event") == b"old event"
    changed = plane.update("one", code=code_of(NEW))
    assert plane.invoke("one") == b"new"
    assert made.code_checksum != changed.code_checksum
    assert (changed.timeout, changed.function_id) == (10, made.function_id)


def test_layers_in_their_order(plane: ControlPlane) -> None:
    """Of two layers with one module the first in the list wins, whichever was published first."""
    arns = [plane.layer("same", python__who=f"NAME = {number}").layer_version_arn for number in (1, 2)]
    source = "import who\ndef handler(event, context): return who.NAME"
    plane.create("forwards", source, layers=arns)
    plane.create("backwards", source, layers=arns[::-1])
    assert (plane.invoke("forwards"), plane.invoke("backwards")) == (b"1", b"2")
    assert [layer.arn for layer in plane.get("backwards").layers] == arns[::-1]
    assert arns == [f"{ARN}:layers/same/versions/{number}" for number in (1, 2)]


def test_a_version_stays_as_it_was(plane: ControlPlane) -> None:
    """A published version keeps its code and configuration, and knows its number."""
    plane.create(
        "one",
        "import os\ndef handler(event, context): return os.environ['A'] + context.function.qualifier",
        environment_variables={"A": "before "},
    )
    assert plane.publish("one") == "1"
    plane.update("one", code=code_of(NEW), environment_variables={"A": "after "})
    assert plane.invoke("one", qualifier="1") == b"before 1"
    assert plane.invoke("one", qualifier="LATEST") == b"new"
    assert plane.get("one", "1").environment_variables == {"A": "before "}
    assert plane.get("one", "1").function_arn == f"{ARN}:functions/one/1"


def test_an_http_trigger(plane: ControlPlane) -> None:
    """An HTTP trigger answers at the address that it is given, until it is deleted."""
    plane.create("one", "def handler(event, context): return 'over HTTP'")
    made = plane.trigger("one", "web", "http", {"authType": "anonymous", "methods": ["GET"]})
    assert json.loads(made.trigger_config) == {"authType": "anonymous", "methods": ["GET"]}
    assert httpx2.get(made.http_trigger.url_internet).text == "over HTTP"
    plane.client.delete_trigger("one", "web")
    assert httpx2.get(made.http_trigger.url_internet).status_code == 404


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
