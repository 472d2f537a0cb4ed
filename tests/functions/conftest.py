"""What the tests of the functions share; a file with another account makes a fixture of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.product import Product, seed, still_cloud
from tests.support.remembering import Watched, remember

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def product(tmp_path: Path) -> Product:
    """Both functions and a small account: a cluster and a machine for it, a pair that must be connected."""
    cloud = still_cloud()
    seed(cloud)
    return Product(cloud, tmp_path)


@pytest.fixture
def store(product: Product) -> Watched:
    """The store of claims that the product has in a test which names this; without it there is none."""
    return remember(product)
