"""RAM's policy documents, and the limit on their size. Pure; knows nothing of what is allowed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from fctoolkit.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from fctoolkit.jsontypes import JsonObject, JsonValue

MOST_CHARACTERS = 6144
"""Of one custom policy: https://www.alibabacloud.com/help/en/resource-management/api-createpolicy.

The page does not say whether white space counts; here it does."""


def allow(
    actions: Iterable[str],
    resources: Sequence[str],
    condition: Mapping[str, Mapping[str, Sequence[str]]] | None = None,
) -> JsonObject:
    """A statement that allows the actions on the resources, under a condition if there is one."""
    statement: JsonObject = {"Effect": "Allow", "Action": [*actions], "Resource": [*resources]}
    if condition is not None:
        statement["Condition"] = {
            operator: {key: [*values] for key, values in keys.items()} for operator, keys in condition.items()
        }
    return statement


def grouped(pairs: Iterable[tuple[Sequence[str], Sequence[str]]]) -> list[JsonObject]:
    """Statements for pairs of actions and resources: one for all actions on the same resources.

    Pairs without resources allow nothing and are left out.
    """
    actions: dict[tuple[str, ...], list[str]] = {}
    for some, resources in pairs:
        if resources:
            actions.setdefault(tuple(resources), []).extend(some)
    return [allow(sorted(some), resources) for resources, some in actions.items()]


def document(statements: Iterable[JsonObject]) -> JsonObject:
    """A policy document."""
    listed: list[JsonValue] = [*statements]
    return {"Version": "1", "Statement": listed}


def text(name: str, policy: JsonObject) -> str:
    """The document as it is pasted, the same for the same policy.

    Raises ConfigurationError when RAM would not take it.
    """
    written = json.dumps(policy, indent=1) + "\n"
    if len(written) > MOST_CHARACTERS:
        raise ConfigurationError(
            f"{name}: {len(written)} characters, and RAM takes {MOST_CHARACTERS} in one custom policy; "
            "put some bindings into a second file, and deploy that as another stage (ENLIST_STAGE)"
        )
    return written
