"""Where signals come from: the events that count, and the rules that bring them from the bus. Data only.

Which events exist is partly inferred: no official event says "ENS instance ready" or "Elasticsearch instance
active"; `events/README.md` says which are. Patterns are EventBridge's:
https://www.alibabacloud.com/help/en/doc-detail/181432.htm. ENLIST_SIGNALS replaces those of a function; the
rules stand in s.yaml, where `./dev rules` writes them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fctoolkit.jsontypes import FrozenJson

    EventPattern: TypeAlias = Mapping[str, FrozenJson]

Kind: TypeAlias = Literal["edge", "search"]
"""`edge`: ENS instances into clusters. `search`: Elasticsearch instances with their peers."""

CUSTOM_SOURCE = "enlist.custom"
"""Source of the events that users publish themselves; see `events/`."""

_ENS = ["acs.ens", "acs:ens"]
_ELASTICSEARCH = ["acs.elasticsearch", "acs:elasticsearch"]
_CREATED = ["EnsInstance:Create", "EnsInstance[Create"]
_CREATE = ["createInstance", "CreateInstance", "create", "Create"]
_ENS_CALL: EventPattern = {"source": _ENS, "type": [{"prefix": "ens:ActionTrail:"}]}
_ELASTICSEARCH_CALL: EventPattern = {
    "source": _ELASTICSEARCH,
    "type": [{"prefix": "elasticsearch:ActionTrail:"}],
}
_ORDERS: EventPattern = {"eventName": [*_CREATE, "RunInstances"]}
_SUCCEEDED = [{"exists": False}]
"""ActionTrail reports calls that failed, too: those carry an errorCode."""


class Source(NamedTuple):
    """One kind of event, in every form in which it may arrive.

    Attributes:
        trigger: name of the trigger in s.yaml that brings it from the default bus.
        patterns: what counts as a signal; the first is for the bus, the others may be pushed without it.
        other_rule: the pattern of the trigger's rule, where that is not the first of `patterns`. What it
            brings beyond them is ignored.
    """

    trigger: str
    patterns: tuple[EventPattern, ...]
    other_rule: EventPattern | None = None

    @property
    def rule(self) -> EventPattern:
        """The pattern of the rule that brings it."""
        return self.other_rule or self.patterns[0]


SOURCES: Mapping[Kind, tuple[Source, ...]] = {
    "edge": (
        Source(
            "ens-created",
            (
                {"source": _ENS, "type": [{"prefix": f"ens:CloudMonitor:{one}"} for one in _CREATED]},
                {
                    "source": _ENS,
                    "type": [{"prefix": "ens:CloudMonitor:"}],
                    "data": {"name": [{"prefix": one} for one in _CREATED]},
                },
                {"product": ["ENS", "Ens", "ens"], "name": [{"prefix": "EnsInstance:Create"}]},
            ),
            # All of CloudMonitor's events of ENS: how the bus spells the one that counts is inferred.
            {"source": _ENS, "type": [{"prefix": "ens:CloudMonitor:"}]},
        ),
        Source(
            "ens-ordered",
            (
                {**_ENS_CALL, "data": _ORDERS},
                {"serviceName": ["Ens", "ENS", "ens"], **_ORDERS},
            ),
            {**_ENS_CALL, "data": {**_ORDERS, "errorCode": _SUCCEEDED}},
        ),
        Source("ens-ready", ({"source": [CUSTOM_SOURCE], "type": ["ens:Instance:Ready"]},)),
    ),
    "search": (
        Source(
            "elasticsearch-created",
            (
                {**_ELASTICSEARCH_CALL, "data": {"eventName": _CREATE}},
                {"serviceName": ["Elasticsearch", "elasticsearch"], "eventName": _CREATE},
            ),
            {**_ELASTICSEARCH_CALL, "data": {"eventName": _CREATE, "errorCode": _SUCCEEDED}},
        ),
        Source(
            "elasticsearch-discovered",
            (
                {
                    "source": _ELASTICSEARCH,
                    "type": ["elasticsearch:Config:ConfigurationItemChangeNotification"],
                    "data": {"resourceEventType": ["DISCOVERED"]},
                },
                {"resourceType": ["ACS::Elasticsearch::Instance"], "resourceEventType": ["DISCOVERED"]},
                {"ResourceType": ["ACS::Elasticsearch::Instance"], "ResourceEventType": ["DISCOVERED"]},
            ),
        ),
        Source(
            "elasticsearch-active", ({"source": [CUSTOM_SOURCE], "type": ["elasticsearch:Instance:Active"]},)
        ),
    ),
}


def default_patterns(kind: Kind) -> tuple[EventPattern, ...]:
    """What counts as a signal of a kind, unless ENLIST_SIGNALS says otherwise."""
    return tuple(pattern for source in SOURCES[kind] for pattern in source.patterns)
