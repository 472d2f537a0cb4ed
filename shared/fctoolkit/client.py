"""Calls Alibaba Cloud APIs: a call in, its answer or one error of the tree out, repeated where that is safe.

Knows no API by name: paths, actions and what an answer means belong to typed clients built on this one.

    client = ApiClient(open_http())                      # one per instance
    session = client.session(credentials, deadline)      # one per invocation
    answer = session.send(ApiRequest(...))
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from random import random
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, cast
from urllib.parse import quote

from fctoolkit.answers import (
    UnreadableBodyError,
    read_error,
    read_in_band_error,
    read_payload,
    request_id_of,
    retry_after_of,
    shorten,
)
from fctoolkit.clock import SYSTEM_CLOCK, Clock, Deadline
from fctoolkit.errors import AnswerError, ApiError, ApiFailure, ConfigurationError, TransientError
from fctoolkit.metrics import current
from fctoolkit.repeating import DEFAULT_POLICY, Failed, repeated
from fctoolkit.retry import ERRORS, LEAVE_DOUBT, FailureKind, RetryPolicy, classify
from fctoolkit.signing import canonical_query
from fctoolkit.transport import AcsAuth, HttpClient, NoReply, Reply, ServiceTime, exchange, new_nonce

if TYPE_CHECKING:
    from fctoolkit.credentials import Credentials
    from fctoolkit.jsontypes import FrozenJson, JsonObject

_log = logging.getLogger(__name__)

_PATH = re.compile(r"/[^?#\s]*")
_ENDPOINT = re.compile(r"https?://(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")


def path_of(template: str, /, **ids: str) -> str:
    """A path with each id percent-encoded as one segment.

    `path_of("/clusters/{cluster}/nodes", cluster="c1")` is `/clusters/c1/nodes`; a `/` in an id is `%2F`.

    Raises:
        ValueError: an id is empty, `.` or `..`: the path would name something else.
    """
    for name, value in ids.items():
        if value in {"", ".", ".."}:
            raise ValueError(f"{name}: {value!r} cannot be a segment of {template}")
    return template.format_map({name: quote(value, safe="~") for name, value in ids.items()})


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiRequest:
    """One call, in the terms of the vendor's API reference.

    Attributes:
        action: the API's name, `x-acs-action`.
        version: the API's version, `x-acs-version`, such as `2015-12-15`.
        method: `GET`, `POST`, `PUT` or `DELETE`; RPC-style APIs take `POST` with path `/`.
        endpoint: `https://host` or `https://host:port`, without a path.
        path: percent-encoded; see `path_of`.
        query: decoded names and values; names are plain (letters, digits, `.`, `_`, `-`).
        body: sent as compact JSON in UTF-8, keys in the order given; None for no body.
        repeatable: whether doing it twice is the same as doing it once: reads, and writes that carry an
            idempotency token. A call that is not is never sent again once it may have arrived.

    Raises:
        ConfigurationError: the endpoint has another form.
        ValueError: the path has another form.
    """

    action: str
    version: str
    method: str
    endpoint: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    body: FrozenJson = None
    repeatable: bool

    def __post_init__(self) -> None:
        if not _ENDPOINT.fullmatch(self.endpoint):
            raise ConfigurationError(
                f"endpoint of {self.action}: expected https://host or https://host:port without a path,"
                f" found {shorten(self.endpoint, 80)!r}"
            )
        if not _PATH.fullmatch(self.path):
            raise ValueError(
                f"path of {self.action}: expected /… without query or fragment, found {self.path!r}"
            )

    @property
    def host(self) -> str:
        """The endpoint's host, with its port when it names one."""
        return self.endpoint.partition("://")[2]

    @property
    def url(self) -> str:
        """The address as it is on the wire."""
        query = canonical_query(self.query)
        return f"{self.endpoint}{self.path}{'?' if query else ''}{query}"

    @property
    def content(self) -> bytes | None:
        """The body as it is on the wire."""
        if self.body is None:
            return None
        return json.dumps(self.body, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


class ApiAnswer(NamedTuple):
    """A 2xx answer. It is not yet success: many APIs report failures inside it.

    Attributes:
        action: of the request.
        host: of the request, with its port when it names one.
        status: HTTP status, 200 to 299.
        request_id: the vendor's, empty when the answer has none.
        payload: the body; see `answers.read_payload`. Values that came as XML are texts.
        headers: names in lower case.
        attempts: how many times the request was sent.
    """

    action: str
    host: str
    status: int
    request_id: str
    payload: JsonObject
    headers: Mapping[str, str]
    attempts: int


def error_inside(answer: ApiAnswer) -> ApiError | None:
    """The error that a 2xx answer's own `Code` means, for APIs that report failures so (ENS does).

    None when the code is 0, 200 or absent. A code that is an HTTP status is judged as one. Only a typed
    client knows whether its API speaks this way.
    """
    said = read_in_band_error(answer.payload)
    if said is None:
        return None
    kind = classify(said.code, int(said.code) if re.fullmatch(r"[1-5][0-9][0-9]", said.code) else 0)
    failure = ApiFailure(
        answer.action,
        answer.host,
        answer.status,
        shorten(said.code),
        shorten(said.message),
        answer.request_id,
        said.access_denied,
        attempts=answer.attempts,
        maybe_done=kind in LEAVE_DOUBT,
    )
    return ERRORS[kind](failure)


class AttemptReport(NamedTuple):
    """One attempt, for logs and metrics. Holds no secret.

    Attributes:
        action: the API's name.
        method: HTTP method.
        host: where it was sent.
        attempt: 1 for the first attempt of a call.
        status: HTTP status, 0 when no answer came.
        code: empty when it went well; else as in `ApiFailure.code`, or `http_502` when that is empty.
        request_id: the vendor's, or empty.
        seconds: how long the attempt took.
    """

    action: str
    method: str
    host: str
    attempt: int
    status: int
    code: str
    request_id: str
    seconds: float


Listener: TypeAlias = Callable[[AttemptReport], None]


def log_attempt(report: AttemptReport) -> None:
    """The default listener: logs an attempt that went well at DEBUG, a failed one at INFO."""
    _log.log(
        logging.INFO if report.code else logging.DEBUG,
        "%s at %s: attempt %d, HTTP %d %s, request id %s, %.3f s",
        report.action,
        report.host,
        report.attempt,
        report.status,
        report.code or "ok",
        report.request_id or "none",
        report.seconds,
    )


class _Means(NamedTuple):
    """What the sessions of a client share."""

    http: HttpClient
    policy: RetryPolicy
    clock: Clock
    random: Callable[[], float]
    nonce: Callable[[], str]
    listener: Listener
    service_time: ServiceTime


class ApiClient:
    """Sends calls over one connection pool. Long-lived, one per instance, safe to share between threads.

    It holds no credentials. It remembers one thing: how far the services' clock is from ours, learned when
    the date of a signature was refused.

    Args:
        http: from `open_http`; who opened it closes it.
        policy: how often and how patiently a call is repeated.
        clock: dates signatures, measures attempts, waits.
        random: a number from 0.0 to 1.0 for each wait.
        nonce: a unique text for the signature of each attempt.
        listener: called after each attempt. What it raises is logged and dropped: the answer to a write must
            not be lost to a log line.

    Inside of `metrics.measured` each attempt is counted, whatever the listener does.
    """

    def __init__(
        self,
        http: HttpClient,
        *,
        policy: RetryPolicy = DEFAULT_POLICY,
        clock: Clock = SYSTEM_CLOCK,
        random: Callable[[], float] = random,
        nonce: Callable[[], str] = new_nonce,
        listener: Listener = log_attempt,
    ) -> None:
        self._means = _Means(http, policy, clock, random, nonce, listener, ServiceTime(clock))

    def session(self, credentials: Credentials, deadline: Deadline) -> ApiSession:
        """The calls of one invocation: with these credentials, and none beyond this deadline."""
        return ApiSession(self._means, credentials, deadline)


class ApiSession:
    """The calls of one invocation; made by `ApiClient.session`."""

    def __init__(self, means: _Means, credentials: Credentials, deadline: Deadline) -> None:
        self._means = means
        self._credentials = credentials
        self._deadline = deadline
        self._auth = AcsAuth(credentials, now=means.service_time.now, nonce=means.nonce)

    def send(self, request: ApiRequest) -> ApiAnswer:
        """Sends a call, repeats it where that is safe and worth it, and returns its 2xx answer.

        Raises:
            ThrottledError: refused for its rate, and no attempt or time was left to repeat it.
            TransientError: a 5xx, no answer, a busy resource, a nonce already seen, or (code `deadline`,
                0 attempts) too little time to begin. `failure.maybe_done` says whether any attempt may have
                had its effect.
            SignatureError: the signature's date was refused twice, or the credentials are no longer valid.
            AccessDeniedError, PermanentError: refused; repeating it cannot help.
            AnswerError: 2xx with a body that is no JSON object and no XML; `maybe_done` is true.
        """
        means = self._means
        return repeated(
            lambda number: self._attempt(request, number),
            action=request.action,
            host=request.host,
            repeatable=request.repeatable,
            deadline=self._deadline,
            clock=means.clock,
            policy=means.policy,
            random=means.random,
        )

    def _attempt(self, request: ApiRequest, number: int) -> ApiAnswer | Failed:
        started = self._means.clock.monotonic()
        headers = {"accept": "application/json", "x-acs-action": request.action}
        headers["x-acs-version"] = request.version
        if request.body is not None:
            headers["content-type"] = "application/json; charset=utf-8"
        reply = exchange(
            self._means.http,
            method=request.method,
            url=request.url,
            headers=headers,
            body=request.content,
            auth=self._auth,
            deadline=self._deadline,
        )
        if isinstance(reply, NoReply):
            outcome = self._unanswered(request, reply, number)
        elif HTTPStatus.OK <= reply.status < HTTPStatus.MULTIPLE_CHOICES:
            outcome = self._answered(request, reply, number)
        else:
            outcome = self._refused(request, reply, number)
        self._report(request, outcome, number, self._means.clock.monotonic() - started)
        return outcome

    def _unanswered(self, request: ApiRequest, reply: NoReply, number: int) -> ApiAnswer | Failed:
        failure = ApiFailure(
            request.action,
            request.host,
            code=reply.code,
            message=self._for_people(reply.message),
            attempts=number,
            maybe_done=not reply.never_sent,
        )
        return Failed(failure, FailureKind.TRANSIENT, TransientError, never_sent=reply.never_sent)

    def _answered(self, request: ApiRequest, reply: Reply, number: int) -> ApiAnswer | Failed:
        try:
            payload = read_payload(reply.body)
        except UnreadableBodyError as reason:
            failure = ApiFailure(
                request.action,
                request.host,
                reply.status,
                code="unreadable",
                message=str(reason),
                request_id=self._for_people(request_id_of(reply.headers, {})),
                attempts=number,
                maybe_done=True,
            )
            return Failed(failure, FailureKind.PERMANENT, AnswerError)
        request_id = request_id_of(reply.headers, payload)
        return ApiAnswer(
            request.action, request.host, reply.status, request_id, payload, reply.headers, number
        )

    def _refused(self, request: ApiRequest, reply: Reply, number: int) -> ApiAnswer | Failed:
        said = read_error(reply.headers, reply.body)
        kind = classify(said.code, reply.status)
        if kind is FailureKind.EXPIRED_DATE:
            self._means.service_time.learn(reply.headers.get("date", ""))
        failure = ApiFailure(
            request.action,
            request.host,
            reply.status,
            self._for_people(said.code),
            self._for_people(said.message),
            self._for_people(said.request_id),
            cast("JsonObject", self._credentials.mask_json(said.access_denied)),
            attempts=number,
            maybe_done=kind in LEAVE_DOUBT,
        )
        return Failed(failure, kind, ERRORS[kind], retry_after=retry_after_of(reply.headers))

    def _for_people(self, text: str) -> str:
        """Masked first, shortened then: a cut through a secret would leave the first half of it."""
        return shorten(self._credentials.mask(text))

    def _report(self, request: ApiRequest, outcome: ApiAnswer | Failed, number: int, seconds: float) -> None:
        kind = outcome.kind if isinstance(outcome, Failed) else None
        said = outcome.failure if isinstance(outcome, Failed) else outcome
        code = said.code or f"http_{said.status}" if isinstance(said, ApiFailure) else ""
        if metrics := current():
            metrics.count_attempt(
                request.action,
                seconds,
                repeated=number > 1,
                failed=kind is not None,
                throttled=kind is FailureKind.THROTTLED,
            )
        report = AttemptReport(
            request.action, request.method, request.host, number, said.status, code, said.request_id, seconds
        )
        try:
            self._means.listener(report)
        except Exception:  # noqa: BLE001 - whatever it raises, the call has its outcome
            _log.exception("the listener of %s failed", request.action)
