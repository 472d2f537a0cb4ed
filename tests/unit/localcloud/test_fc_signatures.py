"""Who signed a call of FC 2.0 or a request to an HTTP trigger: the vendor's signatures pass, others not."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from localcloud import LocalCloud
from localcloud.errors import Refusal
from localcloud.message import Request
from localcloud.signatures import Key, Keyring, Verifier, claim_of, trigger_claim_of
from localcloud.signatures.fc2 import string_to_sign

_FILE = json.loads((Path(__file__).parents[2] / "vectors" / "signing.json").read_text(encoding="utf-8"))
META: dict[str, str] = _FILE["meta"]
VECTORS: list[dict[str, Any]] = [v for v in _FILE["vectors"] if v["name"].startswith("fc2_invoke")]
SIGNED_AT = 1_698_315_752.0
PLAIN, TOKEN = VECTORS


def request_of(vector: dict[str, Any]) -> Request:
    """The vector's request; the signature does not cover its body, so it has one of our own."""
    headers = {**vector["headers"], "authorization": vector["authorization"]}
    return Request(vector["method"], vector["path"], "", headers, b"any body")


def verify(request: Request, secret: str = META["access_key_secret"], now: float = SIGNED_AT) -> None:
    """Checks a request against the vectors' key, with the token that came."""
    key = Key(META["access_key_id"], secret, request.header("x-fc-security-token"))
    Verifier().verify(claim_of(request, "fc2"), Keyring({key.access_key_id: key}.get), now)


def code_of(request: Request, **options: Any) -> str:
    """The code that a request is refused with."""
    with pytest.raises(Refusal) as refusal:
        verify(request, **options)
    return refusal.value.code


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_signatures_of_the_official_client_are_accepted(vector: dict[str, Any]) -> None:
    """What aliyun-fc2 signed is accepted, and its string to sign is the same."""
    verify(request_of(vector))
    assert string_to_sign(request_of(vector)) == vector["string_to_sign"]


@pytest.mark.parametrize(
    "change",
    [
        {"method": "PUT"},
        {"path": PLAIN["path"] + "/"},
        {"headers": {"date": "Thu, 26 Oct 2023 10:22:33 GMT"}},
        {"headers": {"content-type": "text/plain"}},
        {"headers": {"x-fc-invocation-type": "Async"}},
        {"headers": {"content-md5": base64.b64encode(hashlib.md5(b"any body").digest()).decode()}},  # noqa: S324
    ],
)
def test_what_the_signature_of_fc2_covers(change: dict[str, Any]) -> None:
    """Method, path, date, content type, Content-MD5 and `x-fc-` headers cannot be changed."""
    whole = request_of(PLAIN)
    changed = replace(whole, **{**change, "headers": {**whole.headers, **change.get("headers", {})}})
    assert code_of(changed) == "SignatureDoesNotMatch"


def test_a_body_is_held_against_its_md5() -> None:
    """A Content-MD5 that is not the body's is refused before the signature is looked at."""
    whole = request_of(PLAIN)
    changed = replace(whole, headers={**whole.headers, "content-md5": "AAAA"})
    assert code_of(changed) == "ContentMD5NotMatched"


@pytest.mark.parametrize("seconds", [-901, 901])
def test_dates_15_minutes_away_are_expired(seconds: int) -> None:
    """A date more than 15 minutes away from the server's is refused, one a moment nearer is not."""
    assert code_of(request_of(PLAIN), now=SIGNED_AT + seconds) == "InvalidTimeStamp.Expired"
    verify(request_of(PLAIN), now=SIGNED_AT + seconds // 901 * 899)


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"authorization": ""}, "MissingAuthorization"),
        ({"authorization": "FC only-a-key"}, "IncompleteSignature"),
        (
            {"authorization": "ACS3-HMAC-SHA256 Credential=a,SignedHeaders=b,Signature=0"},
            "IncompleteSignature",
        ),
        ({"date": ""}, "MissingDate"),
        ({"date": "yesterday"}, "IllegalTimestamp"),
    ],
)
def test_incomplete_signatures_of_fc2(headers: dict[str, str], code: str) -> None:
    """A missing or other signature and a missing or unreadable date are told apart."""
    whole = request_of(PLAIN)
    assert code_of(replace(whole, headers={**whole.headers, **headers})) == code


def test_the_signature_of_fc2_opens_nothing_else() -> None:
    """For other services than its own it is refused: it would leave the query to anybody."""
    whole = request_of(PLAIN)
    with pytest.raises(Refusal) as refusal:
        claim_of(whole, "cs")
    assert refusal.value.code == "InvalidSignatureMethod"


def test_a_signature_of_fc2_is_not_turned_into_another_call() -> None:
    """A query that makes a call of another service of a signed request is refused, and nothing is done."""
    whole = request_of(PLAIN)
    cloud = LocalCloud(wall_clock=lambda: SIGNED_AT)
    cloud.seed({"credentials": {name: META[name] for name in ("access_key_id", "access_key_secret")}})
    answer = cloud.handle(replace(whole, query="Version=2017-11-10&Action=RunInstances"))
    assert (answer.status, json.loads(answer.body)["Code"]) == (400, "InvalidSignatureMethod")
    assert cloud.state()["ens"] == LocalCloud().state()["ens"]


@pytest.mark.parametrize("query", ["a%3D1%26b=2", "a%3D1&b=2", "a=1%26b=2"])
def test_parameters_at_a_trigger_are_not_taken_for_others(query: str) -> None:
    """A query that reads the same when it is decoded, and means something else, is signed differently."""
    signed = trigger_claim_of(replace(trigger_request(), query="a=1&b=2"), "hash")
    other = trigger_claim_of(replace(trigger_request(), query=query), "hash")
    assert signed.string_to_sign != other.string_to_sign


def trigger_request(**headers: str) -> Request:
    """A request to a trigger with a signature that is complete, and true for nobody."""
    signed = "ACS3-HMAC-SHA256 Credential=a,SignedHeaders=x-acs-date,Signature=00"
    base = {"x-acs-date": "2026-11-22T03:27:00Z", "authorization": signed, "host": "x"}
    return Request("POST", "/a$b", "", {**base, **headers}, b"body")


@pytest.mark.parametrize(
    ("date", "seconds"),
    [
        ("2026-11-22T03:27:00Z", 0.0),
        ("2026-11-22T03:27:00.123Z", 0.0),
        ("2026-11-22T03:27:00.123456789Z", 0.0),
    ],
)
def test_dates_of_a_trigger_may_have_fractions(date: str, seconds: float) -> None:
    """FC's samples in other languages send fractions of a second: they are read, and dropped."""
    claim = trigger_claim_of(trigger_request(**{"x-acs-date": date}), "either")
    assert claim.signed_at == 1795318020.0 + seconds


def test_a_trigger_needs_every_vendor_header_signed() -> None:
    """An `x-acs-` header that is not signed is refused by name; other headers may be unsigned."""
    trigger_claim_of(trigger_request(**{"content-type": "text/plain"}), "either")
    with pytest.raises(Refusal, match="x-acs-security-token"):
        trigger_claim_of(trigger_request(**{"x-acs-security-token": "t"}), "either")


@pytest.mark.parametrize("payload", ["either", "hash", "empty"])
def test_a_body_hash_at_a_trigger_must_be_true(payload: Any) -> None:
    """An `x-acs-content-sha256` that is not the body's is refused whatever the variant."""
    signed = "ACS3-HMAC-SHA256 Credential=a,SignedHeaders=x-acs-content-sha256;x-acs-date,Signature=00"
    request = trigger_request(**{"authorization": signed, "x-acs-content-sha256": "00"})
    with pytest.raises(Refusal, match="x-acs-content-sha256"):
        trigger_claim_of(request, payload)
