"""What every service of the local cloud is: a table of actions over its own state. Knows none of them."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol, TypeAlias, TypeVar

from fctoolkit.strictjson import JsonError, decode
from localcloud.errors import Refusal
from localcloud.message import Response, json_response

if TYPE_CHECKING:
    from fctoolkit.jsontypes import JsonObject, JsonValue
    from localcloud.catalogue import Operation
    from localcloud.conditions.behaviour import Behaviour

T = TypeVar("T")

NOT_IMPLEMENTED = "LocalCloud.NotImplemented"

ErrorCodes: TypeAlias = Mapping[str, tuple[int, str]]
"""Status and code that a service has for codes of the gateway, where it has others."""

SAME_CODES: ErrorCodes = MappingProxyType({})

REQUEST_ID_HEADER = "x-acs-request-id"


@dataclass(frozen=True, slots=True)
class Moment:
    """The time of the state clock and how the cloud behaves: what changes over time is computed from it."""

    now: float
    behaviour: Behaviour

    @property
    def milliseconds(self) -> int:
        """The time as some services count it."""
        return int(self.now * 1000)


@dataclass(frozen=True, slots=True)
class Call:
    """One request for a supported action, decoded and checked against the catalogue.

    Attributes:
        operation: what was called.
        moment: when.
        request_id: the id its answer bears.
        region: the region the Host header names, or empty.
        path: decoded path parameters by name.
        query: decoded query parameters by name.
        body: the decoded JSON body, empty when there is none.
        content: the body as it came.
        headers: as they came, names in lower case.
        access_key_id: who signed; empty when nobody looks at signatures.
        refused_items: items a fault refuses, by name or place, with their codes; see `refused`.
        failing_items: instance ids a fault lets fail later, with their messages.
    """

    operation: Operation
    moment: Moment
    request_id: str
    region: str = ""
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body: JsonObject = field(default_factory=dict)
    content: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    access_key_id: str = ""
    refused_items: Mapping[str, str] = field(default_factory=dict)
    failing_items: Mapping[str, str] = field(default_factory=dict)

    def refused(self, place: int, name: str = "") -> str | None:
        """The code with which a fault refuses one of several items, by its name or its place from 1."""
        return self.refused_items.get(name) or self.refused_items.get(str(place))


Work: TypeAlias = Callable[[], Response]
"""The rest of an action, to be done without the cloud's lock: it waits for something that calls the cloud."""

Handler: TypeAlias = Callable[[Call], Response | Work]


class Service(Protocol):
    """A service of the local cloud."""

    @property
    def name(self) -> str:
        """Its short name, as in `/_localcloud/` and in endpoints."""
        ...

    @property
    def actions(self) -> Mapping[str, Handler]:
        """The actions that are supported, by the vendor's names."""
        ...

    @property
    def request_id_header(self) -> str:
        """The header that bears the request's id in its answers."""
        ...

    @property
    def error_codes(self) -> ErrorCodes:
        """How it spells refusals that are not its own, such as those of signatures."""
        ...

    def error_response(self, refusal: Refusal, request_id: str, host: str) -> Response:
        """A refusal in the service's own spelling."""
        ...

    def seed(self, records: JsonObject, moment: Moment) -> Callable[[], None]:
        """Checks a seed completely, changes nothing, and returns what puts it in place; or SeedError."""
        ...

    def state(self, moment: Moment) -> JsonObject:
        """All state, in the seed's shape."""
        ...


def upper_camel_error(refusal: Refusal, request_id: str, host: str) -> Response:
    """The gateway's error, as Elasticsearch and ENS answer it."""
    body: JsonObject = {
        "RequestId": request_id,
        "HostId": host,
        "Code": refusal.code,
        "Message": refusal.message,
    }
    return json_response(body, refusal.status)


def new_id(prefix: str, length: int = 20) -> str:
    """A fresh resource id."""
    return prefix + uuid.uuid4().hex[:length]


def integer(call: Call, name: str, default: int, minimum: int = 1, maximum: int | None = None) -> int:
    """A whole number from the query; refuses others, and those out of range."""
    text = call.query.get(name, "")
    if not text:
        return default
    if (
        not re.fullmatch(r"\d{1,9}", text)
        or int(text) < minimum
        or (maximum is not None and int(text) > maximum)
    ):
        bound = f" and at most {maximum}" if maximum is not None else ""
        raise invalid(name, f"must be a whole number of at least {minimum}{bound}, not {text!r}")
    return int(text)


def json_strings(call: Call, name: str) -> list[str]:
    """A query parameter that holds a JSON array of strings, such as `["i-1"]`."""
    value = json_list(call, name, '["i-1"]')
    if not all(isinstance(item, str) for item in value):
        raise invalid(name, f'must be a JSON array of strings such as ["i-1"], not {call.query[name]!r}')
    return [str(item) for item in value]


def json_list(call: Call, name: str, example: str) -> list[JsonValue]:
    """A query parameter that holds a JSON array; refuses others, and shows the example."""
    value = json_value(call.query[name])
    if not isinstance(value, list):
        raise invalid(name, f"must be a JSON array such as {example}, not {call.query[name]!r}")
    return value


def json_value(content: bytes | str) -> JsonValue:
    """The value of a JSON text; None for what is no JSON, or what no answer could repeat."""
    try:
        return decode(content)
    except JsonError:
        return None


def listed(call: Call, name: str) -> list[str]:
    """A list in the query's repeated form: `name.1`, `name.2` and so on."""
    pattern = re.compile(rf"{re.escape(name)}\.(\d+)")
    found = [(int(match[1]), value) for key, value in call.query.items() if (match := pattern.fullmatch(key))]
    return [value for _, value in sorted(found)]


def listed_tags(call: Call) -> dict[str, str]:
    """Tags in the query's repeated form: `Tag.1.Key`, `Tag.1.Value` and so on."""
    pattern = re.compile(r"Tag\.(\d+)\.Key")
    numbers = [match[1] for key in call.query if (match := pattern.fullmatch(key))]
    return {call.query[f"Tag.{number}.Key"]: call.query.get(f"Tag.{number}.Value", "") for number in numbers}


def page_of(items: Sequence[T], number: int, size: int) -> Sequence[T]:
    """The page of that number, counted from 1."""
    return items[(number - 1) * size : number * size]


def page_from(call: Call, items: Sequence[T], size: int) -> tuple[Sequence[T], str]:
    """So many from `NextToken` on, and the token of the next page, empty on the last.

    Tokens are numbers here; nobody must count on it.
    """
    start = integer(call, "NextToken", 0, minimum=0)
    following = start + size
    return items[start:following], str(following) if following < len(items) else ""


def refuse_unplayed(call: Call, played: frozenset[str]) -> None:
    """Refuses parameters that would change the answer at the vendor's and would be ignored here."""
    ignored = sorted(name for name in call.query if name not in played)
    if ignored:
        raise Refusal(
            501,
            NOT_IMPLEMENTED,
            f"{call.operation.action}: the local cloud does not play {', '.join(ignored)}; "
            f"it plays {', '.join(sorted(played))}.",
        )


def required_text(call: Call, key: str) -> str:
    """A text in the body; refuses when it is missing or not a text."""
    value = call.body.get(key)
    if not isinstance(value, str) or not value:
        raise invalid(key, "is mandatory and must be a string")
    return value


def invalid(name: str, problem: str) -> Refusal:
    """The refusal of a parameter, which it names."""
    return Refusal(400, f"InvalidParameter.{name}", f"The parameter {name} {problem}.")
