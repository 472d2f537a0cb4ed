"""What a case of measurements is. A new one is a module with a `CASE`, named in `bench/cases.py`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.medians import MEDIAN
from fctoolkit.jsontypes import JsonObject

Measure = Callable[[Sequence[JsonObject], str], Sequence[JsonObject]]


class BenchError(Exception):
    """A measurement went wrong, or what was measured did not do its work: its numbers mean nothing."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the caller of `./dev bench` wants.

    Attributes:
        sizes: numbers of machines.
        stores: names of stores, of `bench.stores.STORES`.
        latencies: seconds that a call to an API waits.
        rounds: how often a case takes its settings in turn, if it does; None for as often as it likes.
    """

    sizes: tuple[int, ...]
    stores: tuple[str, ...]
    latencies: tuple[float, ...]
    rounds: int | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a case's table: `key` names a value of a setting or of its numbers.

    Of a summary it shows `part`.
    """

    heading: str
    key: str
    form: str = ""
    part: str = MEDIAN

    def text(self, values: JsonObject) -> str:
        """The value as it is shown."""
        value = values[self.key]
        if isinstance(value, dict):
            value = value[self.part]
        return format(value, self.form) if isinstance(value, (str, int, float)) else str(value)


@dataclass(frozen=True, slots=True)
class Case:
    """Measurements that belong together.

    Attributes:
        name: what it is called on the command line and in results.json.
        about: one line for people.
        columns: what its table shows; results.json has all.
        settings: the measurements that it consists of, as JSON; `store` in one names a store.
        measure: makes some of them, in a fresh process, given their settings and the URL of their store,
            empty for none; gives the numbers of each. Raises `BenchError` when what was measured did not do
            its work. `missed` among the numbers of one is a list of texts, one for each bound that was not
            kept; the command then ends with 1.
        together: whether all are made in one process, so that it can take them in turn; else each has a
            process of its own. Those made together have the same store, and are dropped together.
    """

    name: str
    about: str
    columns: tuple[Column, ...]
    settings: Callable[[Asked], Sequence[JsonObject]]
    measure: Measure
    together: bool = False

    def groups(self, asked: Asked) -> Sequence[Sequence[JsonObject]]:
        """The settings, those together that one process measures."""
        settings = self.settings(asked)
        return [settings] if self.together else [[one] for one in settings]


def each(measure: Callable[[JsonObject, str], JsonObject]) -> Measure:
    """What measures one setting, as what measures several: one after the other."""

    def measure_each(settings: Sequence[JsonObject], store_url: str) -> Sequence[JsonObject]:
        return [measure(setting, store_url) for setting in settings]

    return measure_each
