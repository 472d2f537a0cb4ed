"""What can befall one call, or one operation of the store, and how likely it is. Draws; does nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.simulation.choices import Choices


@dataclass(frozen=True, slots=True)
class Trouble:
    """What befalls a call.

    Attributes:
        name: for people.
        effect: whether the call takes effect: now, late or never.
        end: what its caller sees of it.
        status: of a refusal.
        code: of a refusal.
        travel: seconds to the cloud.
        reads: how likely it is for a call that only reads, beside the others.
        writes: how likely it is for a write.
        attaches: how likely it is for AttachInstances; as for a write when it is None.
    """

    name: str
    effect: Literal["now", "late", "never"] = "now"
    end: Literal[
        "answer", "refused", "unreachable", "timeout", "cut", "crash", "frozen", "unreadable", "short"
    ] = "answer"
    status: int = 0
    code: str = ""
    travel: float = 0.05
    reads: float = 0
    writes: float = 0
    attaches: float | None = None


FINE = Trouble("fine")
REFUSED_ITEM = Trouble("item refused", attaches=14)
FAILING_TASK = Trouble("task fails", attaches=30)
EXPIRED = Trouble(
    "credentials expire", "never", "refused", 400, "InvalidSecurityToken.Expired", reads=3, writes=3
)
DENIED = Trouble("denied", "never", "refused", 403, "Forbidden.RAM", reads=3, writes=3)
TIMEOUT = Trouble("timeout", "never", "timeout", reads=5, writes=8)
POISON = Trouble("poison", "never", "refused", 400, "InvalidParameter.Instances")
TROUBLES = (
    Trouble("slow", travel=0.6, reads=30, writes=20),
    Trouble("slower", travel=6.0, reads=12, writes=12),
    Trouble("throttled", "never", "refused", 429, "Throttling.User", reads=10, writes=12),
    Trouble("unavailable", "never", "refused", 503, "ServiceUnavailable", reads=10, writes=8),
    Trouble("error after effect", "now", "refused", 500, "InternalError", writes=12),
    DENIED,
    Trouble("refused", "never", "refused", 400, "InvalidParameter.Simulated", writes=6),
    Trouble("busy", "never", "refused", 400, "ConcurrencyUpdateInstanceConflict", writes=8),
    EXPIRED,
    Trouble("unreachable", "never", "unreachable", reads=5, writes=5),
    TIMEOUT,
    Trouble("timeout after effect", "now", "timeout", writes=12),
    Trouble("timeout, late effect", "late", "timeout", writes=14),
    Trouble("cut off", "now", "cut", reads=5, writes=8),
    Trouble("unreadable", "now", "unreadable", reads=3, writes=6),
    Trouble("crash", "never", "crash", reads=8, writes=8),
    Trouble("crash after effect", "now", "crash", writes=14),
    Trouble("crash, late effect", "late", "crash", writes=14),
    Trouble("hang", "never", "frozen", reads=4, writes=4),
    Trouble("hang after effect", "now", "frozen", writes=6),
    Trouble("short answer", "now", "short", attaches=12),
    REFUSED_ITEM,
    FAILING_TASK,
)

_MORE_OFTEN_IN_WRITES = 10.0
"""Writes are few, and what befalls them matters most."""

STORMS = (0.0, 0.015, 0.05, 0.12)
"""The chance that something befalls a read, by how stormy a schedule is."""


@dataclass(frozen=True, slots=True)
class StoreTrouble:
    """What befalls an operation of the store; the fields are those of `Trouble`."""

    name: str
    effect: Literal["now", "never"] = "now"
    end: Literal["answer", "cut", "full", "crash", "frozen"] = "answer"
    travel: float = 0.002
    weight: float = 0


STORE_FINE = StoreTrouble("fine")
STORE_TROUBLES = (
    StoreTrouble("store slow", travel=1.5, weight=25),
    StoreTrouble("store cut off", "never", "cut", weight=15),
    StoreTrouble("store cut off after effect", "now", "cut", weight=15),
    StoreTrouble("store full", "never", "full", weight=6),
    StoreTrouble("crash before the store", "never", "crash", weight=10),
    StoreTrouble("crash after the store", "now", "crash", weight=15),
    StoreTrouble("hang after the store", "now", "frozen", weight=4),
)


class Weather:
    """Draws what befalls the calls of one schedule.

    Args:
        choices: where decisions come from.
        storm: an index of `STORMS`.

    Attributes:
        bad: whether anything befalls calls at all; it stays calm once this is False.
    """

    def __init__(self, choices: Choices, storm: int) -> None:
        self._choices = choices
        chance = STORMS[storm]
        more = min(0.5, chance * _MORE_OFTEN_IN_WRITES)
        self._reads = _weights([one.reads for one in TROUBLES], chance)
        self._writes = _weights([one.writes for one in TROUBLES], more)
        attaches = [one.writes if one.attaches is None else one.attaches for one in TROUBLES]
        self._attaches = _weights(attaches, more)
        self._store = _weights([one.weight for one in STORE_TROUBLES], chance)
        self.bad = True

    def of_call(self, name: str, action: str) -> Trouble:
        """What befalls the call of that name."""
        if not self.bad:
            return FINE
        weights = self._reads
        if action == "AttachInstances":
            weights = self._attaches
        elif action == "AddConnectableCluster":
            weights = self._writes
        drawn = self._choices.pick(name, *weights)
        return TROUBLES[drawn - 1] if drawn else FINE

    def of_store(self, name: str) -> StoreTrouble:
        """What befalls the store's operation of that name."""
        drawn = self._choices.pick(name, *self._store) if self.bad else 0
        return STORE_TROUBLES[drawn - 1] if drawn else STORE_FINE


def _weights(likely: Sequence[float], chance: float) -> tuple[float, ...]:
    total = sum(likely)
    return (1 - chance, *(chance * one / total for one in likely))
