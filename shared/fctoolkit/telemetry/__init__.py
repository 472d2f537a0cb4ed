"""Spans and metrics for an OpenTelemetry collector. Loads OpenTelemetry only when a collector is named.

    telemetry = open_telemetry(traces_url="http://collector:4318/v1/traces")     # once per instance
    client = ApiClient(open_http(), listener=telemetry.hear)

    def handler(event, context):
        with measured(context) as metrics, telemetry.invocation(context, metrics, event):
            ...

Needs the extra `otel`. docs/observability.md lists what is sent, and says what it costs.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from fctoolkit.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fctoolkit.telemetry.recorder import Telemetry

PATIENCE_SECONDS: Final = 1.0
"""How long an invocation waits at its end until what it tells has been taken."""


def open_telemetry(
    *,
    traces_url: str = "",
    metrics_url: str = "",
    setting: str = "the collector's URL",
    patience: float = PATIENCE_SECONDS,
    environ: Mapping[str, str] | None = None,
) -> Telemetry:
    """Telemetry that is sent as OTLP over HTTP, in protobuf; connects to nothing yet.

    Args:
        traces_url: where spans go, whole, such as `https://collector:4318/v1/traces`; empty for nowhere.
        metrics_url: where metrics go, likewise.
        setting: where the URLs were set, such as the name of a variable; messages begin with it.
        patience: seconds that an invocation waits at its end. What was not taken by then is not waited for.
        environ: what FC says of the function; the process's own unless given.

    Headers, certificates, compression, sampling and further attributes of the resource are read by
    OpenTelemetry itself, from the standard variables of the process.

    Raises ConfigurationError when its packages are not installed, or one of its variables cannot be used.
    """
    known = os.environ if environ is None else environ
    try:
        from fctoolkit.telemetry.recorder import Telemetry  # noqa: PLC0415  # only who names a collector pays

        return Telemetry(traces_url=traces_url, metrics_url=metrics_url, patience=patience, environ=known)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("opentelemetry", "google"):
            raise
        raise ConfigurationError(
            f"{setting}: names a collector, and the packages of OpenTelemetry are not installed; install the"
            " extra otel, or give the function a layer with it (docs/observability.md)"
        ) from None
    except (ValueError, RuntimeError) as error:
        # OpenTelemetry reads some variables while it is loaded, others when something is made of it.
        raise ConfigurationError(f"a variable of OpenTelemetry cannot be used: {error}") from None
