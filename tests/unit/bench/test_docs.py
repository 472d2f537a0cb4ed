"""docs/measurements.md: it is there with its pictures, and is made of any results in the same way."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from bench import docs
from bench.case import Asked
from bench.cases import CASES
from bench.sections import SECTIONS
from tests.support.product import ROOT

if TYPE_CHECKING:
    from pathlib import Path

PICTURES = {section.picture for section in SECTIONS}
ASKED = Asked((100, 10_000), ("none", "sqlite"), (0.05,))
SPREAD = {"median": 2.0, "least": 1.0, "lower": 1.5, "upper": 2.5, "most": 3.0, "count": 5}


def results(*cases: str, **numbers: Any) -> docs.Results:
    """What a run of these cases may write: every number is the same, but for those given."""
    rows = []
    for name in cases:
        case = CASES[name]
        for setting in case.settings(ASKED):
            keys = [column.key for column in case.columns if column.key not in setting]
            rows.append(
                {"case": name, "setting": setting, "numbers": {**dict.fromkeys(keys, SPREAD), **numbers}}
            )
    machine = {"python": "3.12.1", "system": "Linux", "architecture": "x86_64", "processors": 2}
    return docs.Results.model_validate(
        {"at": "2026-11-22T12:00:00+00:00", "machine": machine, "measurements": rows}
    )


def test_the_page_is_made_by_the_command() -> None:
    """It says so in its first line, and has a section with a table for every case of a whole run."""
    page = docs.PAGE.read_text(encoding="utf-8")
    assert page.startswith(docs.MARK)
    for name in CASES:
        assert f"\n`{name}`: " in page


def test_what_the_page_links_to_is_there() -> None:
    """Each picture and each page that it names is a file of the repository."""
    targets = re.findall(r"\]\(([^)#]+)", docs.PAGE.read_text(encoding="utf-8"))
    assert len(targets) > len(SECTIONS)
    for target in targets:
        assert (docs.PAGE.parent / target).resolve().is_relative_to(ROOT)
        assert (docs.PAGE.parent / target).is_file(), target


def test_pictures_are_plain_and_the_same_every_time() -> None:
    """They are SVG with text as text, without date or program."""
    pictures = [*docs.PICTURES.glob("*.svg")]
    assert {one.stem for one in pictures} >= {section.picture for section in SECTIONS}
    for one in pictures:
        drawn = one.read_text(encoding="utf-8")
        assert "<text" in drawn
        assert "<dc:date>" not in drawn
        assert len(drawn) < 100_000


def test_every_case_has_a_place_on_the_page() -> None:
    """A new case is added to a section, or nobody sees it."""
    assert {name for section in SECTIONS for name in section.cases} == {*CASES}


def test_the_tables_are_those_of_the_screen() -> None:
    """Each row of the results stands in the page, with the columns of its case and medians of summaries."""
    page = docs.page(results(*CASES), PICTURES)
    for name, case in CASES.items():
        table = page.partition(f"`{name}`: {case.about}.\n\n")[2].partition("\n\n")[0].splitlines()
        assert table[0] == f"| {' | '.join(column.heading for column in case.columns)} |"
        assert len(table) == len(case.settings(ASKED)) + 2
        assert all(line.count("|") == len(case.columns) + 1 for line in table)


def test_a_case_that_was_not_measured_has_no_table() -> None:
    """What is left out of a run is left out of the page, and a section without any says so."""
    page = docs.page(results("quota"), ())
    assert CASES["quota"].about in page
    assert CASES["cold"].about not in page
    assert page.count(docs.NOT_MEASURED) == len(SECTIONS) - 1


def test_a_picture_of_another_run_is_not_shown() -> None:
    """Beside the numbers of a run stand only the pictures that were drawn of it."""
    page = docs.page(results("cold", "sizes"), {"cold-starts"})
    assert re.findall(r"pictures/([a-z-]+)", page) == ["cold-starts"]


def test_what_is_missing_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without results, with a file that has none, or without matplotlib, a line says why; the page stays."""
    page, file = tmp_path / "measurements.md", tmp_path / "results.json"
    monkeypatch.setattr(docs, "PAGE", page)
    monkeypatch.setattr(docs, "PYTHON", tmp_path / "python")
    assert docs.main([str(file)]) == 1
    file.write_text("[]")
    assert docs.main([str(file)]) == 1
    file.write_text(json.dumps(results("quota").model_dump()))
    assert docs.main([str(file)]) == 1
    told = capsys.readouterr().err.splitlines()
    assert [str(file) in line for line in told] == [True, True, False]
    assert "`./dev bench` makes results" in told[0]
    assert "`./dev bench cloud-start`" in told[2]
    assert not page.exists()


@pytest.mark.parametrize(
    ("missed", "said"), [([], "All bounds were kept."), (["it took 2 s"], "- it took 2 s")]
)
def test_bounds_are_told(missed: list[str], said: str) -> None:
    """The page says that bounds were kept, or names those that were not."""
    assert said in docs.page(results("cloud-start", missed=missed), PICTURES)
