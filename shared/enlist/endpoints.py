"""Which host answers for which service and region. Pure; knows no credentials and opens nothing.

Sources: the vendor's endpoint lists of CS, ENS and Elasticsearch. ENS has one central endpoint for mainland
China and one in Singapore; task and cluster ids are region-scoped, so CS is always asked in its region.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

Service = Literal["cs", "ens", "elasticsearch"]
Network = Literal["public", "vpc"]

_ENS_PUBLIC = {"ap-southeast-1": "ens.ap-southeast-1.aliyuncs.com"}
_ENS_VPC = {
    "cn-zhangjiakou": "ens-vpc.cn-zhangjiakou.aliyuncs.com",
    "ap-southeast-1": "ens-vpc.ap-southeast-1.aliyuncs.com",
    "cn-shanghai": "ens.vpc-proxy.aliyuncs.com",
}
_VPC_PREFIX: Mapping[Service, str] = {"cs": "cs-anony-vpc", "elasticsearch": "elasticsearch-vpc"}


class Endpoints(NamedTuple):
    """Addresses of the services, as `scheme://host[:port]`.

    Attributes:
        network: `public` or `vpc`. ENS has a VPC address in three regions only; elsewhere its public one is
            used.
        overrides: an address for a service, whatever the region; the key `""` is for all of them.
    """

    network: Network = "public"
    overrides: Mapping[str, str] = MappingProxyType({})

    def of(self, service: Service, region: str) -> str:
        """The address of `service` for `region`; for ENS the region is the function's own."""
        override = self.overrides.get(service) or self.overrides.get("")
        return override or f"https://{self._host(service, region)}"

    def _host(self, service: Service, region: str) -> str:
        if service == "ens":
            public = _ENS_PUBLIC.get(region, "ens.aliyuncs.com")
            return _ENS_VPC.get(region, public) if self.network == "vpc" else public
        prefix = _VPC_PREFIX[service] if self.network == "vpc" else service
        return f"{prefix}.{region}.aliyuncs.com"
