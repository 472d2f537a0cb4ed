"""The shapes of buses, rules and targets in seeds, calls and answers. Knows no other bus."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from fctoolkit.errors import PatternError
from fctoolkit.pattern import EVENTBRIDGE_LIMIT, Pattern, compile_pattern
from localcloud.delivery import transforms
from localcloud.delivery.bus import DEFAULT_BUS, Rule, Target
from localcloud.delivery.retries import BusRetries, Strategy
from localcloud.delivery.settings import PushSettings, Tolerance
from localcloud.delivery.transforms import Parameter, problem_of

if TYPE_CHECKING:
    from fctoolkit.jsontypes import JsonObject

MOST_BUSES: Final = 50
"""Beside the default one."""
MOST_RULES: Final = 50
MOST_TARGETS: Final = 5

# No page was found with the characters that a name may have.
_NAME: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,126}$"

Status = Literal["ENABLE", "DISABLE"]


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ParameterRecord(_Record):
    """One entry of `ParamList`."""

    ResourceKey: str = Field(min_length=1)
    Form: transforms.Form = "ORIGINAL"
    Value: str = ""
    Template: str = ""

    @field_validator("Value", "Template", mode="before")
    @classmethod
    def _nothing_is_empty(cls, value: object) -> object:
        return "" if value is None else value

    @model_validator(mode="after")
    def _can_be_used(self) -> ParameterRecord:
        problem = problem_of(self.parameter())
        if problem:
            raise ValueError(problem)
        return self

    def parameter(self) -> Parameter:
        """The same as it is used."""
        return Parameter(self.Form, self.Value, self.Template)


class DeadLetterQueueRecord(_Record):
    """What gets the events that could not be delivered. The network has no effect."""

    Arn: str = ""
    Network: str = ""
    VpcId: str = ""
    VSwitchIds: str = ""
    SecurityGroupId: str = ""


class ConcurrentConfigRecord(_Record):
    """Has no effect."""

    Concurrency: int = 1


class TargetRecord(_Record):
    """A target of a rule. What is not given is not shown."""

    Id: str = Field(min_length=1, max_length=255)
    Type: str = Field(min_length=1)
    Endpoint: str = ""
    PushRetryStrategy: Strategy = "BACKOFF_RETRY"
    ErrorsTolerance: Tolerance | None = None
    DeadLetterQueue: DeadLetterQueueRecord | None = None
    ParamList: list[ParameterRecord] = Field(default_factory=list)
    ConcurrentConfig: ConcurrentConfigRecord | None = None

    def shown(self) -> JsonObject:
        """As answers show it."""
        shown: JsonObject = self.model_dump(exclude_none=True)
        return shown

    def target(self, tolerance: Tolerance) -> Target:
        """The same as it is delivered to. `tolerance` is that of targets that say nothing of errors."""
        parameters = {one.ResourceKey: one.parameter() for one in self.ParamList}
        wanted = parameters.get("InvocationType", Parameter()).value.lower()
        letters = self.DeadLetterQueue.Arn if self.DeadLetterQueue is not None else ""
        push = PushSettings(
            asynchronous=wanted == "async",
            retries=BusRetries(self.PushRetryStrategy),
            tolerant=(self.ErrorsTolerance or tolerance) == "ALL",
            dead_letters=letters,
        )
        return Target(self.Id, self.Type, self.Endpoint, parameters=parameters, push=push)


class RuleRecord(_Record):
    """A rule of a bus, with its targets in order. `CreatedTimestamp` is in milliseconds."""

    RuleName: str = Field(pattern=_NAME)
    Description: str = ""
    Status: Status = "ENABLE"
    FilterPattern: str = "{}"
    CreatedTimestamp: int = 0
    Targets: Annotated[list[TargetRecord], Field(max_length=MOST_TARGETS)] = Field(default_factory=list)

    @field_validator("FilterPattern")
    @classmethod
    def _is_a_pattern(cls, text: str) -> str:
        pattern_of(text)
        return text

    @field_validator("Targets")
    @classmethod
    def _ids_differ(cls, targets: list[TargetRecord]) -> list[TargetRecord]:
        if len({target.Id for target in targets}) < len(targets):
            raise ValueError("two targets have the same Id")
        return targets

    def rule(self, bus: str, tolerance: Tolerance) -> Rule:
        """The same as events meet it."""
        targets = tuple(target.target(tolerance) for target in self.Targets)
        return Rule(self.RuleName, pattern_of(self.FilterPattern), targets, self.Status == "ENABLE", bus)


class BusRecord(_Record):
    """A bus with its rules. `CreateTimestamp` is in milliseconds."""

    EventBusName: str = Field(pattern=_NAME)
    Description: str = ""
    CreateTimestamp: int = 0
    Rules: Annotated[list[RuleRecord], Field(max_length=MOST_RULES)] = Field(default_factory=list)

    @field_validator("Rules")
    @classmethod
    def _names_differ(cls, rules: list[RuleRecord]) -> list[RuleRecord]:
        if len({rule.RuleName for rule in rules}) < len(rules):
            raise ValueError("two rules have the same RuleName")
        return rules

    @property
    def is_default(self) -> bool:
        """Whether it is the bus that every account has."""
        return self.EventBusName == DEFAULT_BUS


@functools.lru_cache(maxsize=1024)
def pattern_of(text: str) -> Pattern:
    """A pattern as EventBridge takes it, from its JSON; ValueError that says what is wrong.

    Remembers the last ones: rules are made ready for every event.
    """
    try:
        return compile_pattern(text, limit=EVENTBRIDGE_LIMIT)
    except PatternError as error:
        raise ValueError(str(error)) from None
