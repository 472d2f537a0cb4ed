"""docs/observability.md is true: its fields are those of the line, its queries and its template hold."""

from __future__ import annotations

import json
import re
import shutil
from typing import TYPE_CHECKING

from fctoolkit.clock import SYSTEM_CLOCK
from fctoolkit.metrics import Metrics, Readiness
from tests.support.product import ROOT
from tools.layer.contents import OTEL
from tools.template.lint import lint

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

PAGE = (ROOT / "docs/observability.md").read_text(encoding="utf-8")
FRAME = {"request_id", "function", "cold_start", "event_id", "event_source"}
FIXED = {"timestamp", "level", "logger", "message"}


def blocks(language: str) -> list[str]:
    """The code blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def fields() -> tuple[set[str], set[str]]:
    """The fields of a line that has all of them, and those of an action in it."""
    metrics = Metrics(SYSTEM_CLOCK, Readiness(0.1))
    metrics.count_attempt("Look", 0.1, repeated=False, failed=False, throttled=False)
    record = json.loads(json.dumps(metrics.record()))
    return {*record, "error"}, {*record["api"][0]}


def test_the_table_has_every_field() -> None:
    """The table lists each field of the line, and no other."""
    table = PAGE.partition("| field | unit | meaning |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == fields()[0]


def test_the_example_is_such_a_line() -> None:
    """The example is JSON with the fields that a cold start which goes well has."""
    line, action = fields()
    (example,) = map(json.loads, blocks("json"))
    assert {*example} == (line | FIXED | FRAME) - {"error"}
    assert all({*one} == action for one in example["api"])


def test_queries_ask_for_fields_that_there_are() -> None:
    """Every path in a query leads to a field, and every word searched for is one."""
    line, action = fields()
    queries = blocks("sql")
    assert len(queries) == 4
    for query in queries:
        assert set(re.findall(r"'\$\.(\w+)'", query)) <= line | action | FRAME
        assert re.match(r"message: (\w+) ", query)[1] in line  # type: ignore[index]


def test_the_template_is_deployable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The template on the page passes the linter, and names the layer that has the packages."""
    (tmp_path / "functions").symlink_to(ROOT / "functions")
    shutil.copy(ROOT / "s.yaml", tmp_path)
    (template,) = blocks("yaml")
    (tmp_path / "s.otel.yaml").write_text(template)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector:4318")
    assert [str(one) for one in lint(tmp_path / "s.otel.yaml").problems] == []
    assert f":layers/{OTEL.name}/" in template
    assert f"env('{OTEL.variable}'" in template
