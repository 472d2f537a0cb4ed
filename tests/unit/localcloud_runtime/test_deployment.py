"""A template brought to life: requests and invocations reach the right function."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor, wait
from threading import Event
from typing import TYPE_CHECKING, Any

import pytest

from fctoolkit.errors import ConfigurationError
from localcloud.deployment import ClosedError, Deployment
from localcloud.runtime import FunctionProcess
from localcloud.template import read_template
from localcloud.template_source import TemplateError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TEMPLATE = """\
edition: 3.0.0
resources:
  first:
    component: fc3
    props: &props
      region: cn-hangzhou
      functionName: app-first
      runtime: python3.12
      handler: index.handler
      code: ./code
      timeout: 20
      triggers:
        - {triggerName: web, triggerType: http, triggerConfig: {methods: [POST]}}
  second:
    component: fc3
    props:
      <<: *props
      functionName: app-second
      triggers: []
"""
CODE = """\
import json, os

def handler(event, context):
    if event == b"fail":
        raise ValueError("asked to")
    seen = {"event": event.decode(), "name": os.environ["FC_FUNCTION_NAME"]}
    return {"statusCode": 202, "body": json.dumps(seen)}
"""


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Two functions that answer with the event they got and their name."""
    root = tmp_path_factory.mktemp("deployment")
    (root / "code").mkdir()
    (root / "code" / "index.py").write_text(CODE)
    (root / "s.yaml").write_text(TEMPLATE)
    template = read_template(root / "s.yaml", environment={}, layer_folders=[])
    with Deployment(template, {}, now=lambda: 1767323045.0) as deployment:
        yield deployment


def seen(payload: bytes) -> Any:
    """What a function says it got."""
    return json.loads(json.loads(payload)["body"])


def test_http(deployment: Deployment) -> None:
    """A request reaches the function as an envelope, and its result comes back as an HTTP answer."""
    exchange = deployment.http("first", "POST", "/a?b=c", {"X-Y": "z"}, b"body")
    assert exchange.answer.status == 202
    event = json.loads(json.loads(exchange.answer.body)["event"])
    assert (event["rawPath"], event["queryParameters"], event["body"]) == ("/a", {"b": "c"}, "body")
    assert event["requestContext"]["requestId"] == exchange.invocation.request_id
    assert exchange.answer.headers["X-Fc-Request-Id"] == exchange.invocation.request_id


@pytest.mark.parametrize(
    ("function", "known"), [("first", "it takes POST"), ("second", "has no HTTP trigger")]
)
def test_http_methods(deployment: Deployment, function: str, known: str) -> None:
    """A method that no trigger takes is refused with those that one takes."""
    with pytest.raises(ConfigurationError, match=known):
        deployment.http(function, "GET", "/")


def test_direct_invocations(deployment: Deployment) -> None:
    """A direct invocation hands over the bytes as they are; an error is in the invocation, not raised."""
    assert seen(deployment.invoke("app-second", b"raw").payload) == {"event": "raw", "name": "app-second"}
    failed = deployment.invoke("second", b"fail")
    assert (failed.ok, failed.error_type) == (False, "UnhandledInvocationError")


def test_unknown_functions(deployment: Deployment) -> None:
    """A function that is not in the template is refused by name."""
    with pytest.raises(TemplateError, match="no function 'third'"):
        deployment.invoke("third", b"")


def test_a_closed_deployment_runs_nothing_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An invocation that had its turn when the functions were ended is waited for; later ones are refused."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "index.py").write_text(
        "import os\n\ndef handler(event, context): return os.getpid()"
    )
    (tmp_path / "s.yaml").write_text(TEMPLATE)
    deployment = Deployment(read_template(tmp_path / "s.yaml", environment={}, layer_folders=[]), {})
    entered, go_on = Event(), Event()
    invoke = FunctionProcess.invoke

    def late(self: FunctionProcess, *given: Any, **named: Any) -> Any:
        entered.set()
        go_on.wait(20)
        return invoke(self, *given, **named)

    monkeypatch.setattr(FunctionProcess, "invoke", late)
    with ThreadPoolExecutor(2) as threads:
        running = threads.submit(deployment.invoke, "first", b"")
        assert entered.wait(20)
        closing = threads.submit(deployment.close)
        wait([closing], timeout=0.2)
        go_on.set()
        closing.result(20)
        process = int(running.result(20).payload)
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)
    with pytest.raises(ClosedError, match="first"):
        deployment.invoke("first", b"")
    with pytest.raises(ClosedError, match="first"):
        deployment.invoke_later("first", b"", request_id="r")
