"""One function on FC: everything wired together, once per instance and once per invocation."""

from __future__ import annotations

import gc
import logging
import os
from contextlib import nullcontext
from threading import Lock
from typing import TYPE_CHECKING, Protocol

from enlist.bindings.packed import load_bindings
from enlist.doors import Doors
from enlist.effects import Effects
from enlist.ledger import KEEP_SECONDS
from enlist.means import SHARE_OF_LOOKS, Means
from enlist.settings import COLLECTOR, Settings
from enlist.signals import Signal, SignalRules
from fctoolkit import logging as json_logging
from fctoolkit.client import ApiClient, log_attempt
from fctoolkit.clock import Deadline
from fctoolkit.context import Context, deadline_of, timeout_of
from fctoolkit.credentials import resolve_credentials
from fctoolkit.errors import StoreError
from fctoolkit.metrics import initializing, measured

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from enlist.bindings.model import Bindings
    from enlist.outcomes import Report
    from enlist.sources import Kind
    from fctoolkit.idempotency.guard import Guard
    from fctoolkit.idempotency.store import Store
    from fctoolkit.jsontypes import JsonObject, JsonValue
    from fctoolkit.telemetry.recorder import Telemetry

_LOG = logging.getLogger(__name__)

EFFECTS = Effects()
"""The real world."""


class Job(Protocol):
    """What a function does about signals."""

    def __call__(self, means: Means, signals: Sequence[Signal] | None, *, dry_run: bool) -> Report:
        """Settles the signals, or with None sweeps; a dry run only tells."""
        ...


class Function:
    """An event-driven function. Build one at import; hand `initialize` and `handle` to FC.

    Args:
        kind: whose signals it takes.
        job: what it does about them.
        path: name of its HTTP route beside `/`.
        environ: where settings and credentials are read.
        effects: what it touches the world with; opened when it is first needed.
    """

    def __init__(
        self,
        kind: Kind,
        job: Job,
        path: str,
        *,
        environ: Mapping[str, str] = os.environ,
        effects: Effects = EFFECTS,
    ) -> None:
        self._kind: Kind = kind
        self._job = job
        self._path = path
        self._environ = environ
        self._effects = effects
        self._lock = Lock()
        self._doors: Doors | None = None
        self._settings = Settings()
        self._store: Store | None = None
        self._telemetry: Telemetry | None = None

    def initialize(self, context: Context) -> None:
        """FC's initializer: reads settings and bindings, opens the connection pool and the store of claims.

        Raises `ConfigurationError` when something is wrong with them, so that the instance never starts. A
        store that cannot be reached just now is left to the invocations.
        """
        with initializing(context, self._effects.clock):
            self._ready()
            try:
                self._guard(context)
            except StoreError as error:
                _LOG.warning("the store is not open yet: %s", error)

    def handle(self, raw: bytes, context: Context) -> JsonValue:
        """FC's handler.

        Raises `NotSettledError` when something could not be settled, and the `ApiError` tree, `StoreError` or
        `ConfigurationError` when nothing could be.
        """
        with measured(context, clock=self._effects.clock) as metrics:
            doors = self._ready()
            with self._telemetry.invocation(context, metrics, raw) if self._telemetry else nullcontext():
                return doors.take(raw, context)

    def _ready(self) -> Doors:
        with self._lock:
            if self._doors is None:
                try:
                    json_logging.configure(self._environ.get("LOG_LEVEL"))
                    self._doors = self._build()
                finally:
                    _collect_from_now_on()
            return self._doors

    def _build(self) -> Doors:
        settings = self._settings = Settings.from_environment(self._environ)
        rules = SignalRules.of(self._kind, settings.signals)
        bindings = load_bindings(settings.bindings_path)
        effects = self._effects
        self._telemetry = _open_telemetry(settings, self._environ)
        client = ApiClient(
            effects.http(),
            clock=effects.clock,
            random=effects.random,
            nonce=effects.unique,
            listener=self._telemetry.hear if self._telemetry else log_attempt,
        )

        def run(signals: Sequence[Signal] | None, context: Context, *, dry_run: bool = False) -> Report:
            # Read anew each time: the role's key changes during the life of an instance.
            credentials = resolve_credentials(self._environ, context)
            deadline = deadline_of(context, effects.clock)
            share = 1.0 if dry_run else SHARE_OF_LOOKS
            looks_until = Deadline.after(share * deadline.remaining(), effects.clock)
            means = Means(
                session=client.session(credentials, deadline),
                looks=client.session(credentials, looks_until),
                looks_until=looks_until,
                settings=settings,
                bindings=bindings,
                clock=effects.clock,
                deadline=deadline,
                function_region=context.region,
                account_id=context.account_id,
                together=effects.together,
                guard=self._guard(context),
            )
            return self._job(means, signals, dry_run=dry_run)

        return Doors(rules, run, self._path, _health(self._kind, bindings, settings))

    def _guard(self, context: Context) -> Guard | None:
        """Claims for one invocation, in the store that is opened once; None where no store is named."""
        if not self._settings.store:
            return None
        from fctoolkit.idempotency.guard import Guard  # noqa: PLC0415  # nobody without a store pays for it

        with self._lock:
            if self._store is None:
                self._store = self._effects.store(self._settings.store, self._effects.clock)
        return Guard(
            self._store,
            timeout=timeout_of(context),
            keep=KEEP_SECONDS,
            clock=self._effects.clock,
            tokens=self._effects.unique,
        )


def _collect_from_now_on() -> None:
    """Turns collections on where they were turned off for the time of loading.

    What was loaded lives as long as the instance: no collection shall walk it.
    """
    if not gc.isenabled():
        gc.freeze()
        gc.enable()


def _open_telemetry(settings: Settings, environ: Mapping[str, str]) -> Telemetry | None:
    if not (settings.traces_url or settings.metrics_url):
        return None
    from fctoolkit.telemetry import open_telemetry  # noqa: PLC0415  # nobody without a collector pays for it

    return open_telemetry(
        traces_url=settings.traces_url, metrics_url=settings.metrics_url, setting=COLLECTOR, environ=environ
    )


def _health(kind: Kind, bindings: Bindings, settings: Settings) -> JsonObject:
    """What a person wants to see first: which policy this function carries, and what kind of store."""
    carried = bindings.edge if kind == "edge" else bindings.search
    return {
        "kind": kind,
        "bindings": [{"name": one.name, "mode": one.mode} for one in carried],
        # Only the part before the colon: the rest may hold a password.
        "store": settings.store.partition(":")[0] or "none",
    }
