"""What a case of measurements is. A new one is a module with a `CASE`, named in `bench/__main__.py`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fctoolkit.jsontypes import JsonObject


class BenchError(Exception):
    """A measurement went wrong, or what was measured did not do its work: its numbers mean nothing."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the caller of `./dev bench` wants.

    Attributes:
        sizes: numbers of machines.
        stores: names of stores, of `bench.stores.STORES`.
        latencies: seconds that a call to an API waits.
    """

    sizes: tuple[int, ...]
    stores: tuple[str, ...]
    latencies: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a case's table: `key` names a value of a setting or of its numbers."""

    heading: str
    key: str
    form: str = ""

    def text(self, values: JsonObject) -> str:
        """The value as it is shown."""
        value = values[self.key]
        return format(value, self.form) if isinstance(value, (str, int, float)) else str(value)


@dataclass(frozen=True, slots=True)
class Case:
    """Measurements that belong together.

    Attributes:
        name: what it is called on the command line and in results.json.
        about: one line for people.
        columns: what its table shows; results.json has all.
        settings: the measurements that it consists of, as JSON; `store` in one names a store.
        measure: makes one of them, in a fresh process, given its setting and the URL of its store, empty for
            none. Raises `BenchError` when what was measured did not do its work. `missed` among its numbers
            is a list of texts, one for each bound that was not kept; the command then ends with 1.
    """

    name: str
    about: str
    columns: tuple[Column, ...]
    settings: Callable[[Asked], Sequence[JsonObject]]
    measure: Callable[[JsonObject, str], JsonObject]
