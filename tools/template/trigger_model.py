"""The keys of triggers in component fc3, and what their values may be. Knows no rule between two of them.

fc3 hands `triggerConfig` to FC as it is, so letter case counts: containers are in camel case, and what
EventBridge reads itself (retry strategy, queue, window, source parameters) begins with a capital.
Source: https://help.aliyun.com/zh/functioncompute/developer-reference/api-fc-2023-03-30-struct-runoptions.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from localcloud.functions.limits import HTTP_METHODS, TRIGGER_NAME
from tools.template.function_model import DESCRIPTION
from tools.template.shapes import Anything, Choice, Flag, Items, Keys, Mapped, Number, Or, Text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tools.template.shapes import Shape

DRIVEN: Final = "event-driven"
STREAMING: Final = "event-streaming"

_TEXT: Final = Text()
_MODE: Final = Choice((DRIVEN, STREAMING))


_NAME: Final = Text(TRIGGER_NAME, "at most 128 letters, digits, _ and -, first a letter or _")


def _texts(*names: str) -> dict[str, Shape]:
    return dict.fromkeys(names, _TEXT)


SOURCES: Final[Mapping[str, tuple[str, Keys]]] = MappingProxyType(
    {
        "MNS": (
            "sourceMNSParameters",
            Keys(_texts("RegionId", "QueueName"), {"IsBase64Decode": Flag()}),
        ),
        "RocketMQ": (
            "sourceRocketMQParameters",
            Keys(
                _texts("RegionId", "InstanceId", "Topic"),
                {
                    **_texts("AuthType", "FilterType", "GroupID", "InstanceEndpoint", "InstanceNetwork"),
                    **_texts("InstancePassword", "InstanceSecurityGroupId", "InstanceType"),
                    **_texts("InstanceUsername", "InstanceVSwitchIds", "InstanceVpcId", "Offset", "Tag"),
                    "Timestamp": Number(0),
                },
            ),
        ),
        "RabbitMQ": (
            "sourceRabbitMQParameters",
            Keys(_texts("RegionId", "InstanceId", "VirtualHostName", "QueueName")),
        ),
        "Kafka": (
            "sourceKafkaParameters",
            Keys(
                _texts("RegionId", "InstanceId", "Topic", "ConsumerGroup"),
                _texts("OffsetReset", "Network", "SecurityGroupId", "VSwitchIds", "VpcId"),
            ),
        ),
        "MQTT": ("sourceMQTTParameters", Keys(_texts("RegionId", "InstanceId", "Topic"))),
        "DTS": (
            "sourceDTSParameters",
            Keys(
                _texts("RegionId", "BrokerUrl", "TaskId", "Topic", "Sid", "Username", "Password"),
                {"InitCheckPoint": Number(0)},
            ),
        ),
    }
)
"""For each source but the default bus: the one key of its parameters, and these."""

STREAMS_ONLY: Final = frozenset({"Kafka", "MQTT", "DTS"})

HTTP: Final = Keys(
    required={
        "authType": Choice(("function", "jwt", "anonymous")),
        "methods": Items(Choice(HTTP_METHODS), least=1),
    },
    optional={
        "disableURLInternet": Flag(),
        "authConfig": Keys(
            required={
                "jwks": Keys({"keys": Items(Mapped(_TEXT), least=1, most=1)}),
                "tokenLookup": Or(_TEXT, Items(Mapped(_TEXT), least=1)),
            },
            optional={
                "claimPassBy": Or(_TEXT, Items(Mapped(_TEXT), least=1)),
                "whitelist": Items(_TEXT, least=1),
                "blacklist": Items(_TEXT, least=1),
            },
        ),
    },
)
TIMER: Final = Keys(
    required={"cronExpression": _TEXT, "enable": Flag()},
    optional={"payload": Text(r"(?s).*", "a text")},
)
EVENTBRIDGE: Final = Keys(
    required={
        "triggerEnable": Flag(),
        "asyncInvocationType": Flag(),
        "eventRuleFilterPattern": _TEXT,
        "eventSourceConfig": Keys(
            {"eventSourceType": Choice(("Default", *SOURCES)), "eventSourceParameters": Mapped(Anything())}
        ),
        "eventSinkConfig": Keys(
            {
                "deliveryOption": Keys(
                    {"mode": _MODE},
                    {"eventSchema": Choice(("CloudEvents", "RawData")), "concurrency": Number(1)},
                )
            }
        ),
        "runOptions": Keys(
            {"mode": _MODE},
            {
                "maximumTasks": Number(1),
                "errorsTolerance": Choice(("NONE", "ALL")),
                "retryStrategy": Keys(
                    {"PushRetryStrategy": Choice(("BACKOFF_RETRY", "EXPONENTIAL_DECAY_RETRY"))},
                    {"MaximumEventAgeInSeconds": Number(0, 86400), "MaximumRetryAttempts": Number(0)},
                ),
                "deadLetterQueue": Keys({"Arn": _TEXT}),
                "batchWindow": Keys(optional={"CountBasedWindow": Number(1), "TimeBasedWindow": Number(0)}),
            },
        ),
    }
)
CONFIGS: Final[Mapping[str, Shape]] = MappingProxyType(
    {"http": HTTP, "timer": TIMER, "eventbridge": EVENTBRIDGE}
)
"""The types that are looked into."""

TYPES: Final = (*CONFIGS, "oss", "log", "mns_topic", "cdn_events", "tablestore")

TRIGGER: Final = Keys(
    required={"triggerName": _NAME, "triggerType": Choice(TYPES), "triggerConfig": Anything()},
    optional={
        "description": DESCRIPTION,
        "qualifier": Text(
            r"(?!(?i:latest)$)[A-Za-z0-9_-]{1,128}|LATEST", "LATEST, a version's number or an alias"
        ),
        "sourceArn": _TEXT,
        "invocationRole": Text(r".*", "a text"),
    },
)
