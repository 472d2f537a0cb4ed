"""What the component fc3 asks for when `s` runs a command, as it was recorded, and who asks it again.

A recording is data: the requests about one function, in their order, with the code of the refusal where there
was one. `Fc3` sends them with the vendor's own clients: where the component is missing, too, the local
cloud has to answer what it reads. Recorded with version 0.1.22 and this repository's s.yaml.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import httpx2
import oss2
import pytest
from alibabacloud_fc20230330 import models
from alibabacloud_tea_openapi.exceptions import ClientException, ServerException

from localcloud.checksums import crc64
from tests.support.cloud_client import VERSIONS, Signer
from tests.support.fc_clients import fc2_client, fc3_client, fc3_invoke
from tests.support.oss_requests import signed
from tests.support.product import ACCOUNT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tools.deploy.comparison import Wanted

ABSENT: Final = "FunctionNotFound"
LATEST: Final = {"qualifier": "LATEST"}


@dataclass(frozen=True)
class Asked:
    """One request about a function.

    Attributes:
        action: FC's name of it.
        query: its parameters; `functionName` stands for the function's name.
        body: what of the template it carries.
        refused: the code of the error that answers it; empty when it goes well.
        each: it is sent for each trigger of the template, in its order.
    """

    action: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    refused: str = ""
    each: bool = False


def _look(refused: str = "", *, provision: bool = False) -> tuple[Asked, ...]:
    """What fc3 looks at before it decides; at provisioned instances only in a plan."""
    config = Asked("GetProvisionConfig", LATEST, refused=refused)
    return (
        Asked("GetFunction", refused=refused),
        Asked("GetTrigger", refused=refused, each=True),
        Asked("GetAsyncInvokeConfig", LATEST, refused=refused),
        Asked("ListVpcBindings", refused=refused),
        *((config,) if provision else ()),
        Asked("GetScalingConfig", LATEST, refused=refused),
        Asked("GetConcurrencyConfig", refused=refused),
    )


_SETTINGS: Final = (
    Asked("PutAsyncInvokeConfig", LATEST, body="asyncInvokeConfig"),
    Asked("PutConcurrencyConfig", body="concurrencyConfig"),
)
INFO: Final = (
    Asked("GetFunction"),
    Asked("GetTrigger", each=True),
    Asked("GetAsyncInvokeConfig", LATEST),
    Asked("GetConcurrencyConfig"),
)
PLAN_OF_NOTHING: Final = _look(ABSENT, provision=True)
PLAN: Final = _look(provision=True)
BEFORE_CREATION: Final = _look(ABSENT)
"""Code is uploaded after these."""
CREATION: Final = (
    Asked("GetFunction", refused=ABSENT),
    Asked("CreateFunction", body="function"),
    Asked("GetTrigger", refused="TriggerNotFound", each=True),
    Asked("CreateTrigger", body="trigger", each=True),
    *_SETTINGS,
    *INFO,
)
BEFORE_UPDATE: Final = _look()
"""Code is uploaded after these when it has another checksum."""
UPDATE: Final = (
    Asked("GetFunction"),
    Asked("UpdateFunction", body="function"),
    Asked("GetTrigger", each=True),
    Asked("UpdateTrigger", body="trigger", each=True),
    *_SETTINGS,
    *INFO,
)
REMOVAL: Final = (
    Asked("GetFunction"),
    Asked("ListVpcBindings"),
    Asked("ListScalingConfigs", {"functionName": "", "limit": "100"}),
    Asked("GetConcurrencyConfig"),
    Asked("ListAliases", {"limit": "100"}),
    Asked("ListFunctionVersions", {"limit": "100"}),
    Asked("ListTriggers", {"limit": "10"}),
    Asked("ListAsyncInvokeConfigs", {"functionName": "", "limit": "100"}),
    Asked("DeleteAsyncInvokeConfig", LATEST),
    Asked("DeleteTrigger", each=True),
    Asked("DeleteConcurrencyConfig"),
    Asked("DeleteFunction"),
)

ROLES: Final = ("sendevent-fc.eventbridge.aliyuncs.com", "source-cms.eventbridge.aliyuncs.com")
"""The roles that fc3 asks ResourceManager for, for every trigger of the default bus, before anything else."""

_EMPTY: Final[dict[str, Any]] = {
    "environmentVariables": {},
    "instanceIsolationMode": "SHARE",
    "layers": [],
    "logConfig": {"project": "", "logstore": "", "enableRequestMetrics": False, "logBeginRule": "None"},
    "nasConfig": {"groupId": 0, "mountPoints": [], "userId": 0},
    "ossMountConfig": {"mountPoints": []},
    "sessionAffinity": "NONE",
    "tracingConfig": {},
    "vpcConfig": {"securityGroupId": "", "vSwitchIds": [], "vpcId": ""},
}
"""What fc3 sends where the template has nothing, so that nothing older stays."""

_OWN: Final = {"region", "triggers", "code", "asyncInvokeConfig", "concurrencyConfig"}
_NAMELESS: Final = {"ListScalingConfigs", "ListAsyncInvokeConfigs"}
"""Actions that name their function in the query, if at all."""

_SYSTEM: Final = frozenset(
    {"functionArn", "functionId", "createdTime", "lastModifiedTime", "state", "lastUpdateStatus"}
    | {"codeChecksum", "codeSize", "disableOndemand", "resourceGroupId"}
)
"""What only FC knows."""
_USUAL: Final = {"instanceIsolationMode": "SHARE", "sessionAffinity": "NONE"}
_MAIN: Final = {
    # A setting without its main field counts as none.
    "vpcConfig": "vpcId",
    "logConfig": "project",
    "nasConfig": "mountPoints",
    "ossMountConfig": "mountPoints",
}


def function_of(wanted: Wanted) -> dict[str, Any]:
    """The properties of the function itself, as the template has them."""
    props: dict[str, Any] = {name: value for name, value in wanted.props.items() if name not in _OWN}
    return props


def as_planned(answer: Mapping[str, Any]) -> dict[str, Any]:
    """What fc3 compares a template with when it plans: an answer of GetFunction without what only FC knows.

    Whatever else is in an answer, and not in the template, makes a plan that is not clean. Tags are left out.
    """
    left = {name: value for name, value in answer.items() if name not in {*_SYSTEM, "tags"}}
    left = {name: value for name, value in left.items() if value != _USUAL.get(name, ...)}
    left = {name: value for name, value in left.items() if name not in _MAIN or value.get(_MAIN[name])}
    for name in ("environmentVariables", "tracingConfig"):
        if not left.get(name):
            left.pop(name, None)
    return left | {"layers": [one["arn"] for one in left["layers"]]} if "layers" in left else left


@dataclass
class Fc3:
    """Asks the local cloud at `url` what fc3 asks it."""

    url: str

    def ask(self, sequence: Iterable[Asked], wanted: Wanted, code: Mapping[str, str] | None = None) -> Any:
        """Sends a sequence about a function; the last answer of each action, those of triggers in a list.

        `code` is where the code was uploaded; without it an update leaves the code as it is.
        """
        answers: dict[str, Any] = {}
        for asked in sequence:
            if asked.each:
                answers[asked.action] = [
                    self._ask(asked, wanted, {"triggerName": str(trigger["triggerName"])}, trigger)
                    for trigger in _triggers(wanted)
                ]
            else:
                answers[asked.action] = self._ask(asked, wanted, code or {}, {})
        return answers

    def ensure_roles(self) -> list[bool]:
        """Whether the roles that EventBridge needs were there already; those that were not are made."""
        return [self._ensure_role(name) for name in ROLES]

    def upload(self, data: bytes) -> dict[str, str]:
        """Asks for a place and for keys, and puts a zip there, at the address that names the bucket."""
        client, path = fc2_client(self.url), "/2016-08-15/tempBucketToken"
        token = client._do_request("GET", path, client._build_common_headers("GET", path)).json()
        keys, bucket = token["credentials"], token["ossBucket"]
        auth = oss2.StsAuth(keys["AccessKeyId"], keys["AccessKeySecret"], keys["SecurityToken"])
        name = f"{ACCOUNT}/{token['objectName']}"
        host = f"{bucket}.oss-accelerate.aliyuncs.com"
        request = signed("PUT", name, auth=auth, bucket=bucket, host=host, body=data)
        answer = httpx2.put(self.url + request.path, content=data, headers=dict(request.headers))
        assert answer.status_code == 200, answer.text
        return {"ossBucketName": bucket, "ossObjectName": name}

    def publish_layer(self, name: str, data: bytes) -> dict[str, Any]:
        """The layer's newest version when it has this content, or else a new one."""
        client = fc3_client(self.url)
        query = models.ListLayerVersionsRequest(limit=100, start_version=1)
        layers = client.list_layer_versions(name, query).to_map()["body"]["layers"]
        newest: dict[str, Any] = max(layers, key=lambda one: one["version"], default={})
        if newest.get("codeChecksum") == str(crc64(data)):
            return newest
        body = {"code": self.upload(data), "compatibleRuntime": ["python3.12"], "description": "recorded"}
        request = models.CreateLayerVersionRequest().from_map({"body": body})
        made: dict[str, Any] = client.create_layer_version(name, request).to_map()["body"]
        return made

    def invoke(self, function: str, event: bytes, kind: str = "Sync") -> tuple[int, dict[str, str], bytes]:
        """What `s invoke` asks for: status, headers and result."""
        headers = {"x_fc_invocation_type": kind, "x_fc_log_type": "Tail" if kind == "Sync" else "None"}
        return fc3_invoke(self.url, function, event, qualifier="LATEST", **headers)

    def _ask(
        self, asked: Asked, wanted: Wanted, given: Mapping[str, str], trigger: Mapping[str, Any]
    ) -> dict[str, Any]:
        names = [] if asked.action in {"CreateFunction", *_NAMELESS} else [wanted.name]
        if trigger and asked.action != "CreateTrigger":
            names.append(str(trigger["triggerName"]))
        request = getattr(models, f"{asked.action}Request", None)
        if request is not None:
            query = {name: value or wanted.name for name, value in asked.query.items()}
            names.append(request().from_map({**query, **_body(asked, wanted, given, trigger)}))
        method = getattr(fc3_client(self.url), re.sub(r"(?<!^)(?=[A-Z])", "_", asked.action).lower())
        if asked.refused:
            with pytest.raises((ClientException, ServerException)) as refusal:
                method(*names)
            assert (refusal.value.status_code, refusal.value.code) == (404, asked.refused)
            return {}
        answer: dict[str, Any] = method(*names).to_map().get("body") or {}
        return answer

    def _ensure_role(self, name: str) -> bool:
        exists: bool = self._roles("CheckServiceLinkedRoleExistence", name)["Exists"]
        if not exists:
            assert self._roles("CreateServiceLinkedRole", name)["Role"]["IsServiceLinkedRole"] is True
        return exists

    def _roles(self, action: str, name: str) -> dict[str, Any]:
        headers = {"host": "resourcemanager.aliyuncs.com", "x-acs-action": action}
        headers["x-acs-version"] = VERSIONS["resourcemanager"]
        query = {"ServiceName": name}
        answer = httpx2.post(f"{self.url}/", params=query, headers=headers, auth=Signer())
        found: dict[str, Any] = answer.json()
        return found


def _triggers(wanted: Wanted) -> list[dict[str, Any]]:
    found: Any = wanted.props["triggers"]
    return [dict(one) for one in found]


def _body(
    asked: Asked, wanted: Wanted, given: Mapping[str, str], trigger: Mapping[str, Any]
) -> dict[str, Any]:
    is_new = asked.action.startswith("Create")
    match asked.body:
        case "":
            return {}
        case "function":
            body = {**_EMPTY, **function_of(wanted)}
            tags = [{"Key": tag["key"], "Value": tag["value"]} for tag in body.pop("tags", ())]
            body |= {"tags": tags} if is_new else {}
            body |= {"code": dict(given)} if given else {}
        case "trigger":
            kept = ("triggerName", "triggerType", "qualifier") if is_new else ("qualifier",)
            body = {name: trigger[name] for name in kept}
            body |= {"description": "", "triggerConfig": json.dumps(trigger["triggerConfig"])}
        case name:
            setting: Any = wanted.props[name]
            body = dict(setting)
    return {"body": body}
