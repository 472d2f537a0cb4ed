"""`python -m enlist.bindings check FILE` and `pack FILE FOLDER…`: the bindings at a desk and in a build."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from enlist.bindings.packed import load_bindings, pack
from enlist.settings import PACKED_BINDINGS
from fctoolkit.errors import ConfigurationError


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; 0 when the bindings are valid and written, else 1."""
    parser = argparse.ArgumentParser(prog="python -m enlist.bindings", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("check", help="validate a bindings file").add_argument("file", type=Path)
    packing = commands.add_parser(
        "pack", help="validate it and write it as JSON into functions' code folders"
    )
    packing.add_argument("file", type=Path)
    packing.add_argument("folders", type=Path, nargs="+")
    options = parser.parse_args(arguments)
    try:
        bindings = load_bindings(options.file)
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if options.command == "pack":
        text = json.dumps(pack(bindings, options.file.name), indent=1, ensure_ascii=False) + "\n"
        for folder in options.folders:
            try:
                (folder / PACKED_BINDINGS).write_text(text, encoding="utf-8")
            except OSError as error:
                sys.stderr.write(f"{folder}: cannot write {PACKED_BINDINGS}: {error.strerror}\n")
                return 1
    applied = sum(binding.mode == "apply" for binding in (*bindings.edge, *bindings.search))
    total = len(bindings.edge) + len(bindings.search)
    sys.stdout.write(f"{options.file}: {total} bindings, {applied} of them apply\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
