"""Reads the older RPC signature of a request, HMAC-SHA1 in the query parameter `Signature`. Knows no keys."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from localcloud.errors import Refusal
from localcloud.signatures.claim import Claim, base64_hmac, read_iso_time

if TYPE_CHECKING:
    from collections.abc import Mapping

    from localcloud.message import Request

_MANDATORY = ("AccessKeyId", "SignatureMethod", "SignatureVersion", "SignatureNonce", "Timestamp")


def read(request: Request, parameters: Mapping[str, str]) -> Claim:
    """The claim in the parameters; refuses one that is incomplete."""
    for name in _MANDATORY:
        if not parameters.get(name):
            raise Refusal(400, f"Missing{name}", f"{name} is mandatory for this action.")
    if parameters["SignatureMethod"] != "HMAC-SHA1":
        raise Refusal(
            400,
            "InvalidSignatureMethod",
            f"SignatureMethod {parameters['SignatureMethod']} is not HMAC-SHA1.",
        )
    text = string_to_sign(request.method, parameters)
    return Claim(
        access_key_id=parameters["AccessKeyId"],
        signature=parameters["Signature"],
        security_token=parameters.get("SecurityToken", ""),
        signed_at=read_iso_time(parameters["Timestamp"], "IllegalTimestamp"),
        nonce=parameters["SignatureNonce"],
        strings_to_sign=(text,),
        sign=_sign,
    )


def string_to_sign(method: str, parameters: Mapping[str, str]) -> str:
    """The text that is signed: the method and all parameters but the signature, sorted and encoded twice."""
    pairs = sorted((name, value) for name, value in parameters.items() if name != "Signature")
    query = "&".join(f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in pairs)
    return f"{method}&%2F&{quote(query, safe='~')}"


def _sign(text: str, secret: str) -> str:
    return base64_hmac(f"{secret}&", text, "sha1")
