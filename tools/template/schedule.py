"""The times a timer trigger fires at. Pure; knows no file.

Two forms: `@every 5m`, with a duration in Go's spelling, and six cron fields (second, minute, hour, day,
month, weekday), before which `CRON_TZ=Asia/Shanghai` may stand; without it, they are in UTC.
Source: https://www.alibabacloud.com/help/en/functioncompute/fc/time-triggers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Final
from zoneinfo import available_timezones

_SECONDS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0}
_DAY: Final = 86400
_SHORTEST: Final = 60.0
_MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS: Final = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()


_FIELDS: Final = (
    _Field("second", 0, 59),
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("weekday", 0, 7, _DAYS),
)


class ScheduleError(ValueError):
    """No schedule that FC takes; the message says which part is wrong and what to write."""


def shortest_period(expression: str) -> float:
    """The least number of seconds between two firings. Raises ScheduleError.

    Days that the last three fields leave out are not looked at, so the result may be less than the truth.
    """
    if expression.startswith("@"):
        return _interval(expression)
    fields = expression.split()
    if fields and fields[0].startswith("CRON_TZ="):
        zone = fields.pop(0).removeprefix("CRON_TZ=")
        if zone not in available_timezones():
            raise ScheduleError(f"there is no time zone {zone}; write one such as CRON_TZ=Asia/Shanghai")
    if len(fields) != len(_FIELDS):
        raise ScheduleError(
            f"found {len(fields)} fields; write six (second minute hour day month weekday) or @every 5m"
        )
    values = [_values(text, field) for text, field in zip(fields, _FIELDS, strict=True)]
    seconds, minutes, hours = values[:3]
    times = sorted(
        hour * 3600 + minute * 60 + second for hour in hours for minute in minutes for second in seconds
    )
    return min(later - earlier for earlier, later in pairwise((*times, times[0] + _DAY)))


def _interval(expression: str) -> float:
    found = re.fullmatch(r"@every ((?:\d+(?:\.\d+)?[smh])+)", expression)
    if found is None:
        raise ScheduleError("no interval; write @every with a number and m or h, such as @every 5m")
    period = sum(float(number) * _SECONDS[unit] for number, unit in re.findall(r"([\d.]+)([smh])", found[1]))
    if period < _SHORTEST:
        raise ScheduleError("FC ticks once a minute at most; write @every 1m or more")
    return period


def _values(text: str, field: _Field) -> set[int]:
    values: set[int] = set()
    for part in text.split(","):
        span, slash, step = part.partition("/")
        if slash and not (step.isdecimal() and int(step)):
            raise _wrong(text, field)
        if span in ("*", "?"):
            low, high = field.low, field.high
        else:
            first, dash, last = span.partition("-")
            low = _number(first, text, field)
            high = _number(last, text, field) if dash else field.high if slash else low
        if low > high:
            raise _wrong(text, field)
        values.update(range(low, high + 1, int(step or 1)))
    return values


def _number(text: str, whole: str, field: _Field) -> int:
    if text.upper() in field.names:
        return field.names.index(text.upper()) + field.low
    if not text.isdecimal() or not field.low <= int(text) <= field.high:
        raise _wrong(whole, field)
    return int(text)


def _wrong(text: str, field: _Field) -> ScheduleError:
    return ScheduleError(
        f"{text!r} is no {field.name}; write *, or numbers from {field.low} to {field.high} "
        "such as 5, 1-5, 1,15 or 0/10"
    )
