"""The page on the local cloud is true: its examples run against it as they stand."""

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
    from pathlib import Path

PAGE = (ROOT / "localcloud" / "README.md").read_text(encoding="utf-8")

# The vendor's clients leave their sockets to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")


def test_the_examples_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The signed request attaches the instance, FC 3.0's client finds it, and FC 2.0's connects a pair.

    The function that FC 3.0's client makes says hello.
    """
    requires("python3.12")
    signed, third, second, made = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    with LocalCloud() as cloud, running_server(cloud) as url, deployed(url, tmp_path) as deployment:
        cloud.deploy(deployment, url)
        seed(cloud)
        printed = []
        for example in (signed, third, second, made):
            code = example.replace("127.0.0.1:4580", url.removeprefix("http://"))
            exec(code, {})  # noqa: S102 -- our own page
            printed.append(capsys.readouterr().out)
        assert printed[0].startswith("200 ")
        assert "attaching" in printed[0]
        assert "is running" in printed[1]
        assert "connected" in printed[2]
        assert printed[3] == "hello you\n"
        assert state_of(cloud, "elasticsearch", ES_ID)["connectedClusters"] == [HUB_ID]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "unclosed <socket", ResourceWarning)
        gc.collect()


def test_the_names_on_the_page_exist() -> None:
    """Every `behaviour.` name on the page is a field of the behaviour."""
    names = set(re.findall(r"`behaviour\.(\w+)`", PAGE))
    assert names
    assert names <= set(LocalCloud().behaviour.model_dump())
