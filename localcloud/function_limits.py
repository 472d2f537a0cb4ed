"""FC's limits of a function. Data only, for what runs a template and for what judges one (`tools.template`).

Source: https://help.aliyun.com/zh/functioncompute/fc/product-overview/limits-of-usage and the API's own text.
"""

from __future__ import annotations

from typing import Final

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

FUNCTION_NAME: Final = r"^[A-Za-z_][A-Za-z0-9_-]{0,63}$"
TRIGGER_NAME: Final = r"^[A-Za-z_][A-Za-z0-9_-]{0,127}$"
VARIABLE_NAME: Final = r"^(?!FC_)[A-Za-z][A-Za-z0-9_]*$"
VARIABLE_NAME_IN_WORDS: Final = "letters, digits and _, first a letter, and not FC_, which is FC's own"
