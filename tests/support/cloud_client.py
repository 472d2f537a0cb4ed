"""A client of the local cloud that signs each request with ACS3, and short ways to call each service."""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

import httpx2

from fctoolkit.signing import is_signed_header, sha256_hex, sign

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from localcloud import LocalCloud

CS = "https://cs.cn-hangzhou.aliyuncs.com"
ENS = "https://ens.aliyuncs.com"
ES = "https://elasticsearch.cn-hangzhou.aliyuncs.com"
BUS = "https://eventbridge-console.cn-hangzhou.aliyuncs.com"
VERSIONS = {
    "cs": "2015-12-15",
    "ens": "2017-11-10",
    "elasticsearch": "2017-06-13",
    "fc": "2023-03-30",
    "fc2": "2016-08-15",
    "resourcemanager": "2020-03-31",
    "sts": "2015-04-01",
    "eventbridge": "2020-04-01",
}


@dataclass
class Signer(httpx2.Auth):
    """Signs as the vendor asks to; tests change what it signs with."""

    key_id: str = "test"
    secret: str = "test"
    token: str = ""
    nonce: Callable[[], str] = field(default=lambda: uuid.uuid4().hex)
    now: Callable[[], float] = time.time
    requires_request_body = True

    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        """Adds date, nonce, body hash and signature."""
        digest = sha256_hex(request.read())
        request.headers["x-acs-date"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.now()))
        request.headers["x-acs-signature-nonce"] = self.nonce()
        request.headers["x-acs-content-sha256"] = digest
        if self.token:
            request.headers["x-acs-security-token"] = self.token
        signed = sign(
            method=request.method,
            path=request.url.raw_path.decode().partition("?")[0],
            query=dict(request.url.params),
            headers={name: value for name, value in request.headers.items() if is_signed_header(name)},
            body_sha256=digest,
            access_key_id=self.key_id,
            access_key_secret=self.secret,
        )
        request.headers["authorization"] = signed.authorization
        yield request


class CloudClient:
    """Calls the three services of one local cloud."""

    def __init__(self, cloud: LocalCloud, signer: httpx2.Auth | None = None) -> None:
        self.cloud = cloud
        self.http = httpx2.Client(transport=cloud.transport, auth=signer or Signer())

    def call(
        self, service: str, action: str, url: str, method: str = "GET", **options: Any
    ) -> httpx2.Response:
        """One request with the headers that name the action."""
        headers = {"x-acs-version": VERSIONS[service], "x-acs-action": action, **options.pop("headers", {})}
        return self.http.request(method, url, headers=headers, **options)

    def cs(
        self, action: str, path: str, method: str = "GET", host: str = CS, **options: Any
    ) -> httpx2.Response:
        """A call to Container Service."""
        return self.call("cs", action, host + path, method, **options)

    def es(self, action: str, path: str = "", method: str = "GET", **options: Any) -> httpx2.Response:
        """A call to Elasticsearch, below `/openapi/instances`."""
        return self.call("elasticsearch", action, f"{ES}/openapi/instances{path}", method, **options)

    def ens(self, action: str, **query: str | int) -> httpx2.Response:
        """A call to Edge Node Service."""
        return self.call("ens", action, f"{ENS}/", "POST", params=query)

    def bus(self, action: str, **query: Any) -> Any:
        """A call to EventBridge: parameters that are no texts are sent as JSON, and `Data` comes back."""
        body = self.bus_answer(action, **query)
        assert body["Success"], body
        return body.get("Data")

    def bus_answer(self, action: str, **query: Any) -> Any:
        """The same with the whole answer."""
        texts = {name: one if isinstance(one, str) else json.dumps(one) for name, one in query.items()}
        return self.call("eventbridge", action, f"{BUS}/", "POST", data=texts).json()

    def attach(self, *instances: str, cluster: str = "c1", **body: Any) -> httpx2.Response:
        """AttachInstances for edge workers."""
        payload = {"instances": list(instances), "is_edge_worker": True, **body}
        return self.cs("AttachInstances", f"/clusters/{cluster}/attach", "POST", json=payload)

    def nodes(self, cluster: str = "c1", **query: str | int) -> list[dict[str, Any]]:
        """The nodes that DescribeClusterNodes shows."""
        answer = self.cs("DescribeClusterNodes", f"/clusters/{cluster}/nodes", params=query)
        nodes: list[dict[str, Any]] = answer.json()["nodes"]
        return nodes

    def task(self, task_id: str) -> dict[str, Any]:
        """What DescribeTaskInfo says."""
        answer: dict[str, Any] = self.cs("DescribeTaskInfo", f"/tasks/{task_id}").json()
        return answer

    def connect(self, one: str, other: str, **query: str) -> httpx2.Response:
        """AddConnectableCluster."""
        return self.es(
            "AddConnectableCluster",
            f"/{one}/connected-clusters",
            "POST",
            json={"instanceId": other},
            params=query,
        )

    def connected(self, instance_id: str) -> list[dict[str, Any]]:
        """What ListConnectedClusters says."""
        answer = self.es("ListConnectedClusters", f"/{instance_id}/connected-clusters").json()
        rows: list[dict[str, Any]] = answer["Result"]
        return rows


def state_of(cloud: LocalCloud, service: str, kind: str, number: int = 0) -> Any:
    """One record of `cloud.state()`."""
    state: Any = cloud.state()
    return state[service][kind][number]


def http_date(moment: float) -> str:
    """A moment as the `Date` header has it."""
    return formatdate(moment, usegmt=True)


def edge_seed(instances: int = 1, **cluster: Any) -> dict[str, Any]:
    """One edge cluster `c1` and machines `i-1`, `i-2` and so on that can join it."""
    machines = [{"InstanceId": f"i-{number}"} for number in range(1, instances + 1)]
    return {"ens": {"instances": machines}, "cs": {"clusters": [{"cluster_id": "c1", **cluster}]}}


def search_seed(*instances: Mapping[str, Any]) -> dict[str, Any]:
    """Elasticsearch instances; those without an id are `es-1`, `es-2` and so on."""
    rows = [{"instanceId": f"es-{number}", **given} for number, given in enumerate(instances, start=1)]
    return {"elasticsearch": {"instances": rows}}
