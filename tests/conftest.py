"""What every test may rely on: no network but loopback, and no credentials or settings of the caller's.

And what whoever runs them may rely on: where nothing may be missing, no test is skipped.
"""

from __future__ import annotations

import ipaddress
import os
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from tests.support.programs import MAY_BE_MISSING, is_forbidden

if TYPE_CHECKING:
    from collections.abc import Generator

_PREFIXES = ("ENLIST_", "ALIBABA_CLOUD_", "FC_", "OTEL_")


def _loopback_only(event: str, arguments: tuple[object, ...]) -> None:
    """Refuses connections and look-ups that leave this machine, whichever library makes them."""
    if event == "socket.connect":
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else "localhost"
    elif event == "socket.getaddrinfo":
        host = arguments[0]
    else:
        return
    name = host.decode() if isinstance(host, bytes) else str(host or "localhost")
    try:
        local = name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        local = False
    if not local:
        raise PermissionError(f"tests reach loopback only; something asked for {name}")


sys.addaudithook(_loopback_only)
# A busy machine is no reason to fail; a test that hangs is ended by its own time limit.
settings.register_profile("steady", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")
for _name in [name for name in os.environ if name.startswith(_PREFIXES)]:
    del os.environ[_name]


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that skips for want of what must be there has failed."""
    report = yield
    _fail_forbidden(report)
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """So has a whole file that does."""
    report = yield
    _fail_forbidden(report)
    return report


def _fail_forbidden(report: pytest.TestReport | pytest.CollectReport) -> None:
    # A skip's place and reason; an expected failure, which is reported likewise, has no such triple.
    if report.skipped and isinstance(report.longrepr, tuple) and not hasattr(report, "wasxfail"):
        file, line, reason = report.longrepr
        if is_forbidden(reason, os.environ.get(MAY_BE_MISSING)):
            report.outcome = "failed"
            report.longrepr = f"{file}:{line}: {reason} ({MAY_BE_MISSING} does not allow it)"
