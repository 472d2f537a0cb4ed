"""Bindings files as tests write them: a small good one, and data of any shape that is valid."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from enlist.facts import EDGE_FACTS, SEARCH_FACTS

if TYPE_CHECKING:
    from collections.abc import Iterable

GOOD_YAML = """\
edge:
  - name: one
    match: {cpu: [4]}
    cluster: c1
    region: cn-hangzhou
search:
  - name: logs
    match: {vpcId: [vpc-1]}
    region: cn-beijing
    peers: [es-cn-hub1]
"""

# Texts that YAML reads as something else when they are not quoted, and plain ones.
_texts = st.sampled_from(
    [
        "no",
        "on",
        "null",
        "~",
        "1",
        "0x10",
        "1e3",
        "2026-11-01",
        "",
        " a ",
        "a: b",
        "- a",
        "#",
        "é\n☃",
        '"',
        "'",
    ]
) | st.text(alphabet="ab01:#-[]{}é ", max_size=6)
_ids = st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9_-]{0,12}\Z")
_search_ids = st.from_regex(r"\Aes-[a-z0-9-]{1,12}\Z")
_regions = st.from_regex(r"\A[a-z]{2}(-[a-z0-9]{1,8}){1,2}\Z")
_moments = st.datetimes(
    datetime(2020, 1, 1),  # noqa: DTZ001 -- the strategy adds the zone
    timezones=st.sampled_from(
        [UTC, timezone(timedelta(hours=8)), timezone(timedelta(hours=-3, minutes=-30))]
    ),
).map(datetime.isoformat)
_expressions = st.lists(
    _texts
    | st.integers(-10, 10)
    | st.booleans()
    | st.none()
    | _texts.map(lambda text: {"prefix": text})
    | st.booleans().map(lambda flag: {"exists": flag})
    | st.lists(_texts, min_size=1, max_size=2).map(lambda texts: {"anything-but": texts})
    | st.integers(0, 64).map(lambda number: {"numeric": [">=", number]}),
    min_size=1,
    max_size=3,
)


def _matches(facts: Iterable[str]) -> st.SearchStrategy[dict[str, Any]]:
    plain = st.sampled_from(sorted({*facts} - {"tags"}))
    tags = st.dictionaries(_texts, _expressions, min_size=1, max_size=2)
    return st.dictionaries(plain, _expressions, min_size=1, max_size=2) | tags.map(
        lambda some: {"tags": some}
    )


def _bindings(match: st.SearchStrategy[Any], required: dict[str, Any], optional: dict[str, Any]) -> Any:
    return st.lists(
        st.fixed_dictionaries(
            {
                "name": st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9_.-]{0,12}\Z"),
                "match": match,
                "region": _regions,
                **required,
            },
            optional={
                "mode": st.sampled_from(["plan", "apply"]),
                "created_after": st.none() | _moments,
                "max_per_run": st.integers(1, 1000),
                **optional,
            },
        ),
        max_size=3,
        unique_by=lambda binding: binding["name"],
    )


def binding_files() -> st.SearchStrategy[dict[str, Any]]:
    """The data of valid bindings files, at least one binding in each."""
    searched = _matches(SEARCH_FACTS)
    return st.fixed_dictionaries(
        {
            "edge": _bindings(
                _matches(EDGE_FACTS),
                {"cluster": _ids},
                {"nodepool": st.none() | _ids, "os": st.lists(_texts, min_size=1, max_size=2)},
            ),
            "search": _bindings(
                searched,
                {
                    "peers": st.just("same-binding")
                    | st.lists(_search_ids, min_size=1, max_size=3)
                    | searched.map(lambda match: {"match": match})
                },
                {"max_peers": st.integers(1, 100)},
            ),
        }
    ).filter(_is_valid)


def _is_valid(data: dict[str, Any]) -> bool:
    """At least one binding, and one region for each cluster."""
    homes = {(binding["cluster"], binding["region"]) for binding in data["edge"]}
    return bool(data["edge"] or data["search"]) and len({cluster for cluster, _ in homes}) == len(homes)
