"""Reads the signature of FC 2.0's own API, `Authorization: FC KEY:signature`. Knows no keys and no service.

It covers method, path, date, content type, Content-MD5 and the `x-fc-` headers. It does not cover the host
nor, at the paths of the API, the query; and the body only when the client sends Content-MD5.

Source: https://help.aliyun.com/document_detail/52877.html, and the client aliyun-fc2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

from localcloud.errors import Refusal
from localcloud.signatures.claim import (
    Claim,
    base64_hmac,
    key_and_signature,
    read_http_date,
    vendor_headers,
)
from localcloud.signatures.roa import refuse_other_body

if TYPE_CHECKING:
    from localcloud.message import Request


def read(request: Request) -> Claim:
    """The claim in the `Authorization` header; refuses one that is incomplete."""
    if not request.header("authorization"):
        raise Refusal(400, "MissingAuthorization", "The request is not signed: Authorization is mandatory.")
    key, signature = key_and_signature(request, "FC")
    if not request.header("date"):
        raise Refusal(400, "MissingDate", "required HTTP header Date was not specified")
    refuse_other_body(request)
    return Claim(
        access_key_id=key,
        signature=signature,
        security_token=request.header("x-fc-security-token"),
        signed_at=read_http_date(request.header("date"), "IllegalTimestamp"),
        nonce="",
        strings_to_sign=(string_to_sign(request),),
        sign=_sign,
    )


def string_to_sign(request: Request) -> str:
    """The text that is signed: method, standard headers, the `x-fc-` headers sorted, and the decoded path."""
    standard = (request.header(name) for name in ("content-md5", "content-type", "date"))
    vendor = vendor_headers(request, "x-fc-")
    return "\n".join((request.method, *standard, *vendor, unquote(request.path)))


def _sign(text: str, secret: str) -> str:
    return base64_hmac(secret, text, "sha256")
