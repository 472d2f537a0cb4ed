"""The vendor's clients of one service each that are not named `alibabacloud_…`; see `cloud_modes`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import fc2
import oss2
from alibabacloud_eventbridge.client import Client as EventsClient
from alibabacloud_eventbridge.models import CloudEvent
from alibabacloud_eventbridge.models import Config as EventsConfig
from fc2.fc_exceptions import FcError
from mns.account import Account
from mns.mns_exception import MNSClientException, MNSServerException
from mns.mns_request import ListQueueRequest, ListQueueResponse
from mns.queue import Message, QueueMeta
from requests.exceptions import RequestException
from Tea.exceptions import TeaException, UnretryableException

from tests.support.cloud_modes import CONTENT, HEADERS, NO_ANSWER, Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.support.cloud_modes import Keys

MNS = "aliyun-mns-sdk"
FC2 = "aliyun-fc2"
OSS = "oss2"
EVENTS = "alibabacloud_eventbridge"


class QueueCaller:
    """aliyun-mns-sdk, for the actions on a queue and the list of queues."""

    def __init__(self, url: str, keys: Keys) -> None:
        self._url = url
        self._keys = keys

    def client(self, service: str, action: str) -> str:
        """The package."""
        return MNS

    def call(self, service: str, action: str, parameters: Mapping[str, Any]) -> Answer:
        """One method of a Queue, and the status that its connection saw."""
        account = Account(self._url, self._keys.key_id, self._keys.secret, self._keys.token or "")
        queue = account.get_queue(parameters.get("queueName", "none"))
        queue.set_encoding(False)
        statuses: list[int] = []
        send = queue.mns_client.http.send_request

        def remembering(request: Any) -> Any:
            response = send(request)
            statuses.append(int(response.status))
            return response

        queue.mns_client.http.send_request = remembering
        try:
            result = _QUEUE_ACTIONS[action](queue, parameters)
        except MNSServerException as error:
            first, *_ = error.sub_errors or [{}]
            return Answer(
                statuses[-1], first.get("ErrorCode", error.type), error.sub_errors or {}, error.message
            )
        except MNSClientException as error:
            return Answer(0, NO_ANSWER, message=str(error))
        finally:
            account.mns_client.close_connection()
        if isinstance(result, str):
            return Answer(statuses[-1])
        body = [_wire_names(one) for one in result] if isinstance(result, list) else _wire_names(result)
        return Answer(statuses[-1], body=body)


class Fc2Caller:
    """aliyun-fc2, for InvokeFunction of FC 2.0."""

    def __init__(self, url: str, keys: Keys) -> None:
        self._client = fc2.Client(
            endpoint=url, accessKeyID=keys.key_id, accessKeySecret=keys.secret, securityToken=keys.token
        )

    def client(self, service: str, action: str) -> str:
        """The package."""
        return FC2

    def call(self, service: str, action: str, parameters: Mapping[str, Any]) -> Answer:
        """Invokes a function."""
        try:
            answer = self._client.invoke_function(
                parameters["serviceName"],
                parameters["functionName"],
                parameters.get(CONTENT, b""),
                dict(parameters.get(HEADERS, {})),
            )
        except FcError as error:
            return Answer(error.status_code, error.err_code, message=str(error))
        except RequestException as error:
            return Answer(0, NO_ANSWER, message=str(error))
        told = {name.lower(): value for name, value in answer.headers.items()}
        return Answer(202 if "x-fc-async-task-id" in told else 200, body=answer.data, headers=told)


class ObjectCaller:
    """oss2, for buckets and objects. It signs with version 4, or with version 1, which is the older."""

    def __init__(self, url: str, keys: Keys, *, older: bool) -> None:
        self._url = url
        if keys.token:
            provider = oss2.credentials.StaticCredentialsProvider(keys.key_id, keys.secret, keys.token)
            self._auth: Any = oss2.ProviderAuth(provider) if older else oss2.ProviderAuthV4(provider)
        else:
            self._auth = (oss2.Auth if older else oss2.AuthV4)(keys.key_id, keys.secret)

    def client(self, service: str, action: str) -> str:
        """The package."""
        return OSS

    def call(self, service: str, action: str, parameters: Mapping[str, Any]) -> Answer:
        """One method of a Bucket."""
        bucket = oss2.Bucket(self._auth, self._url, parameters["bucket"], region="cn-hangzhou")
        try:
            result, body = _OBJECT_ACTIONS[action](bucket, parameters)
        except oss2.exceptions.RequestError as error:
            return Answer(0, NO_ANSWER, message=str(error))
        except oss2.exceptions.OssError as error:
            return Answer(error.status, error.code, message=error.message)
        finally:
            bucket.session.session.close()
        headers = {name.lower(): value for name, value in result.headers.items()}
        return Answer(result.status, body=body, headers=headers)


class EventsCaller:
    """alibabacloud_eventbridge, the older client, for events."""

    def __init__(self, url: str, keys: Keys) -> None:
        config = EventsConfig(
            endpoint=urlsplit(url).netloc,
            access_key_id=keys.key_id,
            access_key_secret=keys.secret,
            region_id="cn-hangzhou",
        )
        config.security_token = keys.token or None
        self._client = EventsClient(config)

    def client(self, service: str, action: str) -> str:
        """The package."""
        return EVENTS

    def call(self, service: str, action: str, parameters: Mapping[str, Any]) -> Answer:
        """Puts the CloudEvents that the content holds, as JSON."""
        events = [
            CloudEvent(
                **{name: value for name, value in event.items() if name in _ATTRIBUTES},
                data=json.dumps(event["data"]).encode(),
                extensions={name: one for name, one in event.items() if name not in {*_ATTRIBUTES, "data"}},
            )
            for event in json.loads(parameters[CONTENT])
        ]
        try:
            answer = self._client.put_events(events)
        except TeaException as error:
            return Answer(0, error.code, message=error.message)  # the client keeps the status to itself
        except (UnretryableException, RequestException) as error:
            return Answer(0, NO_ANSWER, message=str(error))
        return Answer(200, body=answer.to_map())


_ATTRIBUTES = ("id", "source", "type", "subject", "time", "datacontenttype", "specversion")


def _read(result: Any) -> tuple[Any, bytes]:
    return result, result.read()


def _keys(result: Any) -> tuple[Any, dict[str, list[str]]]:
    return result, {"Key": [one.key for one in result.object_list]}


_OBJECT_ACTIONS: dict[str, Callable[[Any, Mapping[str, Any]], tuple[Any, Any]]] = {
    "DeleteBucket": lambda bucket, _: (bucket.delete_bucket(), None),
    "DeleteObject": lambda bucket, given: (bucket.delete_object(given["key"]), None),
    "GetObject": lambda bucket, given: _read(bucket.get_object(given["key"])),
    "GetObjectMeta": lambda bucket, given: (bucket.get_object_meta(given["key"]), None),
    "HeadObject": lambda bucket, given: (bucket.head_object(given["key"]), None),
    "ListObjects": lambda bucket, given: _keys(bucket.list_objects(prefix=given.get("prefix", ""))),
    "ListObjectsV2": lambda bucket, given: _keys(bucket.list_objects_v2(prefix=given.get("prefix", ""))),
    "PutBucket": lambda bucket, _: (bucket.create_bucket(), None),
    "PutObject": lambda bucket, given: (bucket.put_object(given["key"], given[CONTENT]), None),
}


def _wire_names(value: Any) -> dict[str, str]:
    """An object of the MNS client's as names and texts; what it does not know is left out."""
    if value is None:
        return {}
    names = {name: one for name, one in vars(value).items() if isinstance(one, str | int)}
    return {_camel(name.lstrip("_")): str(one) for name, one in names.items() if one not in {"", -1}}


def _camel(name: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def _queue_meta(given: Mapping[str, Any]) -> QueueMeta:
    return QueueMeta(vis_timeout=given.get("VisibilityTimeout", -1), delay_sec=given.get("DelaySeconds", -1))


def _queues(queue: Any) -> list[_Listed]:
    response = ListQueueResponse()
    queue.mns_client.list_queue(ListQueueRequest(), response)
    return [_Listed(url) for url in response.queueurl_list]


class _Listed:
    """A row of the list of queues, with the name that the wire has for its field."""

    def __init__(self, url: str) -> None:
        self.QueueURL = url


def _messages(bodies: list[str]) -> list[Message]:
    return [Message(body) for body in bodies]


_QUEUE_ACTIONS: dict[str, Callable[[Any, Mapping[str, Any]], Any]] = {
    "BatchDeleteMessage": lambda queue, given: queue.batch_delete_message(given["ReceiptHandles"]),
    "BatchPeekMessage": lambda queue, given: queue.batch_peek_message(given["numOfMessages"]),
    "BatchReceiveMessage": lambda queue, given: queue.batch_receive_message(given["numOfMessages"], 0),
    "BatchSendMessage": lambda queue, given: queue.batch_send_message(_messages(given["MessageBodies"])),
    "ChangeMessageVisibility": lambda queue, given: queue.change_message_visibility(
        given["receiptHandle"], given["visibilityTimeout"]
    ),
    "CreateQueue": lambda queue, given: queue.create(_queue_meta(given)),
    "DeleteMessage": lambda queue, given: queue.delete_message(given["receiptHandle"]),
    "DeleteQueue": lambda queue, _: queue.delete(),
    "GetQueueAttributes": lambda queue, _: queue.get_attributes(),
    "ListQueue": lambda queue, _: _queues(queue),
    "PeekMessage": lambda queue, _: queue.peek_message(),
    "ReceiveMessage": lambda queue, _: queue.receive_message(wait_seconds=0),
    "SendMessage": lambda queue, given: queue.send_message(
        Message(given["MessageBody"], given.get("DelaySeconds"), given.get("Priority"))
    ),
    "SetQueueAttributes": lambda queue, given: queue.set_attributes(_queue_meta(given)),
}
