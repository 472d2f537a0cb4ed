"""The actions on what is set for a function beside its configuration: concurrency, instances, bindings.

What is set for asynchronous invocations and for instances is kept by version or alias.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from localcloud.conditions.clock import iso_time
from localcloud.errors import Refusal
from localcloud.functions.camel import Model
from localcloud.functions.model import AsyncInvokeModel
from localcloud.functions.spec import LATEST
from localcloud.message import Response, json_response
from localcloud.services.fc.codes import missing, wrong
from localcloud.services.fc.model import AsyncConfig
from localcloud.services.fc.plane import DONE, paged, qualifier_of, region_of, sent
from localcloud.services.fc.reading import checked_input

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fctoolkit.jsontypes import JsonObject, JsonValue
    from localcloud.services.base import Call, Handler
    from localcloud.services.fc.model import Function
    from localcloud.services.fc.plane import Plane

MOST_INSTANCES = 10000


class _Concurrency(Model):
    reserved_concurrency: int = Field(ge=0, le=MOST_INSTANCES)


class _Provision(Model):
    target: int | None = Field(default=None, ge=0, le=MOST_INSTANCES)
    default_target: int | None = Field(default=None, ge=0, le=MOST_INSTANCES)


class _Scaling(Model):
    min_instances: int = Field(default=0, ge=0, le=MOST_INSTANCES)


class _AsyncInput(AsyncInvokeModel):
    async_task: bool = False


class SettingActions:
    """PutAsyncInvokeConfig, PutConcurrencyConfig, PutProvisionConfig and their like."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self.actions: Mapping[str, Handler] = {
            "PutAsyncInvokeConfig": self._put_async,
            "GetAsyncInvokeConfig": self._get_async,
            "DeleteAsyncInvokeConfig": self._delete_async,
            "ListAsyncInvokeConfigs": self._list_async,
            "PutConcurrencyConfig": self._put_concurrency,
            "GetConcurrencyConfig": self._get_concurrency,
            "DeleteConcurrencyConfig": self._delete_concurrency,
            "ListConcurrencyConfigs": self._list_concurrency,
            "PutProvisionConfig": self._put_provision,
            "GetProvisionConfig": self._get_provision,
            "DeleteProvisionConfig": self._delete_provision,
            "ListProvisionConfigs": self._list_provisions,
            "PutScalingConfig": self._put_scaling,
            "GetScalingConfig": self._get_scaling,
            "DeleteScalingConfig": self._delete_scaling,
            "ListScalingConfigs": self._list_scalings,
            "CreateVpcBinding": self._create_binding,
            "ListVpcBindings": self._list_bindings,
            "DeleteVpcBinding": self._delete_binding,
        }

    def _put_async(self, call: Call) -> Response:
        function, qualifier = self._meant(call)
        given = checked_input(_AsyncInput, call.body)
        now = iso_time(call.moment.now)
        before = function.asynchronous.get(qualifier)
        created = before.record["createdTime"] if before is not None else now
        record: JsonObject = {**sent(call), "createdTime": created, "lastModifiedTime": now}
        function.asynchronous[qualifier] = AsyncConfig(record, given.settings)
        self._plane.stage.show(function)
        return json_response(_async_record(function, qualifier))

    def _get_async(self, call: Call) -> Response:
        return json_response(_async_record(*self._async_set(call)))

    def _delete_async(self, call: Call) -> Response:
        function, qualifier = self._async_set(call)
        del function.asynchronous[qualifier]
        self._plane.stage.show(function)
        return DONE

    def _async_set(self, call: Call) -> tuple[Function, str]:
        function, qualifier = self._meant(call)
        if qualifier not in function.asynchronous:
            raise Refusal(
                404, "AsyncConfigNotExists", f"nothing is set for asynchronous invocations of {qualifier}."
            )
        return function, qualifier

    def _list_async(self, call: Call) -> Response:
        return self._listed(call, "configs", lambda one: one.asynchronous, _async_record)

    def _put_concurrency(self, call: Call) -> Response:
        function = self._plane.function(call)
        function.reserved = checked_input(_Concurrency, call.body).reserved_concurrency
        self._plane.stage.show(function)
        return json_response(_concurrency_record(function, LATEST))

    def _get_concurrency(self, call: Call) -> Response:
        function = self._plane.function(call)
        if function.reserved is None:
            raise missing("OnDemandConfig", function.name)
        return json_response(_concurrency_record(function, LATEST))

    def _delete_concurrency(self, call: Call) -> Response:
        function = self._plane.function(call)
        function.reserved = None
        self._plane.stage.show(function)
        return DONE

    def _list_concurrency(self, call: Call) -> Response:
        def reserved(function: Function) -> list[str]:
            return [] if function.reserved is None else [LATEST]

        return self._listed(call, "configs", reserved, _concurrency_record)

    def _put_provision(self, call: Call) -> Response:
        function, qualifier = self._meant(call)
        given = checked_input(_Provision, call.body)
        target = given.target if given.default_target is None else given.default_target
        if target is None:
            raise wrong("target: is missing")
        function.provisions[qualifier] = {**sent(call), "target": target}
        self._plane.stage.show(function)
        return json_response(self._provision_record(function, qualifier))

    def _get_provision(self, call: Call) -> Response:
        function, qualifier = self._meant(call)
        set_there = qualifier in function.provisions
        return json_response(self._provision_record(function, qualifier) if set_there else {})

    def _delete_provision(self, call: Call) -> Response:
        function, qualifier = self._meant(call)
        function.provisions.pop(qualifier, None)
        self._plane.stage.show(function)
        return DONE

    def _list_provisions(self, call: Call) -> Response:
        return self._listed(call, "provisionConfigs", lambda one: one.provisions, self._provision_record)

    def _put_scaling(self, call: Call) -> Response:
        function, qualifier = self._meant(call)
        checked_input(_Scaling, call.body)
        function.scalings[qualifier] = sent(call)
        self._plane.stage.show(function)
        return json_response(self._scaling_record(function, qualifier))

    def _get_scaling(self, call: Call) -> Response:
        function, qualifier = self._meant(call)
        set_there = qualifier in function.scalings
        return json_response(self._scaling_record(function, qualifier) if set_there else {})

    def _delete_scaling(self, call: Call) -> Response:
        function, qualifier = self._meant(call)
        function.scalings.pop(qualifier, None)
        self._plane.stage.show(function)
        return DONE

    def _list_scalings(self, call: Call) -> Response:
        return self._listed(call, "scalingConfigs", lambda one: one.scalings, self._scaling_record)

    def _create_binding(self, call: Call) -> Response:
        function, vpc = self._plane.function(call), call.body.get("vpcId")
        if not isinstance(vpc, str) or not vpc:
            raise wrong("vpcId: is missing")
        if vpc not in function.vpcs:
            function.vpcs.append(vpc)
        return DONE

    def _list_bindings(self, call: Call) -> Response:
        return json_response({"vpcIds": [*self._plane.function(call).vpcs]})

    def _delete_binding(self, call: Call) -> Response:
        function, vpc = self._plane.function(call), call.path["vpcId"]
        if vpc not in function.vpcs:
            raise missing("VpcBinding", vpc, f"function '{function.name}'")
        function.vpcs.remove(vpc)
        return DONE

    def _provision_record(self, function: Function, qualifier: str) -> JsonObject:
        record = function.provisions[qualifier]
        ready = self._ready(function, qualifier, record["target"])
        return {**record, "functionArn": function.arn(qualifier), "current": ready}

    def _scaling_record(self, function: Function, qualifier: str) -> JsonObject:
        record = function.scalings[qualifier]
        target = record.get("minInstances", 0)
        counts: JsonObject = {
            "currentInstances": self._ready(function, qualifier, target),
            "targetInstances": target,
        }
        return {**record, "functionArn": function.arn(qualifier), **counts}

    def _ready(self, function: Function, qualifier: str, target: JsonValue) -> int:
        """How many of the instances that were asked for are there. A version shares them with its aliases."""
        ready = self._plane.stage.provisioned(function, qualifier)
        return min(ready, target) if isinstance(target, int) else 0

    def _meant(self, call: Call) -> tuple[Function, str]:
        """The function and the version or alias of it that a setting is for; refuses what is not there."""
        function, qualifier = self._plane.function(call), qualifier_of(call)
        function.snapshot(qualifier)
        return function, qualifier

    def _listed(
        self,
        call: Call,
        key: str,
        of: Callable[[Function], Mapping[str, object] | list[str]],
        shown: Callable[[Function, str], JsonObject],
    ) -> Response:
        """The settings of one function, or of all when the call names none."""
        name = call.query.get("functionName", "")
        rows = {
            function.arn(qualifier): shown(function, qualifier)
            for function in self._plane.functions.all(region_of(call))
            if name in {"", function.name}
            for qualifier in of(function)
        }
        return paged(call, key, rows, lambda row: row)


def _async_record(function: Function, qualifier: str) -> JsonObject:
    return {**function.asynchronous[qualifier].record, "functionArn": function.arn(qualifier)}


def _concurrency_record(function: Function, qualifier: str) -> JsonObject:
    return {"functionArn": function.arn(qualifier), "reservedConcurrency": function.reserved}
