"""What one invocation has observed about Elasticsearch instances. Data only; knows no API calls."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from enlist.facts import SearchFacts
    from enlist.memory import Past
    from enlist.troubles import Trouble

Pair: TypeAlias = tuple[str, str]
"""Two instance ids, in the order of `pair_of`."""


def resource_of(pair: Pair) -> str:
    """The pair as the resource of a claim; ids hold no colon."""
    return ":".join(pair)


def pair_of(one: str, other: str) -> Pair:
    """The unordered pair, in the order in which it is always called."""
    return (one, other) if one < other else (other, one)


class SearchView(NamedTuple):
    """Everything the planner may know.

    Attributes:
        now: when it was observed, aware, UTC.
        instances: facts by instance id; an id that is missing is not visible in a bound region.
        connected: by instance id, the ids it is connected with; only for those asked about.
        connectable: by instance id, the ids that may be connected with it; only for those asked about.
        cleared: pairs for which everything was looked at that a connection depends on. Others may become
            candidates, but are not connected.
        troubles: by instance id, what could not be established about it.
        regions: by region, why its instances could not be listed.
        pasts: by pair, what the store remembers of those that were looked at closer.
        forgotten: trouble in asking the store, which concerns every pair.
    """

    now: datetime
    instances: Mapping[str, SearchFacts]
    connected: Mapping[str, frozenset[str]] = MappingProxyType({})
    connectable: Mapping[str, frozenset[str]] = MappingProxyType({})
    cleared: frozenset[Pair] = frozenset()
    troubles: Mapping[str, Trouble] = MappingProxyType({})
    regions: Mapping[str, Trouble] = MappingProxyType({})
    pasts: Mapping[Pair, Past] = MappingProxyType({})
    forgotten: Trouble | None = None
