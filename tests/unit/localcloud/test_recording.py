"""Calls as JSON lines: what is written down, what is masked, and what answers from it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from localcloud import Fault, LocalCloud
from localcloud.cli import main
from localcloud.errors import LocalCloudError
from localcloud.recording.masking import masked_headers, masked_query, masked_text
from localcloud.recording.recording import Recording, read_recording
from localcloud.recording.replaying import replay
from localcloud.server import running_server
from localcloud.transport import CloudTransport
from tests.support.cloud_client import CloudClient, Signer, edge_seed, search_seed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BASE = "http://127.0.0.1/_localcloud"
STARS = "%2A%2A%2A"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where calls are written."""
    return tmp_path / "calls.jsonl"


def _attach_and_wait(client: CloudClient, post: Callable[..., Any]) -> list[dict[str, Any]]:
    """An attach that is looked at before and after it is done."""
    task_id = client.attach("i-1").json()["task_id"]
    states = [client.task(task_id)]
    post(f"{BASE}/clock", json={"advance": 100})
    return [*states, client.task(task_id), *client.nodes()]


def _record(file: Path) -> list[dict[str, Any]]:
    """A recording of a seed over HTTP, an attach, and a fault."""
    with LocalCloud(record=file) as cloud:
        http = httpx2.Client(transport=cloud.transport)
        http.post(f"{BASE}/seed", json={**edge_seed(), **search_seed({}, {})})
        seen = _attach_and_wait(CloudClient(cloud), http.post)
        CloudClient(cloud).connect("es-1", "es-2", clientToken="one")
        return seen


class _Played(CloudClient):
    """A client of a recording."""

    def __init__(self, recording: Recording, signer: httpx2.Auth | None = None) -> None:
        self.http = httpx2.Client(transport=CloudTransport(recording), auth=signer or Signer())


def test_each_call_is_a_line(file: Path) -> None:
    """A line has the time, the request and the answer; the cloud's own API is written down, too."""
    _record(file)
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    told = [
        (line["request"]["method"], line["request"]["path"], line["response"]["status"]) for line in lines
    ]
    assert told[:2] == [("POST", "/_localcloud/seed", 200), ("POST", "/clusters/c1/attach", 202)]
    assert len(lines) == 7
    assert json.loads(lines[1]["request"]["body"])["instances"] == ["i-1"]
    assert json.loads(lines[1]["response"]["body"])["list"][0]["code"] == "200"
    assert lines[4]["at"] == lines[1]["at"] + 100


def test_no_secret_is_written_down(file: Path) -> None:
    """Signatures, tokens, passwords and secrets are masked wherever they stand; client tokens are not."""
    with LocalCloud(record=file) as cloud:
        key = {"access_key_id": "k", "access_key_secret": "verysecret", "security_token": "verytoken"}
        httpx2.Client(transport=cloud.transport).post(f"{BASE}/seed", json={"sts_credentials": [key]})
        client = CloudClient(cloud, Signer("k", "verysecret", "verytoken"))
        body = {
            "esVersion": "7.10.0_with_X-Pack",
            "networkConfig": {"vpcId": "vpc-1"},
            "esAdminPassword": "verypassword",
        }
        created = client.es("createInstance", method="POST", json=body, params={"clientToken": "told"})
        assert created.status_code == 200
    text = file.read_text(encoding="utf-8")
    assert "very" not in text
    assert "Signature=" not in text
    assert "told" in text
    assert text.count("***") >= 5


@pytest.mark.parametrize(
    ("mask", "plain", "masked"),
    [
        (masked_query, "A=B&Signature=b%3D&SecurityToken=t", f"A=B&Signature={STARS}&SecurityToken={STARS}"),
        (masked_query, "clientToken=t&SignatureNonce=n&a", "clientToken=t&SignatureNonce=n&a"),
        (masked_text, '{"a": [{"password": "x", "n": 1}]}', '{"a":[{"password":"***","n":1}]}'),
        (masked_text, '{"credentials": {"id": "x"}}', '{"credentials":{"id":"***"}}'),
        (masked_text, '{"clientToken": "x", "NextToken": "y"}', '{"clientToken": "x", "NextToken": "y"}'),
        (masked_text, '{"variables": {"API_TOKEN": "x"}}', '{"variables":{"API_TOKEN":"***"}}'),
        (masked_text, "<A><Secret>x</Secret><B>y</B></A>", "<A><Secret>***</Secret><B>y</B></A>"),
        (masked_text, "neither", "neither"),
    ],
)  # fmt: skip
def test_what_is_masked_is_told_by_its_name(mask: Callable[[str], str], plain: str, masked: str) -> None:
    """Only values of secret names are masked; what holds none stays as it was to the byte."""
    assert mask(plain) == masked


def test_headers_are_masked() -> None:
    """Whatever service they are of."""
    headers = {"authorization": "a", "security-token": "b", "x-acs-security-token": "c", "x-acs-date": "d"}
    assert masked_headers(headers) == {**dict.fromkeys(headers, "***"), "x-acs-date": "d"}


def test_a_recording_answers_as_the_cloud_did(file: Path) -> None:
    """The same calls get the same answers, in order, whoever signs them and whatever the client token."""
    seen = _record(file)
    recording = Recording(read_recording(file))
    http = httpx2.Client(transport=CloudTransport(recording))
    http.post(f"{BASE}/seed", json={**edge_seed(), **search_seed({}, {})}).raise_for_status()
    client = _Played(recording, Signer("other", "other", "other"))
    assert _attach_and_wait(client, http.post) == seen
    assert client.connect("es-1", "es-2", clientToken="two").json()["Result"] is True


def test_every_character_can_be_recorded(file: Path) -> None:
    """What parts lines for some readers does not part a call, be it in a body or in an answer."""
    odd = "a\u2028b\u2029c\x85d\r\ne\x0bf\x1cg"
    with LocalCloud(record=file, signed=False) as cloud:
        given = json.dumps({"oss": odd}, ensure_ascii=False).encode()
        answer = httpx2.Client(transport=cloud.transport).post(f"{BASE}/seed", content=given)
    (call,) = read_recording(file)
    assert (call.asked().body, call.answered().body) == (given, answer.content)


@pytest.mark.parametrize(
    "body",
    [b'{"password": "x", "half": "\\ud800"}', b"[" * 900 + b'{"password": "x"}' + b"]" * 900],
    ids=["half a character", "deep"],
)
def test_every_body_can_be_recorded(file: Path, body: bytes) -> None:
    """No JSON in a body keeps a call from being answered and written down, without its secret."""
    with LocalCloud(record=file, signed=False) as cloud:
        answer = httpx2.Client(transport=cloud.transport).post(f"{BASE}/seed", content=body)
    (call,) = read_recording(file)
    assert call.response.status == answer.status_code == 400
    assert b"x" not in call.asked().body


def test_what_was_not_recorded_is_told(file: Path) -> None:
    """A call that is new, has another body, or comes once too often is a 404 that says which."""
    _record(file)
    client = _Played(Recording(read_recording(file)))
    other = client.attach("i-2")
    assert (other.status_code, other.json()["code"]) == (404, "LocalCloud.NotRecorded")
    assert "POST /clusters/c1/attach (AttachInstances) is not in the recording" in other.json()["message"]
    assert client.attach("i-1").status_code == 202
    assert "has 1 of these calls" in client.attach("i-1").json()["message"]
    assert client.ens("DescribeInstances").status_code == 404


def test_trouble_is_recorded_too(file: Path) -> None:
    """A cut connection, a late answer and one that ends early come from the recording as they came."""
    with LocalCloud(record=file) as cloud:
        client = CloudClient(cloud)
        for trouble in ({"drop": True}, {"delay": 3.0}, {"malformed": "truncated"}):
            fault = {"service": "cs", "action": "DescribeUserQuota", **trouble}
            cloud.add_fault(Fault.model_validate(fault))
        for kind in (httpx2.ReadError, None, httpx2.RemoteProtocolError):
            if kind is None:
                client.cs("DescribeUserQuota", "/quota")
            else:
                with pytest.raises(kind):
                    client.cs("DescribeUserQuota", "/quota")
    recording = Recording(read_recording(file), now=0.0)
    played = _Played(recording)
    with pytest.raises(httpx2.ReadError):
        played.cs("DescribeUserQuota", "/quota")
    assert played.cs("DescribeUserQuota", "/quota").status_code == 200
    assert recording.clock.now() == 3
    with pytest.raises(httpx2.RemoteProtocolError):
        played.cs("DescribeUserQuota", "/quota")


def test_a_recording_is_served(file: Path) -> None:
    """On a port as in process."""
    _record(file)
    with running_server(Recording(read_recording(file))) as url:
        answer = httpx2.post(f"{url}/_localcloud/clock", json={"advance": 100})
    assert answer.status_code == 200


@pytest.mark.parametrize("line", ["{", "[]", '{"at": 1, "request": {"method": "GET"}}'])
def test_a_line_that_is_no_call_is_named(file: Path, line: str) -> None:
    """File and line are told."""
    _record(file)
    with file.open("a", encoding="utf-8") as stream:
        stream.write(line)
    with pytest.raises(LocalCloudError, match=r"calls\.jsonl:8: "):
        read_recording(file)


def _replayed(file: Path, cloud: LocalCloud | None = None) -> str:
    calls = read_recording(file)
    return str(replay(calls, cloud or LocalCloud(now=calls[0].at, signed=False)))


def test_a_new_cloud_answers_as_the_recorded_one(file: Path) -> None:
    """Ids and times may differ: what one call made is asked for by its new id later."""
    _record(file)
    assert _replayed(file) == "None"


def test_a_recording_of_a_followed_clock_is_replayed(file: Path) -> None:
    """What was asked of the clock is no difference: the new cloud's goes on as the recorded one did."""
    with LocalCloud(record=file) as cloud:
        http = httpx2.Client(transport=cloud.transport)
        http.post(f"{BASE}/clock", json={"follow": True})
        http.post(f"{BASE}/seed", json=edge_seed())
        http.get(f"{BASE}/clock")
        CloudClient(cloud).ens("DescribeInstances")
    assert _replayed(file) == "None"


def test_the_first_difference_is_told(file: Path) -> None:
    """Its number, what was asked, and both answers where they begin to differ."""
    _record(file)
    calls = read_recording(file)
    slower = LocalCloud(now=calls[0].at, signed=False)
    slower.configure(node_joining=1000)
    told = _replayed(file, slower)
    assert told.startswith("call 5, GET /tasks/T-")
    assert "success" in told
    assert "running" in told
    empty = LocalCloud(now=calls[0].at, signed=False)
    assert str(replay(calls[1:], empty)).startswith(
        "call 1, POST /clusters/c1/attach (AttachInstances): recorded 202"
    )


def test_time_passes_as_it_did(file: Path) -> None:
    """Where nobody moved the clock by a call, it is moved as far as the recorded one went."""
    with LocalCloud(record=file, now=0.0) as cloud:
        cloud.seed(edge_seed())
        client = CloudClient(cloud)
        task_id = client.attach("i-1").json()["task_id"]
        cloud.advance(100)
        assert client.task(task_id)["state"] == "success"
    again = LocalCloud(now=0.0, signed=False)
    again.seed(edge_seed())
    assert _replayed(file, again) == "None"


def test_the_command_replays(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It ends with 0 when all is answered as recorded, with 1 and what differs when not, 2 for a bad file."""
    _record(file)
    assert main(["replay", str(file)]) == 0
    assert capsys.readouterr().out == "7 calls, all answered as recorded\n"
    seed = tmp_path / "seed.json"
    seed.write_text('{"behaviour": {"attach_status": 200}}', encoding="utf-8")
    assert main(["replay", str(file), "--seed", str(seed)]) == 1
    assert capsys.readouterr().out.startswith(
        "call 2, POST /clusters/c1/attach (AttachInstances): recorded 202"
    )
    file.write_text("{", encoding="utf-8")
    assert main(["replay", str(file)]) == 2
    assert "calls.jsonl:1" in capsys.readouterr().err
    file.write_text("", encoding="utf-8")
    assert main(["replay", str(file)]) == 2
    assert "holds no calls" in capsys.readouterr().err


def test_a_served_recording_takes_nothing_beside_its_file(file: Path) -> None:
    """What would have no effect is refused."""
    with pytest.raises(SystemExit):
        main(["serve", "--replay", str(file), "--seed", "seed.json"])
