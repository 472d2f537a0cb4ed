"""What a template or a rule says about events that cannot be delivered. Values only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from localcloud.delivery.retries import AsyncRetries, BusRetries

Tolerance: TypeAlias = Literal["ALL", "NONE"]
"""EventBridge's `ErrorsTolerance`: whether it goes on after an event that it cannot deliver."""


@dataclass(frozen=True, slots=True)
class PushSettings:
    """How EventBridge hands events to a target, and what it does when that fails.

    Attributes:
        async_invocation_type: of a trigger, as written; `behaviour.async_invocation_true` says what it means.
        tolerant: `errorsTolerance: ALL` goes on after an event that cannot be delivered; `NONE` stops there.
        dead_letters: ARN of what gets such an event; empty for none.
        asynchronous: of the target of a rule, whether FC is only handed the event; None for a trigger.
    """

    async_invocation_type: bool = False
    retries: BusRetries = field(default_factory=BusRetries)
    tolerant: bool = False
    dead_letters: str = ""
    asynchronous: bool | None = None


@dataclass(frozen=True, slots=True)
class AsyncSettings:
    """`asyncInvokeConfig`: what FC does with an asynchronous invocation beside running it.

    Attributes:
        on_failure: ARN of what gets one that failed for good; empty for none.
        on_success: ARN of what gets one that returned; empty for none.
    """

    retries: AsyncRetries = field(default_factory=AsyncRetries)
    on_failure: str = ""
    on_success: str = ""
