"""What can go wrong when the layer is built."""

from __future__ import annotations


class LayerError(Exception):
    """The layer cannot be built. The message names the file or package, and says what to do."""
