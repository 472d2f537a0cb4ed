"""What RAM is asked about a call of the product, by the vendor's pages and not by our own table.

Where editions of a page differ, a call needs them all, so that a policy which allows it is right in any case.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, TypeAlias

from localcloud import LocalCloud
from localcloud.catalogue import load
from localcloud.dispatch import Dispatcher
from localcloud.endpoints import endpoint_of
from tests.support.product import ACCOUNT, NOON

if TYPE_CHECKING:
    from localcloud.message import Request, Response

Need: TypeAlias = tuple[str, str]
"""A RAM action and the resource it is asked about."""

_CS_NAMES = {
    "DescribeClusterDetail": ("DescribeClusterDetail", "GetClusterById"),
    "DescribeClustersV1": ("DescribeClustersV1", "GetClusters"),
}
_CS_RESOURCES = {
    "DescribeClustersV1": ("*", f"acs:cs:*:{ACCOUNT}:cluster/*"),
    "DescribeUserQuota": ("*",),
}


class WatchedCloud(LocalCloud):
    """A local cloud at noon, in which time stands still, and which keeps the requests it got."""

    def __init__(self) -> None:
        super().__init__(now=NOON, wall_clock=lambda: self.clock.now())  # noqa: PLW0108 -- not made yet
        self.requests: list[Request] = []

    def handle(self, request: Request) -> Response:
        """Answers as ever."""
        self.requests.append(request)
        return super().handle(request)


def needs(request: Request) -> tuple[str, list[Need]]:
    """The action of a call, and everything that RAM may be asked about it."""
    service = Dispatcher().service_of(request)
    action = request.header("x-acs-action")
    region = endpoint_of(request.header("host")).region
    parameters = dict(request.query_pairs())
    if service == "ens":
        return action, _ens(action, parameters)
    path = load(service).matching(request.method, request.path)[1]
    if service == "cs":
        return action, _cs(action, region, path)
    own = path.get("InstanceId", "*")
    ids = [own]
    if action == "AddConnectableCluster":
        ids.append(json.loads(request.body)["instanceId"])
    resources = [f"acs:elasticsearch:{region}:{ACCOUNT}:instances/{one}" for one in ids]
    return action, [(f"elasticsearch:{action}", resource) for resource in resources]


def _cs(action: str, region: str, path: dict[str, str]) -> list[Need]:
    cluster = path.get("ClusterId") or path.get("cluster_id")
    if cluster:
        resources: tuple[str, ...] = (f"acs:cs:{region}:{ACCOUNT}:cluster/{cluster}",)
    else:
        resources = _CS_RESOURCES.get(action, ("*", f"acs:cs:{region}:{ACCOUNT}:*"))
    return [(f"cs:{name}", one) for name in _CS_NAMES.get(action, (action,)) for one in resources]


def _ens(action: str, parameters: dict[str, str]) -> list[Need]:
    ids: list[str] = json.loads(parameters.get("InstanceIds", "[]"))
    ids += [value for name, value in parameters.items() if name.startswith("ResourceId.")]
    resources = [f"acs:ens:*:{ACCOUNT}:instance/{one}" for one in ids or ["*"]]
    if action == "ListTagResources":
        resources.append("*")
    return [(f"ens:{action}", one) for one in resources]
