"""Function Compute's own clients, unmodified, and requests to HTTP triggers signed as FC's page shows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import fc2
from alibabacloud_fc20230330 import models as fc_models
from alibabacloud_fc20230330.client import Client as Fc3Client
from alibabacloud_openapi_util.client import Client as OpenApiUtil
from alibabacloud_tea_openapi.models import Config
from darabonba.runtime import RuntimeOptions
from Tea.request import TeaRequest

from tests.support.cloud_modes import DEFAULT_KEYS, Keys

if TYPE_CHECKING:
    from collections.abc import Mapping

ALGORITHM = "ACS3-HMAC-SHA256"


def fc3_client(url: str, keys: Keys = DEFAULT_KEYS) -> Fc3Client:
    """A client of FC 3.0 that calls the local cloud."""
    return Fc3Client(
        Config(
            access_key_id=keys.key_id,
            access_key_secret=keys.secret,
            security_token=keys.token or None,
            endpoint=urlsplit(url).netloc,
            protocol="http",
        )
    )


def fc3_invoke(
    url: str, function: str, event: bytes, keys: Keys = DEFAULT_KEYS, *, qualifier: str = "", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """InvokeFunction of FC 3.0: status, headers with names in lower case, and the body."""
    request = fc_models.InvokeFunctionRequest(body=event, qualifier=qualifier or None)
    answer = fc3_client(url, keys).invoke_function_with_options(
        function, request, fc_models.InvokeFunctionHeaders(**headers), RuntimeOptions()
    )
    told = {name.lower(): value for name, value in answer.headers.items()}
    return answer.status_code, told, b"".join(answer.body)


def fc2_client(url: str, keys: Keys = DEFAULT_KEYS) -> fc2.Client:
    """A client of FC 2.0 that calls the local cloud."""
    return fc2.Client(
        endpoint=url, accessKeyID=keys.key_id, accessKeySecret=keys.secret, securityToken=keys.token
    )


@dataclass
class SignedRequest:
    """A request to an HTTP trigger, signed by alibabacloud-openapi-util when it is made.

    Attributes:
        payload: what is signed in place of the body's hash; FC's own samples leave it empty.
    """

    url: str
    method: str = "POST"
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    payload: str = ""
    keys: Keys = DEFAULT_KEYS
    date: str = ""

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        date = self.date or OpenApiUtil.get_timestamp()
        self.headers = {"x-acs-date": date, "x-acs-security-token": self.keys.token, **self.headers}
        request: Any = TeaRequest()
        request.method = self.method
        request.pathname = parts.path.replace("$", "%24")
        request.headers = self.headers
        request.query = dict(parse_qsl(parts.query, keep_blank_values=True))
        signature = OpenApiUtil.get_authorization(
            request, ALGORITHM, self.payload, self.keys.key_id, self.keys.secret
        )
        self.headers = {**self.headers, "authorization": signature}

    def sent(self, **changes: Any) -> Mapping[str, Any]:
        """What to send, with changes that the signature knows nothing of."""
        return {
            "method": self.method,
            "url": self.url,
            "headers": self.headers,
            "content": self.body,
            **changes,
        }
