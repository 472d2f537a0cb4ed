"""Function Compute's codes: for refusals of its gateway, and its own refusals. Knows no request.

Source: https://www.alibabacloud.com/help/en/functioncompute/error-codes. That table has no code for an old
date or a wrong token: AccessDenied is a guess. Codes for what is not there are those that the vendor's
Terraform provider expects.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from localcloud.errors import Refusal

if TYPE_CHECKING:
    from localcloud.services.base import ErrorCodes

_DENIED = (403, "AccessDenied")
_INVALID = (400, "InvalidArgument")
_MISSING = (400, "MissingRequiredHeader")

FC_CODES: Final[ErrorCodes] = MappingProxyType(
    {
        "MissingAuthorization": _MISSING,
        "MissingDate": _MISSING,
        "IncompleteSignature": _INVALID,
        "InvalidSignatureMethod": _INVALID,
        "InvalidTimeStamp.Format": _INVALID,
        "IllegalTimestamp": _INVALID,
        "ContentMD5NotMatched": _INVALID,
        "InvalidTimeStamp.Expired": _DENIED,
        "InvalidSecurityToken.Expired": _DENIED,
        "InvalidSecurityToken.Malformed": _DENIED,
        "InvalidSecurityToken.MismatchWithAccessKey": _DENIED,
        "SignatureNonceUsed": _DENIED,
        "InvalidAccessKeyId.NotFound": (403, "InvalidAccessKeyID"),
        "SignatureDoesNotMatch": (403, "SignatureNotMatch"),
        "Throttling.User": (429, "ResourceExhausted"),
        "InvalidParameter.body": _INVALID,
        "InvalidParameter.limit": _INVALID,
        "InvalidParameter.startVersion": _INVALID,
        "InvalidApi.NotFound": (400, "PathNotSupported"),
        "UnsupportedHTTPMethod": (400, "PathNotSupported"),
    }
)


def wrong(message: str) -> Refusal:
    """An argument that FC does not take."""
    return Refusal(400, "InvalidArgument", message)


def exceeded(message: str) -> Refusal:
    """More of something than FC allows."""
    return Refusal(400, "LimitExceededError", message)


def missing(what: str, name: str, owner: str = "") -> Refusal:
    """Something that is not there, by FC's word for its kind, such as `Trigger`."""
    of = f" of {owner}" if owner else ""
    return Refusal(404, f"{what}NotFound", f"{_in_words(what)} '{name}'{of} does not exist.")


def there_already(what: str, name: str) -> Refusal:
    """Something that is to be made and is there."""
    return Refusal(409, f"{what}AlreadyExists", f"{_in_words(what)} '{name}' already exists.")


def _in_words(kind: str) -> str:
    """`LayerVersion` as `layer version`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", kind).lower()
