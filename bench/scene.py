"""An event with all answers that its invocation gets, and a function that is warm and gets just these.

Needs what the layer has, and nothing else: it runs on the function's own Python.
"""

from __future__ import annotations

import json
from collections import defaultdict
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final, Literal

import httpx2
from pydantic import BaseModel, ConfigDict

from enlist.edge.job import run as run_edge
from enlist.effects import Effects
from enlist.function import Function
from enlist.search.job import run as run_search
from fctoolkit.clock import Clock
from fctoolkit.testing import FakeContext
from fctoolkit.together import Together, in_threads
from fctoolkit.transport import open_http

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Job = Literal["attach", "connect"]

CONTEXT: Final = FakeContext()
KEY: Final = "test"
"""Id and secret of the access key: what every local cloud accepts."""


class Exchange(BaseModel):
    """One request with the headers it was sent with, the signature among them, and its answer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: str
    url: str
    headers: dict[str, str]
    body: str
    status: int
    answer_headers: dict[str, str]
    answer: str


class Scene(BaseModel):
    """An event and everything that its invocation sees.

    Attributes:
        job: which function gets it.
        event: as FC hands it over.
        bindings: what the function carries.
        now: the moment of the invocation, seconds since the epoch.
        counts: how many outcomes of each result it has.
        exchanges: in the order of the calls.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    job: Job
    event: str
    bindings: dict[str, object]
    now: float
    counts: dict[str, int]
    exchanges: tuple[Exchange, ...]


class PreparedAnswers(httpx2.BaseTransport):
    """Answers each request as it was answered before, at once; `asked` is how many there were.

    A request that comes several times gets its answers in their order, and then from the first one again.
    """

    def __init__(self, exchanges: Sequence[Exchange]) -> None:
        answers = defaultdict[tuple[str, str], list[tuple[int, list[tuple[bytes, bytes]], bytes]]](list)
        for one in exchanges:
            headers = [(name.encode(), value.encode()) for name, value in one.answer_headers.items()]
            answers[one.method, one.url].append((one.status, headers, one.answer.encode()))
        self._answers = {key: cycle(some) for key, some in answers.items()}
        self.asked = 0

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """The next answer. Raises KeyError for a request that was not made before."""
        status, headers, body = next(self._answers[request.method, str(request.url)])
        self.asked += 1
        return httpx2.Response(status, headers=headers, content=body)


@contextmanager
def warm_function(
    job: Job,
    bindings: Mapping[str, object],
    transport: httpx2.BaseTransport,
    now: float,
    together: Together = in_threads,
) -> Iterator[Function]:
    """The product, initialized, on a wall clock that stands still; its deadlines are real."""
    with TemporaryDirectory() as folder:
        file = Path(folder, "bindings.json")
        file.write_text(json.dumps(bindings), encoding="utf-8")
        environ = {
            "ENLIST_BINDINGS": str(file),
            "ALIBABA_CLOUD_ACCESS_KEY_ID": KEY,
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET": KEY,
        }
        clock = Clock(now=lambda: now)
        effects = Effects(http=lambda: open_http(transport=transport), clock=clock, together=together)
        if job == "attach":
            function = Function("edge", run_edge, "/attach", environ=environ, effects=effects)
        else:
            function = Function("search", run_search, "/connect", environ=environ, effects=effects)
        function.initialize(CONTEXT)
    yield function
