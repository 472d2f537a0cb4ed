"""What the three clients share: reading answers into models, and walking pages. Knows no single API."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Generic, NamedTuple, Protocol, TypeVar, cast, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from fctoolkit.errors import AnswerError, ApiFailure
from fctoolkit.strictjson import dotted
from fctoolkit.together import one_by_one

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from fctoolkit.client import ApiAnswer, ApiRequest
    from fctoolkit.jsontypes import JsonObject
    from fctoolkit.together import Together

PAGE_SIZE = 100
"""The largest page that DescribeInstances, DescribeClusterNodes and ListInstance give."""

_MOST_PAGES = 10_000
_PAGES_AT_ONCE = 100

_Model = TypeVar("_Model", bound=BaseModel)
_Item = TypeVar("_Item")


class Session(Protocol):
    """What the clients need of `fctoolkit.client.ApiSession`: one signed call, or an `ApiError`."""

    def send(self, request: ApiRequest, /) -> ApiAnswer:
        """The 2xx answer to a call. Raises the `ApiError` tree."""
        ...


class Answer(BaseModel):
    """Base of the models of answers: what is not named is not read, and null is the same as absent.

    A field that must be there may be null when it is a list: some services write an empty list so. An answer
    without it says nothing, which is not "there is none".
    """

    model_config = ConfigDict(defer_build=True, extra="ignore", frozen=True, coerce_numbers_to_str=True)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        given = cast("JsonObject", value)
        needed = cls._needed_lists()
        return {
            key: [] if item is None else item
            for key, item in given.items()
            if item is not None or key in needed
        }

    @classmethod
    @cache
    def _needed_lists(cls) -> frozenset[str]:
        return frozenset(
            field.alias or name
            for name, field in cls.model_fields.items()
            if field.is_required() and get_origin(field.annotation) is tuple
        )


def read(model: type[_Model], answer: ApiAnswer, **known: str) -> _Model:
    """The answer as a model, with what is known of it anyway.

    Raises `AnswerError` naming the field that is not as documented.
    """
    try:
        return model.model_validate({**answer.payload, **known})
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        raise unreadable(answer, f"{dotted(first['loc'])}: {first['msg']}") from None


def unreadable(answer: ApiAnswer, message: str) -> AnswerError:
    """A 2xx answer that cannot be read as what the API documents."""
    return AnswerError(
        ApiFailure(
            action=answer.action,
            host=answer.host,
            status=answer.status,
            code="unreadable",
            message=message,
            request_id=answer.request_id,
            attempts=answer.attempts,
            maybe_done=True,
        )
    )


class Page(NamedTuple, Generic[_Item]):
    """One page of a listing.

    Attributes:
        items: what it holds.
        total: how many items the listing has, 0 when the answer does not say.
        answer: where it came from.
    """

    items: Sequence[_Item]
    total: int
    answer: ApiAnswer


def paged(
    request: ApiRequest,
    page_key: str,
    call: Callable[[ApiRequest], Page[_Item]],
    together: Together | None = None,
) -> Iterator[_Item]:
    """Every item of a listing, page by page, until its total is reached or a page is empty.

    With `together`, the pages that the first one tells of are asked for together.

    Raises `AnswerError` for a listing that ends before its total, or never ends.
    """

    def ask(number: int) -> Page[_Item]:
        return call(replace(request, query={**request.query, page_key: str(number)}))

    seen, numbers = 0, range(1, 2)
    while True:
        pages = (together or one_by_one)(ask, numbers)
        for number, page in zip(numbers, pages, strict=True):
            yield from page.items
            seen += len(page.items)
            if not page.items and seen < page.total:
                raise unreadable(page.answer, f"page {number} is empty after {seen} of {page.total} items")
            if not page.items or (page.total and seen >= page.total):
                return
            if number == _MOST_PAGES:
                raise unreadable(page.answer, f"there is always one more page, after {number}")
        ahead = 1 if together is None else _pages_ahead(pages[-1], seen)
        numbers = range(numbers.stop, min(numbers.stop + ahead, _MOST_PAGES + 1))


def _pages_ahead(last: Page[_Item], seen: int) -> int:
    """How many more pages there are likely to be, as far as they are asked for at once; at least 1."""
    return min(max(1, -(-(last.total - seen) // len(last.items))), _PAGES_AT_ONCE)


def chunks(items: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """`items` in runs of at most `size`."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
