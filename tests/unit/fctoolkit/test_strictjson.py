"""Strict JSON: what is read, and the words in which values appear in messages."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fctoolkit.strictjson import EXCERPT_LENGTH, JsonError, Place, decode, dotted, excerpt, shorten

if TYPE_CHECKING:
    from fctoolkit.jsontypes import FrozenJson, JsonValue

JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(st.characters(codec="utf-8")),
    ),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(st.characters(codec="utf-8")), inner)),
    max_leaves=10,
)


@settings(max_examples=200)
@given(JSON)
def test_sound_json_is_read_whole(value: JsonValue) -> None:
    """Whatever JSON can say comes back as it was, from bytes and from text."""
    assert decode(json.dumps(value)) == value
    assert decode(json.dumps(value, ensure_ascii=False).encode()) == value


def test_depth_counts_containers() -> None:
    """Each object and array is a level; scalars are none."""
    assert decode("[[1]]", max_depth=2) == [[1]]
    with pytest.raises(JsonError, match=r"\[0\]: expected at most 1 levels of nesting, found more"):
        decode("[[1]]", max_depth=1)


def test_error_reads_as_a_sentence() -> None:
    """The message says where, what was expected and what was found."""
    with pytest.raises(JsonError) as caught:
        decode("")
    assert str(caught.value) == "JSON: expected JSON, found nothing"


@pytest.mark.parametrize(
    ("place", "path"),
    [((), ""), (("data",), "data"), (("data", "ids", 0, "x"), "data.ids[0].x"), ((2, "a"), "[2].a")],
)
def test_places_are_dotted(place: Place, path: str) -> None:
    """A place is written as people write it."""
    assert dotted(place) == path


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "null"),
        (True, "true"),
        (1.5, "1.5"),
        ("té", '"té"'),
        (["a", 1], '["a", 1]'),
        ((), "[]"),
        ([{}], "an array of 1 items"),
        ({"a": 1, "b": 2}, "an object of 2 keys"),
    ],
)
def test_values_in_few_words(value: FrozenJson, words: str) -> None:
    """Small values are shown, containers counted."""
    assert excerpt(value) == words


def test_long_values_are_shortened_with_a_mark() -> None:
    """What is too long ends in a mark, at the same length."""
    assert shorten("x" * 100, 10) == "x" * 9 + "…"
    assert shorten("x" * 10, 10) == "x" * 10
    for value in ("x" * 10_000, ["x" * 100] * 1000, 10**4000):
        assert len(excerpt(value)) == EXCERPT_LENGTH
