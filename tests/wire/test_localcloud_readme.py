"""The pages on the local cloud are true: their examples run against it as they stand."""

from __future__ import annotations

import gc
import re
import warnings
from typing import TYPE_CHECKING

import pytest

from localcloud import LocalCloud
from localcloud.server import running_server
from tests.support.deployed import deployed
from tests.support.product import ES_ID, HUB_ID, ROOT, seed, state_of
from tests.support.programs import requires

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

START = (ROOT / "localcloud/README.md").read_text(encoding="utf-8")
FUNCTIONS = (ROOT / "docs/localcloud-functions.md").read_text(encoding="utf-8")
EVENTS = (ROOT / "docs/localcloud-events.md").read_text(encoding="utf-8")

# The vendor's clients leave their sockets to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")


def _blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


def _printed(example: str, url: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What an example prints when the local cloud is at `url`."""
    exec(example.replace("127.0.0.1:4580", url.removeprefix("http://")), {})  # noqa: S102 -- our own page
    return capsys.readouterr().out


@pytest.fixture(autouse=True)
def _sockets_are_collected() -> Iterator[None]:
    """What the vendor's clients left open is closed here, and its warning is nobody else's."""
    yield
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "unclosed <socket", ResourceWarning)
        gc.collect()


def test_the_first_example_prints_what_stands_below_it(capsys: pytest.CaptureFixture[str]) -> None:
    """The function says hello, the rule calls it, and it is told why the misspelt event did not match."""
    requires("python3.12")
    (example,), (shown,) = _blocks(START, "python"), _blocks(START, "text")
    with LocalCloud() as cloud, running_server(cloud) as url:
        assert _printed(example, url, capsys) == shown


def test_the_examples_of_functions_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """FC 3.0's client attaches the instance, FC 2.0's connects a pair, the signed request finds the first."""
    third, second, signed = _blocks(FUNCTIONS, "python")
    with LocalCloud() as cloud, running_server(cloud) as url, deployed(url, tmp_path) as deployment:
        cloud.deploy(deployment, url)
        seed(cloud)
        assert "attaching" in _printed(third, url, capsys)
        assert "connected" in _printed(second, url, capsys)
        answer = _printed(signed, url, capsys)
        assert answer.startswith("200 ")
        assert "is running" in answer
        assert state_of(cloud, "elasticsearch", ES_ID)["connectedClusters"] == [HUB_ID]


def test_the_names_on_the_pages_exist() -> None:
    """Every `behaviour.` name on the pages is a field of the behaviour."""
    names = set(re.findall(r"`behaviour\.(\w+)", START + FUNCTIONS + EVENTS))
    assert names
    assert names <= set(LocalCloud().behaviour.model_dump())
