"""Elasticsearch 2017-06-13, ROA style: instances and the connections between them.

Source: the vendor's Elasticsearch API reference and request metadata. What AddConnectableCluster answers when
the two instances do not fit is not documented; the codes here are those that clients are known to meet.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from localcloud.errors import Refusal
from localcloud.message import Response, json_response
from localcloud.services.base import (
    REQUEST_ID_HEADER,
    SAME_CODES,
    Call,
    Handler,
    Moment,
    integer,
    invalid,
    json_list,
    page_of,
    refuse_unplayed,
    required_text,
    upper_camel_error,
)
from localcloud.services.elasticsearch.model import (
    ACTIVATING,
    ACTIVE,
    Connections,
    Instance,
    Tokens,
    created,
    seeded,
)
from localcloud.validation import as_list, only

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fctoolkit.jsontypes import JsonObject, JsonValue
    from localcloud.conditions.behaviour import Behaviour

MAXIMUM_PAGE = 100
MAXIMUM_TOKEN = 64

_LIST_PARAMETERS = frozenset(
    {"page", "size", "description", "instanceId", "esVersion", "vpcId", "paymentType", "status", "tags"}
)


class ElasticsearchService:
    """Elasticsearch over its instances, connections and client tokens."""

    name = "elasticsearch"
    request_id_header = REQUEST_ID_HEADER
    error_codes = SAME_CODES

    def __init__(self, behaviour: Callable[[], Behaviour]) -> None:
        self._behaviour = behaviour
        self._instances: dict[str, Instance] = {}
        self._connections = Connections()
        self._tokens = Tokens()
        self.actions: Mapping[str, Handler] = {
            "createInstance": self._once(self._create_instance),
            "DescribeInstance": self._describe_instance,
            "ListInstance": self._list_instance,
            "AddConnectableCluster": self._once(self._add_connectable_cluster),
            "DeleteConnectedCluster": self._once(self._delete_connected_cluster),
            "ListConnectedClusters": self._list_connected_clusters,
            "DescribeConnectableClusters": self._describe_connectable_clusters,
        }

    def error_response(self, refusal: Refusal, request_id: str, host: str) -> Response:
        """`Code` and `Message` in upper camel case, or in lower as a variant."""
        if self._behaviour().es_codes == "upper":
            return upper_camel_error(refusal, request_id, host)
        body: JsonObject = {"code": refusal.code, "message": refusal.message, "requestId": request_id}
        return json_response(body, refusal.status)

    def seed(self, records: JsonObject, moment: Moment) -> Callable[[], None]:
        """Takes `{"instances": […]}`; an instance of a known id is replaced, its connections stay."""
        only(records, frozenset({"instances"}), "elasticsearch")
        values = as_list(records.get("instances", []), "elasticsearch.instances")
        found = [
            seeded(value, f"elasticsearch.instances[{index}]", moment) for index, value in enumerate(values)
        ]

        def place() -> None:
            for instance, record in found:
                self._instances[instance.instance_id] = instance
                for peer in record.connectedClusters:
                    self._connections.pairs.add(frozenset((instance.instance_id, peer)))
                for peer, count in record.connectCount.items():
                    self._connections.counts[frozenset((instance.instance_id, peer))] = count

        return place

    def state(self, moment: Moment) -> JsonObject:
        """`{"instances": […]}`: each with its `connectedClusters` (ids) and `connectCount` (by id)."""
        instances: list[JsonValue] = []
        for instance_id, instance in self._instances.items():
            peers: list[JsonValue] = list(self._connections.peers(instance_id))
            counts: JsonObject = dict(self._connections.counted(instance_id))
            instances.append({**instance.view(moment), "connectedClusters": peers, "connectCount": counts})
        return {"instances": instances}

    def _once(self, handler: Callable[[Call], Response]) -> Handler:
        """A handler that answers a repeated clientToken from memory, without a second effect."""

        def handle(call: Call) -> Response:
            token = call.query.get("clientToken", "")
            if not token:
                return handler(call)
            if len(token) > MAXIMUM_TOKEN or not token.isascii():
                raise invalid("clientToken", f"must be ASCII and at most {MAXIMUM_TOKEN} characters")
            request = _fingerprint(call)
            known = self._tokens.recall(token, call.moment)
            if known is None:
                answer = handler(call)
                self._tokens.remember(token, request, answer, call.moment)
                return answer
            if known.request != request:
                raise Refusal(
                    400,
                    "IdempotentParameterMismatch",
                    "The clientToken was used for a request with other parameters.",
                )
            if call.moment.behaviour.repeat_answer == "processing":
                raise Refusal(
                    400,
                    "TokenPreviousRequestProcessError",
                    "The previous request with this clientToken is still processed.",
                )
            return known.answer

        return handle

    def _create_instance(self, call: Call) -> Response:
        """Of the many fields, those that DescribeInstance shows again are kept; passwords are not."""
        required_text(call, "esVersion")
        network = call.body.get("networkConfig")
        if not isinstance(network, dict):
            raise invalid("networkConfig", "is mandatory and must be an object")
        given = {
            key: value for key, value in call.body.items() if key not in {"esAdminPassword", "paymentInfo"}
        }
        instance = created(given, call.moment)
        self._instances[instance.instance_id] = instance
        return _result(call, {"instanceId": instance.instance_id})

    def _describe_instance(self, call: Call) -> Response:
        instance = self._instance(call, call.path["InstanceId"])
        instance.look(call.moment)
        return _result(call, instance.view(call.moment))

    def _list_instance(self, call: Call) -> Response:
        """`description` matches any part, `esVersion` the beginning, the other filters the whole value."""
        refuse_unplayed(call, _LIST_PARAMETERS)
        number = integer(call, "page", 1)
        size = integer(call, "size", 10, maximum=MAXIMUM_PAGE)
        tags = _tag_filter(call)
        found = [
            instance
            for instance in self._instances.values()
            if _in_region(instance, call) and _matches(instance, call, tags)
        ]
        views: list[JsonValue] = []
        for instance in page_of(found, number, size):
            instance.look(call.moment)
            views.append(instance.view(call.moment))
        body: JsonObject = {
            "RequestId": call.request_id,
            "Headers": {"X-Total-Count": len(found)},
            "Result": views,
        }
        return json_response(body, headers={"x-total-count": str(len(found))})

    def _add_connectable_cluster(self, call: Call) -> Response:
        """Connects two active instances of one VPC. A pair that is connected already is counted once more."""
        instance = self._instance(call, call.path["InstanceId"])
        peer = self._instance(call, required_text(call, "instanceId"))
        if peer is instance:
            raise invalid("instanceId", "must name another instance")
        _refuse_status(instance, call, "InstanceStatusNotSupportCurrentAction", "InstanceActivating")
        _refuse_status(peer, call, "TargetInstanceStatusNotSupportCurrentAction")
        behaviour = call.moment.behaviour
        if instance.network("vpcId") != peer.network("vpcId"):
            if behaviour.connect_unfit == "result":
                return _result(call, value=False)
            raise invalid("instanceId", "must name an instance of the same VPC")
        connected = peer.instance_id in self._connections.peers(instance.instance_id)
        if connected and behaviour.connect_repeat == "refused":
            raise Refusal(400, "RepetitionOperationError", "The two instances are connected already.")
        self._connections.connect(instance.instance_id, peer.instance_id)
        activated = {"both": (instance, peer), "asked": (instance,), "peer": (peer,)}
        for one in activated[behaviour.connect_activates]:
            one.activate(behaviour.es_connection, call.moment)
        if behaviour.connect_format == "xml":
            text = f"<RequestId>{call.request_id}</RequestId>\n<Result>true</Result>\n"
            return Response(200, {"content-type": "text/xml;charset=utf-8"}, text.encode())
        return _result(call, value=True)

    def _delete_connected_cluster(self, call: Call) -> Response:
        instance = self._instance(call, call.path["InstanceId"])
        peer = call.query.get("connectedInstanceId", "")
        if not self._connections.disconnect(instance.instance_id, peer):
            raise invalid("connectedInstanceId", "must name a connected instance")
        return _result(call, value=True)

    def _list_connected_clusters(self, call: Call) -> Response:
        instance = self._instance(call, call.path["InstanceId"])
        return _result(call, _pairs(call, self._connections.peers(instance.instance_id)))

    def _describe_connectable_clusters(self, call: Call) -> Response:
        """The instances of the same VPC; with `alreadySetItems=false` without those that are connected."""
        instance = self._instance(call, call.path["InstanceId"])
        already = call.query.get("alreadySetItems") or "true"
        if call.moment.behaviour.connect_capital == "understood":
            already = already.lower()
        if already not in {"true", "false"}:
            raise invalid("alreadySetItems", f"must be true or false, not {already!r}")
        peers = set(self._connections.peers(instance.instance_id)) if already == "false" else set()
        candidates = [
            other.instance_id
            for other in self._instances.values()
            if other is not instance
            and _in_region(other, call)
            and other.network("vpcId") == instance.network("vpcId")
            and other.instance_id not in peers
        ]
        return _result(call, _pairs(call, candidates))

    def _instance(self, call: Call, instance_id: str) -> Instance:
        instance = self._instances.get(instance_id)
        if instance is None or not _in_region(instance, call):
            status = call.moment.behaviour.es_not_found_status
            raise Refusal(status, "InstanceNotFound", f"The instance {instance_id} does not exist.")
        return instance


def _in_region(instance: Instance, call: Call) -> bool:
    """Whether the instance exists where the call was sent; one without a zone exists everywhere."""
    return not call.region or instance.region in {"", call.region}


def _refuse_status(instance: Instance, call: Call, code: str, activating_code: str = "") -> None:
    status = instance.status(call.moment)
    if status != ACTIVE:
        instance.look(call.moment)
    if status == ACTIVATING and activating_code:
        raise Refusal(400, activating_code, "Instance is activating.")
    if status != ACTIVE:
        raise Refusal(
            400,
            code,
            f"The instance {instance.instance_id} is {status}; its network changes only while active.",
        )


def _matches(instance: Instance, call: Call, tags: Mapping[str, str]) -> bool:
    """Whether the instance passes every filter of ListInstance."""
    query = call.query
    values = {
        "instanceId": instance.instance_id,
        "vpcId": instance.network("vpcId"),
        "paymentType": str(instance.record["paymentType"]),
    }
    if not (
        all(values[name] == query[name] for name in values if query.get(name))
        and query.get("description", "") in str(instance.record["description"])
        and str(instance.record["esVersion"]).startswith(query.get("esVersion", ""))
        and tags.items() <= instance.tags().items()
    ):
        return False
    if not query.get("status"):
        return True
    # Also an instance that its status alone keeps off the list was looked at.
    instance.look(call.moment)
    return instance.status(call.moment) == query["status"]


def _tag_filter(call: Call) -> dict[str, str]:
    """The `tags` filter: a JSON array of objects with `tagKey` and `tagValue`."""
    if not call.query.get("tags"):
        return {}
    tags = json_list(call, "tags", '[{"tagKey":"k","tagValue":"v"}]')
    return {str(tag.get("tagKey")): str(tag.get("tagValue", "")) for tag in tags if isinstance(tag, dict)}


def _pairs(call: Call, instance_ids: list[str]) -> list[JsonValue]:
    key = call.moment.behaviour.connected_key
    return [{key: instance_id, "networkType": "vpc"} for instance_id in instance_ids]


def _result(call: Call, value: JsonValue) -> Response:
    return json_response({"RequestId": call.request_id, "Result": value})


def _fingerprint(call: Call) -> str:
    """What makes two requests the same."""
    query = {name: value for name, value in call.query.items() if name != "clientToken"}
    return json.dumps([call.operation.action, dict(call.path), query, call.body], sort_keys=True)
