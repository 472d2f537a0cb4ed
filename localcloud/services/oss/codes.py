"""OSS's codes and messages for refusals of its gateway. Knows no request.

Source: https://www.alibabacloud.com/help/en/oss/user-guide/http-status-codes and the pages it lists. They
have no code for a token that is not the key's: InvalidSecurityToken is a guess.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from localcloud.services.base import ErrorCodes

_DENIED = (403, "AccessDenied")
_INVALID = (400, "InvalidArgument")

OSS_CODES: Final[ErrorCodes] = MappingProxyType(
    {
        "MissingAuthorization": _DENIED,
        "MissingDate": _DENIED,
        "IllegalTimestamp": _DENIED,
        "IncompleteSignature": _INVALID,
        "ContentMD5NotMatched": (400, "InvalidDigest"),
        "InvalidTimeStamp.Expired": (403, "RequestTimeTooSkewed"),
        "InvalidAccessKeyId.NotFound": (403, "InvalidAccessKeyId"),
        "InvalidSecurityToken.Expired": (403, "SecurityTokenExpired"),
        "InvalidSecurityToken.Malformed": (403, "InvalidSecurityToken"),
        "InvalidSecurityToken.MismatchWithAccessKey": (403, "InvalidSecurityToken"),
        "SignatureDoesNotMatch": (403, "SignatureDoesNotMatch"),
        "UnsupportedHTTPMethod": (405, "MethodNotAllowed"),
        "Throttling.User": (503, "TotalQpsLimitExceeded"),
    }
)

MESSAGES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "InvalidAccessKeyId": "The OSS Access Key Id you provided does not exist in our records.",
        "InvalidDigest": "The Content-MD5 you specified was invalid.",
        "RequestTimeTooSkewed": (
            "The difference between the request time and the current time is too large."
        ),
        "SecurityTokenExpired": "The security token you provided has expired.",
        "SignatureDoesNotMatch": (
            "The request signature we calculated does not match the signature you provided. "
            "Check your key and signing method."
        ),
        "TotalQpsLimitExceeded": "Max total qps limit is exceeded",
    }
)
"""What OSS says where its gateway has a code of its own."""
