"""Function Compute's codes for refusals of its gateway. Knows no request.

Source: https://www.alibabacloud.com/help/en/functioncompute/error-codes. That table has no code for an old
date or a wrong token: AccessDenied is a guess.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

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
        "InvalidApi.NotFound": (400, "PathNotSupported"),
        "UnsupportedHTTPMethod": (400, "PathNotSupported"),
    }
)
