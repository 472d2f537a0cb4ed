"""`./dev bench`: makes measurements in fresh processes; shows tables, writes bench/results.json and docs."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench import docs, stores
from bench.case import Asked, BenchError
from bench.cases import CASES
from bench.processes import ROOT, output_of_group

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.case import Case
    from fctoolkit.jsontypes import JsonObject, JsonValue

FORMAT: Final = 1
SIZES: Final = (100, 1_000, 10_000)
LATENCIES: Final = (0.05, 0.3)
MOST_LATENCY: Final = 10.0
MOST_ROUNDS: Final = 1_000
MOST_SECONDS: Final = 3_600
"""Of one process; then something hangs."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Makes the measurements; 0 when all were made and kept their bounds, else 1."""
    parsed = _parser().parse_args(arguments)
    asked = Asked(
        tuple(parsed.sizes),
        tuple(parsed.stores or stores.available()),
        tuple(parsed.latencies),
        parsed.rounds,
    )
    done: list[JsonValue] = []
    failed = missed = 0
    for name in parsed.cases or CASES:
        case = CASES[name]
        groups = case.groups(asked)
        widths = _show_heading(case, [one for settings in groups for one in settings])
        for settings in groups:
            try:
                rows = measured(case, settings)
            except BenchError as error:
                failed += len(settings)
                what = json.dumps(settings[0]) if len(settings) == 1 else f"all {len(settings)} of {name}"
                print(f"  FAILED {what}\n{error}", flush=True)
                continue
            for setting, numbers in zip(settings, rows, strict=True):
                done.append({"case": case.name, "setting": setting, "numbers": numbers})
                _show_row(case, {**setting, **numbers}, widths)
                for bound in _missed(numbers):
                    missed += 1
                    print(f"  MISSED {bound}", flush=True)
    parsed.output.write_text(json.dumps(_results(done), indent=1) + "\n", encoding="utf-8")
    if not parsed.cases and not parsed.no_docs:
        try:
            docs.write(parsed.output)
            print(f"\n{docs.PAGE.relative_to(ROOT)} and its pictures are made of this")
        except BenchError as error:
            failed += 1
            print(f"\n  FAILED {error}")
    wrong = [f"{failed} FAILED"] * bool(failed) + [f"bounds MISSED: {missed}"] * bool(missed)
    print("; ".join([f"\n{parsed.output}: {len(done)} measurements", *wrong]))
    print("bench/README.md says what each number means, and what it does not say")
    return 1 if wrong else 0


def measured(case: Case, settings: Sequence[JsonObject]) -> Sequence[JsonObject]:
    """The numbers of each measurement, all made in one new process. Raises `BenchError` with what it said."""
    with stores.opened(str(settings[0].get("store", "none"))) as url:
        asked = json.dumps({"case": case.name, "settings": settings, "store_url": url})
        told = output_of_group((sys.executable, "-m", "bench.child"), MOST_SECONDS, text=asked)
    rows: list[JsonObject] = json.loads(told)
    return rows


def _missed(numbers: JsonObject) -> list[str]:
    """The bounds that a measurement did not keep, where its case has any."""
    missed = numbers.get("missed", [])
    return [str(one) for one in missed] if isinstance(missed, list) else []


def _results(measurements: list[JsonValue]) -> JsonObject:
    return {
        "format": FORMAT,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "python": platform.python_version(),
            "system": platform.system(),
            "architecture": platform.machine(),
            "processors": os.cpu_count(),
        },
        "measurements": measurements,
    }


def _show_heading(case: Case, settings: Sequence[JsonObject]) -> list[int]:
    """Prints what the case is and its columns; gives their widths."""
    widths: list[int] = []
    for column in case.columns:
        known = [column.text(setting) for setting in settings if column.key in setting]
        widths.append(max(len(column.heading), 7, *map(len, known)))
    print(f"\n{case.name}: {case.about}")
    print("  ".join(one.heading.rjust(width) for one, width in zip(case.columns, widths, strict=True)))
    return widths


def _show_row(case: Case, values: JsonObject, widths: Sequence[int]) -> None:
    cells = [one.text(values).rjust(width) for one, width in zip(case.columns, widths, strict=True)]
    print("  ".join(cells), flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./dev bench",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Measures the product; what, and what not: bench/README.md.",
        epilog="\n".join(["cases:", *(f"  {case.name:12} {case.about}" for case in CASES.values())]),
    )
    parser.add_argument(
        "cases", type=_case, nargs="*", metavar="CASE", help="one of those below; all by default"
    )
    parser.add_argument("--sizes", type=_size, nargs="+", default=SIZES, help="numbers of machines")
    parser.add_argument("--stores", nargs="+", choices=stores.STORES, help="all that are there by default")
    parser.add_argument(
        "--latencies", type=_seconds, nargs="+", default=LATENCIES, help="seconds that a call waits"
    )
    parser.add_argument("--rounds", type=_rounds, help="how often what is compared is taken in turn")
    parser.add_argument(
        "--no-docs", action="store_true", help="leave docs/measurements.md as it is, also after all cases"
    )
    parser.add_argument("--output", type=Path, default=docs.RESULTS, help="instead of bench/results.json")
    return parser


def _case(text: str) -> str:
    if text not in CASES:
        raise argparse.ArgumentTypeError(f"expected one of {', '.join(CASES)}, found {text!r}")
    return text


def _size(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= max(SIZES):
        raise argparse.ArgumentTypeError(f"expected 1 to {max(SIZES)}, found {text!r}")
    return int(text)


def _rounds(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= MOST_ROUNDS:
        raise argparse.ArgumentTypeError(f"expected 1 to {MOST_ROUNDS}, found {text!r}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 < seconds <= MOST_LATENCY:
        raise argparse.ArgumentTypeError(
            f"expected seconds above 0, at most {MOST_LATENCY:.0f}, found {text!r}"
        )
    return seconds


if __name__ == "__main__":
    sys.exit(main())
