"""The product's three clients against a service that answers from a script, and what they sent to it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from enlist.clients.cs import CsClient
from enlist.clients.elasticsearch import ElasticsearchClient
from enlist.clients.ens import EnsClient
from enlist.endpoints import Endpoints
from tests.support.api_calls import Service, answer

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx2

    from fctoolkit.jsontypes import FrozenJson

REGION = "cn-hangzhou"


@dataclass(frozen=True)
class Sent:
    """One request as it was on the wire. `path` is still percent-encoded; `query` and `body` are decoded."""

    action: str
    version: str
    method: str
    address: str
    path: str
    query: dict[str, str]
    body: Any

    @classmethod
    def of(cls, request: httpx2.Request) -> Sent:
        """What a request says."""
        return cls(
            request.headers["x-acs-action"],
            request.headers["x-acs-version"],
            request.method,
            f"{request.url.scheme}://{request.url.host}",
            request.url.raw_path.decode().partition("?")[0],
            dict(parse_qsl(request.url.query.decode(), keep_blank_values=True)),
            json.loads(request.content) if request.content else None,
        )


def sent(service: Service) -> list[Sent]:
    """Every request that reached the service, in order."""
    return [Sent.of(request) for request in service.requests]


def says(body: FrozenJson | bytes, status: int = 200, /, **headers: str) -> Service:
    """A service that gives one answer to everything."""
    return Service([answer(status, body, **headers)])


def pages(page: Callable[[Sent], FrozenJson], /, **headers: str) -> Service:
    """A service whose answer depends on what was asked."""
    return Service([lambda request: answer(200, page(Sent.of(request)), **headers)])


def cs(service: Service, endpoints: Endpoints | None = None) -> CsClient:
    """A CS client that calls the service."""
    return CsClient(service.session(), endpoints or Endpoints())


def ens(service: Service, endpoints: Endpoints | None = None) -> EnsClient:
    """An ENS client that calls the service."""
    return EnsClient(service.session(), endpoints or Endpoints(), REGION)


def elasticsearch(service: Service, endpoints: Endpoints | None = None) -> ElasticsearchClient:
    """An Elasticsearch client that calls the service."""
    return ElasticsearchClient(service.session(), endpoints or Endpoints())
