"""What goes to an instance and what comes back, whichever kind of runtime it is. Values and one protocol."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    from localcloud.message import Request, Response

Kind: TypeAlias = Literal["initialize", "invoke", "pre-stop"]


@dataclass(frozen=True, slots=True)
class Call:
    """One thing that an instance is to do.

    Attributes:
        payload: the event as bytes or, for a custom runtime, a request to the HTTP trigger; a hook has none.
        credentials: key id, secret and token of the function's role, which a built-in runtime puts in the
            place of those it had; empty to leave them as they are.
    """

    kind: Kind
    request_id: str
    payload: bytes | Request = b""
    credentials: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """What an instance answered.

    Attributes:
        ok: whether the function returned.
        payload: its result, or its error payload.
        response: the HTTP response, when the call was an HTTP request.
    """

    ok: bool
    payload: bytes
    response: Response | None = None


class Instance(Protocol):
    """A started process that runs one function. Several threads may have calls done at once."""

    @property
    def pid(self) -> int:
        """The number of the process."""
        ...

    def exchange(self, call: Call, seconds: float) -> Reply:
        """Has a call done.

        Raises TimedOutError when there was no answer within `seconds`, ExitedError when there can be none.
        """
        ...

    def take_logs(self) -> str:
        """What was printed and logged since the last look."""
        ...

    def stop(self) -> None:
        """Ends the process as FC does at a timeout: SIGTERM, a moment for last words, then SIGKILL."""
        ...

    def kill(self) -> None:
        """Ends the process, and whatever it started, at once. The logs can still be taken."""
        ...

    def crash(self) -> None:
        """Sends SIGKILL to the process and waits for nothing. Any thread may, at any time."""
        ...


class TimedOutError(Exception):
    """No answer came in time."""


class ExitedError(Exception):
    """The process ended, or stopped listening, before it had answered."""


class NotStartedError(Exception):
    """A process did not start, or on a custom runtime did not come to listen.

    Attributes:
        code: FC's word for it, `CAExited` or `FunctionNotStarted`.
        logs: what the process had printed.
    """

    def __init__(self, code: str, message: str, logs: str) -> None:
        super().__init__(message)
        self.code = code
        self.logs = logs
