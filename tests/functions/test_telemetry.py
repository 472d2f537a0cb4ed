"""What the product's functions tell an OpenTelemetry collector, and that no collector can do them harm."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from enlist.errors import NotSettledError
from fctoolkit.errors import ConfigurationError
from localcloud import LocalCloud
from localcloud.conditions.faults import Fault
from localcloud.server import running_server
from tests.support.api_server import closed_endpoint
from tests.support.collector import Collector, attributes, collecting, sums
from tests.support.deployed import BINDINGS, deployed
from tests.support.product import ENS_ID, ROOT, TIMER, Product, custom_event, http_event, sample, seed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from localcloud.template.reading import Template

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
NAMED = f"00-{TRACE}-{PARENT}-01"


@pytest.fixture
def collector(product: Product) -> Iterator[Collector]:
    """A collector that the product is told of."""
    with collecting() as collector:
        product.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.url
        yield collector


def of_a_trace(event: bytes, number: int = 1) -> dict[str, Any]:
    """A CloudEvent that names a trace."""
    return {**json.loads(event), "id": f"e-{number}", "traceparent": f"00-{number:032x}-{PARENT}-01"}


def test_an_attach_is_a_trace(product: Product, collector: Collector) -> None:
    """The invocation is a span, and each call that the cloud saw is a child of it with its request id."""
    product.attach(custom_event(ENS_ID))
    (invocation,) = collector.invocations()
    children = collector.attempts()
    assert {child.parent_span_id for child in children} == {invocation.span_id}
    assert {child.trace_id for child in children} == {invocation.trace_id}
    assert Counter(child.name for child in children) == Counter(
        str(call["action"]) for call in product.cloud.calls
    )
    told = attributes(invocation)
    assert told["faas.invocation_id"] == product.context.request_id
    assert (told["faas.trigger"], told["fctoolkit.counts.attaching"]) == ("pubsub", 1)
    assert invocation.parent_span_id == b""
    assert invocation.start_time_unix_nano <= min(child.start_time_unix_nano for child in children)
    attach = attributes(next(child for child in children if child.name == "AttachInstances"))
    assert attach["http.request.method"] == "POST"
    assert attach["server.address"] == "cs.cn-hangzhou.aliyuncs.com"
    made = product.cloud.calls[-1]
    assert attach["http.response.status_code"] == made["status"]
    assert attach["alibaba_cloud.request_id"] == made["requestId"]
    assert collector.resources[0]["cloud.platform"] == "alibaba_cloud_fc"


def test_calls_of_threads_are_children_too(product: Product, collector: Collector) -> None:
    """A sweep, which looks at many things together, is one trace."""
    product.attach(TIMER)
    assert len({span.trace_id for span in collector.spans}) == 1
    assert len(collector.attempts()) == len(product.cloud.calls)


@pytest.mark.parametrize(
    "event",
    [
        json.dumps({**json.loads(custom_event(ENS_ID)), "traceparent": NAMED}).encode(),
        json.dumps(
            {
                **json.loads(http_event({"instances": [ENS_ID]})),
                "headers": {"Traceparent": NAMED, "Content-Type": "application/json"},
            }
        ).encode(),
    ],
    ids=["event", "request"],
)
def test_an_event_of_a_trace_continues_it(product: Product, collector: Collector, event: bytes) -> None:
    """The invocation is a child of the span that the event or request names."""
    product.attach(event)
    (invocation,) = collector.invocations()
    assert (invocation.trace_id.hex(), invocation.parent_span_id.hex()) == (TRACE, PARENT)


def test_a_batch_is_linked_with_its_traces(product: Product, collector: Collector) -> None:
    """A batch of events of several traces is no child of one of them, and is linked with each."""
    batch = [of_a_trace(custom_event(ENS_ID), number) for number in (1, 2, 2)]
    product.attach(json.dumps(batch).encode())
    (invocation,) = collector.invocations()
    assert invocation.parent_span_id == b""
    assert [link.trace_id.hex() for link in invocation.links] == [f"{1:032x}", f"{2:032x}"]


def test_attempts_that_fail_are_told(product: Product, collector: Collector) -> None:
    """An attempt that was throttled has its code, and the next one says that it is a repetition."""
    product.cloud.add_fault(
        Fault(service="ens", action="DescribeInstances", code="Throttling.User", status=400)
    )
    product.attach(custom_event(ENS_ID))
    first, second = (one for one in collector.attempts() if one.name == "DescribeInstances")
    assert attributes(first)["error.type"] == "Throttling.User"
    assert first.status.code == first.status.STATUS_CODE_ERROR
    assert attributes(second)["http.request.resend_count"] == 1
    assert second.status.code == second.status.STATUS_CODE_UNSET


def test_an_invocation_that_raises_is_told(product: Product, collector: Collector) -> None:
    """The error passes, and the span and the metrics name its type and nothing of its text."""
    with pytest.raises(NotSettledError):
        product.attach(b"{")
    (invocation,) = collector.invocations()
    assert attributes(invocation)["error.type"] == "NotSettledError"
    assert (invocation.status.message, len(invocation.events)) == ("NotSettledError", 0)
    assert sums(collector.points["faas.errors"]) == [1]


def test_metrics_are_those_of_each_invocation(product: Product, collector: Collector) -> None:
    """Counters and histograms begin anew with each invocation, and count what the cloud saw."""
    function = product._function("edge")
    for _ in range(2):
        function.handle(custom_event(ENS_ID), product.context)
    assert sums(collector.points["faas.invocations"]) == [1, 1]
    assert [point.count for point in collector.points["faas.invoke_duration"]] == [1, 1]
    assert [point.count for point in collector.points["faas.cpu_usage"]] == [1, 1]
    counted = sum(point.count for point in collector.points["http.client.request.duration"])
    assert counted == len(product.cloud.calls)
    names = [attributes(point)["name"] for point in collector.points["fctoolkit.counts"]]
    assert names == ["attaching", "attaching"]


def test_each_signal_may_go_elsewhere(product: Product, collector: Collector) -> None:
    """An address for traces alone sends traces alone, to exactly that address."""
    product.environ.pop("OTEL_EXPORTER_OTLP_ENDPOINT")
    product.environ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] = f"{collector.url}/adapt_x/api/otlp/traces"
    product.attach(custom_event(ENS_ID))
    assert len(collector.invocations()) == 1
    assert collector.points == {}


def test_a_receiver_that_hangs_is_not_waited_for(
    product: Product, collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    """An invocation ends while the receiver still holds what it sent, the next does not wait at all."""
    collector.held.clear()
    function = product._function("edge")
    answers: list[Any] = [function.handle(custom_event(ENS_ID), product.context) for _ in range(3)]
    assert not collector.held.is_set()
    assert [next(iter(answer["counts"])) for answer in answers] == ["attaching"] * 3
    assert len(collector.invocations()) == 1
    assert "telemetry was not taken" in caplog.text


@pytest.mark.parametrize("status", [400, 503])
def test_a_receiver_that_refuses_does_no_harm(product: Product, collector: Collector, status: int) -> None:
    """Whatever a receiver answers, the outcome stands, and for a while it is asked no more."""
    collector.status = status
    function = product._function("edge")
    for _ in range(3):
        answer: Any = function.handle(custom_event(ENS_ID), product.context)
        assert answer["counts"] == {"attaching": 1}
    assert len(collector.invocations()) == 1


def test_a_receiver_that_is_not_there_does_no_harm(
    product: Product, caplog: pytest.LogCaptureFixture
) -> None:
    """With nobody at the address, the outcome stands, and so does an error; the address is in no line."""
    caplog.set_level(logging.DEBUG)
    with closed_endpoint() as url:
        product.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = f"{url}/adapt_k3y"
        assert product.attach(custom_event(ENS_ID))["counts"] == {"attaching": 1}
        with pytest.raises(NotSettledError):
            product.attach(b"{")
    assert "the collector did not take all" in caplog.text
    assert "k3y" not in caplog.text


def test_a_header_that_cannot_be_read_is_told_without_its_value(
    product: Product, collector: Collector, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A collector's key that is written in the wrong form is in no line of the log; that it is wrong, is."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization: Bearer k3y")
    product.attach(custom_event(ENS_ID))
    assert "k3y" not in caplog.text
    assert "OTEL_EXPORTER_OTLP_HEADERS is not name=value" in caplog.text
    assert "authorization" not in collector.headers[0]


@pytest.mark.usefixtures("collector")
@pytest.mark.parametrize("variable", ["OTEL_SPAN_LINK_COUNT_LIMIT", "OTEL_METRICS_EXEMPLAR_FILTER"])
def test_a_variable_that_cannot_be_used_is_named(
    product: Product, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """What OpenTelemetry refuses is wrong in the configuration, and is seen when the instance starts."""
    monkeypatch.setenv(variable, "many")
    with pytest.raises(ConfigurationError, match=r"a variable of OpenTelemetry cannot be used: .*many"):
        product.attach(custom_event(ENS_ID))


def test_on_the_runtime_an_instance_is_cold_once(tmp_path: Path) -> None:
    """On the local runtime the first span of an instance is cold, and the resource says whose it is."""
    cloud = LocalCloud()
    seed(cloud)

    def told(template: Template) -> Template:
        return replace(
            template,
            functions=tuple(
                replace(one, environment={**one.environment, "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url})
                for one in template.functions
            ),
        )

    with (
        collecting() as collector,
        running_server(cloud) as url,
        deployed(url, tmp_path, change=told) as deployment,
    ):
        logs = [deployment.invoke("attach_instances", sample("ens-custom.json")).logs for _ in range(2)]
    first, second = collector.invocations()
    assert [attributes(one)["faas.coldstart"] for one in (first, second)] == [True, False]
    assert sums(collector.points["faas.coldstarts"]) == [1]
    assert collector.points["faas.init_duration"][0].count == 1
    resource = collector.resources[0]
    assert resource["faas.name"] == resource["service.name"] == "enlist-dev-attach-instances"
    assert resource["cloud.region"] == "cn-hangzhou"
    line = json.loads(next(one for one in logs[0].splitlines() if '"message":"metrics"' in one))
    assert (line["trace_id"], line["span_id"]) == (first.trace_id.hex(), first.span_id.hex())


FUNCTION = """
import json, sys
{before}
from enlist.edge.job import run
from enlist.function import Function
from fctoolkit.testing import FakeContext
function = Function("edge", run, "/attach", environ={environ})
try:
    function.initialize(FakeContext())
    function.handle(b"{{", FakeContext())
except Exception as error:
    print(f"{{type(error).__name__}}: {{error}}")
print(json.dumps(sorted(name for name in sys.modules if "telemetry" in name)))
"""


def run_alone(tmp_path: Path, before: str = "", **environ: str) -> list[str]:
    """What a process of its own prints that sends a bad event to the function."""
    packed = tmp_path / "bindings.json"
    packed.write_text(json.dumps(BINDINGS))
    known = {"ENLIST_BINDINGS": str(packed), **environ}
    done = subprocess.run(  # noqa: S603 -- our own interpreter and text
        [sys.executable, "-c", FUNCTION.format(before=before, environ=known)],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "shared")},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout.splitlines()


def test_without_a_collector_nothing_of_it_is_loaded(tmp_path: Path) -> None:
    """No module of OpenTelemetry, and none of the toolkit's telemetry, where no collector is named."""
    said, loaded = run_alone(tmp_path)
    assert said.startswith("NotSettledError")
    assert json.loads(loaded) == []


def test_a_collector_without_the_packages_is_told(tmp_path: Path) -> None:
    """The initializer names the variable, the extra and the page, so that the instance never starts."""
    blocked = 'sys.modules["opentelemetry"] = None'
    said, _ = run_alone(tmp_path, blocked, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:4318")
    assert said.startswith("ConfigurationError: OTEL_EXPORTER_OTLP_ENDPOINT: names a collector")
    assert "install the extra otel" in said
