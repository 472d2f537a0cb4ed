"""`python -m tools.template s.yaml`: reads a template as the local cloud does, and says what is in it.

Every function must have its handler's file, and every event pattern must be one that can be read.
"""

from __future__ import annotations

import sys
from pathlib import Path

from fctoolkit.errors import ConfigurationError, ToolkitError
from localcloud.template import FunctionSpec, read_template


def main(names: list[str]) -> int:
    """Reads the templates named; 0 when all are good, 1 when one is not."""
    for name in names:
        try:
            functions = read_template(Path(name), environment={}).functions
            for spec in functions:
                _require_handler(name, spec)
        except ToolkitError as error:
            sys.stderr.write(f"{error}\n")
            return 1
        triggers = sum(len(spec.triggers) for spec in functions)
        sys.stdout.write(f"{name}: {len(functions)} functions, {triggers} triggers\n")
    return 0


def _require_handler(name: str, spec: FunctionSpec) -> None:
    file = spec.code / f"{spec.handler.rpartition('.')[0]}.py"
    if not file.is_file():
        raise ConfigurationError(f"{name}: {spec.key}: handler {spec.handler} has no file {file}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
