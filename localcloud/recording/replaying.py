"""Asks a new cloud what a recorded one was asked, and tells the first answer that differs. Knows no service.

Signatures are not looked at. The clock goes on as it did, so calls that moved it are left out. What a cloud
makes by itself may differ: ids of requests and resources, times, handles. An id that the recorded cloud made
stands for the one that the new cloud made in its place, in later requests too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from localcloud.admin import ADMIN_PATH
from localcloud.message import Request
from localcloud.recording.recording import asked_for, written_down

if TYPE_CHECKING:
    from collections.abc import Sequence

    from localcloud.cloud import LocalCloud
    from localcloud.message import Response
    from localcloud.recording.recording import Recorded

_MADE: Final = re.compile(
    r"[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}"  # an id of a request
    r"|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z|\b1\d{12}\b"  # a time
    r"|[A-Za-z0-9+/_-]{40,}={0,2}|[0-9A-Fa-f]{16,}"  # a handle, or the id of a resource
    r"|\*\*\*"
)
CLOCK_PATH: Final = f"{ADMIN_PATH}/clock"
_SHOWN: Final = 60


@dataclass(frozen=True, slots=True)
class Difference:
    """The first call that was answered in another way.

    Attributes:
        number: of the call, counted from 1.
        asked: method and path, and the action where a call names one.
        recorded: what was answered.
        answered: what is answered now.
    """

    number: int
    asked: str
    recorded: str
    answered: str

    def __str__(self) -> str:
        return f"call {self.number}, {self.asked}: recorded {self.recorded}, answered {self.answered}"


def replay(calls: Sequence[Recorded], cloud: LocalCloud) -> Difference | None:
    """Makes the calls in their order; the first difference, or None when there is none.

    Args:
        calls: a recording that began with an empty cloud, or with its seed.
        cloud: a new one that stands at the moment of the first call and looks at no signatures.
    """
    ids: dict[str, str] = {}
    for number, call in enumerate(calls, start=1):
        passed = call.at - cloud.clock.now()
        if passed > 0:
            cloud.advance(passed)
        if call.request.path == CLOCK_PATH:
            continue
        request = _with_new_ids(call.asked(), ids)
        answer = cloud.handle(request)
        masked = written_down(request, answer, call.at).answered()
        difference = _difference(call.answered(), masked, ids)
        if difference is not None:
            return Difference(number, asked_for(request), *difference)
    return None


def _with_new_ids(request: Request, ids: dict[str, str]) -> Request:
    def renewed(text: str) -> str:
        return _MADE.sub(lambda match: ids.get(match[0], match[0]), text)

    try:
        body = renewed(request.body.decode()).encode()
    except UnicodeDecodeError:
        body = request.body
    return Request(request.method, renewed(request.path), renewed(request.query), request.headers, body)


def _difference(recorded: Response, answered: Response, ids: dict[str, str]) -> tuple[str, str] | None:
    """What differs, of the one and of the other; learns the ids that were made."""
    if (recorded.status, recorded.dropped) != (answered.status, answered.dropped):
        return _outline(recorded), _outline(answered)
    try:
        old, new = recorded.body.decode(), answered.body.decode()
    except UnicodeDecodeError:
        return None if recorded.body == answered.body else ("other bytes", "these bytes")
    was, now = _MADE.split(old), _MADE.split(new)
    for one, other in zip(was, now, strict=False):
        if one != other:
            return _excerpt(one, other)
    if len(was) != len(now):
        return _outline(recorded), _outline(answered)
    ids.update(zip(_MADE.findall(old), _MADE.findall(new), strict=True))
    return None


def _outline(response: Response) -> str:
    if response.dropped:
        return "a cut connection"
    return f"{response.status} {response.body[:_SHOWN]!r}"


def _excerpt(one: str, other: str) -> tuple[str, str]:
    """Both texts from a little before the place where they begin to differ."""
    same = next((at for at, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), 0)
    start = max(0, same - _SHOWN // 2)
    return repr(one[start : start + _SHOWN]), repr(other[start : start + _SHOWN])
