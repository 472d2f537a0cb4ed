"""One request from start to end: its turn, its credentials, its log lines, its reply. Knows no sockets."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
import uuid
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fctoolkit.customruntime.calls import Kind, kind_of
from fctoolkit.customruntime.context import RequestContext, context_of
from fctoolkit.customruntime.handlers import Handlers, error_log, error_payload, result_payload
from fctoolkit.customruntime.httpevent import event_of, reply_of
from fctoolkit.customruntime.wire import Reply, Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from fctoolkit.customruntime.context import RequestCredentials

_VARIABLES: Final = (
    "ALIBABA_CLOUD_ACCESS_KEY_ID",
    "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
    "ALIBABA_CLOUD_SECURITY_TOKEN",
)
_SUCCEEDED: Final = ("x-fc-status", "200")
_FAILED: Final = ("x-fc-status", "404")
_BYTES: Final = ("Content-Type", "application/octet-stream")
_JSON: Final = ("Content-Type", "application/json")

_request_id: ContextVar[str] = ContextVar("fctoolkit_custom_runtime_request_id", default="")


@dataclass(frozen=True, slots=True)
class Names:
    """The handlers of a function, such as `index.handler`; a hook that it does not have is empty."""

    handler: str
    initializer: str = ""
    pre_stop: str = ""


class Worker:
    """Answers requests, `concurrency` at a time; the others wait for their turn."""

    def __init__(self, names: Names, *, concurrency: int = 1, now: Callable[[], float] = time.time) -> None:
        self._names = names
        self._now = now
        self._handlers = Handlers()
        self._turns = threading.Semaphore(concurrency)
        self._own = tuple(os.environ.get(name, "") for name in _VARIABLES)

    def answer(self, request: Request) -> Reply:
        """Does what a request asks for.

        Errors of user code are in the reply. Only what ends a process passes through, such as SystemExit.
        """
        kind = kind_of(request)
        context = context_of(
            request.joined_headers(), os.environ, handler=self._names.handler, request_id=str(uuid.uuid4())
        )
        with self._turns:
            self._use(context.credentials)
            token = _request_id.set(context.request_id)
            try:
                return self._answer(kind, request, context)
            finally:
                sys.stdout.flush()
                _request_id.reset(token)

    def _answer(self, kind: Kind, request: Request, context: RequestContext) -> Reply:
        if kind is Kind.INVOKE:
            return _framed("Invoke", context, lambda: self._invoke(request.body, context), 404)
        if kind is Kind.HTTP:
            return _framed("Invoke", context, lambda: self._serve(request, context), 502)
        name = {Kind.INITIALIZE: self._names.initializer, Kind.PRE_STOP: self._names.pre_stop}.get(kind)
        if not name:
            return Reply(200, (_SUCCEEDED,))
        return _framed(kind.value, context, lambda: self._hook(name, context), 404)

    def _invoke(self, event: bytes, context: RequestContext) -> Reply:
        return Reply(200, (_BYTES,), result_payload(self._handlers.get(self._names.handler)(event, context)))

    def _serve(self, request: Request, context: RequestContext) -> Reply:
        event = event_of(request, context, self._now())
        return reply_of(result_payload(self._handlers.get(self._names.handler)(event, context)))

    def _hook(self, name: str, context: RequestContext) -> Reply:
        self._handlers.get(name)(context)
        return Reply(200)

    def _use(self, credentials: RequestCredentials) -> None:
        # Functions look for credentials in the environment first, anew at each invocation. FC gives a role's
        # key anew from time to time, and tells a custom runtime so in the headers of each request only: with
        # the key of the first request in the environment, an instance would fail when that one expires.
        found = (credentials.access_key_id, credentials.access_key_secret, credentials.security_token)
        for name, value in zip(_VARIABLES, found if credentials else self._own, strict=True):
            if value:
                os.environ[name] = value
            else:
                os.environ.pop(name, None)


def _framed(phase: str, context: RequestContext, call: Callable[[], Reply], failure: int) -> Reply:
    """The reply of a call, between FC's two log lines; `failure` is the status of one that raised."""
    print(f"FC {phase} Start RequestId: {context.request_id}", flush=True)  # noqa: T201 -- FC reads these lines
    ended = ""
    try:
        made = call()
        return Reply(made.status, (*made.headers, _SUCCEEDED), made.body)
    except Exception as error:  # noqa: BLE001 -- whatever user code raises becomes an error payload
        ended = ", Error: Unhandled function error"
        print(error_log(error))  # noqa: T201
        return Reply(failure, (_JSON, _FAILED), error_payload(error))
    finally:
        print(f"FC {phase} End RequestId: {context.request_id}{ended}")  # noqa: T201


class _RequestFormatter(logging.Formatter):
    """Lines like those of the built-in runtimes: `2026-01-02T03:04:05.678Z <request id> [INFO] message`."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line, plus its traceback."""
        record.request_id = _request_id.get()
        return super().format(record)


def configure_logging() -> None:
    """The root logger as user code finds it on the built-in runtimes: one handler to the log, level INFO."""
    formatter = _RequestFormatter(
        "%(asctime)s.%(msecs)03dZ %(request_id)s [%(levelname)s] %(message)s", "%Y-%m-%dT%H:%M:%S"
    )
    formatter.converter = time.gmtime
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(formatter)
    logging.getLogger().addHandler(handler)
    logging.getLogger().setLevel(logging.INFO)
