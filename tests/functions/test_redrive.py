"""Dead letters of the product, sent again after their cause was mended: one effect, whatever happens."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from localcloud import Fault, LocalCloud
from localcloud.server import running_server
from tests.support.dead_letters import record
from tests.support.deployed import deployed
from tests.support.product import (
    ENS_ID,
    ES_ID,
    HUB_ID,
    ROOT,
    custom_event,
    ens_instance,
    sample,
    seed,
    state_of,
)
from tests.support.queues import QUEUE, queued, seed_queue
from tools.redrive.__main__ import main

if TYPE_CHECKING:
    from collections.abc import Iterator

    from localcloud.functions.deployment import Deployment

OTHER_ID = "i-5ens00000000000002"
POISON = sample("rejected/id-with-slash.json")
FUNCTION = "enlist-dev-attach-instances"


@dataclass
class Account:
    """The functions, served, with machines that cannot be attached until their cause is mended."""

    cloud: LocalCloud
    url: str
    deployment: Deployment

    @property
    def trigger(self) -> str:
        """The address of the HTTP trigger."""
        return f"{self.url}/_localcloud/http/attach_instances/"

    def begin(self) -> None:
        """Two machines with an operating system that the binding does not allow."""
        self.cloud.reset()
        self._machines("Windows Server 2019")

    def mend(self) -> None:
        """They have another system now."""
        self._machines("CentOS 7.6 64bit")

    def fail(self, event: bytes) -> bytes:
        """FC's record of the event's failure, with the error that the function really raised."""
        invocation = self.deployment.invoke("attach_instances", event)
        assert invocation.error_type, "the event was settled"
        return record(event, json.loads(invocation.payload))

    def attached(self) -> list[int]:
        """How often each machine was attached."""
        return [state_of(self.cloud, "ens", one)["attachCount"] for one in (ENS_ID, OTHER_ID)]

    def _machines(self, system: str) -> None:
        seed(self.cloud, ens=[ens_instance(one, OSName=system) for one in (ENS_ID, OTHER_ID)])


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """The product behind its triggers."""
    folder = tmp_path_factory.mktemp("redrive")
    with LocalCloud() as cloud, running_server(cloud) as url, deployed(url, folder) as deployment:
        cloud.deploy(deployment, url)
        yield Account(cloud, url, deployment)


@pytest.fixture
def account(served: Account, monkeypatch: pytest.MonkeyPatch) -> Account:
    """The product with its machines as they were at first, and the local cloud's key."""
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "test")
    served.begin()
    return served


@pytest.mark.parametrize("way", ["trigger", "function"])
def test_a_file_of_dead_letters(
    account: Account, way: str, tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """Refused while the cause lasts, settled once it is mended, and a third time without an effect."""
    to = (
        ["--to", account.trigger] if way == "trigger" else ["--function", FUNCTION, "--endpoint", account.url]
    )
    letters = [custom_event(ENS_ID), account.fail(custom_event(OTHER_ID)), account.fail(POISON)]
    file = tmp_path / "letters"
    file.write_bytes(b"[" + b",".join(letters) + b"]")
    command = [str(file), *to, "--go", "--rate", "50"]

    assert main([str(file), *to]) == 0
    assert "NotSettledError" in capsys.readouterr().out
    assert main(command) == 1
    assert "Windows Server 2019" in capsys.readouterr().out
    assert account.attached() == [0, 0]
    account.mend()
    for _ in range(2):
        assert main(command) == 1
        shown = capsys.readouterr()
        assert [line.split()[2] for line in shown.out.splitlines()][:2] == ["settled", "settled"]
        assert "message 3: settled" not in shown.out
        account.cloud.advance(600)
    assert account.attached() == [1, 1]


def test_a_wrong_key_ends_at_the_first_message(
    account: Account, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A key that is not accepted would be refused for every message."""
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "another")
    file = tmp_path / "letters"
    file.write_bytes(custom_event(ENS_ID) + b"\n" + custom_event(OTHER_ID))
    assert main([str(file), "--to", account.trigger, "--go"]) == 1
    assert "1 messages: 1 refused" in capsys.readouterr().err


def test_a_queue_is_emptied_but_for_the_poison(account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is removed while the cause lasts; then every form is settled once, and the poison stays."""
    cut = account.fail(custom_event(OTHER_ID))[:-9]
    letters = [custom_event(ENS_ID), account.fail(custom_event(OTHER_ID)), account.fail(POISON), cut]
    repeats = [base64.b64encode(letters[1]), custom_event(ENS_ID)]
    seed_queue(account.cloud, *letters, *repeats)
    shown = ["--queue", QUEUE, "--endpoint", account.url, "--to", account.trigger]
    command = [*shown, "--go", "--rate", "50"]

    assert main(shown) == 1
    assert "m-2: record of" in capsys.readouterr().out
    assert [call["action"] for call in account.cloud.calls if call["service"] == "mns"] == [
        "GetQueueAttributes",
        "BatchPeekMessage",
    ]
    assert main(command) == 1
    assert len(queued(account.cloud)) == 6
    assert account.attached() == [0, 0]

    account.mend()
    assert main(command) == 1
    assert "about 6 messages are out of sight for now" in capsys.readouterr().err
    assert main(shown) == 0
    assert "the others are out of sight" in capsys.readouterr().err
    account.cloud.advance(600)
    capsys.readouterr()
    assert main(command) == 1
    assert "6 messages: 4 settled, 1 refused, 1 unreadable" in capsys.readouterr().err
    assert queued(account.cloud) == ["m-3", "m-4"]
    account.cloud.advance(600)
    assert main(command) == 1
    assert queued(account.cloud) == ["m-3", "m-4"]
    assert account.attached() == [1, 1]


def test_killed_between_answer_and_removal(account: Account) -> None:
    """The event was settled and the message stayed: the next run has no second effect and removes it."""
    account.mend()
    seed_queue(account.cloud, account.fail(POISON), custom_event(ENS_ID))
    never = {"status": 503, "code": "ServiceUnavailable", "delay": 60}
    account.cloud.add_fault(Fault.model_validate({"service": "mns", "action": "DeleteMessage", **never}))
    command = ["--queue", QUEUE, "--endpoint", account.url, "--to", account.trigger, "--go", "--rate", "50"]
    with subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", "tools.redrive", *command], cwd=ROOT, env={**os.environ}
    ) as process:
        deadline = time.monotonic() + 30
        while not any(call["action"] == "DeleteMessage" for call in account.cloud.calls):
            assert time.monotonic() < deadline, "no message was settled"
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    assert account.attached() == [1, 0]
    assert queued(account.cloud) == ["m-1", "m-2"]
    account.cloud.advance(600)
    assert main(command) == 1
    assert queued(account.cloud) == ["m-1"]
    assert account.attached() == [1, 0]


def test_an_interrupt_finishes_the_message_in_hand(account: Account) -> None:
    """Ctrl-C while it waits between two messages: the first is settled and removed, the second untouched."""
    account.mend()
    seed_queue(account.cloud, custom_event(ENS_ID), custom_event(OTHER_ID))
    command = ["--queue", QUEUE, "--endpoint", account.url, "--function", FUNCTION, "--go", "--rate", "0.01"]
    with subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", "tools.redrive", *command], cwd=ROOT, stderr=subprocess.PIPE, text=True
    ) as process:
        deadline = time.monotonic() + 30
        while not any(call["action"] == "InvokeFunction" for call in account.cloud.calls):
            assert time.monotonic() < deadline, "nothing was sent"
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "1 messages: 1 settled" in told
    assert queued(account.cloud) == ["m-2"]
    assert account.attached() == [1, 0]


def test_messages_are_held_as_long_as_a_function_may_take(account: Account) -> None:
    """The queue's own time may be shorter; a message that is received twice could be sent twice at once."""
    seed_queue(account.cloud, account.fail(POISON), VisibilityTimeout=5)
    command = ["--queue", QUEUE, "--endpoint", account.url, "--to", account.trigger, "--go"]
    assert main(command) == 1
    for seconds, count in ((120, 1), (61, 2)):
        account.cloud.advance(seconds)
        assert main(command) == 1
        state: Any = account.cloud.state()
        assert state["mns"]["queues"][0]["messages"][0]["DequeueCount"] == count


def test_an_event_of_the_other_function_is_not_lost(account: Account) -> None:
    """Both functions share the queue: what one ignores stays until the other had it."""
    event = custom_event(ES_ID, kind="search")
    seed_queue(account.cloud, event)
    command = ["--queue", QUEUE, "--endpoint", account.url, "--go", "--function", FUNCTION]
    assert main(command) == 1
    assert queued(account.cloud) == ["m-1"]
    account.cloud.advance(600)
    assert main([*command, "--function", "enlist-dev-add-connectable-cluster"]) == 0
    assert queued(account.cloud) == []
    assert state_of(account.cloud, "elasticsearch", ES_ID)["connectCount"] == {HUB_ID: 1}


def test_an_event_that_no_binding_asks_for_is_settled(account: Account) -> None:
    """It is this function's, and nothing is to be done: its message goes."""
    seed(account.cloud, ens=[ens_instance(ENS_ID, Tags={"Tags": []})])
    seed_queue(account.cloud, custom_event(ENS_ID))
    command = ["--queue", QUEUE, "--endpoint", account.url, "--go"]
    assert main([*command, "--to", account.trigger]) == 0
    assert queued(account.cloud) == []
