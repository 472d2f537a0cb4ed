"""Settings: every variable, read once; a wrong one is named."""

from __future__ import annotations

import pytest

from enlist.settings import Settings
from fctoolkit.errors import ConfigurationError


def refused(**environ: str) -> str:
    """The message with which an environment is refused."""
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_environment(environ)
    return str(caught.value)


def test_an_empty_environment_has_defaults() -> None:
    """No variable is required: packed bindings, default signals, no wait, the vendor's public hosts."""
    settings = Settings.from_environment({})
    assert settings == Settings()
    assert (settings.bindings_path, settings.signals, settings.task_wait) == ("bindings.json", "", 0.0)
    assert settings.endpoints.of("cs", "cn-hangzhou") == "https://cs.cn-hangzhou.aliyuncs.com"


@pytest.mark.parametrize(
    ("environ", "path"),
    [
        ({"FC_FUNC_CODE_PATH": "/code"}, "/code/bindings.json"),
        ({"FC_FUNC_CODE_PATH": "/code/"}, "/code/bindings.json"),
        ({"FC_FUNC_CODE_PATH": ""}, "bindings.json"),
        ({"ENLIST_BINDINGS": "/mnt/b.yaml", "FC_FUNC_CODE_PATH": "/code"}, "/mnt/b.yaml"),
        ({"ENLIST_BINDINGS": "", "FC_FUNC_CODE_PATH": "/code"}, "/code/bindings.json"),
    ],
)
def test_bindings_are_beside_the_code_unless_named(environ: dict[str, str], path: str) -> None:
    """ENLIST_BINDINGS names the file; else it is the packed one in the function's code."""
    assert Settings.from_environment(environ).bindings_path == path


def test_signals_are_passed_on_as_they_are() -> None:
    """ENLIST_SIGNALS is a text whose meaning is not read here."""
    assert Settings.from_environment({"ENLIST_SIGNALS": "{"}).signals == "{"


@pytest.mark.parametrize(("text", "seconds"), [("0", 0), ("90", 90), ("1.5", 1.5), ("3600", 3600), ("", 0)])
def test_the_task_wait_is_in_seconds(text: str, seconds: float) -> None:
    """ENLIST_TASK_WAIT is seconds from 0 to 3600."""
    assert Settings.from_environment({"ENLIST_TASK_WAIT": text}).task_wait == seconds


@pytest.mark.parametrize("text", ["-1", "3600.1", "nan", "inf", "90s", "a minute", " "])
def test_a_wrong_task_wait_is_named(text: str) -> None:
    """Anything else is refused with the variable, the range and what was found."""
    expected = f"ENLIST_TASK_WAIT: expected seconds from 0 to 3600, found {text!r}"
    assert refused(ENLIST_TASK_WAIT=text) == expected


def test_the_network_chooses_the_hosts() -> None:
    """ENLIST_NETWORK is public or vpc."""
    assert Settings.from_environment({"ENLIST_NETWORK": "vpc"}).endpoints.network == "vpc"
    assert Settings.from_environment({"ENLIST_NETWORK": "public"}).endpoints.network == "public"
    assert refused(ENLIST_NETWORK="VPC") == "ENLIST_NETWORK: expected public or vpc, found 'VPC'"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("http://127.0.0.1:4580", "http://127.0.0.1:4580"),
        ("http://localhost:4580/", "http://localhost:4580"),
        ("https://cs.example.com", "https://cs.example.com"),
        ("http://[::1]:4580", "http://[::1]:4580"),
    ],
)
def test_addresses_are_scheme_host_and_port(text: str, address: str) -> None:
    """ENLIST_ENDPOINT_URL serves all services."""
    endpoints = Settings.from_environment({"ENLIST_ENDPOINT_URL": text}).endpoints
    assert endpoints.of("ens", "cn-hangzhou") == address


def test_each_service_may_have_its_own_address() -> None:
    """ENLIST_ENDPOINT_URL_CS, _ENS and _ELASTICSEARCH come before the one for all; empty is unset."""
    endpoints = Settings.from_environment(
        {
            "ENLIST_ENDPOINT_URL": "http://all",
            "ENLIST_ENDPOINT_URL_CS": "http://cs",
            "ENLIST_ENDPOINT_URL_ENS": "http://ens",
            "ENLIST_ENDPOINT_URL_ELASTICSEARCH": "",
        }
    ).endpoints
    assert endpoints.of("cs", "cn-hangzhou") == "http://cs"
    assert endpoints.of("ens", "cn-hangzhou") == "http://ens"
    assert endpoints.of("elasticsearch", "cn-hangzhou") == "http://all"


@pytest.mark.parametrize("variable", ["ENLIST_ENDPOINT_URL", "ENLIST_ENDPOINT_URL_ENS"])
@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1:4580",
        "localhost",
        "ftp://host",
        "http://",
        "http://host/path",
        "http://host?query=1",
        "http://host#fragment",
        "http://host:port",
        "http://[::1",
        "http://a b",
        " http://host",
    ],
)
def test_a_wrong_address_is_named(variable: str, text: str) -> None:
    """What is no scheme, host and port is refused with its variable, the form and what was found."""
    expected = f"{variable}: expected http://host[:port] or https://host[:port], found {text!r}"
    assert refused(**{variable: text}) == expected


@pytest.mark.parametrize(
    "text", ["http://user:secret@host", "http://user:secret@host/path", "user:secret@host", "http://@host"]
)
def test_an_address_with_a_user_is_refused_and_not_quoted(text: str) -> None:
    """A password that somebody wrote into an address does not reach a message."""
    assert refused(ENLIST_ENDPOINT_URL=text) == "ENLIST_ENDPOINT_URL: must not hold a user or a password"


def test_the_store_is_not_shown() -> None:
    """The URL of a store may hold a password: settings keep it, and do not print it."""
    settings = Settings.from_environment({"ENLIST_STORE": " redis://:secret@host "})
    assert settings.store == "redis://:secret@host"
    assert "secret" not in repr(settings)


def test_attempts_before_quarantine_are_a_number() -> None:
    """ENLIST_ATTEMPTS is a number from 1 to 100, by default 5."""
    assert Settings().attempts == 5
    assert Settings.from_environment({"ENLIST_ATTEMPTS": "7"}).attempts == 7
    assert refused(ENLIST_ATTEMPTS="0").startswith("ENLIST_ATTEMPTS: expected a number from 1 to 100")


@pytest.mark.parametrize(("text", "ids"), [("", 20), ("1", 1), ("100", 100)])
def test_how_many_ids_go_into_a_call(text: str, ids: int) -> None:
    """ENLIST_IDS_PER_CALL is a number from 1 to 100."""
    assert Settings.from_environment({"ENLIST_IDS_PER_CALL": text}).ids_per_call == ids


@pytest.mark.parametrize("text", ["0", "101", "-1", "1.5", "ten", "9" * 5000, "\u0661", " 5"])
def test_a_wrong_number_of_ids_is_named(text: str) -> None:
    """Anything else is refused with the variable and the range."""
    assert refused(ENLIST_IDS_PER_CALL=text).startswith(
        "ENLIST_IDS_PER_CALL: expected a number from 1 to 100, found"
    )


@pytest.mark.parametrize(
    ("environ", "urls"),
    [
        ({}, ("", "")),
        ({"": "http://c:4318"}, ("http://c:4318/v1/traces", "http://c:4318/v1/metrics")),
        ({"": "https://c/base/"}, ("https://c/base/v1/traces", "https://c/base/v1/metrics")),
        ({"TRACES_": "http://c/key/traces"}, ("http://c/key/traces", "")),
        ({"": "http://c", "METRICS_": "http://m/x"}, ("http://c/v1/traces", "http://m/x")),
    ],
)
def test_a_collector_is_named_as_everywhere(environ: dict[str, str], urls: tuple[str, str]) -> None:
    """The standard's variables: a base, which gets a path for each signal, or whole URLs, which win."""
    named = {f"OTEL_EXPORTER_OTLP_{signal}ENDPOINT": url for signal, url in environ.items()}
    settings = Settings.from_environment(named)
    assert (settings.traces_url, settings.metrics_url) == urls


def test_a_collector_is_not_shown() -> None:
    """Some collectors take a key in the path."""
    settings = Settings.from_environment({"OTEL_EXPORTER_OTLP_ENDPOINT": "https://collector/adapt_k3y"})
    assert "k3y" in settings.traces_url
    assert "k3y" in settings.metrics_url
    assert "k3y" not in repr(settings)


def test_telemetry_can_be_switched_off() -> None:
    """OTEL_SDK_DISABLED wins over every address."""
    named = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_SDK_DISABLED": "TRUE"}
    assert Settings.from_environment(named) == Settings()


@pytest.mark.parametrize(
    "text", ["collector:4318", "grpc://c:4317", "http://", "http://user:word@c", "http://c?a=b"]
)
def test_a_wrong_collector_is_named(text: str) -> None:
    """What is no plain URL is refused by the name of its variable, and not quoted: it may hold a key."""
    said = refused(OTEL_EXPORTER_OTLP_ENDPOINT=text)
    assert said == "OTEL_EXPORTER_OTLP_ENDPOINT: expected http://… or https://…, without a query"


def test_another_protocol_is_refused() -> None:
    """Only OTLP over HTTP in protobuf is spoken, and a function that is told otherwise says so."""
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
    assert refused(**environ).startswith("OTEL_EXPORTER_OTLP_PROTOCOL: expected http/protobuf")
