"""Signatures of OSS: what the vendor's client signs is accepted, and nothing else."""

from __future__ import annotations

import base64
import hashlib
import time
from dataclasses import replace
from typing import Any

import oss2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud import LocalCloud
from localcloud.errors import Refusal
from localcloud.message import Request
from localcloud.signatures import Key, Keyring, Verifier, claim_of
from tests.support.oss_requests import (
    VENDOR,
    VERSION_1,
    VERSION_4,
    Auth,
    ask,
    code_of,
    send,
    signed,
    with_bucket,
)

BOTH = pytest.mark.parametrize("auth", [VERSION_1, VERSION_4], ids=["version 1", "version 4"])
HOSTS = ["127.0.0.1:4580", VENDOR, "code-bucket.oss-accelerate.aliyuncs.com"]

NAMES = st.text(
    st.characters(exclude_categories=("Cs",), exclude_characters="\x00"), min_size=1, max_size=30
).filter(lambda name: name.strip("/.") == name)
VALUES = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)
METAS = st.dictionaries(st.from_regex(r"\Ax-oss-meta-[a-z0-9]{1,8}\Z"), VALUES, max_size=3)
PARTS = st.dictionaries(
    st.sampled_from(["response-content-type", "response-expires", "versionId", "acl", "uploadId"]),
    VALUES | st.just(""),
)


KEY = Key("test", "test")


def refusal(request: Request, now: float | None = None, key: Key = KEY) -> str:
    """The code of the refusal of a request; empty when it is accepted."""
    try:
        Verifier().verify(claim_of(request, "oss"), Keyring({"test": key}.get), now or time.time())
    except Refusal as refused:
        return refused.code
    return ""


@BOTH
@given(
    st.fixed_dictionaries(
        {
            "method": st.sampled_from(["GET", "PUT", "HEAD", "POST", "DELETE"]),
            "key": NAMES,
            "headers": METAS,
            "query": PARTS,
            "host": st.sampled_from(HOSTS),
        }
    )
)
def test_what_the_client_signs_is_accepted(auth: Auth, drawn: dict[str, Any]) -> None:
    """Any object, headers and parameters, with the bucket in host or path, by header and by address."""
    for seconds in (0, 60):
        request = signed(auth=auth, seconds=seconds, **drawn)
        assert refusal(request) == ""
        assert refusal(request, key=Key("test", "other")) == "SignatureDoesNotMatch"


def _changes(request: Request) -> dict[str, Request]:
    """The request with one thing changed, by what is changed."""
    headers = dict(request.headers)
    return {
        "method": replace(request, method="DELETE"),
        "object": replace(request, path=f"{request.path}x"),
        "bucket": replace(request, path=request.path.replace("/code-bucket/", "/other-bucket/")),
        "parameter": replace(request, query=request.query.replace("versionId=1", "versionId=2")),
        "another parameter": replace(request, query=f"{request.query}&acl"),
        "content type": replace(request, headers={**headers, "content-type": "text/html"}),
        "a vendor's header": replace(request, headers={**headers, "x-oss-meta-a": "2"}),
        "another header": replace(request, headers={**headers, "x-oss-forbid-overwrite": "true"}),
    }


@BOTH
@pytest.mark.parametrize("seconds", [0, 60], ids=["header", "address"])
@pytest.mark.parametrize("change", list(_changes(Request("GET", "/"))))
def test_what_is_signed_cannot_be_changed(auth: Auth, seconds: int, change: str) -> None:
    """Method, bucket, object, parameters, type and vendor's headers are covered by both versions."""
    headers = {"content-type": "text/plain", "x-oss-meta-a": "1"}
    request = signed("PUT", "a/b", auth=auth, headers=headers, query={"versionId": "1"}, seconds=seconds)
    assert refusal(request) == ""
    changed = _changes(request)[change]
    assert changed != request
    assert refusal(changed) == "SignatureDoesNotMatch"


@BOTH
@given(position=st.integers(0, 10_000), letter=st.sampled_from("0aZ/+="))
def test_a_signature_with_another_letter_is_refused(auth: Auth, position: int, letter: str) -> None:
    """Whichever it is."""
    request = signed("GET", "a", auth=auth)
    signature = claim_of(request, "oss").signature
    index = position % len(signature.rstrip("="))
    other = signature[:index] + letter + signature[index + 1 :]
    authorization = request.header("authorization").replace(signature, other)
    changed = replace(request, headers={**request.headers, "authorization": authorization})
    if changed != request:
        assert refusal(changed) in {"SignatureDoesNotMatch", "IncompleteSignature"}


def test_only_the_fourth_version_covers_every_parameter() -> None:
    """The first leaves those to anybody that name no part of a resource, such as a prefix."""
    for auth, code in ((VERSION_1, ""), (VERSION_4, "SignatureDoesNotMatch")):
        request = signed("GET", auth=auth, query={"prefix": "a"})
        assert refusal(replace(request, query="prefix=b")) == code


@BOTH
def test_a_request_is_good_for_a_quarter_of_an_hour_and_an_address_as_long_as_it_says(auth: Auth) -> None:
    """Neither is good before its time, but for an address of version 1, which does not tell it."""
    now = time.time()
    request, address = signed("GET", "a", auth=auth), signed("GET", "a", auth=auth, seconds=3600)
    assert [refusal(request, now + passed) for passed in (-890, 890)] == ["", ""]
    assert {refusal(request, now + passed) for passed in (-905, 905)} == {"InvalidTimeStamp.Expired"}
    assert [refusal(address, now + passed) for passed in (0, 3590)] == ["", ""]
    assert refusal(address, now + 3605) == "AccessDenied"
    assert refusal(address, now - 905) == ("" if auth is VERSION_1 else "AccessDenied")


@BOTH
def test_a_body_is_covered_by_its_hash(auth: Auth) -> None:
    """Content-MD5 is signed, and has to be that of the body."""
    digest = base64.b64encode(hashlib.md5(b"one", usedforsecurity=False).digest()).decode()
    request = signed("PUT", "a", auth=auth, headers={"content-md5": digest}, body=b"one")
    assert refusal(request) == ""
    assert refusal(replace(request, body=b"two")) == "ContentMD5NotMatched"
    headers = {name: value for name, value in request.headers.items() if name != "content-md5"}
    assert refusal(replace(request, headers=headers)) == "SignatureDoesNotMatch"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"authorization": ""}, "AccessDenied"),
        ({"authorization": "OSS test"}, "InvalidArgument"),
        ({"authorization": "OSS2 AccessKeyId:test,Signature:x"}, "InvalidArgument"),
        ({"authorization": "OSS4-HMAC-SHA256 Credential=test/1,Signature=1"}, "InvalidArgument"),
        ({"authorization": "OSS nobody:x"}, "InvalidAccessKeyId"),
        ({"authorization": "OSS test:x"}, "SignatureDoesNotMatch"),
        ({"date": ""}, "AccessDenied"),
        ({"date": "yesterday"}, "AccessDenied"),
        ({"date": "Sun, 22 Nov 2020 03:27:00 GMT"}, "RequestTimeTooSkewed"),
        ({"x-oss-security-token": "token"}, "InvalidSecurityToken"),
    ],
)
def test_refusals_have_the_codes_of_oss(changes: dict[str, str], code: str) -> None:
    """Not those of the gateway before the other services."""
    cloud = with_bucket(LocalCloud())
    request = signed("GET", "a", host=VENDOR)
    answer = send(cloud, replace(request, headers={**request.headers, **changes}))
    assert (answer.status_code, code_of(answer)) == (400 if code == "InvalidArgument" else 403, code)
    assert cloud.calls[-1]["code"] == code


FOURTH = "x-oss-signature-version=OSS4-HMAC-SHA256"
OF_A_DAY = f"{FOURTH}&x-oss-signature=x&x-oss-credential=test/20261122/cn-hangzhou/oss/aliyun_v4_request"


@pytest.mark.parametrize(
    "query",
    [
        "OSSAccessKeyId=test",
        "OSSAccessKeyId=test&Expires=soon&Signature=x",
        FOURTH,
        f"{OF_A_DAY}&x-oss-date=20261122T000000Z&x-oss-expires=604801",
        f"{OF_A_DAY}&x-oss-date=20261123T000000Z&x-oss-expires=60",
    ],
)
def test_an_address_that_is_not_signed_to_the_end_is_refused(query: str) -> None:
    """At an address of this machine, too, where it is all that tells OSS."""
    answer = send(LocalCloud(), Request("GET", "/code-bucket/a", query, {"host": "127.0.0.1"}))
    assert (answer.status_code, code_of(answer)) == (400, "InvalidArgument")


def test_a_wrong_signature_is_told_with_what_should_have_been_signed() -> None:
    """As clients and people know it from OSS, and without the token."""
    cloud = with_bucket(LocalCloud())
    cloud.seed(
        {"sts_credentials": [{"access_key_id": "STS.1", "access_key_secret": "s", "security_token": "TOKEN"}]}
    )
    wrong = oss2.StsAuth("STS.1", "wrong", "TOKEN")
    answer = ask(cloud, "GET", "a", auth=wrong)
    assert code_of(answer) == "SignatureDoesNotMatch"
    assert "<OSSAccessKeyId>STS.1</OSSAccessKeyId>" in answer.text
    assert "x-oss-security-token:***\n/code-bucket/a</StringToSign>" in answer.text
    assert "TOKEN" not in answer.text


@BOTH
def test_temporary_keys_sign_with_their_token(auth: Auth) -> None:
    """In headers and in addresses; without the token, or after the end, they are refused."""
    version = auth.auth_version()
    late = 0.0
    cloud = with_bucket(LocalCloud(wall_clock=lambda: time.time() + late), a=b"content")
    ends = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 600))
    key = {"access_key_id": "STS.1", "access_key_secret": "s", "security_token": "T+/=", "expiration": ends}
    cloud.seed({"sts_credentials": [key]})
    own = oss2.StsAuth("STS.1", "s", "T+/=", version)
    assert [ask(cloud, "GET", "a", auth=own, seconds=n).status_code for n in (0, 60)] == [200, 200]
    assert (
        code_of(ask(cloud, "GET", "a", auth=oss2.make_auth("STS.1", "s", version))) == "InvalidSecurityToken"
    )
    late = 601.0
    assert code_of(ask(cloud, "GET", "a", auth=own)) == "SecurityTokenExpired"
