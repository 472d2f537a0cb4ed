"""A small Alibaba Cloud for tests and development, in one process or on one port. Knows no product.

    with LocalCloud() as cloud:
        cloud.seed({"ens": {"instances": [{"InstanceId": "i-1"}]}})
        client = httpx2.Client(transport=cloud.transport)

The names below are imported when they are first used, so that the pytest plug-in costs nothing where it is
not used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from localcloud.behaviour import Behaviour
    from localcloud.cloud import LocalCloud
    from localcloud.faults import Fault

__all__ = ["Behaviour", "Fault", "LocalCloud"]


def __getattr__(name: str) -> object:
    """The public names, imported on first use."""
    match name:
        case "Behaviour":
            from localcloud.behaviour import Behaviour  # noqa: PLC0415 - imported on first use

            return Behaviour
        case "Fault":
            from localcloud.faults import Fault  # noqa: PLC0415 - imported on first use

            return Fault
        case "LocalCloud":
            from localcloud.cloud import LocalCloud  # noqa: PLC0415 - imported on first use

            return LocalCloud
        case _:
            raise AttributeError(f"module 'localcloud' has no attribute {name!r}")
