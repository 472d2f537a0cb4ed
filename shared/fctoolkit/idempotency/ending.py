"""What becomes of a claim when the code under it raises. Pure."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from typing import Final, TypeAlias

from fctoolkit.strictjson import shorten

MAX_REASON_LENGTH: Final = 500
"""Characters of a reason that are kept."""


class Ending(Enum):
    """What becomes of a claim when the code under it raises, BaseException included."""

    FAILED_UNCLEAR = auto()
    """Failed, and the work may have been done: anybody may claim at once, and is told to look."""
    FAILED = auto()
    """Failed, and this attempt surely did nothing: anybody may claim at once. Whoever was told to look has
    not said what was seen, so the next owner is told, too."""
    RELEASED = auto()
    """Given back, and the attempt does not count."""
    LEFT = auto()
    """Left as it is: nobody may claim before the lease runs out, and is told to look then.
    For effects that may still be on their way."""


OnError: TypeAlias = Ending | Callable[[BaseException], Ending]
"""One ending for all errors, or a function that chooses."""


def ending_for(on_error: OnError, error: BaseException) -> Ending:
    """The ending that was chosen for `error`. A function that fails to choose has chosen FAILED_UNCLEAR."""
    if isinstance(on_error, Ending):
        return on_error
    try:
        return on_error(error)
    except Exception:  # noqa: BLE001  # the error that is being handled matters more
        return Ending.FAILED_UNCLEAR


def reason_of(error: BaseException) -> str:
    """Type and message. What an error must not show in a store, it must not say."""
    name = type(error).__name__
    try:
        said = str(error)
    except Exception:  # noqa: BLE001  # the error that is being handled matters more
        said = "it cannot say what it is"
    return shorten(f"{name}: {said}".removesuffix(": "), MAX_REASON_LENGTH)
