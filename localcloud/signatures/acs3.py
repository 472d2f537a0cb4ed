"""Reads the ACS3-HMAC-SHA256 signature of a request. Knows no keys and no service."""

from __future__ import annotations

import functools
import hashlib
import hmac
import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from localcloud.errors import Refusal
from localcloud.signatures.claim import Claim, read_iso_time

if TYPE_CHECKING:
    from localcloud.message import Request

ALGORITHM = "ACS3-HMAC-SHA256"

_AUTHORIZATION = re.compile(
    rf"{ALGORITHM} Credential=(?P<key>[^,]+),\s*"
    r"SignedHeaders=(?P<headers>[^,]+),\s*Signature=(?P<signature>[0-9a-f]+)"
)


def read(request: Request) -> Claim:
    """The claim in the `Authorization` header; refuses one that is incomplete."""
    match = _AUTHORIZATION.fullmatch(request.header("authorization"))
    if match is None:
        raise Refusal(
            400,
            "IncompleteSignature",
            f"Authorization must read {ALGORITHM} Credential=…,SignedHeaders=…,Signature=….",
        )
    signed = match["headers"].split(";")
    _refuse_gaps(request, signed)
    digest = hashlib.sha256(request.body).hexdigest()
    if request.header("x-acs-content-sha256") != digest:
        raise Refusal(
            400,
            "SignatureDoesNotMatch",
            "x-acs-content-sha256 is not the SHA-256 of the body that came with it.",
        )
    string_to_sign = f"{ALGORITHM}\n{_hex(canonical_request(request, signed, digest).encode())}"
    return Claim(
        access_key_id=match["key"],
        signature=match["signature"],
        security_token=request.header("x-acs-security-token"),
        signed_at=read_iso_time(request.header("x-acs-date"), "InvalidTimeStamp.Format"),
        nonce=request.header("x-acs-signature-nonce"),
        string_to_sign=string_to_sign,
        expected=functools.partial(_sign, string_to_sign),
    )


def canonical_request(request: Request, signed: list[str], digest: str) -> str:
    """The text whose hash is signed: method, path, sorted query, signed headers and the body's hash."""
    query = "&".join(f"{name}={quote(value, safe='~')}" for name, value in sorted(request.query_pairs()))
    headers = "".join(f"{name}:{request.header(name).strip()}\n" for name in sorted(signed))
    return "\n".join((request.method, request.path or "/", query, headers, ";".join(signed), digest))


def _refuse_gaps(request: Request, signed: list[str]) -> None:
    """Every header that decides about the request must be signed, and every signed one must have come."""
    needed = {
        name for name in request.headers if name in {"host", "content-type"} or name.startswith("x-acs-")
    }
    unsigned = sorted(needed - set(signed))
    if unsigned:
        raise Refusal(400, "IncompleteSignature", f"These headers must be signed: {', '.join(unsigned)}.")
    absent = sorted({"host", "x-acs-date", "x-acs-content-sha256", *signed} - set(request.headers))
    if absent:
        raise Refusal(400, "IncompleteSignature", f"These headers are missing: {', '.join(absent)}.")


def _sign(string_to_sign: str, secret: str) -> str:
    return hmac.new(secret.encode(), string_to_sign.encode(), hashlib.sha256).hexdigest()


def _hex(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
