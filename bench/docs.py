"""docs/measurements.md and its pictures, from bench/results.json: `./dev run python -m bench.docs [RESULTS]`.

`./dev bench` does this at the end of a whole run. Text is made here, pictures are made by `bench.plots`.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from bench.case import BenchError
from bench.cases import CASES
from bench.page_servers import HOW_TO_GET_MOTO
from bench.processes import ROOT, output_of
from bench.sections import INTRODUCTION, SECTIONS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from bench.case import Case
    from bench.sections import Section
    from fctoolkit.jsontypes import JsonObject

RESULTS: Final = Path(__file__).with_name("results.json")
PAGE: Final = ROOT / "docs/measurements.md"
PICTURES: Final = ROOT / "docs/pictures"
PYTHON: Final = ROOT / "build/bench/bin/python"

MARK: Final = "<!-- Made by `./dev bench` of what it measured: the next whole run writes it anew. -->"
NOT_MEASURED: Final = "Not measured in this run."
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
    """Writes the page and draws the pictures.

    Raises BenchError when there are no such results, or the pictures cannot be drawn; the page is as it was.
    """
    try:
        measured = Results.model_validate_json(results.read_bytes())
    except OSError as error:
        raise BenchError(f"{results}: {error.strerror}; `./dev bench` makes results") from None
    except ValidationError as error:
        raise BenchError(f"{results} has no results of `./dev bench`: {error.errors()[0]['msg']}") from None
    text = page(measured, draw(results))
    PAGE.write_text(text, encoding="utf-8")


def draw(results: Path) -> Collection[str]:
    """Draws what was measured; gives the names of the pictures that were drawn."""
    if not PYTHON.exists():
        raise BenchError(f"matplotlib is missing: {HOW_TO_GET_MOTO}")
    command = (str(PYTHON), "-m", "bench.plots", str(results.resolve()), str(PICTURES))
    try:
        return frozenset(output_of(command, MOST_SECONDS).split())
    except BenchError as error:
        raise BenchError(f"the pictures could not be drawn: {error}") from None


def page(results: Results, pictures: Collection[str]) -> str:
    """The text of docs/measurements.md, which shows those pictures that were drawn of the same results."""
    machine = results.machine
    where = f"{machine['system']} on {machine['architecture']}, {machine['processors']} processors"
    introduction = INTRODUCTION.format(at=results.at, where=where, python=machine["python"])
    parts = [MARK, "# Measurements", introduction]
    for section in SECTIONS:
        parts += _section(section, results, pictures)
    return "\n\n".join(parts) + "\n"


def _section(section: Section, results: Results, pictures: Collection[str]) -> list[str]:
    heading = f"## {section.title}"
    if not any(one.case in section.cases for one in results.measurements):
        return [heading, NOT_MEASURED]
    drawn = section.picture in pictures
    parts = [heading, section.text, f"![{section.shows}](pictures/{section.picture}.svg)" if drawn else ""]
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Makes the page and the pictures; 0 when that was done, else 1."""
    parser = argparse.ArgumentParser(
        prog="./dev run python -m bench.docs", description="Makes docs/measurements.md and its pictures."
    )
    parser.add_argument(
        "results", nargs="?", type=Path, default=RESULTS, help="instead of bench/results.json"
    )
    try:
        write(parser.parse_args(arguments).results)
    except BenchError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
