"""What a request asks of the runtime: an invocation, a hook, or an HTTP request for the function. Pure."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from fctoolkit.customruntime.wire import Request

CONTROL_PATH: Final = "x-fc-control-path"


class Kind(Enum):
    """The kinds of requests. The value is the word in FC's log lines."""

    INVOKE = "Invoke"
    HTTP = "Invoke "
    INITIALIZE = "Initialize"
    PRE_STOP = "PreStop"
    PRE_FREEZE = "PreFreeze"


_MARKS: Final = {
    "/invoke": Kind.INVOKE,
    "/http-invoke": Kind.HTTP,
    "/initialize": Kind.INITIALIZE,
    "/pre-stop": Kind.PRE_STOP,
    "/pre-freeze": Kind.PRE_FREEZE,
}
_UNMARKED: Final = {
    ("POST", "/invoke"): Kind.INVOKE,
    ("POST", "/initialize"): Kind.INITIALIZE,
    ("GET", "/pre-stop"): Kind.PRE_STOP,
    ("GET", "/pre-freeze"): Kind.PRE_FREEZE,
}


def kind_of(request: Request) -> Kind:
    """What a request asks for. FC's mark decides: a caller of an HTTP trigger may choose any path."""
    marked = _MARKS.get(request.joined_headers().get(CONTROL_PATH, ""))
    return marked or _UNMARKED.get((request.method, request.path), Kind.HTTP)
