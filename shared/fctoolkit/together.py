"""The same small piece of work on many items: one after the other, or several at a time. Knows no API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Item = TypeVar("Item")
Found = TypeVar("Found")


class Together(Protocol):
    """Does `work` on each item and gives what came of it, in the order of the items.

    `work` must not depend on what it does for other items. When it raises, the error of the first such
    item is raised, and nothing is begun after that.
    """

    def __call__(self, work: Callable[[Item], Found], items: Sequence[Item]) -> list[Found]:
        """What came of each item."""
        ...


def one_by_one(work: Callable[[Item], Found], items: Sequence[Item]) -> list[Found]:
    """One after the other, in order."""
    return [work(item) for item in items]
