"""Runs the product's functions in process against a local cloud, as FC would, for tests."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2

from enlist.edge.job import run as run_edge
from enlist.effects import Effects
from enlist.function import Function
from enlist.search.job import run as run_search
from fctoolkit.client import ApiAnswer, ApiClient, ApiRequest
from fctoolkit.clock import Clock, Deadline
from fctoolkit.credentials import Credentials
from fctoolkit.testing import FakeContext
from fctoolkit.transport import open_http
from localcloud import LocalCloud

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
EVENTS = ROOT / "events"
ACCOUNT = "1234567890123456"
CLUSTER = "c1f0a2b3c4d5e6f708192a3b4c5d6e7f8"
OTHER_CLUSTER = "c2aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
ENS_ID = "i-5ens00000000000001"
ES_ID = "es-cn-logs000000000001"
HUB_ID = "es-cn-hub000000000001"
VPC = "vpc-logs"
NOON = 1795348800.0
"""2026-11-22, twelve o'clock UTC: tests do not cross an hour unless they say so."""

EDGE_BINDING: dict[str, Any] = {
    "name": "edge-one",
    "match": {"tags": {"enlist": ["edge-worker"]}},
    "cluster": CLUSTER,
    "region": "cn-hangzhou",
    "mode": "apply",
}
SEARCH_BINDING: dict[str, Any] = {
    "name": "logs",
    "match": {"vpcId": [VPC], "tags": {"enlist": ["logs"]}},
    "region": "cn-hangzhou",
    "peers": [HUB_ID],
    "mode": "apply",
}


def still_cloud() -> LocalCloud:
    """A local cloud at noon, in which time passes only when it is told to, for signatures too."""
    cloud = LocalCloud(now=NOON, wall_clock=lambda: cloud.clock.now())  # noqa: PLW0108 -- not made yet
    return cloud


def ens_instance(instance_id: str = ENS_ID, **changes: Any) -> dict[str, Any]:
    """An ENS instance that the edge binding chooses."""
    return {
        "InstanceId": instance_id,
        "EnsRegionId": "cn-hangzhou-cmcc",
        "Status": "Running",
        "Cpu": "4",
        "Memory": 8192,
        "OSName": "CentOS 7.6 64bit",
        "CreationTime": "2026-11-20T00:00:00Z",
        "Tags": {"Tags": [{"TagKey": "enlist", "TagValue": "edge-worker"}]},
        **changes,
    }


def es_instance(instance_id: str = ES_ID, *, tag: str = "logs", **changes: Any) -> dict[str, Any]:
    """An Elasticsearch instance that the search binding chooses, unless `tag` is another."""
    return {
        "instanceId": instance_id,
        "status": "active",
        "esVersion": "7.10.0_with_X-Pack",
        "archType": "exclusive",
        "networkConfig": {"type": "vpc", "vpcId": VPC, "vswitchId": "vsw-1", "vsArea": "cn-hangzhou-i"},
        "createdAt": "2026-11-20T00:00:00Z",
        "tags": [{"tagKey": "enlist", "tagValue": tag}] if tag else [],
        **changes,
    }


def cluster(cluster_id: str = CLUSTER, **changes: Any) -> dict[str, Any]:
    """A running managed edge cluster without nodes."""
    return {
        "cluster_id": cluster_id,
        "region_id": "cn-hangzhou",
        "profile": "Edge",
        "state": "running",
        "nodes": [],
        **changes,
    }


def seed(cloud: LocalCloud, *, ens: object = None, es: object = None, clusters: object = None) -> None:
    """The usual small account, with what the test wants to be different."""
    cloud.seed(
        {
            "cs": {"clusters": [cluster()] if clusters is None else clusters},
            "ens": {"instances": [ens_instance()] if ens is None else ens},
            "elasticsearch": {
                "instances": [es_instance(), es_instance(HUB_ID, tag="")] if es is None else es
            },
        }
    )


def sample(name: str) -> bytes:
    """The bytes of a sample event."""
    return (EVENTS / name).read_bytes()


def custom_event(*instance_ids: str, kind: str = "edge") -> bytes:
    """A custom event that names these instances."""
    return json.dumps(
        {
            "id": "event-1",
            "source": "enlist.custom",
            "type": "ens:Instance:Ready" if kind == "edge" else "elasticsearch:Instance:Active",
            "specversion": "1.0",
            "data": {"instanceIds": [*instance_ids]},
        }
    ).encode()


TIMER = json.dumps({"triggerTime": "2026-11-22T00:00:00Z", "triggerName": "sweep", "payload": ""}).encode()


def http_event(body: object, *, method: str = "POST", path: str = "/") -> bytes:
    """The HTTP trigger's envelope around a JSON body, or around a text."""
    text = body if isinstance(body, str) else json.dumps(body)
    return json.dumps(
        {
            "version": "v1",
            "rawPath": path,
            "body": text,
            "isBase64Encoded": False,
            "headers": {"Content-Type": "application/json"},
            "queryParameters": {},
            "requestContext": {
                "accountId": ACCOUNT,
                "domainName": "x.cn-hangzhou.fcapp.run",
                "domainPrefix": "x",
                "http": {
                    "method": method,
                    "path": path,
                    "protocol": "HTTP/1.1",
                    "sourceIp": "203.0.113.9",
                    "userAgent": "test",
                },
                "requestId": "r-1",
                "time": "2026-11-22T00:00:00Z",
                "timeEpoch": "1763769600000",
            },
        }
    ).encode()


@dataclass
class Product:
    """Both functions against one local cloud. Bindings are packed when a function starts.

    `on_the_way` gets each request of a function before the cloud does, in the thread that sends it.
    """

    cloud: LocalCloud
    folder: Path
    edge: list[dict[str, Any]] = field(default_factory=lambda: [EDGE_BINDING])
    search: list[dict[str, Any]] = field(default_factory=lambda: [SEARCH_BINDING])
    environ: dict[str, str] = field(default_factory=dict)
    context: FakeContext = field(default_factory=FakeContext)
    effects: Effects = field(default_factory=Effects)
    on_the_way: Callable[[httpx2.Request], None] = lambda _: None

    def attach(self, raw: bytes) -> Any:
        """What attach_instances returns for an event, on a new instance of the function."""
        return self._function("edge").handle(raw, self.context)

    def connect(self, raw: bytes) -> Any:
        """What add_connectable_cluster returns for an event, on a new instance of the function."""
        return self._function("search").handle(raw, self.context)

    def call(self, request: ApiRequest) -> ApiAnswer:
        """A call of an operator's own, beside the functions."""
        deadline = Deadline.after(30)
        clock = Clock(now=self.cloud.clock.now)
        with open_http(transport=self.cloud.transport) as http:
            return ApiClient(http, clock=clock).session(Credentials("test", "test"), deadline).send(request)

    def remove_node(self, instance_id: str) -> None:
        """Removes a node of the cluster, and waits until it is gone."""
        self.call(
            ApiRequest(
                action="DeleteClusterNodes",
                version="2015-12-15",
                method="POST",
                endpoint="https://cs.cn-hangzhou.aliyuncs.com",
                path=f"/clusters/{CLUSTER}/nodes",
                body={"nodes": [instance_id]},
                repeatable=False,
            )
        )
        self.cloud.advance(120)

    def disconnect(self) -> None:
        """Takes the connection of the pair away."""
        self.call(
            ApiRequest(
                action="DeleteConnectedCluster",
                version="2017-06-13",
                method="DELETE",
                endpoint="https://elasticsearch.cn-hangzhou.aliyuncs.com",
                path=f"/openapi/instances/{ES_ID}/connected-clusters",
                query={"connectedInstanceId": HUB_ID},
                repeatable=False,
            )
        )

    def writes(self) -> list[str]:
        """The actions that changed something, in order, refused ones too."""
        return [
            str(call["action"])
            for call in self.cloud.calls
            if call["action"] in ("AttachInstances", "AddConnectableCluster")
        ]

    def _function(self, kind: str) -> Function:
        path = self.folder / "bindings.json"
        path.write_text(json.dumps({"edge": self.edge, "search": self.search}))
        environ = {
            "ENLIST_BINDINGS": str(path),
            "ALIBABA_CLOUD_ACCESS_KEY_ID": "test",
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "test",
            **self.environ,
        }
        # The state clock of the cloud is the function's clock too: waiting lets time pass.
        clock = Clock(now=self.cloud.clock.now, monotonic=self.cloud.clock.now, sleep=self._sleep)
        effects = self.effects._replace(http=lambda: open_http(transport=_OnTheWay(self)), clock=clock)
        if kind == "edge":
            return Function("edge", run_edge, "/attach", environ=environ, effects=effects)
        return Function("search", run_search, "/connect", environ=environ, effects=effects)

    def _sleep(self, seconds: float) -> None:
        self.cloud.advance(seconds)


class _OnTheWay(httpx2.BaseTransport):
    """Does what a test wants to be done with each request of a function, before the cloud has it."""

    def __init__(self, product: Product) -> None:
        self._on_the_way = product.on_the_way
        self._cloud = product.cloud.transport

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """The cloud's answer."""
        self._on_the_way(request)
        return self._cloud.handle_request(request)


def only(answer: Any) -> dict[str, Any]:
    """The one outcome of an answer."""
    (outcome,) = answer["outcomes"]
    return outcome  # type: ignore[no-any-return]


def state_of(cloud: LocalCloud, service: str, instance_id: str) -> dict[str, Any]:
    """An instance as the cloud's state shows it."""
    key = "InstanceId" if service == "ens" else "instanceId"
    state: Any = cloud.state()
    return next(one for one in state[service]["instances"] if one[key] == instance_id)
