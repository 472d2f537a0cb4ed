"""Function Compute 3.0, version 2023-03-30: its control plane, and invoking functions.

Not played: sessions, custom domains and resource groups.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from localcloud.delivery.settings import AsyncSettings
from localcloud.errors import Refusal, SeedError
from localcloud.message import Response, json_response
from localcloud.services.fc.codes import FC_CODES
from localcloud.services.fc.functions import FunctionActions, function_record
from localcloud.services.fc.instances import InstanceActions
from localcloud.services.fc.invocation import (
    invocation,
    refuse_nothing_deployed,
    refuse_other_version,
    template_function,
)
from localcloud.services.fc.layers import LayerActions, Layers, layer_record
from localcloud.services.fc.model import Functions
from localcloud.services.fc.plane import Plane, qualifier_of
from localcloud.services.fc.settings import SettingActions
from localcloud.services.fc.stage import Stage, spec_of
from localcloud.services.fc.tags import TagActions
from localcloud.services.fc.tasks import TaskActions
from localcloud.services.fc.triggers import TriggerActions, trigger_record
from localcloud.services.fc.versions import VersionActions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fctoolkit.jsontypes import JsonObject, JsonValue
    from localcloud.conditions.behaviour import Behaviour
    from localcloud.delivery.deliveries import Deliveries
    from localcloud.services.base import Call, Handler, Moment, Work
    from localcloud.services.fc.archives import Archives
    from localcloud.services.fc.model import Function
    from localcloud.services.fc.tasks import Tasks


class FcService:
    """FC 3.0: a function is known by its name.

    Args:
        deliveries: the ways to the functions; None while nothing is deployed.
        hosting: the same; makes them when nothing is deployed.
        archives: the zips that were uploaded; they outlive this service.
        tasks: the background invocations that can be asked about.
        objects: the bytes of an object of OSS, by bucket and name; None when there is none.
        url: where the local cloud is served; empty while it is not.
        behaviour: the variants in force.
    """

    name = "fc"
    request_id_header = "x-fc-request-id"
    error_codes = FC_CODES

    def __init__(
        self,
        *,
        deliveries: Callable[[], Deliveries | None],
        hosting: Callable[[], Deliveries],
        archives: Archives,
        tasks: Tasks,
        objects: Callable[[str, str], bytes | None],
        url: Callable[[], str],
        behaviour: Callable[[], Behaviour],
    ) -> None:
        self._current = deliveries
        functions = Functions()
        stage = Stage(functions, hosting, behaviour)
        self._plane = Plane(functions, Layers(), tasks, archives, stage, objects, url)
        groups = (
            *(FunctionActions, LayerActions, TriggerActions, VersionActions),
            *(SettingActions, TagActions, TaskActions, InstanceActions),
        )
        self.actions: Mapping[str, Handler] = {
            **{name: action for group in groups for name, action in group(self._plane).actions.items()},
            "InvokeFunction": self._invoke_function,
        }

    def error_response(self, refusal: Refusal, request_id: str, host: str) -> Response:  # noqa: ARG002 - FC names no host
        """`Code`, `Message` and `RequestId`."""
        body: JsonObject = {"Code": refusal.code, "Message": refusal.message, "RequestId": request_id}
        return json_response(body, refusal.status)

    def seed(self, records: JsonObject, moment: Moment) -> Callable[[], None]:  # noqa: ARG002 - nothing is dated
        """Takes nothing: functions and layers are code, which no seed holds."""
        if records:
            raise SeedError("fc: functions cannot be seeded: create them by calls, or have a template")
        return lambda: None

    def state(self, moment: Moment) -> JsonObject:  # noqa: ARG002 - nothing is dated
        """The functions with all that belongs to them, and the layers, without code; nothing for none."""
        functions: list[JsonValue] = [self._shown(one) for one in self._plane.functions.all()]
        layers: list[JsonValue] = [layer_record(one) for one in self._plane.layers.all()]
        return {
            **({"functions": functions} if functions else {}),
            **({"layers": layers} if layers else {}),
        }

    def _shown(self, function: Function) -> JsonObject:
        url = self._plane.url()
        triggers: list[JsonValue] = [
            {**trigger_record(function, entry, url), "played": entry.effect is not None}
            for entry in function.triggers.values()
        ]
        versions: list[JsonValue] = [one.record(number) for number, one in function.versions.items()]
        aliases: list[JsonValue] = [one.record(name) for name, one in function.aliases.items()]
        return {
            **function_record(function, "LATEST"),
            "triggers": triggers,
            "versions": versions,
            "aliases": aliases,
            "asyncInvokeConfigs": {name: one.record for name, one in function.asynchronous.items()},
            "provisionConfigs": {**function.provisions},
            "scalingConfigs": {**function.scalings},
            "reservedConcurrency": function.reserved,
            "vpcIds": [*function.vpcs],
        }

    def _invoke_function(self, call: Call) -> Response | Work:
        function = self._plane.functions.find(call.region, call.path["functionName"])
        deliveries = self._current()
        if function is not None and deliveries is not None:
            return self._invoke_own(deliveries, function, call)
        if deliveries is None or not deliveries.deployment.functions:
            raise refuse_nothing_deployed(call)
        spec = template_function(deliveries.deployment, call)
        refuse_other_version(call.query.get("qualifier", ""), f"function '{spec.name}'")
        return invocation(deliveries, spec, call)

    def _invoke_own(self, deliveries: Deliveries, function: Function, call: Call) -> Response | Work:
        """Invokes a function that was made by calls: for an alias, the version that is drawn."""
        if function.restriction is not None:
            reason = function.restriction["reason"]
            raise Refusal(403, "AccessDenied", f"invoking '{function.name}' is disabled: {reason}")
        qualifier = qualifier_of(call)
        function.snapshot(qualifier)
        version = function.chosen(qualifier, self._plane.functions.chance())
        setting = function.asynchronous.get(qualifier)
        spec = replace(
            spec_of(function, version),
            asynchronous=setting.settings if setting is not None else AsyncSettings(),
        )
        if setting is None or setting.record.get("asyncTask") is not True:
            return invocation(deliveries, spec, call)
        return invocation(
            deliveries, spec, call, lambda task_id: self._plane.tasks.begin(function, task_id, call)
        )
