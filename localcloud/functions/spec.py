"""One function and its triggers, as the local cloud runs them. Data only; knows neither template nor API.

Both make it: `template` from an s.yaml, `services.fc` from calls of FC's control plane.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

from localcloud.delivery.settings import AsyncSettings, PushSettings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from fctoolkit.pattern import Pattern

DEFAULT_ACCOUNT_ID: Final = "1234567890123456"
DEFAULT_REGION: Final = "cn-hangzhou"

LATEST: Final = "LATEST"
"""The version of a function that can still be changed."""


@dataclass(frozen=True, slots=True)
class HttpTrigger:
    """Invokes on HTTP requests with one of `methods`.

    Attributes:
        auth_type: `function` asks for a signature, `anonymous` for nothing.
        internet: whether its address answers at all; a trigger may be for inner networks only.
    """

    name: str
    methods: tuple[str, ...]
    auth_type: str = "function"
    internet: bool = True


@dataclass(frozen=True, slots=True)
class EventBridgeTrigger:
    """Invokes on events of the default bus that match `pattern`, one CloudEvent an invocation."""

    name: str
    enabled: bool
    pattern: Pattern
    push: PushSettings = field(default_factory=PushSettings)


@dataclass(frozen=True, slots=True)
class QueueTrigger:
    """Invokes on messages of an MNS queue that match `pattern`, in batches or one by one.

    Attributes:
        queue: its name.
        base64: whether message bodies are decoded first.
        streaming: batches as an array; else one CloudEvent an invocation.
        raw: the events are the message bodies themselves, without an envelope.
        count: messages in a batch at most.
        window: seconds that the first message of a batch waits for others.
        tasks: batches under way at once, at most.
    """

    name: str
    enabled: bool
    pattern: Pattern
    queue: str
    base64: bool = False
    streaming: bool = True
    raw: bool = False
    count: int = 1
    window: float = 0.0
    tasks: int = 1
    push: PushSettings = field(default_factory=PushSettings)


@dataclass(frozen=True, slots=True)
class TimerTrigger:
    """Invokes on a schedule (`@every 5m` or six cron fields), with `payload` in its event."""

    name: str
    enabled: bool
    schedule: str
    payload: str


Trigger: TypeAlias = HttpTrigger | EventBridgeTrigger | QueueTrigger | TimerTrigger


@dataclass(frozen=True, slots=True)
class Hook:
    """A lifecycle hook: its handler, such as `index.initialize`, and its own timeout in seconds."""

    handler: str
    timeout: int


@dataclass(frozen=True, slots=True)
class CustomRuntime:
    """`customRuntimeConfig`: what starts the web server that a function on a custom runtime is."""

    command: tuple[str, ...] = ("/code/bootstrap",)
    args: tuple[str, ...] = ()
    port: int = 9000


@dataclass(frozen=True, slots=True)
class FunctionSpec:
    """One function.

    Attributes:
        key: its key under `resources`; of a function made by the API, its name.
        name: `functionName`.
        code: the folder with its code.
        runtime: FC's name of the runtime, such as `python3.12`.
        timeout: seconds.
        memory: MB.
        environment: `environmentVariables`.
        layers: local folders that stand for its layers, first wins; one that holds a folder `python` stands
            for /opt, any other for /opt/python.
        custom: how it is started on a custom runtime; None on a built-in one.
        asynchronous: what becomes of asynchronous invocations.
        role: ARN of the RAM role it runs with; empty for none.
        version: a published version's number, or `LATEST`.
        code_checksum: CRC-64 of the code's zip, in decimal digits; empty for code that came as a folder.
        reserved: how many instances it may have at once, `reservedConcurrency`; None for as many as the
            region lets it have.
        provisioned: how many instances are started beforehand and kept.
        instance_concurrency: how many requests an instance takes at once.
    """

    key: str
    name: str
    handler: str
    code: Path
    runtime: str = "python3.12"
    timeout: int = 3
    memory: int = 512
    region: str = DEFAULT_REGION
    account_id: str = DEFAULT_ACCOUNT_ID
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    layers: tuple[Path, ...] = ()
    initializer: Hook | None = None
    pre_stop: Hook | None = None
    custom: CustomRuntime | None = None
    log_project: str = ""
    log_store: str = ""
    asynchronous: AsyncSettings = field(default_factory=AsyncSettings)
    role: str = ""
    version: str = LATEST
    code_checksum: str = ""
    reserved: int | None = None
    provisioned: int = 0
    instance_concurrency: int = 1
    triggers: tuple[Trigger, ...] = ()

    def rule_name(self, trigger: Trigger) -> str:
        """What FC calls the EventBridge rule that it makes for a trigger."""
        return f"{self.name}-{trigger.name}"
