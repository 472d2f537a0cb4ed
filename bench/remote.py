"""A local cloud in a process of its own, so that a function is measured without it. Knows no product."""

from __future__ import annotations

from multiprocessing import get_context
from threading import Lock
from typing import TYPE_CHECKING, Self, cast

from localcloud import LocalCloud

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from multiprocessing.connection import Connection
    from types import TracebackType

    from fctoolkit.jsontypes import FrozenJson, JsonObject
    from localcloud.message import Request, Response

NOON = 1795348800.0
"""Where the clock of every measurement stands at first: 2026-11-22, twelve o'clock UTC."""


class RemoteError(Exception):
    """The local cloud did not do what it was asked to do; a measurement cannot go on."""


class RemoteCloud:
    """The part of a `LocalCloud` that measurements need; several threads may use it. Use it in `with`.

    Its clock stands still until `advance`; it judges signatures, too.
    """

    def __init__(self) -> None:
        context = get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()
        self._lock = Lock()
        self._now = NOON

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()
        self._process.join()

    def now(self) -> float:
        """The present moment of the cloud's clock."""
        return self._now

    def handle(self, request: Request) -> Response:
        """Answers one request."""
        return cast("Response", self._ask("handle", request))

    def advance(self, seconds: float) -> float:
        """Lets so many seconds pass; returns the present moment."""
        self._now = cast("float", self._ask("advance", seconds))
        return self._now

    def wait(self, seconds: float) -> None:
        """Waits without waiting: lets so many seconds pass in the cloud."""
        self.advance(seconds)

    def seed(self, records: Mapping[str, FrozenJson]) -> None:
        """Puts records in place."""
        self._ask("seed", records)

    def state(self) -> JsonObject:
        """All state, in the seed's shape."""
        return cast("JsonObject", self._ask("state"))

    def calls(self) -> list[JsonObject]:
        """Every call, in order."""
        return cast("list[JsonObject]", self._ask("calls"))

    def count_calls(self) -> int:
        """How many calls there were."""
        return cast("int", self._ask("count_calls"))

    def _ask(self, what: str, *arguments: object) -> object:
        with self._lock:
            self._connection.send((what, arguments))
            went_well, answer = self._connection.recv()
        if not went_well:
            raise RemoteError(answer)
        return answer


def _serve(connection: Connection) -> None:
    """Does what the other end asks, until it is closed."""
    cloud = LocalCloud(now=NOON, wall_clock=lambda: cloud.clock.now())  # noqa: PLW0108 - not made yet
    does: dict[str, Callable[..., object]] = {
        "handle": cloud.handle,
        "advance": cloud.advance,
        "seed": cloud.seed,
        "state": cloud.state,
        "calls": lambda: cloud.calls,
        "count_calls": lambda: len(cloud.calls),
    }
    while True:
        try:
            what, arguments = connection.recv()
        except EOFError:
            return
        try:
            answer = (True, does[what](*arguments))
        except Exception as error:  # noqa: BLE001 - the one who asked must hear of it
            answer = (False, f"{what}: {error!r}")
        connection.send(answer)
