"""`./dev ram [BINDINGS]`: renders `ram/` from bindings and s.yaml. `--check` says whether that is needed."""

from __future__ import annotations

import argparse
import os
import re
import sys
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from enlist.bindings.packed import load_bindings
from fctoolkit.errors import ToolkitError
from localcloud.template.reading import read_template
from tools.ram.documents import ANY_ACCOUNT, render
from tools.ram.reach import Sight

if TYPE_CHECKING:
    from collections.abc import Mapping

    from enlist.bindings.model import Bindings

ROOT = Path(__file__).parents[2]
_ACCOUNT = re.compile(r"\d{5,32}", re.ASCII)


def main(arguments: list[str] | None = None, environment: Mapping[str, str] = os.environ) -> int:
    """Renders, or checks; 0 when the files are what they should be, else 1."""
    options = _parser(environment).parse_args(arguments)
    try:
        bindings = load_bindings(options.bindings)
        if options.check:
            return _check(options.folder, options.template, bindings, environment)
        files = _rendered(options.template, bindings, options.account, options.sight, environment)
    except ToolkitError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    options.folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (options.folder / name).write_text(text, encoding="utf-8")
        sys.stdout.write(f"{options.folder.name}/{name}: {len(text)} characters\n")
    return 0


def _parser(environment: Mapping[str, str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./dev ram", description="Renders RAM policies from bindings.")
    default = environment.get("ENLIST_BINDINGS") or ROOT / "bindings.yaml"
    parser.add_argument("bindings", nargs="?", type=Path, default=Path(default), metavar="BINDINGS")
    parser.add_argument(
        "--account", type=_account, default=ANY_ACCOUNT, help="account id; default: *, the role's own account"
    )
    parser.add_argument(
        "--sight",
        choices=get_args(Sight),
        default="account",
        help="look for nodes in every edge cluster of the account, or in bound ones only",
    )
    parser.add_argument(
        "--check", action="store_true", help="only say whether the files are as they should be"
    )
    parser.add_argument(
        "--template", type=Path, default=ROOT / "s.yaml", help="the s.yaml of the stage; default: s.yaml"
    )
    parser.add_argument("--folder", type=Path, default=ROOT / "ram", help="where the files are; default: ram")
    return parser


def _account(text: str) -> str:
    if text != ANY_ACCOUNT and not _ACCOUNT.fullmatch(text):
        raise argparse.ArgumentTypeError(f"expected digits or *, found {text!r}")
    return text


def _rendered(
    template: Path, bindings: Bindings, account: str, sight: Sight, environment: Mapping[str, str]
) -> dict[str, str]:
    read = read_template(template, environment=environment, account_id=account)
    return render(read, bindings, account, sight)


def _check(folder: Path, template: Path, bindings: Bindings, environment: Mapping[str, str]) -> int:
    """Files rendered for any account and with either sight are good."""
    wanted = _rendered(template, bindings, ANY_ACCOUNT, "account", environment)
    found = {name: _read(folder / name) for name in wanted}
    accounts = {ANY_ACCOUNT, *(one for text in found.values() for one in re.findall(r":(\d{5,32}):", text))}
    for account, sight in product(sorted(accounts), get_args(Sight)):
        if _rendered(template, bindings, account, sight, environment) == found:
            sys.stdout.write(f"{folder.name}: what the bindings need\n")
            return 0
    stale = ", ".join(name for name, text in wanted.items() if found[name] != text)
    sys.stderr.write(f"{folder.name}: not what bindings and s.yaml need ({stale}); run ./dev ram\n")
    return 1


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


if __name__ == "__main__":
    sys.exit(main())
