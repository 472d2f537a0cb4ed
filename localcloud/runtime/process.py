"""A function as FC runs it: cold and warm starts, initializer, timeout, error payloads. Knows no triggers.

A function has at most one instance here, and requests wait for each other, on a custom runtime too.
"""

from __future__ import annotations

import json
import secrets
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self, TypeAlias

from fctoolkit.errors import ConfigurationError
from localcloud.runtime.custom import CustomInstance
from localcloud.runtime.environment import function_environment
from localcloud.runtime.exchange import Call, ExitedError, NotStartedError, Reply, TimedOutError
from localcloud.runtime.instance import BuiltInInstance

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from localcloud.function_spec import FunctionSpec, Hook
    from localcloud.message import Request, Response
    from localcloud.runtime.bootstrap import Settings
    from localcloud.runtime.exchange import Instance

RUNTIMES: Final = ("python3.12", "python3.10", "python3.9", "python3")
"""FC's built-in Python runtimes. All run on one and the same Python; the name decides on the context."""

CUSTOM_RUNTIMES: Final = ("custom.debian12", "custom.debian11", "custom.debian10", "custom")
"""FC's custom runtimes. What runs is the start command of the function, on this machine."""

Interpreter: TypeAlias = "Path | Callable[[], Path]"
"""The Python that a function runs on, or what finds it at the first start, or raises NotStartedError."""

INVOCATION_ERROR: Final = "UnhandledInvocationError"
INITIALIZATION_ERROR: Final = "InitializationError"


@dataclass(frozen=True, slots=True)
class Credentials:
    """The key of a function's role."""

    access_key_id: str = ""
    access_key_secret: str = field(default="", repr=False)
    security_token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Invocation:
    """What became of one request.

    Attributes:
        request_id: FC's id of the request.
        payload: the result, or FC's error payload.
        error_type: what FC says in `X-Fc-Error-Type`; empty when the function returned. A custom runtime that
            does not start is `CAExited` or `FunctionNotStarted`, which FC says as an error of its own.
        logs: everything printed and logged, standard output and error together.
        duration: seconds, of the handler, or of the initializer when that failed.
        cold: whether an instance was started for it.
        response: the HTTP response that a custom runtime gave to an HTTP request; None for events, and when
            there was none.
        instance_id: what the instance has in `FC_INSTANCE_ID`; empty when none started.
    """

    request_id: str
    payload: bytes
    error_type: str
    logs: str
    duration: float
    cold: bool
    response: Response | None = None
    instance_id: str = ""

    @property
    def ok(self) -> bool:
        """Whether the function returned."""
        return not self.error_type


class FunctionProcess:
    """A function with at most one instance, kept warm between requests. Safe to use from several threads.

    `environment` is the caller's: the function gets its basics and overrides, see `function_environment`.
    `credentials` are those of the function's role, by default those of its environment: built-in runtimes
    that have `context.credentials` show what they were at the start, custom runtimes are told them with each
    request. `python` is the interpreter that it runs on, by default the one that runs this; it needs no
    package. Use as a context manager, or call `close`.
    """

    def __init__(
        self,
        spec: FunctionSpec,
        environment: Mapping[str, str],
        *,
        credentials: Credentials | None = None,
        python: Interpreter | None = None,
    ) -> None:
        if spec.runtime not in (*RUNTIMES, *CUSTOM_RUNTIMES):
            known = ", ".join((*RUNTIMES, *CUSTOM_RUNTIMES))
            raise ConfigurationError(
                f"{spec.key}: runtime {spec.runtime!r} cannot be run here; known are: {known}"
            )
        if (spec.runtime in CUSTOM_RUNTIMES) != (spec.custom is not None):
            raise ConfigurationError(f"{spec.key}: runtime {spec.runtime!r} does not fit its `custom`")
        self.spec = spec
        self.environment = function_environment(spec, environment)
        self.credentials = credentials or Credentials(
            self.environment.get("ALIBABA_CLOUD_ACCESS_KEY_ID", ""),
            self.environment.get("ALIBABA_CLOUD_ACCESS_KEY_SECRET", ""),
            self.environment.get("ALIBABA_CLOUD_SECURITY_TOKEN", ""),
        )
        self._python = python or Path(sys.executable)
        self._instance: Instance | None = None
        self._instance_id = ""
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def takes_http(self) -> bool:
        """Whether it takes HTTP requests as they are: a custom runtime does, because it is a web server."""
        return self.spec.custom is not None

    def invoke(self, payload: bytes | Request, *, request_id: str | None = None) -> Invocation:
        """Runs the function on an event, or on an HTTP request when it `takes_http`.

        Errors of the function are in the Invocation, never raised.
        """
        request_id = request_id or new_request_id()
        started = time.monotonic()
        with self._lock:
            cold = self._instance is None
            try:
                instance = self._instance = self._instance or self._start()
            except NotStartedError as error:
                answer = _payload(str(error), error.code)
                return Invocation(
                    request_id, answer, error.code, error.logs, time.monotonic() - started, cold=True
                )
            error_type = ""
            hook = self.spec.initializer
            if cold and hook is not None:
                answered = self._run(instance, Call("initialize", request_id), hook.timeout)
                if not answered.reply.ok:
                    # An instance whose initializer failed gets no requests.
                    self._discard()
                    error_type = INITIALIZATION_ERROR
            if not error_type:
                answered = self._run(instance, Call("invoke", request_id, payload), self.spec.timeout)
                error_type = "" if answered.reply.ok else INVOCATION_ERROR
            reply = answered.reply
            logs = instance.take_logs()
            return Invocation(
                request_id=request_id,
                payload=reply.payload,
                error_type=error_type,
                logs=logs,
                duration=answered.duration,
                cold=cold,
                response=reply.response,
                instance_id=self._instance_id,
            )

    def close(self) -> str:
        """Ends the instance, if there is one, after its pre-stop hook. The next request starts another.

        Returns what the instance logged meanwhile. What comes of the hook changes nothing.
        """
        with self._lock:
            instance, hook = self._instance, self.spec.pre_stop
            if instance is not None and hook is not None:
                self._run(instance, Call("pre-stop", new_request_id()), hook.timeout)
            self._discard()
            return instance.take_logs() if instance is not None else ""

    def crash(self) -> None:
        """Kills the instance with SIGKILL, as the crash of its machine would, whatever it is doing.

        Meant for another thread than the one that invokes: the request under way, or else the next one, ends
        as that of a process that exited. Does nothing while no instance runs.
        """
        instance = self._instance
        if instance is not None:
            instance.crash()

    def _run(self, instance: Instance, call: Call, timeout: int) -> _Answer:
        """One exchange with the instance. An instance that did not answer is ended, as FC does."""
        started = time.monotonic()
        try:
            reply = instance.exchange(call, timeout)
        except TimedOutError:
            instance.stop()
            self._instance = None
            message = f"Function time out after {timeout} seconds (maxMemoryUsage: 0MB)"
            return _Answer(Reply(ok=False, payload=_payload(message)), time.monotonic() - started)
        except ExitedError:
            self._discard()
            duration = time.monotonic() - started
            message = (
                "Process exited unexpectedly before completing request "
                f"(duration: {duration * 1000:.0f}ms, maxMemoryUsage: 0MB)"
            )
            return _Answer(Reply(ok=False, payload=_payload(message)), duration)
        except BaseException:
            # Interrupted in the middle: whatever this instance says next would be the wrong answer.
            self._discard()
            raise
        return _Answer(reply, time.monotonic() - started)

    def _discard(self) -> None:
        if self._instance is not None:
            self._instance.kill()
            self._instance = None

    def _start(self) -> Instance:
        self._instance_id = f"c-{secrets.token_hex(16)}"
        environment = self.environment | {"FC_INSTANCE_ID": self._instance_id}
        python = self._python() if callable(self._python) else self._python
        if self.spec.custom is not None:
            return CustomInstance(self.spec, environment, python, self._common_headers)
        return BuiltInInstance(self._settings(), environment, python)

    def _common_headers(self) -> dict[str, str]:
        """What FC tells a custom runtime with every request, beside the request's id."""
        spec, credentials = self.spec, self.credentials
        headers = {
            "x-fc-access-key-id": credentials.access_key_id,
            "x-fc-access-key-secret": credentials.access_key_secret,
            "x-fc-security-token": credentials.security_token,
            "x-fc-function-name": spec.name,
            "x-fc-function-handler": spec.handler,
            "x-fc-function-memory": str(spec.memory),
            "x-fc-function-timeout": str(spec.timeout),
            "x-fc-region": spec.region,
            "x-fc-account-id": spec.account_id,
            "x-fc-qualifier": spec.version,
        }
        return {name: value for name, value in headers.items() if value}

    def _settings(self) -> Settings:
        spec, credentials = self.spec, self.credentials
        return {
            "code": str(spec.code),
            "layers": [str(layer) for layer in spec.layers],
            "name": spec.name,
            "handler": spec.handler,
            "initializer": _handler(spec.initializer),
            "preStop": _handler(spec.pre_stop),
            "runtime": spec.runtime,
            "timeout": spec.timeout,
            "memory": spec.memory,
            "version": spec.version,
            "region": spec.region,
            "accountId": spec.account_id,
            "logProject": spec.log_project,
            "logStore": spec.log_store,
            "credentials": [
                credentials.access_key_id,
                credentials.access_key_secret,
                credentials.security_token,
            ],
        }


@dataclass(frozen=True, slots=True)
class _Answer:
    reply: Reply
    duration: float


def new_request_id() -> str:
    """A request id in the form of FC's."""
    return f"1-{int(time.time()):08x}-{secrets.token_hex(8)}"


def _handler(hook: Hook | None) -> str:
    return hook.handler if hook else ""


def _payload(message: str, error_type: str = "") -> bytes:
    """FC's error payload when the function itself could not make one; as a rule it has no `errorType`."""
    payload = {"errorMessage": message, **({"errorType": error_type} if error_type else {})}
    return json.dumps(payload, indent=4).encode()
