"""`python3 -m fctoolkit.customruntime index.handler`: serves a handler as a custom runtime of FC.

Listens on FC_CUSTOM_LISTEN_PORT (before: FC_SERVER_PORT), by default 9000, on all addresses: FC does not
reach a server on 127.0.0.1. SIGTERM ends it; in the middle of a request, the log then shows where that stood.
"""

from __future__ import annotations

import argparse
import faulthandler
import io
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING, Final, NoReturn

from fctoolkit.customruntime.server import Server
from fctoolkit.customruntime.worker import Names, Worker, configure_logging

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import FrameType

    from fctoolkit.customruntime.wire import Reply, Request

DEFAULT_PORT: Final = 9000
HIGHEST_PORT: Final = 65535


class _Busy:
    """How many requests are being answered."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._lock = threading.Lock()
        self.count = 0

    def answer(self, request: Request) -> Reply:
        """Answers a request and counts it as long as that takes."""
        with self._lock:
            self.count += 1
        try:
            return self._worker.answer(request)
        finally:
            with self._lock:
                self.count -= 1


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Serves until SIGTERM."""
    options = _parser().parse_args(arguments)
    port = listen_port(os.environ)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # Lines at once, in the order of those of child processes; no text may end the instance.
            stream.reconfigure(line_buffering=True, errors="backslashreplace")
    code = os.environ.get("FC_FUNC_CODE_PATH")
    if code and code not in sys.path:
        sys.path.insert(0, code)
    configure_logging()
    names = Names(options.handler, options.initializer, options.pre_stop)
    busy = _Busy(Worker(names, concurrency=options.concurrency))

    def stop(_signal: int, _frame: FrameType | None) -> NoReturn:
        if not busy.count:
            sys.exit(0)
        os.write(1, b"Dumping stack trace: the function was ended in the middle of a request\n")
        faulthandler.dump_traceback(file=1, all_threads=True)
        os._exit(128 + signal.SIGTERM)

    signal.signal(signal.SIGTERM, stop)
    with Server(("0.0.0.0", port), busy.answer) as server:  # noqa: S104 -- what FC asks for
        server.serve_forever()
    sys.exit(0)


def listen_port(environ: Mapping[str, str]) -> int:
    """The port to listen on. Raises SystemExit with a message when the variable holds no port."""
    for name in ("FC_CUSTOM_LISTEN_PORT", "FC_SERVER_PORT"):
        text = environ.get(name, "")
        if text:
            if not (text.isascii() and text.isdecimal() and 0 < int(text) <= HIGHEST_PORT):
                sys.exit(f"{name} is {text!r}; expected a port, 1 to {HIGHEST_PORT}")
            return int(text)
    return DEFAULT_PORT


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python3 -m fctoolkit.customruntime", description="Serves a handler as a custom runtime of FC."
    )
    parser.add_argument("handler", help="file and function, such as index.handler")
    parser.add_argument("--initializer", default="", metavar="HANDLER", help="what POST /initialize calls")
    parser.add_argument("--pre-stop", default="", metavar="HANDLER", help="what GET /pre-stop calls")
    parser.add_argument(
        "--concurrency",
        type=_count,
        default=1,
        metavar="N",
        help="requests at a time, as instanceConcurrency says (default: 1)",
    )
    return parser


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text)):
        raise argparse.ArgumentTypeError("expected a positive whole number")
    return int(text)


if __name__ == "__main__":
    main()
