"""The vendor's own clients, unmodified, pointed at a local cloud's URL.

Importing this module imports the clients, which takes about a second: only the wire tests do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from alibabacloud_cs20151215 import models as cs_models
from alibabacloud_cs20151215.client import Client as CsClient
from alibabacloud_elasticsearch20170613 import models as es_models
from alibabacloud_elasticsearch20170613.client import Client as EsClient
from alibabacloud_ens20171110 import models as ens_models
from alibabacloud_ens20171110.client import Client as EnsClient
from alibabacloud_tea_openapi.exceptions import ClientException, ServerException
from alibabacloud_tea_openapi.utils import Utils
from alibabacloud_tea_openapi.utils_models import Config
from aliyunsdkcore.acs_exception.exceptions import ServerException as CoreServerException
from aliyunsdkcore.auth.credentials import StsTokenCredential
from aliyunsdkcore.client import AcsClient
from aliyunsdkcore.request import CommonRequest
from darabonba.exceptions import UnretryableException

__all__ = [
    "ClientException",
    "CoreServerException",
    "Keys",
    "OfficialClients",
    "ServerException",
    "UnretryableException",
    "Utils",
    "core_request",
    "core_rpc",
    "cs_models",
    "ens_models",
    "es_models",
]


@dataclass(frozen=True)
class Keys:
    """What a client signs with."""

    key_id: str = "test"
    secret: str = "test"
    token: str = ""


DEFAULT_KEYS = Keys()


def _config(url: str, algorithm: str, keys: Keys) -> Config:
    return Config(
        access_key_id=keys.key_id,
        access_key_secret=keys.secret,
        security_token=keys.token or None,
        endpoint=urlsplit(url).netloc,
        protocol="http",
        region_id="cn-hangzhou",
        signature_algorithm=algorithm or None,
    )


@dataclass(frozen=True)
class OfficialClients:
    """The three clients, signing with ACS3 by default and with HMAC-SHA1 when `algorithm` is `v2`."""

    url: str
    algorithm: str = ""
    keys: Keys = DEFAULT_KEYS

    def cs(self) -> Any:
        """alibabacloud_cs20151215."""
        return CsClient(_config(self.url, self.algorithm, self.keys))

    def es(self) -> Any:
        """alibabacloud_elasticsearch20170613."""
        return EsClient(_config(self.url, self.algorithm, self.keys))

    def ens(self) -> Any:
        """alibabacloud_ens20171110."""
        return EnsClient(_config(self.url, self.algorithm, self.keys))


def core_request(url: str, method: str, path: str, keys: Keys = DEFAULT_KEYS, **options: Any) -> bytes:
    """One ROA call to Container Service with aliyun-python-sdk-core, which signs without a nonce."""
    request = CommonRequest(domain=urlsplit(url).netloc, version="2015-12-15", uri_pattern=path)
    request.set_method(method)
    request.set_protocol_type("http")
    request.set_accept_format("JSON")
    for name, value in options.get("query", {}).items():
        request.add_query_param(name, value)
    if "content" in options:
        request.set_content_type("application/json")
        request.set_content(options["content"])
    answer: bytes = _core_client(keys).do_action_with_exception(request)
    return answer


def core_rpc(url: str, action: str, keys: Keys = DEFAULT_KEYS, **query: str) -> bytes:
    """One RPC call to ENS with aliyun-python-sdk-core, which signs the query with HMAC-SHA1."""
    request = CommonRequest(domain=urlsplit(url).netloc, version="2017-11-10", action_name=action)
    request.set_method("GET")
    request.set_protocol_type("http")
    request.set_accept_format("JSON")
    for name, value in query.items():
        request.add_query_param(name, value)
    answer: bytes = _core_client(keys).do_action_with_exception(request)
    return answer


def _core_client(keys: Keys) -> AcsClient:
    if keys.token:
        return AcsClient(
            region_id="cn-hangzhou", credential=StsTokenCredential(keys.key_id, keys.secret, keys.token)
        )
    return AcsClient(keys.key_id, keys.secret, "cn-hangzhou")
