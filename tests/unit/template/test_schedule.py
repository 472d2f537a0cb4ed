"""When a timer fires: the two forms that FC takes, and what is refused."""

from __future__ import annotations

import pytest

from tools.template.schedule import ScheduleError, shortest_period


@pytest.mark.parametrize(
    ("expression", "seconds"),
    [
        ("@every 5m", 300),
        ("@every 1h30m", 5400),
        ("@every 1.5h", 5400),
        ("@every 60s", 60),
        ("0 0 2 * * *", 86400),
        ("0 */15 * * * *", 900),
        ("0 0/20 8-10 * * *", 1200),
        ("0 0 9,17 * * MON-FRI", 8 * 3600),
        ("0 0 23,1 1 JAN ?", 2 * 3600),
        ("CRON_TZ=Asia/Shanghai 0 0 4 * * *", 86400),
    ],
)
def test_the_shortest_period(expression: str, seconds: float) -> None:
    """An expression is read as the least number of seconds between two ticks."""
    assert shortest_period(expression) == seconds


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("@every 5", "such as @every 5m"),
        ("@every 1d", "such as @every 5m"),
        ("@hourly", "such as @every 5m"),
        ("@every 30s", "write @every 1m or more"),
        ("", "found 0 fields; write six"),
        ("*/5 * * * *", "found 5 fields; write six"),
        ("0 60 * * * *", "'60' is no minute; write *, or numbers from 0 to 59"),
        ("0 0 24 * * *", "'24' is no hour"),
        ("0 0 0 0 * *", "'0' is no day"),
        ("0 0 0 * FOO *", "'FOO' is no month"),
        ("0 5-1 * * * *", "'5-1' is no minute"),
        ("0 */0 * * * *", "'*/0' is no minute"),
        ("CRON_TZ=Mars/Base 0 0 4 * * *", "there is no time zone Mars/Base; write one such as"),
    ],
)
def test_what_is_no_schedule(expression: str, message: str) -> None:
    """Anything else is refused with the part that is wrong and what to write."""
    with pytest.raises(ScheduleError) as caught:
        shortest_period(expression)
    assert message in str(caught.value)
