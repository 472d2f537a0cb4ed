"""A call that is sent again where that is safe and worth it. Knows no signature and no form of an answer."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from random import random
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from fctoolkit.errors import ApiError, ApiFailure, TransientError
from fctoolkit.retry import FailedAttempt, FailureKind, RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Callable

    from fctoolkit.clock import Clock, Deadline

AnswerT = TypeVar("AnswerT")

DEFAULT_POLICY = RetryPolicy()

_TOO_LATE = "too little time was left to begin"


class Failed(NamedTuple):
    """An attempt that failed: what to raise, and what the retry policy needs to know."""

    failure: ApiFailure
    kind: FailureKind
    error: type[ApiError]
    never_sent: bool = False
    retry_after: float = 0.0


def repeated(
    attempt: Callable[[int], AnswerT | Failed],
    *,
    action: str,
    host: str,
    repeatable: bool,
    deadline: Deadline,
    clock: Clock,
    policy: RetryPolicy = DEFAULT_POLICY,
    random: Callable[[], float] = random,
) -> AnswerT:
    """The answer of the first attempt that has one.

    Args:
        attempt: makes one, the first with number 1.
        action: what is called, for the error when there was no time for any attempt.
        host: where, likewise.
        repeatable: the call is a read, or a write that carries an idempotency token.
        deadline: no attempt begins when less than `policy.least` is left until it.
        clock: waits.
        policy: how often and how patiently.
        random: a number from 0.0 to 1.0 for each wait.

    Raises the error of the last attempt, whose `maybe_done` says whether any of them may have had its effect;
    TransientError with code `deadline` and 0 attempts when too little time was left to begin.
    """
    maybe_done = redated = False
    error: ApiError | None = None
    for number in count(1):
        if deadline.remaining() < policy.least:
            break
        outcome = attempt(number)
        if not isinstance(outcome, Failed):
            return outcome
        maybe_done = maybe_done or outcome.failure.maybe_done
        error = outcome.error(replace(outcome.failure, maybe_done=maybe_done))
        failed = FailedAttempt(
            outcome.kind, number, repeatable, outcome.never_sent, redated, outcome.retry_after
        )
        wait = policy.wait(failed, remaining=deadline.remaining(), random=random())
        if wait is None:
            break
        redated = redated or outcome.kind is FailureKind.EXPIRED_DATE
        clock.sleep(wait)
    raise error or TransientError(ApiFailure(action, host, code="deadline", message=_TOO_LATE, attempts=0))
