"""MNS's codes for refusals of its gateway. Knows no request.

Sources: https://www.alibabacloud.com/help/en/mns/error-codes, where no code is for a wrong security token:
AccessDenied is a guess; and https://www.alibabacloud.com/help/en/mns/developer-reference/flow-limiting-policy.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from localcloud.services.base import ErrorCodes

_WRONG_URL = (400, "InvalidRequestURL")
_DENIED = (403, "AccessDenied")

MNS_CODES: Final[ErrorCodes] = MappingProxyType(
    {
        "MissingAuthorization": (400, "MissingAuthorizationHeader"),
        "MissingDate": (400, "MissingDateHeader"),
        "IncompleteSignature": (400, "InvalidAuthorizationHeader"),
        "IllegalTimestamp": (400, "InvalidDateHeader"),
        "InvalidTimeStamp.Expired": (408, "TimeExpired"),
        "ContentMD5NotMatched": (400, "InvalidDegist"),
        "InvalidAccessKeyId.NotFound": (403, "InvalidAccessKeyId"),
        "SignatureDoesNotMatch": (403, "SignatureDoesNotMatch"),
        "InvalidSecurityToken.Expired": _DENIED,
        "InvalidSecurityToken.Malformed": _DENIED,
        "InvalidSecurityToken.MismatchWithAccessKey": _DENIED,
        "InvalidApi.NotFound": _WRONG_URL,
        "InvalidAction.NotFound": _WRONG_URL,
        "UnsupportedHTTPMethod": _WRONG_URL,
        "Throttling.User": (429, "TooManyRequests"),
        "LocalCloud.UnknownParameter": (400, "InvalidQueryString"),
    }
)
