"""The keys that functions run with: temporary ones of their roles, renewed in time. Knows no process.

FC gives a function's role a key that is accepted for 36 hours. An instance that lives longer finds another
one when it looks again, so who keeps a key of its own one day holds one that is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from localcloud.keys import TemporaryKeys
    from localcloud.signatures import Key


@dataclass(frozen=True, slots=True)
class _Given:
    key: Key
    renew_at: float


@dataclass(slots=True)
class RoleKeys:
    """Which key each role has now, one for each session."""

    _given: dict[tuple[str, str], _Given] = field(default_factory=dict)

    def current(self, keys: TemporaryKeys, *, role: str, session: str, now: float, seconds: float) -> Key:
        """The key of a role: the last one, or a new one when half of its life is over.

        Args:
            keys: where new ones are made.
            role: ARN of the role.
            session: who uses it.
            now: the wall clock, seconds since the epoch.
            seconds: how long a new one is accepted.
        """
        given = self._given.get((role, session))
        if given is None or now >= given.renew_at:
            key = keys.issue(now=now, seconds=seconds, role_arn=role, session=session)
            given = self._given[role, session] = _Given(key, now + seconds / 2)
        return given.key
