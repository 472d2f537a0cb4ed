"""FC's limits of a function. Data only, for what runs a template and for what judges one (`tools.template`).

Source: https://help.aliyun.com/zh/functioncompute/fc/product-overview/limits-of-usage and the API's own text.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias, get_args

LONGEST_TIMEOUT: Final = 86400
"""Seconds."""

LONGEST_INITIALIZER: Final = 300
LONGEST_PRE_STOP: Final = 90

SMALLEST_MEMORY: Final = 128
LARGEST_MEMORY: Final = 32768
MEMORY_STEP: Final = 64
"""MB, as the two above."""

LARGEST_INSTANCE_CONCURRENCY: Final = 200
"""Requests at once."""

SYNC_PAYLOAD_BYTES: Final = 32 * 1024 * 1024
"""Of an event and of a result, while the caller waits."""

LIMIT_ERROR: Final = "ResourceExhausted"
"""FC's code, with status 429, for a request that needs one instance more than there may be."""
RESULT_ERROR: Final = "BadResponse"
"""FC's code, with status 502, for a response that it does not pass on. It is documented for headers that are
too large, for no result."""

FUNCTION_NAME: Final = r"^[A-Za-z_][A-Za-z0-9_-]{0,63}$"
TRIGGER_NAME: Final = r"^[A-Za-z_][A-Za-z0-9_-]{0,127}$"
VARIABLE_NAME: Final = r"^(?!FC_)[A-Za-z][A-Za-z0-9_]*$"
VARIABLE_NAME_IN_WORDS: Final = "letters, digits and _, first a letter, and not FC_, which is FC's own"
VARIABLES_BYTES: Final = 4096
"""Of all names and values together."""

SMALLEST_CPU: Final = 0.05
LARGEST_CPU: Final = 16.0
"""vCPU; one has 1 to 4 GB of memory."""

HttpMethod: TypeAlias = Literal["GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS"]
"""What an HTTP trigger may take."""
HTTP_METHODS: Final[tuple[str, ...]] = get_args(HttpMethod)

MOST_LAYERS: Final = 5
MOST_LAYER_VERSIONS: Final = 100
MOST_TRIGGERS: Final = 50
CODE_BYTES: Final = 500 * 1024 * 1024
"""Of a zip, be it a function's or a layer's. Some regions take less."""

UNPACKED_BYTES: Final = 2 * 1024 * 1024 * 1024

RUNTIMES: Final = (
    *("python3.12", "python3.10", "python3.9", "python3", "python2.7"),
    *("custom.debian12", "custom.debian11", "custom.debian10", "custom", "custom-container", "micro-sandbox"),
    *("nodejs20", "nodejs18", "nodejs16", "nodejs14", "nodejs12", "nodejs10", "nodejs8"),
    *("java11", "java8", "go1", "php7.2", "dotnetcore3.1", "dotnetcore2.1"),
)
