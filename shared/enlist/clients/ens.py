"""Edge Node Service (ENS 2017-11-10, RPC style): instances and their tags, read only.

Sources: https://www.alibabacloud.com/help/en/ens/developer-reference/api-ens-2017-11-10-describeinstances and
-listtagresources. Limits: 100 ids and 100 items a call; 800 calls a second an account.
"""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import chain, count
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, JsonValue

from enlist.clients.wire import PAGE_SIZE, Answer, Page, Session, chunks, paged, read, unreadable
from enlist.facts import EdgeFacts, edge_facts
from fctoolkit.client import ApiAnswer, ApiRequest, error_inside
from fctoolkit.together import one_by_one

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from enlist.endpoints import Endpoints
    from fctoolkit.together import Together

VERSION = "2017-11-10"

TAG_CHUNK = 50
"""Resource ids that ListTagResources takes in one call."""

_MOST_TAG_PAGES = 100


class _InstancePage(Answer):
    class _Instances(Answer):
        instance: Annotated[tuple[dict[str, JsonValue], ...], Field(alias="Instance")]

    instances: Annotated[_Instances, Field(alias="Instances")]
    total: Annotated[int, Field(alias="TotalCount")] = 0


class _Tag(Answer):
    resource_id: Annotated[str, Field(alias="ResourceId")] = ""
    key: Annotated[str, Field(alias="TagKey")] = ""
    value: Annotated[str, Field(alias="TagValue")] = ""


class _TagPage(Answer):
    next_token: Annotated[str, Field(alias="NextToken")] = ""
    tags: Annotated[tuple[_Tag, ...], Field(alias="TagResources")]


class EnsClient:
    """ENS as one invocation uses it. Every method raises the `ApiError` tree.

    ENS has one central endpoint, chosen by the function's region; an ENS region id such as
    `cn-chengdu-telecom` is not an API region.
    """

    def __init__(
        self,
        session: Session,
        endpoints: Endpoints,
        function_region: str,
        together: Together = one_by_one,
    ) -> None:
        """Pages, and calls for many ids, are made with `together`."""
        self._session = session
        self._together = together
        self._endpoint = endpoints.of("ens", function_region)

    def describe_instances(self, instance_ids: Sequence[str] | None = None) -> tuple[EdgeFacts, ...]:
        """DescribeInstances: the facts of these instances, or of all the account has; 100 a call.

        Ids that do not exist are simply not in the answer. `tags` is None where ENS left them out: one page
        of the vendor says that it always does, the answer's model has them.
        """
        if instance_ids is None:
            request = self._request("DescribeInstances", PageSize=str(PAGE_SIZE))
            return tuple(paged(request, "PageNumber", self._page, self._together))
        found = self._together(self._describe_some, [*chunks(instance_ids, PAGE_SIZE)])
        return tuple(chain.from_iterable(found))

    def list_tag_resources(self, instance_ids: Sequence[str]) -> dict[str, dict[str, str]]:
        """ListTagResources: tags by instance id, for every id asked for; 50 a call."""
        tags: dict[str, dict[str, str]] = {instance_id: {} for instance_id in instance_ids}
        for some in self._together(self._tags_of_some, [*chunks(instance_ids, TAG_CHUNK)]):
            for tag in some:
                tags.setdefault(tag.resource_id, {})[tag.key] = tag.value
        return tags

    def _describe_some(self, instance_ids: Sequence[str]) -> list[EdgeFacts]:
        ids = json.dumps([*instance_ids], separators=(",", ":"))
        request = self._request("DescribeInstances", InstanceIds=ids, PageSize=str(PAGE_SIZE))
        return list(paged(request, "PageNumber", self._page))

    def _tags_of_some(self, instance_ids: Sequence[str]) -> list[_Tag]:
        query = {f"ResourceId.{number}": one for number, one in enumerate(instance_ids, start=1)}
        return list(self._tags(self._request("ListTagResources", ResourceType="instance", **query)))

    def _tags(self, request: ApiRequest) -> Iterator[_Tag]:
        token = ""
        for number in count(1):
            query = {**request.query, "NextToken": token} if token else request.query
            answer = self._session.send(replace(request, query=query))
            page = read(_TagPage, answer)
            yield from page.tags
            token = page.next_token
            if not token:
                return
            if number == _MOST_TAG_PAGES:
                raise unreadable(answer, f"NextToken: there is always one more page, after {number}")

    def _page(self, request: ApiRequest) -> Page[EdgeFacts]:
        answer = self._session.send(request)
        error = error_inside(answer)
        if error is not None:
            raise error
        page = read(_InstancePage, answer)
        return Page([self._facts(item, answer) for item in page.instances.instance], page.total, answer)

    def _facts(self, item: dict[str, JsonValue], answer: ApiAnswer) -> EdgeFacts:
        facts = edge_facts(item)
        if not facts.instance_id:
            raise unreadable(answer, "Instances.Instance[]: an instance without InstanceId")
        return facts

    def _request(self, action: str, **query: str) -> ApiRequest:
        return ApiRequest(
            action=action,
            version=VERSION,
            method="POST",
            endpoint=self._endpoint,
            path="/",
            query=query,
            repeatable=True,
        )
