"""Resource Manager: whether a service-linked role is there, and makes one.

Serverless Devs asks for those of EventBridge before it deploys a trigger. A new account has none. Their names
are the vendor's pattern for EventBridge; for other services they are guessed.

Source: https://www.alibabacloud.com/help/en/resource-management/resource-directory/developer-reference/
api-resourcemanager-2020-03-31-createservicelinkedrole; CheckServiceLinkedRoleExistence is on no page, only in
fc3.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict, Field

from localcloud.conditions.clock import iso_time
from localcloud.errors import Refusal
from localcloud.functions.spec import DEFAULT_ACCOUNT_ID
from localcloud.message import Response, json_response
from localcloud.services.base import (
    REQUEST_ID_HEADER,
    SAME_CODES,
    Call,
    Handler,
    Moment,
    invalid,
    new_id,
    refuse_unplayed,
    upper_camel_error,
)
from localcloud.validation import as_list, checked, only

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fctoolkit.jsontypes import JsonObject, JsonValue

SERVICE_NAME: Final = r"[a-z0-9-]{1,64}(\.[a-z0-9-]{1,64}){0,4}\.aliyuncs\.com"
_EVENTBRIDGE = re.compile(r"(?P<way>sendevent|source)-(?P<what>[a-z0-9-]+)\.eventbridge\.aliyuncs\.com")
_WAYS = {"sendevent": "SendTo", "source": "Source"}


class RoleRecord(BaseModel):
    """A service-linked role: the service that may assume it; made at the time of the seed when not told."""

    model_config = ConfigDict(extra="forbid")

    ServiceName: str = Field(pattern=f"^{SERVICE_NAME}$")
    Description: str = ""
    CreateDate: str = ""
    RoleId: str = Field(default_factory=lambda: new_id("3", 17))

    def view(self) -> JsonObject:
        """The role as the vendor tells it."""
        name = role_name(self.ServiceName)
        trust = {
            "Statement": [
                {"Action": "sts:AssumeRole", "Effect": "Allow", "Principal": {"Service": [self.ServiceName]}}
            ],
            "Version": "1",
        }
        return {
            "RoleId": self.RoleId,
            "RoleName": name,
            "RolePrincipalName": f"{name}@role.{DEFAULT_ACCOUNT_ID}.onaliyunservice.com",
            "Arn": f"acs:ram::{DEFAULT_ACCOUNT_ID}:role/{name.lower()}",
            "Description": self.Description,
            "AssumeRolePolicyDocument": json.dumps(trust),
            "IsServiceLinkedRole": True,
            "CreateDate": self.CreateDate,
        }


class ResourceManagerService:
    """Service-linked roles by the name of their service."""

    name = "resourcemanager"
    request_id_header = REQUEST_ID_HEADER
    error_codes = SAME_CODES

    def __init__(self) -> None:
        self._roles: dict[str, RoleRecord] = {}
        self.actions: Mapping[str, Handler] = {
            "CheckServiceLinkedRoleExistence": self._check_existence,
            "CreateServiceLinkedRole": self._create,
        }

    def error_response(self, refusal: Refusal, request_id: str, host: str) -> Response:
        """`Code` and `Message` in upper camel case."""
        return upper_camel_error(refusal, request_id, host)

    def seed(self, records: JsonObject, moment: Moment) -> Callable[[], None]:
        """Takes `{"roles": […]}`; a role of a known service is replaced."""
        only(records, frozenset({"roles"}), self.name)
        values = as_list(records.get("roles", []), "resourcemanager.roles")
        roles = [
            checked(RoleRecord, value, f"resourcemanager.roles[{index}]")
            for index, value in enumerate(values)
        ]

        def place() -> None:
            for role in roles:
                self._keep(role, moment)

        return place

    def state(self, moment: Moment) -> JsonObject:  # noqa: ARG002 - nothing changes by itself
        """`{"roles": […]}`; empty without roles."""
        roles: list[JsonValue] = [role.model_dump() for role in self._roles.values()]
        return {"roles": roles} if roles else {}

    def _check_existence(self, call: Call) -> Response:
        return json_response({"RequestId": call.request_id, "Exists": _service(call) in self._roles})

    def _create(self, call: Call) -> Response:
        refuse_unplayed(call, frozenset({"Description", "ServiceName"}))
        service = _service(call)
        if service in self._roles:
            raise Refusal(409, "EntityAlreadyExists.Role", f"The role already exists: {role_name(service)}.")
        role = RoleRecord(ServiceName=service, Description=call.query.get("Description", ""))
        self._keep(role, call.moment)
        return json_response({"RequestId": call.request_id, "Role": role.view()})

    def _keep(self, role: RoleRecord, moment: Moment) -> None:
        role.CreateDate = role.CreateDate or iso_time(moment.now)
        self._roles[role.ServiceName] = role


def role_name(service: str) -> str:
    """The name of a service's role, such as `AliyunServiceRoleForEventBridgeSendToMNS`."""
    match = _EVENTBRIDGE.fullmatch(service)
    if match is not None:
        return f"AliyunServiceRoleForEventBridge{_WAYS[match['way']]}{match['what'].upper()}"
    words = re.split(r"[.-]", service.removesuffix(".aliyuncs.com"))
    return f"AliyunServiceRoleFor{''.join(word.capitalize() for word in words)}"


def _service(call: Call) -> str:
    name = call.query.get("ServiceName", "")
    if not re.fullmatch(SERVICE_NAME, name):
        raise invalid("ServiceName", "must be the name of a service such as fc.aliyuncs.com")
    return name
