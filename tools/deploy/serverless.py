"""Running `s` and reading what it prints. Knows its options, and nothing of what is deployed."""

from __future__ import annotations

import json
import os
import re
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from fctoolkit.errors import ToolkitError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fctoolkit.jsontypes import JsonObject, JsonValue

_COLOUR: Final = re.compile(r"\x1b\[[0-9;]*m")
_OPENING: Final = re.compile(r"[\[{]")


class DeployError(ToolkitError):
    """A step of a deployment did not go well. The message says which, and what to do.

    Attributes:
        output: what `s` said; empty when it was not `s` that failed.
    """

    def __init__(self, message: str, output: str = "") -> None:
        self.output = output
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class ServerlessDevs:
    """The command `s`.

    Attributes:
        program: its path or name.
        access: name of the credentials that `s config add` keeps; empty for those of the environment.
        environment: what it runs in; by default that of this process.
        quiet: nothing that it says is shown, unless it fails.
    """

    program: str
    access: str = ""
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ), repr=False)
    quiet: bool = False

    def run(self, *words: str, variables: Mapping[str, str] | None = None, quiet: bool = False) -> str:
        """What it says, without colours; shown as it comes unless `quiet`.

        Raises DeployError, with all that was not shown yet, when it ends with an error.
        """
        access = ["--access", self.access] if self.access else []
        quiet = quiet or self.quiet
        lines: list[str] = []
        try:
            with subprocess.Popen(  # noqa: S603 -- the operator's own tool
                [self.program, *words, *access],
                env={**self.environment, **(variables or {})},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
            ) as process:
                for line in process.stdout or ():
                    lines.append(_COLOUR.sub("", line))
                    if not quiet:
                        print(line, end="", flush=True)
        except OSError as error:
            raise DeployError(
                f"`{self.program}` cannot be run ({error.strerror}); `./dev s --version` installs it"
            ) from None
        output = "".join(lines).strip()
        if process.returncode:
            told = f":\n{output}" if quiet else "; what it said is above"
            raise DeployError(f"`s {' '.join(words[:4])}` ended with {process.returncode}{told}", output)
        return output

    def objects(self, *words: str, variables: Mapping[str, str] | None = None) -> list[JsonObject]:
        """Every JSON object that a command prints, outer ones before those inside them."""
        told = self.run(*words, "--output-format", "json", "--silent", variables=variables, quiet=True)
        return list(objects_in(told))


def objects_in(text: str) -> Iterator[JsonObject]:
    """Every JSON object in a text that has other lines too, outer ones before those inside them."""
    decoder = json.JSONDecoder()
    place = 0
    while found := _OPENING.search(text, place):
        try:
            value, place = decoder.raw_decode(text, found.start())
        except ValueError:
            place = found.end()
        else:
            yield from _inside(value)


def _inside(value: JsonValue) -> Iterator[JsonObject]:
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    for child in value if isinstance(value, list) else ():
        yield from _inside(child)
