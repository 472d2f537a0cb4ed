"""The local cloud as a server: how soon it answers, and what a page takes with few and with many instances.

Beside it, in the same run, moto_server with as many instances of EC2, or with a thousand.
"""

from __future__ import annotations

import resource
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from statistics import median, quantiles
from threading import Barrier
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict

from bench.case import Asked, BenchError, Case, Column, each
from bench.page_servers import LocalPages, MotoPages, running, send

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from http.client import HTTPConnection

    from bench.page_servers import Running
    from fctoolkit.jsontypes import JsonObject, JsonValue

FEW: Final = 10
"""Instances stored in the server that the one with many is compared with."""
PAGES: Final = (10, 50, 100)
CONNECTIONS: Final = (1, 4)

MOTO_ROUNDS: Final = 20
"""Between two rounds in which moto_server is asked, too."""

MOST_IN_MOTO: Final = 1_000
"""Instances stored in moto_server. It takes minutes to be given ten thousand, and then seconds for a page."""

MOST_GROWTH: Final = 2.0
MOST_SECONDS_TO_START: Final = 1.0

NEW: Final = "new connection"
_PLACES: Final = ("first", "middle", "last")


class PageSetting(BaseModel):
    """How many instances are stored, and how often each page is asked for.

    moto_server has at most a thousand of them and is asked in each twentieth round: it is slow.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    instances: int
    rounds: int = 300


class StartSetting(BaseModel):
    """How often each server is started."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    starts: int = 5


def measure_pages(setting: JsonObject, _: str) -> JsonObject:
    """Times of pages in three servers, turn by turn; then requests a second, one server after the other."""
    asked = PageSetting.model_validate(setting)
    in_moto = min(asked.instances, MOST_IN_MOTO)
    with ExitStack() as stack:
        few, many, moto = (
            stack.enter_context(running(server, instances))
            for server, instances in (
                (LocalPages(), FEW),
                (LocalPages(), asked.instances),
                (MotoPages(), in_moto),
            )
        )
        stopwatches = {
            "few": _Stopwatch(few, FEW),
            "many": _Stopwatch(many, asked.instances),
            NEW: _Stopwatch(many, asked.instances, kept=False),
            "moto": _Stopwatch(moto, in_moto),
        }
        for number in range(asked.rounds):
            for name, stopwatch in stopwatches.items():
                if name != "moto" or number % MOTO_ROUNDS == 0:
                    stopwatch.take_round()
        rates = {
            f"{name}_a_second_{connections}": round(_rate(one, stored, connections, requests), 1)
            for connections in CONNECTIONS
            for name, one, stored, requests in (
                ("local", many, asked.instances, asked.rounds),
                ("moto", moto, in_moto, asked.rounds // MOTO_ROUNDS + 1),
            )
        }
    return {"moto_instances": in_moto, **_page_numbers(stopwatches, rates)}


def measure_start(setting: JsonObject, _: str) -> JsonObject:
    """Times from the start of a process to its URL and to the first answer, fresh processes, turn by turn."""
    starts = StartSetting.model_validate(setting).starts
    ready: dict[str, list[float]] = defaultdict(list)
    answered: dict[str, list[float]] = defaultdict(list)
    worked: dict[str, list[float]] = defaultdict(list)
    for number in range(starts + 1):
        for server in (LocalPages(), MotoPages()):
            before = _processor_seconds()
            with running(server) as one:
                connection = one.connect()
                send(connection, server.page(connection, PAGES[0], 0))
                seconds = time.perf_counter() - one.begun
                connection.close()
            # The first start of each reads its files from the disk, and may write bytecode.
            if number:
                ready[server.name].append(one.ready_seconds)
                answered[server.name].append(seconds)
                worked[server.name].append(_processor_seconds() - before)
    numbers: dict[str, JsonValue] = {}
    for prefix, name in (("local", LocalPages.name), ("moto", MotoPages.name)):
        numbers |= {
            f"{prefix}_ready_seconds": round(median(ready[name]), 3),
            f"{prefix}_answered_seconds": round(median(answered[name]), 3),
            f"{prefix}_answered_least": round(min(answered[name]), 3),
            f"{prefix}_answered_most": round(max(answered[name]), 3),
            f"{prefix}_cpu_seconds": round(median(worked[name]), 3),
        }
    took = median(answered[LocalPages.name])
    missed: list[JsonValue] = (
        [f"the first answer came after {took:.2f} s"] if took > MOST_SECONDS_TO_START else []
    )
    return {**numbers, "missed": missed}


def _processor_seconds() -> float:
    """What processes that this one started have used, of those that ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class _Stopwatch:
    """Times of a server's pages, in milliseconds by size and place.

    `kept`: over one connection, as long as the server keeps it; else over a new one each time.
    """

    def __init__(self, running: Running, instances: int, *, kept: bool = True) -> None:
        self._running = running
        self._instances = instances
        self._kept = kept
        self._connection = running.connect()
        self.times: dict[tuple[int, str], list[float]] = defaultdict(list)

    def take_round(self) -> None:
        """Asks for each page once."""
        for size in PAGES:
            for place, first in zip(_PLACES, _firsts(self._instances, size), strict=True):
                self.times[size, place].append(self._take(size, first) * 1000)

    def p95(self, size: int) -> float:
        """Of the page that takes longest: the first, a middle one, or the last."""
        return max(_p95(self.times[size, place]) for place in _PLACES)

    def p50(self, size: int) -> float:
        """Of all pages of a size."""
        return median(one for place in _PLACES for one in self.times[size, place])

    def _take(self, size: int, first: int) -> float:
        server = self._running.server
        if not self._kept:
            self._connection.close()
        request = server.page(self._connection, size, first)
        begun = time.perf_counter()
        body = send(self._connection, request)
        seconds = time.perf_counter() - begun
        expected = min(size, self._instances - first)
        if (found := server.count(body)) != expected:
            raise BenchError(f"{server.name} gave {found} instances from {first} on, not {expected}")
        return seconds


def _firsts(instances: int, size: int) -> tuple[int, int, int]:
    """The indexes at which the first page, a middle one and the last begin."""
    last = (instances - 1) // size
    return 0, last // 2 * size, last * size


def _rate(running: Running, instances: int, connections: int, requests: int) -> float:
    """Pages of ten a second, over so many connections at once with so many requests each."""
    server, (_, middle, _) = running.server, _firsts(instances, PAGES[0])
    begins, ends = Barrier(connections + 1), Barrier(connections + 1)

    def ask(connection: HTTPConnection) -> None:
        prepared = [server.page(connection, PAGES[0], middle) for _ in range(requests)]
        send(connection, server.page(connection, PAGES[0], middle))
        begins.wait()
        try:
            for request in prepared:
                send(connection, request)
        finally:
            ends.wait()
            connection.close()

    with ThreadPoolExecutor(connections) as threads:
        asking = [threads.submit(ask, running.connect()) for _ in range(connections)]
        begins.wait()
        begun = time.perf_counter()
        ends.wait()
        seconds = time.perf_counter() - begun
    for one in asking:
        one.result()
    return connections * requests / seconds


def _page_numbers(stopwatches: Mapping[str, _Stopwatch], rates: Mapping[str, float]) -> JsonObject:
    few, many, new, moto = (stopwatches[name] for name in ("few", "many", NEW, "moto"))
    numbers: dict[str, JsonValue] = {}
    for size in PAGES:
        numbers |= {
            f"few_p95_{size}": round(few.p95(size), 3),
            f"local_p95_{size}": round(many.p95(size), 3),
            f"new_connection_p95_{size}": round(new.p95(size), 3),
            f"moto_p95_{size}": round(moto.p95(size), 3),
            f"few_p50_{size}": round(few.p50(size), 3),
            f"local_p50_{size}": round(many.p50(size), 3),
            f"moto_p50_{size}": round(moto.p50(size), 3),
        }
    growth = {size: many.p95(size) / few.p95(size) for size in PAGES}
    missed = [
        f"pages of {size} take {times:.1f} times as long as with {FEW} instances"
        for size, times in growth.items()
        if times > MOST_GROWTH
    ]
    missed += [f"pages of {size}: moto_server is faster" for size in PAGES if moto.p95(size) < new.p95(size)]
    missed += [
        f"{count} connections: moto_server answers more"
        for count in CONNECTIONS
        if rates[f"local_a_second_{count}"] < rates[f"moto_a_second_{count}"]
    ]
    return {
        **numbers,
        "growth": round(max(growth.values()), 2),
        "moto_times": round(min(moto.p95(size) / new.p95(size) for size in PAGES), 1),
        **rates,
        "missed": list(missed),
    }


def _p95(values: Sequence[float]) -> float:
    return quantiles(values, n=20, method="inclusive")[-1] if len(values) > 1 else values[0]


def _page_settings(asked: Asked) -> Sequence[JsonObject]:
    return [PageSetting(instances=size).model_dump() for size in asked.sizes]


def _start_settings(_: Asked) -> Sequence[JsonObject]:
    return [StartSetting().model_dump()]


START_CASE: Final = Case(
    "cloud-start",
    "`localcloud serve`, and moto_server, from the start of the process to the first answer",
    (
        Column("starts", "starts"),
        Column("ready s", "local_ready_seconds", ".2f"),
        Column("answered s", "local_answered_seconds", ".2f"),
        Column("least", "local_answered_least", ".2f"),
        Column("most", "local_answered_most", ".2f"),
        Column("moto ready s", "moto_ready_seconds", ".2f"),
        Column("moto answered s", "moto_answered_seconds", ".2f"),
    ),
    _start_settings,
    each(measure_start),
)

CASE: Final = Case(
    "cloud",
    "pages of DescribeInstances over HTTP, p95 in ms, and how many of ten a second; moto_server beside it",
    (
        Column("stored", "instances", ","),
        *(Column(f"of {size}", f"local_p95_{size}", ".2f") for size in PAGES),
        Column(f"by {FEW} stored", "growth", ".2f"),
        Column("in moto", "moto_instances", ","),
        *(Column(f"moto of {size}", f"moto_p95_{size}", ".1f") for size in PAGES),
        Column("moto by these", "moto_times", ".0f"),
        *(Column(f"/s, {count}", f"local_a_second_{count}", ",.0f") for count in CONNECTIONS),
        *(Column(f"moto /s, {count}", f"moto_a_second_{count}", ",.0f") for count in CONNECTIONS),
    ),
    _page_settings,
    each(measure_pages),
)
