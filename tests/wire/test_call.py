"""`./dev call`: our own signature at the functions' HTTP triggers, on both kinds of runtime, every route."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from localcloud import LocalCloud
from localcloud.server import running_server
from tests.support.deployed import deployed
from tests.support.product import CLUSTER, ENS_ID, seed, state_of
from tools.call import main

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module", params=["s.yaml", "s.custom.yaml"])
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[LocalCloud, str]]:
    """The functions of a template, served; and the address of one trigger."""
    folder = tmp_path_factory.mktemp("call")
    with (
        LocalCloud() as cloud,
        running_server(cloud) as url,
        deployed(url, folder, template=request.param) as deployment,
    ):
        cloud.deploy(deployment, url)
        yield cloud, f"{url}/_localcloud/http/attach_instances"


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    """The local cloud's key in the environment."""
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "test")


@pytest.mark.usefixtures("key")
def test_every_route(served: tuple[LocalCloud, str], capsys: pytest.CaptureFixture[str]) -> None:
    """From a look at the function's health to an attached node, with nothing but signed requests."""
    cloud, address = served
    cloud.reset()
    seed(cloud)

    def told(*arguments: str, code: int = 0) -> Any:
        assert main([f"{address}{arguments[0]}", *arguments[1:]]) == code
        return json.loads(capsys.readouterr().out)

    health = told("/health")
    assert (health["status"], health["bindings"]) == ("ok", [{"name": "edge-one", "mode": "apply"}])
    assert told("/plan", "--data", "{}")["outcomes"][0]["reason"] == "dry run: it would be attached now"
    assert told("/attach", "--data", json.dumps({"instances": [ENS_ID]}))["counts"] == {"attaching": 1}
    cloud.advance(600)
    status = told(f"/instances/{ENS_ID}?regionId=cn-hangzhou")["outcomes"][0]
    assert (status["result"], status["target"]) == ("already", CLUSTER)
    assert told("/sweep", "--method", "POST")["counts"] == {"already": 1}
    wrong = told("/attach", "--data", '{"instances": [7]}', code=1)
    assert wrong["error"]["field"] == "instances[0]"
    assert wrong["requestId"]
    assert state_of(cloud, "ens", ENS_ID)["attachCount"] == 1


def test_a_wrong_key_is_refused_by_the_gateway(
    served: tuple[LocalCloud, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The function never sees a request whose signature is wrong; the gateway's code is shown."""
    _, address = served
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "another")
    assert main([f"{address}/health"]) == 1
    shown = capsys.readouterr()
    assert "HTTP 403" in shown.err
    assert json.loads(shown.out)["Code"] == "SignatureNotMatch"


@pytest.mark.parametrize(
    ("url", "data", "words"),
    [
        ("no address", None, "call: no address cannot be reached: "),
        ("http://127.0.0.1:9/", None, "call: http://127.0.0.1:9/ cannot be reached: "),
        ("http://127.0.0.1:9/", "@no-such-file", "no-such-file"),
    ],
)
@pytest.mark.usefixtures("key")
def test_what_cannot_be_sent_is_said(
    url: str, data: str | None, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong address, nobody listening, a file that is not there: one line, exit code 2."""
    assert main([url, *(("--data", data) if data else ())]) == 2
    assert words in capsys.readouterr().err


def test_without_a_key_both_places_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever has set no key learns where it is looked for."""
    assert main(["http://127.0.0.1:9/"]) == 2
    assert "ALIBABA_CLOUD_ACCESS_KEY_ID" in capsys.readouterr().err
