"""Loads handlers, and writes what they return or raise as FC's built-in runtimes do. Knows no HTTP.

Sources: https://help.aliyun.com/zh/functioncompute/fc/user-guide/event-handlers-1-1 (results),
https://www.alibabacloud.com/help/en/functioncompute/fc/error-handling-1-1 (error payloads).
"""

from __future__ import annotations

import datetime as dt
import decimal
import importlib
import json
import os
import threading
import traceback
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

_HERE: Final = os.path.dirname(__file__) + os.sep  # noqa: PTH120 -- as frames give file names: texts


class LoadError(Exception):
    """A handler cannot be loaded. `payload` is what FC answers."""

    def __init__(self, error_type: str, message: str, stack: list[str]) -> None:
        super().__init__(message)
        self.payload: dict[str, object] = {
            "errorMessage": message,
            "errorType": error_type,
            "stackTrace": stack,
        }


class Handlers:
    """Handlers by their names, such as `index.handler`. Each is loaded once, when it is first needed.

    A module that cannot be imported is tried again at the next request, as on the built-in runtimes.
    """

    def __init__(self) -> None:
        self._loaded: dict[str, Callable[..., object]] = {}
        self._lock = threading.Lock()

    def get(self, name: str) -> Callable[..., object]:
        """The function of this name. Raises LoadError."""
        with self._lock:
            if name not in self._loaded:
                self._loaded[name] = _load(name)
            return self._loaded[name]


def _load(handler: str) -> Callable[..., object]:
    path, dot, name = handler.rpartition(".")
    if not (path and dot and name):
        raise LoadError("InvalidHandleName", f"Invalid handler name '{handler}', expected file.function", [])
    module_name = path.replace("/", ".")
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        raise _load_error(module_name, error) from error
    function: object = getattr(module, name, None)
    if not callable(function):
        raise LoadError("HandlerNotFound", f"Handler '{name}' is missing on module '{module_name}'", [])
    return function


def _load_error(module_name: str, error: Exception) -> LoadError:
    if isinstance(error, SyntaxError):
        error_type, what = "UserCodeSyntaxError", "Syntax error in"
    elif isinstance(error, ImportError):
        error_type, what = "ImportModuleError", "Unable to import"
    else:
        error_type, what = "UserCodeError", f"{type(error).__name__} in"
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith((_HERE, "<frozen importlib")) and "/importlib/" not in frame.filename
    ]
    stack = traceback.format_list(frames) + traceback.format_exception_only(error)
    return LoadError(
        error_type, f"{what} module '{module_name}': {_message(error)}", [line.rstrip() for line in stack]
    )


def result_payload(result: object) -> bytes:
    """A handler's result as its caller gets it: texts and bytes as they are, anything else as JSON.

    Raises TypeError or ValueError for what JSON cannot say.
    """
    if isinstance(result, (bytes, bytearray)):
        return bytes(result)
    return result.encode() if isinstance(result, str) else _dump(result)


def error_payload(error: BaseException) -> bytes:
    """What FC answers for an exception: message, type, and one list a frame of user code."""
    if isinstance(error, LoadError):
        return _dump(error.payload)
    stack = [
        [f'File "{frame.filename}"', f"line {frame.lineno}", f"in {frame.name}", frame.line or ""]
        for frame in traceback.extract_tb(_user_part(error))
    ]
    return _dump({"errorMessage": _message(error), "errorType": type(error).__name__, "stackTrace": stack})


def error_log(error: BaseException) -> str:
    """An exception as the function's log shows it: with its traceback, from user code on."""
    if isinstance(error, LoadError):
        return f"{error.payload['errorType']}: {error}"
    try:
        return "".join(traceback.format_exception(type(error), error, _user_part(error))).rstrip()
    except Exception:  # noqa: BLE001 -- an exception that cannot be printed must not hide that it was raised
        return type(error).__name__


def _user_part(error: BaseException) -> TracebackType | None:
    """The traceback from user code on, without this package's own frames at its start."""
    part = error.__traceback__
    while part is not None and part.tb_frame.f_code.co_filename.startswith(_HERE):
        part = part.tb_next
    return part


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 -- user code may raise what has no text
        return ""


def _dump(value: object) -> bytes:
    return json.dumps(value, indent=4, sort_keys=True, default=_jsonable).encode()


def _jsonable(value: object) -> object:
    if isinstance(value, decimal.Decimal):
        return float(value)
    if isinstance(value, dt.date):
        return value.isoformat()
    to_json: object = getattr(value, "to_json", None)
    if callable(to_json):
        return cast("Callable[[], object]", to_json)()
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")
