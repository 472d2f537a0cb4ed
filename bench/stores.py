"""Stores of claims to measure with, empty at first and gone afterwards. Not for the measured process."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from tests.support.programs import find
from tests.support.redis_server import redis_server

if TYPE_CHECKING:
    from collections.abc import Iterator

STORES: Final = ("none", "sqlite", "redis")


def available() -> tuple[str, ...]:
    """The stores that this machine has."""
    return STORES if find("redis-server") else tuple(name for name in STORES if name != "redis")


@contextmanager
def opened(name: str) -> Iterator[str]:
    """The URL of an empty store; empty for none."""
    with TemporaryDirectory() as folder:
        if name == "redis":
            with redis_server(Path(folder)) as server:
                yield server.url
        else:
            yield f"sqlite:///{folder}/claims.db" if name == "sqlite" else ""
