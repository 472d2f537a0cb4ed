"""Names of work, and digests of what it is about."""

from __future__ import annotations

from dataclasses import astuple
from types import MappingProxyType

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fctoolkit.errors import NotStorableError
from fctoolkit.idempotency.key import MAX_KEY_LENGTH, MAX_OUTCOME_BYTES, Key, digest, outcome_text

PARTS = st.text(st.sampled_from("ab/%~2F7E é\U0001f600"), min_size=1, max_size=6) | st.text(
    st.sampled_from("ab~/"), min_size=230, max_size=250
)
KEYS = st.builds(Key, PARTS, PARTS, PARTS, PARTS)


def test_it_names_account_function_operation_and_resource() -> None:
    """A key's text is what an operator would write."""
    assert Key("123", "attach", "AttachInstances", "i-1").text == "123/attach/AttachInstances/i-1"


@given(KEYS, KEYS)
@example(Key("a/b", "c", "d", "e"), Key("a", "b/c", "d", "e"))
@example(Key("a", "b", "c", "d%2F"), Key("a", "b", "c", "d/"))
@example(Key("a" * 300, "b", "c", "d"), Key("a" * 300, "b", "c", "e"))
def test_no_two_collide(one: Key, other: Key) -> None:
    """Different keys have different texts, whatever their parts hold and however long they are."""
    assert (one.text == other.text) is (astuple(one) == astuple(other))


@given(KEYS)
def test_it_is_bounded_and_ascii(key: Key) -> None:
    """Any key fits any store."""
    assert 0 < len(key.text) <= MAX_KEY_LENGTH
    assert key.text.isascii()
    assert " " not in key.text


def test_a_long_key_is_not_that_of_its_own_digest() -> None:
    """Nobody can name a resource so that its key is that of a long one."""
    long = Key("a", "b", "c", "d" * 500).text
    assert Key("a", "b", "c", long.removeprefix("a/b/c/")).text != long


@pytest.mark.parametrize("position", range(4))
def test_no_part_may_be_empty(position: int) -> None:
    """A key without an account or function would be shared with strangers."""
    parts = ["123", "attach", "AttachInstances", "i-1"]
    parts[position] = ""
    with pytest.raises(NotStorableError, match="of a key is empty"):
        _ = Key(*parts).text


def test_half_a_character_is_refused() -> None:
    """A part that is no Unicode text has no key."""
    with pytest.raises(NotStorableError, match="not valid Unicode"):
        _ = Key("1", "f", "o", "\ud800").text


def test_a_digest_is_of_the_value() -> None:
    """The order of keys in a payload does not matter; everything else does."""
    assert digest("k", {"a": 1, "b": [2]}) == digest("k", MappingProxyType({"b": (2,), "a": 1}))
    payloads = [None, 0, False, "", "0", [], {}, [[]], 1, 1.0, "é", {"a": 1}, {"a": "1"}]
    assert len({digest("k", payload) for payload in payloads}) == len(payloads)


@pytest.mark.parametrize("value", [{1, 2}, b"raw", float("nan"), {"at": object()}, {("a", "b"): 1}])
def test_what_is_not_json_is_refused(value: object) -> None:
    """A payload or outcome that is not JSON is an error that says so, before anything is stored."""
    for use in (digest, outcome_text):
        with pytest.raises(NotStorableError, match="is not JSON"):
            use("k", value)


def test_an_outcome_is_bounded() -> None:
    """An outcome too long to keep is refused."""
    assert outcome_text("k", "x" * (MAX_OUTCOME_BYTES - 2))
    with pytest.raises(NotStorableError, match="65537 bytes; at most 65536"):
        outcome_text("k", "x" * (MAX_OUTCOME_BYTES - 1))
