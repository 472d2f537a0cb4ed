"""Dead letters of the product, sent again after their cause was mended: one effect, whatever happens."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from localcloud import LocalCloud
from localcloud.server import running_server
from tests.support.dead_letters import record
from tests.support.deployed import deployed
from tests.support.product import ENS_ID, custom_event, ens_instance, sample, seed, state_of
from tools.redrive.__main__ import main

if TYPE_CHECKING:
    from collections.abc import Iterator

    from localcloud.deployment import Deployment

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
