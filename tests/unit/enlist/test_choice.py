"""Which binding decides about an instance, and what is said when none does."""

from __future__ import annotations

from enlist.bindings.model import EdgeBinding
from enlist.choice import MOST_EXPLAINED, choose
from enlist.facts import EdgeFacts


def bindings(count: int) -> list[EdgeBinding]:
    """Bindings for machines with so many and so many vCPUs, from 1 up."""
    return [
        EdgeBinding.model_validate(
            {"name": f"b{number}", "match": {"cpu": [number]}, "cluster": "c1", "region": "cn-hangzhou"}
        )
        for number in range(1, count + 1)
    ]


def test_the_binding_that_matches_decides_wherever_it_stands() -> None:
    """The first that matches is chosen, behind any number that do not."""
    choice = choose(EdgeFacts("i-1", "Running", cpu=90, tags={}), [*bindings(100), *bindings(90)])
    assert choice.binding is not None
    assert choice.binding.name == "b90"


def test_a_stranger_is_explained_in_few_words() -> None:
    """Where many bindings do not match, the reason says why for the first of them and counts the others."""
    outcome = choose(EdgeFacts("i-1", "Running", cpu=1000), bindings(200)).outcome
    assert outcome is not None
    assert outcome.reason.startswith("no binding matches: b1 (cpu: wanted [1], found 1000); b2 (")
    assert outcome.reason.endswith(f"b{MOST_EXPLAINED} (cpu: wanted [10], found 1000); and 190 more")
