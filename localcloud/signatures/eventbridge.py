"""Reads the signature of EventBridge's older API, `Authorization: acs:KEY:signature`. Knows no keys.

It is HMAC-SHA1 over the method, Content-MD5, content type, date, the `x-acs-` headers and the path with its
query as sent. It covers the body only when Content-MD5 is sent, which the official client does not do.

Source: the client alibabacloud_eventbridge and its alibabacloud_eventbridge_util.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.errors import Refusal
from localcloud.signatures.claim import vendor_headers
from localcloud.signatures.roa import claimed

if TYPE_CHECKING:
    from localcloud.message import Request
    from localcloud.signatures.claim import Claim


def read(request: Request) -> Claim:
    """The claim in the `Authorization` header; refuses one that is incomplete."""
    scheme, _, rest = request.header("authorization").partition(":")
    key, _, signature = rest.partition(":")
    if not (scheme == "acs" and key and signature):
        raise Refusal(400, "IncompleteSignature", "Authorization must read acs:ACCESS_KEY_ID:SIGNATURE.")
    return claimed(request, key, signature, string_to_sign(request))


def string_to_sign(request: Request) -> str:
    """The text that is signed: method, standard headers, the `x-acs-` headers sorted, path and query."""
    standard = (request.header(name) for name in ("content-md5", "content-type", "date"))
    vendor = vendor_headers(request, "x-acs-")
    resource = f"{request.path}?{request.query}" if request.query else request.path
    return "\n".join((request.method, *standard, *vendor, resource))
