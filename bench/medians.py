"""What many times of one thing come to. Pure."""

from __future__ import annotations

from statistics import median, quantiles
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fctoolkit.jsontypes import JsonObject

MEDIAN: Final = "median"


def summary(values: Sequence[float], digits: int = 1) -> JsonObject:
    """Median, quartiles, least and most of some values, rounded, and how many there are.

    Raises `ValueError` when there is none.
    """
    if not values:
        raise ValueError("there is nothing to sum up: give at least one value")
    lower, _, upper = quantiles(values, n=4, method="inclusive") if len(values) > 1 else (values[0],) * 3
    return {
        MEDIAN: round(median(values), digits),
        "least": round(min(values), digits),
        "lower": round(lower, digits),
        "upper": round(upper, digits),
        "most": round(max(values), digits),
        "count": len(values),
    }
