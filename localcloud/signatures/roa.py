"""Reads the older ROA signature of a request, `Authorization: acs KEY:signature`. Knows no keys."""

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
    """The claim in the `Authorization` header; refuses one that is incomplete.

    Some clients send no nonce: then there is none to check.
    """
    key, signature = key_and_signature(request, "acs")
    method = request.header("x-acs-signature-method")
    if method not in {"", "HMAC-SHA1"}:
        raise Refusal(400, "InvalidSignatureMethod", f"x-acs-signature-method {method} is not HMAC-SHA1.")
    return claimed(request, key, signature, string_to_sign(request))


def claimed(request: Request, key: str, signature: str, text: str) -> Claim:
    """The claim of a key to have signed a text, as all older signatures in a header are made."""
    refuse_other_body(request)
    return Claim(
        access_key_id=key,
        signature=signature,
        security_token=request.header("x-acs-security-token"),
        signed_at=read_http_date(request.header("date"), "IllegalTimestamp"),
        nonce=request.header("x-acs-signature-nonce"),
        strings_to_sign=(text,),
        sign=_sign,
    )


def string_to_sign(request: Request) -> str:
    """The text that is signed: standard headers, x-acs headers, and the path with its query decoded."""
    standard = (request.header(name) for name in ("accept", "content-md5", "content-type", "date"))
    vendor = vendor_headers(request, "x-acs-")
    pairs = (f"{name}={value}" if value else name for name, value in sorted(request.query_pairs()))
    query = "&".join(pairs)
    resource = f"{request.path}?{query}" if query else request.path
    return "\n".join((request.method, *standard, *vendor, resource))


def refuse_other_body(request: Request) -> None:
    """The signature covers only the header, so the body is held against that. Clients may leave it out."""
    given = request.header("content-md5")
    digest = hashlib.md5(request.body, usedforsecurity=False).digest()
    if given and given != base64.b64encode(digest).decode():
        raise Refusal(
            400, "ContentMD5NotMatched", "Content-MD5 is not the MD5 of the body that came with it."
        )


def _sign(text: str, secret: str) -> str:
    return base64_hmac(secret, text, "sha1")
