"""The signature of MNS (Simple Message Queue), HMAC-SHA1, as pure functions. Knows no network and no clock.

Source: https://alibabacloud.com/help/en/mns/sign-requests, and what the vendor's Python client
(aliyun-mns-sdk) computes.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fctoolkit.credentials import Credentials

VERSION = "2015-06-06"
"""The API's version, which each request carries as `x-mns-version`."""


def string_to_sign(method: str, resource: str, headers: Mapping[str, str]) -> str:
    """The text whose HMAC is the signature.

    Args:
        method: upper case.
        resource: path and query as they are on the wire.
        headers: of the request; `date` must be there. Names may be in any case.
    """
    lowered = {name.lower(): value.strip() for name, value in headers.items()}
    standard = (lowered.get("content-md5", ""), lowered.get("content-type", ""), lowered["date"])
    vendor = (f"{name}:{lowered[name]}" for name in sorted(lowered) if name.startswith("x-mns-"))
    return "\n".join((method, *standard, *vendor, resource))


def authorization(
    *, method: str, resource: str, headers: Mapping[str, str], access_key_id: str, access_key_secret: str
) -> str:
    """The value of the `Authorization` header; the first three arguments are those of `string_to_sign`."""
    text = string_to_sign(method, resource, headers)
    digest = hmac.new(access_key_secret.encode(), text.encode(), hashlib.sha1).digest()
    return f"MNS {access_key_id}:{base64.b64encode(digest).decode()}"


def signed_headers(
    method: str, resource: str, headers: Mapping[str, str], *, date: str, credentials: Credentials
) -> dict[str, str]:
    """The headers that sign a request: `date`, with STS `security-token`, and `authorization`.

    Args:
        method: as for `string_to_sign`, like the next two.
        resource: path and query.
        headers: the others of the request.
        date: the moment as HTTP writes it; the service allows 15 minutes of difference.
        credentials: whose signature it is.
    """
    added = {"date": date}
    if credentials.security_token is not None:
        added["security-token"] = credentials.security_token
    added["authorization"] = authorization(
        method=method,
        resource=resource,
        headers={**headers, **added},
        access_key_id=credentials.access_key_id,
        access_key_secret=credentials.access_key_secret,
    )
    return added
