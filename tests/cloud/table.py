"""Which of the vendor's clients does which action: runs every scenario with every client and writes a table.

./dev run python -m tests.cloud.table           writes docs/localcloud-clients.md
./dev run python -m tests.cloud.table --s       and deploys with Serverless Devs, where the machine has it
./dev run python -m tests.cloud.table --check   only says whether that is needed
"""

from __future__ import annotations

import argparse
import gc
import logging
import subprocess
import sys
import tempfile
import traceback
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from localcloud import LocalCloud
from tests.cloud.scenarios import scenarios
from tests.support.cloud_scene import MODES, OF_CLIENTS, OFFICIAL_OLDER, Calling, Record, scene
from tools.support import TITLES

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "docs" / "localcloud-clients.md"
COMMAND = "./dev run python -m tests.cloud.table"
_OLDER = "with HMAC-SHA1"
_INTRODUCTION = f"""# Clients and the local cloud

Written by a run: `{COMMAND}` plays the scenarios of `tests/cloud` with
the vendor's clients, unmodified, in the versions of `requirements/dev.txt`. A test plays them again and
compares. The same scenarios run in process and over HTTP without a client, with the same assertions.

| cell | meaning |
|---|---|
| yes | called in a scenario; the answer was right, and the client's own models read it |
| raw | called; the answer was right, but the client's models cannot read it and give it as it came |
| no | a scenario that calls it failed |
| | not called: the client has no method for it, or no scenario calls it |

The column "{_OLDER}" is the client to its left, signing in its older way.
"""


_S_TESTS = ROOT / "tests" / "functions" / "test_deploy_local.py"
S_COMMANDS = ("s verify", "s plan", "s layer publish", "s deploy", "s info", "s invoke", "s remove")
NOT_RUN = "not run here"
_SERVERLESS_DEVS = f"""
## Serverless Devs

The real `s` with its component fc3 deploys every s.yaml of this repository to a local cloud, twice, invokes
the functions and removes all of it; after each command the state of the local cloud is asserted.
`{COMMAND} --s` does so where the machine has Node.js and the component.
Other runs keep what it found.
"""


@dataclass
class Outcome:
    """What came of a run.

    Attributes:
        cells: by mode and call: `yes`, `raw` or `no`.
        failures: what went wrong, as text.
    """

    cells: dict[tuple[str, Calling], str] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def add(self, mode: str, record: Record, *, failed: bool) -> None:
        """Adds what one scenario called; a failure stays, whatever others say of the same call."""
        for calling in record.tried if failed else record.read | record.raw:
            key = (mode, calling)
            if failed:
                self.cells[key] = "no"
            elif self.cells.get(key) != "no":
                is_raw = calling in record.raw or self.cells.get(key) == "raw"
                self.cells[key] = "raw" if is_raw else "yes"


def run() -> Outcome:
    """Plays every scenario with every client that can."""
    outcome = Outcome()
    for mode in OF_CLIENTS:
        with scene(mode) as at:
            for name, scenario in scenarios(mode):
                at.cloud.reset()
                at.record = Record()
                failed = False
                try:
                    scenario(at)
                except Exception:  # noqa: BLE001 - whatever a client raises is what is to be told
                    failed = True
                    outcome.failures.append(f"{name} ({mode})\n{traceback.format_exc()}")
                outcome.add(mode, at.record, failed=failed)
    return outcome


def render(outcome: Outcome, s: str) -> str:
    """The page; `s` is the cell of every command of Serverless Devs."""
    parts = [_INTRODUCTION.rstrip()]
    for service, actions in sorted(LocalCloud().supported.items()):
        columns = [mode for mode in OF_CLIENTS if service in MODES[mode]]
        clients = {mode: _client(outcome, mode, service) for mode in columns}
        columns = [mode for mode in columns if clients[mode]]
        rows = [[action, *(_cell(outcome, mode, service, action) for mode in columns)] for action in actions]
        parts.append(f"\n## {TITLES[service]}\n")
        parts.append(_table(["action", *(clients[mode] for mode in columns)], rows))
    parts.append(_SERVERLESS_DEVS)
    parts.append(_table(["command", "@serverless-devs/s"], [[command, s] for command in S_COMMANDS]))
    return "\n".join(parts) + "\n"


def written_s() -> str:
    """What the page that is there says of Serverless Devs: not every machine has its component."""
    rows = TABLE.read_text(encoding="utf-8").splitlines() if TABLE.is_file() else []
    cells = [row.strip("| ").split(" | ") for row in rows]
    return next((cell[1] for cell in cells if cell[0] == S_COMMANDS[0]), NOT_RUN)


def run_s() -> str:
    """Deploys every template to a local cloud with `s`: the tests of that assert each command's effect."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", str(_S_TESTS), f"--junitxml={report}"]
        subprocess.run(command, cwd=ROOT, check=False, stdout=sys.stderr)  # noqa: S603 - our own tests
        suite = ET.parse(report).getroot().find("testsuite")  # noqa: S314 - pytest wrote it
    counts = {
        name: int(value) for name, value in (suite.items() if suite is not None else ()) if value.isdigit()
    }
    if counts.get("failures", 1) or counts.get("errors", 1):
        return "no"
    return NOT_RUN if counts["tests"] == counts["skipped"] else "yes"


def _client(outcome: Outcome, mode: str, service: str) -> str:
    """The heading of a column; empty when nothing of the service was called."""
    names = {calling.client for of, calling in outcome.cells if of == mode and calling.service == service}
    return f"{_OLDER}" if names and mode == OFFICIAL_OLDER else ", ".join(sorted(names))


def _cell(outcome: Outcome, mode: str, service: str, action: str) -> str:
    found = {
        cell
        for (of, calling), cell in outcome.cells.items()
        if (of, calling.service, calling.action) == (mode, service, action)
    }
    return next((cell for cell in ("no", "raw", "yes") if cell in found), "")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    lines += [f"| {' | '.join(row)} |".replace("  ", " ") for row in rows]
    return "\n".join(lines)


def quietly_run() -> Outcome:
    """The same without what the clients log, and with their sockets collected."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.ERROR)
        try:
            return run()
        finally:
            gc.collect()
            logging.disable(logging.NOTSET)


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes the page, or checks it; 0 when every scenario passed and the page is what it should be."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.cloud.table", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--check", action="store_true", help="write nothing; say whether the page is right")
    parser.add_argument("--s", action="store_true", help="deploy with Serverless Devs, too; takes minutes")
    options = parser.parse_args(arguments)
    outcome = quietly_run()
    text = render(outcome, run_s() if options.s else written_s())
    sys.stderr.writelines(f"{failure}\n" for failure in outcome.failures)
    if options.check:
        is_right = TABLE.read_text(encoding="utf-8") == text
        if not is_right:
            sys.stderr.write(f"{TABLE.relative_to(ROOT)} is not what the run made: {COMMAND}\n")
        return int(bool(outcome.failures) or not is_right)
    TABLE.write_text(text, encoding="utf-8")
    sys.stdout.write(f"{TABLE.relative_to(ROOT)}: {len(outcome.cells)} calls of clients\n")
    return int(bool(outcome.failures))


if __name__ == "__main__":
    sys.exit(main())
