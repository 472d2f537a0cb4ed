"""Many small pieces of work: the same result whether they are done one by one or in threads."""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fctoolkit.client import ApiClient, ApiRequest
from fctoolkit.clock import Deadline
from fctoolkit.logging import JsonFormatter, bind, log_context
from fctoolkit.together import MOST_THREADS, Threads, in_threads, one_by_one
from fctoolkit.transport import open_http
from tests.support.api_calls import KEY
from tests.support.api_server import read_request

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 20.0
"""Seconds after which something that should happen at once has not."""


class Trouble(Exception):  # noqa: N818 -- a name for a test
    """What work raises here."""


@given(st.lists(st.sampled_from(["fine", "slow", "wrong"]), max_size=12), st.integers(1, 5))
def test_threads_give_what_one_by_one_gives(kinds: list[str], most: int) -> None:
    """Whatever fails, and however many threads: the same results in the same order, or the same error."""

    def work(item: tuple[int, str]) -> str:
        place, kind = item
        if kind == "slow":
            time.sleep(0.001)
        if kind == "wrong":
            raise Trouble(place)
        return f"{place} {kind}"

    def end(together: Threads | None) -> object:
        try:
            return (together or one_by_one)(work, list(enumerate(kinds)))
        except Trouble as error:
            return error.args

    assert end(Threads(most)) == end(None)


@pytest.mark.parametrize("most", [1, 2, 7])
def test_as_many_at_a_time_as_are_asked_for(most: int) -> None:
    """So many pieces of work wait for each other and go on, and never more run at once."""
    meeting = threading.Barrier(most)
    running: list[int] = []
    seen: list[int] = []

    def work(item: int) -> int:
        running.append(item)
        seen.append(len(running))
        meeting.wait(PATIENCE)
        running.remove(item)
        return item

    assert Threads(most)(work, range(3 * most)) == list(range(3 * most))
    assert max(seen) <= most


def test_after_an_error_nothing_is_begun() -> None:
    """What runs when the first error comes is waited for; what waits is left."""
    begun: list[int] = []
    failing = threading.Event()

    def work(item: int) -> int:
        begun.append(item)
        if item == 1:
            failing.set()
            raise Trouble(item)
        assert failing.wait(PATIENCE)
        time.sleep(0.05)
        return item

    with pytest.raises(Trouble):
        Threads(2)(work, range(50))
    # The other thread may have taken one more between the error and its being noted.
    assert sorted(begun) in ([0, 1], [0, 1, 2])


def test_an_interruption_gets_out_before_an_error() -> None:
    """Ctrl-C in one piece of work is not hidden by the trouble of another."""
    meeting = threading.Barrier(2)

    def work(item: int) -> None:
        meeting.wait(PATIENCE)
        raise (Trouble if item == 0 else KeyboardInterrupt)

    with pytest.raises(KeyboardInterrupt):
        Threads(2)(work, [0, 1])


def test_no_thread_is_left() -> None:
    """When the call returns, or raises, its threads have ended."""
    before = set(threading.enumerate())
    others: set[threading.Thread] = set()
    meeting = threading.Barrier(4)

    def work(item: int) -> None:
        others.add(threading.current_thread())
        meeting.wait(PATIENCE)
        if item == 3:
            raise Trouble

    with pytest.raises(Trouble):
        Threads(4)(work, range(4))
    assert len(others) == 4
    assert not [one for one in others - before if one.is_alive()]


def test_where_there_are_no_more_threads_the_caller_works_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system that gives no more threads makes it slower, not wrong."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert Threads(8)(str, range(20)) == [str(item) for item in range(20)]


def line() -> dict[str, object]:
    """A log line as it would be written here and now."""
    said: dict[str, object] = json.loads(JsonFormatter().format(logging.makeLogRecord({"msg": "looked"})))
    return said


def test_log_lines_keep_their_keys() -> None:
    """In every thread lines say the caller's keys, and what one piece of work binds stays with it."""
    lines: list[dict[str, object]] = []
    meeting = threading.Barrier(3)

    def work(item: int) -> None:
        bind(item=item)
        meeting.wait(PATIENCE)
        lines.append(line())

    with log_context(request_id="r-7"):
        Threads(3)(work, range(3))
        after = line()
    assert [one["request_id"] for one in lines] == ["r-7"] * 3
    assert {one["item"] for one in lines} == {0, 1, 2}
    assert "item" not in after


@contextlib.contextmanager
def meeting_point(parties: int) -> Iterator[str]:
    """The endpoint of a server that answers each request when so many have come."""
    meeting = threading.Barrier(parties)
    listener = socket.create_server(("127.0.0.1", 0), backlog=parties)

    def answer(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError, threading.BrokenBarrierError):
            read_request(connection)
            meeting.wait(PATIENCE)
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")

    def accept() -> None:
        for _ in range(parties):
            connection, _ = listener.accept()
            threading.Thread(target=answer, args=(connection,)).start()

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        thread.join()
        listener.close()


def test_the_connection_pool_has_room_for_all_threads() -> None:
    """As many calls as there are threads are on the wire at once, over one session."""
    with meeting_point(MOST_THREADS) as endpoint, open_http(pool=0.5) as http:
        session = ApiClient(http).session(KEY, Deadline.after(PATIENCE))

        def call(number: int) -> int:
            path = f"/things/{number}"
            request = ApiRequest(
                action="GetThing", version="1", method="GET", endpoint=endpoint, path=path, repeatable=False
            )
            return session.send(request).status

        assert in_threads(call, range(MOST_THREADS)) == [200] * MOST_THREADS
