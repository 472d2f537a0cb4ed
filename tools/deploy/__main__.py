"""`./dev deploy [--plan]`: publishes layers, names their versions, deploys; thin over Serverless Devs' `s`.

FC knows no "latest" layer: a function names a version, and fc3 publishes none by itself. So the layers that
the template names go first, the versions that come back go into the environment that it reads, and `s deploy`
does the rest. A layer is published only when its content has changed: its build is reproducible, fc3 compares
checksums.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fctoolkit.errors import ToolkitError
from tools.deploy.deployment import Deployment
from tools.deploy.serverless import ServerlessDevs

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT: Final = Path(__file__).resolve().parents[2]


def main(arguments: Sequence[str]) -> int:
    """Deploys, or with --plan only tells; 0 when the account is as the template says."""
    options = _parser().parse_args(arguments)
    try:
        serverless = ServerlessDevs(options.program, options.access)
        deployment = Deployment.of(serverless, options.template, options.dist)
        if options.plan:
            deployment.plan()
        else:
            deployment.deploy()
    except ToolkitError as error:
        print(f"deploy: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("deploy: interrupted; what was done stays, deploy again for the rest", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./dev deploy", description="Publishes the layers and deploys.")
    parser.add_argument("--plan", action="store_true", help="tell what would change, change nothing")
    parser.add_argument(
        "-t", "--template", type=Path, default=ROOT / "s.yaml", metavar="FILE", help="default: s.yaml"
    )
    parser.add_argument(
        "-a", "--access", default="", metavar="NAME", help="credentials kept by `./dev s config add`"
    )
    parser.add_argument("--program", default="s", help=argparse.SUPPRESS)
    parser.add_argument("--dist", type=Path, default=ROOT / "dist", help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
