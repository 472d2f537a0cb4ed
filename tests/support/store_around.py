"""A store of claims around another one; subclasses change what they are about. Knows no test."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fctoolkit.idempotency.store import Reading, Store


class StoreAround:
    """Passes everything on to `inner`."""

    def __init__(self, inner: Store) -> None:
        self.inner = inner

    @property
    def remembers(self) -> bool:
        """See Store."""
        return self.inner.remembers

    def check(self) -> None:
        """See Store."""
        self.inner.check()

    def read(self, key: str) -> Reading:
        """See Store."""
        return self.inner.read(key)

    def swap(self, key: str, old: str | None, new: str | None, seconds: float) -> bool:
        """See Store."""
        return self.inner.swap(key, old, new, seconds)

    def close(self) -> None:
        """See Store."""
        self.inner.close()
