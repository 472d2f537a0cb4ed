"""Logs as one JSON object a line, on the standard library alone. Knows FC's context, not what is logged.

    configure()                                         # once, when the function's module loads
    with invocation(context, event_id=event.id):        # in the handler
        bind(cluster="c1f0")                            # correlation keys for what follows
        logging.getLogger(__name__).info("attached", extra={"instances": ids})

Keys live in context variables, so each thread and each task has its own.
"""

from __future__ import annotations

import itertools
import json
import logging
import math
import os
import re
import traceback
from collections.abc import Generator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TextIO, cast

from fctoolkit.errors import ConfigurationError

if TYPE_CHECKING:
    from fctoolkit.context import Context
    from fctoolkit.jsontypes import JsonObject, JsonValue

LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")

LINE_LIMIT_BYTES: Final = 32 * 1024
"""FC cuts longer lines, which breaks the JSON. They are shortened here and marked `"shortened": true`."""

MASK: Final = "***"

_SECRET: Final = re.compile(
    "secret|token|password|passwd|authorization|signature|credential|accesskey|cookie"
)
_NOT_SECRET: Final = frozenset({"clienttoken", "nexttoken"})
_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_MAX_DEPTH: Final = 8
_MAX_CAUSES: Final = 3
_CUTS: Final = ((4096, 64), (512, 16), (64, 4))
"""How long texts and how many items of a container may be, tried in turn until the line fits."""

_keys: ContextVar[Mapping[str, object]] = ContextVar("fctoolkit_log_keys", default=MappingProxyType({}))
_invocations = itertools.count()  # of this process, because a cold start is a fact of the process


def configure(level: str | None = None, stream: TextIO | None = None) -> None:
    """Make the root logger write JSON. Calling it again changes nothing but the level.

    On FC the runtime's own handlers stay, with their formatter replaced: another handler would write each
    line twice. Where there is no handler, or a stream is given, one handler to it (standard error) is added.

    Args:
        level: one of `LEVELS`; the environment's LOG_LEVEL when None, else INFO.
        stream: where to write, for programs that are not on FC.

    Raises ConfigurationError for a level that does not exist.
    """
    name = (level or os.environ.get("LOG_LEVEL") or "INFO").strip().upper()
    if name not in LEVELS:
        raise ConfigurationError(f"LOG_LEVEL {name!r} is not a log level; use one of {', '.join(LEVELS)}")
    root = logging.getLogger()
    root.setLevel(name)
    streams = [getattr(handler, "stream", None) for handler in root.handlers]
    if not root.handlers or (stream is not None and stream not in streams):
        root.addHandler(logging.StreamHandler(stream))
    for handler in root.handlers:
        if not isinstance(handler.formatter, JsonFormatter):
            handler.setFormatter(JsonFormatter())


@contextmanager
def invocation(context: Context, event_id: str | None = None) -> Generator[None]:
    """The frame of one invocation: its lines say the request id, the function and whether it started cold.

    It begins without the keys of any frame around it, so that nothing of an earlier invocation is left over.
    """
    keys: dict[str, object] = {
        "request_id": context.request_id,
        "function": context.function.name,
        "cold_start": next(_invocations) == 0,
    }
    token = _keys.set(keys if event_id is None else {**keys, "event_id": event_id})
    try:
        yield
    finally:
        _keys.reset(token)


@contextmanager
def log_context(**keys: object) -> Generator[None]:
    """Add keys to every line that is logged inside."""
    token = _keys.set({**_keys.get(), **keys})
    try:
        yield
    finally:
        _keys.reset(token)


def bind(**keys: object) -> None:
    """Add keys to every line until the enclosing `log_context` or `invocation` ends."""
    _keys.set({**_keys.get(), **keys})


def cold_start() -> bool:
    """Whether the invocation that is running is the first one of its process; False outside an invocation."""
    return _keys.get().get("cold_start") is True


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON.

    `timestamp` (ISO 8601, UTC, milliseconds), `level`, `logger` and `message` come first, then the keys of
    the context, then those given as `extra`, then `exception` as type, message, stack and cause. A key that
    is taken gets an underscore. Values of keys that name secrets are masked, at every depth; values that JSON
    does not know become text.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The line, of at most `LINE_LIMIT_BYTES` with its line end."""
        fields = _fields_of(record)
        line = _line(fields)
        for length, items in _CUTS:
            if len(line) < LINE_LIMIT_BYTES:
                break
            shortened = {key: _cut(value, length, items) for key, value in fields.items()}
            line = _line({**shortened, "shortened": True})
        if len(line) >= LINE_LIMIT_BYTES:
            kept = ("timestamp", "level", "logger", "message", "request_id")
            shortened = {key: _cut(fields[key], *_CUTS[-1]) for key in kept if key in fields}
            line = _line({**shortened, "shortened": True})
        return line.decode()


def _line(fields: JsonObject) -> bytes:
    """JSON in UTF-8. Half surrogate pairs become JSON escapes, the one form in which they can be written."""
    return _encode(fields).encode("utf-8", "backslashreplace")


def _fields_of(record: logging.LogRecord) -> JsonObject:
    moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    fields: JsonObject = {
        "timestamp": moment.replace("+00:00", "Z"),
        "level": record.levelname,
        "logger": record.name,
        "message": _message_of(record),
    }
    extra = {key: value for key, value in vars(record).items() if key not in _STANDARD}
    for key, value in (*_keys.get().items(), *extra.items()):
        free = key
        while free in fields or free == "exception":
            free += "_"
        fields[free] = _plain(value, key)
    if record.exc_info and record.exc_info[1]:
        fields["exception"] = _exception(record.exc_info[1])
    if record.stack_info:
        fields["stack"] = [*record.stack_info.splitlines()]
    return fields


def _message_of(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):  # A line that is hard to read is better than none.
        return f"{record.msg} (its arguments do not fit)"


def _exception(error: BaseException, causes: int = _MAX_CAUSES) -> JsonObject:
    frames = traceback.extract_tb(error.__traceback__)
    told: JsonObject = {
        "type": type(error).__qualname__,
        "message": _text(error),
        "stack": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause and causes:
        told["cause"] = _exception(cause, causes - 1)
    return told


def _plain(value: object, key: str = "", depth: int = 0) -> JsonValue:
    """The value as JSON, secrets masked."""
    if key and _names_secret(key):
        return MASK
    if isinstance(value, (str, int)) or value is None or (isinstance(value, float) and math.isfinite(value)):
        return value
    if depth >= _MAX_DEPTH:
        return "…"
    if isinstance(value, (dict, Mapping)):  # the class itself is seen at once, an abstract one is asked
        pairs = cast("Mapping[object, object]", value).items()
        return {(name := _text(one)): _plain(item, name, depth + 1) for one, item in pairs}
    if isinstance(value, (list, tuple, Sequence, AbstractSet)) and not isinstance(value, (bytes, bytearray)):
        return [_plain(item, "", depth + 1) for item in cast("Sequence[object]", value)]
    return _text(value)


@lru_cache  # the same few keys stand in line after line
def _names_secret(key: str) -> bool:
    plain = key.replace("_", "").replace("-", "").lower()
    return plain not in _NOT_SECRET and _SECRET.search(plain) is not None


def _text(value: object) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001 -- a broken __str__ must not lose the line
        return f"<{type(value).__qualname__}>"


def _cut(value: JsonValue, length: int, items: int) -> JsonValue:
    if isinstance(value, str):
        return value if len(value) <= length else value[:length] + "…"
    if isinstance(value, list):
        return [_cut(item, length, items) for item in value[:items]]
    if isinstance(value, dict):
        return {key: _cut(item, length, items) for key, item in itertools.islice(value.items(), items)}
    return value
