"""A template brought to life: functions that run, rules that deliver events to them, timers, HTTP triggers.

Delivers each event once and at once: no retries, no dead letters. Knows nothing of the services that the
functions call; the environment tells these where they are.
"""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from fctoolkit.errors import ConfigurationError
from localcloud.eventbridge import EventBus, Receipt, Rule
from localcloud.runtime import FunctionProcess, Invocation
from localcloud.runtime.process import new_request_id
from localcloud.template import EventBridgeTrigger, FunctionSpec, HttpTrigger, Template, TimerTrigger
from localcloud.triggers import (
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


class Deployment:
    """The functions of a template, each in a process of its own that starts at its first invocation.

    `environment` is the caller's; see `localcloud.runtime.environment` for what functions get of it. `now` is
    the wall clock that events and timers are stamped with. `python` is the interpreter that functions run
    on, by default the one that runs this. Safe to use from several threads. Use as a context manager, or call
    `close`.
    """

    def __init__(
        self,
        template: Template,
        environment: Mapping[str, str],
        *,
        now: Callable[[], float] = time.time,
        python: Path | None = None,
    ) -> None:
        self.template = template
        self._now = now
        with ExitStack() as stack:
            self._processes = {
                spec.key: stack.enter_context(FunctionProcess(spec, environment, python=python))
                for spec in template.functions
            }
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
            DeliveryRecord(rule.name, rule.function, self._processes[rule.function].invoke(body))
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
        request_id = new_request_id()
        request = HttpRequest(method, path, headers or {}, body)
        process = self._processes[spec.key]
        if process.takes_http:
            invocation = process.invoke(passed_request(request, spec), request_id=request_id)
        else:
            event = http_event(request, spec, request_id, self._now())
            invocation = process.invoke(event, request_id=request_id)
        if invocation.response is not None:
            answer = passed_answer(invocation.response, request_id, invocation.error_type)
        else:
            answer = http_answer(invocation.payload, request_id, invocation.error_type)
        return HttpExchange(answer, invocation)

    def invoke(self, function: str, event: bytes) -> Invocation:
        """Invokes a function with these bytes, as the invocation API does."""
        return self._processes[self.template.function(function).key].invoke(event)

    def close(self) -> None:
        """Ends all processes."""
        self._stack.close()

    def _tick(self, spec: FunctionSpec, trigger: TimerTrigger) -> Invocation:
        return self._processes[spec.key].invoke(timer_event(trigger, self._now()))
