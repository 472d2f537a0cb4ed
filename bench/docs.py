"""docs/measurements.md and its pictures, from bench/results.json: `python -m bench.docs [RESULTS]`.

`./dev bench` does this at the end of a whole run. Text is made here, pictures are made by `bench.plots`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict

from bench.case import BenchError
from bench.cases import CASES
from bench.page_servers import HOW_TO_GET_MOTO
from bench.processes import ROOT, output_of
from bench.sections import INTRODUCTION, SECTIONS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.case import Case
    from bench.sections import Section
    from fctoolkit.jsontypes import JsonObject

RESULTS: Final = Path(__file__).with_name("results.json")
PAGE: Final = ROOT / "docs/measurements.md"
PICTURES: Final = ROOT / "docs/pictures"
PYTHON: Final = ROOT / "build/bench/bin/python"

MARK: Final = "<!-- Made by `./dev bench` of what it measured: the next whole run writes it anew. -->"
MOST_SECONDS: Final = 300


class Measurement(BaseModel):
    """One row of bench/results.json."""

    model_config = ConfigDict(frozen=True)

    case: str
    setting: dict[str, object]
    numbers: dict[str, object]


class Results(BaseModel):
    """bench/results.json."""

    model_config = ConfigDict(frozen=True)

    at: str
    machine: dict[str, object]
    measurements: list[Measurement]


def write(results: Path) -> None:
    """Writes the page and draws the pictures. Raises BenchError when the pictures cannot be drawn."""
    measured = Results.model_validate_json(results.read_text(encoding="utf-8"))
    draw(results)
    PAGE.write_text(page(measured), encoding="utf-8")


def draw(results: Path) -> None:
    """Draws what was measured."""
    if not PYTHON.exists():
        raise BenchError(f"matplotlib is missing: {HOW_TO_GET_MOTO}")
    command = (str(PYTHON), "-m", "bench.plots", str(results.resolve()), str(PICTURES))
    try:
        output_of(command, MOST_SECONDS)
    except BenchError as error:
        raise BenchError(f"the pictures could not be drawn: {error}") from None


def page(results: Results) -> str:
    """The text of docs/measurements.md."""
    machine = results.machine
    where = f"{machine['system']} on {machine['architecture']}, {machine['processors']} processors"
    introduction = INTRODUCTION.format(at=results.at, where=where, python=machine["python"])
    parts = [MARK, "# Measurements", introduction]
    for section in SECTIONS:
        parts += _section(section, results)
    return "\n\n".join(parts) + "\n"


def _section(section: Section, results: Results) -> list[str]:
    picture = f"![{section.shows}](pictures/{section.picture}.svg)"
    parts = [f"## {section.title}", section.text, picture]
    for name in section.cases:
        rows = [one for one in results.measurements if one.case == name]
        if rows:
            case = CASES[name]
            parts += [f"`{name}`: {case.about}.", table(case, rows), bounds(rows)]
    return [part for part in parts if part]


def table(case: Case, rows: Sequence[Measurement]) -> str:
    """The rows as on the screen."""
    lines = [_line([column.heading for column in case.columns])]
    values: list[Mapping[str, object]] = [{**row.setting, **row.numbers} for row in rows]
    words = {key for one in values for key, value in one.items() if isinstance(value, str)}
    lines.append(_line(["---" if column.key in words else "---:" for column in case.columns]))
    lines += [_line([column.text(_json(one)) for column in case.columns]) for one in values]
    return "\n".join(lines)


def bounds(rows: Sequence[Measurement]) -> str:
    """Which bounds were not kept; empty for a case without any."""
    told = [row.numbers["missed"] for row in rows if "missed" in row.numbers]
    missed = [str(text) for texts in told if isinstance(texts, list) for text in texts]
    if missed:
        return "\n".join(["Bounds that were not kept:", "", *(f"- {text}" for text in missed)])
    return "All bounds were kept." if told else ""


def _json(values: Mapping[str, object]) -> JsonObject:
    made: JsonObject = json.loads(json.dumps(values))
    return made


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else RESULTS)
