"""The function's side of the local FC runtime: started in a process of its own, loads and calls the handler.

Standard library only, and started without site-packages: what user code can import is the code folder and
its layers, as in the cloud. The parent passes the numbers of two pipes; over these go frames, so that prints
of user code, which are logs, cannot be mistaken for results. Must not import anything of this project.

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
    /opt/python itself. `credentials` are key id, secret and token. `version` is a number or `LATEST`. With a
    `concurrency` of more than 1 each request runs in a thread of its own.
