"""`./dev call URL [--data JSON]`: a signed request to an HTTP trigger, as `authType: function` wants it.

The body of the answer goes to standard output, its status to standard error. Knows nothing of routes.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import httpx2

from fctoolkit.credentials import resolve_credentials
from fctoolkit.errors import ToolkitError
from fctoolkit.transport import AcsAuth, open_http

if TYPE_CHECKING:
    from collections.abc import Sequence

READ_SECONDS: Final = 120.0
"""A function may take its whole timeout to answer."""


def main(arguments: Sequence[str]) -> int:
    """Sends one request; 0 when the answer's status is below 400."""
    options = _parser().parse_args(arguments)
    try:
        credentials = resolve_credentials(os.environ, None)
        content = _content(options.data)
        with open_http(read=READ_SECONDS) as http:
            answer = http.request(
                options.method or ("GET" if content is None else "POST"),
                options.url,
                content=content,
                headers={"content-type": "application/json"} if content is not None else None,
                auth=AcsAuth(credentials),
            )
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        print(f"call: {options.url} cannot be reached: {error or type(error).__name__}", file=sys.stderr)
        return 2
    except (ToolkitError, OSError, ValueError) as error:
        print(f"call: {error}", file=sys.stderr)
        return 2
    print(f"HTTP {answer.status_code}", file=sys.stderr)
    print(_readable(answer.content))
    return int(answer.is_error)


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
