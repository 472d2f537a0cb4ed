"""No key of the shipped s.yaml can be lost or misspelt unseen, but for a short list."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localcloud.template.source import Content, Node, load
from tests.support.s_yaml import ROOT
from tools.template.lint import lint_document

DOCUMENT = load(ROOT / "s.yaml")

FREE_NAMES = {
    "resources.attach_instances",
    "resources.add_connectable_cluster",
    "template.function.environmentVariables.LOG_LEVEL",
    "template.function.environmentVariables.PYDANTIC_DISABLE_PLUGINS",
}
"""Names and not keys: any would do."""

OPTIONAL = {
    *FREE_NAMES,
    *("access", "actions.pre-deploy[0].path"),
    *(
        f"template.function.{key}"
        for key in (
            *("diskSize", "internetAccess", "environmentVariables", "tags"),
            *("instanceLifecycleConfig", "instanceLifecycleConfig.initializer"),
            *("instanceLifecycleConfig.initializer.timeout", "environmentVariables.ENLIST_NETWORK"),
            *("asyncInvokeConfig.maxAsyncEventAgeInSeconds", "asyncInvokeConfig.maxAsyncRetryAttempts"),
            *("logConfig.enableRequestMetrics", "logConfig.enableInstanceMetrics", "logConfig.logBeginRule"),
        )
    ),
    *(
        f"triggers[].{key}"
        for key in (
            *("qualifier", "triggerConfig.disableURLInternet", "triggerConfig.payload"),
            *("triggerConfig.eventSinkConfig.deliveryOption.eventSchema",),
            *("triggerConfig.runOptions.errorsTolerance", "triggerConfig.runOptions.retryStrategy"),
            *("triggerConfig.runOptions.retryStrategy.MaximumEventAgeInSeconds",),
            *("triggerConfig.runOptions.retryStrategy.MaximumRetryAttempts",),
        )
    ),
    "description",
}
"""What FC, fc3 or Serverless Devs has a default for that does no harm."""

Steps = tuple[str | int, ...]


def keys(node: Node, steps: Steps = ()) -> Iterator[tuple[Steps, Node]]:
    """Every key of the file, with the way to it."""
    content = node.content
    if isinstance(content, Mapping):
        for key, child in content.items():
            yield (*steps, key), child
            yield from keys(child, (*steps, key))
    elif isinstance(content, tuple):
        for index, child in enumerate(content):
            yield from keys(child, (*steps, index))


def written() -> dict[str, Steps]:
    """Every key where it is written; what `<<` repeats is left out."""
    first: dict[tuple[int, int | str], Steps] = {}
    for steps, node in keys(DOCUMENT):
        first.setdefault((node.place.line, steps[-1]), steps)
    return {".".join(map(str, steps)): steps for steps in first.values()}


def changed(node: Node, steps: Steps, name: str | None) -> Node:
    """The tree with one key renamed, or left out."""
    parent = node.at(steps[:-1])
    assert isinstance(parent.content, Mapping)
    entries = {name if key == steps[-1] else key: child for key, child in parent.content.items()}
    kept = {key: child for key, child in entries.items() if key is not None}
    return replaced(node, steps[:-1], Node(kept, parent.place))


def replaced(node: Node, steps: Steps, value: Node) -> Node:
    """The tree with another value in one place."""
    if not steps:
        return value
    step, *rest = steps
    content = node.content
    if isinstance(content, tuple):
        items = enumerate(content)
        return Node(
            tuple(replaced(child, tuple(rest), value) if index == step else child for index, child in items),
            node.place,
        )
    assert isinstance(content, Mapping)
    return Node(
        {
            key: replaced(child, tuple(rest), value) if key == step else child
            for key, child in content.items()
        },
        node.place,
    )


def is_reported(document: Node) -> bool:
    """Whether the linter finds a problem."""
    return any(not problem.is_note for problem in lint_document(document, ROOT).problems)


def label(steps: Steps) -> str:
    """A key's name in the list above: without the function, and without positions of triggers."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps).removeprefix(".")
    for function in ("attach_instances", "add_connectable_cluster"):
        text = text.removeprefix(f"resources.{function}.props.")
    return text if not text.startswith("triggers[") else f"triggers[]{text[text.index(']') + 1 :]}"


def test_all_keys_are_tried() -> None:
    """The walk sees the whole file, and the list names nothing that is not there."""
    labels = {label(steps) for steps in written().values()}
    assert len(written()) > 100
    assert labels >= OPTIONAL
    assert not is_reported(DOCUMENT)


@pytest.mark.parametrize("name", written())
def test_a_lost_key_is_reported_or_optional(name: str) -> None:
    """Without the key, the linter complains, unless there is a default that does no harm."""
    steps = written()[name]
    assert is_reported(changed(DOCUMENT, steps, None)) is (label(steps) not in OPTIONAL)


@pytest.mark.parametrize("name", written())
def test_a_misspelt_key_is_reported(name: str) -> None:
    """A letter too many, one too few or one in the wrong case is seen, even where the key is optional."""
    steps = written()[name]
    key = str(steps[-1])
    for misspelt in (f"{key}{key[-1]}", key[:-1], key[0].swapcase() + key[1:]):
        assert is_reported(changed(DOCUMENT, steps, misspelt)) is (label(steps) not in FREE_NAMES), misspelt


JUNK: tuple[Content, ...] = (None, True, 5, -1, 0.5, "", "x", "ä", "x" * 300, "${", "${vars.no}", (), {})


@settings(max_examples=150)
@given(name=st.sampled_from(sorted(written())), junk=st.sampled_from(JUNK), deeper=st.booleans())
def test_whatever_stands_for_a_value_is_answered(name: str, junk: Content, *, deeper: bool) -> None:
    """No value, in no place, ends the linter in a traceback, and each problem has a place and a fix."""
    place = DOCUMENT.place
    value = Node((Node(junk, place), Node({"": Node(junk, place)}, place)) if deeper else junk, place)
    for problem in lint_document(replaced(DOCUMENT, written()[name], value), ROOT).problems:
        assert problem.line
        assert problem.wrong
        assert problem.fix
