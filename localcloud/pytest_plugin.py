"""Fixtures for tests that need Alibaba Cloud: `cloud` in process and `cloud_url` over HTTP. Knows no service.

pytest loads this module in every run of an environment it is installed in, so it imports nothing but pytest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from localcloud.cloud import LocalCloud


@pytest.fixture
def cloud() -> Iterator[LocalCloud]:
    """A local cloud of the test's own, empty, its clock standing still; `cloud.transport` talks to it."""
    from localcloud.cloud import LocalCloud  # noqa: PLC0415 - the plug-in costs nothing where it is not used

    with LocalCloud() as local:
        yield local


@pytest.fixture
def cloud_url(cloud: LocalCloud) -> Iterator[str]:
    """The URL at which the test's `cloud` is served on loopback, for clients that need a port."""
    from localcloud.server import running_server  # noqa: PLC0415 - the plug-in costs nothing where it is not used

    with running_server(cloud) as url:
        yield url
