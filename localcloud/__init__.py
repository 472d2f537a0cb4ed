"""A small Alibaba Cloud for tests and development, in one process or on one port. Knows no product.

    with LocalCloud() as cloud:
        cloud.seed({"ens": {"instances": [{"InstanceId": "i-1"}]}})
        client = httpx2.Client(transport=cloud.transport)

The names below are imported when they are first used, so that the pytest plug-in costs nothing where it is
not used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from localcloud.cloud import LocalCloud
    from localcloud.conditions.behaviour import Behaviour
    from localcloud.conditions.faults import Fault
    from localcloud.functions.invoker import FunctionError, Invoker
    from localcloud.server import running_server
    from localcloud.testing import with_cloud

__all__ = ["Behaviour", "Fault", "FunctionError", "Invoker", "LocalCloud", "running_server", "with_cloud"]

_MODULES: Final = {
    "Behaviour": "conditions.behaviour",
    "Fault": "conditions.faults",
    "FunctionError": "functions.invoker",
    "Invoker": "functions.invoker",
    "LocalCloud": "cloud",
    "running_server": "server",
    "with_cloud": "testing",
}


def __getattr__(name: str) -> object:
    """The public names, imported on first use."""
    if name not in _MODULES:
        raise AttributeError(f"module 'localcloud' has no attribute {name!r}")
    return getattr(import_module(f"localcloud.{_MODULES[name]}"), name)
