"""A template brought to life: functions that run, the rules of its event bus, HTTP triggers.

Runs each invocation once; `localcloud.delivery` delivers events and tries again. Knows nothing of the
services that the functions call; the environment tells these where they are.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Self

from fctoolkit.errors import ConfigurationError
from localcloud.delivery.bus import EventBus, trigger_rule
from localcloud.functions.running import Alias, Ended, Running, kill_until
from localcloud.functions.spec import (
    DEFAULT_ACCOUNT_ID,
    DEFAULT_REGION,
    LATEST,
    EventBridgeTrigger,
    HttpTrigger,
)
from localcloud.functions.triggers import (
    FUNCTION_ERROR_STATUS,
    HttpAnswer,
    HttpRequest,
    http_answer,
    http_event,
    passed_answer,
    passed_event,
    passed_request,
    timer_event,
)
from localcloud.message import Request
from localcloud.runtime import ClosedError, FunctionProcess, Invocation, Machine
from localcloud.runtime.environment import ACCESS_KEY_ID
from localcloud.runtime.invocation import new_request_id

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from localcloud.functions.spec import FunctionSpec, TimerTrigger
    from localcloud.runtime import Credentials, Limits
    from localcloud.runtime.process import Interpreter
    from localcloud.template.reading import Template


@dataclass(frozen=True, slots=True)
class HttpExchange:
    """What the caller of an HTTP trigger got, and the invocation behind it."""

    answer: HttpAnswer
    invocation: Invocation


class Deployment:
    """The functions of a template, in processes of their own that start when they are needed.

    `environment` is the caller's; see `localcloud.runtime.environment` for what functions get of it. `now` is
    the wall clock that events and timers are stamped with. `python` is the interpreter that functions run
    on, by default the one that runs this. `ended` is told of every invocation, from the thread that ran it.
    `limits` say how many instances there may be, and how long an idle one is kept.
    Safe to use from several threads. Use as a context manager, or call `close`.
    """

    def __init__(
        self,
        template: Template,
        environment: Mapping[str, str],
        *,
        now: Callable[[], float] = time.time,
        python: Path | None = None,
        ended: Callable[[Ended], None] = lambda _: None,
        limits: Limits | None = None,
    ) -> None:
        self.template = template
        self._environment = environment
        self._now = now
        self._python = python
        self._ended = ended
        self._machine = Machine(limits)
        self._credentials: Callable[[FunctionSpec], Credentials | None] = lambda _: None
        self._closed = False
        self._lock = threading.Lock()
        self._running: dict[str, Running] = {}
        self._aliases: dict[str, Alias] = {}
        self._ending: dict[threading.Thread, FunctionProcess] = {}
        self._over = threading.Event()
        try:
            for spec in template.functions:
                self.put(spec)
        except BaseException:
            self.close()
            raise

    @property
    def functions(self) -> tuple[FunctionSpec, ...]:
        """The functions there are now, in the order they came."""
        with self._lock:
            running = [one.spec for one in self._running.values()]
            return (*running, *(one.spec for one in self._aliases.values()))

    @property
    def bus(self) -> EventBus:
        """The default bus with the rules of all triggers, as they are now, and no others."""
        functions = self.functions
        first = functions[0] if functions else None
        return EventBus(
            rules=tuple(
                trigger_rule(spec, trigger)
                for spec in functions
                for trigger in spec.triggers
                if isinstance(trigger, EventBridgeTrigger)
            ),
            account_id=first.account_id if first else DEFAULT_ACCOUNT_ID,
            region=first.region if first else DEFAULT_REGION,
            now=self._now,
        )

    def put(self, spec: FunctionSpec, *, python: Interpreter | None = None) -> None:
        """Adds a function, or replaces the one of the same key. Waits for nothing.

        The instances of a replaced one end after their requests; what waits in the background for it runs as
        the new one. When nothing has changed that instances know of, they stay. Raises ConfigurationError
        when it cannot be run here. `python` is the interpreter for this function.
        """
        with self._lock:
            before = self._running.get(spec.key)
            if before is not None and before.adapts(spec):
                return
        process = FunctionProcess(
            spec,
            self._environment,
            credentials=partial(self._credentials_of, spec),
            python=python or self._python,
            machine=self._machine,
        )
        with self._lock:
            closed = self._closed
            if not closed:
                self._aliases.pop(spec.key, None)
                before = self._running.get(spec.key)
                self._running[spec.key] = Running(spec, process, self._machine.limits, before)
                if before is not None:
                    self._end(before)
        if closed:
            process.close()
            raise self._refusal(spec.key)

    def provisioned(self, key: str) -> int:
        """How many provisioned instances of a function are ready; ClosedError when it was removed."""
        return self._of(key).process.provisioned

    def instances(self, key: str) -> dict[str, float]:
        """The ids of a function's instances, and since when there are; ClosedError when it was removed."""
        return self._of(key).process.instances

    def use_credentials(self, credentials: Callable[[FunctionSpec], Credentials | None]) -> None:
        """Says with which key each function makes its calls, asked anew at each request.

        Keys that the caller's environment names, or that of a function without a role, come first.
        """
        self._credentials = credentials

    def put_alias(self, spec: FunctionSpec, chosen: Callable[[], str]) -> None:
        """Adds a function that has triggers of its own and runs as others, or replaces the one of its key.

        `chosen` gives the key of the function that is run, anew for each invocation.
        """
        with self._lock:
            if self._closed:
                raise self._refusal(spec.key)
            self._aliases[spec.key] = Alias(spec, chosen)

    def remove(self, key: str) -> None:
        """Lets the function of this key end after the requests that run; nothing when there is none.

        What waits in the background for it is never run.
        """
        with self._lock:
            self._aliases.pop(key, None)
            running = self._running.pop(key, None)
            if running is not None:
                running.refuse()
                self._end(running)

    def restore(self) -> None:
        """Brings back the template's functions as they were, and ends all others."""
        template = {spec.key: spec for spec in self.template.functions}
        for spec in self.functions:
            if template.get(spec.key) is not spec:
                self.remove(spec.key)
        known = {spec.key for spec in self.functions}
        for spec in self.template.functions:
            if spec.key not in known:
                self.put(spec)

    def function(self, key: str) -> FunctionSpec:
        """The function of this key; ClosedError when it was removed."""
        with self._lock:
            alias = self._aliases.get(key)
        return alias.spec if alias is not None else self._of(key).spec

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def tick_payload(self, trigger: TimerTrigger) -> bytes:
        """The event of a timer that fires now."""
        return timer_event(trigger, self._now())

    def http(
        self,
        function: str,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> HttpExchange:
        """Sends a request to a function's HTTP trigger, past the gateway's check of the signature.

        `path` is percent-encoded and may carry a query. Raises ConfigurationError when the function has no
        HTTP trigger that takes the method.
        """
        spec = self._meant(function)
        methods = {
            method
            for trigger in spec.triggers
            if isinstance(trigger, HttpTrigger)
            for method in trigger.methods
        }
        if method not in methods:
            known = ", ".join(sorted(methods)) or "nothing: it has no HTTP trigger"
            raise ConfigurationError(f"{spec.key} does not take {method} over HTTP; it takes {known}")
        return self.exchange(spec, HttpRequest(method, path, headers or {}, body))

    def exchange(
        self,
        spec: FunctionSpec,
        request: HttpRequest,
        *,
        request_id: str | None = None,
        error_status: int = FUNCTION_ERROR_STATUS,
    ) -> HttpExchange:
        """Hands a request to a function, whatever its trigger says, and makes an answer of the result."""
        request_id = request_id or new_request_id()
        # Of an alias the version is drawn once: it decides on the form, too.
        running = self._of(spec.key)
        payload = self._payload(running, spec, request, request_id)
        invocation = self._run(spec.key, payload, request_id, running=running)
        if invocation.response is not None:
            answer = passed_answer(invocation.response, request_id, invocation.error_type)
        else:
            answer = http_answer(invocation.payload, request_id, invocation.error_type, error_status)
        return HttpExchange(answer, invocation)

    def http_payload(self, spec: FunctionSpec, request: HttpRequest, request_id: str) -> bytes | Request:
        """What a function gets of a request that comes now: an event, or itself when it takes requests."""
        return self._payload(self._of(spec.key), spec, request, request_id)

    def _payload(
        self, running: Running, spec: FunctionSpec, request: HttpRequest, request_id: str
    ) -> bytes | Request:
        if running.process.takes_http:
            return passed_request(request, spec)
        return http_event(request, spec, request_id, self._now())

    def named(self, name: str, *, any_case: bool = False) -> FunctionSpec | None:
        """The function with this `functionName`, or else this key; None when there is none.

        A name means what can still be changed of a function; published versions have keys only.
        """
        folded = str.lower if any_case else str
        wanted = folded(name)
        functions = self.functions
        by_name = (spec for spec in functions if folded(spec.name) == wanted and spec.version == LATEST)
        by_key = (spec for spec in functions if folded(spec.key) == wanted)
        return next(by_name, None) or next(by_key, None)

    def invoke(self, function: str, event: bytes, *, request_id: str | None = None) -> Invocation:
        """Invokes a function with these bytes, as the invocation API does."""
        return self._run(self._meant(function).key, event, request_id)

    def run(self, key: str, payload: bytes | Request, request_id: str) -> Invocation:
        """Runs the function of this resource key once and waits for it."""
        return self._run(key, payload, request_id)

    def invoke_later(
        self,
        key: str,
        payload: bytes | Request,
        *,
        request_id: str,
        then: Callable[[Invocation], None] = lambda _: None,
    ) -> None:
        """Runs a function once in the background, after those that were there before; `then` is told."""

        def run() -> None:
            then(self._run(key, payload, request_id, background=True))

        chosen = self._chosen(key)
        with self._lock:
            running = self._running.get(chosen)
            if running is None:
                raise self._refusal(key)
            running.submit(run)

    def close(self) -> None:
        """Ends all processes. Invocations that run are waited for; those that wait get a ClosedError."""
        with self._lock:
            self._closed = True
            for running in self._running.values():
                running.refuse()
                self._end(running)
            closing = tuple(self._running.values())
            self._running.clear()
            self._aliases.clear()
            ending = tuple(self._ending)
        for thread in ending:
            thread.join()
        for running in closing:
            running.join()
        self._over.set()

    def kill_after(self, seconds: float) -> None:
        """Lets what runs go on for so many seconds. What runs then, until `close` is over, is killed."""

        def processes() -> list[FunctionProcess]:
            with self._lock:
                return [*(one.process for one in self._running.values()), *self._ending.values()]

        kill = partial(kill_until, self._over, processes, seconds)
        threading.Thread(target=kill, name="function-kill", daemon=True).start()

    @staticmethod
    def _refusal(key: str) -> ClosedError:
        return ClosedError(f"{key} is not run any more: the functions were ended")

    def _chosen(self, key: str) -> str:
        """The key of what runs as the function of this key: an alias runs as others."""
        with self._lock:
            alias = self._aliases.get(key)
        return alias.chosen() if alias is not None else key

    def _of(self, key: str) -> Running:
        chosen = self._chosen(key)
        with self._lock:
            running = self._running.get(chosen)
        if running is None:
            raise self._refusal(key)
        return running

    def _end(self, running: Running) -> None:
        """Ends what takes no requests any more, in a thread: its last ones may still run."""
        thread = threading.Thread(target=running.process.close, name=f"end of {running.spec.key}")
        self._ending = {one: process for one, process in self._ending.items() if one.is_alive()}
        self._ending[thread] = running.process
        thread.start()

    def _credentials_of(self, spec: FunctionSpec) -> Credentials | None:
        named = ACCESS_KEY_ID in self._environment or (not spec.role and ACCESS_KEY_ID in spec.environment)
        return None if named else self._credentials(spec)

    def _meant(self, name: str) -> FunctionSpec:
        """The function that a caller names by key, name or code folder; else the template's complaint."""
        return self.named(name) or self.template.function(name)

    def _run(
        self,
        key: str,
        payload: bytes | Request,
        request_id: str | None = None,
        *,
        background: bool = False,
        running: Running | None = None,
    ) -> Invocation:
        request_id = request_id or new_request_id()
        invocation, running = None, running or self._of(key)
        while invocation is None:
            try:
                if isinstance(payload, Request) and not running.process.takes_http:
                    # What was meant for a web server came to a function that is none, or none any more.
                    payload = passed_event(payload, running.spec, request_id, self._now())
                invocation = running.process.invoke(payload, request_id=request_id)
            except ClosedError:
                # What was replaced while this waited leaves it to the one that is there now.
                ended, running = running, self._of(key)
                if running is ended:
                    raise
        self._ended(Ended(key, invocation, background))
        return invocation
