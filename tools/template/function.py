"""One function of an s.yaml, as the rules look at it. Judges nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tools.template.problems import Problem, Value

DEFAULT_TIMEOUT: Final = 3.0
DEFAULT_MEMORY: Final = 512.0


@dataclass(frozen=True, slots=True)
class Function:
    """A resource of component fc3.

    Attributes:
        props: its props, with the template beneath them and all references resolved that can be.
        written: the same as the file alone says it, whatever is set in the environment.
        folder: what relative paths start from.
    """

    props: Value
    written: Value
    folder: Path

    def text(self, *steps: str | int) -> str | None:
        """The text under `props`, when there is one and it is known."""
        value = self.props.get(*steps)
        return value.text if value is not None else None

    def number(self, *steps: str | int) -> float | None:
        """The number under `props`, when there is one."""
        value = self.props.get(*steps)
        return value.number if value is not None else None

    @property
    def timeout(self) -> float:
        """Seconds; FC's default when none is given."""
        return self.number("timeout") or DEFAULT_TIMEOUT

    @property
    def is_custom(self) -> bool:
        """Whether the code brings its own server (custom runtimes, containers)."""
        runtime = self.text("runtime") or ""
        return runtime.startswith("custom") or runtime == "micro-sandbox"

    @property
    def code(self) -> Path | None:
        """The folder or archive with its code, when there is one."""
        named = self.text("code", "src") or self.text("code")
        try:
            path = (self.folder / named).resolve() if named else None
            return path if path is not None and path.exists() else None
        except OSError:  # a name that no file could have
            return None

    @property
    def variables(self) -> dict[str, Value]:
        """`environmentVariables`."""
        return _variables(self.props)

    @property
    def written_variables(self) -> dict[str, Value]:
        """`environmentVariables` as the file alone says them."""
        return _variables(self.written)

    def triggers(self, kind: str | None = None) -> Iterator[Value]:
        """Its triggers, or those of one type."""
        found = self.props.get("triggers")
        for trigger in found.elements() if found is not None else ():
            type_ = trigger.get("triggerType")
            if kind is None or (type_ is not None and type_.text == kind):
                yield trigger


def _variables(props: Value) -> dict[str, Value]:
    found = props.get("environmentVariables")
    return dict(found.items()) if found is not None else {}


if TYPE_CHECKING:
    Rule = Callable[[Function], Iterator[Problem]]
