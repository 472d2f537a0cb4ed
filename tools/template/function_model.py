"""The keys of a function in component fc3, and what their values may be. Knows no rule between two of them.

Source: fc3's own schema, which lets unknown keys pass; `localcloud.functions.limits` has FC's limits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from localcloud.functions.limits import (
    FUNCTION_NAME,
    LARGEST_INSTANCE_CONCURRENCY,
    LARGEST_MEMORY,
    LONGEST_INITIALIZER,
    LONGEST_PRE_STOP,
    LONGEST_TIMEOUT,
    MEMORY_STEP,
    RUNTIMES,
    SMALLEST_MEMORY,
)
from tools.template.shapes import Anything, Choice, Flag, Items, Keys, Mapped, Number, Or, Text

if TYPE_CHECKING:
    from tools.template.shapes import Shape

REGIONS: Final = (
    *("cn-hangzhou", "cn-shanghai", "cn-qingdao", "cn-beijing", "cn-zhangjiakou", "cn-huhehaote"),
    *("cn-shenzhen", "cn-chengdu", "cn-hongkong", "cn-wulanchabu", "cn-heyuan-acdr-1"),
    *("cn-shanghai-finance-1", "cn-shanghai-cloudspe", "ap-northeast-1", "ap-northeast-2", "ap-south-1"),
    *("ap-southeast-1", "ap-southeast-2", "ap-southeast-3", "ap-southeast-5", "ap-southeast-7"),
    *("eu-central-1", "eu-west-1", "me-central-1", "us-east-1", "us-west-1"),
)

_NAME: Final = Text(FUNCTION_NAME, "at most 64 letters, digits, _ and -, first a letter or _")
DESCRIPTION: Final = Text(r"(?s).{0,256}", "at most 256 characters")
_TEXT: Final = Text()
_AUTO: Final = Choice(("auto",))
_TEXTS: Final = Items(_TEXT, least=1)
_TIME: Final = Text(r"\d{4}-\d\d-\d\dT.+", "a time such as 2026-11-01T00:00:00Z")

_HEALTH_CHECK: Final = Keys(
    optional={
        "httpGetUrl": Text(r"/.*", "a path that begins with /"),
        "initialDelaySeconds": Number(0, 120),
        "periodSeconds": Number(1, 120),
        "timeoutSeconds": Number(1, 3),
        "failureThreshold": Number(1, 120),
        "successThreshold": Number(1, 120),
    }
)
_PORT: Final = Number(1, 65535)


def _hook(longest: int) -> Keys:
    """A lifecycle hook: a handler, or in a custom runtime a command."""
    return Keys(optional={"handler": _TEXT, "command": _TEXTS, "timeout": Number(1, longest)})


_CONTAINER: Final = Keys(
    required={"image": _TEXT},
    optional={
        "command": _TEXTS,
        "entrypoint": _TEXTS,
        "port": _PORT,
        "healthCheckConfig": _HEALTH_CHECK,
        "registryConfig": Keys(
            optional={"authConfig": Anything(), "certConfig": Anything(), "networkConfig": Anything()}
        ),
    },
)
_SCHEDULE: Final[dict[str, Shape]] = {
    "name": _TEXT,
    "startTime": _TIME,
    "endTime": _TIME,
    "timeZone": _TEXT,
}
_TRACKING: Final[dict[str, Shape]] = {
    **_SCHEDULE,
    "metricType": _TEXT,
    "metricTarget": Number(0, 1, 0.001),
    "minCapacity": Number(0),
    "maxCapacity": Number(0),
}
_PROVISION: Final = Keys(
    required={
        "defaultTarget": Number(0),
        "alwaysAllocateCPU": Flag(),
        "alwaysAllocateGPU": Flag(),
        "scheduledActions": Items(Keys({**_SCHEDULE, "scheduleExpression": _TEXT, "target": Number(0)})),
        "targetTrackingPolicies": Items(Keys(_TRACKING)),
    }
)
_SCALING: Final = Keys(
    optional={
        "minInstances": Number(0),
        "residentPoolId": _TEXT,
        "scheduledPolicies": Items(Keys({**_SCHEDULE, "scheduleExpression": _TEXT, "target": Number(0)})),
        "horizontalScalingPolicies": Items(Mapped(Anything())),
    }
)
_DESTINATION: Final = Keys(required={"destination": _TEXT})
_ASYNC: Final = Keys(
    optional={
        # The schema's upper limit is 2592000; FC's own documentation says 604800.
        "maxAsyncEventAgeInSeconds": Number(1, 604800),
        "maxAsyncRetryAttempts": Number(0, 8),
        "asyncTask": Flag(),
        "qualifier": _TEXT,
        "destinationConfig": Keys(optional={"onSuccess": _DESTINATION, "onFailure": _DESTINATION}),
    }
)
_LOGS: Final = Keys(
    required={"project": _TEXT, "logstore": _TEXT},
    optional={
        "enableRequestMetrics": Flag(),
        "enableInstanceMetrics": Flag(),
        "enableLlmMetrics": Flag(),
        "logBeginRule": Choice(("DefaultRegex", "None")),
    },
)
_NAS: Final = Keys(
    required={
        "userId": Number(-1),
        "groupId": Number(-1),
        "mountPoints": Items(Keys({"serverAddr": _TEXT, "mountDir": _TEXT}, {"enableTLS": Flag()})),
    }
)
_OSS: Final = Keys(
    required={
        "mountPoints": Items(
            Keys(
                {"bucketName": _TEXT, "endpoint": _TEXT, "mountDir": _TEXT},
                {"bucketPath": _TEXT, "readOnly": Flag()},
            )
        )
    }
)
_GPU: Final = Keys(
    optional={
        "gpuMemorySize": Number(1024, 24576, 1024),
        "gpuType": Choice(("fc.gpu.ampere.1", "fc.gpu.tesla.1")),
    }
)
_DNS: Final = Keys(
    optional={
        "searches": _TEXTS,
        "nameServers": _TEXTS,
        "dnsOptions": Items(Keys({"name": _TEXT, "value": _TEXT})),
    }
)
_VPC: Final = Keys(
    required={"vpcId": _TEXT, "vSwitchIds": Or(_AUTO, _TEXTS), "securityGroupId": _TEXT},
)
_TRACING: Final = Keys(
    optional={"type": _TEXT, "params": _TEXT, "jaegerConfig": Keys({"endpoint": _TEXT})},
)

FUNCTION: Final = Keys(
    required={"region": Choice(REGIONS), "functionName": _NAME, "runtime": Choice(RUNTIMES)},
    optional={
        "annotations": Keys(optional={"headers": Mapped(_TEXT)}),
        "asyncInvokeConfig": _ASYNC,
        "buildDir": _TEXT,
        "code": Or(_TEXT, Keys({"src": _TEXT}, {"ossBucketName": _TEXT, "ossObjectName": _TEXT})),
        "concurrencyConfig": Keys({"reservedConcurrency": Number(1)}),
        "cpu": Number(0.05, 16, 0.05),
        "customContainerConfig": _CONTAINER,
        "customDNS": _DNS,
        "customDomain": Mapped(Anything()),
        "customRuntimeConfig": Keys(
            optional={
                "command": _TEXTS,
                "args": _TEXTS,
                "port": _PORT,
                "healthCheckConfig": _HEALTH_CHECK,
            }
        ),
        "description": DESCRIPTION,
        "diskSize": Choice((512, 10240)),
        "enableLongLiving": Flag(),
        "endpoint": _TEXT,
        # Its values are judged by a rule, which must not show them.
        "environmentVariables": Mapped(Anything()),
        "gpuConfig": _GPU,
        "handler": _TEXT,
        "instanceConcurrency": Number(1, LARGEST_INSTANCE_CONCURRENCY),
        "instanceIsolationMode": _TEXT,
        "instanceLifecycleConfig": Keys(
            optional={"initializer": _hook(LONGEST_INITIALIZER), "preStop": _hook(LONGEST_PRE_STOP)}
        ),
        "internetAccess": Flag(),
        "layers": Items(_TEXT, most=5),
        "logConfig": Or(_AUTO, _LOGS),
        "memorySize": Number(SMALLEST_MEMORY, LARGEST_MEMORY, MEMORY_STEP),
        "nasConfig": Or(_AUTO, _NAS),
        "ossMountConfig": Or(_AUTO, _OSS),
        "provisionConfig": _PROVISION,
        "resourceGroupId": _TEXT,
        "role": _TEXT,
        "scalingConfig": _SCALING,
        "sessionAffinity": _TEXT,
        "sessionAffinityConfig": Or(_TEXT, Mapped(Anything())),
        "supplement": Anything(),
        "tags": Items(Keys({"key": _TEXT, "value": Text(r"(?s).*", "a text")}), most=20),
        "timeout": Number(1, LONGEST_TIMEOUT),
        "tracingConfig": _TRACING,
        # Each is judged by its type, in trigger_model.
        "triggers": Items(Anything(), most=50),
        "vpcBinding": Keys({"vpcIds": _TEXTS}),
        "vpcConfig": Or(_AUTO, _VPC),
    },
)
