"""The same small piece of work on many items: one after the other, or several at a time. Knows no API."""

from __future__ import annotations

from contextvars import Context, copy_context
from dataclasses import dataclass, field
from threading import Lock, Thread
from typing import TYPE_CHECKING, Final, Generic, NamedTuple, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Item = TypeVar("Item")
Found = TypeVar("Found")

MOST_THREADS: Final = 16
"""Threads at a time, unless it is said otherwise.

Measured: an API call costs 1.3 ms of a processor. Where FC gives a third of one, and a call takes 0.1 s,
sixteen at a time use half of that. The connection pool of `fctoolkit.transport` has room for them."""


class Together(Protocol):
    """Does `work` on each item and gives what came of it, in the order of the items.

    `work` must not depend on what it does for other items, and may run in several threads at once: what it
    uses must be safe to share. When it raises, the error of the first such item is raised, and nothing is
    begun after that.
    """

    def __call__(self, work: Callable[[Item], Found], items: Sequence[Item]) -> list[Found]:
        """What came of each item."""
        ...


def one_by_one(work: Callable[[Item], Found], items: Sequence[Item]) -> list[Found]:
    """One after the other, in order."""
    return [work(item) for item in items]


class Threads(NamedTuple):
    """Several at a time: the thread that calls and others, which end before the call returns.

    For work that waits. Items are begun in their order, each in a copy of the caller's context variables, so
    that log lines keep their keys. When `work` raises, what was begun is waited for, and nothing else is
    begun. What is no `Exception`, such as KeyboardInterrupt, is raised before any error.

    Attributes:
        most: threads at a time, at least 1, the calling one included.
    """

    most: int = MOST_THREADS

    def __call__(self, work: Callable[[Item], Found], items: Sequence[Item]) -> list[Found]:
        """What came of each item."""
        if len(items) < 2 or self.most < 2:  # noqa: PLR2004 -- one needs no company
            return one_by_one(work, items)
        share = _Share(work, items, copy_context())
        helpers: list[Thread] = []
        try:
            for _ in range(min(self.most, len(items)) - 1):
                helper = Thread(target=share.work_off)
                try:
                    helper.start()
                except RuntimeError:  # the system gives no more threads: those that are there do it all
                    break
                helpers.append(helper)
            share.work_off()
        finally:
            share.stop()
            for helper in helpers:
                helper.join()
        return share.results()


@dataclass(slots=True)
class _Share(Generic[Item, Found]):
    """The items of one call, taken one after the other by whichever thread is free."""

    work: Callable[[Item], Found]
    items: Sequence[Item]
    context: Context
    _next: int = 0
    _found: dict[int, Found] = field(default_factory=dict[int, Found])
    _errors: dict[int, BaseException] = field(default_factory=dict[int, BaseException])
    _lock: Lock = field(default_factory=Lock)

    def work_off(self) -> None:
        """Does items until none is left, or nothing may be begun."""
        while (place := self._take()) is not None:
            try:
                # A context can be entered once at a time, so each item has a copy.
                found = self.context.copy().run(self.work, self.items[place])
            except BaseException as error:  # noqa: BLE001 -- raised where the call was made
                with self._lock:
                    self._errors[place] = error
                    self._next = len(self.items)
            else:
                with self._lock:
                    self._found[place] = found

    def stop(self) -> None:
        """Nothing else is begun."""
        with self._lock:
            self._next = len(self.items)

    def results(self) -> list[Found]:
        """What came of all items, in their order; raises when one of them raised."""
        errors = [self._errors[place] for place in sorted(self._errors)]
        for error in errors:
            if not isinstance(error, Exception):
                raise error
        if errors:
            raise errors[0]
        return [self._found[place] for place in range(len(self.items))]

    def _take(self) -> int | None:
        with self._lock:
            place = self._next
            if place >= len(self.items):
                return None
            self._next = place + 1
            return place


in_threads: Final = Threads()
"""Several at a time, as many as is usual."""
