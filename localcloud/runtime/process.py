"""A function as FC runs it: cold and warm starts, initializer, timeout, error payloads. Knows no triggers.

A built-in runtime serves one request at a time in an instance; here a function has at most one instance, and
requests wait for each other.
"""

from __future__ import annotations

import json
import secrets
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from fctoolkit.errors import ConfigurationError
from localcloud.runtime.environment import function_environment
from localcloud.runtime.instance import ExitedError, Instance, TimedOutError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from localcloud.runtime.bootstrap import Settings
    from localcloud.template import FunctionSpec

RUNTIMES: Final = ("python3.12", "python3.10", "python3.9", "python3")
"""FC's built-in Python runtimes. All run on one and the same Python; the name decides on the context."""

INVOCATION_ERROR: Final = "UnhandledInvocationError"
INITIALIZATION_ERROR: Final = "InitializationError"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What `context.credentials` holds on the runtimes that have it."""

    access_key_id: str = ""
    access_key_secret: str = field(default="", repr=False)
    security_token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Invocation:
    """What became of one request.

    Attributes:
        request_id: FC's id of the request.
        payload: the result, or FC's error payload.
        error_type: what FC says in `X-Fc-Error-Type`; empty when the function returned.
        logs: everything printed and logged, standard output and error together.
        duration: seconds, of the handler, or of the initializer when that failed.
        cold: whether an instance was started for it.
    """

    request_id: str
    payload: bytes
    error_type: str
    logs: str
    duration: float
    cold: bool

    @property
    def ok(self) -> bool:
        """Whether the function returned."""
        return not self.error_type


class FunctionProcess:
    """A function with at most one instance, kept warm between requests. Safe to use from several threads.

    `environment` is the caller's: the function gets its basics and overrides, see `function_environment`.
    `credentials` are what `context.credentials` shows on runtimes that have it, by default those of the
    function's environment. `python` is the interpreter that it runs on, by default the one that runs this;
    it needs no package. Use as a context manager, or call `close`.
    """

    def __init__(
        self,
        spec: FunctionSpec,
        environment: Mapping[str, str],
        *,
        credentials: Credentials | None = None,
        python: Path | None = None,
    ) -> None:
        if spec.runtime not in RUNTIMES:
            known = ", ".join(RUNTIMES)
            raise ConfigurationError(
                f"{spec.key}: runtime {spec.runtime!r} cannot be run here; known are: {known}"
            )
        self.spec = spec
        self.environment = function_environment(spec, environment)
        self._credentials = credentials or Credentials(
            self.environment.get("ALIBABA_CLOUD_ACCESS_KEY_ID", ""),
            self.environment.get("ALIBABA_CLOUD_ACCESS_KEY_SECRET", ""),
            self.environment.get("ALIBABA_CLOUD_SECURITY_TOKEN", ""),
        )
        self._python = python or Path(sys.executable)
        self._instance: Instance | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def invoke(self, event: bytes, *, request_id: str | None = None) -> Invocation:
        """Runs the function on an event. Errors of the function are in the Invocation, never raised."""
        request_id = request_id or new_request_id()
        with self._lock:
            cold = self._instance is None
            instance = self._instance = self._instance or self._start()
            error_type = ""
            hook = self.spec.initializer
            if cold and hook is not None:
                answer = self._run(instance, "initialize", request_id, b"", hook.timeout)
                if not answer.ok:
                    # An instance whose initializer failed gets no requests.
                    self._discard()
                    error_type = INITIALIZATION_ERROR
            if not error_type:
                answer = self._run(instance, "invoke", request_id, event, self.spec.timeout)
                error_type = "" if answer.ok else INVOCATION_ERROR
            return Invocation(
                request_id, answer.payload, error_type, instance.take_logs(), answer.duration, cold
            )

    def close(self) -> None:
        """Ends the instance, if there is one. The next request starts another."""
        with self._lock:
            self._discard()

    def _run(self, instance: Instance, kind: str, request_id: str, body: bytes, timeout: int) -> _Answer:
        """One exchange with the instance. An instance that did not answer is ended, as FC does."""
        started = time.monotonic()
        try:
            frame = instance.exchange({"kind": kind, "requestId": request_id}, body, timeout)
        except TimedOutError:
            instance.stop()
            self._instance = None
            message = f"Function time out after {timeout} seconds (maxMemoryUsage: 0MB)"
            return _Answer(ok=False, payload=_payload(message), duration=time.monotonic() - started)
        except ExitedError:
            self._discard()
            duration = time.monotonic() - started
            message = (
                "Process exited unexpectedly before completing request "
                f"(duration: {duration * 1000:.0f}ms, maxMemoryUsage: 0MB)"
            )
            return _Answer(ok=False, payload=_payload(message), duration=duration)
        except BaseException:
            # Interrupted in the middle: whatever this instance says next would be the wrong answer.
            self._discard()
            raise
        return _Answer(ok=bool(frame.head["ok"]), payload=frame.body, duration=time.monotonic() - started)

    def _discard(self) -> None:
        if self._instance is not None:
            self._instance.kill()
            self._instance = None

    def _start(self) -> Instance:
        spec, credentials = self.spec, self._credentials
        settings: Settings = {
            "code": str(spec.code),
            "layers": [str(layer) for layer in spec.layers],
            "name": spec.name,
            "handler": spec.handler,
            "initializer": spec.initializer.handler if spec.initializer else "",
            "runtime": spec.runtime,
            "timeout": spec.timeout,
            "memory": spec.memory,
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
        environment = self.environment | {"FC_INSTANCE_ID": f"c-{secrets.token_hex(16)}"}
        return Instance(settings, environment, self._python)


@dataclass(frozen=True, slots=True)
class _Answer:
    ok: bool
    payload: bytes
    duration: float


def new_request_id() -> str:
    """A request id in the form of FC's."""
    return f"1-{int(time.time()):08x}-{secrets.token_hex(8)}"


def _payload(message: str) -> bytes:
    """FC's error payload when the function itself could not make one; it has no `errorType`."""
    return json.dumps({"errorMessage": message}, indent=4).encode()
