"""Alibaba Cloud's V3 signature, ACS3-HMAC-SHA256, as pure functions. Knows no network, no clock and no API.

Source: https://www.alibabacloud.com/help/en/sdk/product-overview/v3-request-structure-and-signature, and what
the vendor's Python client (alibabacloud-tea-openapi) computes; the results are identical, byte for byte.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Mapping

ALGORITHM = "ACS3-HMAC-SHA256"

EMPTY_BODY_SHA256 = hashlib.sha256(b"").hexdigest()
"""The body hash of a request without a body."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature and the two texts it was made from, which a server shows when it disagrees.

    Attributes:
        canonical_request: the request as it is hashed. It holds the security token when that header is
            signed; kept out of the repr.
        string_to_sign: the algorithm and the hash of the canonical request.
        authorization: the value of the `Authorization` header; kept out of the repr.
    """

    canonical_request: str = field(repr=False)
    string_to_sign: str
    authorization: str = field(repr=False)


def sha256_hex(content: bytes) -> str:
    """The hash of a body, as `x-acs-content-sha256` carries it: 64 lower-case hex digits."""
    return hashlib.sha256(content).hexdigest()


def is_signed_header(name: str) -> bool:
    """Whether a header is one the vendor asks to sign: `host`, `content-type` and every `x-acs-*`.

    Anything more (`user-agent`, `accept`) only breaks when a proxy rewrites it.
    """
    lowered = name.lower()
    return lowered in {"host", "content-type"} or lowered.startswith("x-acs-")


def canonical_query(query: Mapping[str, str]) -> str:
    """The query in the form that is signed, `a=1&b=2`; empty when there is none.

    Names are sorted by code point. Values are percent-encoded as UTF-8, letters, digits and `-._~` excepted
    (a space is `%20`). An empty value is `name=`. A repeated name has no form: a mapping cannot hold one.

    Names are taken as they are, as the vendor's client takes them. The vendor's page asks to encode them too;
    the two agree for every name an API defines (letters, digits, `.`, `_`, `-`).
    """
    return "&".join(f"{name}={_quoted(query[name])}" for name in sorted(query))


def _quoted(value: str) -> str:
    # Most values are ids and numbers, which stay as they are; to see that is cheaper than to quote them.
    stays = value.isascii() and value.replace("-", "0").isalnum()
    return value if stays else quote(value, safe="~")


def canonical_headers(headers: Mapping[str, str]) -> tuple[str, str]:
    """The headers in the form that is signed, a line each, and the list of their names joined by `;`.

    Names are lower-cased and sorted, values trimmed. Two names that differ only by case count as one header
    whose values are sorted and joined by a comma.
    """
    values: dict[str, str] = {}
    # By name and value: so the values of one name are in order when they meet.
    for name, value in sorted([(name.lower(), value.strip()) for name, value in headers.items()]):
        values[name] = f"{values[name]},{value}" if name in values else value
    return "".join([f"{name}:{value}\n" for name, value in values.items()]), ";".join(values)


def string_to_sign(canonical: str) -> str:
    """The text whose HMAC is the signature."""
    return f"{ALGORITHM}\n{sha256_hex(canonical.encode())}"


def sign(
    *,
    method: str,
    path: str,
    query: Mapping[str, str],
    headers: Mapping[str, str],
    body_sha256: str,
    access_key_id: str,
    access_key_secret: str,
) -> Signed:
    """Signs a request.

    The same arguments always give the same signature: date, nonce and security token are headers that the
    caller has set (`x-acs-date`, `x-acs-signature-nonce`, `x-acs-security-token`).

    Args:
        method: upper case, such as `POST`.
        path: as it is on the wire, already percent-encoded; `/` when empty.
        query: decoded names and values.
        headers: exactly the headers to sign.
        body_sha256: see `sha256_hex`.
        access_key_id: is told in the header.
        access_key_secret: signs.
    """
    lines, names = canonical_headers(headers)
    canonical = "\n".join((method, path or "/", canonical_query(query), lines, names, body_sha256))
    text = string_to_sign(canonical)
    signature = hmac.digest(access_key_secret.encode(), text.encode(), "sha256").hex()
    authorization = f"{ALGORITHM} Credential={access_key_id},SignedHeaders={names},Signature={signature}"
    return Signed(canonical, text, authorization)
