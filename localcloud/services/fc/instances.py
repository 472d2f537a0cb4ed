"""ListInstances: the instances that the runtime has of a function's versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from localcloud.message import Response, json_response
from localcloud.services.base import refuse_unplayed
from localcloud.services.fc.reading import read_texts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fctoolkit.jsontypes import JsonValue
    from localcloud.services.base import Call, Handler
    from localcloud.services.fc.plane import Plane

_PLAYED: Final = frozenset({"qualifier", "instanceIds", "instanceStatus", "withAllActive"})


class InstanceActions:
    """What runs of a function."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self.actions: Mapping[str, Handler] = {"ListInstances": self._list}

    def _list(self, call: Call) -> Response:
        """Those of one version or alias, or of all. Nothing is remembered of instances that have ended."""
        refuse_unplayed(call, _PLAYED)
        function, meant = self._plane.function(call), call.query.get("qualifier", "")
        if meant:
            function.snapshot(meant)
        alias = function.aliases.get(meant)
        wanted = {alias.version, *alias.weights} if alias is not None else {meant}
        ids = read_texts(call.query.get("instanceIds", ""), "instanceIds")
        states = read_texts(call.query.get("instanceStatus", ""), "instanceStatus")
        rows: list[JsonValue] = [
            {
                "instanceId": instance,
                "versionId": version,
                "qualifier": meant or version,
                "createdTimeMs": int(since * 1000),
                "status": "Running",
            }
            for version in function.qualifiers()
            if not meant or version in wanted
            for instance, since in self._plane.stage.instances(function, version).items()
            if (not ids or instance in ids) and (not states or "Running" in states)
        ]
        return json_response({"instances": rows, "requestId": call.request_id})
