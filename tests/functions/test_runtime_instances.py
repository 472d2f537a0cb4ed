"""Instances of functions in the local FC runtime: how many, how warm, how large, and when they end."""

from __future__ import annotations

import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import pytest

from localcloud.functions.deployment import Deployment
from localcloud.functions.spec import CustomRuntime, Hook
from localcloud.runtime import ClosedError, FunctionProcess, Limits, Machine, pool
from localcloud.template.reading import Template
from tests.support.product import ROOT
from tests.support.runtime_functions import write_function
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future
    from pathlib import Path

    from localcloud.runtime import Invocation

CALLER = {"PATH": os.environ["PATH"]}
WAITING = """
    import logging, os, pathlib, threading, time

    BEGUN = []

    def initialize(context):
        print("initialized")

    def pre_stop(context):
        (pathlib.Path(os.environ["FOLDER"]) / "stopped").touch()

    def handler(event, context):
        folder = pathlib.Path(os.environ["FOLDER"])
        if event == b"exit":
            os._exit(1)
        BEGUN.append(context.request_id)
        (folder / f"begun-{event.decode()}").touch()
        while event and not (folder / "go").exists():
            time.sleep(0.01)
        logging.info("over")
        return {"pid": os.getpid(), "begun": BEGUN, "logger": context.logger is not None}
"""
"""An event that is not empty is held until there is a file `go`; `begun-<event>` says that it has begun."""

HOLDING = """
    import subprocess, sys, time

    KEPT = []

    def handler(event, context):
        how, _, size = event.decode().partition(":")
        if how == "keep":
            KEPT.append(b"x" * int(size) * 1024 * 1024)
        if how == "spike":
            len(b"x" * int(size) * 1024 * 1024)
        if how == "child":
            code = f"kept = b'x' * {size} * 1024 * 1024; import time; time.sleep(20)"
            subprocess.run([sys.executable, "-S", "-c", code])
        if how == "linger":
            KEPT.append(b"x" * int(size) * 1024 * 1024)
            time.sleep(20)
        return how
"""
"""Holds so many MB in one of several ways."""

CUSTOM = {
    "runtime": "custom.debian12",
    "custom": CustomRuntime(
        ("python3", "-m", "fctoolkit.customruntime", "index.handler", "--concurrency", "2")
    ),
    "layers": (ROOT / "shared",),
}


class Held:
    """A function whose requests are held, each in a thread, until `go`."""

    def __init__(self, folder: Path, machine: Machine | None = None, **settings: Any) -> None:
        self.folder = folder / settings.get("key", "probe")
        environment = {"FOLDER": str(self.folder), "PYTHONPATH": "/opt/python"}
        spec = write_function(self.folder / "code", WAITING, environment=environment, **settings)
        self.process = FunctionProcess(spec, CALLER, machine=machine)
        self.threads = ThreadPoolExecutor(8)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.go()
        self.threads.shutdown()
        self.process.close()

    def hold(self, *names: str) -> list[Future[Invocation]]:
        """Requests of these names, all of which have begun."""
        held = [self.threads.submit(self.process.invoke, name.encode()) for name in names]
        until(lambda: all(self.has_begun(name) for name in names))
        return held

    def has_begun(self, name: str) -> bool:
        """Whether the request of that name has come to the handler."""
        return (self.folder / f"begun-{name}").exists()

    def go(self) -> None:
        """Lets all requests end."""
        (self.folder / "go").touch()


def pid(invocation: Invocation) -> int:
    """The process that did it, which must have gone well."""
    assert invocation.ok, invocation
    return int(json.loads(invocation.payload)["pid"])


class TestAtOnce:
    """Several requests at the same time."""

    def test_each_has_an_instance(self, tmp_path: Path) -> None:
        """Two requests at once have an instance each; later ones find both warm, the one used last first."""
        with Held(tmp_path) as function:
            held = function.hold("a", "b")
            function.go()
            ended = [one.result(20) for one in held]
            assert all(one.cold for one in ended)
            assert len({pid(one) for one in ended} | {one.instance_id for one in ended}) == 4
            again = [function.process.invoke(b"") for _ in range(3)]
            assert not any(one.cold for one in again)
            assert len({pid(one) for one in again}) == 1

    def test_more_than_the_reserved_limit(self, tmp_path: Path) -> None:
        """A request above reservedConcurrency is refused as ResourceExhausted, and taken once one is over."""
        with Held(tmp_path, reserved=2) as function:
            held = function.hold("a", "b")
            refused = function.process.invoke(b"")
            assert (refused.error_type, refused.instance_id) == ("ResourceExhausted", "")
            assert b"all the instances it may have at once: 2" in refused.payload
            function.go()
            wait(held)
            assert function.process.invoke(b"").ok

    def test_a_function_that_may_have_none(self, tmp_path: Path) -> None:
        """With a reservedConcurrency of 0 every request is refused, which is how a function is stopped."""
        with Held(tmp_path, reserved=0) as function:
            assert function.process.invoke(b"").error_type == "ResourceExhausted"

    def test_more_than_a_region_has(self, tmp_path: Path) -> None:
        """A region's limit counts all functions in it, and those of no other region."""
        machine = Machine(Limits(per_region=1))
        with (
            Held(tmp_path, machine, key="one") as one,
            Held(tmp_path, machine, key="two") as two,
            Held(tmp_path, machine, key="far", region="cn-beijing") as far,
        ):
            one.hold("a")
            assert two.process.invoke(b"").error_type == "ResourceExhausted"
            assert far.process.invoke(b"").ok

    @pytest.mark.parametrize("settings", [{}, CUSTOM], ids=["built-in", "custom"])
    def test_several_in_one_instance(self, tmp_path: Path, settings: dict[str, Any]) -> None:
        """An instance takes as many requests at once as instanceConcurrency says."""
        with Held(tmp_path, instance_concurrency=2, **settings) as function:
            held = function.hold("a", "b")
            [third] = function.hold("c")
            function.go()
            ended = [one.result(20) for one in held]
            assert len({pid(one) for one in ended}) == 1
            assert sorted(one.cold for one in ended) == [False, True]
            assert pid(third.result(20)) != pid(ended[0])
            # Where threads share the module, user code is given a logger.
            assert json.loads(ended[0].payload)["logger"] == (not settings)

    def test_a_full_machine(self, tmp_path: Path) -> None:
        """A request that the machine has no room for waits until an instance of another function is idle."""
        machine = Machine(Limits(processes=1))
        with Held(tmp_path, machine, key="one") as one, Held(tmp_path, machine, key="two") as two:
            [first] = one.hold("a")
            second = two.threads.submit(two.process.invoke, b"")
            with pytest.raises(TimeoutError):
                second.result(0.3)
            one.go()
            ended = pid(first.result(20))
            assert second.result(20).ok
            until(lambda: not _runs(ended))
            assert one.process.invoke(b"").cold


class TestLives:
    """When instances start and end."""

    def test_an_idle_instance_ends(self, tmp_path: Path) -> None:
        """After the idle time an instance ends by itself, its pre-stop hook first; the next one is cold."""
        machine = Machine(Limits(idle_seconds=0.2))
        with Held(tmp_path, machine, pre_stop=Hook("index.pre_stop", 20)) as function:
            process = pid(function.process.invoke(b""))
            until(lambda: not _runs(process))
            assert (function.folder / "stopped").exists()
            assert function.process.invoke(b"").cold

    def test_provisioned_instances(self, tmp_path: Path) -> None:
        """Provisioned instances are started and initialized beforehand, so the first request is not cold."""
        with Held(tmp_path, provisioned=2, initializer=Hook("index.initialize", 20)) as function:
            until(lambda: function.process.provisioned == 2)
            held = function.hold("a", "b")
            function.go()
            ended = [one.result(20) for one in held]
            assert not any(one.cold for one in ended)
            assert len({pid(one) for one in ended}) == 2

    def test_a_provisioned_instance_that_dies(self, tmp_path: Path) -> None:
        """A provisioned instance that dies is replaced without a request, and is kept when it is idle."""
        machine = Machine(Limits(idle_seconds=0.05))
        with Held(tmp_path, machine, provisioned=1) as function:
            until(lambda: function.process.provisioned == 1)
            assert not function.process.invoke(b"exit").cold
            until(lambda: function.process.provisioned == 1)
            threading.Event().wait(0.3)
            assert not function.process.invoke(b"").cold

    def test_a_provisioned_instance_that_does_not_start(self, tmp_path: Path) -> None:
        """An initializer that fails leaves a function without provisioned instances, and is not repeated."""
        source = """
            import pathlib
            def initialize(context):
                with open("tries", "a") as tries: tries.write("x")
                raise RuntimeError("never")
            def handler(event, context): pass
        """
        spec = write_function(tmp_path, source, provisioned=1, initializer=Hook("index.initialize", 20))
        with FunctionProcess(spec, CALLER) as process:
            until((tmp_path / "tries").exists)
            assert process.invoke(b"").error_type == "InitializationError"
            assert process.provisioned == 0
        assert (tmp_path / "tries").read_text() == "xx"

    def test_a_change_that_instances_do_not_know_of(self, tmp_path: Path) -> None:
        """A new limit or target leaves warm instances as they are; a new variable ends them."""
        spec = write_function(
            tmp_path / "code", "import os\ndef handler(event, context): return {'pid': os.getpid()}"
        )
        with Deployment(Template(tmp_path / "s.yaml", (spec,)), CALLER) as deployment:
            first = deployment.invoke("probe", b"")
            deployment.put(replace(spec, reserved=3, provisioned=1))
            second = deployment.invoke("probe", b"")
            until(lambda: deployment.provisioned("probe") == 1)
            assert (pid(second), second.cold) == (pid(first), False)
            deployment.put(replace(spec, reserved=0))
            assert deployment.invoke("probe", b"").error_type == "ResourceExhausted"
            deployment.put(replace(spec, environment={"NEW": "1"}))
            assert pid(deployment.invoke("probe", b"")) != pid(first)

    def test_a_closed_function(self, tmp_path: Path) -> None:
        """A request to a function that was closed is a ClosedError, and closing it again does nothing."""
        process = FunctionProcess(write_function(tmp_path, "def handler(event, context): pass"), CALLER)
        process.invoke(b"")
        process.close()
        assert process.close() == ""
        with pytest.raises(ClosedError, match="probe"):
            process.invoke(b"")


class TestMemory:
    """What instances hold, and may hold."""

    @pytest.fixture
    def holding(self, tmp_path: Path) -> Iterator[FunctionProcess]:
        """A function with 128 MB that holds what it is told to."""
        spec = write_function(tmp_path, HOLDING, memory=128)
        with FunctionProcess(spec, CALLER) as process:
            yield process

    @pytest.mark.parametrize("event", [b"keep:200", b"child:200", b"linger:200"])
    def test_too_much(self, holding: FunctionProcess, event: bytes) -> None:
        """A function that holds more than it may, itself or in a child, is ended."""
        invocation = holding.invoke(event)
        assert invocation.error_type == "UnhandledInvocationError"
        message = json.loads(invocation.payload)["errorMessage"]
        assert message.startswith("Process exited unexpectedly before completing request (duration: ")
        assert message.endswith("ms, maxMemoryUsage: 128MB)")
        assert invocation.duration < 10
        assert holding.invoke(b"").cold

    def test_too_much_for_a_moment(self, holding: FunctionProcess, monkeypatch: pytest.MonkeyPatch) -> None:
        """What a function held between two looks counts, too: it is ended although it has answered."""
        monkeypatch.setattr(pool, "WATCH_SECONDS", 60)
        invocation = holding.invoke(b"spike:150")
        assert b"maxMemoryUsage: 128MB" in invocation.payload
        assert holding.invoke(b"").cold

    def test_what_is_told(self, holding: FunctionProcess) -> None:
        """Each invocation tells the most that its instance held meanwhile, spikes too."""
        first = holding.invoke(b"")
        spike, after = holding.invoke(b"spike:60"), holding.invoke(b"")
        assert 5 < first.memory_mib < 40
        assert first.memory_mib + 50 < spike.memory_mib < 128
        assert after.memory_mib < first.memory_mib + 20
        assert first.memory_size == 128
        assert f"Memory Size: 128 MB, Max Memory Used: {spike.memory_mib:.2f} MB" in spike.report


def test_a_result_that_is_too_large(tmp_path: Path) -> None:
    """A result may have 32 MB; a larger one is BadResponse, and the instance lives on."""
    spec = write_function(tmp_path, "def handler(event, context): return bytes(int(event))", memory=512)
    limit = 32 * 1024 * 1024
    with FunctionProcess(spec, CALLER) as process:
        assert len(process.invoke(str(limit).encode()).payload) == limit
        refused = process.invoke(str(limit + 1).encode())
        assert refused.error_type == "BadResponse"
        assert str(limit) in json.loads(refused.payload)["errorMessage"]
        assert not process.invoke(b"1").cold


def test_long_lines_of_logs(tmp_path: Path) -> None:
    """A line of the logs is cut at 32 KB; others stay as they are."""
    source = "def handler(event, context):\n    print('x' * 40000)\n    print('y' * 32768)"
    with FunctionProcess(write_function(tmp_path, source), CALLER) as process:
        lines = process.invoke(b"").logs.splitlines()
    assert [len(line) for line in lines[1:3]] == [32768, 32768]
    assert lines[2] == "y" * 32768


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
