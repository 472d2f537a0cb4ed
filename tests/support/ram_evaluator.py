"""RAM's decision about one request, as its policy language is documented. Knows no policy of ours.

Source: https://www.alibabacloud.com/help/en/ram/policy-structure-and-syntax. Of the elements it has Effect,
Action, Resource and Condition with StringEquals; anything else is an error, because a policy that is not
understood must not seem to allow anything.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_ELEMENTS = {"Effect", "Action", "Resource", "Condition"}


class Decision(Enum):
    """What RAM says. Without a statement that allows, nothing is allowed; a Deny wins over any Allow."""

    ALLOWED = "allowed"
    NOT_ALLOWED = "no statement allows it"
    DENIED = "a statement denies it"


def decide(
    policies: Iterable[Mapping[str, Any]],
    action: str,
    resource: str,
    context: Mapping[str, str] | None = None,
) -> Decision:
    """The decision about an action on a resource by somebody who has these policies.

    `context` are the condition keys of the request, such as `ram:ServiceName`. Raises ValueError for a policy
    with elements that are not understood.
    """
    effects = {
        statement["Effect"]
        for policy in policies
        for statement in _statements(policy)
        if _any(statement["Action"], action)
        and _any(statement["Resource"], resource)
        and _fulfilled(statement.get("Condition", {}), context or {})
    }
    if "Deny" in effects:
        return Decision.DENIED
    return Decision.ALLOWED if "Allow" in effects else Decision.NOT_ALLOWED


def _statements(policy: Mapping[str, Any]) -> list[dict[str, Any]]:
    if policy.get("Version") != "1" or set(policy) != {"Version", "Statement"}:
        raise ValueError(f"expected Version 1 and Statement, found {policy}")
    statements: list[dict[str, Any]] = policy["Statement"]
    for statement in statements:
        if not {"Effect", "Action", "Resource"} <= set(statement) <= _ELEMENTS:
            raise ValueError(f"expected Effect, Action and Resource, found {sorted(statement)}")
        if statement["Effect"] not in ("Allow", "Deny"):
            raise ValueError(f"expected Allow or Deny, found {statement['Effect']}")
    return statements


def _any(patterns: str | list[str], text: str) -> bool:
    return any(_matches(one, text) for one in ([patterns] if isinstance(patterns, str) else patterns))


def _matches(pattern: str, text: str) -> bool:
    """`*` stands for any text, `?` for one character."""
    parts = (".*" if one == "*" else "." if one == "?" else re.escape(one) for one in pattern)
    return re.fullmatch("".join(parts), text, re.DOTALL) is not None


def _fulfilled(condition: Mapping[str, Any], context: Mapping[str, str]) -> bool:
    for operator, keys in condition.items():
        if operator != "StringEquals":
            raise ValueError(f"expected StringEquals, found {operator}")
        for key, values in keys.items():
            if context.get(key) not in ([values] if isinstance(values, str) else values):
                return False
    return True
