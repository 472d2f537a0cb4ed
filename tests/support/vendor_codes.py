"""Every code that the services' pages and their users' clients name, what it means, and where it was seen."""

from __future__ import annotations

from dataclasses import dataclass

from fctoolkit.retry import FailureKind

ALL = ("cs", "ens", "elasticsearch")
ON_BOTH = ("ens", "cs")
"""Codes of ENS: CS asks ENS about the machines that it attaches, and may hand on what it hears."""


@dataclass(frozen=True, slots=True)
class Code:
    """One code.

    Attributes:
        name: as the service writes it.
        kind: what it means, by our judgement.
        services: those that may answer it.
        statuses: HTTP statuses that it was seen with, or is likely to have where none was told.
    """

    name: str
    kind: FailureKind
    services: tuple[str, ...]
    statuses: tuple[int, ...]


def _codes(
    kind: FailureKind, services: tuple[str, ...], statuses: tuple[int, ...], *names: str
) -> tuple[Code, ...]:
    return tuple(Code(name, kind, services, statuses) for name in names)


_GATEWAY = (
    *_codes(
        FailureKind.BAD_CREDENTIALS,
        ALL,
        (400, 403),
        "SignatureDoesNotMatch",
        "IncompleteSignature",
        "InvalidSignatureMethod",
    ),
    *_codes(
        FailureKind.BAD_CREDENTIALS,
        ALL,
        (400, 404),
        "InvalidAccessKeyId.NotFound",
        "InvalidAccessKeyId.Inactive",
        "InvalidSecurityToken.Expired",
    ),
    *_codes(
        FailureKind.EXPIRED_DATE,
        ALL,
        (400,),
        "InvalidTimeStamp.Expired",
        "InvalidTimeStamp.Format",
        "IllegalTimestamp",
    ),
    *_codes(FailureKind.NONCE_USED, ALL, (400,), "SignatureNonceUsed"),
    *_codes(
        FailureKind.THROTTLED,
        ALL,
        (400, 429, 503),
        "Throttling",
        "Throttling.User",
        "Throttling.Api",
        "Rejected.Throttling",
        "QPS Limit Exceeded",
    ),
    *_codes(FailureKind.TRANSIENT, ALL, (503,), "ServiceUnavailable", "ServiceUnavailableTemporary"),
    *_codes(FailureKind.TRANSIENT, ALL, (500,), "InternalError", "InternalServerError", "InternalFailure"),
    *_codes(
        FailureKind.ACCESS_DENIED,
        ALL,
        (403,),
        "Forbidden.RAM",
        "NoPermission",
        "StatusForbidden",
        "ErrorCheckAcl",
        "Forbidden",
        "Forbidden.RiskControl",
    ),
    *_codes(
        FailureKind.PERMANENT,
        ALL,
        (400, 404),
        "InvalidApi.NotFound",
        "UnsupportedHTTPMethod",
        "MissingParameter",
        "InvalidParameter",
    ),
)

_CS = (
    *_codes(FailureKind.PERMANENT, ("cs",), (400, 404), "ErrorClusterNotFound", "ErrorNodePoolNotFound"),
    *_codes(FailureKind.BUSY, ("cs",), (400,), "ErrorClusterState"),
    *_codes(FailureKind.TRANSIENT, ("cs",), (400, 500), "ErrorQueryCluster"),
    *_codes(
        FailureKind.PERMANENT,
        ("cs",),
        (400,),
        "ErrorClusterNameAlreadyExist",
        "InvalidParameter.Format",
        "DependencyResourceExist",
    ),
    *_codes(
        FailureKind.ACCESS_DENIED, ("cs",), (400, 403), "ErrManagedAddonRoleNotAttach", "InsufficientBalance"
    ),
    *_codes(FailureKind.NO_ROOM, ("cs",), (400, 403), "QuotaExceeded.Node", "QuotaExceeded.Cluster"),
)

_ELASTICSEARCH = (
    *_codes(FailureKind.PERMANENT, ("elasticsearch",), (400, 404), "InstanceNotFound"),
    *_codes(
        FailureKind.BUSY,
        ("elasticsearch",),
        (400,),
        "InstanceActivating",
        "InstanceStatusNotSupportCurrentAction",
        "TargetInstanceStatusNotSupportCurrentAction",
        "ConcurrencyUpdateInstanceConflict",
        "InstanceDuplicateScheduledTask",
    ),
    *_codes(
        FailureKind.UNDER_WAY,
        ("elasticsearch",),
        (400,),
        "TokenPreviousRequestProcessError",
        "RepetitionOperationError",
    ),
    *_codes(
        FailureKind.TRANSIENT, ("elasticsearch",), (400, 500), "GetCustomerLabelFail", "ApiConnectTimeout"
    ),
    *_codes(FailureKind.PERMANENT, ("elasticsearch",), (400,), "AlreadyReceivedInterruptSignal"),
)

_ENS = (
    *_codes(FailureKind.PERMANENT, ON_BOTH, (400,), "InstanceIdNotFound", "InvalidParameter.%s"),
    *_codes(FailureKind.TRANSIENT, ON_BOTH, (400,), "ens.interface.error"),
    *_codes(FailureKind.BUSY, ON_BOTH, (400,), "IncorrectInstanceStatus"),
    *_codes(FailureKind.ACCESS_DENIED, ("ens",), (400,), "NoPermission"),
)

_NUMBERS = (
    *_codes(FailureKind.PERMANENT, ALL, (400,), "400"),
    *_codes(FailureKind.ACCESS_DENIED, ALL, (403,), "403"),
    *_codes(FailureKind.THROTTLED, ALL, (429,), "429"),
    *_codes(FailureKind.TRANSIENT, ALL, (500,), "500"),
)
"""CS writes a bare status as its code."""

NAMED = (*_GATEWAY, *_CS, *_ELASTICSEARCH, *_ENS)
CODES = (*NAMED, *_NUMBERS)
