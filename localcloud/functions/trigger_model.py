"""What FC reads in a trigger's configuration, and what takes effect of it here. Knows no file and no API.

Triggers of other types, and those of sources other than the default bus and MNS, have no effect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeVar

from pydantic import ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_pascal

from fctoolkit.errors import PatternError
from fctoolkit.pattern import EVENTBRIDGE_LIMIT, compile_pattern
from localcloud.delivery.retries import BusRetries, Strategy
from localcloud.delivery.settings import PushSettings, Tolerance
from localcloud.functions.camel import Model, first_mistake
from localcloud.functions.limits import HttpMethod  # noqa: TC001 - read when models are made
from localcloud.functions.spec import EventBridgeTrigger, HttpTrigger, QueueTrigger, TimerTrigger

if TYPE_CHECKING:
    from fctoolkit.jsontypes import FrozenJson
    from fctoolkit.pattern import Pattern
    from localcloud.functions.spec import Trigger

M = TypeVar("M", bound=Model)


class TriggerConfigError(Exception):
    """A trigger's configuration cannot be played.

    Attributes:
        path: where in it the mistake is.
        reason: what is wrong there and what to do.
    """

    def __init__(self, path: tuple[int | str, ...], reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(reason)


class _Http(Model):
    methods: tuple[HttpMethod, ...] = Field(min_length=1)
    auth_type: Literal["function", "anonymous", "jwt"] = "function"
    disable_url_internet: bool = Field(default=False, alias="disableURLInternet")


class _Timer(Model):
    cron_expression: str
    enable: bool = True
    payload: str = ""


class _Pascal(Model):
    """What EventBridge reads itself begins with a capital."""

    model_config = ConfigDict(alias_generator=to_pascal)


class _MnsSource(_Pascal):
    queue_name: str = Field(min_length=1)
    is_base64_decode: bool = Field(default=False, alias="IsBase64Decode")


class _SourceParameters(Model):
    mns: _MnsSource | None = Field(default=None, alias="sourceMNSParameters")


class _EventSource(Model):
    event_source_type: str
    event_source_parameters: _SourceParameters = _SourceParameters()


class _DeliveryOption(Model):
    event_schema: Literal["CloudEvents", "RawData"] = "CloudEvents"


class _EventSink(Model):
    delivery_option: _DeliveryOption = _DeliveryOption()


class _RetryStrategy(_Pascal):
    push_retry_strategy: Strategy = "BACKOFF_RETRY"
    maximum_event_age_in_seconds: int = Field(default=0, ge=0)
    maximum_retry_attempts: int = Field(default=0, ge=0)


class _DeadLetterQueue(_Pascal):
    arn: str = ""


class _BatchWindow(_Pascal):
    count_based_window: int = Field(default=1, ge=1)
    time_based_window: int = Field(default=0, ge=0)


class _RunOptions(Model):
    mode: Literal["event-driven", "event-streaming"] = "event-driven"
    maximum_tasks: int = Field(default=1, ge=1)
    errors_tolerance: Tolerance = "NONE"
    retry_strategy: _RetryStrategy = _RetryStrategy()
    dead_letter_queue: _DeadLetterQueue = _DeadLetterQueue()
    batch_window: _BatchWindow = _BatchWindow()


class _EventBridge(Model):
    trigger_enable: bool = True
    async_invocation_type: bool = False
    event_rule_filter_pattern: str
    event_source_config: _EventSource
    event_sink_config: _EventSink = _EventSink()
    run_options: _RunOptions = _RunOptions()


def read_trigger(name: str, kind: str, config: FrozenJson) -> Trigger | None:
    """The trigger that has an effect; None for a type or source that has none here.

    Raises TriggerConfigError for what FC would not take, and for what is not played.
    """
    if kind == "http":
        return _http_trigger(name, _read(_Http, config))
    if kind == "timer":
        timer = _read(_Timer, config)
        return TimerTrigger(name, timer.enable, timer.cron_expression, timer.payload)
    if kind != "eventbridge":
        return None
    bridge = _read(_EventBridge, config)
    source = bridge.event_source_config
    if source.event_source_type == "Default":
        pattern = _pattern(bridge.event_rule_filter_pattern)
        return EventBridgeTrigger(name, bridge.trigger_enable, pattern, _push(bridge))
    if source.event_source_type == "MNS" and source.event_source_parameters.mns is not None:
        return _queue_trigger(name, bridge, source.event_source_parameters.mns)
    return None


def _read(model: type[M], config: FrozenJson) -> M:
    try:
        return model.model_validate(config)
    except ValidationError as error:
        raise TriggerConfigError(*first_mistake(error)) from None


def _http_trigger(name: str, config: _Http) -> HttpTrigger:
    if config.auth_type == "jwt":
        raise TriggerConfigError(
            ("authType",),
            "authType jwt is not played here: use function, or anonymous and a check in the function",
        )
    return HttpTrigger(name, config.methods, config.auth_type, not config.disable_url_internet)


def _queue_trigger(name: str, config: _EventBridge, source: _MnsSource) -> QueueTrigger:
    options = config.run_options
    streaming = options.mode == "event-streaming"
    window = options.batch_window
    return QueueTrigger(
        name,
        config.trigger_enable,
        _pattern(config.event_rule_filter_pattern),
        source.queue_name,
        base64=source.is_base64_decode,
        streaming=streaming,
        raw=config.event_sink_config.delivery_option.event_schema == "RawData",
        count=window.count_based_window if streaming else 1,
        window=window.time_based_window if streaming else 0,
        tasks=options.maximum_tasks,
        push=_push(config),
    )


def _push(config: _EventBridge) -> PushSettings:
    options = config.run_options
    strategy = options.retry_strategy
    retries = BusRetries(
        strategy.push_retry_strategy, strategy.maximum_retry_attempts, strategy.maximum_event_age_in_seconds
    )
    return PushSettings(
        config.async_invocation_type,
        retries,
        options.errors_tolerance == "ALL",
        options.dead_letter_queue.arn,
    )


def _pattern(text: str) -> Pattern:
    try:
        return compile_pattern(text, limit=EVENTBRIDGE_LIMIT)
    except PatternError as error:
        raise TriggerConfigError(("eventRuleFilterPattern",), f"eventRuleFilterPattern: {error}") from None
