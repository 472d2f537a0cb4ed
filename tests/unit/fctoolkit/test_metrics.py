"""The line that says what an invocation cost: its numbers, whose they are, and what it costs itself."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import httpx2
import pytest

from fctoolkit.clock import Clock
from fctoolkit.errors import ThrottledError
from fctoolkit.logging import JsonFormatter, bind
from fctoolkit.metrics import add, current, measured
from fctoolkit.testing import FakeContext
from fctoolkit.together import Threads
from tests.support.api_calls import FakeTime, Service, answer, read, refusal, write

SHARED = Path(__file__).parents[3] / "shared"


@pytest.fixture(autouse=True)
def level(caplog: pytest.LogCaptureFixture) -> None:
    """Lines of level INFO are written."""
    caplog.set_level(logging.INFO)


def lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """The lines that tell numbers, as they are written, without the keys of a frame."""
    return [
        json.loads(JsonFormatter().format(record))
        for record in caplog.records
        if record.name == "fctoolkit.metrics"
    ]


def line(caplog: pytest.LogCaptureFixture) -> dict[str, Any]:
    """The one line that tells numbers."""
    (told,) = lines(caplog)
    return told


def in_a_new_process(code: str) -> list[Any]:
    """The lines that a program logs, as JSON, with the toolkit on its path."""
    done = subprocess.run(  # noqa: S603 -- our own interpreter and text
        [sys.executable, "-c", code],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(SHARED)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return [json.loads(one) for one in done.stderr.splitlines()]


def test_an_invocation_ends_with_one_line(caplog: pytest.LogCaptureFixture) -> None:
    """Time by the clock that was given, processor time, memory, calls and own counts, once."""
    moments = iter([100.0, 100.25])
    with measured(FakeContext(), clock=Clock(monotonic=lambda: next(moments))):
        assert lines(caplog) == []
    told = line(caplog)
    assert (told["level"], told["message"], told["duration_ms"]) == ("INFO", "metrics", 250.0)
    assert told["cpu_ms"] >= 0
    assert (told["calls"], told["retries"], told["failed"], told["throttled"]) == (0, 0, 0, 0)
    assert (told["api"], told["counts"]) == ([], {})
    assert "error" not in told


def test_the_line_stands_in_the_frame_of_its_invocation() -> None:
    """It carries request id, function, event id and whatever was bound, as every line does."""
    code = """
from fctoolkit.logging import bind, configure
from fctoolkit.metrics import measured
from fctoolkit.testing import FakeContext
configure()
with measured(FakeContext(request_id="r-1"), "e-1"):
    bind(cluster="c-1")
"""
    (told,) = in_a_new_process(code)
    assert (told["request_id"], told["function"], told["event_id"]) == ("r-1", "function-under-test", "e-1")
    assert (told["cluster"], told["cold_start"]) == ("c-1", True)


def test_an_invocation_that_raises_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """The line comes all the same, names the type of the error, and the error passes."""

    def invoke() -> None:
        with measured(FakeContext()):
            add("machines")
            raise KeyError

    with pytest.raises(KeyError):
        invoke()
    assert (line(caplog)["error"], line(caplog)["counts"]) == ("KeyError", {"machines": 1})


def test_each_attempt_of_a_call_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    """A call that is throttled, loses its answer and then goes well is one call and two retries."""
    time = FakeTime()

    def slowly(_: httpx2.Request) -> httpx2.Response:
        time.passed += 0.5
        return answer(200, {"requestId": "R-0"})

    with measured(FakeContext()):
        Service([refusal("Throttling.User"), httpx2.ReadTimeout, slowly]).session(time).send(read())
    told = line(caplog)
    assert (told["calls"], told["retries"], told["failed"], told["throttled"]) == (1, 2, 2, 1)
    numbers = {"calls": 1, "retries": 2, "failed": 2, "throttled": 1, "total_ms": 500.0, "longest_ms": 500.0}
    assert told["api"] == [{"action": "DescribeClusterNodes", **numbers}]


def test_a_call_that_fails_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    """A call counts whether or not it brings an answer, and a listener that breaks loses no number."""

    def broken(_: object) -> None:
        raise KeyError

    with measured(FakeContext()), pytest.raises(ThrottledError):
        Service([refusal("Throttling")]).session(listener=broken).send(write())
    told = line(caplog)
    assert told["calls"] == 1
    assert told["failed"] == told["throttled"] == told["retries"] + 1


def test_actions_are_told_apart(caplog: pytest.LogCaptureFixture) -> None:
    """Each action has its total and its longest, and the one that took longest stands first."""
    with measured(FakeContext()) as metrics:
        for action, seconds in (("Quick", 0.25), ("Slow", 1.0), ("Quick", 0.5)):
            metrics.count_attempt(action, seconds, repeated=False, failed=False, throttled=False)
    told = [(one["action"], one["calls"], one["total_ms"], one["longest_ms"]) for one in line(caplog)["api"]]
    assert told == [("Slow", 1, 1000.0, 1000.0), ("Quick", 2, 750.0, 500.0)]


def test_own_counts_are_added_up(caplog: pytest.LogCaptureFixture) -> None:
    """What a developer counts stands under `counts`, and outside of an invocation counts for nobody."""
    add("machines", 7)
    with measured(FakeContext()):
        add("machines", 3)
        add("machines")
        add("gigabytes", 0.5)
    assert line(caplog)["counts"] == {"machines": 4, "gigabytes": 0.5}
    assert current() is None


def test_threads_count_for_the_invocation_that_started_them(caplog: pytest.LogCaptureFixture) -> None:
    """Work that is done together is counted as if it were done one by one."""
    with measured(FakeContext()):
        Threads(8)(lambda number: add("items", number), range(200))
    assert line(caplog)["counts"] == {"items": sum(range(200))}


def test_invocations_at_the_same_time_do_not_mix(caplog: pytest.LogCaptureFixture) -> None:
    """Where an instance takes several requests at once, each has its own line with its own numbers."""
    together = threading.Barrier(4)

    def invoke(number: int) -> None:
        with measured(FakeContext(request_id=f"r-{number}")):
            bind(number=number)
            together.wait(20)
            Threads(4)(lambda _: add("items"), range(number))
            together.wait(20)

    threads = [threading.Thread(target=invoke, args=(number,)) for number in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told["counts"]["items"] for told in lines(caplog)) == [1, 2, 3, 4]


def test_a_line_that_cannot_be_made_loses_no_outcome(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever goes wrong while numbers are gathered stands in the log, and the invocation has its end."""

    def broken() -> int:
        raise ValueError

    monkeypatch.setattr("fctoolkit.metrics.peak_memory", broken)
    with measured(FakeContext()):
        ended = True
    assert ended
    assert "cannot be told" in caplog.text


def test_no_line_where_the_level_is_higher(caplog: pytest.LogCaptureFixture) -> None:
    """LOG_LEVEL decides: at WARNING there is no line."""
    caplog.set_level(logging.WARNING)
    with measured(FakeContext()):
        add("machines")
    assert lines(caplog) == []


INVOKED_TWICE = """
from fctoolkit.logging import configure
from fctoolkit.metrics import initializing, measured
from fctoolkit.testing import FakeContext
configure()
{initializer}
for _ in range(2):
    with measured(FakeContext()):
        pass
"""


@pytest.mark.parametrize("initializer", ["", "with initializing(FakeContext()): pass"])
def test_only_the_cold_start_says_what_it_took_to_get_ready(initializer: str) -> None:
    """The first line of a process tells what it took until then, and the initializer's part if it had one."""
    cold, warm = in_a_new_process(INVOKED_TWICE.format(initializer=initializer))
    assert (cold["cold_start"], warm["cold_start"]) == (True, False)
    assert ("init_ms" in cold) == bool(initializer)
    assert cold["start_cpu_ms"] > 0
    assert not {"init_ms", "start_ms", "start_cpu_ms"} & set(warm)
    if sys.platform == "linux":
        assert cold["start_ms"] >= 0


GROWING = """
import sys
from fctoolkit.metrics import peak_memory

print(peak_memory(), file=sys.stderr)
held = bytearray({size})
print(peak_memory(), file=sys.stderr)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is told by /proc: run it on Linux")
def test_peak_memory_is_the_own_process() -> None:
    """It grows with what the process holds, in bytes, and what whoever started it holds does not count."""
    size = 64 << 20
    held = bytearray(size)
    before, grown = in_a_new_process(GROWING.format(size=size))
    assert len(held) == size
    assert before < 40 << 20
    assert before + size // 2 < grown < before + 2 * size


def test_nothing_else_is_loaded() -> None:
    """Beside the toolkit's logging, numbers load their own module and the clock."""
    code = """
import json, sys, fctoolkit.logging
before = set(sys.modules)
import fctoolkit.metrics
print(json.dumps(sorted(set(sys.modules) - before)), file=sys.stderr)
"""
    (loaded,) = in_a_new_process(code)
    assert loaded == ["fctoolkit.clock", "fctoolkit.metrics"]
