"""What FC reads in a function's configuration, within its limits. Knows no file and no API.

Both an s.yaml and the calls of FC's control plane have these keys; more of them matter in the cloud only.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, TypeAlias

from pydantic import Field

from localcloud.delivery.retries import ASYNC_EVENT_AGE, ASYNC_RETRIES, AsyncRetries
from localcloud.delivery.settings import AsyncSettings
from localcloud.functions.camel import Model
from localcloud.functions.limits import (
    LARGEST_INSTANCE_CONCURRENCY,
    LARGEST_MEMORY,
    LONGEST_INITIALIZER,
    LONGEST_TIMEOUT,
    MEMORY_STEP,
    SMALLEST_MEMORY,
    VARIABLE_NAME,
)
from localcloud.functions.spec import CustomRuntime, FunctionSpec, Hook

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


Word: TypeAlias = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]*$")]
"""A text in one line, as it can stand in a header."""

_Text: TypeAlias = Annotated[str, Field(pattern=r"^[^\x00]*$")]
"""What a process can be told: no variable and no argument holds a NUL."""


class _Hook(Model):
    handler: Word
    timeout: int = Field(default=3, ge=1, le=LONGEST_INITIALIZER)

    @property
    def hook(self) -> Hook:
        return Hook(self.handler, self.timeout)


class _Lifecycle(Model):
    initializer: _Hook | None = None
    pre_stop: _Hook | None = None


class _CustomRuntime(Model):
    command: tuple[_Text, ...] = Field(default=("/code/bootstrap",), min_length=1)
    args: tuple[_Text, ...] = ()
    port: int = Field(default=9000, ge=1, le=65535)


class LogConfig(Model):
    """Where logs go in the cloud."""

    project: str
    logstore: str


class _Destination(Model):
    destination: str = ""


class _Destinations(Model):
    on_failure: _Destination = _Destination()
    on_success: _Destination = _Destination()


class AsyncInvokeModel(Model):
    """`asyncInvokeConfig`."""

    max_async_retry_attempts: int = Field(default=ASYNC_RETRIES, ge=0, le=8)
    max_async_event_age_in_seconds: int = Field(default=ASYNC_EVENT_AGE, ge=1, le=2592000)
    destination_config: _Destinations = _Destinations()

    @property
    def settings(self) -> AsyncSettings:
        """The same for what delivers."""
        return AsyncSettings(
            AsyncRetries(self.max_async_retry_attempts, self.max_async_event_age_in_seconds),
            self.destination_config.on_failure.destination,
            self.destination_config.on_success.destination,
        )


class FunctionModel(Model):
    """The keys of a function that matter to a run."""

    runtime: str
    handler: Word = ""
    timeout: int = Field(default=3, ge=1, le=LONGEST_TIMEOUT)
    memory_size: int = Field(default=512, ge=SMALLEST_MEMORY, le=LARGEST_MEMORY, multiple_of=MEMORY_STEP)
    environment_variables: dict[str, _Text] = Field(default_factory=dict)
    layers: tuple[str, ...] = ()
    instance_lifecycle_config: _Lifecycle = _Lifecycle()
    custom_runtime_config: _CustomRuntime = _CustomRuntime()
    log_config: LogConfig | str | None = None
    role: str = ""
    instance_concurrency: int = Field(default=1, ge=1, le=LARGEST_INSTANCE_CONCURRENCY)

    @property
    def is_custom(self) -> bool:
        """Whether it runs on a custom runtime, which is a web server."""
        return self.runtime.partition(".")[0] == "custom"

    def spec(self, *, key: str, name: str, code: Path, region: str, layers: tuple[Path, ...]) -> FunctionSpec:
        """The function, without what other calls or parts of a file say of it. `layers` are folders here."""
        log = self.log_config if isinstance(self.log_config, LogConfig) else None
        hooks, custom = self.instance_lifecycle_config, self.custom_runtime_config
        return FunctionSpec(
            key=key,
            name=name,
            handler=self.handler,
            code=code,
            runtime=self.runtime,
            timeout=self.timeout,
            memory=self.memory_size,
            region=region,
            environment=self.environment_variables,
            layers=layers,
            initializer=hooks.initializer.hook if hooks.initializer else None,
            pre_stop=hooks.pre_stop.hook if hooks.pre_stop else None,
            custom=CustomRuntime(custom.command, custom.args, custom.port) if self.is_custom else None,
            log_project=log.project if log else "",
            log_store=log.logstore if log else "",
            role=self.role,
            instance_concurrency=self.instance_concurrency,
        )


def wrong_variable(variables: Mapping[str, str]) -> str | None:
    """The first variable whose name FC does not take."""
    return next((name for name in variables if not re.search(VARIABLE_NAME, name)), None)
