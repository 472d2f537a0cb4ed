"""Layers: their versions, and the actions on them. Knows no function."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from localcloud.conditions.clock import iso_time
from localcloud.functions.limits import MOST_LAYER_VERSIONS
from localcloud.message import Response, json_response
from localcloud.services.base import integer, refuse_unplayed
from localcloud.services.fc.archives import read_code
from localcloud.services.fc.codes import exceeded, missing, wrong
from localcloud.services.fc.model import LayerVersion
from localcloud.services.fc.plane import DONE, LARGEST_PAGE, PAGE, paged, region_of
from localcloud.services.fc.reading import LayerInput, checked_input

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fctoolkit.jsontypes import JsonObject, JsonValue
    from localcloud.services.base import Call, Handler
    from localcloud.services.fc.plane import Plane

_ARN: Final = re.compile(
    r"acs:fc:(?P<region>[a-z0-9-]+):(?P<account>\d+|official):layers/(?P<name>[\w-]+)/versions/(?P<version>\d{1,9})"
)


class Layers:
    """The layers of an account, by region and name."""

    def __init__(self) -> None:
        self._versions: dict[tuple[str, str], dict[int, LayerVersion]] = {}
        self._published: dict[tuple[str, str], int] = {}

    def named(self, arns: Iterable[str]) -> tuple[LayerVersion | None, ...]:
        """The versions of these ARNs, in their order; None for one of FC's own, whose content is not here.

        Whatever account an ARN names is this one. Refuses an ARN that is none or that names nothing.
        """
        return tuple(self._named(arn) for arn in arns)

    def by_arn(self, arn: str) -> LayerVersion | None:
        """The version of an ARN; None when there is none."""
        found = _ARN.fullmatch(arn)
        if found is None or found["account"] == "official":
            return None
        return self.versions(found["region"], found["name"]).get(int(found["version"]))

    def versions(self, region: str, name: str) -> Mapping[int, LayerVersion]:
        """The versions of a layer by their numbers, ascending; none when there is no such layer."""
        return self._versions.get((region, name), {})

    def newest(self, region: str = "") -> list[LayerVersion]:
        """The newest version of each layer of a region, or of all."""
        return [
            versions[max(versions)]
            for (place, _), versions in self._versions.items()
            if versions and region in {"", place}
        ]

    def all(self) -> list[LayerVersion]:
        """Every version."""
        return [one for versions in self._versions.values() for one in versions.values()]

    def next_number(self, region: str, name: str) -> int:
        """The number of the next version; that of a deleted one does not come again."""
        return self._published.get((region, name), 0) + 1

    def put(self, layer: LayerVersion) -> None:
        """Keeps a new version."""
        place = (layer.region, layer.name)
        self._versions.setdefault(place, {})[layer.version] = layer
        self._published[place] = layer.version

    def remove(self, layer: LayerVersion) -> None:
        """Forgets a version. Functions that have it keep it."""
        del self._versions[layer.region, layer.name][layer.version]

    def _named(self, arn: str) -> LayerVersion | None:
        found = _ARN.fullmatch(arn)
        if found is None:
            raise wrong(f"layers: {arn!r} is no ARN such as acs:fc:REGION:ACCOUNT:layers/NAME/versions/1.")
        layer = self.by_arn(arn)
        if layer is None and found["account"] != "official":
            raise wrong(f"layers: the layer version {arn} does not exist.")
        return layer


class LayerActions:
    """CreateLayerVersion and its like."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self.actions: Mapping[str, Handler] = {
            "CreateLayerVersion": self._create,
            "GetLayerVersion": self._get,
            "GetLayerVersionByArn": self._get_by_arn,
            "DeleteLayerVersion": self._delete,
            "ListLayerVersions": self._list_versions,
            "ListLayers": self._list,
            "PutLayerACL": self._put_acl,
        }

    def _create(self, call: Call) -> Response:
        region, name = region_of(call), call.path["layerName"]
        given = checked_input(LayerInput, {**call.body, "layerName": name})
        layers = self._plane.layers
        if len(layers.versions(region, name)) >= MOST_LAYER_VERSIONS:
            raise exceeded(f"layer '{name}' has {MOST_LAYER_VERSIONS} versions: delete one.")
        code = call.body.get("code")
        archive = read_code(code if isinstance(code, dict) else {}, self._plane.archives, self._plane.objects)
        record: JsonObject = {
            "compatibleRuntime": [*given.compatible_runtime],
            "description": given.description,
            "license": given.license,
            "acl": "0",
            "createTime": iso_time(call.moment.now),
        }
        layer = LayerVersion(region, name, layers.next_number(region, name), archive, record)
        layers.put(layer)
        return json_response(layer_record(layer))

    def _get(self, call: Call) -> Response:
        return json_response(layer_record(self._version(call)))

    def _get_by_arn(self, call: Call) -> Response:
        layer = self._plane.layers.by_arn(call.path["arn"])
        if layer is None:
            raise missing("LayerVersion", call.path["arn"])
        return json_response(layer_record(layer))

    def _delete(self, call: Call) -> Response:
        self._plane.layers.remove(self._version(call))
        return DONE

    def _list_versions(self, call: Call) -> Response:
        first = integer(call, "startVersion", 1)
        size = integer(call, "limit", PAGE, maximum=LARGEST_PAGE)
        known = self._plane.layers.versions(region_of(call), call.path["layerName"])
        found = [layer for number, layer in known.items() if number >= first]
        rows: list[JsonValue] = [layer_record(layer) for layer in found[:size]]
        following: JsonObject = {"nextVersion": found[size].version} if len(found) > size else {}
        return json_response({"layers": rows, **following})

    def _list(self, call: Call) -> Response:
        refuse_unplayed(call, frozenset({"prefix", "nextToken", "limit", "public", "official"}))
        own = call.query.get("official", "").lower() != "true"
        rows = {layer.name: layer for layer in self._plane.layers.newest(region_of(call)) if own}
        return paged(call, "layers", rows, layer_record)

    def _put_acl(self, call: Call) -> Response:
        region, name = region_of(call), call.path["layerName"]
        if not self._plane.layers.versions(region, name):
            raise missing("Layer", name)
        # Accepted without effect: there is one account only, so nobody else could use the layer.
        return DONE

    def _version(self, call: Call) -> LayerVersion:
        name, number = call.path["layerName"], call.path["version"]
        known = self._plane.layers.versions(region_of(call), name)
        layer = known.get(int(number)) if re.fullmatch(r"\d{1,9}", number) else None
        if layer is None:
            raise missing("LayerVersion", number, f"layer '{name}'")
        return layer


def layer_record(layer: LayerVersion) -> JsonObject:
    """A layer's version as FC answers it."""
    return {
        **layer.record,
        "layerName": layer.name,
        "version": layer.version,
        "layerVersionArn": layer.arn,
        "codeChecksum": layer.archive.checksum,
        "codeSize": layer.archive.size,
    }
