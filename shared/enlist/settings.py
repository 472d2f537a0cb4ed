"""The function's environment, read and checked once. Knows the names of variables, not what they lead to.

ENLIST_BINDINGS       path of a bindings file, YAML or packed JSON; default: bindings.json beside the code
ENLIST_SIGNALS        JSON, which events count as signals; see `enlist.signals`
ENLIST_STORE          URL of the store of claims, redis://… or sqlite:///…; default: none. See docs/stores.md
ENLIST_ATTEMPTS       attempts that fail before an instance is quarantined, 1 to 100; default 5; with a store
ENLIST_IDS_PER_CALL   instances attached in one call, 1 to 100; default 20, the vendor documents no limit
ENLIST_TASK_WAIT      seconds to wait for a cluster task after an attach; default 0
ENLIST_ENDPOINT_URL   one address for all services; ENLIST_ENDPOINT_URL_CS, _ENS, _ELASTICSEARCH for one
ENLIST_NETWORK        public (default) or vpc

OTEL_EXPORTER_OTLP_ENDPOINT   an OpenTelemetry collector that takes OTLP over HTTP; default: none
OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, …_METRICS_ENDPOINT   the whole URL for one of both
OTEL_SDK_DISABLED             true: no collector, whatever the others say
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from enlist.endpoints import Endpoints
from fctoolkit.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

PACKED_BINDINGS = "bindings.json"

_ENDPOINT = "ENLIST_ENDPOINT_URL"
COLLECTOR = "OTEL_EXPORTER_OTLP_ENDPOINT"
_ADDRESS = re.compile(r"(https?://(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?)/?")
_SERVICES = ("cs", "ens", "elasticsearch")
_LONGEST_TASK_WAIT = 3600.0
IDS_PER_CALL = 20
"""Unless ENLIST_IDS_PER_CALL says otherwise. The vendor documents no limit; its samples have two."""

ATTEMPTS = 5
"""Unless ENLIST_ATTEMPTS says otherwise: each attempt may reload the machine."""

_MOST = 100


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment says.

    Attributes:
        bindings_path: the bindings file.
        signals: the text of ENLIST_SIGNALS, empty for the defaults.
        store: URL of the store of claims, which may hold a password; empty for none.
        attempts: attempts that fail before an instance is quarantined, 1 to 100.
        task_wait: seconds, 0 to 3600.
        ids_per_call: instances in one AttachInstances, 1 to 100.
        endpoints: where the services are.
        traces_url: where spans go, which may hold a key; empty for nowhere.
        metrics_url: where metrics go, likewise.
    """

    bindings_path: str = PACKED_BINDINGS
    signals: str = ""
    store: str = field(default="", repr=False)
    attempts: int = ATTEMPTS
    task_wait: float = 0.0
    ids_per_call: int = IDS_PER_CALL
    endpoints: Endpoints = field(default_factory=Endpoints)
    traces_url: str = field(default="", repr=False)
    metrics_url: str = field(default="", repr=False)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Settings:
        """Reads the variables above. Raises `ConfigurationError` naming the one at fault."""
        code = environ.get("FC_FUNC_CODE_PATH", "").rstrip("/")
        packed = f"{code}/{PACKED_BINDINGS}" if code else PACKED_BINDINGS
        return cls(
            bindings_path=environ.get("ENLIST_BINDINGS") or packed,
            signals=environ.get("ENLIST_SIGNALS", ""),
            store=environ.get("ENLIST_STORE", "").strip(),
            attempts=_number("ENLIST_ATTEMPTS", environ, ATTEMPTS),
            task_wait=_task_wait(environ.get("ENLIST_TASK_WAIT", "")),
            ids_per_call=_number("ENLIST_IDS_PER_CALL", environ, IDS_PER_CALL),
            endpoints=_endpoints(environ),
            traces_url=_collector("TRACES", environ),
            metrics_url=_collector("METRICS", environ),
        )


def _task_wait(text: str) -> float:
    try:
        seconds = float(text or 0)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= _LONGEST_TASK_WAIT:
        raise ConfigurationError(f"ENLIST_TASK_WAIT: expected seconds from 0 to 3600, found {text!r}")
    return seconds


def _number(name: str, environ: Mapping[str, str], default: int) -> int:
    """A number from 1 to 100."""
    text = environ.get(name, "")
    if not text:
        return default
    number = int(text) if re.fullmatch(r"[1-9][0-9]{0,2}", text) else 0
    if not 1 <= number <= _MOST:
        raise ConfigurationError(f"{name}: expected a number from 1 to {_MOST}, found {text[:40]!r}")
    return number


def _endpoints(environ: Mapping[str, str]) -> Endpoints:
    overrides: dict[str, str] = {}
    for service in ("", *_SERVICES):
        name = f"{_ENDPOINT}_{service.upper()}" if service else _ENDPOINT
        if address := environ.get(name, ""):
            overrides[service] = _address(name, address)
    network = environ.get("ENLIST_NETWORK") or "public"
    if network not in ("public", "vpc"):
        raise ConfigurationError(f"ENLIST_NETWORK: expected public or vpc, found {network!r}")
    return Endpoints("vpc" if network == "vpc" else "public", overrides)


def _collector(signal: str, environ: Mapping[str, str]) -> str:
    """The URL for `TRACES` or `METRICS`. Source: https://opentelemetry.io/docs/specs/otel/protocol/exporter/."""
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return ""
    name, own = COLLECTOR, f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT"
    url = environ.get(name, "").strip()
    if url:
        url = f"{url.rstrip('/')}/v1/{signal.lower()}"
    if alone := environ.get(own, "").strip():
        name, url = own, alone
    if url and not re.fullmatch(r"https?://[^\s/?#@]+(?:/[^\s?#]*)?", url):
        # Not quoted: some collectors take a key in the path.
        raise ConfigurationError(f"{name}: expected http://… or https://…, without a query")
    protocol = environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "").strip()
    if url and protocol not in ("", "http/protobuf"):
        raise ConfigurationError(
            f"OTEL_EXPORTER_OTLP_PROTOCOL: expected http/protobuf or nothing, found {protocol[:40]!r}"
        )
    return url


def _address(name: str, text: str) -> str:
    # First, so that no password is quoted below.
    if "@" in text:
        raise ConfigurationError(f"{name}: must not hold a user or a password")
    found = _ADDRESS.fullmatch(text)
    if not found:
        raise ConfigurationError(
            f"{name}: expected http://host[:port] or https://host[:port], found {text!r}"
        )
    return found[1]
