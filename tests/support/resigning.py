"""A server that signs each request again with the vendor's code, before a local cloud answers it."""

from __future__ import annotations

import hashlib
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from localcloud.message import Request
from tests.support.api_vectors import official_authorization

if TYPE_CHECKING:
    from collections.abc import Iterator

    from localcloud import LocalCloud


@contextmanager
def resigning_server(cloud: LocalCloud, key: tuple[str, str]) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Serves `cloud` on loopback; gives its URL and the growing list of (our signature, the vendor's)."""
    compared: list[tuple[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            url = urlsplit(self.path)
            ours = headers["authorization"]
            signed = ours.split("SignedHeaders=")[1].split(",")[0].split(";")
            theirs = official_authorization(
                method=self.command,
                path=url.path,
                query=dict(parse_qsl(url.query, keep_blank_values=True)),
                headers={name: headers[name] for name in signed},
                body_sha256=hashlib.sha256(body).hexdigest(),
                key=key,
            )
            compared.append((ours, theirs))
            response = cloud.handle(Request(self.command, url.path, url.query, headers, body))
            self.send_response(response.status)
            for name, value in response.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(response.body)))
            self.end_headers()
            self.wfile.write(response.body)

        do_GET = do_POST = do_DELETE = answer  # noqa: N815 -- names the base class looks for

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", compared
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
