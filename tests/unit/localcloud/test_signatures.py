"""Who signed: the vendor's signatures are accepted, and all others refused with the vendor's codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

import pytest

from localcloud.errors import Refusal
from localcloud.message import Request
from localcloud.signatures import Key, Keyring, Verifier, claim_of
from localcloud.signatures.rpc import string_to_sign
from tests.support.cloud_client import CloudClient, Signer

if TYPE_CHECKING:
    import httpx2

    from localcloud import LocalCloud

_FILE = json.loads((Path(__file__).parents[2] / "vectors" / "signing.json").read_text(encoding="utf-8"))
VECTORS: list[dict[str, Any]] = [v for v in _FILE["vectors"] if not v["authorization"].startswith("FC ")]
META: dict[str, str] = _FILE["meta"]
SIGNED_AT = 1_698_315_752.0
NASTY = next(v for v in VECTORS if "nasty" in v["name"])


def _request(vector: dict[str, Any], **headers: str) -> Request:
    query = vector.get("query")
    url = (
        vector.get("wire_url")
        or vector.get("url")
        or vector["path"] + (f"?{urlencode(query)}" if query else "")
    )
    parts = urlsplit(url)
    sent = {name.lower(): value for name, value in vector["headers"].items()}
    sent.setdefault("authorization", vector["authorization"])
    return Request(
        vector["method"], parts.path, parts.query, {**sent, **headers}, (vector["body"] or "").encode()
    )


def _keyring(vector: dict[str, Any], **changes: str) -> Keyring:
    request = _request(vector)
    values = {
        "access_key_id": vector.get("access_key_id", META["access_key_id"]),
        "access_key_secret": vector.get("access_key_secret", META["access_key_secret"]),
        "security_token": request.header("x-acs-security-token"),
    }
    key = Key(**{**values, **changes})
    return Keyring({key.access_key_id: key}.get)


def _code(
    request: Request, keyring: Keyring, now: float = SIGNED_AT, verifier: Verifier | None = None
) -> str:
    with pytest.raises(Refusal) as refusal:
        (verifier or Verifier()).verify(claim_of(request, "cs"), keyring, now)
    return refusal.value.code


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_official_signatures_are_accepted(vector: dict[str, Any]) -> None:
    """Every request the official code signed is accepted, and its string to sign is the same."""
    Verifier().verify(claim_of(_request(vector), "cs"), _keyring(vector), SIGNED_AT)
    assert claim_of(_request(vector), "cs").string_to_sign == vector["string_to_sign"]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_wrong_secret_is_told_with_the_string_to_sign(vector: dict[str, Any]) -> None:
    """A wrong secret is SignatureDoesNotMatch; the message shows what the server signed, and no secret."""
    keyring = _keyring(vector, access_key_secret="not-the-secret")
    with pytest.raises(Refusal) as refusal:
        Verifier().verify(claim_of(_request(vector), "cs"), keyring, SIGNED_AT)
    assert refusal.value.code == "SignatureDoesNotMatch"
    token = _request(vector).header("x-acs-security-token")
    shown = vector["string_to_sign"].replace(token, "***") if token else vector["string_to_sign"]
    assert shown in refusal.value.message
    assert not token or token not in refusal.value.message
    assert "not-the-secret" not in refusal.value.message
    assert META["access_key_secret"] not in refusal.value.message


@pytest.mark.parametrize("vector", [VECTORS[0], NASTY], ids=lambda vector: vector["name"])
@pytest.mark.parametrize("seconds", [-901, 901])
def test_old_and_future_dates_are_expired(vector: dict[str, Any], seconds: int) -> None:
    """A date more than 15 minutes away from the server's is InvalidTimeStamp.Expired."""
    assert _code(_request(vector), _keyring(vector), SIGNED_AT + seconds) == "InvalidTimeStamp.Expired"
    Verifier().verify(claim_of(_request(vector), "cs"), _keyring(vector), SIGNED_AT + seconds // 901 * 899)


def test_unknown_keys_and_tokens_are_told_apart() -> None:
    """An unknown key, a wrong token, a missing token and a token without need each have their code."""
    plain = VECTORS[0]
    token = next(v for v in VECTORS if v["name"].endswith("v3_sts"))
    assert _code(_request(plain), _keyring(plain, access_key_id="other")) == "InvalidAccessKeyId.NotFound"
    mismatch = "InvalidSecurityToken.MismatchWithAccessKey"
    assert _code(_request(token), _keyring(token, security_token="other")) == mismatch
    assert _code(_request(plain), _keyring(plain, security_token="needed")) == mismatch
    assert _code(_request(token), _keyring(token, security_token="")) == "InvalidSecurityToken.Malformed"


@pytest.mark.parametrize("vector", [VECTORS[0], NASTY], ids=lambda vector: vector["name"])
def test_nonces_are_used_once(vector: dict[str, Any]) -> None:
    """The same nonce a second time is SignatureNonceUsed; a refused request does not use its nonce up."""
    verifier = Verifier()
    wrong = _keyring(vector, access_key_secret="wrong")
    assert _code(_request(vector), wrong, verifier=verifier) == "SignatureDoesNotMatch"
    verifier.verify(claim_of(_request(vector), "cs"), _keyring(vector), SIGNED_AT)
    assert _code(_request(vector), _keyring(vector), verifier=verifier) == "SignatureNonceUsed"


def test_requests_without_a_nonce_are_accepted_again() -> None:
    """The older clients send no nonce, and their requests are not mistaken for repeats."""
    vector = next(v for v in VECTORS if v["name"] == "sdkcore_roa_attach")
    verifier = Verifier()
    for _ in range(2):
        verifier.verify(claim_of(_request(vector), "cs"), _keyring(vector), SIGNED_AT)


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"x-acs-region-id": "cn-hangzhou"}, "IncompleteSignature"),
        ({"authorization": "ACS3-HMAC-SHA256 Credential=a"}, "IncompleteSignature"),
        ({"authorization": "acs nothing"}, "IncompleteSignature"),
        ({"authorization": "Bearer abc"}, "InvalidSignatureMethod"),
        ({"authorization": ""}, "MissingAuthorization"),
        ({"x-acs-date": "yesterday"}, "InvalidTimeStamp.Format"),
        ({"x-acs-content-sha256": "00"}, "SignatureDoesNotMatch"),
    ],
)
def test_incomplete_signatures_are_named(headers: dict[str, str], code: str) -> None:
    """Unsigned x-acs headers, broken Authorization headers, bad dates and body hashes have their codes."""
    vector = VECTORS[0]
    assert _code(_request(vector, **headers), _keyring(vector)) == code


@pytest.mark.parametrize("date", ["", "yesterday", "2023-10-26T10:22:32Z", "Thu, 26 Oct 2023 10:22:32 +0200"])
def test_an_old_signature_needs_an_http_date(date: str) -> None:
    """A Date that is missing, of another form or not GMT is IllegalTimestamp."""
    assert _code(_request(NASTY, date=date), _keyring(NASTY)) == "IllegalTimestamp"


def test_a_signed_header_that_did_not_come_is_named() -> None:
    """A header that is said to be signed and is missing is IncompleteSignature, with its name."""
    vector = VECTORS[0]
    whole = _request(vector)
    headers = {name: value for name, value in whole.headers.items() if name != "user-agent"}
    with pytest.raises(Refusal, match="user-agent"):
        claim_of(Request(whole.method, whole.path, whole.query, headers, whole.body), "cs")


def test_a_changed_query_or_body_is_noticed() -> None:
    """Nobody can change the query or the body of a signed request."""
    whole = _request(NASTY)
    changed = Request(whole.method, whole.path, "clientToken=other", whole.headers, whole.body)
    assert _code(changed, _keyring(NASTY)) == "SignatureDoesNotMatch"
    vector = VECTORS[0]
    whole = _request(vector)
    changed = Request(whole.method, whole.path, whole.query, whole.headers, b"{}")
    assert _code(changed, _keyring(vector)) == "SignatureDoesNotMatch"


def test_an_old_signature_covers_the_body_by_its_md5() -> None:
    """A body other than the one whose Content-MD5 was signed is refused; the header may be missing."""
    vector = next(v for v in VECTORS if "Content-MD5" in v["headers"])
    whole = _request(vector)
    changed = Request(whole.method, whole.path, whole.query, whole.headers, whole.body + b" ")
    assert _code(changed, _keyring(vector)) == "ContentMD5NotMatched"
    assert not _request(NASTY).header("content-md5")
    Verifier().verify(claim_of(_request(NASTY), "cs"), _keyring(NASTY), SIGNED_AT)


def test_rpc_queries_are_signed_as_documented() -> None:
    """The RPC string to sign is the method and the sorted, twice encoded parameters without the signature."""
    parameters = {"Action": "DescribeInstances", "InstanceIds": '["a b"]', "Signature": "x"}
    assert string_to_sign("GET", parameters) == (
        "GET&%2F&Action%3DDescribeInstances%26InstanceIds%3D%255B%2522a%2520b%2522%255D"
    )


@pytest.mark.parametrize("name", ["AccessKeyId", "SignatureNonce", "Timestamp"])
def test_rpc_queries_must_be_complete(name: str) -> None:
    """A missing parameter of the RPC signature is named in the code."""
    parameters = {
        "AccessKeyId": "test",
        "Signature": "x",
        "SignatureMethod": "HMAC-SHA1",
        "SignatureVersion": "1.0",
        "SignatureNonce": "n",
        "Timestamp": "2026-11-22T03:27:00Z",
    }
    del parameters[name]
    request = Request("GET", "/", urlencode(parameters))
    assert _code(request, Keyring((Key("test", "test"),))) == f"Missing{name}"


@pytest.mark.parametrize(
    ("service", "keys"),
    [("cs", {"code", "message", "requestId", "status"}), ("ens", {"Code", "Message", "RequestId", "HostId"})],
)
def test_refusals_have_the_shape_of_the_service(cloud: LocalCloud, service: str, keys: set[str]) -> None:
    """CS answers errors in lower camel case, ENS in upper camel case, both with the request id."""
    client = CloudClient(cloud, Signer(secret="wrong"))
    answer: httpx2.Response = (
        client.cs("DescribeUserQuota", "/quota") if service == "cs" else client.ens("RunInstances")
    )
    body = answer.json()
    assert set(body) == keys
    assert answer.headers["x-acs-request-id"] in body.values()
    assert "SignatureDoesNotMatch" in body.values()
    assert answer.headers["date"].endswith("GMT")


def test_temporary_keys_are_accepted_with_their_token(cloud: LocalCloud) -> None:
    """A key seeded with an STS token signs calls that bear this token, beside the permanent key."""
    cloud.seed(
        {"sts_credentials": [{"access_key_id": "STS.1", "access_key_secret": "s", "security_token": "t"}]}
    )
    assert CloudClient(cloud, Signer("STS.1", "s", "t")).cs("DescribeUserQuota", "/quota").status_code == 200
    assert CloudClient(cloud).cs("DescribeUserQuota", "/quota").status_code == 200
    refused = CloudClient(cloud, Signer("STS.1", "s")).cs("DescribeUserQuota", "/quota")
    assert refused.json()["code"] == "InvalidSecurityToken.MismatchWithAccessKey"
