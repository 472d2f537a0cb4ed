"""What all actions of the control plane share: the things they act on, and how they page. Knows no action."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from localcloud.functions.spec import DEFAULT_REGION, LATEST
from localcloud.message import Response, json_response
from localcloud.services.base import integer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fctoolkit.jsontypes import JsonObject, JsonValue
    from localcloud.services.base import Call
    from localcloud.services.fc.archives import Archives
    from localcloud.services.fc.layers import Layers
    from localcloud.services.fc.model import Function, Functions
    from localcloud.services.fc.stage import Stage
    from localcloud.services.fc.tasks import Tasks

T = TypeVar("T")

DONE: Final = Response(204)

PAGE: Final = 20
LARGEST_PAGE: Final = 100


@dataclass(frozen=True, slots=True)
class Plane:
    """What the actions act on.

    Attributes:
        objects: the bytes of an object of OSS, by bucket and name; None when there is none.
        url: where the local cloud is served; empty while it is not.
    """

    functions: Functions
    layers: Layers
    tasks: Tasks
    archives: Archives
    stage: Stage
    objects: Callable[[str, str], bytes | None]
    url: Callable[[], str]

    def function(self, call: Call) -> Function:
        """The function that the path names; refuses one that is not there."""
        return self.functions.get(call.region, call.path["functionName"])


def region_of(call: Call) -> str:
    """The region that a call means; its host may name none."""
    return call.region or DEFAULT_REGION


def qualifier_of(call: Call) -> str:
    """The version or alias that a call means."""
    return call.query.get("qualifier") or LATEST


def sent(call: Call) -> JsonObject:
    """What the body sets: a null says nothing."""
    return {key: value for key, value in call.body.items() if value is not None}


def paged(call: Call, key: str, rows: Mapping[str, T], shown: Callable[[T], JsonObject]) -> Response:
    """A page of rows under `key`, in the order of their names; `nextToken` is the name of the next one."""
    size = integer(call, "limit", PAGE, maximum=LARGEST_PAGE)
    prefix, first = call.query.get("prefix", ""), call.query.get("nextToken", "")
    names = sorted(name for name in rows if name.startswith(prefix) and name >= first)
    page: list[JsonValue] = [shown(rows[name]) for name in names[:size]]
    token: JsonObject = {"nextToken": names[size]} if len(names) > size else {}
    return json_response({key: page, **token})
