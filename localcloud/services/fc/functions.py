"""The actions on functions: made, changed, listed, forbidden to be invoked, and their code. Knows no wire."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from localcloud.conditions.clock import iso_time
from localcloud.functions.spec import LATEST
from localcloud.message import Response, json_response
from localcloud.services.base import refuse_unplayed
from localcloud.services.fc.archives import CODE_PATH, read_code
from localcloud.services.fc.codes import there_already, wrong
from localcloud.services.fc.model import Function, Snapshot
from localcloud.services.fc.plane import DONE, paged, qualifier_of, region_of
from localcloud.services.fc.reading import read_config, read_list, read_tags

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from fctoolkit.jsontypes import JsonObject, JsonValue
    from localcloud.services.base import Call, Handler
    from localcloud.services.fc.archives import Archive
    from localcloud.services.fc.model import LayerVersion
    from localcloud.services.fc.plane import Plane

_LIST = frozenset(
    {"prefix", "nextToken", "limit", "fcVersion", "tags", "runtime", "description", "functionName"}
)
_CONTAINER = "custom-container"


class FunctionActions:
    """CreateFunction and its like."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self.actions: Mapping[str, Handler] = {
            "CreateFunction": self._create,
            "UpdateFunction": self._update,
            "GetFunction": self._get,
            "GetFunctionCode": self._get_code,
            "DeleteFunction": self._delete,
            "ListFunctions": self._list,
            "DisableFunctionInvocation": self._disable,
            "EnableFunctionInvocation": self._enable,
        }

    def _create(self, call: Call) -> Response:
        name, region = call.body.get("functionName"), region_of(call)
        if not isinstance(name, str):
            raise wrong("functionName: is missing")
        config, model = read_config(name, {}, call.body)
        if self._plane.functions.find(region, name) is not None:
            raise there_already("Function", name)
        layers = self._plane.layers.named(model.layers)
        now = iso_time(call.moment.now)
        latest = Snapshot(config, model, self._code(call, config), layers, self._opt(layers), now)
        function = Function(
            key=self._plane.stage.key_for(region, name),
            name=name,
            region=region,
            id=str(uuid.uuid4()),
            created=now,
            latest=latest,
            tags=read_tags(call.body.get("tags")),
        )
        self._plane.functions.put(function)
        self._plane.stage.show(function)
        return json_response(function_record(function, LATEST))

    def _update(self, call: Call) -> Response:
        function = self._plane.function(call)
        before = function.latest
        config, model = read_config(function.name, before.config, call.body)
        archive = self._code(call, config) if call.body.get("code") else before.archive
        layers = self._plane.layers.named(model.layers) if call.body.get("layers") else before.layers
        if not model.layers:
            layers = ()
        now = iso_time(call.moment.now)
        function.latest = Snapshot(config, model, archive, layers, self._opt(layers), now)
        self._plane.stage.show(function)
        return json_response(function_record(function, LATEST))

    def _code(self, call: Call, config: JsonObject) -> Archive | None:
        code = call.body.get("code")
        if config.get("runtime") == _CONTAINER:
            return None
        return read_code(code if isinstance(code, dict) else {}, self._plane.archives, self._plane.objects)

    def _opt(self, layers: Iterable[LayerVersion | None]) -> Path | None:
        archives = [layer.archive for layer in layers if layer is not None]
        return self._plane.archives.merged(archives) if archives else None

    def _get(self, call: Call) -> Response:
        return json_response(function_record(self._plane.function(call), qualifier_of(call)))

    def _get_code(self, call: Call) -> Response:
        archive = self._plane.function(call).snapshot(qualifier_of(call)).archive
        if archive is None:
            raise wrong("a function in a container has no code.")
        return json_response(
            {"checksum": archive.checksum, "url": f"{self._plane.url()}{CODE_PATH}{archive.file.name}"}
        )

    def _delete(self, call: Call) -> Response:
        function = self._plane.function(call)
        self._plane.functions.remove(function)
        self._plane.stage.hide(function)
        return DONE

    def _list(self, call: Call) -> Response:
        refuse_unplayed(call, _LIST)
        rows = {
            one.name: one
            for one in self._plane.functions.all(region_of(call))
            if _matches(one, call.query) and call.query.get("fcVersion") != "v2"
        }
        return paged(call, "functions", rows, lambda one: function_record(one, LATEST))

    def _disable(self, call: Call) -> Response:
        reason = call.body.get("reason")
        function = self._plane.function(call)
        function.restriction = {
            "disable": True,
            "reason": reason if isinstance(reason, str) else "",
            "lastModifiedTime": iso_time(call.moment.now),
        }
        self._plane.stage.show(function)
        return json_response({"success": True})

    def _enable(self, call: Call) -> Response:
        function = self._plane.function(call)
        function.restriction = None
        self._plane.stage.show(function)
        return json_response({"success": True})


def function_record(function: Function, qualifier: str) -> JsonObject:
    """A function, or a version of it, as FC answers it. What was never sent is left out."""
    snapshot = function.snapshot(qualifier)
    record: JsonObject = {key: value for key, value in snapshot.config.items() if key != "layers"}
    if snapshot.model.layers:
        sizes = (layer.archive.size if layer is not None else 0 for layer in snapshot.layers)
        layers: list[JsonValue] = [
            {"arn": arn, "size": size} for arn, size in zip(snapshot.model.layers, sizes, strict=True)
        ]
        record["layers"] = layers
    if snapshot.archive is not None:
        record |= {"codeChecksum": snapshot.archive.checksum, "codeSize": snapshot.archive.size}
    if function.tags:
        tags: list[JsonValue] = [{"Key": key, "Value": value} for key, value in function.tags.items()]
        record["tags"] = tags
    if function.restriction is not None:
        record["invocationRestriction"] = function.restriction
    return {
        **record,
        "functionName": function.name,
        "functionArn": function.arn(qualifier),
        "functionId": function.id,
        "createdTime": function.created,
        "lastModifiedTime": snapshot.modified,
        "state": "Active",
        "lastUpdateStatus": "Successful",
    }


def _matches(function: Function, query: Mapping[str, str]) -> bool:
    model = function.latest.model
    description = str(function.latest.config.get("description", ""))
    return (
        query.get("runtime", model.runtime) == model.runtime
        and query.get("functionName", "") in function.name
        and query.get("description", "") in description
        and _has_tags(function, query.get("tags", ""))
    )


def _has_tags(function: Function, text: str) -> bool:
    return not text or read_tags(read_list(text, "tags")).items() <= function.tags.items()
