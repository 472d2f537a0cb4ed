"""Handles many events in a process that is warm, and measures. Gets JSON on stdin, tells JSON on stdout.

Needs what the layer has, and nothing else. Turns go round the scenes, so noise meets all alike.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from contextlib import ExitStack, redirect_stderr
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING, Final

import httpx2
from pydantic import BaseModel, ConfigDict

from bench.case import BenchError
from bench.resources import Meter
from bench.scene import CONTEXT, KEY, Exchange, PreparedAnswers, Scene, warm_function
from bench.starts import go_first, pin, processors
from fctoolkit.credentials import Credentials
from fctoolkit.together import in_threads, one_by_one
from fctoolkit.transport import AcsAuth, open_http

if TYPE_CHECKING:
    from collections.abc import Callable

    from fctoolkit.jsontypes import JsonObject, JsonValue

WARM_UP: Final = 3
"""Rounds that are not counted."""

_INVOCATIONS: Final = 3
"""For one event of a round: a whole one, one without threads, one that logs nothing."""

_OF_THE_SIGNATURE: Final = frozenset(
    {"authorization", "x-acs-date", "x-acs-signature-nonce", "x-acs-content-sha256"}
)

_MS: Final = 1_000.0


class Asked(BaseModel):
    """What to measure.

    Attributes:
        scenes: taken in turn.
        rounds: how often each is.
        events: handled in a row; a round's number is their mean.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    scenes: tuple[Scene, ...]
    rounds: int
    events: int


class Sum:
    """The mean time of some pieces of work, in milliseconds."""

    def __init__(self) -> None:
        self._pieces: list[tuple[float, float]] = []

    def add(self, work: Callable[[], None]) -> None:
        """Does a piece of work."""
        meter = Meter()
        work()
        self._pieces.append(meter.read())

    @property
    def wall(self) -> float:
        """On the clock."""
        return mean(wall for wall, _ in self._pieces) * _MS

    @property
    def cpu(self) -> float:
        """Of the processor."""
        return mean(cpu for _, cpu in self._pieces) * _MS


class Stage:
    """A warm function, its scene, and what of an invocation can be done alone."""

    def __init__(self, scene: Scene, stack: ExitStack) -> None:
        self._scene = scene
        self._event = scene.event.encode()
        self._answers = PreparedAnswers(scene.exchanges)
        self._function, self._in_turn = (
            stack.enter_context(warm_function(scene.job, scene.bindings, self._answers, scene.now, together))
            for together in (in_threads, one_by_one)
        )
        self._http = stack.enter_context(open_http(transport=PreparedAnswers(scene.exchanges)))
        self._auth = AcsAuth(Credentials(KEY, KEY))
        self._unsigned = [_unsigned(one) for one in scene.exchanges]
        self._ready = [
            (one.method, one.url, one.headers, one.body.encode() or None) for one in scene.exchanges
        ]
        self.times: list[JsonObject] = []

    def take(self, events: int) -> None:
        """Measures once: whole invocations, some that do less, and parts of them alone.

        They take turns, event by event: so all of them find the processor's caches as the others left them.
        """
        before = self._answers.asked
        whole, in_turn, silent, http, signatures = Sum(), Sum(), Sum(), Sum(), Sum()
        for _ in range(events):
            whole.add(self.handle)
            http.add(self.call)
            in_turn.add(self.handle_in_turn)
            signatures.add(self.sign)
            logging.disable(logging.CRITICAL)
            silent.add(self.handle)
            logging.disable(logging.NOTSET)
        if self._answers.asked - before != _INVOCATIONS * events * len(self._scene.exchanges):
            raise BenchError(f"{self._scene.job}: {self._answers.asked - before} calls in {events} events")
        self.times.append(
            {
                "cpu": whole.cpu,
                "wall": whole.wall,
                "http_cpu": http.cpu,
                "http_wall": http.wall,
                "signing_cpu": signatures.cpu,
                "threads_cpu": whole.cpu - in_turn.cpu,
                "log_cpu": whole.cpu - silent.cpu,
                "own_cpu": whole.cpu - http.cpu,
                "own_wall": whole.wall - http.wall,
            }
        )

    def handle(self) -> None:
        """One invocation. Raises BenchError unless it ends as it must."""
        self._check(self._function.handle(self._event, CONTEXT))

    def handle_in_turn(self) -> None:
        """The same without threads: what is looked at together is looked at in turn."""
        self._check(self._in_turn.handle(self._event, CONTEXT))

    def _check(self, report: JsonValue) -> None:
        if not isinstance(report, dict) or report["counts"] != self._scene.counts:
            raise BenchError(f"{self._scene.job}: expected {self._scene.counts}, found {report!r}")

    def call(self) -> None:
        """The same requests to the same answers, with headers that are ready, by the HTTP library alone."""
        for method, url, headers, body in self._ready:
            self._http.request(method, url, headers=headers, content=body).read()

    def sign(self) -> None:
        """Signs each request."""
        for method, target, headers, body in self._unsigned:
            self._auth.headers_for(method, target, headers, body)


def _unsigned(one: Exchange) -> tuple[str, str, dict[str, str], bytes]:
    """Method, path with query, headers and body of a request before it is signed."""
    url = httpx2.URL(one.url)
    headers = {name: value for name, value in one.headers.items() if name not in _OF_THE_SIGNATURE}
    return one.method, url.raw_path.decode("ascii"), headers, one.body.encode()


def main() -> None:
    """Measures and tells, for each scene, the times of each round."""
    asked = Asked.model_validate_json(sys.stdin.read())
    pin(processors()[1])
    go_first()
    with ExitStack() as stack:
        # Logs are written, as in the cloud, and kept by nobody.
        nowhere = stack.enter_context(Path(os.devnull).open("w", encoding="utf-8"))
        stack.enter_context(redirect_stderr(nowhere))
        stages = [Stage(scene, stack) for scene in asked.scenes]
        for number in range(-WARM_UP, asked.rounds):
            for stage in stages:
                stage.take(asked.events)
                if number < 0:
                    stage.times.clear()
    sys.stdout.write(json.dumps([stage.times for stage in stages]))


if __name__ == "__main__":
    main()
