"""One cold start: loads a program as a runtime does, hands it one event, and tells what each step took.

Arguments: the code folder, the layer's folder, handler, initializer, the event's file, the number of a pipe.
Imports nothing but what is built into Python, so that a program pays for all that it needs. Must not import
anything of this project.
"""

import sys
import time


class Function:
    """`context.function`."""

    name = "measured"
    handler = "index.handler"
    memory = 512
    timeout = 60
    version_id = ""
    qualifier = "LATEST"


class Context:
    """FC's context, as far as programs read it."""

    request_id = "1-00000000-000000000000000000000000"
    region = "cn-hangzhou"
    account_id = "1234567890123456"
    function = Function
    log_project = ""
    log_store = ""


def main(arguments: list[str]) -> None:
    """Runs the program to the end of its first event, and ends the process."""
    begun = time.perf_counter()
    code, layer, handler, initializer, event, pipe = arguments
    sys.path[:1] = [code, layer]
    with open(event, "rb") as file:  # noqa: PTH123  # pathlib would be loaded for it
        raw = file.read()
    handle = load(handler)
    imported = time.perf_counter()
    load(initializer)(Context)
    initialized = time.perf_counter()
    handle(raw, Context)
    handled = time.perf_counter()
    seconds = (imported - begun, initialized - imported, handled - initialized, time.process_time())
    told = [*map(repr, seconds), str(peak_kib()), str(len(sys.modules))]
    import os  # noqa: PLC0415  # only now, when everything is measured

    os.write(int(pipe), "\n".join(told).encode())
    # Without clearing up: an instance is frozen, not ended.
    os._exit(0)


def load(name: str):  # type: ignore[no-untyped-def]  # noqa: ANN201  # typing would be loaded for it
    """What a handler's name, module and function, stands for."""
    module, _, function = name.rpartition(".")
    return getattr(__import__(module), function)


def peak_kib() -> int:
    """The most memory that the process had, in KiB."""
    with open("/proc/self/status", encoding="ascii") as file:  # noqa: PTH123
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))


if __name__ == "__main__":
    main(sys.argv[1:])
