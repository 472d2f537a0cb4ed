"""Elasticsearch (2017-06-13): instances, their connections, and AddConnectableCluster.

Sources: the vendor's pages of each action. Lists of instances come as `instances` in the parameter tables
and as `instanceId` in the samples: both are read. Answers may be XML, root or no root: the toolkit reads
both.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator, model_validator

from enlist.clients.wire import PAGE_SIZE, Answer, Page, Session, paged, read, unreadable
from enlist.facts import SearchFacts, search_facts
from enlist.identifiers import SearchId
from fctoolkit.client import ApiRequest, path_of

if TYPE_CHECKING:
    from enlist.endpoints import Endpoints

VERSION = "2017-06-13"

TOKEN_LENGTH = 64
"""Most characters of a clientToken, all of them ASCII."""


def client_token(one: str, other: str, generation: str, intent: str = "connect") -> str:
    """The clientToken of an intent on an unordered pair of instances: 64 hexadecimal digits.

    Whoever asks, and from whichever side, the same generation gives the same token, so that a repeat is one
    request; another generation gives another, so that connecting again after a disconnect is not swallowed.
    """
    first, second = sorted((one, other))
    return hashlib.sha256(f"{intent}\n{first}\n{second}\n{generation}".encode()).hexdigest()[:TOKEN_LENGTH]


class AddConnectableClusterRequest(BaseModel):
    """Open the network between two Elasticsearch instances of one VPC. It is symmetric.

    Attributes:
        instance_id: the instance whose path is called.
        remote_id: the other one.
        client_token: makes a repeat the same request; ASCII, at most 64 characters.
    """

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True)

    instance_id: SearchId
    remote_id: SearchId
    client_token: Annotated[str, Field(min_length=1, max_length=TOKEN_LENGTH)]

    @field_validator("client_token")
    @classmethod
    def _ascii(cls, token: str) -> str:
        if not token.isascii() or not token.isprintable():
            raise ValueError("expected printable ASCII characters")
        return token

    @model_validator(mode="after")
    def _two_instances(self) -> AddConnectableClusterRequest:
        if self.instance_id == self.remote_id:
            raise ValueError("an instance cannot be connected with itself")
        return self


class AddConnectableClusterAnswer(Answer):
    """`result` False means that nothing was configured although the call answered 200."""

    result: Annotated[bool, Field(alias="Result")]
    request_id: Annotated[str, Field(alias="RequestId")] = ""


class _Connected(Answer):
    class _Item(Answer):
        instance_id: Annotated[str, Field(alias="instanceId")] = ""
        instances: str = ""

        @model_validator(mode="after")
        def _names_one(self) -> _Connected._Item:
            if not self.instance_id and not self.instances:
                raise ValueError("an item with neither instanceId nor instances")
            return self

    items: Annotated[tuple[_Item, ...], Field(alias="Result")]

    @field_validator("items", mode="before")
    @classmethod
    def _unwrap(cls, value: JsonValue) -> JsonValue:
        # The SDK's model has one more level than the documented answer: {"Result": {"Result": […]}}.
        if isinstance(value, dict):
            value = value.get("Result", value.get("result", value))
        # XML has no lists: one item is the item itself, none is an empty text.
        if isinstance(value, dict):
            return [value] if value else []
        return [] if value in (None, "") else value

    def ids(self) -> frozenset[str]:
        return frozenset(item.instance_id or item.instances for item in self.items)


class _InstanceAnswer(Answer):
    result: Annotated[dict[str, JsonValue], Field(alias="Result")]


class _InstancePage(Answer):
    class _Headers(Answer):
        total: Annotated[int, Field(alias="X-Total-Count", ge=0)] = 0

    headers: Annotated[_Headers, Field(alias="Headers", default_factory=_Headers)]
    result: Annotated[tuple[dict[str, JsonValue], ...], Field(alias="Result")]


class ElasticsearchClient:
    """Elasticsearch as one invocation uses it. Every method raises the `ApiError` tree."""

    def __init__(self, session: Session, endpoints: Endpoints) -> None:
        self._session = session
        self._endpoints = endpoints

    def add_connectable_cluster(
        self, region: str, request: AddConnectableClusterRequest
    ) -> AddConnectableClusterAnswer:
        """POST /openapi/instances/{InstanceId}/connected-clusters. Its token makes it safe to repeat."""
        answer = self._session.send(
            ApiRequest(
                action="AddConnectableCluster",
                version=VERSION,
                method="POST",
                endpoint=self._endpoints.of("elasticsearch", region),
                path=path_of(
                    "/openapi/instances/{InstanceId}/connected-clusters", InstanceId=request.instance_id
                ),
                query={"clientToken": request.client_token},
                body={"instanceId": request.remote_id},
                repeatable=True,
            )
        )
        result = read(AddConnectableClusterAnswer, answer)
        return result.model_copy(update={"request_id": result.request_id or answer.request_id})

    def describe_instance(self, region: str, instance_id: str) -> SearchFacts:
        """GET /openapi/instances/{InstanceId}. `InstanceNotFound`, 400 or 404: it is not in this region."""
        path = path_of("/openapi/instances/{InstanceId}", InstanceId=instance_id)
        answer = self._session.send(self._get(region, "DescribeInstance", path))
        facts = search_facts(read(_InstanceAnswer, answer).result, region)
        if facts.instance_id != instance_id:
            raise unreadable(
                answer, f"Result.instanceId: expected {instance_id}, found {facts.instance_id or 'none'}"
            )
        return facts

    def list_instance(self, region: str) -> tuple[SearchFacts, ...]:
        """GET /openapi/instances (ListInstance): the facts of every instance in a region; 100 a call."""
        request = self._get(region, "ListInstance", "/openapi/instances", size=str(PAGE_SIZE))

        def page(one: ApiRequest) -> Page[SearchFacts]:
            answer = self._session.send(one)
            read_page = read(_InstancePage, answer)
            header = answer.headers.get("x-total-count", "")
            total = read_page.headers.total or (int(header) if header.isdecimal() else 0)
            return Page([search_facts(item, region) for item in read_page.result], total, answer)

        return tuple(paged(request, "page", page))

    def list_connected_clusters(self, region: str, instance_id: str) -> frozenset[str]:
        """GET …/connected-clusters: the ids of the instances this one is connected with."""
        path = path_of("/openapi/instances/{InstanceId}/connected-clusters", InstanceId=instance_id)
        return read(_Connected, self._session.send(self._get(region, "ListConnectedClusters", path))).ids()

    def describe_connectable_clusters(self, region: str, instance_id: str) -> frozenset[str]:
        """GET …/connectable-clusters: the ids that can be connected with this one, connected ones too."""
        path = path_of("/openapi/instances/{InstanceId}/connectable-clusters", InstanceId=instance_id)
        request = self._get(region, "DescribeConnectableClusters", path, alreadySetItems="true")
        return read(_Connected, self._session.send(request)).ids()

    def _get(self, region: str, action: str, path: str, **query: str) -> ApiRequest:
        return ApiRequest(
            action=action,
            version=VERSION,
            method="GET",
            endpoint=self._endpoints.of("elasticsearch", region),
            path=path,
            query=query,
            repeatable=True,
        )
