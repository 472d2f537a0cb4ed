"""Nothing twice: claims on pieces of work, and the stores that keep them.

    key          names a piece of work · record what is remembered of it · steps what each step makes of that
    store        what a store is; none, and one in memory for tests
    guard        claims; ending says what becomes of one when its code raises
    decorator    `once` · asynchronous the same for `async` code, imported by who needs it
    opening      a store from a URL; sqlitestore and redisstore are imported when one is named

Importing this package imports neither a store's library nor asyncio. docs/stores.md says what each promises.
"""

from __future__ import annotations

from fctoolkit.idempotency.decorator import once
from fctoolkit.idempotency.ending import Ending, OnError
from fctoolkit.idempotency.guard import KEEP_SECONDS, Claim, Guard
from fctoolkit.idempotency.key import Key
from fctoolkit.idempotency.opening import open_store
from fctoolkit.idempotency.record import Record, Status
from fctoolkit.idempotency.store import MemoryStore, NoStore, Reading, Store

__all__ = [
    "KEEP_SECONDS",
    "Claim",
    "Ending",
    "Guard",
    "Key",
    "MemoryStore",
    "NoStore",
    "OnError",
    "Reading",
    "Record",
    "Status",
    "Store",
    "once",
    "open_store",
]
