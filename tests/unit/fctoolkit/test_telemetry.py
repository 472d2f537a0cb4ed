"""What telemetry reads from an event, and how long anybody waits until it is sent."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from fctoolkit.telemetry.origin import Origin, origin_of
from fctoolkit.telemetry.sending import PAUSE_SECONDS, Sender
from tests.support.api_calls import FakeTime
from tests.support.product import ROOT, TIMER, http_event

if TYPE_CHECKING:
    from collections.abc import Mapping

NAMED = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
OTHER = "00-1af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def event(**attributes: object) -> dict[str, object]:
    """A CloudEvent with these attributes."""
    return {"id": "1", "source": "s", "type": "t", "specversion": "1.0", "data": {}, **attributes}


def message(body: str) -> dict[str, object]:
    """A message of a queue, as a trigger delivers it."""
    data = {"requestId": "r", "messageId": "m", "messageBody": body}
    return event(source="MNS-trigger", type="mns:Queue:SendMessage", data=data)


def request(**headers: str) -> dict[str, object]:
    """An HTTP request with these headers."""
    return {**json.loads(http_event({})), "headers": headers}


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (event(), Origin("pubsub")),
        (event(traceparent=NAMED), Origin("pubsub", ({"traceparent": NAMED},))),
        (
            event(traceparent=NAMED, tracestate="a=b"),
            Origin("pubsub", ({"traceparent": NAMED, "tracestate": "a=b"},)),
        ),
        (event(traceparent=7), Origin("pubsub")),
        (event(tracestate="a=b"), Origin("pubsub")),
        (message(json.dumps(event(traceparent=NAMED))), Origin("pubsub", ({"traceparent": NAMED},))),
        (
            message(base64.b64encode(json.dumps(event(traceparent=NAMED)).encode()).decode()),
            Origin("pubsub", ({"traceparent": NAMED},)),
        ),
        (message("no event"), Origin("pubsub")),
        (request(), Origin("http")),
        (request(TraceParent=NAMED), Origin("http", ({"traceparent": NAMED},))),
        (json.loads(TIMER), Origin("timer")),
        ({"instances": ["i-1"]}, Origin("other")),
        ([event(), event(traceparent=NAMED)], Origin("pubsub", ({"traceparent": NAMED},))),
        (
            [event(traceparent=NAMED), event(traceparent=OTHER), event(traceparent=NAMED), 7],
            Origin("pubsub", ({"traceparent": NAMED}, {"traceparent": OTHER})),
        ),
    ],
)
def test_the_origin_is_read_from_every_shape(
    document: Mapping[str, object] | list[object], expected: Origin
) -> None:
    """Trigger and traces, wherever an event may stand; what is no trace's name is passed over."""
    assert origin_of(json.dumps(document).encode()) == expected


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_event_has_no_origin(raw: bytes) -> None:
    """Bad input is somebody else's to refuse."""
    assert origin_of(raw) == Origin()


def test_the_origin_of_an_event_loads_no_other_shape() -> None:
    """Who names a collector pays for the shapes of event that come, as everybody does."""
    code = f"""
import json, sys
from fctoolkit.telemetry.origin import origin_of
origin_of({json.dumps(event()).encode()!r})
shapes = ("actiontrail", "cloudevent", "cloudmonitor", "config", "timer")
known = {{*(f"fctoolkit.events.{{shape}}" for shape in shapes), "fctoolkit.http"}}
print(json.dumps(sorted(known & sys.modules.keys())))
"""
    done = subprocess.run(  # noqa: S603 -- our own interpreter and text
        [sys.executable, "-c", code],
        cwd=ROOT / "shared",
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert json.loads(done.stdout) == ["fctoolkit.events.cloudevent"]


def test_a_flush_waits_until_all_is_sent() -> None:
    """What is sent in time is sent when the flush returns."""
    sent: list[str] = []
    Sender(lambda: sent.append("all") is None).flush(20)
    assert sent == ["all"]


def test_who_is_late_is_not_waited_for_again(caplog: pytest.LogCaptureFixture) -> None:
    """After a send that hangs, flushes return and begin nothing, until the pause is over."""
    time = FakeTime()
    goes_on = threading.Event()
    begun: list[int] = []

    def send() -> bool:
        begun.append(1)
        goes_on.wait(20)
        return True

    sender = Sender(send, time.clock)
    for _ in range(3):
        sender.flush(0.01)
    assert (begun, len(caplog.records)) == ([1], 1)
    goes_on.set()
    time.passed = PAUSE_SECONDS
    sender.flush(20)
    assert begun == [1, 1]


def test_a_send_that_fails_begins_a_pause(caplog: pytest.LogCaptureFixture) -> None:
    """What is raised, or was not taken, is logged once, and sending is tried again after the pause."""
    time = FakeTime()
    begun: list[int] = []

    def send() -> bool:
        begun.append(1)
        if len(begun) == 1:
            raise OSError("broken")
        return False

    sender = Sender(send, time.clock)
    for moment, sent in ((0.0, 1), (PAUSE_SECONDS - 1, 1), (PAUSE_SECONDS, 2), (PAUSE_SECONDS + 1, 2)):
        time.passed = moment
        sender.flush(20)
        assert len(begun) == sent
    assert [record.getMessage() for record in caplog.records] == [
        "telemetry could not be sent; none is sent for 60 s",
        "telemetry was not taken; none is sent for 60 s",
    ]


def test_sends_never_overlap() -> None:
    """Invocations that end at the same time send one after the other."""
    busy = threading.Lock()
    overlaps: list[int] = []

    def send() -> bool:
        if not busy.acquire(blocking=False):
            overlaps.append(1)
            return True
        threading.Event().wait(0.01)
        busy.release()
        return True

    sender = Sender(send)
    threads = [threading.Thread(target=sender.flush, args=(20,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert overlaps == []


def test_a_send_that_never_ends_gathers_no_threads() -> None:
    """However many flushes find it still sending, one thread waits for its turn, and then sends for all."""
    time = FakeTime()
    goes_on = threading.Event()
    begun: list[int] = []

    def send() -> bool:
        begun.append(1)
        return goes_on.wait(20)

    sender = Sender(send, time.clock)
    before = set(threading.enumerate())
    for number in range(8):
        time.passed = number * PAUSE_SECONDS
        sender.flush(0.01)
    assert len(set(threading.enumerate()) - before) == 2
    goes_on.set()
    time.passed += PAUSE_SECONDS
    sender.flush(20)
    assert len(begun) in (2, 3)
