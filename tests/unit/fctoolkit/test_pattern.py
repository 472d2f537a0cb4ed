"""The pattern language, each operator from the outside, and the whole against an oracle."""

from __future__ import annotations

import ipaddress
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fctoolkit.errors import PatternError
from fctoolkit.pattern import EVENTBRIDGE_LIMIT, compile_pattern

if TYPE_CHECKING:
    from fctoolkit.jsontypes import FrozenJson


def matches(expressions: FrozenJson, value: FrozenJson) -> bool:
    """Whether a field with this value matches these expressions."""
    return compile_pattern({"field": expressions}).matches({"field": value})


@pytest.mark.parametrize(
    ("expression", "accepted", "refused"),
    [
        ("acs.oss", ["acs.oss"], ["acs.OSS", "acs.oss ", "", None, 1]),
        ("", [""], [" ", None, 0, False]),
        (None, [None], ["", 0, False, "null"]),
        (True, [True], [1, 1.0, "true", False]),
        (300, [300, 300.0], ["300", 301, True]),
        (0, [0, 0.0, -0.0], [False, "", None]),
        ({"prefix": "acs."}, ["acs.", "acs.oss"], ["acs", "Acs.oss", "x.acs.", 1, None]),
        ({"suffix": ".jpg"}, [".jpg", "a.jpg"], ["jpg", "a.JPG", ".jpg ", None]),
        ({"contains": "Normal"}, ["Normal", "xNormaly"], ["normal", "Norma", 1]),
        ({"anything-but": "stopped"}, ["running", "", None, 5, True], ["stopped"]),
        ({"anything-but": 123}, [124, "123", None], [123, 123.0]),
        ({"anything-but": ["stopped", 5]}, ["running", 6, "5"], ["stopped", 5]),
        ({"anything-but": {"prefix": "init"}}, ["running", "Init", 5], ["init", "initializing"]),
        ({"numeric": [">", 0, "<=", 5]}, [0.1, 5, 5.0], [0, 5.01, -1, "3", True, None]),
        ({"numeric": ["<", 5, ">=", 2]}, [2, 4.9], [5, 1.9]),
        ({"numeric": ["=", 3.018e2]}, [301.8], [301, "301.8"]),
        ({"numeric": [">=", 5]}, [5, 10**400], [4.9, False]),
        ({"numeric": [">=", 5, "<=", 5]}, [5], [4, 6]),
        ({"cidr": "10.0.0.0/24"}, ["10.0.0.0", "10.0.0.255"], ["10.0.1.0", "10.0.0", "", "::1", 167772160]),
        ({"exists": True}, [None, "", 0, [], {}], []),
        ({"exists": False}, [], [None, "", 0, [], {}]),
    ],
)
def test_each_expression_accepts_and_refuses(
    expression: FrozenJson, accepted: list[FrozenJson], refused: list[FrozenJson]
) -> None:
    """Every documented expression matches exactly the values it describes."""
    assert [value for value in accepted if not matches([expression], value)] == []
    assert [value for value in refused if matches([expression], value)] == []


def test_missing_field_matches_only_exists_false() -> None:
    """A field that is not there matches `exists: false` and nothing else, `anything-but` included."""
    empty: dict[str, FrozenJson] = {}
    assert compile_pattern({"field": [{"exists": False}]}).matches(empty)
    for expression in ({"exists": True}, {"anything-but": "x"}, None, "", {"prefix": ""}):
        assert not compile_pattern({"field": [expression]}).matches(empty)


@pytest.mark.parametrize("parent", [None, "text", 5, [], [{"errorCode": "x"}], {}])
def test_no_key_under_a_parent_that_is_no_object(parent: FrozenJson) -> None:
    """Below a parent that is missing, no object, or an array, no key exists."""
    assert compile_pattern({"data": {"errorCode": [{"exists": False}]}}).matches({"data": parent})
    assert not compile_pattern({"data": {"errorCode": ["x"]}}).matches({"data": parent})


def test_keys_are_and_and_expressions_are_or() -> None:
    """All keys must match, and one expression of each is enough."""
    pattern = compile_pattern({"source": ["a", {"prefix": "b"}], "data": {"state": ["on"], "level": [1, 2]}})
    assert pattern.matches({"source": "bcd", "data": {"state": "on", "level": 2}, "other": 1})
    assert not pattern.matches({"source": "a", "data": {"state": "on", "level": 3}})
    assert not pattern.matches({"source": "c", "data": {"state": "on", "level": 1}})


def test_array_matches_by_any_element() -> None:
    """An array in the event matches when one of its scalars does, also for `anything-but`."""
    assert matches(["b"], ["a", "b"])
    assert matches([{"anything-but": "a"}], ["a", "b"])
    assert not matches([{"anything-but": "a"}], ["a", "a"])
    assert not matches(["a"], [["a"], {"a": "a"}])
    assert not matches([{"anything-but": "a"}], [])


def test_objects_match_nothing_but_exists() -> None:
    """An object where the pattern has expressions is there, and is equal to nothing."""
    assert not matches([{"anything-but": "a"}], {"a": 1})
    assert matches([{"exists": True}], {"a": 1})


def test_empty_pattern_matches_everything() -> None:
    """`{}` is the pattern of a trigger that takes every event."""
    assert compile_pattern("{}").matches({"anything": 1})


def test_numbers_as_text() -> None:
    """With `numbers_as_text`, 300 and 300.0 are different values, for `anything-but` too."""
    exact = compile_pattern({"n": [300]}, numbers_as_text=True)
    assert exact.matches({"n": 300})
    assert not exact.matches({"n": 300.0})
    assert compile_pattern({"n": [{"anything-but": 300}]}, numbers_as_text=True).matches({"n": 300.0})


@pytest.mark.parametrize(
    ("pattern", "path", "reason"),
    [
        ("[1]", "", "an object of fields, found [1]"),
        ("{", "", "expected JSON"),
        ('{"a": ["x"], "a": ["y"]}', "a", "each key once"),
        ('{"a": [NaN]}', "", "a finite number"),
        ({"a": "x"}, "a", 'array of expressions or an object, found "x"'),
        ({"source": {"prefix": "acs."}}, "source.prefix", "an operator stands in an array"),
        ({"a": []}, "a", "found an empty array"),
        ({"a": {"b": {}}}, "a.b", "found an empty object"),
        ({"a": [["x"]]}, "a[0]", 'found ["x"]'),
        ({"a": [float("inf")]}, "a[0]", "a finite number"),
        ({"a": [{}]}, "a[0]", "one operator in each object, found none"),
        ({"a": [{"prefix": "x", "suffix": "y"}]}, "a[0]", "found prefix, suffix"),
        ({"a": ["x", {"prefx": "x"}]}, "a[1]", "unknown operator 'prefx' (did you mean 'prefix'?)"),
        ({"a": [{"wildcard": "*"}]}, "a[0]", "there are prefix, suffix, contains, anything-but, numeric"),
        ({"a": [{"prefix": 5}]}, "a[0].prefix", "a string, found 5"),
        ({"a": [{"contains": ["x"]}]}, "a[0].contains", "a string"),
        ({"a": [{"exists": "true"}]}, "a[0].exists", 'true or false, found "true"'),
        ({"a": [{"anything-but": []}]}, "a[0].anything-but", "empty array"),
        ({"a": [{"anything-but": None}]}, "a[0].anything-but", "strings or numbers, found null"),
        ({"a": [{"anything-but": [True]}]}, "a[0].anything-but", "strings or numbers, found true"),
        ({"a": [{"anything-but": {"suffix": "x"}}]}, "a[0].anything-but", "only 'prefix'"),
        ({"a": [{"anything-but": {"prefix": 1}}]}, "a[0].anything-but.prefix", "a string"),
        ({"a": [{"numeric": ">5"}]}, "a[0].numeric", "one bound"),
        ({"a": [{"numeric": [">"]}]}, "a[0].numeric", "one bound"),
        ({"a": [{"numeric": ["!=", 5]}]}, "a[0].numeric", 'one of = < <= > >=; found "!="'),
        ({"a": [{"numeric": [">", "5"]}]}, "a[0].numeric", "a number after '>'"),
        ({"a": [{"numeric": [">", True]}]}, "a[0].numeric", "a number after '>'"),
        ({"a": [{"numeric": [">", 1, ">=", 2]}]}, "a[0].numeric", "a lower and an upper bound"),
        ({"a": [{"numeric": ["=", 1, "<", 2]}]}, "a[0].numeric", "a lower and an upper bound"),
        ({"a": [{"numeric": [">", 5, "<", 5]}]}, "a[0].numeric", "no number lies in the range"),
        ({"a": [{"cidr": "10.0.0.0/33"}]}, "a[0].cidr", "an IPv4 block"),
        ({"a": [{"cidr": "::/8"}]}, "a[0].cidr", "an IPv4 block"),
        ({"a": [{"cidr": 10}]}, "a[0].cidr", "a string"),
    ],
)
def test_refusals_name_the_place_and_the_reason(pattern: FrozenJson, path: str, reason: str) -> None:
    """A pattern that is not in the language is refused with the place and what would be right there."""
    with pytest.raises(PatternError) as caught:
        compile_pattern(pattern)
    assert caught.value.path == path
    assert reason in caught.value.reason


@pytest.mark.parametrize("levels", [40, 100_000])
def test_deep_patterns_are_refused(levels: int) -> None:
    """Nesting without end is a PatternError, never a RecursionError."""
    with pytest.raises(PatternError, match="levels"):
        compile_pattern('{"a":' * levels + '["x"]' + "}" * levels)


def test_limit_counts_expressions_of_one_field() -> None:
    """EventBridge's limit of five expressions holds for each field, and only when it is asked for."""
    six: list[FrozenJson] = ["1", "2", "3", "4", "5", "6"]
    assert compile_pattern({"a": six}).matches({"a": "6"})
    assert compile_pattern({"a": six[:5], "b": six[:5]}, limit=EVENTBRIDGE_LIMIT).matches(
        {"a": "1", "b": "1"}
    )
    with pytest.raises(PatternError, match=r"data\.a: expected at most 5 expressions, found 6"):
        compile_pattern({"data": {"a": six}}, limit=EVENTBRIDGE_LIMIT)


def test_explain_names_the_first_field_that_does_not_match() -> None:
    """A mismatch says which field, what was wanted and what was found; a match says nothing."""
    pattern = compile_pattern({"source": ["a"], "data": {"state": ["on", {"prefix": "o"}]}})
    wrong = pattern.explain({"source": "a", "data": {"state": "Off"}})
    assert str(wrong) == 'data.state: wanted ["on", {"prefix": "o"}], found "Off"'
    assert str(pattern.explain({"source": "a"})) == (
        'data.state: wanted ["on", {"prefix": "o"}], found no such field'
    )
    assert pattern.explain({"source": "a", "data": {"state": "of"}}) is None


def test_explain_shortens_what_it_found() -> None:
    """A large value never appears whole in an explanation."""
    found = compile_pattern({"a": ["x"]}).explain({"a": "y" * 10_000})
    assert found is not None
    assert len(found.found) < 100


def test_paths_are_the_leaves_in_order() -> None:
    """The leaf paths are tuples of keys, so that keys with dots stay whole."""
    pattern = compile_pattern({"tags": {"k8s.io/role": ["edge"]}, "source": ["a"]})
    assert pattern.paths() == (("tags", "k8s.io/role"), ("source",))


def test_patterns_compare_by_their_json() -> None:
    """The same JSON gives equal patterns, and a pattern shows its JSON."""
    assert compile_pattern('{"a": ["x"]}') == compile_pattern({"a": ["x"]})
    assert compile_pattern({"a": ["x"]}) != compile_pattern({"a": ["y"]})
    assert '{"a": ["x"]}' in repr(compile_pattern({"a": ["x"]}))


# The oracle: the language written down a second time, naively, over plain Python values.


def oracle(pattern: dict[str, Any], event: Any) -> bool:
    """AND over keys, OR over expressions."""
    for key, wanted in pattern.items():
        there = isinstance(event, dict) and key in event
        value = event[key] if there else None
        if isinstance(wanted, dict):
            if not oracle(wanted, value if there else {}):
                return False
        elif not any(oracle_expression(one, there, value) for one in wanted):
            return False
    return True


def oracle_expression(one: Any, there: bool, value: Any) -> bool:
    """One expression and what stands at its field."""
    if isinstance(one, dict) and "exists" in one:
        return one["exists"] is there
    values = value if isinstance(value, list) else [value]
    return there and any(oracle_scalar(one, v) for v in values if not isinstance(v, (dict, list)))


def oracle_scalar(one: Any, value: Any) -> bool:
    """One expression and one scalar."""
    text = json.dumps(value)
    if not isinstance(one, dict):
        both_numbers = all(type(x) in (int, float) for x in (one, value))
        return float(one) == float(value) if both_numbers else json.dumps(one) == text
    ((name, operand),) = one.items()
    if name == "anything-but":
        inner = [operand] if isinstance(operand, (dict, str, int, float)) else operand
        return not any(oracle_scalar(item, value) for item in inner)
    if name == "numeric":
        if type(value) not in (int, float):
            return False
        signs = {"=": "==", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
        pairs = zip(operand[::2], operand[1::2], strict=True)
        return all(eval(f"{value!r} {signs[sign]} {number!r}") for sign, number in pairs)  # noqa: S307 -- own texts
    if not isinstance(value, str):
        return False
    if name == "cidr":
        inside = {str(address) for address in ipaddress.ip_network(operand)}
        return value in inside
    answers: dict[str, bool] = {
        "prefix": value[: len(operand)] == operand,
        "suffix": value.endswith(operand),
        "contains": operand in value,
    }
    return answers[name]


TEXTS = st.sampled_from(["", "a", "ab", "b", "ba", "aab", "10.0.0.1", "10.0.0.9"])
NUMBERS = st.sampled_from([0, 1, 1.0, -1, 2.5, 300, 300.0])
SCALARS = st.one_of(TEXTS, NUMBERS, st.booleans(), st.none())
KEYS = st.sampled_from(["a", "b", "c"])
RANGES = st.sampled_from([["=", 1], [">", 0], ["<=", 2.5], [">", 0, "<=", 300], ["<", 2, ">=", -1]])
EXPRESSIONS = st.one_of(
    SCALARS,
    st.fixed_dictionaries({"prefix": TEXTS}),
    st.fixed_dictionaries({"suffix": TEXTS}),
    st.fixed_dictionaries({"contains": TEXTS}),
    st.fixed_dictionaries({"exists": st.booleans()}),
    st.fixed_dictionaries({"numeric": RANGES}),
    st.fixed_dictionaries({"cidr": st.sampled_from(["10.0.0.0/30", "10.0.0.8/29"])}),
    st.fixed_dictionaries(
        {
            "anything-but": st.one_of(
                TEXTS,
                NUMBERS,
                st.lists(st.one_of(TEXTS, NUMBERS), min_size=1, max_size=3),
                st.fixed_dictionaries({"prefix": TEXTS}),
            )
        }
    ),
)
PATTERNS = st.recursive(
    st.dictionaries(KEYS, st.lists(EXPRESSIONS, min_size=1, max_size=3), min_size=1, max_size=2),
    lambda inner: st.dictionaries(KEYS, inner, min_size=1, max_size=2),
    max_leaves=4,
)
VALUES = st.one_of(SCALARS, st.lists(st.one_of(SCALARS, st.lists(SCALARS, max_size=1)), max_size=3))
EVENTS = st.recursive(
    st.dictionaries(KEYS, VALUES, max_size=3),
    lambda inner: st.dictionaries(KEYS, st.one_of(VALUES, inner), max_size=3),
    max_leaves=4,
)


@settings(max_examples=300)
@given(pattern=PATTERNS, event=EVENTS)
def test_agrees_with_the_oracle(pattern: dict[str, Any], event: dict[str, Any]) -> None:
    """Any pattern and any event: the compiled pattern and the naive reading of the page say the same."""
    compiled = compile_pattern(pattern)
    assert compiled.matches(event) is oracle(pattern, event)
    assert (compiled.explain(event) is None) is compiled.matches(event)
    assert compile_pattern(json.dumps(pattern)).matches(event) is compiled.matches(event)


@settings(max_examples=200)
@given(st.text(alphabet='{}[]",:prefixnumeric 0123>', max_size=40))
def test_any_text_compiles_or_is_refused(text: str) -> None:
    """No text makes the compiler raise anything but PatternError."""
    try:
        compile_pattern(text)
    except PatternError as error:
        assert str(error)  # noqa: PT017 -- either ending is right
