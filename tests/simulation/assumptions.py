"""What the promises rest on: the assumptions about the cloud, numbered, and what breaks each of them.

docs/promises.md tells of them. The simulator varies each within its bounds; broken, one lies outside of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

MINUTE = 60.0
HOUR = 3600.0
DAY = 24 * HOUR

TIMEOUT = 60
"""Of the function, seconds, as in s.yaml."""

LEASE = TIMEOUT + 30.0
"""Of a claim, seconds, as `fctoolkit.idempotency` makes it."""


SWEEP = 5 * MINUTE
"""Between two ticks of the timer, as in s.yaml."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """The bounds within which a schedule varies. Seconds, unless they are told to be something else.

    Attributes:
        list_lag: A1. A node list shows a node at the latest so long after the attach's task has ended.
        task_lag: A2. A task is listed at the latest so long after AttachInstances took effect.
        late_effect: A3. A write has its effect at the latest so long after it was sent, answered or not; None
            for before the lease of its claim ends.
        killed: A4. Function Compute ends an invocation at the function's timeout.
        alone: A5. `reservedConcurrency: 1` keeps a second invocation of a function from running beside one.
        ticks: A6. The timer comes in the end.
        refused_means_nothing: A7. A call that is throttled, or refused with a 4xx, had no effect.
        remembered: A8. CS remembers a task for so long.
        skew: A9. The clocks of the function and of CS differ by at most so much.
        others: A10. Nobody else attaches a machine that a binding concerns.
        token: A11. Elasticsearch remembers a clientToken at least for so long.
        kept: A12. The store keeps what it said it wrote.
        hidden: A13. A cluster that no binding names may be hidden from the function although it has machines.
    """

    list_lag: float = 14 * MINUTE
    task_lag: float = 0.0
    late_effect: float | None = 0.0
    killed: bool = True
    alone: bool = True
    ticks: bool = True
    refused_means_nothing: bool = True
    remembered: float = 30 * DAY
    skew: float = MINUTE
    others: bool = False
    token: float = HOUR
    kept: bool = True
    hidden: bool = False

    @property
    def hides_tasks(self) -> bool:
        """Whether CS does not list all tasks all the time."""
        return self.task_lag > 0 or self.remembered < DAY


@dataclass(frozen=True, slots=True)
class Assumption:
    """One of them, for people: its number, what is assumed, and the bounds broken."""

    number: str
    text: str
    broken: str
    without: Assumptions


def of_store(store: str) -> Assumptions:
    """What is assumed with a store of that name."""
    if store == "none":
        return Assumptions()
    # Claims keep two owners apart, and outlast an effect that is on its way.
    return Assumptions(alone=False, late_effect=None)


def numbered(store: str) -> tuple[Assumption, ...]:
    """The assumptions made with a store, each with the bounds in which only this one does not hold."""
    idle = "A12" if store == "none" else "A5"
    return tuple(one for one in _all(store) if one.number != idle)


def _all(store: str) -> tuple[Assumption, ...]:
    base = of_store(store)
    return (
        Assumption(
            "A1",
            "A node list shows a node at the latest 15 minutes after its task has ended",
            "the list lags by an hour",
            replace(base, list_lag=HOUR),
        ),
        Assumption(
            "A2",
            "A task is listed as soon as its attach took effect",
            "tasks are listed two minutes late",
            replace(base, task_lag=2 * MINUTE),
        ),
        Assumption(
            "A3",
            "A write takes effect at once or never"
            if store == "none"
            else "A write takes effect before the lease of its claim ends, or never",
            "it may take effect five minutes later",
            replace(base, late_effect=SWEEP),
        ),
        Assumption(
            "A4",
            "Function Compute ends an invocation at the function's timeout",
            "an invocation may freeze for minutes and go on",
            replace(base, killed=False),
        ),
        Assumption(
            "A5",
            "`reservedConcurrency: 1` allows one invocation at a time",
            "several run side by side",
            replace(base, alone=False),
        ),
        Assumption("A6", "The timer comes in the end", "it never comes", replace(base, ticks=False)),
        Assumption(
            "A7",
            "What is throttled or refused had no effect",
            "it may have had",
            replace(base, refused_means_nothing=False),
        ),
        Assumption(
            "A8",
            "CS remembers its tasks for a day",
            "it forgets a task five minutes after its end",
            replace(base, remembered=SWEEP),
        ),
        Assumption(
            "A9",
            "The function's clock and that of CS agree within a minute",
            "the function's is an hour ahead",
            replace(base, skew=HOUR),
        ),
        Assumption(
            "A10",
            "Nobody else attaches a machine that a binding concerns",
            "somebody does, at any moment",
            replace(base, others=True),
        ),
        Assumption(
            "A11",
            "Elasticsearch remembers a clientToken for an hour",
            "it forgets it after a second",
            replace(base, token=1.0),
        ),
        Assumption(
            "A12",
            "The store keeps what it said it wrote",
            "a failover loses the newest writes",
            replace(base, kept=False),
        ),
        Assumption(
            "A13",
            "A cluster that is not bound, and that the function may not look into, has none of the machines",
            "it may have",
            replace(base, hidden=True),
        ),
    )
