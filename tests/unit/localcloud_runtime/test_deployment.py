"""A template brought to life: requests and invocations reach the right function."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fctoolkit.errors import ConfigurationError
from localcloud.functions.deployment import Deployment
from localcloud.functions.spec import CustomRuntime, Hook, HttpTrigger
from localcloud.message import Request
from localcloud.runtime import ClosedError
from localcloud.runtime.interpreters import find, interpreter_for
from localcloud.template.reading import Template, read_template
from localcloud.template.source import TemplateError
from tests.support.runtime_functions import write_function
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from localcloud.functions.spec import FunctionSpec

NOTHING = Template(Path("s.yaml"), ())
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


WAITING = """\
import os, pathlib, time

def handler(event, context):
    folder = pathlib.Path(event.decode())
    (folder / "begun").touch()
    while not (folder / "go").exists():
        time.sleep(0.01)
    return str(os.getpid())
"""
"""Runs until it is told to go, by files in the folder that its event names."""


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


def test_a_closed_deployment_runs_nothing_more(tmp_path: Path) -> None:
    """An invocation that runs when the functions are ended is waited for; later ones are refused."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "index.py").write_text(WAITING)
    (tmp_path / "s.yaml").write_text(TEMPLATE)
    deployment = Deployment(read_template(tmp_path / "s.yaml", environment={}, layer_folders=[]), {})
    with ThreadPoolExecutor(2) as threads:
        running = threads.submit(deployment.invoke, "first", str(tmp_path).encode())
        until((tmp_path / "begun").exists)
        closing = threads.submit(deployment.close)
        wait([closing], timeout=0.2)
        assert not closing.done()
        (tmp_path / "go").touch()
        closing.result(20)
        process = int(running.result(20).payload)
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)
    with pytest.raises(ClosedError, match="first"):
        deployment.invoke("first", b"")
    with pytest.raises(ClosedError, match="first"):
        deployment.invoke_later("first", b"", request_id="r")


def test_what_runs_is_killed_in_time(tmp_path: Path) -> None:
    """With `kill_after`, neither requests nor pre-stop hooks hold up the end, whatever their timeouts."""
    source = """
        import pathlib, time
        def handler(event, context):
            if event:
                pathlib.Path(event.decode()).touch()
                time.sleep(60)
        def stop(context):
            time.sleep(60)
    """
    asked, begun = time.monotonic(), tmp_path / "begun"
    with Deployment(NOTHING, {"PATH": os.environ["PATH"]}) as deployment, ThreadPoolExecutor(1) as threads:
        for name in ("busy", "idle"):
            hook = Hook("index.stop", 60)
            deployment.put(write_function(tmp_path / name, source, key=name, timeout=60, pre_stop=hook))
        deployment.invoke("idle", b"")
        killed = threads.submit(deployment.invoke, "busy", str(begun).encode())
        until(begun.exists)
        deployment.kill_after(0.1)
    assert b"Process exited unexpectedly" in killed.result().payload
    assert time.monotonic() - asked < 30


def test_a_function_for_a_closed_deployment(tmp_path: Path) -> None:
    """What comes after the end is refused, and no thread of it stays, not even of a provisioned instance."""
    deployment = Deployment(NOTHING, {"PATH": os.environ["PATH"]})
    deployment.close()
    before = set(threading.enumerate())
    with pytest.raises(ClosedError, match="one"):
        deployment.put(_one(tmp_path, "def handler(event, context): return event", provisioned=1))
    until(lambda: before.issuperset(threading.enumerate()))


def _one(folder: Path, code: str, **settings: Any) -> FunctionSpec:
    return write_function(folder, code, key="one", **settings)


def test_a_replaced_function(tmp_path: Path) -> None:
    """A replaced function ends what it runs, and nobody waits for that; what comes next runs the new one."""
    slow = """
        import time, pathlib
        def handler(event, context):
            pathlib.Path(event.decode()).touch()
            time.sleep(0.5)
            return "old"
    """
    started = tmp_path / "started"
    old: Future[bytes] = Future()
    later: Future[bytes] = Future()
    with Deployment(NOTHING, {"PATH": os.environ["PATH"]}) as deployment:
        deployment.put(_one(tmp_path / "old", slow, reserved=1))
        for event, told in ((str(started).encode(), old), (b"", later)):
            deployment.invoke_later(
                "one", event, request_id="1", then=lambda ended, told=told: told.set_result(ended.payload)
            )
        until(started.exists)
        deployment.put(_one(tmp_path / "new", "def handler(event, context): return 'new'"))
        assert not old.done()
        assert deployment.invoke("one", b"").payload == b"new"
        assert later.result(timeout=20) == b"new"
        assert old.result(timeout=20) == b"old"


def test_an_alias_runs_as_others(tmp_path: Path) -> None:
    """An alias runs as the function that is chosen anew at each invocation, and is told by its own key."""
    code = "def handler(event, context): return context.function.qualifier"
    ended: list[str] = []
    keys = iter(["one@1", "one@2", "one@3"])
    with Deployment(NOTHING, {}, ended=lambda one: ended.append(one.function)) as deployment:
        for version in ("1", "2"):
            spec = _one(tmp_path / version, code, version=version)
            deployment.put(replace(spec, key=f"one@{version}"))
        deployment.put_alias(replace(spec, key="one@live"), lambda: next(keys))
        assert [deployment.invoke("one@live", b"").payload for _ in range(2)] == [b"1", b"2"]
        assert ended == ["one@live", "one@live"]
        with pytest.raises(ClosedError):
            deployment.invoke("one@live", b"")
        deployment.remove("one@live")
        assert [spec.key for spec in deployment.functions] == ["one@1", "one@2"]


def test_an_http_request_draws_once(tmp_path: Path) -> None:
    """The version of an alias that a request is made up for is the one that runs it."""
    keys = iter(["one@1", "one@2"])
    with Deployment(NOTHING, {}) as deployment:
        for version in ("1", "2"):
            code = f"def handler(event, context): return {version}"
            deployment.put(replace(_one(tmp_path / version, code, version=version), key=f"one@{version}"))
        deployment.put_alias(_one(tmp_path, "", triggers=(HttpTrigger("web", ("GET",)),)), lambda: next(keys))
        assert [deployment.http("one", "GET", "/").answer.body for _ in range(2)] == [b"1", b"2"]


def test_a_request_for_a_web_server_that_is_none_any_more(tmp_path: Path) -> None:
    """What waited for a custom runtime comes as an event where the function is on another one by now."""
    with Deployment(NOTHING, {}) as deployment:
        deployment.put(_one(tmp_path, "def handler(event, context): return event"))
        invocation = deployment.run("one", Request("GET", "/a", "b=c", {"x-y": "z"}, b"body"), "r")
    event = json.loads(invocation.payload)
    assert (event["rawPath"], event["queryParameters"], event["body"]) == ("/a", {"b": "c"}, "body")
    assert event["requestContext"]["requestId"] == "r"


def test_the_python_that_a_runtime_names(tmp_path: Path) -> None:
    """A function runs on the Python of its runtime, and where there is none says how to get it."""
    code = "import sys\ndef handler(event, context): return '%d.%d' % sys.version_info[:2]"
    (tmp_path / "code").mkdir()
    (tmp_path / "code/index.py").write_text(code)
    spec = replace(_one(tmp_path / "other", code), code=tmp_path / "code", runtime="python3.10")
    missing = replace(spec, key="missing", runtime="custom", custom=CustomRuntime(("python3.99",)))
    default = Path(sys.executable)
    with Deployment(NOTHING, {}) as deployment:
        deployment.put(missing, python=lambda: interpreter_for(missing, default))
        failed = deployment.invoke("missing", b"")
        assert failed.error_type == "FunctionNotStarted"
        assert b"pyenv install 3.99" in failed.payload
        if find("3.10") is not None:
            deployment.put(spec, python=lambda: interpreter_for(spec, default))
            assert deployment.invoke("one", b"").payload == b"3.10"
