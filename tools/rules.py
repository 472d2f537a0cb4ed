"""`python -m tools.rules [--write] s.yaml`: the event rules of an s.yaml, made from `enlist.sources`.

Without --write it only compares, and says which trigger's pattern is not the one that the code asks for.
Knows the layout of this repository's s.yaml, and no other file's.
"""

from __future__ import annotations

import json
import re
import sys
import textwrap
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from enlist.sources import SOURCES, Kind, Source
from fctoolkit.errors import ConfigurationError, ToolkitError
from fctoolkit.pattern import compile_pattern
from localcloud.functions.spec import EventBridgeTrigger
from localcloud.template.reading import read_template

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from localcloud.functions.spec import FunctionSpec

KINDS: Final[Mapping[str, Kind]] = {"attach_instances": "edge", "add_connectable_cluster": "search"}
"""The resource keys of the functions, and whose signals they take."""

_WIDTH: Final = 90
_TRIGGER: Final = (
    r"(?P<head>- triggerName: {name}\n(?:(?!\s*- triggerName).*\n)*?)"
    r"(?P<indent> +)eventRuleFilterPattern:.*\n(?:(?P=indent) +.*\n)*"
)
"""A trigger's lines up to the end of its pattern."""


def main(arguments: list[str]) -> int:
    """Compares, or with --write rewrites; 1 when something is not as it should be."""
    write = "--write" in arguments
    try:
        for name in arguments:
            if name == "--write":
                continue
            file = Path(name)
            if write:
                file.write_text(rendered(file.read_text(encoding="utf-8")), encoding="utf-8")
            problems = list(differences(file))
            if problems:
                raise ConfigurationError("\n".join(problems))
    except (ToolkitError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def rendered(text: str) -> str:
    """The text of an s.yaml with the pattern of every source's trigger written anew.

    Raises ConfigurationError for a trigger that is not there: add it by hand, with any pattern.
    """
    for source in (source for sources in SOURCES.values() for source in sources):
        found = re.compile(_TRIGGER.format(name=re.escape(source.trigger)))
        text, count = found.subn(partial(_written, source), text)
        if count != 1:
            raise ConfigurationError(
                f"s.yaml: expected one trigger {source.trigger} with an eventRuleFilterPattern, found {count}"
            )
    return text


def differences(file: Path) -> Iterator[str]:
    """What is wrong with the event rules of an s.yaml, a sentence each."""
    for spec in read_template(file, environment={}).functions:
        kind = KINDS.get(spec.key)
        if kind is not None:
            yield from _differences(file, spec, kind)


def _differences(file: Path, spec: FunctionSpec, kind: Kind) -> Iterator[str]:
    have = {one.name: one for one in spec.triggers if isinstance(one, EventBridgeTrigger)}
    wanted = {source.trigger: source.rule for source in SOURCES[kind]}
    for name in wanted.keys() - have.keys():
        yield f"{file}: {spec.key} has no trigger {name}, which brings events that it takes; add it"
    for name in have.keys() - wanted.keys():
        yield f"{file}: {spec.key}: no source in enlist.sources asks for the trigger {name}; take it out"
    for name in wanted.keys() & have.keys():
        if have[name].pattern != compile_pattern(wanted[name]):
            yield f"{file}: {spec.key}: the pattern of {name} is not that of enlist.sources; run ./dev rules"


def _written(source: Source, match: re.Match[str]) -> str:
    """The trigger's lines up to its pattern: a folded text, whose line ends stand where JSON has a space."""
    indent = match["indent"]
    fields = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in source.rule.items()]
    fields[0] = "{" + fields[0]
    pieces = [f"{field}," for field in fields[:-1]] + [fields[-1] + "}"]
    lines = [
        line
        for piece in pieces
        for line in textwrap.wrap(piece, _WIDTH, break_long_words=False, break_on_hyphens=False)
    ]
    body = "".join(f"{indent}  {line}\n" for line in lines)
    return f"{match['head']}{indent}eventRuleFilterPattern: >-\n{body}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
