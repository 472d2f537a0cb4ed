"""One function on FC: everything wired together, once per instance and once per invocation."""

from __future__ import annotations

import os
from threading import Lock
from typing import TYPE_CHECKING, Protocol

from enlist.bindings.packed import load_bindings
from enlist.doors import Doors
from enlist.means import Means
from enlist.settings import Settings
from enlist.signals import Signal, SignalRules
from fctoolkit import logging as json_logging
from fctoolkit.client import ApiClient
from fctoolkit.clock import SYSTEM_CLOCK, Clock
from fctoolkit.context import Context, deadline_of
from fctoolkit.credentials import resolve_credentials
from fctoolkit.transport import HttpClient, open_http

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from enlist.bindings.model import Bindings
    from enlist.outcomes import Report
    from enlist.sources import Kind
    from fctoolkit.jsontypes import JsonObject, JsonValue


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
        http: the connection pool; by default one to the network, opened when it is first needed.
        clock: where time comes from.
    """

    def __init__(
        self,
        kind: Kind,
        job: Job,
        path: str,
        *,
        environ: Mapping[str, str] = os.environ,
        http: Callable[[], HttpClient] = open_http,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._kind: Kind = kind
        self._job = job
        self._path = path
        self._environ = environ
        self._open_http = http
        self._clock = clock
        self._lock = Lock()
        self._doors: Doors | None = None

    def initialize(self, context: Context) -> None:
        """FC's initializer: reads settings and bindings and opens the connection pool.

        Raises `ConfigurationError` when something is wrong with them, so that the instance never starts.
        """
        with json_logging.log_context(request_id=context.request_id, function=context.function.name):
            self._ready()

    def handle(self, raw: bytes, context: Context) -> JsonValue:
        """FC's handler.

        Raises `NotSettledError` when something could not be settled, and the `ApiError` tree or
        `ConfigurationError` when nothing could be.
        """
        with json_logging.invocation(context):
            return self._ready().take(raw, context)

    def _ready(self) -> Doors:
        with self._lock:
            if self._doors is None:
                json_logging.configure(self._environ.get("LOG_LEVEL"))
                self._doors = self._build()
            return self._doors

    def _build(self) -> Doors:
        settings = Settings.from_environment(self._environ)
        rules = SignalRules.of(self._kind, settings.signals)
        bindings = load_bindings(settings.bindings_path)
        client = ApiClient(self._open_http(), clock=self._clock)

        def run(signals: Sequence[Signal] | None, context: Context, *, dry_run: bool = False) -> Report:
            # Read anew each time: the role's key changes during the life of an instance.
            credentials = resolve_credentials(self._environ, context)
            deadline = deadline_of(context, self._clock)
            session = client.session(credentials, deadline)
            means = Means(session, settings, bindings, self._clock, deadline, context.region)
            return self._job(means, signals, dry_run=dry_run)

        return Doors(rules, run, self._path, _health(self._kind, bindings))


def _health(kind: Kind, bindings: Bindings) -> JsonObject:
    """What a person wants to see first: which policy this function carries."""
    carried = bindings.edge if kind == "edge" else bindings.search
    return {"kind": kind, "bindings": [{"name": one.name, "mode": one.mode} for one in carried]}
