"""The actions on tags of functions, by the functions' ARNs, and the list of regions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from localcloud.message import Response, json_response
from localcloud.services.base import integer, page_from
from localcloud.services.fc.codes import missing, wrong
from localcloud.services.fc.plane import DONE, region_of
from localcloud.services.fc.reading import read_list, read_tags, read_texts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fctoolkit.jsontypes import JsonObject, JsonValue
    from localcloud.services.base import Call, Handler
    from localcloud.services.fc.model import Function
    from localcloud.services.fc.plane import Plane

REGIONS: Final[Mapping[str, str]] = {
    "cn-hangzhou": "China (Hangzhou)",
    "cn-shanghai": "China (Shanghai)",
    "cn-beijing": "China (Beijing)",
    "cn-shenzhen": "China (Shenzhen)",
    "ap-southeast-1": "Singapore",
}
"""Some of FC's; functions can be made in any region here."""


class TagActions:
    """TagResources and its like, and DescribeRegions."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self.actions: Mapping[str, Handler] = {
            "TagResources": self._tag,
            "UntagResources": self._untag,
            "ListTagResources": self._list,
            "DescribeRegions": self._regions,
        }

    def _tag(self, call: Call) -> Response:
        arns, tags = call.body.get("ResourceId"), read_tags(call.body.get("Tag"))
        if not tags:
            raise wrong("Tag must be a list that is not empty.")
        for function in self._named(call, map(str, arns if isinstance(arns, list) else ())):
            function.tags |= tags
        return DONE

    def _untag(self, call: Call) -> Response:
        keys = read_texts(call.query.get("TagKey", ""), "TagKey")
        everything = call.query.get("All", "").lower() == "true"
        for function in self._named(call, read_texts(call.query.get("ResourceId", ""), "ResourceId")):
            function.tags = {
                key: value for key, value in function.tags.items() if not everything and key not in keys
            }
        return DONE

    def _list(self, call: Call) -> Response:
        """A page of tags, all without a `Limit`."""
        arns = read_texts(call.query.get("ResourceId", ""), "ResourceId")
        wanted = read_tags(read_list(call.query.get("Tag", ""), "Tag"))
        rows: list[JsonValue] = [
            {
                "ResourceId": function.arn(),
                "ResourceType": "function",
                "TagKey": key,
                "TagValue": value,
            }
            for function in self._plane.functions.all(region_of(call))
            if (not arns or function.arn() in arns) and wanted.items() <= function.tags.items()
            for key, value in function.tags.items()
        ]
        page, token = page_from(call, rows, integer(call, "Limit", max(len(rows), 1)))
        following: JsonObject = {"NextToken": token} if token else {}
        return json_response({"RequestId": call.request_id, "TagResources": page, **following})

    def _regions(self, _: Call) -> Response:
        rows: list[JsonValue] = [{"RegionId": region, "LocalName": name} for region, name in REGIONS.items()]
        body: JsonObject = {"Regions": {"Region": rows}}
        return json_response(body)

    def _named(self, call: Call, arns: Iterable[str]) -> list[Function]:
        """The functions of these ARNs; refuses the call when there is none, or one that is not there."""
        known = {function.arn(): function for function in self._plane.functions.all(call.region)}
        named = list(arns)
        if not named:
            raise wrong("ResourceId must be a list that is not empty.")
        for arn in named:
            if arn not in known:
                raise missing("Function", arn)
        return [known[arn] for arn in named]
