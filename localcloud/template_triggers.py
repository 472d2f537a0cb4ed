"""The triggers of an s.yaml, as the local runtime needs them. Knows no function and runs nothing.

Triggers of other types, and those of sources other than the default bus and MNS, are left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import ConfigDict, Field, JsonValue
from pydantic.alias_generators import to_pascal

from fctoolkit.errors import PatternError
from fctoolkit.pattern import compile_pattern
from localcloud.delivery.retries import BusRetries, Strategy
from localcloud.delivery.settings import PushSettings
from localcloud.function_limits import TRIGGER_NAME
from localcloud.function_spec import EventBridgeTrigger, HttpTrigger, QueueTrigger, TimerTrigger
from localcloud.template_model import Model, validated
from localcloud.template_source import TemplateError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fctoolkit.pattern import Pattern
    from localcloud.function_spec import Trigger
    from localcloud.template_source import Node


class TriggerModel(Model):
    """One entry of `triggers`."""

    trigger_name: str = Field(pattern=TRIGGER_NAME)
    trigger_type: str
    trigger_config: dict[str, JsonValue] = Field(default_factory=dict)


class _Http(Model):
    methods: tuple[str, ...] = Field(min_length=1)
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
    errors_tolerance: Literal["NONE", "ALL"] = "NONE"
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


def read_triggers(models: Sequence[TriggerModel], props: Node) -> Iterator[Trigger]:
    """The triggers of a function whose `props` these are; TemplateError for one that cannot be played."""
    for index, model in enumerate(models):
        node = props.at(["triggers", index, "triggerConfig"])
        if model.trigger_type == "http":
            yield _http_trigger(model.trigger_name, node)
        elif model.trigger_type == "timer":
            timer = validated(_Timer, node)
            yield TimerTrigger(model.trigger_name, timer.enable, timer.cron_expression, timer.payload)
        elif model.trigger_type == "eventbridge":
            config = validated(_EventBridge, node)
            source = config.event_source_config
            if source.event_source_type == "Default":
                pattern = _pattern(config.event_rule_filter_pattern, node)
                yield EventBridgeTrigger(model.trigger_name, config.trigger_enable, pattern, _push(config))
            elif source.event_source_type == "MNS" and source.event_source_parameters.mns is not None:
                mns = source.event_source_parameters.mns
                yield _queue_trigger(model.trigger_name, config, mns, node)


def _http_trigger(name: str, node: Node) -> HttpTrigger:
    config = validated(_Http, node)
    if config.auth_type == "jwt":
        raise TemplateError(
            node.at(["authType"]).place,
            "authType jwt is not played here: use function, or anonymous and a check in the function",
        )
    return HttpTrigger(name, config.methods, config.auth_type, not config.disable_url_internet)


def _queue_trigger(name: str, config: _EventBridge, source: _MnsSource, node: Node) -> QueueTrigger:
    options = config.run_options
    streaming = options.mode == "event-streaming"
    window = options.batch_window
    return QueueTrigger(
        name,
        config.trigger_enable,
        _pattern(config.event_rule_filter_pattern, node),
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


def _pattern(text: str, node: Node) -> Pattern:
    try:
        return compile_pattern(text)
    except PatternError as error:
        place = node.at(["eventRuleFilterPattern"]).place
        raise TemplateError(place, f"eventRuleFilterPattern: {error}") from None
