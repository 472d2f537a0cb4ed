"""How often and when is tried again, as the vendor's pages say."""

from __future__ import annotations

import pytest

from localcloud.delivery.retries import AsyncRetries, BusRetries


def delays(retries: BusRetries, chance: float = 0.5) -> list[float]:
    """The time before each retry."""
    found: list[float] = []
    while (delay := retries.delay(len(found) + 1, sum(found), chance)) is not None:
        found.append(delay)
    return found


@pytest.mark.parametrize(("chance", "delay"), [(0.0, 10), (0.5, 15), (1.0, 20)])
def test_the_short_strategy(chance: float, delay: float) -> None:
    """BACKOFF_RETRY tries three times more, after 10 to 20 seconds each."""
    assert delays(BusRetries(), chance) == [delay] * 3


def test_the_long_strategy() -> None:
    """EXPONENTIAL_DECAY_RETRY tries 176 times more, 512 seconds apart after the first nine, within a day."""
    found = delays(BusRetries("EXPONENTIAL_DECAY_RETRY"))
    assert found == [1, 2, 4, 8, 16, 32, 64, 128, 256] + [512] * 167
    assert sum(found) < 86400


def test_limits_of_the_template() -> None:
    """MaximumRetryAttempts and MaximumEventAgeInSeconds end it earlier, and never later."""
    assert delays(BusRetries("EXPONENTIAL_DECAY_RETRY", most=2)) == [1, 2]
    assert delays(BusRetries("EXPONENTIAL_DECAY_RETRY", longest=7)) == [1, 2, 4]
    assert len(delays(BusRetries(most=50))) == 3


def test_asynchronous_invocations() -> None:
    """FC waits twice as long each time, and ends after its attempts or at the event's age."""
    retries = AsyncRetries(most=3, longest=10)
    assert [retries.delay(tries, 0, 0.5) for tries in (1, 2, 3, 4)] == [0.5, 1.0, 2.0, None]
    assert retries.delay(1, 9.5, 0.5) == 0.5
    assert retries.delay(1, 9.6, 0.5) is None
    assert AsyncRetries(most=0).delay(1, 0, 0.5) is None


def test_invocations_that_find_no_instance() -> None:
    """FC repeats what it throttled for five hours, or until the event's age, whatever its attempts are."""
    retries = AsyncRetries(most=0)
    waits: list[float] = []
    while (delay := retries.throttled_delay(len(waits) + 1, sum(waits), 0.5)) is not None:
        waits.append(delay)
    assert waits[:4] == [0.5, 1.0, 2.0, 4.0]
    assert sum(waits) <= 5 * 3600 < sum(waits) + 2 * waits[-1]
    assert AsyncRetries(longest=2).throttled_delay(3, 1.5, 0.5) is None
