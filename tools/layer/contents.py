"""What each layer is made of, what of it stays out, and how large it may become. Tables; reads no file.

What is left out is what no function can use: files for type checkers, commands for a terminal, and modules
that cannot even be imported, because what they need is in no layer. One package is left out for its price at
each cold start: anyio, without which `httpx2.AsyncClient` says what it lacks at its first request. A function
that brings such a library in its code brings the package that uses it, too, as pip does; code comes before
layers on Python's path. A test imports all that stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

LIMIT: Final = 5_000_000
"""Bytes that a zip may have: FC fetches and unpacks it at a cold start. FC itself would take 500 MB."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer of FC.

    Attributes:
        name: what it is called on the account.
        requirements: the file that locks its wheels. No package is in two of these files.
        variable: tells the templates which version was published.
        own: its packages of `shared/`.
    """

    name: str
    requirements: PurePosixPath
    variable: str
    own: tuple[str, ...] = ()

    @property
    def zip(self) -> PurePosixPath:
        """Where it is built."""
        return PurePosixPath(f"dist/{self.name}-layer.zip")

    @property
    def listing(self) -> PurePosixPath:
        """Where its files are listed."""
        return self.zip.with_suffix(".txt")


MAIN: Final = Layer(
    "enlist", PurePosixPath("requirements/layer.txt"), "ENLIST_LAYER_VERSION", ("fctoolkit", "enlist")
)
"""What every function needs."""

REDIS: Final = Layer(
    "enlist-redis", PurePosixPath("requirements/layer-redis.txt"), "ENLIST_REDIS_LAYER_VERSION"
)
"""The library of the store in Redis, a third as large as all the rest, which most do without."""

OTEL: Final = Layer("enlist-otel", PurePosixPath("requirements/layer-otel.txt"), "ENLIST_OTEL_LAYER_VERSION")
"""What speaks to an OpenTelemetry collector, for who names one."""

LAYERS: Final = (MAIN, REDIS, OTEL)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Files of one package that stay out. In a pattern, `*` stands for anything, a `/` too."""

    package: str
    patterns: tuple[str, ...]
    reason: str


LEFT_OUT: Final = (
    LeftOut(
        "anyio", ("*",), "for asynchronous calls alone; httpcore2 loads it wherever it is, and does without"
    ),
    LeftOut("certifi", ("certifi/__main__.py",), "a command"),
    LeftOut("googleapis-common-protos", ("google/longrunning/*grpc*",), "needs grpc"),
    LeftOut("httpcore2", ("httpcore2/_backends/anyio.py",), "needs anyio"),
    LeftOut("httpcore2", ("httpcore2/_backends/trio.py",), "needs trio"),
    LeftOut("httpcore2", ("httpcore2/*/http2.py",), "needs h2"),
    LeftOut("httpcore2", ("httpcore2/*/socks_proxy.py",), "needs socksio"),
    LeftOut("httpx2", ("httpx2/_main.py", "*/entry_points.txt"), "a command; needs click and rich"),
    LeftOut("httpx2", ("httpx2/websockets/*",), "needs wsproto"),
    LeftOut("idna", ("idna/__main__.py", "idna/cli.py", "*/entry_points.txt"), "a command"),
    LeftOut("opentelemetry-proto", ("*_pb2_grpc.py",), "needs grpc"),
    LeftOut("protobuf", ("google/protobuf/internal/*_benchmark.py",), "measures protobuf"),
    LeftOut("pydantic", ("pydantic/mypy.py",), "for mypy"),
    LeftOut("pydantic", ("pydantic/v1/*",), "all of pydantic 1, for code that asks for it by this name"),
    LeftOut("truststore", ("truststore/_macos.py", "truststore/_windows.py"), "for other systems"),
    LeftOut("urllib3", ("urllib3/contrib/emscripten/*",), "for browsers"),
    LeftOut("urllib3", ("urllib3/contrib/pyopenssl.py",), "needs pyOpenSSL"),
    LeftOut("urllib3", ("urllib3/contrib/socks.py",), "needs PySocks"),
    LeftOut("urllib3", ("urllib3/http2/connection.py",), "needs h2"),
)

TYPING: Final = (".pyi", ".typed")
"""How the names of files end that only type checkers read."""
