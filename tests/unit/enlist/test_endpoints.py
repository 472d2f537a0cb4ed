"""Endpoints: the vendor's table of hosts, and addresses that replace it."""

from __future__ import annotations

import pytest

from enlist.endpoints import Endpoints, Network, Service


@pytest.mark.parametrize(
    ("network", "service", "region", "host"),
    [
        ("public", "cs", "cn-hangzhou", "cs.cn-hangzhou.aliyuncs.com"),
        ("vpc", "cs", "cn-hangzhou", "cs-anony-vpc.cn-hangzhou.aliyuncs.com"),
        ("public", "cs", "ap-southeast-1", "cs.ap-southeast-1.aliyuncs.com"),
        ("public", "elasticsearch", "cn-beijing", "elasticsearch.cn-beijing.aliyuncs.com"),
        ("vpc", "elasticsearch", "cn-beijing", "elasticsearch-vpc.cn-beijing.aliyuncs.com"),
        ("public", "ens", "cn-hangzhou", "ens.aliyuncs.com"),
        ("public", "ens", "cn-shanghai", "ens.aliyuncs.com"),
        ("public", "ens", "ap-southeast-1", "ens.ap-southeast-1.aliyuncs.com"),
        ("vpc", "ens", "cn-zhangjiakou", "ens-vpc.cn-zhangjiakou.aliyuncs.com"),
        ("vpc", "ens", "ap-southeast-1", "ens-vpc.ap-southeast-1.aliyuncs.com"),
        ("vpc", "ens", "cn-shanghai", "ens.vpc-proxy.aliyuncs.com"),
        ("vpc", "ens", "cn-hangzhou", "ens.aliyuncs.com"),
    ],
)
def test_hosts_are_those_of_the_vendors_lists(
    network: Network, service: Service, region: str, host: str
) -> None:
    """CS and Elasticsearch answer in each region, ENS at central hosts; VPC names have exceptions."""
    assert Endpoints(network).of(service, region) == f"https://{host}"


def test_an_address_for_all_services_replaces_every_host() -> None:
    """One address, such as the local cloud's, serves all of them in all regions."""
    endpoints = Endpoints("vpc", {"": "http://127.0.0.1:4580"})
    services: tuple[Service, ...] = ("cs", "ens", "elasticsearch")
    assert {endpoints.of(one, "cn-hangzhou") for one in services} == {"http://127.0.0.1:4580"}


def test_an_address_for_one_service_comes_first() -> None:
    """A service's own address wins over the one for all, which serves the rest."""
    endpoints = Endpoints(overrides={"": "http://all", "ens": "http://one"})
    assert endpoints.of("ens", "cn-hangzhou") == "http://one"
    assert endpoints.of("cs", "cn-hangzhou") == "http://all"


def test_an_address_for_one_service_leaves_the_others_alone() -> None:
    """Without an address for all, the other services keep their hosts."""
    endpoints = Endpoints(overrides={"cs": "http://one"})
    assert endpoints.of("elasticsearch", "cn-hangzhou") == "https://elasticsearch.cn-hangzhou.aliyuncs.com"
