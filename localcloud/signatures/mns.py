"""Reads the signature of MNS, `Authorization: MNS KEY:signature`. Knows no keys and no service.

It covers method, path and query as sent, date, content type, Content-MD5 and the `x-mns-` headers. It does
not cover the host; and the body only when the client sends Content-MD5, which the vendor's Python client
fills with the base64 of the hex digits.

Source: https://alibabacloud.com/help/en/mns/sign-requests, and the client aliyun-mns-sdk.
"""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

from localcloud.errors import Refusal
from localcloud.signatures.claim import (
    Claim,
    base64_hmac,
    key_and_signature,
    read_http_date,
    vendor_headers,
)

if TYPE_CHECKING:
    from localcloud.message import Request


def read(request: Request) -> Claim:
    """The claim in the `Authorization` header; refuses one that is incomplete."""
    if not request.header("authorization"):
        raise Refusal(400, "MissingAuthorization", "Authorization header is required.")
    key, signature = key_and_signature(request, "MNS")
    date = request.header("x-mns-date") or request.header("date")
    if not date:
        raise Refusal(400, "MissingDate", "Date header is required.")
    _refuse_other_body(request)
    return Claim(
        access_key_id=key,
        signature=signature,
        security_token=request.header("security-token"),
        signed_at=read_http_date(date, "IllegalTimestamp"),
        nonce="",
        strings_to_sign=(string_to_sign(request),),
        sign=_sign,
    )


def string_to_sign(request: Request) -> str:
    """The text that is signed: method, standard headers, the `x-mns-` headers sorted, path and query."""
    date = request.header("x-mns-date") or request.header("date")
    standard = (request.header("content-md5"), request.header("content-type"), date)
    vendor = vendor_headers(request, "x-mns-")
    resource = f"{request.path}?{request.query}" if request.query else request.path
    return "\n".join((request.method, *standard, *vendor, resource))


def _refuse_other_body(request: Request) -> None:
    given = request.header("content-md5")
    digest = hashlib.md5(request.body, usedforsecurity=False)
    right = (base64.b64encode(one).decode() for one in (digest.digest(), digest.hexdigest().encode()))
    if given and given not in right:
        raise Refusal(400, "ContentMD5NotMatched", "The Content-MD5 you specified is invalid.")


def _sign(text: str, secret: str) -> str:
    return base64_hmac(secret, text, "sha1")
