"""What the line `metrics` of both functions says of the calls made, and of what became of instances."""

from __future__ import annotations

import json
import logging
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from enlist.errors import NotSettledError
from fctoolkit.logging import JsonFormatter
from localcloud import LocalCloud
from localcloud.conditions.faults import Fault
from localcloud.server import running_server
from tests.support.deployed import deployed
from tests.support.product import ENS_ID, TIMER, Product, custom_event, sample, seed

if TYPE_CHECKING:
    from pathlib import Path


def told(caplog: pytest.LogCaptureFixture) -> dict[str, Any]:
    """The one line of numbers, as it is written."""
    (record,) = [one for one in caplog.records if one.name == "fctoolkit.metrics"]
    line: dict[str, Any] = json.loads(JsonFormatter().format(record))
    return line


@pytest.fixture(autouse=True)
def level(caplog: pytest.LogCaptureFixture) -> None:
    """Lines of level INFO are written."""
    caplog.set_level(logging.INFO)


@pytest.mark.parametrize("event", [custom_event(ENS_ID), TIMER], ids=["event", "sweep"])
def test_it_says_the_calls_that_the_cloud_saw(
    product: Product, event: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Calls by action are those that were made, whichever thread made them, and outcomes are counted."""
    answer = product.attach(event)
    line = told(caplog)
    made = Counter(str(call["action"]) for call in product.cloud.calls)
    assert {one["action"]: one["calls"] for one in line["api"]} == dict(made)
    assert line["calls"] == made.total()
    assert line["counts"] == answer["counts"] == {"attaching": 1}


def test_it_says_what_was_repeated(product: Product, caplog: pytest.LogCaptureFixture) -> None:
    """A call that was throttled once is one call, one retry, and one attempt that was throttled."""
    product.cloud.add_fault(
        Fault(service="ens", action="DescribeInstances", code="Throttling.User", status=400)
    )
    product.attach(custom_event(ENS_ID))
    line = told(caplog)
    assert (line["retries"], line["failed"], line["throttled"]) == (1, 1, 1)
    (looked,) = [one for one in line["api"] if one["action"] == "DescribeInstances"]
    assert (looked["calls"], looked["retries"], looked["throttled"]) == (1, 1, 1)


def test_it_comes_when_the_function_raises(product: Product, caplog: pytest.LogCaptureFixture) -> None:
    """An event that is refused has its line, too, with its outcome and the error that FC sees."""
    with pytest.raises(NotSettledError):
        product.attach(b"{")
    assert (told(caplog)["error"], told(caplog)["counts"]) == ("NotSettledError", {"rejected": 1})


def test_only_the_first_of_an_instance_is_cold(tmp_path: Path) -> None:
    """On the local runtime the first line of an instance says what its start took, the next one does not."""
    cloud = LocalCloud()
    seed(cloud)
    with running_server(cloud) as url, deployed(url, tmp_path) as deployment:
        logs = [
            deployment.invoke("attach_instances", sample("ens-custom.json")).logs.splitlines()
            for _ in range(2)
        ]
    cold, warm = (json.loads(next(one for one in log if '"message":"metrics"' in one)) for log in logs)
    assert (cold["cold_start"], warm["cold_start"]) == (True, False)
    assert 0 < cold["init_ms"] < cold["start_ms"] + 10
    assert cold["start_cpu_ms"] > 0
    assert cold["peak_memory_mib"] > 9
    assert "init_ms" not in warm
