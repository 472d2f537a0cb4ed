"""A template brought to life: functions that run, rules that deliver events to them, timers, HTTP triggers.

Delivers each event once and at once, and runs each invocation once: no retries, no dead letters. Knows
nothing of the services that the functions call; the environment tells these where they are.
"""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from fctoolkit.errors import ConfigurationError
from localcloud.errors import LocalCloudError
from localcloud.eventbridge import EventBus, Receipt, Rule
from localcloud.runtime import FunctionProcess, Invocation
from localcloud.runtime.process import new_request_id
from localcloud.template import EventBridgeTrigger, FunctionSpec, HttpTrigger, Template, TimerTrigger
from localcloud.triggers import (
    FUNCTION_ERROR_STATUS,
    HttpAnswer,
    HttpRequest,
    http_answer,
    http_event,
    passed_answer,
    passed_request,
    timer_event,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from fctoolkit.jsontypes import FrozenJson
    from localcloud.message import Request


@dataclass(frozen=True, slots=True)
class DeliveryRecord:
    """One invocation that an event or a timer led to.

    Attributes:
        rule: the rule or timer, named as FC names it: `<function>-<trigger>`.
        function: the function's resource key.
    """

    rule: str
    function: str
    invocation: Invocation


@dataclass(frozen=True, slots=True)
class HttpExchange:
    """What the caller of an HTTP trigger got, and the invocation behind it."""

    answer: HttpAnswer
    invocation: Invocation


@dataclass(frozen=True, slots=True)
class Ended:
    """An invocation that is over: whose it was, and whether nobody waited for it.

    Attributes:
        function: the function's resource key.
    """

    function: str
    invocation: Invocation
    background: bool


class ClosedError(LocalCloudError):
    """A function was to run although the deployment was closed."""


class Deployment:
    """The functions of a template, each in a process of its own that starts at its first invocation.

    `environment` is the caller's; see `localcloud.runtime.environment` for what functions get of it. `now` is
    the wall clock that events and timers are stamped with. `python` is the interpreter that functions run
    on, by default the one that runs this. `ended` is told of every invocation, from the thread that ran it.
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
    ) -> None:
        self.template = template
        self._now = now
        self._ended = ended
        self._closed = False
        with ExitStack() as stack:
            self._processes = {
                spec.key: stack.enter_context(FunctionProcess(spec, environment, python=python))
                for spec in template.functions
            }
            self._turns = {spec.key: threading.Lock() for spec in template.functions}
            # One thread a function: background invocations run one after the other. It starts with the first.
            self._queues = {spec.key: ThreadPoolExecutor(1, spec.key) for spec in template.functions}
            self._stack = stack.pop_all()
        first = template.functions[0] if template.functions else None
        self.bus = EventBus(
            rules=tuple(
                Rule(spec.rule_name(trigger), spec.key, trigger.pattern)
                for spec in template.functions
                for trigger in spec.triggers
                if isinstance(trigger, EventBridgeTrigger) and trigger.enabled
            ),
            account_id=first.account_id if first else "",
            region=first.region if first else "",
            now=now,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def put_event(self, event: Mapping[str, FrozenJson]) -> tuple[DeliveryRecord, ...]:
        """Puts a CloudEvent on the default bus and invokes the functions of the rules that match.

        Raises EventError for what EventBridge would not take. Errors of functions are in the records.
        To see why the other rules did not match, take the two steps apart: `bus.put`, then `deliver`.
        """
        return self.deliver(self.bus.put(event))

    def deliver(self, receipt: Receipt) -> tuple[DeliveryRecord, ...]:
        """Invokes the functions of the rules that an event has matched."""
        body = json.dumps(receipt.event).encode()
        return tuple(
            DeliveryRecord(rule.name, rule.function, self._run(rule.function, body))
            for rule in receipt.matched
        )

    def tick(self, function: str | None = None) -> tuple[DeliveryRecord, ...]:
        """Fires every enabled timer once, of one function or of all. Timers never fire by themselves."""
        specs = self.template.functions if function is None else (self.template.function(function),)
        return tuple(
            DeliveryRecord(spec.rule_name(trigger), spec.key, self._tick(spec, trigger))
            for spec in specs
            for trigger in spec.triggers
            if isinstance(trigger, TimerTrigger) and trigger.enabled
        )

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
        spec = self.template.function(function)
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
        invocation = self._run(spec.key, self.http_payload(spec, request, request_id), request_id)
        if invocation.response is not None:
            answer = passed_answer(invocation.response, request_id, invocation.error_type)
        else:
            answer = http_answer(invocation.payload, request_id, invocation.error_type, error_status)
        return HttpExchange(answer, invocation)

    def http_payload(self, spec: FunctionSpec, request: HttpRequest, request_id: str) -> bytes | Request:
        """What a function gets of a request that comes now: an event, or itself when it takes requests."""
        if self._processes[spec.key].takes_http:
            return passed_request(request, spec)
        return http_event(request, spec, request_id, self._now())

    def named(self, name: str, *, any_case: bool = False) -> FunctionSpec | None:
        """The function with this `functionName`, or else this resource key; None when there is none."""
        folded = str.lower if any_case else str
        wanted = folded(name)
        functions = self.template.functions
        by_name = (spec for spec in functions if folded(spec.name) == wanted)
        by_key = (spec for spec in functions if folded(spec.key) == wanted)
        return next(by_name, None) or next(by_key, None)

    def invoke(self, function: str, event: bytes, *, request_id: str | None = None) -> Invocation:
        """Invokes a function with these bytes, as the invocation API does."""
        return self._run(self.template.function(function).key, event, request_id)

    def invoke_later(self, function: str, payload: bytes | Request, *, request_id: str) -> None:
        """Invokes a function in the background, after those that were there before.

        It runs once: a failure is told to `ended` and to nobody else.
        """
        key = self.template.function(function).key
        if self._closed:
            raise self._refusal(key)
        self._queues[key].submit(self._run, key, payload, request_id, background=True)

    def close(self) -> None:
        """Ends all processes. Invocations that run are waited for; those that wait get a ClosedError."""
        self._closed = True
        for queue in self._queues.values():
            queue.shutdown(cancel_futures=True)
        with ExitStack() as turns:
            # Who has a turn may have looked before this was closed, and would start its function anew.
            for turn in self._turns.values():
                turns.enter_context(turn)
            self._stack.close()

    @staticmethod
    def _refusal(key: str) -> ClosedError:
        return ClosedError(f"{key} is not run any more: the functions were ended")

    def _tick(self, spec: FunctionSpec, trigger: TimerTrigger) -> Invocation:
        return self._run(spec.key, timer_event(trigger, self._now()))

    def _run(
        self,
        key: str,
        payload: bytes | Request,
        request_id: str | None = None,
        *,
        background: bool = False,
    ) -> Invocation:
        with self._turns[key]:
            if self._closed:
                raise self._refusal(key)
            invocation = self._processes[key].invoke(payload, request_id=request_id)
        self._ended(Ended(key, invocation, background))
        return invocation
