"""From a poisoned event on the bus to its dead letter, and back: nothing lost, nothing done twice."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from fctoolkit.deadletters import read_dead_letter
from localcloud import Fault
from tests.support.dead_letter_account import (
    EVENTS_QUEUE,
    LONG_AGO,
    Account,
    hardly_tried,
    ready,
    served_account,
    with_invocation_type,
)
from tests.support.product import ENS_ID, ROOT, custom_event, ens_instance, sample
from tests.support.queues import QUEUE, bodies
from tools.redrive.__main__ import main

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from localcloud import LocalCloud

OTHER_ID = "i-5ens00000000000002"
MEANINGS = ("asynchronous", "synchronous")
NO_IDS = json.dumps({**json.loads(custom_event()), "data": {}}).encode()
BAD_ID = sample("rejected/id-with-slash.json")
POISON = {
    "a bad shape": (NO_IDS, "rejected"),
    "a wrong id": (BAD_ID, "expected letters, digits"),
    "a machine that is refused": (ready(ENS_ID), "Windows Server 2019"),
}


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the local cloud accepts."""
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "test")


@pytest.fixture(scope="module", params=[False, True], ids=["false", "true"])
def either(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Account, bool]]:
    """The product with each value of asyncInvocationType, and that value."""
    value = bool(request.param)
    change = partial(with_invocation_type, value=value)
    with served_account(tmp_path_factory.mktemp("either"), change=change) as account:
        yield account, value


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """The product as s.yaml has it."""
    with served_account(tmp_path_factory.mktemp("served")) as account:
        yield account


@pytest.fixture(scope="module")
def batched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """The product as s.batch.yaml has it, behind a queue."""
    with served_account(tmp_path_factory.mktemp("batched"), "s.batch.yaml") as account:
        yield account


@pytest.mark.parametrize("poison", POISON)
@pytest.mark.parametrize("meaning", MEANINGS)
def test_a_poisoned_event_ends_in_the_queue_once(
    either: tuple[Account, bool], meaning: str, poison: str
) -> None:
    """Whatever asyncInvocationType says and means: one dead letter, with its reason where FC writes it."""
    account, value = either
    account.begin(ENS_ID, async_invocation_true=meaning)
    event, reason = POISON[poison]
    account.fail(event)
    (body,) = bodies(account.cloud)
    letter = read_dead_letter(body)
    assert json.loads(letter.event) == json.loads(letter.event) | json.loads(event)
    by_fc = value == (meaning == "asynchronous")
    assert letter.form == ("record" if by_fc else "event")
    assert (letter.error_type, letter.attempts) == (("NotSettledError", 4) if by_fc else ("", None))
    assert (reason in letter.error_message) == by_fc
    assert account.cloud.deliveries.state() == {"waiting": [], "blocked": [], "lost": []}
    assert account.attached() == [0]


@pytest.mark.parametrize("meaning", MEANINGS)
def test_to_the_queue_and_back(
    either: tuple[Account, bool], meaning: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is mended is settled by redrive and leaves the queue; what cannot be mended stays, with why."""
    account, value = either
    account.begin(ENS_ID, async_invocation_true=meaning)
    account.fail(ready(ENS_ID), BAD_ID)
    assert len(bodies(account.cloud)) == 2

    assert main(account.redrive()) == 0
    shown = capsys.readouterr().out
    assert "type ens:Instance:Ready, id event-i-5ens00000000000001-0" in shown
    assert ("NotSettledError: 1 of 1 not settled: i-5ens" in shown) == (value == (meaning == "asynchronous"))
    assert account.attached() == [0]

    account.mend()
    assert main(account.redrive("--go", "--rate", "50")) == 1
    told = capsys.readouterr()
    assert "2 messages: 1 settled, 1 refused" in told.err
    assert "expected letters, digits" in told.out
    assert account.attached() == [1]
    (left,) = bodies(account.cloud)
    assert json.loads(read_dead_letter(left).event)["id"] == json.loads(BAD_ID)["id"]


def test_a_tick_that_fails_is_no_dead_letter(served: Account) -> None:
    """Timers invoke asynchronously, so FC repeats a tick; destinations do not apply, the next tick comes."""
    served.begin(ENS_ID)
    served.mend()
    fault = {
        "service": "cs",
        "action": "AttachInstances",
        "times": 50,
        "status": 500,
        "code": "InternalError",
    }
    served.cloud.add_fault(Fault.model_validate(fault))
    (record,) = served.cloud.deliveries.tick("attach_instances")
    assert record.invocation.error_type, record.invocation.payload
    assert record.then.startswith("tried again")
    served.cloud.advance(LONG_AGO)
    assert bodies(served.cloud) == []


def test_an_event_over_64_kb(served: Account, capsys: pytest.CaptureFixture[str]) -> None:
    """Its letter is a reference: redrive sends nothing, leaves it there and says what to do."""
    served.begin(ENS_ID)
    event: Any = {**json.loads(ready(ENS_ID)), "subject": "x", "notes": "x" * 70_000}
    served.fail(json.dumps(event).encode())
    served.mend()
    for arguments in ((), ("--go", "--rate", "50")):
        assert main(served.redrive(*arguments)) == 1
        told = capsys.readouterr()
        assert "unreadable" in told.out
        assert "which may be a reference to one" in told.out
        assert "get the event from the address in the message or from its source" in told.err
    assert len(bodies(served.cloud)) == 1
    assert served.attached() == [0]


def test_many_and_one_run_killed_in_the_middle(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """300 letters in both forms about 30 machines: each machine attached once, each letter gone once."""
    with served_account(tmp_path, change=hardly_tried) as account:
        _in_bulk(account, capsys)


def _in_bulk(served: Account, capsys: pytest.CaptureFixture[str]) -> None:
    machines = [f"i-5bulk{number:012d}" for number in range(30)]
    served.begin(*machines)
    for part, meaning in enumerate(MEANINGS):
        # The two meanings make the two forms of letters.
        served.cloud.configure(async_invocation_true=meaning)
        served.fail(*(ready(one, 5 * part + number) for one in machines for number in range(5)))
    letters = [read_dead_letter(body) for body in bodies(served.cloud)]
    assert sorted({letter.form for letter in letters}) == ["event", "record"]
    assert len({json.loads(letter.event)["id"] for letter in letters}) == len(letters) == 300

    served.mend()
    command = served.redrive("--go", "--rate", "50")
    with subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", "tools.redrive", *command],
        cwd=ROOT,
        env={**os.environ},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        deadline = time.monotonic() + 60
        while _deleted(served.cloud) < 100:
            assert time.monotonic() < deadline, "too few messages were settled"
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    left = len(bodies(served.cloud))
    assert 100 <= 300 - left < 300
    settled = 0
    for _ in range(2):
        served.cloud.advance(LONG_AGO)
        # What the dead run had asked for may be taken as late as now, and is out of sight then.
        code = main(command)
        settled += len(capsys.readouterr().out.splitlines())
        if code == 0:
            break
    assert settled == left
    assert bodies(served.cloud) == []
    assert served.attached() == [1] * 30


def _deleted(cloud: LocalCloud) -> int:
    return sum(call["action"] == "DeleteMessage" for call in cloud.calls)


@pytest.mark.parametrize("batch_letters", ["items", "batch"])
def test_a_poisoned_item_of_a_batch(
    batched: Account, batch_letters: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its neighbours are attached at once and not again; the batch is dead-lettered whole and redriven."""
    batched.begin(ENS_ID, batch_letters=batch_letters)
    queue = batched.cloud.deliveries._queues
    batched.cloud.seed({"ens": {"instances": [ens_instance(OTHER_ID)]}})
    batched.machines += (OTHER_ID,)
    for instance_id in (ENS_ID, OTHER_ID):
        assert not queue.put(EVENTS_QUEUE, base64.b64encode(ready(instance_id)))
    batched.cloud.advance(10)
    assert batched.attached() == [0, 1]
    batched.cloud.advance(LONG_AGO)
    assert bodies(batched.cloud, EVENTS_QUEUE) == []
    letters = bodies(batched.cloud)
    assert len(letters) == (2 if batch_letters == "items" else 1)
    assert all(one in " ".join(letters) for one in (ENS_ID, OTHER_ID))

    assert main(batched.redrive("--go", "--rate", "50")) == 1
    assert "Windows Server 2019" in capsys.readouterr().out
    batched.cloud.seed({"ens": {"instances": [ens_instance(ENS_ID)]}})
    batched.cloud.advance(LONG_AGO)
    assert main(batched.redrive("--go", "--rate", "50")) == 0
    assert bodies(batched.cloud, QUEUE) == []
    assert batched.attached() == [1, 1]
