"""What one invocation has observed about Elasticsearch instances. Data only; knows no API calls."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from enlist.troubles import Trouble

if TYPE_CHECKING:
    from collections.abc import Mapping

    from enlist.facts import SearchFacts


@dataclass(frozen=True, slots=True)
class SearchView:
    """Everything the planner may know.

    Attributes:
        instances: facts by instance id; an id that is missing is not visible in a bound region.
        connected: by instance id, the ids it is connected with.
        connectable: by instance id, the ids that may be connected with it; only for those asked about.
        troubles: by instance id, what could not be established about it.
    """

    instances: Mapping[str, SearchFacts]
    connected: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    connectable: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    troubles: Mapping[str, Trouble] = field(default_factory=dict[str, Trouble])
