"""What docs/measurements.md says beside its tables. Text only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page.

    Attributes:
        title: its heading.
        picture: the name of its picture.
        shows: what the picture shows, for who cannot see it.
        text: how to read it.
        cases: whose tables stand in it.
    """

    title: str
    picture: str
    shows: str
    text: str
    cases: tuple[str, ...]


INTRODUCTION: Final = """\
One run of `./dev bench` at {at}: {where}, Python {python}; cold starts and warm events with Python 3.12,
as in the cloud. Times are of that machine. What says something are ratios within one table.
[`bench/README.md`](../bench/README.md) explains every number, how it is measured, and what it does not
say."""

SECTIONS: Final = (
    Section(
        title="Cold starts",
        picture="cold-starts",
        shows="bars of the time of a cold start for attach and connect, by program and state of the bytecode",
        text="""\
From the start of a process until one event is handled to its outcome, against a local cloud over HTTP.
`sdk` is the same job on the official SDKs, `floor` is one signed call with httpx2 and one model of
pydantic, `lowered` the same loaded as the product loads, `bare` the same call with http.client. `lower`
and `upper` are quartiles; `by sdk` and `by floor` are ratios of medians of rows with the same bytecode.""",
        cases=("cold",),
    ),
    Section(
        title="Memory and sizes",
        picture="memory-and-sizes",
        shows="bars of the peak memory of a cold start by program, and of the sizes of the packages",
        text="""\
The memory is that of the cold starts above, with valid bytecode. The layer serves both functions. All
packages are zipped in the same way.""",
        cases=("sizes",),
    ),
    Section(
        title="Warm events",
        picture="warm-events",
        shows="bars of the processor time of a warm event, by what it goes into",
        text="""\
`own` is what an invocation takes beyond its HTTP calls. These are answered in the process, at once. Each
event comes twenty times in a row; one that comes alone takes longer.""",
        cases=("warm", "parts"),
    ),
    Section(
        title="Bursts",
        picture="bursts",
        shows="lines of API calls with their bound, of time and of memory, from 100 to 10,000 machines",
        text="""\
So many machines become ready at once, and nodes of many clusters. `bound` is what looking may take when
there is nothing to do, and the writes. What is above it is the closer look before an attach, into every
cluster there is: each batch pays for that by itself, so few events at a time and many clusters cost most.
A batch has the events of machines of one cluster, a mixed batch those of all; `sweep` is the timer alone.
Calls are answered by a local cloud in another process, at once. Under `latency` each call waits, and the
function's timeout of 60 s counts.""",
        cases=("fleet", "latency", "quota"),
    ),
    Section(
        title="The local cloud",
        picture="local-cloud",
        shows="bars of the time to the first answer, of pages and of answers a second, beside moto_server",
        text="""\
The local cloud checks each signature, moto_server none. What else differs stands in
[`bench/README.md`](../bench/README.md#the-local-cloud-as-a-server).""",
        cases=("cloud-start", "cloud"),
    ),
)
