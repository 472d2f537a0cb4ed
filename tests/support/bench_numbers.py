"""What bench/README.md says of the numbers that are measured."""

from __future__ import annotations

import re

from tests.support.product import ROOT


def explained(what: str) -> set[str]:
    """The numbers of `what`, as the heading of their table names it; `<n>` in a name stays as it is."""
    text = (ROOT / "bench/README.md").read_text(encoding="utf-8")
    table = text.partition(f"| number of {what} |")[2].partition("\n\n")[0]
    return set(re.findall(r"^\| `([a-z0-9_<>]+)` \|", table, flags=re.MULTILINE))
