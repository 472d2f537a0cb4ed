"""The shipped s.yaml, to make mistakes in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tools.template.lint import lint

ROOT = Path(__file__).parents[2]
STORE_URL = "redis://enlist:s3cret@r-1.redis.rds.aliyuncs.com:6379/0"
STORE = {
    "ENLIST_STORE": STORE_URL,
    "ENLIST_VPC": "vpc-1",
    "ENLIST_VSWITCH": "vsw-1",
    "ENLIST_SECURITY_GROUP": "sg-1",
}
"""What s.redis.yaml has no default for."""

SHIPPED = (ROOT / "s.yaml").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Mistake:
    """`old` in the shipped file becomes `new`; the line with `at` is complained about, in these words."""

    old: str
    new: str
    at: str
    path: str
    words: str


def problems_of(folder: Path, text: str, name: str = "s.yaml") -> list[tuple[int, str, str]]:
    """Line, path, and both sentences of each problem of a file with this text beside the functions' code.

    Notes are left out.
    """
    if not (folder / "functions").exists():
        (folder / "functions").symlink_to(ROOT / "functions")
    file = folder / name
    file.write_text(text, encoding="utf-8")
    problems = [problem for problem in lint(file).problems if not problem.is_note]
    assert {problem.file for problem in problems} <= {str(file)}
    return [(one.line, one.path, f"{one.wrong}; {one.fix}") for one in problems]


def line_of(text: str, mark: str) -> int:
    """The line that `mark` stands in for the first time, counted from 1."""
    return text[: text.index(mark)].count("\n") + 1
