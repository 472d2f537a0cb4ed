"""Functions for tests: runs one as Function Compute does, beside a local cloud. Knows no test framework."""

from __future__ import annotations

import inspect
import json
import os
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self, TypeAlias

from localcloud.errors import LocalCloudError
from localcloud.functions.deployment import Deployment
from localcloud.functions.spec import FunctionSpec
from localcloud.runtime.environment import basics_of, calling
from localcloud.template.reading import Template, read_template

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from fctoolkit.jsontypes import FrozenJson, JsonValue
    from localcloud.cloud import LocalCloud
    from localcloud.runtime import Invocation

Handler: TypeAlias = Callable[..., object]
Event: TypeAlias = "FrozenJson | bytes | Path"

HANDLER_TIMEOUT: Final = 60
"""Seconds that a handler may take which no template describes; the first call imports its packages, too."""


class FunctionError(LocalCloudError):
    """A function failed, as FC tells it. The message has all of what is below.

    Attributes:
        error_type: the class of the exception, or FC's word for it, such as `FunctionTimeoutError`.
        error_message: what the exception says.
        payload: FC's error payload, as the caller of the function gets it.
        invocation: logs, duration and more.
    """

    def __init__(self, function: str, invocation: Invocation) -> None:
        self.invocation = invocation
        self.payload = invocation.payload
        told = _decoded(invocation.payload)
        told = told if isinstance(told, dict) else {"errorMessage": told}
        self.error_type = str(told.get("errorType", invocation.error_type))
        self.error_message = str(told.get("errorMessage", ""))
        parts = [f"{function} failed: {self.error_type}: {self.error_message}"]
        if stack := told.get("stackTrace"):
            parts.append(f"stack: {json.dumps(stack, ensure_ascii=False)}")
        if invocation.logs:
            parts.append(f"logs:\n{invocation.logs}")
        super().__init__("\n".join(parts))


class Invoker:
    """Runs functions as Function Compute does, each in a process of its own, beside one local cloud.

    Use it in `with`, inside that of the cloud and while the cloud is served.

    Args:
        cloud: where events and calls of the functions arrive.
        url: where it is served. Functions find it in `ENLIST_ENDPOINT_URL`, with keys that it accepts.
        template: an s.yaml. Its functions can be named, and get the events that are put on the cloud's bus.

    Attributes:
        last: what became of the last invocation: payload, logs, duration, whether it was cold.

    Raises TemplateError, with file and line, for a template that cannot be read.
    """

    def __init__(self, cloud: LocalCloud, url: str, template: Path | None = None) -> None:
        self._surroundings = calling(url)
        self._template = template
        self._known = (
            read_template(template, environment=os.environ) if template else Template(Path("s.yaml"), ())
        )
        self._deployment = Deployment(self._known, {**basics_of(os.environ), **self._surroundings})
        self.last: Invocation | None = None
        cloud.deploy(self._deployment, url)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._deployment.close()

    def __call__(
        self,
        function: str | Path | Handler,
        event: Event = b"",
        *,
        environment: Mapping[str, str] | None = None,
    ) -> JsonValue:
        """Invokes a function, waits, and returns its result: decoded when it is JSON, else as text.

        Args:
            function: one of the template by resource key, `functionName` or code folder; or the handler, a
                function at the top of a module; or the path of a file with a function `handler`, or of a
                folder whose `index.py` has it. The process imports it anew, and finds modules where this one
                finds them; what the test patches or has in memory is not there.
            event: bytes as they are, a path's content, a text in UTF-8, anything else as JSON.
            environment: variables of the function, over those of the template. Other ones start it anew.

        Raises:
            FunctionError: when the function fails.
            LocalCloudError: when `function` is nothing that can be run; the message says what can.
        """
        variables = environment or {}
        if fixed := sorted(self._surroundings.keys() & variables.keys()):
            raise LocalCloudError(
                f"environment: leave out {', '.join(fixed)}: functions have the address and the keys of the "
                "test's cloud; `cloud.seed` changes the keys that it accepts"
            )
        base = self._spec(function)
        spec = replace(base, environment={**base.environment, **variables})
        if spec not in self._deployment.functions:
            self._deployment.put(spec)
        invocation = self._deployment.invoke(spec.key, _event_bytes(event))
        self.last = invocation
        if not invocation.ok:
            raise FunctionError(spec.key, invocation)
        return _decoded(invocation.payload)

    def _spec(self, function: str | Path | Handler) -> FunctionSpec:
        if isinstance(function, Path):
            return _file_spec(function)
        if not isinstance(function, str):
            return _handler_spec(function)
        if self._template is None:
            raise LocalCloudError(
                f"there is no function {function!r}, for no template is named: write `localcloud_template = "
                "s.yaml` into pytest's settings, mark the test with @pytest.mark.localcloud(template=…), "
                "or give the handler itself or its path"
            )
        return self._known.function(function)


def _file_spec(path: Path) -> FunctionSpec:
    file = path / "index.py" if path.is_dir() else path
    if not file.is_file():
        raise LocalCloudError(
            f"{file} does not exist: give the file with the function `handler`, or its folder"
        )
    return _spec(file, "handler")


def _handler_spec(handler: Handler) -> FunctionSpec:
    name = getattr(handler, "__qualname__", repr(handler))
    file = inspect.getsourcefile(handler) if inspect.isfunction(handler) else None
    if file is None or not name.isidentifier():
        raise LocalCloudError(
            f"{name} cannot be invoked: a handler is a function at the top of a module, which FC imports by "
            "its name; move it there, or give the path of its file"
        )
    return _spec(Path(file), name)


def _spec(file: Path, name: str) -> FunctionSpec:
    file = file.resolve()
    return FunctionSpec(
        key=f"{file.parent.name}/{file.stem}.{name}",
        name=name,
        handler=f"{file.stem}.{name}",
        code=file.parent,
        timeout=HANDLER_TIMEOUT,
        layers=_importable(),
    )


def _importable() -> tuple[Path, ...]:
    """Where this process finds what it imports, but for Python itself: no template says what a layer has."""
    python = {sysconfig.get_path(kind) for kind in ("stdlib", "platstdlib")}
    python.add(sysconfig.get_config_var("DESTSHARED"))
    folders = (Path(folder).resolve() for folder in sys.path if folder not in python)
    return tuple(folder for folder in dict.fromkeys(folders) if folder.is_dir())


def _event_bytes(event: Event) -> bytes:
    if isinstance(event, Path):
        return event.read_bytes()
    if isinstance(event, bytes):
        return event
    return event.encode() if isinstance(event, str) else json.dumps(event, ensure_ascii=False).encode()


def _decoded(payload: bytes) -> JsonValue:
    try:
        value: JsonValue = json.loads(payload)
    except (ValueError, RecursionError):
        return payload.decode(errors="replace")
    return value
