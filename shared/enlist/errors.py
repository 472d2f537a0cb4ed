"""What the product raises beyond the toolkit's errors. Knows neither HTTP nor any API.

fctoolkit.errors.ToolkitError
├── fctoolkit.errors.ConfigurationError
│   └── BindingsError      bindings are not valid; every problem with its place in the file
└── NotSettledError        an invocation ended with outcomes that are `rejected` or `failed`
"""

from __future__ import annotations

from typing import NamedTuple

from fctoolkit.errors import ConfigurationError, ToolkitError


class Problem(NamedTuple):
    """One thing that is wrong in a bindings file.

    Attributes:
        where: `file:line:column` where the file has lines, else `file`.
        field: dotted path, such as `edge[0].mode`.
        message: what is wrong and what would be right.
    """

    where: str
    field: str
    message: str

    def __str__(self) -> str:
        return (
            f"{self.where}: {self.field}: {self.message}" if self.field else f"{self.where}: {self.message}"
        )


class BindingsError(ConfigurationError):
    """Bindings are not valid; `problems` says where and why, one by one."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        super().__init__("\n".join(map(str, problems)))


class NotSettledError(ToolkitError):
    """Some outcomes are `rejected` or `failed`.

    Raised after everything else was done, so that the platform delivers the event again and at last
    dead-letters it; what is done by then is a no-op the next time. FC shows the message to the caller and in
    the dead letter, so it names each instance with its reason, and no secret.
    """
