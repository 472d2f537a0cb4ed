"""`./dev call URL [--data JSON]`: a signed request to an HTTP trigger, as `authType: function` wants it.

The body of the answer goes to standard output, its status to standard error. Knows nothing of routes.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from fctoolkit.credentials import resolve_credentials
from fctoolkit.errors import ToolkitError
from tools.signed import Caller, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str]) -> int:
    """Sends one request; 0 when the answer's status is below 400."""
    options = _parser().parse_args(arguments)
    try:
        content = _content(options.data)
        method = options.method or ("GET" if content is None else "POST")
        with Caller(resolve_credentials(os.environ, None)) as caller:
            answer = caller.send(method, options.url, content)
    except (UnreachableError, ToolkitError, OSError, ValueError) as error:
        print(f"call: {error}", file=sys.stderr)
        return 2
    print(f"HTTP {answer.status}", file=sys.stderr)
    print(_readable(answer.content))
    return int(answer.status >= HTTPStatus.BAD_REQUEST)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./dev call",
        description="A signed request to an HTTP trigger. The key is read from ALIBABA_CLOUD_ACCESS_KEY_ID, "
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET and, with STS, ALIBABA_CLOUD_SECURITY_TOKEN.",
    )
    parser.add_argument("url", metavar="URL", help="such as https://….fcapp.run/health")
    parser.add_argument("-d", "--data", metavar="JSON", help="body to POST; @FILE reads a file")
    parser.add_argument("-X", "--method", help="default: POST with a body, GET without one")
    return parser


def _content(data: str | None) -> bytes | None:
    if data is None:
        return None
    return Path(data[1:]).read_bytes() if data.startswith("@") else data.encode()


def _readable(body: bytes) -> str:
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except ValueError:
        return body.decode(errors="replace")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
