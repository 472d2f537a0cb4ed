"""What every test that uses the vendor's clients has to clear away after them."""

from __future__ import annotations

import contextlib
import gc
import logging
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def tidied() -> Iterator[None]:
    """Keeps the clients from logging headers, and collects their sockets, which they leave to the collector.

    Otherwise other tests could be blamed for these.
    """
    logging.disable(logging.ERROR)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "unclosed <socket", ResourceWarning)
            gc.collect()
