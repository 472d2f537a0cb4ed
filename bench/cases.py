"""Every case, by its name. A new one is a module with a `CASE`, and a line here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bench import cloud, cold, fleet, latency, parts, quota, sizes, warm

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.case import Case

CASES: Final[Mapping[str, Case]] = {
    case.name: case
    for case in (
        cold.CASE,
        warm.CASE,
        parts.CASE,
        sizes.CASE,
        fleet.CASE,
        latency.CASE,
        quota.CASE,
        cloud.START_CASE,
        cloud.CASE,
    )
}
