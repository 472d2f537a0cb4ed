"""A function as FC runs it: instances, initializer, timeout, memory, error payloads. Knows no triggers."""

from __future__ import annotations

import secrets
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self, TypeAlias

from fctoolkit.errors import ConfigurationError
from localcloud.functions.limits import LIMIT_ERROR, RESULT_ERROR, SYNC_PAYLOAD_BYTES
from localcloud.runtime.bootstrap import CREDENTIAL_VARIABLES
from localcloud.runtime.custom import CustomInstance
from localcloud.runtime.environment import function_environment
from localcloud.runtime.exchange import Call, ExitedError, NotStartedError, Reply, TimedOutError
from localcloud.runtime.instance import BuiltInInstance
from localcloud.runtime.invocation import (
    INITIALIZATION_ERROR,
    INVOCATION_ERROR,
    Credentials,
    Invocation,
    error_payload,
    new_request_id,
)
from localcloud.runtime.memory import MIB, highest, resident
from localcloud.runtime.pool import ClosedError, LimitError, Machine, Pool

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from localcloud.functions.spec import FunctionSpec, Hook
    from localcloud.message import Request
    from localcloud.runtime.bootstrap import Settings
    from localcloud.runtime.exchange import Instance
    from localcloud.runtime.pool import Slot

RUNTIMES: Final = ("python3.12", "python3.10", "python3.9", "python3")
"""FC's built-in Python runtimes. The name decides on the context; which Python runs them, `python` says."""

CUSTOM_RUNTIMES: Final = ("custom.debian12", "custom.debian11", "custom.debian10", "custom")
"""FC's custom runtimes. What runs is the start command of the function, on this machine."""

Interpreter: TypeAlias = "Path | Callable[[], Path]"
"""The Python that a function runs on, or what finds it at the first start, or raises NotStartedError."""


class FunctionProcess:
    """A function and its instances, kept warm between requests. Safe to use from several threads.

    `environment` is the caller's: the function gets its basics and overrides, see `function_environment`.
    `credentials` are those of the function's role. As a value, by default what the environment has, they are
    what `context.credentials` shows and custom runtimes are told. As a function they are asked for at each
    request and put into the environment of built-in runtimes, too, unless it gives None. `python` is the
    interpreter that it runs on, by default the one that runs this; it needs no package. `machine` is shared
    by functions that share its limits. Use as a context manager, or call `close`.
    """

    def __init__(
        self,
        spec: FunctionSpec,
        environment: Mapping[str, str],
        *,
        credentials: Credentials | Callable[[], Credentials | None] | None = None,
        python: Interpreter | None = None,
        machine: Machine | None = None,
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
        self._role = _none if credentials is None or isinstance(credentials, Credentials) else credentials
        self._own = credentials if isinstance(credentials, Credentials) else _found_in(self.environment)
        self._python = python or Path(sys.executable)
        self._machine = machine or Machine()
        self._pool = Pool(
            spec.key, spec.region, spec.reserved, spec.instance_concurrency, self._end, self._watch
        )
        self._leaving: list[Slot] = []
        self._machine.add(self._pool)
        self._provision()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def takes_http(self) -> bool:
        """Whether it takes HTTP requests as they are: a custom runtime does, because it is a web server."""
        return self.spec.custom is not None

    @property
    def provisioned(self) -> int:
        """How many provisioned instances are ready."""
        return sum(slot.provisioned and slot.ready for slot in self._machine.slots(self._pool))

    @property
    def instances(self) -> dict[str, float]:
        """The ids of the instances that take requests, and since when there were, seconds since the epoch."""
        return {slot.instance_id: slot.since for slot in self._machine.slots(self._pool) if slot.ready}

    def invoke(self, payload: bytes | Request, *, request_id: str | None = None) -> Invocation:
        """Runs the function on an event, or on an HTTP request when it `takes_http`.

        Errors of the function are in the Invocation, never raised. Raises ClosedError after `close`.
        """
        request_id = request_id or new_request_id()
        try:
            slot = self._machine.take(self._pool)
        except LimitError as error:
            answer = error_payload(str(error), LIMIT_ERROR)
            return Invocation(request_id, answer, LIMIT_ERROR, "", 0.0, cold=False)
        cold = slot.instance is None
        try:
            failed = self._start(slot, request_id) if cold else None
            return failed or self._serve(slot, Call("invoke", request_id, payload), cold=cold)
        except BaseException:
            # Interrupted in the middle: whatever this instance says next would be the wrong answer.
            self._discard(slot)
            raise
        finally:
            if not self._machine.give_back(slot) and slot.provisioned:
                self._provision()

    def adapt(self, spec: FunctionSpec) -> None:
        """Takes over a spec that differs in nothing that its instances know of; these stay as they are."""
        self.spec = spec
        self._machine.limit(self._pool, spec.reserved)
        self._provision()

    def close(self) -> str:
        """Ends all instances, each after its request and its pre-stop hook.

        Who waits for an instance, and whoever comes later, gets a ClosedError. Returns what the instances
        logged meanwhile.
        """
        return "".join([self._end(slot) for slot in self._machine.close(self._pool)])

    def crash(self) -> None:
        """Kills each instance with SIGKILL, as the crash of its machine would, whatever it is doing.

        Meant for another thread than the one that invokes: the request under way, or else the next one, ends
        as that of a process that exited. Does nothing while no instance runs.
        """
        for slot in (*self._machine.slots(self._pool), *self._leaving):
            if slot.instance is not None:
                slot.instance.crash()

    def _start(self, slot: Slot, request_id: str) -> Invocation | None:
        """Starts and initializes the instance of a slot; what to answer when that fails, else None."""
        started = time.monotonic()
        try:
            slot.instance = instance = self._launch(slot)
        except NotStartedError as error:
            self._discard(slot)
            payload, seconds = error_payload(str(error), error.code), time.monotonic() - started
            return Invocation(request_id, payload, error.code, error.logs, seconds, cold=True)
        self._watch(slot)
        hook = self.spec.initializer
        if hook is not None:
            answer = self._run(slot, instance, Call("initialize", request_id), hook.timeout)
            if not answer.reply.ok:
                # An instance whose initializer failed gets no requests.
                self._discard(slot)
                return self._told(slot, answer, request_id, INITIALIZATION_ERROR, cold=True)
        self._machine.started(slot)
        return None

    def _serve(self, slot: Slot, call: Call, *, cold: bool) -> Invocation:
        """Has a request done by the instance of a slot, which was started."""
        if slot.instance is None:
            raise RuntimeError(f"{self.spec.key}: a slot without an instance was to serve a request")
        answer = self._run(slot, slot.instance, call, self.spec.timeout)
        error_type = "" if answer.reply.ok else INVOCATION_ERROR
        if len(answer.reply.payload) > SYNC_PAYLOAD_BYTES:
            error_type = RESULT_ERROR
            message = f"the result has {len(answer.reply.payload)} bytes; it may have {SYNC_PAYLOAD_BYTES}"
            answer = replace(answer, reply=Reply(ok=False, payload=error_payload(message, error_type)))
        return self._told(slot, answer, call.request_id, error_type, cold=cold)

    def _run(self, slot: Slot, instance: Instance, call: Call, timeout: int) -> _Answer:
        """One exchange with an instance. One that did not answer, or took too much memory, is ended."""
        started = time.monotonic()
        try:
            reply = instance.exchange(replace(call, credentials=self._renewed()), timeout)
            seconds = time.monotonic() - started
            self._measure(slot, instance)
        except TimedOutError:
            seconds = time.monotonic() - started
            self._watch(slot)
            self._machine.drop(slot)
            instance.stop()
            message = f"Function time out after {timeout} seconds (maxMemoryUsage: {self._used(slot)}MB)"
            reply = Reply(ok=False, payload=error_payload(message))
        except ExitedError:
            seconds = time.monotonic() - started
            self._discard(slot)
            message = (
                "Process exited unexpectedly before completing request "
                f"(duration: {seconds * 1000:.0f}ms, maxMemoryUsage: {self._used(slot)}MB)"
            )
            reply = Reply(ok=False, payload=error_payload(message))
        return _Answer(reply, seconds)

    def _told(
        self, slot: Slot, answer: _Answer, request_id: str, error_type: str, *, cold: bool
    ) -> Invocation:
        return Invocation(
            request_id=request_id,
            payload=answer.reply.payload,
            error_type=error_type,
            logs=slot.instance.take_logs() if slot.instance is not None else "",
            duration=answer.duration,
            cold=cold,
            response=answer.reply.response,
            instance_id=slot.instance_id,
            memory=min(slot.memory, self._memory_limit),
            memory_size=self.spec.memory,
        )

    @property
    def _memory_limit(self) -> int:
        return self.spec.memory * MIB

    def _used(self, slot: Slot) -> int:
        """What FC names in error payloads: whole MB, never more than there are."""
        return min(slot.memory, self._memory_limit) // MIB

    def _watch(self, slot: Slot) -> None:
        """Looks at what an instance holds, and ends it as FC does when that is too much."""
        instance = slot.instance
        # A process that has just ended holds nothing, which says nothing about what it held.
        if instance is not None and (held := resident(instance.pid)):
            slot.held = held
            slot.memory = max(slot.memory, held)
            if slot.memory > self._memory_limit:
                instance.crash()

    def _measure(self, slot: Slot, instance: Instance) -> None:
        """Takes into account what an instance held between two looks; ExitedError when that was too much."""
        self._watch(slot)
        peak = highest(instance.pid)
        if peak > slot.highest:
            slot.highest = peak
            slot.memory = max(slot.memory, peak)
        if slot.memory > self._memory_limit:
            raise ExitedError

    def _end(self, slot: Slot) -> str:
        """Ends an instance that has no request, and returns what it logged meanwhile."""
        instance, hook = slot.instance, self.spec.pre_stop
        if instance is None:
            return ""
        self._leaving.append(slot)
        if hook is not None:
            self._run(slot, instance, Call("pre-stop", new_request_id()), hook.timeout)
        instance.kill()
        self._leaving.remove(slot)
        return instance.take_logs()

    def _discard(self, slot: Slot) -> None:
        self._machine.drop(slot)
        if slot.instance is not None:
            slot.instance.kill()

    def _provision(self) -> None:
        """Starts in the background what is missing of the provisioned instances, as far as limits let it."""
        if self.spec.provisioned or self.provisioned:
            threading.Thread(target=self._provide, name="function-provision", daemon=True).start()

    def _provide(self) -> None:
        failed: Invocation | None = None
        with suppress(LimitError, ClosedError):
            while failed is None:
                slot = self._machine.provide(self._pool, self.spec.provisioned)
                if slot is None:
                    return
                try:
                    failed = self._start(slot, new_request_id())
                except BaseException:
                    self._discard(slot)
                    raise
                finally:
                    self._machine.give_back(slot)

    def _renewed(self) -> tuple[str, ...]:
        """The role's credentials for the next call; none when they are a value, and known from the start."""
        role = self._role()
        return (role.access_key_id, role.access_key_secret, role.security_token) if role else ()

    def _launch(self, slot: Slot) -> Instance:
        slot.instance_id = f"c-{secrets.token_hex(16)}"
        environment = self.environment | {"FC_INSTANCE_ID": slot.instance_id}
        given = dict(zip(CREDENTIAL_VARIABLES, self._renewed(), strict=False))
        environment |= {name: value for name, value in given.items() if value}
        python = self._python() if callable(self._python) else self._python
        if self.spec.custom is not None:
            return CustomInstance(self.spec, environment, python, self._common_headers)
        return BuiltInInstance(self._settings(), environment, python)

    def _common_headers(self) -> dict[str, str]:
        """What FC tells a custom runtime with every request, beside the request's id."""
        spec, credentials = self.spec, self._role() or self._own
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
        spec, credentials = self.spec, self._role() or self._own
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
            "concurrency": spec.instance_concurrency,
        }


@dataclass(frozen=True, slots=True)
class _Answer:
    reply: Reply
    duration: float


def _none() -> None:
    return None


def _found_in(environment: Mapping[str, str]) -> Credentials:
    return Credentials(*(environment.get(name, "") for name in CREDENTIAL_VARIABLES))


def _handler(hook: Hook | None) -> str:
    return hook.handler if hook else ""
