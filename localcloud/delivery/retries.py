"""How often and when a delivery that failed is tried again. Pure: knows no clock, no function and no queue.

Sources: https://www.alibabacloud.com/help/en/eventbridge/user-guide/retry-and-dead-letter and
https://www.alibabacloud.com/help/en/functioncompute/fc/error-handling-1-2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Strategy: TypeAlias = Literal["BACKOFF_RETRY", "EXPONENTIAL_DECAY_RETRY"]

BACKOFF_RETRIES: Final = 3
BACKOFF_SECONDS: Final = (10.0, 20.0)
DECAY_RETRIES: Final = 176
DECAY_LONGEST: Final = 512.0
ASYNC_RETRIES: Final = 3
ASYNC_EVENT_AGE: Final = 86400
THROTTLED_LONGEST: Final = 5 * 3600
"""Seconds for which FC repeats an asynchronous invocation that found no instance."""


@dataclass(frozen=True, slots=True)
class BusRetries:
    """EventBridge's `retryStrategy`.

    Attributes:
        strategy: BACKOFF_RETRY is 3 retries, 10 to 20 seconds apart; EXPONENTIAL_DECAY_RETRY is 176 retries
            over a day, after 1, 2, 4, … 512 seconds and from then on every 512.
        most: `MaximumRetryAttempts`; 0 leaves it to the strategy.
        longest: `MaximumEventAgeInSeconds`; 0 leaves it to the strategy.
    """

    strategy: Strategy = "BACKOFF_RETRY"
    most: int = 0
    longest: int = 0

    def delay(self, tries: int, age: float, chance: float) -> float | None:
        """Seconds until the next try; None when there is none.

        Args:
            tries: how many there were, at least one.
            age: seconds since the event came.
            chance: 0 to 1, for the strategy that waits a random time.
        """
        if self.strategy == "BACKOFF_RETRY":
            low, high = BACKOFF_SECONDS
            retries, delay = BACKOFF_RETRIES, low + (high - low) * chance
        else:
            retries, delay = DECAY_RETRIES, min(2.0 ** min(tries - 1, 16), DECAY_LONGEST)
        allowed = min(retries, self.most) if self.most else retries
        return _within(delay, allowed, self.longest, tries, age)


@dataclass(frozen=True, slots=True)
class AsyncRetries:
    """FC's retries of an asynchronous invocation.

    Attributes:
        most: `maxAsyncRetryAttempts`, 0 to 8.
        longest: `maxAsyncEventAgeInSeconds`.
    """

    most: int = ASYNC_RETRIES
    longest: int = ASYNC_EVENT_AGE

    def delay(self, tries: int, age: float, first: float) -> float | None:
        """Seconds until the next try; None when there is none.

        Args:
            tries: how many there were, at least one.
            age: seconds since the event came.
            first: seconds before the first retry; each later one waits twice as long.
        """
        return _within(first * 2.0 ** (tries - 1), self.most, self.longest, tries, age)

    def throttled_delay(self, throttled: int, age: float, first: float) -> float | None:
        """Seconds until a request that found no instance is tried again; None after five hours of that.

        Args:
            throttled: how often it found none, at least once. That is no try, and none is used up.
            age: seconds since the event came.
            first: seconds before the first time; each later one waits twice as long.
        """
        # The exponent is bounded where any delay is longer than all that is waited for.
        delay = first * 2.0 ** min(throttled - 1, 32)
        return delay if age + delay <= min(THROTTLED_LONGEST, self.longest) else None


def _within(delay: float, retries: int, longest: int, tries: int, age: float) -> float | None:
    if tries > retries or (longest and age + delay > longest):
        return None
    return delay
