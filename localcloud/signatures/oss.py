"""Reads the signatures of OSS: version 1 and version 4, in a header or in an address. Knows no keys.

Version 1 covers method, date, content type, Content-MD5, the `x-oss-` headers, bucket, object and some of the
query. Version 4 covers the whole query, and the body when `x-oss-content-sha256` is its hash; clients send
UNSIGNED-PAYLOAD there. Neither covers the host.

Source: https://help.aliyun.com/zh/oss/developer-reference/include-signatures-in-the-authorization-header,
…/add-signatures-to-urls, …/recommend-to-use-signature-version-4, and the clients oss2 and ali-oss.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import re
from functools import partial
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from localcloud.errors import Refusal
from localcloud.object_address import address_of
from localcloud.signatures.claim import (
    Claim,
    base64_hmac,
    key_and_signature,
    read_http_date,
    read_iso_time,
)
from localcloud.signatures.roa import refuse_other_body

if TYPE_CHECKING:
    from collections.abc import Mapping

    from localcloud.message import Request

VERSION_4: Final = "OSS4-HMAC-SHA256"
UNSIGNED: Final = "UNSIGNED-PAYLOAD"
LONGEST_ADDRESS_SECONDS: Final = 7 * 86400

_SCOPE = re.compile(r"(?P<key>[^/]+)/(?P<scope>(?P<date>\d{8})/(?P<region>[^/]+)/oss/aliyun_v4_request)")
_ALWAYS_SIGNED = frozenset({"content-md5", "content-type"})

# Parameters that name a part of a resource, or change the answer's headers: version 1 covers these only.
_NAMES = """
accessPoint accessPointPolicy acl append asyncFetch bucketArchiveDirectRead bucketInfo callback callback-var
cname comp continuation-token cors delete encryption endTime group httpsConfig img inventory inventoryId
lifecycle link live location logging metaQuery objectInfo objectMeta partNumber policy position
publicAccessBlock qos qosInfo qosRequester redundancyTransition referer regionList replication
replicationLocation replicationProgress requestPayment requesterQosInfo resourceGroup resourcePool
resourcePoolBuckets resourcePoolInfo response-cache-control response-content-disposition
response-content-encoding response-content-language response-content-type response-expires restore
security-token sequential
startTime stat status style styleName symlink tagging transferAcceleration uploadId uploads versionId
versioning versions vod website worm wormExtend wormId x-oss-ac-forward-allow x-oss-ac-source-ip
x-oss-ac-subnet-mask x-oss-ac-vpc-id x-oss-access-point-name x-oss-async-process x-oss-process
x-oss-redundancy-transition-taskid x-oss-request-payer x-oss-target-redundancy-type x-oss-traffic-limit
x-oss-write-get-object-response
"""
_PARTS_OF_RESOURCES = frozenset(_NAMES.split())


def read(request: Request) -> Claim:
    """The claim of a request to OSS; refuses one that is incomplete or has none."""
    refuse_other_body(request)
    authorization = request.header("authorization")
    query = dict(request.query_pairs())
    if authorization.startswith(f"{VERSION_4} "):
        return _version_4(request)
    if authorization:
        return _version_1(request)
    if query.get("x-oss-signature-version") == VERSION_4:
        return _address_version_4(request, query)
    if "OSSAccessKeyId" in query:
        return _address_version_1(request, query)
    raise Refusal(
        403, "MissingAuthorization", "You have no right to access this object because of bucket acl."
    )


def _version_1(request: Request) -> Claim:
    key, signature = key_and_signature(request, "OSS")
    date = request.header("x-oss-date") or request.header("date")
    if not date:
        raise Refusal(403, "MissingDate", "OSS authentication requires a valid Date.")
    return Claim(
        access_key_id=key,
        signature=signature,
        # The newest client writes it without the prefix, and so leaves it out of what is signed.
        security_token=request.header("x-oss-security-token") or request.header("security-token"),
        signed_at=read_http_date(date, "IllegalTimestamp"),
        nonce="",
        strings_to_sign=(string_to_sign(request, date),),
        sign=_sign_version_1,
    )


def _address_version_1(request: Request, query: Mapping[str, str]) -> Claim:
    ends, signature = query.get("Expires", ""), query.get("Signature", "")
    if not (ends and signature):
        raise _incomplete("OSSAccessKeyId, Expires and Signature stand in an address together")
    if not re.fullmatch(r"\d{1,12}", ends):
        raise _incomplete(f"Expires must be seconds since 1970, not {ends!r}")
    return Claim(
        access_key_id=query["OSSAccessKeyId"],
        signature=signature,
        security_token=query.get("security-token", ""),
        signed_at=-math.inf,
        nonce="",
        strings_to_sign=(string_to_sign(request, ends),),
        sign=_sign_version_1,
        expires_at=float(ends),
    )


def string_to_sign(request: Request, date: str) -> str:
    """The text that version 1 signs: method, standard headers, date, `x-oss-` headers and the resource."""
    standard = (request.header(name) for name in ("content-md5", "content-type"))
    vendor = (f"{name}:{value}" for name, value in _headers(request, frozenset()))
    parts = sorted((name, value) for name, value in request.query_pairs() if name in _PARTS_OF_RESOURCES)
    query = "&".join(f"{name}={value}" if value else name for name, value in parts)
    resource = f"{_resource(request)}?{query}" if query else _resource(request)
    return "\n".join((request.method, *standard, date, *vendor, resource))


def _sign_version_1(text: str, secret: str) -> str:
    return base64_hmac(secret, text, "sha1")


def _version_4(request: Request) -> Claim:
    pairs = (
        part.strip().partition("=") for part in request.header("authorization")[len(VERSION_4) :].split(",")
    )
    given = {name: value for name, _, value in pairs}
    scope, signature = _SCOPE.fullmatch(given.get("Credential", "")), given.get("Signature", "")
    if scope is None or not signature:
        raise _incomplete(f"Authorization must read {VERSION_4} Credential=…,Signature=…")
    payload = request.header("x-oss-content-sha256")
    if payload not in {UNSIGNED, hashlib.sha256(request.body).hexdigest()}:
        raise _incomplete(f"x-oss-content-sha256 must be {UNSIGNED} or the SHA-256 of the body")
    date = request.header("x-oss-date")
    return Claim(
        access_key_id=scope["key"],
        signature=signature,
        security_token=request.header("x-oss-security-token"),
        signed_at=_signed_at(date, scope),
        nonce="",
        strings_to_sign=(
            _string_to_sign_4(request, date, scope["scope"], given.get("AdditionalHeaders", ""), payload),
        ),
        sign=partial(_sign_version_4, scope=scope["scope"]),
    )


def _address_version_4(request: Request, query: Mapping[str, str]) -> Claim:
    scope, signature = _SCOPE.fullmatch(query.get("x-oss-credential", "")), query.get("x-oss-signature", "")
    seconds = query.get("x-oss-expires", "")
    if scope is None or not signature:
        raise _incomplete("x-oss-credential and x-oss-signature stand in an address together")
    if not (re.fullmatch(r"\d{1,6}", seconds) and int(seconds) <= LONGEST_ADDRESS_SECONDS):
        raise _incomplete(f"x-oss-expires must be at most {LONGEST_ADDRESS_SECONDS} seconds, not {seconds!r}")
    date, additional = query.get("x-oss-date", ""), query.get("x-oss-additional-headers", "")
    signed_at = _signed_at(date, scope)
    return Claim(
        access_key_id=scope["key"],
        signature=signature,
        security_token=query.get("x-oss-security-token", ""),
        signed_at=signed_at,
        nonce="",
        strings_to_sign=(_string_to_sign_4(request, date, scope["scope"], additional, UNSIGNED),),
        sign=partial(_sign_version_4, scope=scope["scope"]),
        expires_at=signed_at + int(seconds),
    )


def _signed_at(date: str, scope: re.Match[str]) -> float:
    if date[:8] != scope["date"]:
        raise _incomplete("the date in Credential must be that of x-oss-date")
    return read_iso_time(date, "IllegalTimestamp", basic=True)


def _string_to_sign_4(request: Request, date: str, scope: str, additional: str, payload: str) -> str:
    names = frozenset(name for name in additional.lower().split(";") if name)
    absent = sorted(names - request.headers.keys())
    if absent:
        raise _incomplete(f"these headers are missing: {', '.join(absent)}")
    query = sorted(
        (quote(name, safe="~"), quote(value, safe="~"))
        for name, value in request.query_pairs()
        if name != "x-oss-signature"
    )
    canonical = (
        request.method,
        quote(_resource(request), safe="/~"),
        "&".join(f"{name}={value}" if value else name for name, value in query),
        "".join(f"{name}:{value}\n" for name, value in _headers(request, names | _ALWAYS_SIGNED)),
        ";".join(sorted(names)),
        payload,
    )
    digest = hashlib.sha256("\n".join(canonical).encode()).hexdigest()
    return f"{VERSION_4}\n{date}\n{scope}\n{digest}"


def _sign_version_4(text: str, secret: str, scope: str) -> str:
    key = f"aliyun_v4{secret}".encode()
    for step in (*scope.split("/"), text):
        key = hmac.new(key, step.encode(), hashlib.sha256).digest()
    return key.hex()


def _resource(request: Request) -> str:
    """Bucket and object as both versions sign them, wherever the bucket stood."""
    address = address_of(request)
    return f"/{address.bucket}/{address.key}" if address.bucket else "/"


def _headers(request: Request, others: frozenset[str]) -> list[tuple[str, str]]:
    """The `x-oss-` headers and those of `others` that came, sorted by name."""
    return sorted(
        (name, _as_signed(value.strip()))
        for name, value in request.headers.items()
        if name.startswith("x-oss-") or name in others
    )


def _as_signed(value: str) -> str:
    """A header's value as its sender wrote it: on the wire, UTF-8 looks like other letters."""
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value


def _incomplete(problem: str) -> Refusal:
    return Refusal(400, "IncompleteSignature", f"The signature is invalid: {problem}.")
