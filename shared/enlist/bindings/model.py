"""What a binding is, and what makes one valid. Knows no file format and no API."""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    JsonValue,
    Tag,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from enlist.facts import EDGE_FACTS, SEARCH_FACTS
from enlist.identifiers import RegionId, ResourceId, SearchId, Shape
from fctoolkit.errors import PatternError
from fctoolkit.pattern import Pattern, compile_pattern
from fctoolkit.strictjson import dotted

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from fctoolkit.jsontypes import FrozenJson

Mode: TypeAlias = Literal["plan", "apply"]
"""`plan` reports what it would do; `apply` does it."""

Name = Annotated[
    str, AfterValidator(Shape(r"[A-Za-z0-9][\w.-]{0,62}", "at most 63 letters, digits, . _ and -").check)
]
Match: TypeAlias = dict[str, JsonValue]
"""An EventBridge pattern over the facts; see `enlist.facts`."""

SAME_BINDING = "same-binding"


def _time_text(value: object) -> object:
    # Pydantic also takes numbers, as seconds since 1970: 2026 would keep no machine out.
    if isinstance(value, datetime) or (isinstance(value, str) and ":" in value):
        return value
    raise ValueError("expected a time with a zone, such as 2026-11-01T00:00:00Z")


Moment = Annotated[AwareDatetime, BeforeValidator(_time_text)]

SUPPORTED_OS: tuple[JsonValue, ...] = tuple({"prefix": f"CentOS 7.{minor}"} for minor in range(4, 10))
"""CentOS 7.4 or later, as the vendor's page on adding ENS nodes says; a binding's `os` widens it."""


class Binding(BaseModel):
    """What both kinds share.

    Attributes:
        name: unique among its kind; appears in outcomes and logs.
        match: pattern over the facts; must not be empty.
        region: API region of the cluster or the instances; ids are region-scoped.
        mode: `plan` unless it says `apply`.
        created_after: instances created before this moment are left alone.
        max_per_run: at most so many new attaches or connections an invocation, 1 to 1000.
    """

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True)

    name: Name
    match: Annotated[Match, Field(min_length=1)]
    region: RegionId
    mode: Mode = "plan"
    created_after: Moment | None = None
    max_per_run: Annotated[int, Field(ge=1, le=1000, strict=True)] = 10

    @cached_property
    def _pattern(self) -> Pattern:
        return compile_pattern(self.match)

    def matches(self, record: Mapping[str, FrozenJson]) -> bool:
        """Whether the binding chooses what has these facts."""
        return self._pattern.matches(record)

    def mismatch(self, record: Mapping[str, FrozenJson]) -> str:
        """Why a record of facts does not match, for a person; empty when it does."""
        found = self._pattern.explain(record)
        return "" if found is None else str(found)

    @property
    def target(self) -> str:
        """Where a matching instance belongs, when that is one thing."""
        return ""


class EdgeBinding(Binding):
    """ENS instances that belong to an edge cluster.

    Attributes:
        cluster: id of the managed edge cluster.
        nodepool: id of a node pool in it; without one, the cluster's default pool.
        os: pattern expressions for `osName`; one must match.
    """

    cluster: ResourceId
    nodepool: ResourceId | None = None
    os: Annotated[tuple[JsonValue, ...], Field(min_length=1)] = SUPPORTED_OS

    @field_validator("match")
    @classmethod
    def _known_facts(cls, match: Match) -> Match:
        return _checked_pattern(match, EDGE_FACTS.keys())

    @field_validator("os")
    @classmethod
    def _os_expressions(cls, expressions: tuple[JsonValue, ...]) -> tuple[JsonValue, ...]:
        try:
            compile_pattern({"osName": [*expressions]})
        except PatternError as error:
            raise ValueError(f"not a pattern: {error}") from error
        return expressions

    @cached_property
    def _os(self) -> Pattern:
        return compile_pattern({"osName": [*self.os]})

    @property
    def target(self) -> str:
        """The cluster."""
        return self.cluster

    def supports(self, os_name: str) -> bool:
        """True when a node may run this operating system."""
        return self._os.matches({"osName": os_name})


class PeerMatch(BaseModel):
    """Peers chosen by their facts instead of by id."""

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True)

    match: Annotated[Match, Field(min_length=1)]

    @field_validator("match")
    @classmethod
    def _known_facts(cls, match: Match) -> Match:
        return _checked_pattern(match, SEARCH_FACTS.keys())

    @cached_property
    def _pattern(self) -> Pattern:
        return compile_pattern(self.match)

    def matches(self, record: Mapping[str, FrozenJson]) -> bool:
        """True when an instance with this record of facts is a peer."""
        return self._pattern.matches(record)


def _peers_form(value: object) -> str | None:
    if isinstance(value, (list, tuple)):
        return "<ids>"
    if isinstance(value, (dict, PeerMatch)):
        return "<match>"
    return "<word>" if value == SAME_BINDING else None


Peers: TypeAlias = Annotated[
    Annotated[tuple[SearchId, ...], Field(min_length=1), Tag("<ids>")]
    | Annotated[PeerMatch, Tag("<match>")]
    | Annotated[Literal["same-binding"], Tag("<word>")],
    Discriminator(
        _peers_form,
        custom_error_type="peers",
        custom_error_message="expected a list of instance ids, {match: …} or same-binding",
    ),
]


class SearchBinding(Binding):
    """Elasticsearch instances that are connected with others.

    Attributes:
        peers: instance ids, or `{match: …}`, or `same-binding` for an all-to-all mesh of what matches.
        max_peers: an instance gets a new connection only while it has fewer than so many, 1 to 100.
    """

    peers: Peers
    max_peers: Annotated[int, Field(ge=1, le=100, strict=True)] = 5

    def matches(self, record: Mapping[str, FrozenJson]) -> bool:
        """As for every binding; and the instance must be in the binding's region."""
        return record.get("regionId") == self.region and super().matches(record)

    def mismatch(self, record: Mapping[str, FrozenJson]) -> str:
        """As for every binding; and the instance must be in the binding's region."""
        region = record.get("regionId")
        return (
            super().mismatch(record) if region == self.region else f"regionId: {region} is not {self.region}"
        )

    @field_validator("match")
    @classmethod
    def _known_facts(cls, match: Match) -> Match:
        return _checked_pattern(match, SEARCH_FACTS.keys())


class Bindings(BaseModel):
    """A whole file. The first binding that matches an instance decides."""

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True)

    edge: tuple[EdgeBinding, ...] = ()
    search: tuple[SearchBinding, ...] = ()

    @field_validator("edge", "search")
    @classmethod
    def _names_once(cls, bindings: tuple[Binding, ...], info: ValidationInfo) -> tuple[Binding, ...]:
        seen: set[str] = set()
        for index, binding in enumerate(bindings):
            if binding.name in seen:
                reason = f"the name {binding.name!r} is used twice in {info.field_name}; names are unique"
                raise _at((index, "name"), binding.name, reason)
            seen.add(binding.name)
        return bindings

    @field_validator("edge")
    @classmethod
    def _one_region_a_cluster(cls, bindings: tuple[EdgeBinding, ...]) -> tuple[EdgeBinding, ...]:
        regions: dict[str, str] = {}
        for index, binding in enumerate(bindings):
            known = regions.setdefault(binding.cluster, binding.region)
            if known != binding.region:
                reason = f"cluster {binding.cluster} is in {known}, as a binding before this one says"
                raise _at((index, "region"), binding.region, reason)
        return bindings

    @model_validator(mode="after")
    def _something_bound(self) -> Bindings:
        if not self.edge and not self.search:
            raise ValueError("no binding: give at least one under edge or search")
        return self


def _at(place: tuple[int | str, ...], found: str, reason: str) -> ValidationError:
    """An error at a place inside a field, which a plain ValueError would report at the field itself."""
    error = PydanticCustomError("bindings", "{reason}", {"reason": reason})
    details = InitErrorDetails(type=error, loc=place, input=found)
    return ValidationError.from_exception_data("Bindings", [details])


def _checked_pattern(match: Match, facts: Collection[str]) -> Match:
    """`match` itself, when it is a valid pattern over these facts; else an error at its key."""
    try:
        pattern = compile_pattern(match)
    except PatternError as error:
        # The error's path begins with a key of the pattern; a longer key may begin alike.
        key = max((one for one in match if error.path.startswith(one)), key=len, default=None)
        raise _at(() if key is None else (key,), "", f"not a pattern: {error}") from error
    for path in pattern.paths():
        # Only tags have fields of their own.
        if path[0] not in facts or (len(path) > 1) != (path[0] == "tags"):
            reason = f"no such fact: {dotted(path)}; known facts: {', '.join(sorted(facts))}"
            raise _at((path[0],), "", reason)
    return match
