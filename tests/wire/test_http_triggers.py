"""HTTP triggers over HTTP, with requests that alibabacloud-openapi-util signed as FC's page shows."""

from __future__ import annotations

import hashlib
import json
import time
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from localcloud import LocalCloud
from localcloud.server import running_server
from tests.support.cloud_modes import Keys
from tests.support.deployed import deployed
from tests.support.echo_function import echo_deployment
from tests.support.fc_clients import SignedRequest
from tests.support.product import ENS_ID, ES_ID, HUB_ID, seed, state_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BODY = b'{"a": "b"}'
HASH = hashlib.sha256(BODY).hexdigest()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LocalCloud, str]]:
    """Functions that echo, served; tests leave keys and behaviour as they were."""
    folder = tmp_path_factory.mktemp("triggers")
    with LocalCloud() as cloud, running_server(cloud) as url, echo_deployment(folder, url) as deployment:
        cloud.deploy(deployment, url)
        yield cloud, url


@pytest.fixture
def address(served: tuple[LocalCloud, str]) -> str:
    """Where the signed function's trigger is."""
    return f"{served[1]}/_localcloud/http/signed/a%20b/$c?x=1&y=%C3%A4+z&empty="


def send(request: SignedRequest, **changes: Any) -> httpx2.Response:
    """Sends a signed request, with changes that were not signed."""
    with httpx2.Client(trust_env=False, timeout=20) as client:
        return client.request(**request.sent(**changes))


def refused(answer: httpx2.Response) -> str:
    """The code of a 403."""
    assert answer.status_code == 403
    body = answer.json()
    assert set(body) == {"Code", "Message", "RequestId"}
    assert answer.headers["x-fc-request-id"] == body["RequestId"]
    code: str = body["Code"]
    return code


@pytest.mark.parametrize("payload", ["", HASH], ids=["as the samples", "with the hash"])
def test_signed_requests_pass(address: str, payload: str) -> None:
    """A request signed as FC's samples sign, or with the body's hash, reaches the function whole."""
    answer = send(SignedRequest(address, body=BODY, payload=payload))
    assert answer.status_code == 200
    event = answer.json()
    assert (event["rawPath"], event["body"]) == ("/a%20b/$c", BODY.decode())
    assert event["queryParameters"] == {"x": "1", "y": "ä z", "empty": ""}


def test_signed_requests_pass_at_each_address(served: tuple[LocalCloud, str]) -> None:
    """A host of FC's and a localhost name work for clients that can set the Host header."""
    port = served[1].rpartition(":")[2]
    for host in ("app-signed-1234567890123456.cn-hangzhou.fcapp.run", f"signed.localhost:{port}"):
        request = SignedRequest(f"{served[1]}/path", headers={"host": host})
        answer = send(request)
        assert (answer.status_code, answer.json()["rawPath"]) == (200, "/path")


@pytest.mark.parametrize(
    "headers", [{"x-acs-content-sha256": HASH}, {"x-acs-content-sha256": HASH, "content-type": "text/plain"}]
)
@pytest.mark.parametrize("payload", ["", HASH])
def test_a_signed_hash_passes(address: str, headers: dict[str, str], payload: str) -> None:
    """A body hash in a signed header passes, whichever way the last line of the canonical request is."""
    assert send(SignedRequest(address, body=BODY, headers=headers, payload=payload)).status_code == 200


def one_bit(text: str, position: int = -1) -> str:
    """The text with the lowest bit of one character changed."""
    position %= len(text)
    return text[:position] + chr(ord(text[position]) ^ 1) + text[position + 1 :]


@pytest.mark.parametrize("payload", ["", HASH], ids=["as the samples", "with the hash"])
@pytest.mark.parametrize(
    "part", ["method", "path", "query", "query name", "date", "token", "signed header", "signature", "key"]
)
def test_one_bit_changed_is_refused(address: str, payload: str, part: str) -> None:
    """Method, path, query, each signed header, key and signature: one bit changed, and nobody is let in."""
    request = SignedRequest(address, body=BODY, payload=payload, headers={"x-own": "value"})
    headers = request.headers
    signature = headers["authorization"]
    changes: dict[str, Any] = {
        "method": {"method": "PNST"},
        "path": {"url": address.replace("/$c", "/$b")},
        "query": {"url": address.replace("x=1", "x=0")},
        "query name": {"url": address.replace("?x=", "?y=")},
        "date": {"headers": {**headers, "x-acs-date": one_bit(headers["x-acs-date"], -2)}},
        "token": {"headers": {**headers, "x-acs-security-token": "\x30"}},
        "signed header": {"headers": {**headers, "x-own": "valud"}},
        "signature": {"headers": {**headers, "authorization": one_bit(signature)}},
        "key": {"headers": {**headers, "authorization": signature.replace("=test,", "=tesu,")}},
    }
    code = refused(send(request, **changes[part]))
    assert code in {"SignatureNotMatch", "InvalidAccessKeyID", "AccessDenied", "InvalidArgument"}


@pytest.mark.parametrize(("payload", "headers"), [(HASH, {}), ("", {"x-acs-content-sha256": HASH})])
def test_a_covered_body_cannot_be_changed(address: str, payload: str, headers: dict[str, str]) -> None:
    """A body whose hash is signed, in either place, is refused with one bit changed."""
    request = SignedRequest(address, body=BODY, payload=payload, headers=headers)
    changed = one_bit(BODY.decode(), 3).encode()
    assert refused(send(request, content=changed)) == "SignatureNotMatch"


def test_a_body_signed_as_the_samples_do_is_not_covered(served: tuple[LocalCloud, str], address: str) -> None:
    """With an empty payload anybody can change the body; a cloud that wants hashes refuses it."""
    request = SignedRequest(address, body=BODY)
    assert send(request, content=b"other").status_code == 200
    served[0].configure(trigger_payload="hash")
    assert refused(send(SignedRequest(address, body=BODY))) == "SignatureNotMatch"
    assert send(SignedRequest(address, body=BODY, payload=HASH)).status_code == 200
    served[0].configure(trigger_payload="empty")
    assert refused(send(SignedRequest(address, body=BODY, payload=HASH))) == "SignatureNotMatch"
    assert send(SignedRequest(address, body=BODY)).status_code == 200
    served[0].configure(trigger_payload="either")


@pytest.mark.parametrize("minutes", [-16, 16])
def test_a_client_whose_clock_is_wrong(address: str, minutes: int) -> None:
    """A date more than 15 minutes away is refused, however well it is signed."""
    date = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 60 * minutes))
    assert refused(send(SignedRequest(address, date=date))) == "AccessDenied"


def test_temporary_keys(served: tuple[LocalCloud, str], address: str) -> None:
    """A temporary key passes with its token; a wrong token and a wrong secret do not."""
    key = {"access_key_id": "STS.1", "access_key_secret": "s", "security_token": "to+k/en=="}
    served[0].seed({"sts_credentials": [key]})
    assert send(SignedRequest(address, keys=Keys("STS.1", "s", "to+k/en=="))).status_code == 200
    assert refused(send(SignedRequest(address, keys=Keys("STS.1", "s", "other")))) == "AccessDenied"
    assert refused(send(SignedRequest(address, keys=Keys("STS.1", "s")))) == "AccessDenied"
    assert refused(send(SignedRequest(address, keys=Keys(secret="wrong")))) == "SignatureNotMatch"
    assert refused(send(SignedRequest(address, keys=Keys("nobody")))) == "InvalidAccessKeyID"


def test_an_open_trigger_over_http(served: tuple[LocalCloud, str]) -> None:
    """An anonymous trigger needs no signature, takes any bytes, and joins repeated headers."""
    url = f"{served[1]}/_localcloud/http/open/upload"
    headers = [("content-type", "image/png"), ("x-a", "1"), ("x-a", "2")]
    with httpx2.Client(trust_env=False, timeout=20) as client:
        event = client.post(url, content=b"\x00\xff", headers=headers).json()
        head = client.head(url)
    assert (event["body"], event["isBase64Encoded"], event["headers"]["X-A"]) == ("AP8=", True, "1,2")
    assert (head.status_code, head.content) == (200, b"")


def test_both_functions_of_the_repository(tmp_path: Path) -> None:
    """A signed request attaches an instance, another connects a pair, at the triggers of s.yaml."""
    with LocalCloud() as cloud, running_server(cloud) as url, deployed(url, tmp_path) as deployment:
        cloud.deploy(deployment, url)
        seed(cloud)
        asked = {"attach_instances": ENS_ID, "add_connectable_cluster": ES_ID}
        for function, instance_id in asked.items():
            body = json.dumps({"instances": [instance_id]}).encode()
            place = f"{url}/_localcloud/http/{function}/"
            headers = {"content-type": "application/json"}
            answer = send(SignedRequest(place, body=body, headers=headers))
            assert answer.status_code == 200, answer.text
        cloud.advance(300)
        assert [call["code"] for call in cloud.calls if call["action"] == "AttachInstances"] == [""]
        assert state_of(cloud, "elasticsearch", ES_ID)["connectedClusters"] == [HUB_ID]
        state: Any = cloud.state()
        assert [node["instance_id"] for node in state["cs"]["clusters"][0]["nodes"]] == [ENS_ID]
