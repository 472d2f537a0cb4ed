"""What an API error means for an instance. Pure; the same for both jobs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from enlist.outcomes import Outcome, Result
from fctoolkit.errors import AccessDeniedError, ApiError, PermanentError, ThrottledError
from fctoolkit.retry import FailureKind, classify

if TYPE_CHECKING:
    from fctoolkit.clock import Deadline

LATE_SECONDS = 2.0
"""A call that is given up so shortly before the deadline would have been repeated, or waited for longer."""

_FORBIDDEN = 403
_WAITING_HELPS = frozenset({FailureKind.BUSY, FailureKind.UNDER_WAY, FailureKind.NO_ROOM})
_OF_ALL = frozenset(
    {
        "DependencyResourceExist",
        "ErrorClusterNotFound",
        "ErrorNodePoolNotFound",
        "InvalidApi.NotFound",
        "UnsupportedHTTPMethod",
    }
)
_NOT_FOUND = re.compile(r"(Error|Err)?(Cluster|Task|Instance)NotFound")


class Trouble(NamedTuple):
    """Something that could not be established, and what that means for the instances that depend on it."""

    result: Result
    reason: str
    request_id: str = ""

    def verdict(self) -> Outcome:
        """The trouble as a planner's verdict."""
        return Outcome.verdict(self.result, self.reason)._replace(request_id=self.request_id)


def trouble_of(error: ApiError, doing: str) -> Trouble:
    """The trouble behind an API error; `doing` says what could not be established."""
    return Trouble(result_of(error), f"{doing}: {error}", error.failure.request_id)


def looking_trouble(error: ApiError, doing: str, until: Deadline) -> Trouble:
    """The trouble behind an error of a look, for which there was time until `until`."""
    if is_late(error, until):
        reason = f"{doing} in time; raise the function's timeout if this goes on"
        return Trouble(Result.DEFERRED, reason, error.failure.request_id)
    return trouble_of(error, doing)


def is_late(error: ApiError, until: Deadline) -> bool:
    """Whether it was for the deadline that a look has no answer, and not for the service."""
    failure = error.failure
    unanswered = failure.status == 0 and until.remaining() < LATE_SECONDS
    return failure.attempts == 0 or unanswered


def is_not_found(error: ApiError) -> bool:
    """Whether a service says that what was asked for is not there, such as `ErrorClusterNotFound`."""
    return isinstance(error, PermanentError) and _NOT_FOUND.fullmatch(error.failure.code) is not None


def concerns_all(error: ApiError) -> bool:
    """Whether more is refused than the one instance or pair that was asked for.

    Room, the cluster, its node pool or the API itself: the next instance would fare no better.
    """
    failure = error.failure
    return failure.code in _OF_ALL or classify(failure.code, failure.status) is FailureKind.NO_ROOM


def result_of(error: ApiError) -> Result:
    """The result that an API error leads to.

    `deferred` when waiting helps: throttled, the resource is busy, the same is under way already, a quota is
    used up, no time was left to begin. `rejected` when the service refuses the request itself. `failed` for
    all else: what an operator must mend, such as a missing permission, and what has an unclear end.
    """
    failure = error.failure
    waiting_helps = classify(failure.code, failure.status) in _WAITING_HELPS
    if isinstance(error, ThrottledError) or waiting_helps or failure.attempts == 0:
        return Result.DEFERRED
    forbidden = isinstance(error, AccessDeniedError) or failure.status == _FORBIDDEN
    if isinstance(error, PermanentError) and not forbidden:
        return Result.REJECTED
    return Result.FAILED
