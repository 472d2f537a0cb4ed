"""Which service and region a host name stands for. Knows no service's behaviour.

Names as in the vendor's endpoint list. Loopback hosts stand for every service in every region.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

VENDOR_DOMAIN = ".aliyuncs.com"

_REGION = r"(?P<region>[a-z]+-[a-z]+(?:-[a-z0-9]+)*)"
_HOSTS = {
    "cs": re.compile(rf"cs(?:-vpc|-anony-vpc)?(?:\.{_REGION})?\.aliyuncs\.com"),
    "elasticsearch": re.compile(rf"elasticsearch(?:-vpc)?(?:\.{_REGION})?\.aliyuncs\.com"),
    "ens": re.compile(rf"ens(?:-vpc|\.vpc-proxy)?(?:\.{_REGION})?\.aliyuncs\.com"),
    "eventbridge": re.compile(
        rf"(?:\d+\.)?eventbridge(?:-console|-vpc)?(?:\.{_REGION}?(?:-vpc|-internal)?)?\.aliyuncs\.com"
    ),
    "mns": re.compile(
        r"\d+\.mns\.(?P<region>[a-z]+-[a-z]+(?:-[0-9]+)?)(?:-internal(?:-vpc)?)?\.aliyuncs\.com"
    ),
    # The product stands before the region, or behind it, where an account may be first; fc is that of 2.0.
    "fc": re.compile(
        r"(?:fc(?:v3)?(?:-vpc)?\.(?!.*\.fc\.)|(?:\d+\.)?(?=.*\.fc\.))"
        r"(?P<region>[a-z]+-[a-z]+(?:-[a-z0-9]+)*?)(?:-internal)?(?:\.fc)?\.aliyuncs\.com"
    ),
    "oss": re.compile(
        r"(?:(?P<bucket>[a-z0-9][a-z0-9-]{1,61}[a-z0-9])\.)?oss-"
        r"(?:accelerate(?:-overseas)?|(?P<region>[a-z]+-[a-z]+(?:-[a-z0-9]+)*?)(?:-pub)?(?:-internal)?)"
        r"\.aliyuncs\.com"
    ),
    "resourcemanager": re.compile(rf"resourcemanager(?:\.{_REGION})?\.aliyuncs\.com"),
    "sts": re.compile(rf"sts(?:-vpc)?(?:\.{_REGION})?\.aliyuncs\.com"),
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What a host name says; empty texts for what it does not say. Only OSS has a bucket in it."""

    service: str = ""
    region: str = ""
    bucket: str = ""


def endpoint_of(host: str) -> Endpoint:
    """The service and region a `Host` header names."""
    name = host_name(host)
    for service, pattern in _HOSTS.items():
        match = pattern.fullmatch(name)
        if match is not None:
            return Endpoint(service, match["region"] or "", match.groupdict().get("bucket") or "")
    return Endpoint()


def host_name(host: str) -> str:
    """A `Host` header without its port, in lower case."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()


def is_loopback(host: str) -> bool:
    """Whether a `Host` header names this machine."""
    name = host_name(host)
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
