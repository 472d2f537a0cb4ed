"""What both judges hold against the promises alike: claims, quarantine, and how many sweeps may be needed."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from enlist.memory import ATTEMPT_PAUSE
from fctoolkit.idempotency import Status
from tests.simulation.assumptions import DAY, MINUTE

if TYPE_CHECKING:
    from fctoolkit.idempotency import Record
    from tests.simulation.scene import Scene
    from tests.simulation.store import SimulatedStore

FIRST_SWEEPS = 2
"""Sweeps in which no progress is asked for: one may come while the lease of an owner that was killed lasts,
and the one in which it is taken over may see the effect land."""

LONGEST_RECORD = 1001 * DAY
"""A record of what is done is kept for 1000 days."""


def records_of(store: SimulatedStore | None, resource: str) -> list[Record]:
    """What the store has about an instance, or a pair: one record or none."""
    end = f"/{quote(resource, safe='')}"
    return [one for one in store.records() if one.key.endswith(end)] if store is not None else []


def quarantined(store: SimulatedStore | None, resource: str, attempts: int) -> bool:
    """Whether it has failed as often as is allowed."""
    return any(
        one.attempts >= attempts and one.status is not Status.COMPLETED for one in records_of(store, resource)
    )


def judge_attempts(scene: Scene, store: SimulatedStore | None, resource: str, attempts: int) -> None:
    """What has failed as often as is allowed is not tried once more."""
    for record in records_of(store, resource):
        if record.attempts > attempts:
            scene.violate("quarantine", f"{resource} is tried for the {record.attempts}th time of {attempts}")


def failed_lately(store: SimulatedStore | None, now: float) -> bool:
    """Whether an attempt has surely failed so lately that whoever comes only hears of it."""
    since = now - ATTEMPT_PAUSE.total_seconds() - MINUTE
    return any(
        one.status is Status.FAILED and one.changed_at > since
        for one in (store.records() if store is not None else [])
    )


def no_claim_stays(scene: Scene, store: SimulatedStore | None) -> None:
    """When all is quiet no claim is held, and each record has an end."""
    now = scene.engine.now
    for record in store.records() if store is not None else []:
        if record.status is Status.CLAIMED and record.lease_until > now:
            scene.violate("stuck", f"{record.key} is claimed until {record.lease_until}")
        if record.expires_at > now + LONGEST_RECORD:
            scene.violate("stuck", f"{record.key} has no end")
