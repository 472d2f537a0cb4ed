"""The shapes of ids: what may become part of a path or a host name."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from enlist.identifiers import RegionId, ResourceId, SearchId

RESOURCE: TypeAdapter[str] = TypeAdapter(ResourceId)
SEARCH: TypeAdapter[str] = TypeAdapter(SearchId)
REGION: TypeAdapter[str] = TypeAdapter(RegionId)

_WRONG = [
    "",
    " ",
    ".",
    "..",
    "a/b",
    "a b",
    " a",
    "a\n",
    "a%2Fb",
    "a?b",
    "a#b",
    "a*",
    "é",
    "\u0661",
    "-a",
    "_a",
]


def accepts(shape: TypeAdapter[str], text: str) -> bool:
    """Whether a text has the shape."""
    try:
        return shape.validate_python(text) == text
    except ValidationError:
        return False


@pytest.mark.parametrize(
    "text", ["Cccfd68c474454665ace07efce924", "i-5j2zjis", "np3a", "0", "a_b-c", "a" * 128]
)
def test_the_vendors_ids_are_accepted(text: str) -> None:
    """Letters, digits, - and _, at most 128: every id in the vendor's samples is one."""
    assert accepts(RESOURCE, text)


@pytest.mark.parametrize("text", [*_WRONG, "a" * 129])
def test_what_could_change_a_path_is_no_id(text: str) -> None:
    """No slash, dot, space, escape or letter beyond ASCII, and no more than 128 characters."""
    assert not accepts(RESOURCE, text)


@pytest.mark.parametrize("text", ["es-cn-n6w1o1x0w001c", "es-1", "es-" + "a" * 124])
def test_elasticsearch_ids_begin_with_es(text: str) -> None:
    """An Elasticsearch id is `es-` and letters, digits and -."""
    assert accepts(SEARCH, text)


@pytest.mark.parametrize("text", [*_WRONG, "es-", "i-1", "ES-1", "es-a_b", "es-a/b", "es-" + "a" * 125])
def test_other_ids_are_no_elasticsearch_ids(text: str) -> None:
    """An id of another service is refused before a call is made with it."""
    assert not accepts(SEARCH, text)


@pytest.mark.parametrize("text", ["cn-hangzhou", "ap-southeast-1", "cn-north-2-gov-1"])
def test_the_vendors_regions_are_accepted(text: str) -> None:
    """API regions, those with numbers and several parts too."""
    assert accepts(REGION, text)


@pytest.mark.parametrize(
    "text", [*_WRONG, "cn", "hangzhou", "CN-hangzhou", "cn-hangzhou.example.com", "cn--a"]
)
def test_what_could_change_a_host_is_no_region(text: str) -> None:
    """A region becomes part of a host name, so it has no dot, slash or @."""
    assert not accepts(REGION, text)


@given(text=st.text(max_size=8) | st.from_regex(r"\A[\w.%/@-]{1,12}\Z"))
@settings(max_examples=300)
def test_an_accepted_id_is_one_segment_as_it_is(text: str) -> None:
    """Whatever is accepted needs no escaping in a path and names nothing but itself."""
    for shape in (RESOURCE, SEARCH, REGION):
        if accepts(shape, text):
            assert quote(text, safe="") == text
            assert text not in {"", ".", ".."}
