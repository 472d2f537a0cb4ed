"""Checks who signed a request, as the vendor's gateway does, with code of its own. Knows no service.

Understood are ACS3-HMAC-SHA256, the older ROA HMAC-SHA1 (`acs KEY:signature`), the RPC query signature
HMAC-SHA1, and those of FC 2.0, of MNS, of OSS and of EventBridge's older API, which count for their own
service only. Nothing here may be shared with a client's signer: a mistake would then agree with itself.

Source: the vendor's pages on request signatures, V3 and of each service.
"""

from __future__ import annotations

import hmac
import math
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from localcloud.errors import Refusal
from localcloud.signatures import acs3, eventbridge, fc2, mns, oss, roa, rpc
from localcloud.signatures.claim import Claim

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from localcloud.message import Request

__all__ = ["Claim", "Key", "Keyring", "Verifier", "claim_of", "trigger_claim_of"]

MAXIMUM_AGE_SECONDS = 15 * 60


@dataclass(frozen=True, slots=True)
class Key:
    """A pair of keys the cloud accepts; with a token it is a temporary one, as STS gives them.

    Attributes:
        access_key_id: its public part.
        access_key_secret: its secret part.
        security_token: comes with every request of a temporary one; empty for others.
        expires_at: until when it is accepted, seconds since the epoch by the wall clock.
        arn: who uses it, such as `acs:ram::1:assumed-role/reader/session`; empty for the account itself.
    """

    access_key_id: str
    access_key_secret: str = field(repr=False)
    security_token: str = field(default="", repr=False)
    expires_at: float = math.inf
    arn: str = ""


class Keyring:
    """The keys the cloud accepts; `find` gives the one of an id."""

    def __init__(self, find: Callable[[str], Key | None]) -> None:
        self._find = find

    def owner(self, claim: Claim, now: float) -> Key:
        """The key a claim names; refuses unknown keys, wrong tokens and what has expired."""
        key = self._find(claim.access_key_id)
        if key is None:
            raise Refusal(404, "InvalidAccessKeyId.NotFound", "Specified access key is not found.")
        if claim.security_token and not key.security_token:
            raise Refusal(400, "InvalidSecurityToken.Malformed", "Specified SecurityToken is malformed.")
        if not hmac.compare_digest(claim.security_token.encode(), key.security_token.encode()):
            raise Refusal(
                400,
                "InvalidSecurityToken.MismatchWithAccessKey",
                "Specified SecurityToken mismatches with the AccessKeyId, or is missing.",
            )
        if now >= key.expires_at:
            raise Refusal(400, "InvalidSecurityToken.Expired", "Specified SecurityToken is expired.")
        return key


class Verifier:
    """Checks signatures and remembers nonces."""

    def __init__(self) -> None:
        self._nonces: OrderedDict[tuple[str, str], float] = OrderedDict()

    def verify(self, claim: Claim, keyring: Keyring, now: float) -> None:
        """Returns when the claim is true; raises Refusal with the vendor's code when it is not.

        Args:
            claim: what the request says about its signer.
            keyring: the keys that are accepted.
            now: the wall clock, seconds since the epoch.
        """
        key = keyring.owner(claim, now)
        _refuse_other_time(claim, now)
        if not claim.is_signed_with(key.access_key_secret):
            raise Refusal(
                400,
                "SignatureDoesNotMatch",
                "Specified signature is not matched with our calculation. "
                f"server string to sign is:{claim.shown_string_to_sign}",
                details={
                    "AccessKeyId": claim.access_key_id,
                    "SignatureProvided": claim.signature,
                    "StringToSign": claim.shown_string_to_sign,
                },
            )
        if claim.nonce:
            self._use_nonce(claim, now)

    def _use_nonce(self, claim: Claim, now: float) -> None:
        while self._nonces and next(iter(self._nonces.values())) < now - 2 * MAXIMUM_AGE_SECONDS:
            self._nonces.popitem(last=False)
        if (claim.access_key_id, claim.nonce) in self._nonces:
            raise Refusal(400, "SignatureNonceUsed", "Specified signature nonce was used already.")
        self._nonces[claim.access_key_id, claim.nonce] = now


def trigger_claim_of(request: Request, payload: acs3.TriggerPayload) -> Claim:
    """What a request to an HTTP trigger says about its signer; see `acs3.read_trigger`."""
    if not request.header("authorization"):
        raise _unsigned()
    return acs3.read_trigger(request, payload)


def claim_of(request: Request, service: str) -> Claim:
    """What a request to a service says about its signer, whichever signature it bears.

    The service decides, not the path: where an action is told by the query, the signature of FC 2.0, which
    leaves the query to anybody, would open it.
    """
    if service == "fc2":
        return fc2.read(request)
    if service == "mns":
        return mns.read(request)
    if service == "oss":
        return oss.read(request)
    if service == "eventbridge2015":
        return eventbridge.read(request)
    authorization = request.header("authorization")
    if authorization.startswith(acs3.ALGORITHM):
        return acs3.read(request)
    if authorization.startswith("acs "):
        return roa.read(request)
    if authorization:
        raise Refusal(
            400,
            "InvalidSignatureMethod",
            f"{authorization.split(' ')[0]} is not a supported signature method; use ACS3-HMAC-SHA256.",
        )
    parameters: Mapping[str, str] = dict(request.query_pairs() + request.form_pairs())
    if "Signature" in parameters:
        return rpc.read(request, parameters)
    raise _unsigned()


def _refuse_other_time(claim: Claim, now: float) -> None:
    if claim.expires_at is None:
        if abs(now - claim.signed_at) > MAXIMUM_AGE_SECONDS:
            raise Refusal(400, "InvalidTimeStamp.Expired", "Specified time stamp or date value is expired.")
    elif now >= claim.expires_at or claim.signed_at > now + MAXIMUM_AGE_SECONDS:
        raise Refusal(403, "AccessDenied", "Request has expired.")


def _unsigned() -> Refusal:
    return Refusal(400, "MissingAuthorization", "The request is not signed: Authorization is mandatory.")
