"""How far bindings reach, as resource names of RAM. Pure; knows no actions.

A resource name is acs:SERVICE:REGION:ACCOUNT:RESOURCE; `*` stands for any text, `/` and nothing included.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, TypeAlias

from enlist.bindings.model import PeerMatch
from enlist.identifiers import SEARCH_ID
from tools.ram.table import Reach

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from enlist.bindings.model import Bindings, SearchBinding
    from fctoolkit.jsontypes import JsonValue

Sight: TypeAlias = Literal["account", "bound"]
"""Where membership is looked for: in every edge cluster of the account, or only in those of the bindings."""

ANY_INSTANCE = "es-*"
_PREFIX = re.compile(r"es-[A-Za-z0-9-]*", re.ASCII)


def resources(reach: Reach, bindings: Bindings, account: str, sight: Sight) -> tuple[str, ...]:
    """The resource names, sorted; empty when no binding needs the permission."""
    return tuple(sorted(set(_resources(reach, bindings, account, sight))))


def _resources(reach: Reach, bindings: Bindings, account: str, sight: Sight) -> Iterable[str]:
    edge, search = bindings.edge, bindings.search
    if reach is Reach.UNLIMITED:
        return ["*"]
    if reach is Reach.MACHINES:
        return [f"acs:ens:*:{account}:instance/*"] if edge else []
    if reach is Reach.SEEN_INSTANCES:
        return [f"acs:elasticsearch:{one.region}:{account}:instances/*" for one in search]
    if reach is Reach.CHANGED_INSTANCES:
        return _changed_instances((one for one in search if one.mode == "apply"), account)
    if reach is Reach.SEEN_CLUSTERS and sight == "account":
        # A region's list may name clusters of other regions, and those are looked into as well.
        return [f"acs:cs:*:{account}:cluster/*"] if edge else []
    chosen = [
        one
        for one in edge
        if (reach is not Reach.CHANGED_CLUSTERS or one.mode == "apply")
        and (reach is not Reach.POOLED_CLUSTERS or one.nodepool is not None)
    ]
    return [f"acs:cs:{one.region}:{account}:cluster/{one.cluster}" for one in chosen]


def _changed_instances(bindings: Iterable[SearchBinding], account: str) -> list[str]:
    """Both sides of every pair: it is called on whichever instance has the smaller id."""
    names: dict[str, set[str]] = {}
    for binding in bindings:
        own = instance_names(binding.match)
        peers = binding.peers
        theirs = (
            peers
            if isinstance(peers, tuple)
            else instance_names(peers.match)
            if isinstance(peers, PeerMatch)
            else own
        )
        names.setdefault(binding.region, set()).update(own, theirs)
    return [
        f"acs:elasticsearch:{region}:{account}:instances/{name}"
        for region, some in names.items()
        for name in _without_covered(some)
    ]


def instance_names(match: Mapping[str, JsonValue]) -> tuple[str, ...]:
    """What the ids are that a pattern can match: ids, or beginnings of ids with `*` after them.

    Ids are known beforehand only when the pattern has `instanceId` as texts or prefixes. Anything else says
    nothing about them: the id of a new instance is given by the service.
    """
    expressions = match.get("instanceId")
    names = [_name(one) for one in expressions] if isinstance(expressions, list) else []
    return tuple(names) or (ANY_INSTANCE,)


def _name(expression: JsonValue) -> str:
    """What one expression can match. What is no id could hold a `*` of its own, so it is never passed on."""
    if isinstance(expression, str) and SEARCH_ID.fits(expression):
        return expression
    prefix = expression.get("prefix") if isinstance(expression, dict) else None
    if isinstance(prefix, str) and _PREFIX.fullmatch(prefix):
        return f"{prefix}*"
    return ANY_INSTANCE


def _without_covered(names: set[str]) -> list[str]:
    beginnings = [one[:-1] for one in names if one.endswith("*")]
    return [
        one for one in names if not any(one != f"{some}*" and one.startswith(some) for some in beginnings)
    ]
