"""Real processes at one piece of work: one owner at a time, killed owners, owners that come too late."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from fctoolkit.errors import InProgressError
from fctoolkit.idempotency import Guard, open_store
from tests.support.claims import key
from tests.support.product import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.redis_server import RedisServer

LEASE = 0.25
OWNERS = 4
SECONDS = 1.5


@pytest.fixture(params=["sqlite", "redis"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Each store that processes can share."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/claims.db"
    server: RedisServer = request.getfixturevalue("redis")
    return server.url


class Owners:
    """Processes that claim, and the journal that they write."""

    def __init__(self, url: str, journal: Path) -> None:
        self.url = url
        self.journal = journal
        self.journal.touch()
        self.processes: list[subprocess.Popen[str]] = []

    def start(self, *how: str, lease: float = LEASE) -> subprocess.Popen[str]:
        """One more process."""
        command = [
            sys.executable, "-m", "tests.support.claimant", self.url, str(self.journal), str(lease), *how,
        ]  # fmt: skip
        process = subprocess.Popen(  # noqa: S603  # ours
            command, cwd=ROOT, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.processes.append(process)
        return process

    def lines(self, what: str) -> list[dict[str, float]]:
        """What was written down so far."""
        lines = [json.loads(line) for line in self.journal.read_text().splitlines()]
        return [line for line in lines if line["what"] == what]

    def wait_for(self, what: str, count: int = 1) -> list[dict[str, float]]:
        """Wait until so many lines say that."""
        ends = time.monotonic() + 20
        while len(self.lines(what)) < count:
            assert time.monotonic() < ends, f"no {what}"
            time.sleep(0.005)
        return self.lines(what)

    def stop(self) -> None:
        """Kill and reap all."""
        for process in self.processes:
            process.kill()
            process.communicate()


@pytest.fixture
def owners(url: str, tmp_path: Path) -> Iterator[Owners]:
    """None yet; all gone in the end."""
    owners = Owners(url, tmp_path / "journal")
    yield owners
    owners.stop()


def assert_one_at_a_time(owners: Owners) -> None:
    """Attempts number the owners without gap or double, and none began before the one before was through."""
    entered = {line["attempt"]: line for line in owners.lines("enter")}
    left = {line["attempt"]: line["at"] for line in owners.lines("leave")}
    assert len(entered) == len(owners.lines("enter"))
    for before, after in pairwise(sorted(entered)):
        first, second = entered[before], entered[after]
        through = min(left.get(before, first["until"]), first["until"])
        assert second["since"] >= through - 1e-4, (first, second)
    for stale in owners.lines("stale"):
        assert max(entered) > stale["attempt"]
        assert stale["at"] >= stale["until"]


def test_many_processes_one_owner(owners: Owners) -> None:
    """Processes that hammer one key, some too slow, some killed at random: never two owners at a time."""
    chance = random.Random(7)  # noqa: S311
    for _ in range(OWNERS):
        owners.start("hammer", str(SECONDS))
    owners.wait_for("enter", 5)
    killed = []
    for _ in range(3):
        time.sleep(chance.uniform(0.05, 0.2))
        victim = chance.choice([one for one in owners.processes if one.poll() is None])
        victim.kill()
        killed.append(victim)
        owners.start("hammer", str(SECONDS))
    for process in owners.processes:
        _, said = process.communicate(timeout=30)
        assert process.returncode == (-signal.SIGKILL if process in killed else 0), said
    assert_one_at_a_time(owners)
    # How many get a turn on a busy machine is chance; that several do is not.
    assert len({line["pid"] for line in owners.lines("enter")}) > 1
    assert len(owners.lines("enter")) > 20


def test_a_killed_owner_is_replaced_after_its_lease(owners: Owners) -> None:
    """Work whose owner was killed is taken over after the lease, not before, by an owner who looks."""
    process = owners.start("hold")
    held = owners.wait_for("enter")[0]
    process.kill()
    guard = Guard(open_store(owners.url, environ={}), timeout=LEASE / 2, lease=LEASE)
    refused = 0
    while True:
        try:
            claim = guard.claim(key())
        except InProgressError:
            refused += 1
            time.sleep(0.005)
        else:
            break
    assert refused
    assert claim.record.changed_at >= held["until"]
    assert (claim.attempts, claim.must_look) == (2, True)
    guard.store.close()


def test_an_owner_that_wakes_too_late_changes_nothing(owners: Owners) -> None:
    """A process that slept through its lease is told so when it completes; its successor's outcome stays."""
    process = owners.start("hold")
    held = owners.wait_for("enter")[0]
    process.send_signal(signal.SIGSTOP)
    guard = Guard(open_store(owners.url, environ={}), timeout=LEASE / 2, lease=LEASE)
    time.sleep(max(0.0, held["until"] - time.time()) + 0.01)
    guard.claim(key()).complete("successor")
    process.send_signal(signal.SIGCONT)
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.close()
    process.stdin = None
    assert process.wait(timeout=20) == 0
    assert owners.lines("stale")
    assert guard.claim(key()).outcome == "successor"
    guard.store.close()


FORKED = """
import os, sys
from fctoolkit.idempotency import open_store

store = open_store("sqlite:///" + sys.argv[1], environ={})
store.swap("first", None, "x", 60)
opened, go = os.pipe(), os.pipe()
if os.fork() == 0:
    store.read("first")
    os.write(opened[1], b".")
    os.read(go[0], 1)
    os._exit(10 + store.swap("key", None, "child", 60))
os.read(opened[0], 1)
store.close()
other = open_store("sqlite:///" + sys.argv[1], environ={})
granted = other.swap("key", None, "parent", 60)
os.write(go[1], b".")
print(granted, os.waitstatus_to_exitcode(os.wait()[1]) - 10, other.read("key").text)
"""


def test_a_process_that_forks_shares_its_file(tmp_path: Path) -> None:
    """A child that was forked while the file was open sees its parent's claims, whoever closes first."""
    command = [sys.executable, "-c", FORKED, str(tmp_path / "claims.db")]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)  # noqa: S603  # ours
    assert done.stdout.split() == ["True", "0", "parent"]
