"""Whether a failed call is worth repeating, and when: a table of the vendor's codes and pure functions.

Knows no HTTP, no clock and no randomness: times and random values are passed in.

Sources: the services' error pages and what widely used clients of the same APIs repeat. The HTTP status of
one code differs from service to service: the code decides, the status only stands in for an unknown code.
"""

from __future__ import annotations

from enum import Enum, auto
from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from fctoolkit.errors import (
    AccessDeniedError,
    PermanentError,
    SignatureError,
    ThrottledError,
    TransientError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fctoolkit.errors import ApiError


class FailureKind(Enum):
    """What a failure means for repeating the call."""

    THROTTLED = auto()
    """Refused for its rate, before it had an effect: any call may be repeated."""
    TRANSIENT = auto()
    """May go well in a moment, but may also have had its effect: only a repeatable call is repeated."""
    BUSY = auto()
    """The resource takes no change in its present state. That lasts minutes: left to the caller."""
    UNDER_WAY = auto()
    """The same was asked for before, and is being done or was done: look before asking again."""
    NO_ROOM = auto()
    """A quota is used up. A smaller request may fit, and room may come."""
    EXPIRED_DATE = auto()
    """The signature's date was not accepted: repeated once, with the service's time."""
    NONCE_USED = auto()
    """A request with this nonce was seen before: perhaps a first copy of this very request."""
    BAD_CREDENTIALS = auto()
    """The key, secret or token is not, or no longer, valid. Fresh ones come with the next invocation."""
    ACCESS_DENIED = auto()
    """The caller, or its account, may not do this: somebody must mend that, and it is not the request."""
    PERMANENT = auto()
    """Repeating it cannot help."""


KINDS: Mapping[str, FailureKind] = MappingProxyType(
    {
        "QPS Limit Exceeded": FailureKind.THROTTLED,
        "ServiceUnavailable": FailureKind.TRANSIENT,
        "ServiceUnavailableTemporary": FailureKind.TRANSIENT,
        "InternalError": FailureKind.TRANSIENT,
        "InternalServerError": FailureKind.TRANSIENT,
        "InternalFailure": FailureKind.TRANSIENT,
        "GetCustomerLabelFail": FailureKind.TRANSIENT,
        "ApiConnectTimeout": FailureKind.TRANSIENT,
        "ens.interface.error": FailureKind.TRANSIENT,
        # Some clients read it as "not found". A query that failed says nothing of what is there.
        "ErrorQueryCluster": FailureKind.TRANSIENT,
        "ErrorClusterState": FailureKind.BUSY,
        "InstanceActivating": FailureKind.BUSY,
        "InstanceStatusNotSupportCurrentAction": FailureKind.BUSY,
        "TargetInstanceStatusNotSupportCurrentAction": FailureKind.BUSY,
        "ConcurrencyUpdateInstanceConflict": FailureKind.BUSY,
        "InstanceDuplicateScheduledTask": FailureKind.BUSY,
        "IncorrectInstanceStatus": FailureKind.BUSY,
        "TokenPreviousRequestProcessError": FailureKind.UNDER_WAY,
        "RepetitionOperationError": FailureKind.UNDER_WAY,
        "InvalidTimeStamp.Expired": FailureKind.EXPIRED_DATE,
        "InvalidTimeStamp.Format": FailureKind.EXPIRED_DATE,
        "IllegalTimestamp": FailureKind.EXPIRED_DATE,
        "SignatureNonceUsed": FailureKind.NONCE_USED,
        "Forbidden": FailureKind.ACCESS_DENIED,
        "Forbidden.RAM": FailureKind.ACCESS_DENIED,
        "Forbidden.RiskControl": FailureKind.ACCESS_DENIED,
        "NoPermission": FailureKind.ACCESS_DENIED,
        "StatusForbidden": FailureKind.ACCESS_DENIED,
        "ErrorCheckAcl": FailureKind.ACCESS_DENIED,
        # A role that the service needs, and money: both are the account's.
        "ErrManagedAddonRoleNotAttach": FailureKind.ACCESS_DENIED,
        "InsufficientBalance": FailureKind.ACCESS_DENIED,
        "SignatureDoesNotMatch": FailureKind.BAD_CREDENTIALS,
        "IncompleteSignature": FailureKind.BAD_CREDENTIALS,
        "InvalidSignatureMethod": FailureKind.BAD_CREDENTIALS,
        "UnsupportedHTTPMethod": FailureKind.PERMANENT,
        "ErrorClusterNotFound": FailureKind.PERMANENT,
        "ErrorNodePoolNotFound": FailureKind.PERMANENT,
        "ErrorClusterNameAlreadyExist": FailureKind.PERMANENT,
        "DependencyResourceExist": FailureKind.PERMANENT,
        "AlreadyReceivedInterruptSignal": FailureKind.PERMANENT,
        "InstanceNotFound": FailureKind.PERMANENT,
        "InstanceIdNotFound": FailureKind.PERMANENT,
    }
)
"""What each code means that belongs to no family; see `kind_of` for the families."""

ERRORS: Mapping[FailureKind, type[ApiError]] = MappingProxyType(
    {
        FailureKind.THROTTLED: ThrottledError,
        FailureKind.TRANSIENT: TransientError,
        FailureKind.BUSY: TransientError,
        FailureKind.UNDER_WAY: TransientError,
        FailureKind.NO_ROOM: PermanentError,
        FailureKind.NONCE_USED: TransientError,
        FailureKind.EXPIRED_DATE: SignatureError,
        FailureKind.BAD_CREDENTIALS: SignatureError,
        FailureKind.ACCESS_DENIED: AccessDeniedError,
        FailureKind.PERMANENT: PermanentError,
    }
)
"""What each kind is raised as."""

LEAVE_DOUBT = frozenset({FailureKind.TRANSIENT, FailureKind.NONCE_USED, FailureKind.UNDER_WAY})
"""The kinds after which a call that arrived may have had its effect."""

_THROTTLING = "Throttling"
_BAD_CREDENTIALS_FAMILIES = ("InvalidAccessKeyId", "InvalidSecurityToken")
_NO_ROOM = "QuotaExceeded."
_PERMANENT_FAMILIES = ("Missing", "Invalid")


def kind_of(code: str) -> FailureKind | None:
    """The kind that a code tells by itself; None when it is unknown, absent or a number.

    Every code that contains `Throttling` is throttled; every `InvalidAccessKeyId…` and every
    `InvalidSecurityToken…` is about the credentials; every `QuotaExceeded.…` is about room. Any other
    `Missing…` and `Invalid…` is permanent.
    """
    if code in KINDS:
        return KINDS[code]
    if _THROTTLING in code:
        return FailureKind.THROTTLED
    if code.startswith(_BAD_CREDENTIALS_FAMILIES):
        return FailureKind.BAD_CREDENTIALS
    if code.startswith(_NO_ROOM):
        return FailureKind.NO_ROOM
    return FailureKind.PERMANENT if code.startswith(_PERMANENT_FAMILIES) else None


def classify(code: str, status: int) -> FailureKind:
    """The kind of a failure, by its code (see `kind_of`), and by its HTTP status when that tells none.

    By status: 429 is throttled, 5xx transient, everything else permanent; 403 is access denied when no code
    says otherwise.
    """
    return kind_of(code) or _by_status(status, named=bool(code) and not code.isdigit())


def _by_status(status: int, *, named: bool) -> FailureKind:
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return FailureKind.THROTTLED
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return FailureKind.TRANSIENT
    if status == HTTPStatus.FORBIDDEN and not named:
        return FailureKind.ACCESS_DENIED
    return FailureKind.PERMANENT


class FailedAttempt(NamedTuple):
    """An attempt that failed, as far as repeating it is concerned.

    Attributes:
        kind: see `classify`.
        number: 1 for the first attempt of the call.
        repeatable: the call is a read, or a write that carries an idempotency token.
        never_sent: the service cannot have seen the request.
        redated: an earlier attempt of this call was already repeated for its date.
        retry_after: seconds the service asked to wait (`x-acs-retry-after`, which is in milliseconds).
    """

    kind: FailureKind
    number: int
    repeatable: bool
    never_sent: bool = False
    redated: bool = False
    retry_after: float = 0.0


class RetryPolicy(NamedTuple):
    """How often and how patiently a call is repeated.

    Attributes:
        attempts: how many times a call is sent at most, the first included; at least 1.
        base: seconds; the first wait is a random part of it, each further one of twice as much.
        cap: seconds; no such wait is longer.
        least: seconds that must be left for an attempt to start.
    """

    attempts: int = 4
    base: float = 0.25
    cap: float = 8.0
    least: float = 0.5

    def wait(self, failed: FailedAttempt, *, remaining: float, random: float) -> float | None:
        """Seconds to wait before the next attempt, or None to give up.

        The wait is the service's `retry_after` plus full jitter, exponential. A wait after which the deadline
        leaves too little for an attempt is not begun.

        Args:
            failed: the attempt that failed.
            remaining: seconds until the deadline.
            random: from 0.0 to 1.0.
        """
        if failed.number >= self.attempts or not _worth_repeating(failed):
            return None
        if failed.kind is FailureKind.EXPIRED_DATE:
            wait = 0.0
        else:
            wait = failed.retry_after + random * min(self.cap, self.base * 2.0 ** (failed.number - 1))
        return wait if wait + self.least <= remaining else None


def _worth_repeating(failed: FailedAttempt) -> bool:
    match failed.kind:
        case FailureKind.THROTTLED:
            return True
        case FailureKind.TRANSIENT:
            return failed.repeatable or failed.never_sent
        case FailureKind.NONCE_USED:
            return failed.repeatable
        case FailureKind.EXPIRED_DATE:
            return not failed.redated
        case _:
            return False
