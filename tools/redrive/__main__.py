"""`./dev redrive`: sends dead letters again, after their cause was mended.

Without --go it only shows. Exit codes: 0 every message is settled, or can be read in a dry run; 1 messages
are left; 2 the command is wrong or the queue cannot be read; 130 interrupted.
"""

from __future__ import annotations

import argparse
import math
import os
import signal
import sys
import threading
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fctoolkit.credentials import resolve_credentials
from fctoolkit.errors import ToolkitError
from fctoolkit.mns.client import Queue
from fctoolkit.transport import open_http
from tools.redrive.files import messages_in
from tools.redrive.queues import QueueSource
from tools.redrive.run import Display, Message, preview, redrive
from tools.redrive.targets import EveryTarget, FunctionTarget, HttpTarget
from tools.signed import Caller

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import FrameType

    from tools.redrive.run import Source, Tally
    from tools.redrive.targets import Target

INTERRUPTED: Final = 130
HIGHEST_RATE: Final = 50.0


class FileSource:
    """Messages of a file. Nothing is removed from it."""

    def __init__(self, bodies: Sequence[bytes]) -> None:
        self._bodies = bodies
        self.total = len(bodies)

    def messages(self) -> Iterator[Message]:
        """Each message, numbered."""
        for number, body in enumerate(self._bodies, 1):
            yield Message(f"message {number}", body)

    def shown(self) -> Iterator[Message]:
        """The same."""
        return self.messages()

    def remove(self, message: Message) -> None:
        """Leaves the file as it is."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command and returns its exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if (options.file is None) == (options.queue is None):
        parser.error("name a FILE or a --queue")
    if options.go and not (options.to or options.function):
        parser.error("--go needs --to URL or --function NAME")
    try:
        with ExitStack() as stack:
            return _run(options, stack)
    except (ToolkitError, OSError, ValueError) as error:
        print(f"redrive: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("redrive: ended in the middle of a message; sent again it does nothing twice", file=sys.stderr)
        return INTERRUPTED


def _run(options: argparse.Namespace, stack: ExitStack) -> int:
    source = _source(options, stack)
    display = Display()
    if not options.go:
        names = [*options.to, *(f"function {name}" for name in options.function)]
        where = f" to {' and '.join(names)}" if names else ""
        tally = preview(source, where, display, most=options.most)
        print(f"dry run of {tally.seen} of {source.total} messages: {tally}; --go sends", file=sys.stderr)
        _advise(tally)
        if tally.seen < min(source.total, options.most):
            print(
                "the others are out of sight: a look shows 16, and none that was received minutes ago",
                file=sys.stderr,
            )
        return int(bool(tally.outcomes["unreadable"]))
    target = _target(options, stack)
    with _stop_on_signals() as stopped:
        tally = redrive(
            source, target, display, most=options.most, pause=lambda: stopped.wait(1 / options.rate)
        )
    return _summary(tally, source)


def _summary(tally: Tally, source: Source) -> int:
    print(f"{tally.seen} messages: {tally}", file=sys.stderr)
    _advise(tally)
    if tally.kept:
        print(f"{tally.kept} settled, but not removed; sent again they do nothing", file=sys.stderr)
    if tally.ended:
        print(f"ended early, of about {source.total} messages: {tally.ended}", file=sys.stderr)
    elif hidden := max(0, source.total - tally.seen):
        print(f"about {hidden} messages are out of sight for now: run again in some minutes", file=sys.stderr)
    if tally.interrupted:
        return INTERRUPTED
    settled = tally.outcomes["settled"] - tally.kept
    return int(settled < max(tally.seen, source.total) or bool(tally.ended))


def _advise(tally: Tally) -> None:
    """Says what to do with messages that hold no whole event, for they stay as they are."""
    if tally.outcomes["unreadable"]:
        print(
            "unreadable: get the event from the address in the message or from its source and send it as a "
            "FILE, or let the timer's sweep find the instance; then delete the message",
            file=sys.stderr,
        )


def _source(options: argparse.Namespace, stack: ExitStack) -> Source:
    if options.queue:
        http = stack.enter_context(open_http())
        credentials = resolve_credentials(os.environ, None)
        endpoint = _endpoint(options, "{account}.mns.{region}.aliyuncs.com")
        functions = len(options.to) + len(options.function)
        return QueueSource(Queue(http, credentials, endpoint, options.queue), functions)
    content = sys.stdin.buffer.read() if options.file == "-" else Path(options.file).read_bytes()
    return FileSource(messages_in(content))


def _target(options: argparse.Namespace, stack: ExitStack) -> Target:
    caller = stack.enter_context(Caller(resolve_credentials(os.environ, None)))
    targets: list[Target] = [HttpTarget(caller, url) for url in options.to]
    if options.function:
        endpoint = _endpoint(options, "{account}.{region}.fc.aliyuncs.com")
        targets += [FunctionTarget(caller, endpoint, name) for name in options.function]
    return EveryTarget(targets)


def _endpoint(options: argparse.Namespace, host: str) -> str:
    """A service's address: the one named, else the vendor's for account and region."""
    if options.endpoint:
        return str(options.endpoint).rstrip("/")
    if not options.account:
        raise ValueError("--queue and --function need --account ID, or --endpoint URL")
    return "https://" + host.format(account=options.account, region=options.region)


@contextmanager
def _stop_on_signals() -> Iterator[threading.Event]:
    """Set by SIGINT and SIGTERM, so that the message in hand is finished. A second signal ends at once."""
    stopped = threading.Event()

    def stop(number: int, _: FrameType | None) -> None:
        stopped.set()
        print("\nfinishing the message in hand; once more to end at once", file=sys.stderr)
        signal.signal(number, signal.default_int_handler)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./dev redrive",
        description="Sends dead letters again, one at a time. Without --go it only shows them. The key is "
        "read from ALIBABA_CLOUD_ACCESS_KEY_ID, ALIBABA_CLOUD_ACCESS_KEY_SECRET and, with STS, "
        "ALIBABA_CLOUD_SECURITY_TOKEN.",
    )
    parser.add_argument(
        "file",
        nargs="?",
        metavar="FILE",
        help="JSON lines, a JSON array or one message; - reads standard input",
    )
    parser.add_argument("--queue", metavar="NAME", help="a queue of MNS; what is settled is deleted from it")
    parser.add_argument(
        "--to",
        action="append",
        default=[],
        metavar="URL",
        help="a function's HTTP trigger; name one for each function that shares the queue",
    )
    parser.add_argument(
        "--function", action="append", default=[], metavar="NAME", help="a function, by FC's InvokeFunction"
    )
    act = parser.add_mutually_exclusive_group()
    act.add_argument("--go", action="store_true", help="send")
    act.add_argument("--dry-run", action="store_true", help="show only (default)")
    parser.add_argument("--rate", type=_rate, default=2.0, metavar="N", help="messages a second (default: 2)")
    parser.add_argument("--most", type=_most, default=10_000, metavar="N", help="messages (default: 10000)")
    parser.add_argument("--account", metavar="ID", help="account id, for --queue and --function")
    parser.add_argument(
        "--region",
        default=os.environ.get("ENLIST_REGION") or "cn-hangzhou",
        help="default: ENLIST_REGION, else cn-hangzhou",
    )
    parser.add_argument(
        "--endpoint",
        metavar="URL",
        default=os.environ.get("ENLIST_ENDPOINT_URL"),
        help="instead of the vendor's, such as the local cloud's; default: ENLIST_ENDPOINT_URL",
    )
    return parser


def _rate(text: str) -> float:
    value = float(text)
    if not (math.isfinite(value) and 0 < value <= HIGHEST_RATE):
        raise ValueError(text)
    return value


def _most(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError(text)
    return value


if __name__ == "__main__":
    sys.exit(main())
