"""The function's side of the local FC runtime: started in a process of its own, loads and calls the handler.

Standard library only, as Python 3.9 has it, which runs functions, too. Started without site-packages: what
user code can import is the code folder and its layers, as in the cloud. The parent passes the numbers of two
pipes; over these go frames, so that prints of user code, which are logs, cannot be mistaken for results. Must
not import anything of this project.

Behaviour is that of FC's Python runtimes: https://help.aliyun.com/zh/functioncompute/fc/user-guide/event-handlers-1-1
(handlers), https://www.alibabacloud.com/help/en/functioncompute/fc/error-handling-1-1 (error payloads).
"""

from __future__ import annotations

import datetime as dt
import decimal
import importlib
import json
import logging
import os
import signal
import struct
import sys
import threading
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, NamedTuple, NoReturn, TypedDict, cast

if TYPE_CHECKING:
    import io
    from collections.abc import Callable, Mapping, Sequence
    from types import FrameType, TracebackType

LENGTHS: Final = struct.Struct(">II")
"""What a frame starts with: the number of bytes of its head, JSON, and of its body."""

PHASES: Final = {"invoke": "Invoke", "initialize": "Initialize", "pre-stop": "PreStop"}
"""What FC's log lines call the kinds of frames."""

CREDENTIAL_VARIABLES: Final = (
    "ALIBABA_CLOUD_ACCESS_KEY_ID",
    "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
    "ALIBABA_CLOUD_SECURITY_TOKEN",
)
"""Where user code finds the credentials of its role."""

MODERN_RUNTIMES: Final = frozenset({"python3.12"})
"""Runtimes whose context has neither `credentials` nor `service`."""


class Frame(NamedTuple):
    """One message: a head, which says what it is, and a body, which is passed through untouched."""

    head: dict[str, object]
    body: bytes


class Settings(TypedDict):
    """The head of the first frame: what the instance is to be.

    `code` and `layers` are folders; a layer that holds a folder `python` stands for /opt, any other for
    /opt/python itself. `credentials` are key id, secret and token. `version` is a number or `LATEST`. With
    a `concurrency` of more than 1 each request runs in a thread of its own.
    """

    code: str
    layers: list[str]
    name: str
    handler: str
    initializer: str
    preStop: str
    runtime: str
    timeout: int
    memory: int
    version: str
    region: str
    accountId: str
    logProject: str
    logStore: str
    credentials: list[str]
    concurrency: int


def pack(head: Mapping[str, object], body: bytes = b"") -> bytes:
    """A frame as bytes."""
    encoded = json.dumps(head).encode()
    return LENGTHS.pack(len(encoded), len(body)) + encoded + body


def read_frame(stream: IO[bytes]) -> Frame | None:
    """The next frame, None when the parent has closed the pipe."""
    lengths = stream.read(LENGTHS.size)
    if len(lengths) < LENGTHS.size:
        return None
    head_length, body_length = LENGTHS.unpack(lengths)
    head = json.loads(stream.read(head_length))
    return Frame(head, stream.read(body_length))


class Record:
    """An object with the given attributes and no telling repr: some of them are secrets."""

    def __init__(self, **attributes: object) -> None:
        self.__dict__.update(attributes)


class LoadError(Exception):
    """The handler cannot be loaded."""

    def __init__(self, error_type: str, message: str, stack: list[str]) -> None:
        super().__init__(message)
        self.payload = {"errorMessage": message, "errorType": error_type, "stackTrace": stack}


class RequestFormatter(logging.Formatter):
    """Lines like FC's: `2026-01-02T03:04:05.678Z <request id> [INFO] message`.

    A thread that user code has started is part of the request that began last.
    """

    def __init__(self) -> None:
        super().__init__(
            "%(asctime)s.%(msecs)03dZ %(request_id)s [%(levelname)s] %(message)s", "%Y-%m-%dT%H:%M:%S"
        )
        self.converter = time.gmtime
        self._last = ""
        self._own = threading.local()

    def begin(self, request_id: str) -> None:
        """From here on this thread logs for a request."""
        self._last = self._own.request_id = request_id

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line, plus its traceback."""
        record.request_id = getattr(self._own, "request_id", self._last)
        return super().format(record)


class Worker:
    """One instance: loads each handler once and calls it for each request."""

    def __init__(self, settings: Settings, formatter: RequestFormatter) -> None:
        self._settings = settings
        self._formatter = formatter
        self._handlers = {
            "invoke": settings["handler"],
            "initialize": settings["initializer"],
            "pre-stop": settings["preStop"],
        }
        self._loaded: dict[str, Callable[..., object]] = {}
        self._loading = threading.Lock()

    def answer(self, frame: Frame) -> bytes:
        """Does what a frame asks for and packs the answer: `ok`, and the result or error payload as body."""
        request_id = str(frame.head["requestId"])
        self._formatter.begin(request_id)
        kind = str(frame.head["kind"])
        phase = PHASES[kind]
        say(f"FC {phase} Start RequestId: {request_id}\n")
        failure = ""
        try:
            context = self._context(request_id)
            function = self._load(self._handlers[kind])
            result = serialize(function(frame.body, context) if kind == "invoke" else function(context))
        except LoadError as error:
            result = dump(error.payload)
            failure = ", Error: Unhandled function error"
            say(f"{error.payload['errorType']}: {error}\n")
        except Exception as error:  # noqa: BLE001  # whatever user code raises becomes an error payload
            result = dump(error_payload(error))
            failure = ", Error: Unhandled function error"
            say("".join(traceback.format_exception(type(error), error, user_part(error))))
        say(f"FC {phase} End RequestId: {request_id}{failure}\n")
        return pack({"number": frame.head["number"], "ok": not failure}, result)

    def renew(self, frame: Frame) -> None:
        """Puts the credentials that a frame brings, if any, in the place of those there were."""
        renewed = frame.head.get("credentials")
        if isinstance(renewed, list):
            self._settings["credentials"] = renewed
            # Python 3.9 runs this file, too: its zip knows no `strict`.
            for name, value in zip(CREDENTIAL_VARIABLES, renewed):  # noqa: B905
                if value:
                    os.environ[name] = value
                else:
                    os.environ.pop(name, None)

    def _load(self, handler: str) -> Callable[..., object]:
        with self._loading:
            if handler not in self._loaded:
                self._loaded[handler] = load(handler)
            return self._loaded[handler]

    def _context(self, request_id: str) -> Record:
        settings = self._settings
        shared: dict[str, object] = {
            "request_id": request_id,
            "region": settings["region"],
            "account_id": settings["accountId"],
            "logger": logging.getLogger() if settings["concurrency"] > 1 else None,
        }
        function: dict[str, object] = {
            "name": settings["name"],
            "handler": settings["handler"],
            "memory": settings["memory"],
        }
        qualifier = settings["version"]
        version = "" if qualifier == "LATEST" else qualifier
        if settings["runtime"] in MODERN_RUNTIMES:
            return Record(
                **shared,
                function=Record(
                    **function, timeout=settings["timeout"], version_id=version, qualifier=qualifier
                ),
                log_project=settings["logProject"],
                log_store=settings["logStore"],
            )
        key_id, secret, token = settings["credentials"]
        return Record(
            **shared,
            requestId=request_id,
            # Older runtimes may give a text; code that cannot bear one should fail here.
            function=Record(**function, timeout=str(settings["timeout"])),
            credentials=Record(
                access_key_id=key_id,
                access_key_secret=secret,
                security_token=token,
                accessKeyId=key_id,
                accessKeySecret=secret,
                securityToken=token,
            ),
            service=Record(
                name="",
                log_project=settings["logProject"],
                log_store=settings["logStore"],
                qualifier=qualifier,
                version_id=version,
            ),
        )


def python_path(code: str, layers: Sequence[str]) -> list[str]:
    """What FC puts before everything else on `sys.path`: the code folder, then the layers' packages.

    Layers are merged in the cloud, so the folders of all for this very Python come before the plain ones.
    """
    folders = [Path(layer) for layer in layers]
    roots = [one / "python" if (one / "python").is_dir() else one for one in folders]
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    versioned = [root / "lib" / version / "site-packages" for root in roots]
    return [code, *(str(path) for path in (*(path for path in versioned if path.is_dir()), *roots))]


def load(handler: str) -> Callable[..., object]:
    """The function that a handler string such as `index.handler` or `folder/index.handler` names."""
    path, dot, name = handler.rpartition(".")
    if not (path and dot and name):
        raise LoadError("InvalidHandleName", f"Invalid handler name '{handler}', expected file.function", [])
    module_name = path.replace("/", ".")
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        raise load_error(module_name, error) from error
    function = getattr(module, name, None)
    if not callable(function):
        raise LoadError("HandlerNotFound", f"Handler '{name}' is missing on module '{module_name}'", [])
    return function  # type: ignore[no-any-return]  # user code has no types that could be known here


def load_error(module_name: str, error: Exception) -> LoadError:
    """What FC makes of an exception that came while user code was imported."""
    if isinstance(error, SyntaxError):
        error_type, what = "UserCodeSyntaxError", "Syntax error in"
    elif isinstance(error, ImportError):
        error_type, what = "ImportModuleError", "Unable to import"
    else:
        error_type, what = "UserCodeError", f"{type(error).__name__} in"
    return LoadError(error_type, f"{what} module '{module_name}': {message_of(error)}", flat(error))


def serialize(result: object) -> bytes:
    """A handler's result as the caller gets it: texts and bytes as they are, anything else as JSON."""
    if isinstance(result, (bytes, bytearray)):
        return bytes(result)
    return result.encode() if isinstance(result, str) else dump(result)


def dump(value: object) -> bytes:
    """JSON in FC's layout."""
    return json.dumps(value, indent=4, sort_keys=True, default=jsonable).encode()


def jsonable(value: object) -> object:
    """What FC makes of values that JSON does not have. Raises TypeError for all others."""
    if isinstance(value, decimal.Decimal):
        return float(value)
    if isinstance(value, dt.date):
        return value.isoformat()
    to_json = getattr(value, "to_json", None)
    if callable(to_json):
        return to_json()
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def user_part(error: BaseException) -> TracebackType | None:
    """The traceback from user code on, without this file's own frames at its start."""
    part = error.__traceback__
    while part is not None and part.tb_frame.f_code.co_filename == __file__:
        part = part.tb_next
    return part


def error_payload(error: BaseException) -> dict[str, object]:
    """FC's payload for an exception that a handler raised: one list a frame."""
    stack = [
        [f'File "{one.filename}"', f"line {one.lineno}", f"in {one.name}", one.line or ""]
        for one in traceback.extract_tb(user_part(error))
        if one.filename != __file__
    ]
    return {"errorMessage": message_of(error), "errorType": type(error).__name__, "stackTrace": stack}


def message_of(error: BaseException) -> str:
    """An exception's text; empty when it cannot say one."""
    try:
        return str(error)
    except Exception:  # noqa: BLE001  # user code may raise what has no text
        return ""


def flat(error: BaseException) -> list[str]:
    """A load error's stack as FC gives it: a flat list of texts, without the frames of the import system."""
    frames = [
        one
        for one in traceback.extract_tb(error.__traceback__)
        if one.filename != __file__
        and not one.filename.startswith("<frozen importlib")
        and "/importlib/" not in one.filename
    ]
    said = traceback.format_exception_only(type(error), error)
    return [line.rstrip() for line in traceback.format_list(frames) + said]


def say(text: str) -> None:
    """Writes what FC itself says into the log, after what was printed: user code may have no `sys.stdout`."""
    flush()
    with suppress(OSError):
        os.write(1, text.encode(errors="backslashreplace"))


def flush() -> None:
    """Lets out what was printed, unless user code has closed or replaced what it went to."""
    with suppress(AttributeError, OSError, ValueError):
        sys.stdout.flush()


def install_logging() -> RequestFormatter:
    """The root logger as user code finds it: one handler, to the function's log, level INFO."""
    formatter = RequestFormatter()
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(formatter)
    logging.getLogger().addHandler(handler)
    logging.getLogger().setLevel(logging.INFO)
    return formatter


def stop_at_timeout(_signal: int, _frame: FrameType | None) -> NoReturn:
    """Logs where every thread stands, then ends the process; SIGTERM comes when the time is up."""
    lines = ["Dumping stack trace after function timeout"]
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    for ident, frame in sys._current_frames().items():  # noqa: SLF001  # the documented way to other threads' frames
        lines.append(f"Thread {names.get(ident, ident)}:")
        lines += traceback.format_list(
            [one for one in traceback.extract_stack(frame) if one.filename != __file__]
        )
    # Past the buffers: the signal may have come in the middle of a print.
    os.write(1, ("\n".join(line.rstrip() for line in lines) + "\n").encode())
    os._exit(128 + signal.SIGTERM)


def main() -> NoReturn:
    """Serves requests until the parent closes the pipe."""
    incoming, outgoing = (int(number) for number in sys.argv[1:3])
    for number in (incoming, outgoing):
        os.set_inheritable(number, False)  # noqa: FBT003  # the parameter has no name
    with os.fdopen(incoming, "rb") as requests, os.fdopen(outgoing, "wb", buffering=0) as answers:
        first = read_frame(requests)
        if first is not None:
            sys.argv = [""]
            # A traceback that quotes half a surrogate pair must not end the instance.
            cast("io.TextIOWrapper", sys.stdout).reconfigure(errors="backslashreplace")
            settings = cast("Settings", first.head)
            sys.path[:0] = python_path(settings["code"], settings["layers"])
            signal.signal(signal.SIGTERM, stop_at_timeout)
            worker = Worker(settings, install_logging())
            send(answers, pack({"number": first.head["number"], "ok": True}))
            while (frame := read_frame(requests)) is not None:
                worker.renew(frame)
                if settings["concurrency"] > 1:
                    threading.Thread(target=serve_aside, args=(answers, worker, frame), daemon=True).start()
                else:
                    serve(answers, worker, frame)
    # FC ends an idle instance without running exit handlers.
    os._exit(0)


def serve(answers: IO[bytes], worker: Worker, frame: Frame) -> None:
    """Answers one frame."""
    send(answers, worker.answer(frame))


def serve_aside(answers: IO[bytes], worker: Worker, frame: Frame) -> None:
    """Answers one frame in a thread of its own; what would end the process in the main one does so here."""
    try:
        serve(answers, worker, frame)
    except SystemExit:
        flush()
        os._exit(1)


SENDING: Final = threading.Lock()
"""Keeps answers of several threads apart."""


def send(stream: IO[bytes], frame: bytes) -> None:
    """Writes all of a frame: an unbuffered pipe may take a part at a time. Logs go first."""
    with SENDING:
        flush()
        rest = memoryview(frame)
        while rest:
            rest = rest[stream.write(rest) :]


if __name__ == "__main__":
    main()
