"""The vendor's request catalogue: every action of a service with its methods, path and parameter names.

The JSON files beside this module are data from the vendor's published API metadata. They say what exists, not
what the local cloud supports. Knows no service of the local cloud.
"""

from __future__ import annotations

import functools
import json
import re
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Literal, NotRequired, TypedDict, cast
from urllib.parse import unquote

from localcloud.errors import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet

_PATH_PARAMETER = re.compile(r"\{(\w+)\}")
_LIST_INDEX = re.compile(r"\.\d+(\..+)?$")


class _Entry(TypedDict):
    methods: list[str]
    path: str
    query: NotRequired[list[str]]
    body: NotRequired[list[str]]
    content: NotRequired[Literal["bytes"]]
    told_by: NotRequired[list[str]]


class _File(TypedDict):
    version: str
    actions: dict[str, _Entry]


@dataclass(frozen=True, slots=True)
class Operation:
    """One action of the vendor's.

    Attributes:
        service: its short name, such as `cs`.
        action: its name, as `x-acs-action` gives it.
        methods: HTTP methods, upper case.
        path: the path with its parameters in braces; `/` for the RPC style.
        query: names of query parameters.
        body: keys of the JSON body; `*` alone when the metadata does not list them.
        raw: the body is any bytes and no JSON.
        told_by: what tells it apart from others of its method and path: `name` or `name=value` of a query
            parameter, or the name of a header. All of them must be there.
    """

    service: str
    action: str
    methods: frozenset[str]
    path: str
    query: frozenset[str]
    body: frozenset[str]
    raw: bool = False
    told_by: frozenset[str] = frozenset()

    def unknown_query(self, names: Mapping[str, str]) -> list[str]:
        """Query parameters the action does not have; `Tag.1.Key` counts as `Tag`."""
        return sorted(
            name for name in names if name not in self.query and _LIST_INDEX.sub("", name) not in self.query
        )

    def unknown_body(self, keys: Mapping[str, object]) -> list[str]:
        """Keys of the body that the action does not have."""
        return [] if "*" in self.body else sorted(key for key in keys if key not in self.body)


class Catalogue:
    """The actions of one service, by name and by method and path.

    `is_rpc` says whether actions are told by name alone, at the path `/`.
    """

    def __init__(self, service: str, version: str, operations: Mapping[str, Operation]) -> None:
        self.service = service
        self.version = version
        self._operations = operations
        # What takes any bytes at `/` is OSS's.
        self.is_rpc = any(operation.path == "/" and not operation.raw for operation in operations.values())
        # By how many segments a path has: there are too many patterns to try them all at every call.
        self._patterns: dict[int, list[tuple[re.Pattern[str], Operation]]] = {}
        for operation in operations.values():
            pattern = re.compile(_PATH_PARAMETER.sub(r"(?P<\1>[^/]+)", operation.path))
            self._patterns.setdefault(operation.path.count("/"), []).append((pattern, operation))

    @property
    def actions(self) -> list[str]:
        """The names of all actions, sorted."""
        return sorted(self._operations)

    def has(self, action: str) -> bool:
        """Whether the vendor has an action of that name."""
        return action in self._operations

    def named(self, action: str) -> Operation:
        """The operation of that name; refuses names the vendor does not have either."""
        operation = self._operations.get(action)
        if operation is None:
            raise Refusal(
                404,
                "InvalidAction.NotFound",
                f"Specified api {action} is not found in {self.service} {self.version}, "
                "please check your url and method.",
            )
        return operation

    def matching(self, method: str, path: str) -> tuple[Operation, dict[str, str]]:
        """The operation at that method and raw path, and the decoded path parameters.

        Refuses paths that no action has, and methods that no action has at that path. A path without
        parameters wins over one with.
        """
        found = [
            (operation, match.groupdict())
            for pattern, operation in self._patterns.get(path.count("/"), ())
            if (match := pattern.fullmatch(path)) is not None
        ]
        if not found:
            raise Refusal(
                404,
                "InvalidApi.NotFound",
                f"Specified api is not found, please check your url and method: {method} {path} is no path "
                f"of {self.service} {self.version}.",
            )
        allowed = [(operation, values) for operation, values in found if method in operation.methods]
        if not allowed:
            methods = sorted({name for operation, _ in found for name in operation.methods})
            raise Refusal(
                405,
                "UnsupportedHTTPMethod",
                f"{method} is not supported at {path}; use {' or '.join(methods)}.",
            )
        operation, values = min(allowed, key=lambda item: len(item[1]))
        return operation, {name: unquote(value) for name, value in values.items()}

    def told(self, method: str, path: str, marks: AbstractSet[str]) -> Operation:
        """The operation of a method and a path as the catalogue has it that most of these marks tell.

        Refuses a method that no action has there.
        """
        found = [
            operation
            for operation in self._operations.values()
            if operation.path == path and method in operation.methods and operation.told_by <= marks
        ]
        if not found:
            raise Refusal(405, "UnsupportedHTTPMethod", f"{method} is not supported at {path}.")
        return max(found, key=lambda operation: len(operation.told_by))


@functools.cache
def load(service: str) -> Catalogue:
    """The catalogue of a service, by its short name. Read once in a process: it never changes."""
    text = resources.files(__name__).joinpath(f"{service}.json").read_text(encoding="utf-8")
    data = cast("_File", json.loads(text))
    operations = {
        action: Operation(
            service=service,
            action=action,
            methods=frozenset(entry["methods"]),
            path=entry["path"],
            query=frozenset(entry.get("query", ())),
            body=frozenset(entry.get("body", ())),
            raw=entry.get("content") == "bytes",
            told_by=frozenset(entry.get("told_by", ())),
        )
        for action, entry in data["actions"].items()
    }
    return Catalogue(service, data["version"], operations)
