"""What tests with Function Compute's own client begin with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from localcloud import LocalCloud
from localcloud.server import running_server
from tests.support.fc_control import ControlPlane
from tests.support.programs import requires
from tests.support.vendor_clients import tidied

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def cleared() -> Iterator[None]:
    """No other test is blamed for the clients' sockets and logs."""
    with tidied():
        yield


@pytest.fixture
def plane() -> Iterator[ControlPlane]:
    """A cloud in which nothing is deployed, on a port."""
    requires("python3.12")
    with LocalCloud() as cloud, running_server(cloud) as url:
        yield ControlPlane(cloud, url)
