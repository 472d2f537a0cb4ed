"""`./dev deploy-local`: the real `s` and its component fc3 deploy to the local cloud, and this is judged.

Exits with 0 when all was as s.yaml says, 1 when something was not, 3 when the component fc3 is not there.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import threading
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fctoolkit.errors import ToolkitError
from localcloud import LocalCloud
from localcloud.server import running_server
from tools.demo import scene
from tools.deploy.deployment import Deployment
from tools.deploy.serverless import ServerlessDevs
from tools.deploylocal.home import NoComponentError, local_environment, make_home
from tools.deploylocal.run import Steps

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT: Final = Path(__file__).resolve().parents[2]
EVENT: Final = ROOT / "events/timer.json"
"""What both functions take, and look at the whole account for."""
BUS: Final = (ROOT / "events/ens-custom.json", ROOT / "events/elasticsearch-custom.json")

NO_COMPONENT: Final = 3


def main(arguments: Sequence[str]) -> int:
    """Deploys, looks, and removes what it deployed."""
    options = _parser().parse_args(arguments)
    try:
        with ExitStack() as stack:
            home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="enlist-s-")))
            make_home(home, os.environ)
            url = options.endpoint or stack.enter_context(_own_cloud())
            environment = local_environment(home, url.rstrip("/"), os.environ)
            serverless = ServerlessDevs(options.program, environment=environment, quiet=not options.verbose)
            tell = _say if options.verbose else _nothing
            deployment = Deployment.of(serverless, options.template, options.dist, tell)
            Steps(deployment, url.rstrip("/"), EVENT, BUS, _tell).run(keep=options.keep)
            if options.keep and not options.endpoint:
                print(f"kept: the local cloud answers at {url} until Ctrl-C", flush=True)
                threading.Event().wait()
    except NoComponentError as error:
        print(f"deploy-local: {error}", file=sys.stderr)
        return NO_COMPONENT
    except ToolkitError as error:
        print(f"deploy-local: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


@contextmanager
def _own_cloud() -> Iterator[str]:
    """A local cloud of its own, with the demo's account, so that functions have something to look at."""
    with LocalCloud() as cloud, running_server(cloud) as url:
        cloud.seed(scene.seed())
        cloud.clock.follow()
        with cloud.hosting().following():
            yield url


def _say(line: str) -> None:
    print(line, flush=True)


def _nothing(_: str) -> None:
    pass


def _tell(step: str, words: str) -> None:
    _say(f"{step:<14} {words}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./dev deploy-local",
        description="Deploys to the local cloud with the real Serverless Devs, and looks at what came of it.",
    )
    parser.add_argument(
        "-t", "--template", type=Path, default=ROOT / "s.yaml", metavar="FILE", help="default: s.yaml"
    )
    parser.add_argument(
        "--endpoint", default="", metavar="URL", help="a local cloud that runs; default: one of its own"
    )
    parser.add_argument(
        "--keep", action="store_true", help="leave the functions there, and the cloud running"
    )
    parser.add_argument("--verbose", action="store_true", help="show what `s` says")
    parser.add_argument("--program", default="s", help=argparse.SUPPRESS)
    parser.add_argument("--dist", type=Path, default=ROOT / "dist", help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
