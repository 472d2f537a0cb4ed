"""Small functions for tests of the local FC runtime: written to a folder, described by a FunctionSpec."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from localcloud.functions.spec import FunctionSpec

if TYPE_CHECKING:
    from pathlib import Path

PROBE = """
    import json, logging, os, subprocess, sys, threading, time

    STATE = {"initialized": 0, "invoked": 0}

    def initialize(context):
        STATE["initialized"] += 1
        logging.info("initializing")

    def handler(event, context):
        STATE["invoked"] += 1
        command, _, argument = event.partition(b":")
        return globals()[command.decode()](argument.decode(), context)

    def kind(argument, context):
        return type(argument).__name__

    def state(argument, context):
        return STATE

    def length(argument, context):
        return len(argument)

    def environment(argument, context):
        return dict(os.environ)

    def path(argument, context):
        return sys.path

    def here(argument, context):
        return os.getcwd()

    def attributes(argument, context):
        return describe(context)

    def describe(value):
        known = vars(value) if hasattr(value, "__dict__") else None
        return value if known is None else {key: describe(one) for key, one in known.items()}

    def noise(argument, context):
        print("printed")
        print("to standard error", file=sys.stderr)
        logging.warning("logged")
        os.write(1, b"written past Python\\n")
        subprocess.run([sys.executable, "-c", "print('from a child')"], check=True)
        return "result"

    def raises(argument, context):
        return deeper(argument)

    def deeper(argument):
        raise ValueError(argument)

    def text(argument, context):
        return argument

    def raw(argument, context):
        return b"\\x00\\xff"

    def nothing(argument, context):
        return None

    def values(argument, context):
        import datetime, decimal
        return {"b": decimal.Decimal("1.5"), "a": datetime.date(2026, 1, 2)}

    def unserialisable(argument, context):
        return {"a": object()}

    def leaves(argument, context):
        print("last words", flush=True)
        os._exit(7)

    def exits(argument, context):
        sys.exit(0)

    def sleeps(argument, context):
        print("going to sleep")
        time.sleep(60)

    def floods(argument, context):
        while True:
            os.write(1, b"x" * 4096)
"""
"""A function that does what its event names: `command:argument`."""


def write_function(folder: Path, source: str, **settings: Any) -> FunctionSpec:
    """Writes `source` as index.py into `folder` and describes it; `settings` are those of FunctionSpec."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "index.py").write_text(textwrap.dedent(source))
    defaults: dict[str, Any] = {
        "key": "probe",
        "name": "probe-function",
        "handler": "index.handler",
        "code": folder,
        "timeout": 20,
    }
    return FunctionSpec(**(defaults | settings))
