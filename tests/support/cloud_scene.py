"""A local cloud and somebody who calls it, for scenarios that are written once and run in every mode."""

from __future__ import annotations

import importlib
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import httpx2
import pytest

from localcloud import LocalCloud
from localcloud.server import running_server
from tests.support.cloud_modes import DEFAULT_KEYS, Answer, Caller, Keys, PlainCaller
from tests.support.echo_function import echo_deployment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Scenario = Callable[["Scene"], None]

IN_PROCESS: Final = "in process"
OVER_HTTP: Final = "HTTP"
OFFICIAL: Final = "official"
OFFICIAL_OLDER: Final = "official, HMAC-SHA1"
CORE: Final = "core"

_COMMON = frozenset({"cs", "elasticsearch", "ens", "eventbridge", "fc", "sts"})
MODES: Final[Mapping[str, frozenset[str]]] = {
    IN_PROCESS: _COMMON | {"eventbridge2015", "fc2", "mns", "oss", "resourcemanager"},
    OVER_HTTP: _COMMON | {"eventbridge2015", "fc2", "mns", "oss", "resourcemanager"},
    OFFICIAL: _COMMON | {"eventbridge2015", "fc2", "mns", "oss"},
    OFFICIAL_OLDER: _COMMON | {"oss"},
    CORE: _COMMON | {"resourcemanager"},
}
"""The modes, with the services that each can call: without a vendor's client, and with them."""
OF_CLIENTS: Final = (OFFICIAL, OFFICIAL_OLDER, CORE)

BYTES: Final = tuple(mode for mode in MODES if mode not in {CORE, OFFICIAL_OLDER})
"""Ways to send any bytes: the general client reads JSON only, and FC's client sends any event as JSON when it
signs in the older way."""


@dataclass(frozen=True)
class Calling:
    """Who called what."""

    client: str
    service: str
    action: str


@dataclass
class Record:
    """What was called.

    Attributes:
        tried: every call.
        read: those that went well, with an answer that the client's own models read.
        raw: those that went well, with an answer that they cannot read.
    """

    tried: set[Calling] = field(default_factory=set)
    read: set[Calling] = field(default_factory=set)
    raw: set[Calling] = field(default_factory=set)


@dataclass
class Scene:
    """What a scenario has.

    Attributes:
        mode: how it calls. A scenario looks at it only where a client cannot do what it asks.
        cloud: the local cloud, for what has no address.
        url: where it is served; empty in process.
        record: what was called.
    """

    mode: str
    cloud: LocalCloud
    url: str
    _http: httpx2.Client
    _keys: Keys | None = DEFAULT_KEYS
    record: Record = field(default_factory=Record)

    def call(self, service: str, action: str, **parameters: Any) -> Answer:
        """Calls an action, by the vendor's names."""
        caller = self._caller()
        calling = Calling(caller.client(service, action), service, action)
        self.record.tried.add(calling)
        answer = caller.call(service, action, parameters)
        if answer.ok:
            (self.record.raw if answer.is_raw else self.record.read).add(calling)
        return answer

    def does(self, service: str, action: str, **parameters: Any) -> Any:
        """The body of an answer that went well."""
        answer = self.call(service, action, **parameters)
        assert answer.ok, f"{service} {action}: {answer.status} {answer.code}: {answer.message}"
        return answer.body

    def refuses(self, service: str, action: str, **parameters: Any) -> tuple[int, str]:
        """Status and code of an answer that went wrong."""
        answer = self.call(service, action, **parameters)
        assert not answer.ok, f"{service} {action} went well: {answer.body}"
        return answer.refusal

    def signing_with(self, keys: Keys | None) -> Scene:
        """The same with other keys, or with no signature."""
        return Scene(self.mode, self.cloud, self.url, self._http, keys, self.record)

    def seed(self, *records: Mapping[str, Any]) -> None:
        """Puts records in place."""
        for one in records:
            self._own("POST", "seed", one)

    def behave(self, **changes: Any) -> None:
        """Changes how the cloud behaves."""
        self.seed({"behaviour": changes})

    def fault(self, service: str, action: str, **fault: Any) -> None:
        """Lets a fault wait."""
        self._own("POST", "faults", {"service": service, "action": action, **fault})

    def wait(self, seconds: float) -> None:
        """Lets time pass."""
        self._own("POST", "clock", {"advance": seconds})

    @property
    def state(self) -> Any:
        """All state."""
        return self._own("GET", "state")

    @property
    def calls(self) -> Any:
        """Every call that the cloud saw."""
        return self._own("GET", "calls")

    def became(self, event_id: str = "") -> Any:
        """What became of the events that were put, or of those of an id, once each had its first tries."""
        return self._own("GET", f"events?id={event_id}&wait=30")

    def _own(self, method: str, route: str, body: Any = None) -> Any:
        """The local cloud's own API, in process or over HTTP as the calls."""
        address = f"{self.url or 'http://127.0.0.1'}/_localcloud/{route}"
        answer = self._http.request(method, address, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def _caller(self) -> Caller:
        if self.mode in {IN_PROCESS, OVER_HTTP}:
            return PlainCaller(self._http, self.url, self._keys)
        assert self._keys is not None, "a client of the vendor's always signs"
        # Importing the clients takes about a second, so only who uses them does.
        clients = importlib.import_module("tests.support.cloud_sdk_modes")
        if self.mode == CORE:
            caller: Caller = clients.CoreCaller(self.url, self._keys)
        else:
            caller = clients.OfficialCaller(self.url, self._keys, "v2" if self.mode == OFFICIAL_OLDER else "")
        return caller


@contextmanager
def scene(mode: str, given: LocalCloud | None = None) -> Iterator[Scene]:
    """A cloud, of its own unless one is given, and the mode's way to call it."""
    with given or LocalCloud() as cloud:
        if mode == IN_PROCESS:
            with httpx2.Client(transport=cloud.transport) as http:
                yield Scene(mode, cloud, "", http)
        else:
            with running_server(cloud) as url, httpx2.Client(trust_env=False) as http:
                yield Scene(mode, cloud, url, http)


@contextmanager
def with_functions(at: Scene, cloud: LocalCloud | None = None) -> Iterator[Scene]:
    """A scene of the same mode and record, in which functions are deployed that do what they are asked to."""
    with (
        TemporaryDirectory() as folder,
        scene(at.mode, cloud) as own,
        echo_deployment(Path(folder), own.url) as deployment,
    ):
        own.cloud.deploy(deployment, own.url)
        own.record = at.record
        yield own


def in_modes(*services: str, only: tuple[str, ...] = tuple(MODES)) -> Callable[[Scenario], Scenario]:
    """Runs a scenario in every mode that can call these services, or in some of them only."""
    fitting = [mode for mode in only if MODES[mode].issuperset(services)]

    def mark(scenario: Scenario) -> Scenario:
        scenario.modes = fitting  # type: ignore[attr-defined] # read by the table
        # The vendor's clients leave their sockets to the garbage collector, and one has invalid escapes.
        for ignored in ("ignore:unclosed <socket:ResourceWarning", "ignore::DeprecationWarning"):
            scenario = pytest.mark.filterwarnings(ignored)(scenario)
        return pytest.mark.parametrize("at", fitting, indirect=True)(scenario)

    return mark
