"""`python -m tools.support [--check]`: writes docs/localcloud-support.md from the local cloud's code.

With --check it only says whether the page is true. Knows no service from inside.
"""

from __future__ import annotations

import json
import re
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, get_args, get_origin

from localcloud import LocalCloud, catalogue
from localcloud.conditions.behaviour import Behaviour
from localcloud.conditions.progress import Looks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pydantic.fields import FieldInfo

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = ROOT / "docs" / "localcloud-support.md"
COMMAND: Final = "./dev run python -m tools.support"
WIDTH: Final = 110

TITLES: Final = {
    "cs": "Container Service",
    "elasticsearch": "Elasticsearch",
    "ens": "Edge Node Service",
    "eventbridge": "EventBridge",
    "eventbridge2015": "EventBridge, older API",
    "fc": "Function Compute 3.0",
    "fc2": "Function Compute 2.0",
    "mns": "MNS (Simple Message Queue)",
    "oss": "OSS",
    "resourcemanager": "Resource Manager",
    "sts": "STS",
}

_INTRODUCTION: Final = f"""\
# What the local cloud has

Written from its code by `{COMMAND}`; `./dev check` fails when it is not true.
Which of the vendor's clients do which action is in [localcloud-clients.md](localcloud-clients.md).

## Actions

The catalogue has the vendor's published actions with their parameters; of MNS those on queues, of Function
Compute 2.0 those that are supported. An action that is in it and is not supported is answered 501
`LocalCloud.NotImplemented`, by its name. What a supported action leaves out is on the pages of
[functions](localcloud-functions.md), [events](localcloud-events.md) and [the other
services](../localcloud/README.md), and in the refusals.
"""
_PACES: Final = """\
## How long changes take

Fields of `behaviour`, each as seconds of the state clock, 0 for at once, or as `{"looks": n}`: the old state
is seen so many times.
"""
_VARIANTS: Final = """\
## Variants

Where the vendor's documents leave something open, or contradict each other, the likelier is the default and
the others can be played. The fields are those of `behaviour` in a seed.
"""


def main(arguments: Sequence[str]) -> int:
    """Writes the page, or with --check compares; 1 when it is not what it should be."""
    text = render()
    if "--check" not in arguments:
        PAGE.write_text(text, encoding="utf-8")
        return 0
    if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == text:
        return 0
    sys.stderr.write(f"{PAGE.relative_to(ROOT)} is not what the code says: {COMMAND}\n")
    return 1


def render() -> str:
    """The page."""
    return "\n".join([_INTRODUCTION, *_actions(), _PACES, *_paces(), "", _VARIANTS, *_variants(), ""])


def _actions() -> Iterator[str]:
    supported = LocalCloud().supported
    yield from _table(
        ("service", "in `calls` and `faults`", "version", "supported", "of"),
        (
            (
                TITLES.get(name, name),
                f"`{name}`",
                catalogue.load(name).version,
                str(len(actions)),
                str(len(catalogue.load(name).actions)),
            )
            for name, actions in sorted(supported.items())
        ),
    )
    for name, actions in sorted(supported.items()):
        yield ""
        yield textwrap.fill(
            f"**{TITLES.get(name, name)}**: {', '.join(actions)}.", WIDTH, break_on_hyphens=False
        )
    yield ""


def _paces() -> Iterator[str]:
    meanings = _meanings()
    return _table(
        ("field", "default", "how long"),
        (
            (f"`{name}`", _written(field), meanings[name])
            for name, field in Behaviour.model_fields.items()
            if _is_pace(field)
        ),
    )


def _variants() -> Iterator[str]:
    meanings = _meanings()
    return _table(
        ("field", "default", "others", "what it decides"),
        (
            (f"`{name}`", _written(field), _others(field), meanings[name])
            for name, field in Behaviour.model_fields.items()
            if not _is_pace(field)
        ),
    )


def _meanings() -> dict[str, str]:
    """What each field means, in the words of the class's docstring."""
    _, _, attributes = (Behaviour.__doc__ or "").partition("Attributes:\n")
    lines = textwrap.dedent(attributes).strip()
    entries = re.split(r"\n(?=\w+: )", lines)
    pairs = (entry.partition(": ") for entry in entries)
    return {name: " ".join(text.split()) for name, _, text in pairs}


def _is_pace(field: FieldInfo) -> bool:
    return Looks in get_args(field.annotation)


def _written(field: FieldInfo) -> str:
    """The default, as a seed has it."""
    value = field.get_default(call_default_factory=True)
    shown = f"{value:g}" if isinstance(value, float) else json.dumps(value)
    return f"`{value if isinstance(value, str) else shown}`"


def _others(field: FieldInfo) -> str:
    """The other values that a field may have."""
    default = field.get_default(call_default_factory=True)
    values: tuple[object, ...] = ()
    if get_origin(field.annotation) is Literal:
        values = get_args(field.annotation)
    elif field.annotation is bool:
        values = (False, True)
    others = [value for value in values if value != default]
    shown = [str(value).lower() if isinstance(value, bool) else str(value) for value in others]
    return ", ".join(f"`{value}`" for value in shown) or ("a list" if default == [] else "any number")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield "|---" * len(head) + "|"
    for row in rows:
        yield f"| {' | '.join(row)} |"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
