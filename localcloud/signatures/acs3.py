"""Reads the ACS3-HMAC-SHA256 signature of a request. Knows no keys and no service."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, TypeAlias
from urllib.parse import quote

from localcloud.errors import Refusal
from localcloud.signatures.claim import Claim, read_iso_time

if TYPE_CHECKING:
    from localcloud.message import Request

ALGORITHM = "ACS3-HMAC-SHA256"

TriggerPayload: TypeAlias = Literal["either", "hash", "empty"]
"""What may stand in the place of the body's hash, see `Behaviour.trigger_payload`."""

_AUTHORIZATION = re.compile(
    rf"{ALGORITHM} Credential=(?P<key>[^,]+),\s*"
    r"SignedHeaders=(?P<headers>[^,]+),\s*Signature=(?P<signature>[0-9a-f]+)"
)
# Clients sign names as they are. These would let one name be taken for several parameters.
_NAME = str.maketrans({character: quote(character) for character in "%&="})
_FRACTION = re.compile(r"\.\d{1,9}(?=Z$)")


def read(request: Request) -> Claim:
    """The claim in the `Authorization` header; refuses one that is incomplete."""
    match = _AUTHORIZATION.fullmatch(request.header("authorization"))
    if match is None:
        raise _incomplete()
    signed = match["headers"].split(";")
    _refuse_gaps(request, signed, bound=frozenset({"host", "content-type"}))
    absent = sorted({"host", "x-acs-content-sha256"} - set(request.headers))
    if absent:
        raise _missing(absent)
    digest = _hashed_body(request)
    signed_at = read_iso_time(request.header("x-acs-date"), "InvalidTimeStamp.Format")
    return _claim(request, match, signed_at, (canonical_request(request, signed, digest),))


def read_trigger(request: Request, payload: TriggerPayload) -> Claim:
    """The claim of a request to an HTTP trigger, as FC documents to sign those.

    Host and content type need not be signed, nor the body: FC's samples leave the last line of the canonical
    request empty. `payload` says what that line may be; see `Behaviour.trigger_payload`. A header
    `x-acs-content-sha256` must be signed and true whatever it says. `$` in the path is signed as `%24`.

    Source: https://help.aliyun.com/en/functioncompute/fc/user-guide/configure-signature-authentication-for-http-triggers
    """
    match = _AUTHORIZATION.fullmatch(request.header("authorization"))
    if match is None:
        raise _incomplete()
    signed = match["headers"].split(";")
    _refuse_gaps(request, signed)
    digest = _hashed_body(request)
    lines = {"either": (digest, ""), "hash": (digest,), "empty": ("",)}[payload]
    written = replace(request, path=request.path.replace("$", "%24"))
    # FC's samples in JavaScript and Java send fractions of a second.
    date = _FRACTION.sub("", request.header("x-acs-date"))
    signed_at = read_iso_time(date, "InvalidTimeStamp.Format")
    return _claim(
        request, match, signed_at, tuple(canonical_request(written, signed, line) for line in lines)
    )


def _hashed_body(request: Request) -> str:
    """The SHA-256 of the body, in hex; refuses another one in `x-acs-content-sha256`."""
    digest = hashlib.sha256(request.body).hexdigest()
    if request.headers.get("x-acs-content-sha256", digest) != digest:
        raise Refusal(
            400,
            "SignatureDoesNotMatch",
            "x-acs-content-sha256 is not the SHA-256 of the body that came with it.",
        )
    return digest


def _claim(
    request: Request, match: re.Match[str], signed_at: float, canonical_requests: tuple[str, ...]
) -> Claim:
    return Claim(
        access_key_id=match["key"],
        signature=match["signature"],
        security_token=request.header("x-acs-security-token"),
        signed_at=signed_at,
        nonce=request.header("x-acs-signature-nonce"),
        strings_to_sign=tuple(f"{ALGORITHM}\n{_hex(text.encode())}" for text in canonical_requests),
        sign=_sign,
    )


def canonical_request(request: Request, signed: list[str], digest: str) -> str:
    """The text whose hash is signed: method, path, sorted query, signed headers and the body's hash."""
    query = "&".join(
        f"{name.translate(_NAME)}={quote(value, safe='~')}" for name, value in sorted(request.query_pairs())
    )
    headers = "".join(f"{name}:{request.header(name).strip()}\n" for name in sorted(signed))
    return "\n".join((request.method, request.path or "/", query, headers, ";".join(signed), digest))


def _refuse_gaps(request: Request, signed: list[str], bound: frozenset[str] = frozenset()) -> None:
    """Every header that decides about the request must be signed, and every signed one must have come.

    Those are the date, the vendor's own headers that came, and those of `bound` that came.
    """
    needed = {name for name in request.headers if name in bound or name.startswith("x-acs-")}
    unsigned = sorted(needed - set(signed))
    if unsigned:
        raise Refusal(400, "IncompleteSignature", f"These headers must be signed: {', '.join(unsigned)}.")
    absent = sorted({"x-acs-date", *signed} - set(request.headers))
    if absent:
        raise _missing(absent)


def _missing(names: list[str]) -> Refusal:
    return Refusal(400, "IncompleteSignature", f"These headers are missing: {', '.join(names)}.")


def _incomplete() -> Refusal:
    return Refusal(
        400,
        "IncompleteSignature",
        f"Authorization must read {ALGORITHM} Credential=…,SignedHeaders=…,Signature=….",
    )


def _sign(string_to_sign: str, secret: str) -> str:
    return hmac.new(secret.encode(), string_to_sign.encode(), hashlib.sha256).hexdigest()


def _hex(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
