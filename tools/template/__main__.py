"""`python -m tools.template FILE…`: every problem of each s.yaml, one a line, with file, line and a fix.

Variables ENLIST_* of the environment count, as they would in a deployment from here. Exit status 1 when there
is a problem; notes do not count.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

from tools.template.enlist_rules import own_variables
from tools.template.lint import lint


def main(names: list[str]) -> int:
    """Checks the files named; 0 when all are good, 1 when one is not, 2 when none is named."""
    if not names:
        sys.stderr.write("usage: python -m tools.template FILE…\n")
        return 2
    said: set[str] = set()
    is_good = True
    for name in names:
        findings = lint(Path(name), own_variables(os.environ))
        problems = [problem for problem in findings.problems if not problem.is_note]
        for problem in findings.problems:
            line = str(replace(problem, file=os.path.relpath(problem.file)))
            # A file that another extends is read with both.
            if line not in said:
                sys.stderr.write(f"{line}\n")
            said.add(line)
        if problems:
            is_good = False
        else:
            sys.stdout.write(f"{name}: {findings.functions} functions, {findings.triggers} triggers\n")
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
