"""Limits on how often actions are called: token buckets on the state clock. Knows no service."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from localcloud.errors import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from localcloud.catalogue import Operation
    from localcloud.services.base import ErrorCodes

THROTTLED: Final = "Throttling.User"
"""The gateway's code. Services that have another say so in their error codes."""


class Limit(BaseModel):
    """How often an action may be called: a bucket of tokens, of which each call takes one.

    Attributes:
        service: its short name, as `calls` has it.
        action: the action; `*` for all of the service together.
        per_second: how many tokens come in a second of the state clock.
        burst: how many the bucket holds, which is full at first.
        each: what has a bucket: the `account`, or each `user`, told by the access key id.
        status: HTTP status of the refusal; None for the service's own.
        code: code of the refusal, such as `Throttling.Api`; empty for the service's own.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    service: str
    action: str = "*"
    per_second: Annotated[float, Field(gt=0)]
    burst: Annotated[int, Field(ge=1)] = 1
    each: Literal["account", "user"] = "account"
    status: Annotated[int, Field(ge=400, le=599)] | None = None
    code: str = ""


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled_at: float


@dataclass(frozen=True, slots=True)
class Denial:
    """A call that came too early: by which limit, and by how many seconds."""

    limit: Limit
    seconds: float

    def refusal(self, codes: ErrorCodes) -> Refusal:
        """How a service with these codes says so.

        The gateway tells when to come again, in milliseconds; services with a code of their own do not.
        """
        own = codes.get(THROTTLED)
        status, code = own or (400, THROTTLED)
        headers = {} if own else {"x-acs-retry-after": str(int(self.seconds * 1000) + 1)}
        return Refusal(
            self.limit.status or status,
            self.limit.code or code,
            "Request was denied due to user flow control.",
            headers,
        )


class Throttle:
    """The buckets of all limits."""

    def __init__(self) -> None:
        self._buckets: dict[tuple[Limit, str], _Bucket] = {}

    def admit(self, limits: Iterable[Limit], operation: Operation, caller: str, now: float) -> Denial | None:
        """Takes a token of each limit that the call falls under; when one has none, takes none and tells so.

        Args:
            limits: those in force.
            operation: what is called.
            caller: the access key id.
            now: the state clock, seconds since the epoch.
        """
        concerned = [
            one
            for one in limits
            if one.service == operation.service and one.action in {operation.action, "*"}
        ]
        buckets = [self._filled(limit, caller, now) for limit in concerned]
        for limit, bucket in zip(concerned, buckets, strict=True):
            if bucket.tokens < 1:
                return Denial(limit, (1 - bucket.tokens) / limit.per_second)
        for bucket in buckets:
            bucket.tokens -= 1
        return None

    def _filled(self, limit: Limit, caller: str, now: float) -> _Bucket:
        key = (limit, caller if limit.each == "user" else "")
        bucket = self._buckets.setdefault(key, _Bucket(limit.burst, now))
        # A hair more than came: whoever waits as long as he was told to is served.
        came = (now - bucket.filled_at) * limit.per_second * (1 + 1e-9)
        bucket.tokens, bucket.filled_at = min(limit.burst, bucket.tokens + came), now
        return bucket
