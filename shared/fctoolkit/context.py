"""What a function may rely on in FC's context object, on every runtime. Reads attributes, imports no SDK.

Source: https://www.alibabacloud.com/help/en/functioncompute/context-1 (python3.12 has no `credentials` and no
`service`; older runtimes have them; `function.timeout` may be a string there).
"""

from __future__ import annotations

from typing import Protocol

from fctoolkit.clock import SYSTEM_CLOCK, Clock, Deadline

DEFAULT_TIMEOUT_SECONDS = 60.0
"""Assumed when the context does not say: the console's default for new functions."""

MARGIN_SECONDS = 1.0
"""Kept back from the function's timeout to log, and to return or raise."""


class FunctionInfo(Protocol):
    """`context.function`."""

    @property
    def name(self) -> str:
        """The function's name."""
        ...

    @property
    def timeout(self) -> int | str:
        """Seconds after which FC kills it."""
        ...


class Context(Protocol):
    """The part of FC's context that exists on every built-in Python runtime.

    `credentials` (access_key_id, access_key_secret, security_token) exists up to python3.10 only and is
    therefore looked up with `getattr`, in `fctoolkit.credentials`.
    """

    @property
    def request_id(self) -> str:
        """FC's id of this invocation."""
        ...

    @property
    def region(self) -> str:
        """API region the function runs in."""
        ...

    @property
    def account_id(self) -> str:
        """The account the function belongs to."""
        ...

    @property
    def function(self) -> FunctionInfo:
        """The function itself."""
        ...


def timeout_of(context: Context) -> float:
    """Seconds after which FC kills the function; DEFAULT_TIMEOUT_SECONDS when the context does not say."""
    try:
        return float(context.function.timeout)
    except (AttributeError, TypeError, ValueError):
        return DEFAULT_TIMEOUT_SECONDS


def deadline_of(context: Context, clock: Clock = SYSTEM_CLOCK) -> Deadline:
    """The deadline of the invocation that starts now: the function's timeout less `MARGIN_SECONDS`.

    A timeout too short for the margin leaves half of itself.
    """
    timeout = timeout_of(context)
    return Deadline.after(max(timeout - MARGIN_SECONDS, timeout / 2), clock)
