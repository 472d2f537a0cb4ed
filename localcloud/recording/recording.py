"""Calls as JSON lines: writes down what a cloud answered, and answers from what was written down.

Secrets are masked, see `masking`. Knows no service.
"""

from __future__ import annotations

import base64
import json
import threading
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from localcloud.conditions.clock import StateClock
from localcloud.dispatch import COMMON_PARAMETERS, action_of
from localcloud.errors import LocalCloudError
from localcloud.message import FORM_TYPE, Request, Response, json_response
from localcloud.recording.masking import masked_headers, masked_query, masked_text
from localcloud.validation import in_words

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from types import TracebackType

    from fctoolkit.jsontypes import JsonValue

_UNTOLD: Final = frozenset({"clienttoken", "signaturenonce"})
"""Parameters and body keys that are made anew for each call, in lower case."""


class _Body(BaseModel):
    """A body: a text, or base64 when it is none."""

    model_config = ConfigDict(extra="forbid")

    body: str = ""
    base64: bool = False

    def content(self) -> bytes:
        """The bytes."""
        return base64.b64decode(self.body) if self.base64 else self.body.encode()


class _RecordedRequest(_Body):
    method: str
    path: str
    query: str = ""
    headers: dict[str, str] = Field(default_factory=dict)


class _RecordedResponse(_Body):
    status: int
    headers: dict[str, str] = Field(default_factory=dict)
    delay: Annotated[float, Field(ge=0)] = 0.0
    dropped: bool = False
    cut_after: int | None = None


class Recorded(BaseModel):
    """One line: a request and its answer.

    Attributes:
        at: the state clock when the request came, seconds since the epoch.
    """

    model_config = ConfigDict(extra="forbid")

    at: float
    request: _RecordedRequest
    response: _RecordedResponse

    def asked(self) -> Request:
        """The request, as it was written down."""
        told = self.request
        return Request(told.method, told.path, told.query, told.headers, told.content())

    def answered(self) -> Response:
        """The answer, as it was written down."""
        told = self.response
        return Response(told.status, told.headers, told.content(), told.delay, told.dropped, told.cut_after)


def written_down(request: Request, response: Response, at: float) -> Recorded:
    """A call as it is written down, without its secrets."""
    form = request.header("content-type").startswith(FORM_TYPE)
    body, encoded = _text(request.body)
    if form and not encoded:
        body = masked_query(body)
    answer, answer_encoded = _text(response.body)
    return Recorded(
        at=at,
        request=_RecordedRequest(
            method=request.method,
            path=request.path,
            query=masked_query(request.query),
            headers=masked_headers(request.headers),
            body=body,
            base64=encoded,
        ),
        response=_RecordedResponse(
            status=response.status,
            headers=masked_headers(response.headers),
            body=answer,
            base64=answer_encoded,
            delay=response.delay,
            dropped=response.dropped,
            cut_after=response.cut_after,
        ),
    )


class Recorder:
    """Writes calls into a file, in the order in which they are answered. Several threads may use it.

    Raises OSError when the file cannot be written; what it held is gone.
    """

    def __init__(self, file: Path) -> None:
        self._lock = threading.Lock()
        self._stream = file.open("w", encoding="utf-8")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._stream.close()

    def write(self, request: Request, response: Response, at: float) -> None:
        """Writes one call. What is answered after the end is not written."""
        line = written_down(request, response, at).model_dump_json(exclude_defaults=True)
        with self._lock:
            if not self._stream.closed:
                self._stream.write(f"{line}\n")
                self._stream.flush()


def read_recording(file: Path) -> list[Recorded]:
    """The calls of a file; LocalCloudError naming the line that is not valid, or when there is none."""
    calls: list[Recorded] = []
    # A body may hold characters that also end lines, such as U+2028: only line feeds part the calls.
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                calls.append(Recorded.model_validate_json(line))
            except ValidationError as error:
                problem = error.errors()[0]
                where = ".".join(str(step) for step in problem["loc"])
                message = f"{file}:{number}: no recorded call: {where} {in_words(problem)}"
                raise LocalCloudError(message) from None
    if not calls:
        raise LocalCloudError(f"{file}: holds no calls; `localcloud serve --record FILE` writes them")
    return calls


@dataclass(slots=True)
class _Answers:
    left: deque[Response] = field(default_factory=deque["Response"])
    recorded: int = 0


class Recording:
    """Answers from recorded calls, each once and in order; a stand-in for a cloud in transports and servers.

    A request is told by method, path, parameters and body. Signatures, nonces, times and client tokens may
    differ, and nobody checks them.

    Attributes:
        clock: what delayed answers move on in process.
        url: where it is served.
    """

    def __init__(self, calls: Iterable[Recorded], now: float | None = None) -> None:
        self.clock = StateClock(now)
        self.url = ""
        self._lock = threading.Lock()
        self._answers: dict[str, _Answers] = {}
        for call in calls:
            answers = self._answers.setdefault(_told_by(call.asked()), _Answers())
            answers.left.append(call.answered())
            answers.recorded += 1

    def handle(self, request: Request) -> Response:
        """The next recorded answer to such a request, or a 404 that says what is missing."""
        known = _told_by(written_down(request, Response(0), 0.0).asked())
        with self._lock:
            answers = self._answers.get(known)
            if answers is not None and answers.left:
                return answers.left.popleft()
        asked = asked_for(request)
        if answers is None:
            message = f"{asked} is not in the recording with these parameters and this body"
        else:
            message = f"{asked}: the recording has {answers.recorded} of these calls, and all were answered"
        return json_response({"code": "LocalCloud.NotRecorded", "message": message}, 404)

    def advance(self, seconds: float) -> float:
        """Lets time pass, which changes nothing; returns the present moment."""
        return self.clock.advance(seconds)


def asked_for(request: Request) -> str:
    """Method and path, and the action where the call names one: what a message calls it."""
    action = action_of(request)
    return f"{request.method} {request.path}" + (f" ({action})" if action else "")


def _text(content: bytes) -> tuple[str, bool]:
    """A body as it is written down, and whether that is base64."""
    try:
        return masked_text(content.decode()), False
    except UnicodeDecodeError:
        return base64.b64encode(content).decode(), True


def _told_by(request: Request) -> str:
    """What two requests have in common that ask for the same: a text to compare."""
    pairs = request.query_pairs() + request.form_pairs()
    own = sorted(pair for pair in pairs if pair[0] not in COMMON_PARAMETERS and _is_told(pair[0]))
    action = action_of(request) if request.path in {"", "/"} else ""
    body: JsonValue = ""
    if not request.header("content-type").startswith(FORM_TYPE):
        body = _comparable(request.body)
    return json.dumps([request.method, request.path, action, own, body], sort_keys=True)


def _comparable(content: bytes) -> JsonValue:
    try:
        value: JsonValue = json.loads(content)
    except (ValueError, RecursionError):
        return base64.b64encode(content).decode()
    if isinstance(value, dict):
        return {name: one for name, one in value.items() if _is_told(name)}
    return value


def _is_told(name: str) -> bool:
    return name.lower() not in _UNTOLD
