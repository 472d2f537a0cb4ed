"""How a change of state goes on: at once, for some seconds, or for some looks. Pure; knows no service.

A look is a call that shows the state, or that is refused because of it. A change that takes two looks is
under way in the first two answers and over in the third, however much time passes between them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, TypeAlias

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic_core import PydanticCustomError

if TYPE_CHECKING:
    from localcloud.services.base import Moment

_SHAPE = 'expected seconds, 0 or more, or {"looks": n}'


class Looks(BaseModel):
    """So many looks see the old state; the next one sees the new."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    looks: Annotated[int, Field(ge=0)]


def _told_shape(value: object, check: ValidatorFunctionWrapHandler) -> float | Looks:
    """The value; an error tells the shape instead of one problem for each kind."""
    try:
        pace: float | Looks = check(value)
    except ValidationError:
        raise PydanticCustomError("pace", _SHAPE) from None
    return pace


Pace: TypeAlias = Annotated[Annotated[float, Field(ge=0)] | Looks, WrapValidator(_told_shape)]
"""How long a change takes: seconds of the state clock, 0 is at once, or looks."""


@dataclass(slots=True)
class Change:
    """One change that was begun. What one call began is one change: a task, and what it works on.

    Attributes:
        begun_at: when; seconds since the epoch.
        pace: how long it takes.
    """

    begun_at: float
    pace: float | Looks
    _looks: int = 0
    _latest: Moment | None = None
    _ended_at: float = 0.0

    def is_over(self, moment: Moment) -> bool:
        """Whether the new state is what is seen at this moment."""
        if isinstance(self.pace, Looks):
            # Within one call everything is as it was when the call began, though the call counts as a look.
            earlier = self._looks - (self._latest is moment)
            return earlier >= self.pace.looks
        return moment.now >= self.begun_at + self.pace

    def look(self, moment: Moment) -> None:
        """Counts a look, once for each moment, which is one call's, however much the call shows."""
        if isinstance(self.pace, Looks) and self._latest is not moment and self._looks < self.pace.looks:
            self._looks += 1
            self._latest = moment
            self._ended_at = moment.now

    def latest(self, moment: Moment) -> float:
        """When it ended, or this moment while it is under way."""
        if not self.is_over(moment):
            return moment.now
        if isinstance(self.pace, Looks):
            return self._ended_at or self.begun_at
        return self.begun_at + self.pace


def under_way(change: Change | None, moment: Moment) -> bool:
    """Whether there is a change, and it is not over."""
    return change is not None and not change.is_over(moment)


def look(moment: Moment, *changes: Change | None) -> None:
    """Counts a look at all of these that there are."""
    for change in changes:
        if change is not None:
            change.look(moment)
