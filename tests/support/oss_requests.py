"""Requests to OSS that the vendor's client signs, without a network: as values, or sent in process.

Importing this module imports the client.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import httpx2
import oss2
from oss2.http import Request as ClientRequest

from localcloud.message import Request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from localcloud import LocalCloud

BUCKET = "code-bucket"
LOOPBACK = "127.0.0.1:4580"
VENDOR = f"{BUCKET}.oss-cn-hangzhou.aliyuncs.com"

Auth = oss2.Auth | oss2.AuthV4 | oss2.StsAuth

VERSION_1 = oss2.Auth("test", "test")
VERSION_4 = oss2.AuthV4("test", "test")


def signed(
    method: str,
    key: str = "",
    *,
    auth: Auth = VERSION_1,
    bucket: str = BUCKET,
    host: str = LOOPBACK,
    headers: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
    body: bytes = b"",
    seconds: int = 0,
) -> Request:
    """One request, signed in its headers, or for so many seconds in its address."""
    asked = _asked(method, headers, query)
    if seconds:
        auth._sign_url(asked, bucket, key, seconds)
        asked.headers.pop("date", None)
    else:
        auth._sign_request(asked, bucket, key)
    sent = {name.lower(): str(value) for name, value in asked.headers.items() if value is not None}
    sent.pop("accept-encoding", None)
    path = quote(key, safe="") if host.startswith(bucket) else f"{bucket}/{quote(key, safe='')}"
    query_text = urlencode(asked.params, quote_via=quote, safe="")
    return Request(method, f"/{path}", query_text, {**sent, "host": host}, body)


def _asked(method: str, headers: Mapping[str, str] | None, query: Mapping[str, str] | None) -> Any:
    return ClientRequest(
        method,
        "http://example.invalid",
        params=dict(query or {}),
        headers=dict(headers or {}),
        region="cn-hangzhou",
        product="oss",
    )


def ask(cloud: LocalCloud, method: str, key: str = "", **options: Any) -> httpx2.Response:
    """The cloud's answer to a request that is signed."""
    return send(cloud, signed(method, key, **options))


def send(cloud: LocalCloud, request: Request) -> httpx2.Response:
    """The cloud's answer to a request as it stands."""
    answer = cloud.handle(request)
    return httpx2.Response(answer.status, headers=list(answer.headers.items()), content=answer.body)


def code_of(answer: httpx2.Response) -> str:
    """The code of an error; empty when there is none."""
    return answer.text.partition("<Code>")[2].partition("</Code>")[0]


def with_bucket(cloud: LocalCloud, **objects: bytes) -> LocalCloud:
    """The cloud with the bucket and these objects in it."""
    assert ask(cloud, "PUT").status_code == 200
    for key, content in objects.items():
        assert ask(cloud, "PUT", key, body=content).status_code == 200
    return cloud
