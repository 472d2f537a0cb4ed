"""The command `localcloud`: `serve` a small cloud on one port, `invoke` a function, `replay` recorded calls.

Exit codes: 0 all went well, 1 the function failed or an answer differs, 2 the command or a file was wrong.
Results go to standard output, logs and notes to standard error.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from fctoolkit.errors import ConfigurationError, ToolkitError
from localcloud.endpoints import is_loopback
from localcloud.errors import LocalCloudError
from localcloud.functions.deployment import Deployment
from localcloud.runtime import FunctionProcess, Limits
from localcloud.runtime.environment import ENDPOINT, TEST_CREDENTIALS, calling, function_environment
from localcloud.template.reading import Template, read_template
from localcloud.validation import read_seed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from fctoolkit.jsontypes import JsonValue
    from localcloud.delivery.deliveries import Deliveries
    from localcloud.delivery.journal import DeliveryRecord
    from localcloud.functions.running import Ended
    from localcloud.runtime import Invocation

SERVICES: Final = ("CS", "ENS", "ELASTICSEARCH")
"""The services that functions may name an endpoint of, as `ENLIST_ENDPOINT_URL_CS`."""
NOWHERE: Final = "http://no-endpoint-named.invalid"
"""Stands for the services that have no endpoint while others do, so that calls there fail and do not reach
the real cloud. The name can never be found (RFC 6761)."""
EXAMPLE_ADDRESS: Final = "http://127.0.0.1:4580"
HIGHEST_PORT: Final = 65535
NOTHING_DEPLOYED: Final = Template(Path("s.yaml"), ())
BINDINGS: Final = "ENLIST_BINDINGS"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.command == "serve" and options.replay:
        others = ("template", "seed", "record", "tick")
        if any(getattr(options, name) for name in others):
            parser.error(f"--replay answers from its file alone: it takes no --{', --'.join(others)}")
    environment = _caller_environment(os.environ, Path.cwd())
    try:
        if options.command == "replay":
            return _replay(options)
        if options.command == "serve" and options.replay:
            return _serve_recording(options)
        if options.command == "serve":
            return _serve(options, environment)
        return _invoke(options, environment)
    except (ToolkitError, LocalCloudError) as error:
        print(f"localcloud: {error}", file=sys.stderr)
    except OSError as error:
        named = f"{error.filename}: " if error.filename else ""
        print(f"localcloud: {named}{error.strerror or error}", file=sys.stderr)
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="localcloud", description="A small Alibaba Cloud on this machine.")
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="serve the local cloud on one port")
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    serve.add_argument(
        "--port", type=_port, default=4580, help="port; 0 takes a free one (default: %(default)s)"
    )
    serve.add_argument("--seed", type=Path, metavar="FILE", help="JSON file with what exists at the start")
    serve.add_argument(
        "--template",
        type=Path,
        metavar="FILE",
        help="s.yaml whose functions get the events put on the bus; its timers do not fire, see --tick",
    )
    serve.add_argument(
        "--tick",
        type=_seconds,
        metavar="SECONDS",
        help="fire all timers of functions every so many seconds, whatever their schedules say",
    )
    serve.add_argument(
        "--processes",
        type=_count,
        default=Limits().processes,
        metavar="N",
        help="instances of functions that run on this machine at once (default: %(default)s)",
    )
    serve.add_argument("--record", type=Path, metavar="FILE", help="write every call there, as lines of JSON")
    serve.add_argument(
        "--replay", type=Path, metavar="FILE", help="answer from a file that --record wrote, and nothing else"
    )
    replay = commands.add_parser("replay", help="ask a new local cloud what a recording was asked; compare")
    replay.add_argument("file", type=Path, metavar="FILE", help="what `serve --record` wrote")
    replay.add_argument("--seed", type=Path, metavar="FILE", help="JSON file with what exists at the start")
    invoke = commands.add_parser("invoke", help="run a function of an s.yaml once")
    invoke.add_argument("function", metavar="FUNCTION", help="resource key, functionName or code folder")
    invoke.add_argument(
        "--event", required=True, metavar="FILE", help="file with the event; - is standard input"
    )
    invoke.add_argument(
        "--template", type=Path, default=Path("s.yaml"), metavar="FILE", help="default: %(default)s"
    )
    invoke.add_argument(
        "--endpoint", type=_address, metavar="URL", help=f"where all services are; stands above {ENDPOINT}"
    )
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > HIGHEST_PORT:
        raise argparse.ArgumentTypeError(f"expected a port, 0 to {HIGHEST_PORT}")
    return int(text)


def _address(text: str) -> str:
    try:
        parts = urlsplit(text)
        complete = parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        complete = False
    if not complete:
        raise argparse.ArgumentTypeError(f"expected an address with its scheme, such as {EXAMPLE_ADDRESS}")
    return text


def _count(text: str) -> int:
    """A whole number, at least one."""
    if not (text.isdecimal() and int(text)):
        raise argparse.ArgumentTypeError(f"not a whole number from 1 on: {text!r}")
    return int(text)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds <= threading.TIMEOUT_MAX:
        raise argparse.ArgumentTypeError("expected a positive number of seconds")
    return seconds


def _caller_environment(environment: Mapping[str, str], folder: Path) -> dict[str, str]:
    """The caller's variables. A relative path is made absolute: functions run in their code folder."""
    bindings = environment.get(BINDINGS)
    absolute = {BINDINGS: str(folder / bindings)} if bindings else {}
    return {**environment, **absolute}


def _serve(options: argparse.Namespace, environment: dict[str, str]) -> int:
    # Imported here: `invoke` needs neither the services nor a web server.
    from localcloud.cloud import LocalCloud  # noqa: PLC0415
    from localcloud.server import SHUTDOWN_SECONDS, serve  # noqa: PLC0415

    template = NOTHING_DEPLOYED
    if options.template:
        template = read_template(options.template, environment=environment)
    with ExitStack() as stack:
        cloud = stack.enter_context(LocalCloud(record=options.record))
        if options.seed:
            cloud.seed(read_seed(options.seed))

        def ready(url: str) -> None:
            functions = {**calling(url), **environment}
            deployment = stack.enter_context(
                Deployment(
                    template,
                    functions,
                    ended=partial(_show_end, template),
                    limits=Limits(processes=options.processes),
                )
            )
            _show_addresses(cloud.deploy(deployment, url, _show_try))
            stack.enter_context(cloud.deliveries.following())
            if options.tick:
                stack.callback(_start_ticking(cloud.deliveries, options.tick))
            # The first thing that is done at the end: what is waited for then, waits for functions.
            stack.callback(deployment.kill_after, SHUTDOWN_SECONDS)
            print(f"localcloud ready at {url}", flush=True)

        serve(cloud, options.host, options.port, ready)
    return 0


def _serve_recording(options: argparse.Namespace) -> int:
    from localcloud.recording.recording import Recording, read_recording  # noqa: PLC0415 - as in `_serve`
    from localcloud.server import serve  # noqa: PLC0415

    recording = Recording(read_recording(options.replay))

    def ready(url: str) -> None:
        print(f"localcloud ready at {url}, answering from {options.replay}", flush=True)

    serve(recording, options.host, options.port, ready)
    return 0


def _replay(options: argparse.Namespace) -> int:
    from localcloud.cloud import LocalCloud  # noqa: PLC0415 - as in `_serve`
    from localcloud.recording.recording import read_recording  # noqa: PLC0415
    from localcloud.recording.replaying import replay  # noqa: PLC0415

    calls = read_recording(options.file)
    with LocalCloud(now=calls[0].at if calls else None, signed=False) as cloud:
        if options.seed:
            cloud.seed(read_seed(options.seed))
        difference = replay(calls, cloud)
    print(difference or f"{len(calls)} calls, all answered as recorded")
    return 1 if difference else 0


def _start_ticking(deliveries: Deliveries, seconds: float) -> Callable[[], None]:
    """Fires all timers every so many seconds; call what is returned to stop."""
    stopped = threading.Event()

    def run() -> None:
        while not stopped.wait(seconds):
            deliveries.tick()

    thread = threading.Thread(target=run, name="timers", daemon=True)
    thread.start()

    def stop() -> None:
        stopped.set()
        thread.join()

    return stop


def _invoke(options: argparse.Namespace, environment: dict[str, str]) -> int:
    template = read_template(options.template, environment=environment)
    spec = template.function(options.function)
    if options.endpoint:
        environment[ENDPOINT] = options.endpoint
    variables = function_environment(spec, environment)
    endpoints = _endpoints(variables)
    if ENDPOINT not in endpoints:
        environment[ENDPOINT] = NOWHERE
    event = sys.stdin.buffer.read() if options.event == "-" else Path(options.event).read_bytes()
    environment |= _credentials_for(variables, list(endpoints.values()))
    with FunctionProcess(spec, environment) as function:
        invocation = function.invoke(event)
    _show_logs(template, spec.key, invocation)
    sys.stdout.buffer.write(invocation.payload)
    if sys.stdout.isatty():
        print()
    return 0 if invocation.ok else 1


def _endpoints(variables: Mapping[str, str]) -> dict[str, str]:
    """The addresses that a function with these variables is told to call, by the variable's name.

    Raises ConfigurationError when there is none, or when one is no address.
    """
    names = (ENDPOINT, *(f"{ENDPOINT}_{service}" for service in SERVICES))
    endpoints = {name: variables[name] for name in names if variables.get(name)}
    if not endpoints:
        raise ConfigurationError(
            "no endpoint is named, and the real cloud is not called by default. Start `localcloud serve`, "
            f"then give its address with --endpoint {EXAMPLE_ADDRESS} or in {ENDPOINT}: either stands for "
            "all services"
        )
    for name, address in endpoints.items():
        try:
            _address(address)
        except argparse.ArgumentTypeError as error:
            raise ConfigurationError(f"{name}: {error}") from None
    missing = [service for service in SERVICES if f"{ENDPOINT}_{service}" not in endpoints]
    if missing and ENDPOINT not in endpoints:
        print(
            f"localcloud: no endpoint is named for {', '.join(missing)}: calls there will find nobody; "
            f"{ENDPOINT} stands for all services",
            file=sys.stderr,
        )
    return endpoints


def _credentials_for(variables: Mapping[str, str], endpoints: Sequence[str]) -> Mapping[str, str]:
    """The test credentials, for a function that has none and calls nothing but this machine."""
    if any(variables.get(name) for name in TEST_CREDENTIALS) or not all(
        is_loopback(urlsplit(endpoint).netloc) for endpoint in endpoints
    ):
        return {}
    print("localcloud: no credentials in the environment, using test/test", file=sys.stderr)
    return TEST_CREDENTIALS


def _show_logs(template: Template, key: str, invocation: Invocation) -> None:
    """Writes what a function logged, and what its error does not say: that it has no layer to import from."""
    sys.stderr.write(invocation.logs)
    if invocation.of_error("Type") == "ImportModuleError" and _lacks_layers(template, key):
        print(
            f"localcloud: {template.file} lists no layer for the function {key}; "
            "what is neither in its code folder nor in Python itself comes from `layers`",
            file=sys.stderr,
        )
    sys.stderr.flush()


def _lacks_layers(template: Template, key: str) -> bool:
    """Whether it is a function of the template that lists no layer."""
    return any(spec.key == key and not spec.layers for spec in template.functions)


def _show_addresses(functions: Sequence[JsonValue]) -> None:
    for row in functions:
        if isinstance(row, dict) and isinstance(urls := row["urls"], list) and urls:
            print(f"localcloud: {row['key']} is at {', '.join(map(str, urls))}", file=sys.stderr, flush=True)


def _show_end(template: Template, ended: Ended) -> None:
    """Writes what an invocation logged, and how it ended when nobody waits for its result."""
    _show_logs(template, ended.function, ended.invocation)
    if ended.background:
        invocation = ended.invocation
        how = "returned" if invocation.ok else f"failed with {invocation.error_type}"
        print(
            f"localcloud: asynchronous invocation {invocation.request_id} of {ended.function} {how} "
            f"after {invocation.duration * 1000:.0f} ms",
            file=sys.stderr,
            flush=True,
        )


def _show_try(record: DeliveryRecord) -> None:
    """Writes what follows a try that nobody waited for, unless it went well at once."""
    invocation = record.invocation
    if invocation.ok and record.tries == 1:
        return
    how = f"failed with {invocation.error_type}" if invocation.error_type else "returned"
    # A function's logs say why it failed; other targets have none.
    to, why = (
        (f" to {record.function}", "") if record.function else ("", f", {invocation.of_error('Message')}")
    )
    print(
        f"localcloud: {record.source}{to}, try {record.tries}, {how}{why}: {record.then}",
        file=sys.stderr,
        flush=True,
    )
