"""The ways to call a local cloud with the vendor's own clients, unmodified; see `cloud_modes`.

Actions, methods and models are found by their names, so an action that is new here is callable at once.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import json
import re
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from alibabacloud_tea_openapi.exceptions import AlibabaCloudException
from alibabacloud_tea_openapi.utils_models import Config
from aliyunsdkcore.acs_exception.exceptions import ClientException as CoreClientException
from aliyunsdkcore.acs_exception.exceptions import ServerException as CoreServerException
from aliyunsdkcore.auth.credentials import StsTokenCredential
from aliyunsdkcore.client import AcsClient
from aliyunsdkcore.request import CommonRequest
from darabonba.exceptions import UnretryableException
from darabonba.runtime import RuntimeOptions
from requests.exceptions import RequestException

from localcloud import catalogue
from tests.support.cloud_modes import CONTENT, HEADERS, NO_ANSWER, UNREADABLE, Answer, query_of
from tests.support.cloud_sdk_own import EventsCaller, Fc2Caller, ObjectCaller, QueueCaller

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.cloud_modes import Caller, Keys

TEA_CLIENTS = {
    "cs": "alibabacloud_cs20151215",
    "ens": "alibabacloud_ens20171110",
    "elasticsearch": "alibabacloud_elasticsearch20170613",
    "eventbridge": "alibabacloud_eventbridge20200401",
    "fc": "alibabacloud_fc20230330",
    "sts": "alibabacloud_sts20150401",
}
CORE = "aliyun-python-sdk-core"

_PATH_PARAMETER = re.compile(r"\{(\w+)\}")


class TeaCaller:
    """The clients that are named `alibabacloud_…`, each for one service.

    Args:
        url: where all services are.
        keys: what is signed with.
        algorithm: `v2` for HMAC-SHA1; ACS3 without.
    """

    def __init__(self, url: str, keys: Keys, algorithm: str = "") -> None:
        self._config = Config(
            access_key_id=keys.key_id,
            access_key_secret=keys.secret,
            security_token=keys.token or None,
            endpoint=urlsplit(url).netloc,
            protocol="http",
            region_id="cn-hangzhou",
            signature_algorithm=algorithm or None,
        )

    def client(self, service: str, action: str) -> str:
        """The package of the service."""
        return TEA_CLIENTS[service]

    def call(self, service: str, action: str, parameters: Mapping[str, Any]) -> Answer:
        """The method that is named like the action, with its request model."""
        package = TEA_CLIENTS[service]
        given = dict(parameters)
        headers = given.pop(HEADERS, {})
        path = [
            given.pop(name) for name in _PATH_PARAMETER.findall(catalogue.load(service).named(action).path)
        ]
        client = importlib.import_module(f"{package}.client").Client(self._config)
        came = _remembering(client)
        method = getattr(client, _methods(package)[f"{action.lower()}withoptions"])
        kinds = {
            name: parameter.annotation for name, parameter in inspect.signature(method).parameters.items()
        }
        arguments: list[Any] = path
        model = next((str(kind) for kind in kinds.values() if str(kind).endswith("Request")), "")
        if model:
            arguments.append(_request(package, model.removeprefix("main_models."), given))
        if "headers" in kinds:
            arguments.append(_headers(package, str(kinds["headers"]), headers))
        try:
            answer = method(*arguments, RuntimeOptions())
        except AlibabaCloudException as error:
            return Answer(error.status_code or 0, str(error.code), error.data, str(error.message))
        except (UnretryableException, RequestException) as error:
            return Answer(0, _reason(error), message=str(error))
        told = {name.lower(): value for name, value in (answer.headers or {}).items()}
        body, is_raw = _body(answer.body, came[-1]) if hasattr(answer, "body") else (None, False)
        return Answer(answer.status_code, body=body, headers=told, is_raw=is_raw)


class CoreCaller:
    """aliyun-python-sdk-core, which takes any action of any service by name or path."""

    def __init__(self, url: str, keys: Keys) -> None:
        self._host = urlsplit(url).netloc
        if keys.token:
            credential = StsTokenCredential(keys.key_id, keys.secret, keys.token)
            self._client = AcsClient(region_id="cn-hangzhou", credential=credential, auto_retry=False)
        else:
            self._client = AcsClient(keys.key_id, keys.secret, "cn-hangzhou", auto_retry=False)

    def client(self, service: str, action: str) -> str:
        """The one package."""
        return CORE

    def call(self, service: str, action: str, parameters: Mapping[str, Any]) -> Answer:
        """One CommonRequest, in the style of the service."""
        try:
            status, headers, content, error = self._client._implementation_of_do_action(
                self._request(service, action, dict(parameters))
            )
        except CoreClientException as refusal:
            return Answer(0, NO_ANSWER, message=str(refusal))
        if isinstance(error, CoreServerException):
            return _core_refusal(error)
        if error is not None:
            return Answer(0, NO_ANSWER, message=str(error))
        try:
            body = json.loads(content) if content else None
        except ValueError:
            return Answer(0, UNREADABLE)
        return Answer(status, body=body, headers={name.lower(): value for name, value in headers.items()})

    def _request(self, service: str, action: str, given: dict[str, Any]) -> Any:
        operation = catalogue.load(service).named(action)
        version = catalogue.load(service).version
        if operation.path == "/":
            request = CommonRequest(domain=self._host, version=version, action_name=action)
        else:
            filled = _PATH_PARAMETER.sub(
                lambda match: quote(str(given.pop(match[1])), safe=""), operation.path
            )
            request = CommonRequest(domain=self._host, version=version, uri_pattern=filled)
        request.set_method("POST" if "POST" in operation.methods else min(operation.methods))
        request.set_protocol_type("http")
        request.set_accept_format("JSON")
        for name, value in given.pop(HEADERS, {}).items():
            request.add_header(name, value)
        for name, value in query_of(operation, given):
            request.add_query_param(name, value)
        body = {name: value for name, value in given.items() if name not in operation.query}
        if body and operation.path != "/":
            request.set_content_type("application/json")
            request.set_content(json.dumps(body))
        return request


class OfficialCaller:
    """Each service with its own client."""

    def __init__(self, url: str, keys: Keys, algorithm: str = "") -> None:
        self._tea = TeaCaller(url, keys, algorithm)
        self._own: dict[str, Caller] = {
            "eventbridge2015": EventsCaller(url, keys),
            "fc2": Fc2Caller(url, keys),
            "mns": QueueCaller(url, keys),
            "oss": ObjectCaller(url, keys, older=bool(algorithm)),
        }

    def client(self, service: str, action: str) -> str:
        """The package that makes the call."""
        return self._of(service).client(service, action)

    def call(self, service: str, action: str, parameters: Mapping[str, Any]) -> Answer:
        """Calls with the client of the service."""
        return self._of(service).call(service, action, parameters)

    def _of(self, service: str) -> Caller:
        return self._own.get(service, self._tea)


@cache
def _methods(package: str) -> dict[str, str]:
    """The methods of a client, by their names without underscores."""
    client = importlib.import_module(f"{package}.client").Client
    return {name.replace("_", ""): name for name in dir(client)}


def _request(package: str, model: str, given: dict[str, Any]) -> Any:
    """The request model, filled by the vendor's names; an unknown name is a mistake of the scenario's."""
    kind = getattr(importlib.import_module(f"{package}.models"), model)
    if CONTENT in given:
        given["body"] = given.pop(CONTENT)
    request = kind().from_map(given)
    missing = given.keys() - request.to_map().keys()
    if not missing:
        return request
    # The body is one field: a model of its own, or a text.
    query = {name: value for name, value in given.items() if name not in missing}
    body: Any = {name: value for name, value in given.items() if name in missing}
    if inspect.signature(kind).parameters["body"].annotation == "str":
        body = json.dumps(body)
    request = kind().from_map({**query, "body": body})
    unknown = set() if isinstance(body, str) else body.keys() - request.to_map()["body"].keys()
    assert not unknown, f"{model} has no {', '.join(unknown)}"
    return request


def _headers(package: str, kind: str, headers: Mapping[str, str]) -> Any:
    if kind.startswith("main_models."):
        return getattr(importlib.import_module(f"{package}.models"), kind.removeprefix("main_models."))(
            common_headers=dict(headers)
        )
    return dict(headers)


def _remembering(client: Any) -> list[Any]:
    """The decoded bodies that come from now on, before the client's models read them."""
    came: list[Any] = []
    call_api = client.call_api

    def remembering(*arguments: Any) -> Any:
        answer = call_api(*arguments)
        came.append(answer.get("body"))
        return answer

    client.call_api = remembering
    return came


def _body(body: Any, came: Any) -> tuple[Any, bool]:
    """What the model read, with the vendor's names; what came, where the model cannot read it."""
    if hasattr(body, "to_map"):
        with contextlib.suppress(Exception):  # some models cannot write what they read
            read = body.to_map()
            if _agrees(read, came):
                return read, False
        return came, True
    if body is None:
        return came, came not in (None, "", b"")
    return (body if isinstance(body, bytes | str | list | dict) else b"".join(body)), False


def _agrees(read: Any, came: Any) -> bool:
    """Whether what a model read is what came, or a part of it; it has empty lists for those not there."""
    if isinstance(read, dict) and isinstance(came, dict):
        return all(
            _agrees(value, came[name]) if name in came else value in ([], {}) for name, value in read.items()
        )
    if isinstance(read, list) and isinstance(came, list):
        return len(read) == len(came) and all(map(_agrees, read, came))
    return bool(read == came)


def _reason(error: Exception) -> str:
    return NO_ANSWER if "Connection" in str(error) or "timed out" in str(error) else UNREADABLE


def _core_refusal(error: CoreServerException) -> Answer:
    """The error; the client knows codes in upper camel case only and gives the others as they came."""
    code, message = error.get_error_code(), error.get_error_msg()
    if code == "SDK.UnknownServerError":
        try:
            body = json.loads(message.removeprefix("ServerResponseBody: "))
        except ValueError:
            return Answer(0, UNREADABLE, message=message)
        code, message = body.get("code", code), body.get("message", message)
    return Answer(error.get_http_status(), code, message=message)
