"""The policies of `ram/` against what the functions really call."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

import pytest

from localcloud.catalogue import load
from localcloud.errors import Refusal
from tests.support.product import ACCOUNT, ROOT
from tests.support.ram_evaluator import Decision, decide
from tests.support.ram_requests import needs
from tests.support.ram_scenarios import ATTACH, CONNECT, FAR, SCENARIOS, UNBOUND, play, policies
from tools.ram.table import EDGE, SEARCH

if TYPE_CHECKING:
    from pathlib import Path

BY_THE_PLATFORM = {"mns:SendMessage", "log:PostLogStoreLogs"}
"""What FC does in a function's name; no code of ours calls it."""


def actions_in(policy: dict[str, Any]) -> set[str]:
    """Every action of a policy."""
    return {action for statement in policy["Statement"] for action in statement["Action"]}


def action_names(service: str) -> set[str]:
    """Every action that the source of a typed client puts into a request."""
    tree = ast.parse((ROOT / "shared/enlist/clients" / f"{service}.py").read_text(encoding="utf-8"))
    requests = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in ("ApiRequest", "self._get", "self._request")
    ]
    given = [one for node in requests for one in (*node.args, *(keyword.value for keyword in node.keywords))]
    texts = {one.value for one in given if isinstance(one, ast.Constant) and isinstance(one.value, str)}
    return {text for text in texts if is_action(service, text)}


def is_action(service: str, text: str) -> bool:
    """Whether the vendor has an action of this name."""
    try:
        load(service).named(text)
    except Refusal:
        return False
    return True


def test_the_table_is_what_the_clients_can_call() -> None:
    """Each action that a typed client names has its permission, and each permission its action."""
    assert {one.api for one in EDGE} == action_names("cs") | action_names("ens")
    assert {one.api for one in SEARCH} == action_names("elasticsearch")
    assert {one.api for one in (*EDGE, *SEARCH) if one.writes} == {
        "AttachInstances",
        "AddConnectableCluster",
    }


@pytest.mark.parametrize("account", ["*", ACCOUNT])
@pytest.mark.parametrize("name", SCENARIOS)
def test_everything_that_is_called_is_allowed(name: str, account: str, tmp_path: Path) -> None:
    """Whatever the product goes through, RAM allows each call, whichever edition of its pages is true."""
    scenario = SCENARIOS[name]
    rendered = policies(scenario, account=account)
    made = play(scenario, tmp_path)
    refused = {
        need
        for file, requests in made.items()
        for request in requests
        for need in needs(request)[1]
        if decide([rendered[file]], *need) is not Decision.ALLOWED
    }
    assert refused == set()
    assert any(made.values())


def test_nothing_is_allowed_that_is_never_called(tmp_path: Path) -> None:
    """Each action of both policies allows a call that some scenario makes."""
    called: dict[str, set[str]] = {ATTACH: set(), CONNECT: set()}
    granted: dict[str, set[str]] = {ATTACH: set(), CONNECT: set()}
    for scenario in SCENARIOS.values():
        for file, policy in policies(scenario).items():
            if file in granted:
                granted[file] |= actions_in(policy)
        for file, requests in play(scenario, tmp_path).items():
            called[file] |= {action for request in requests for action, _ in needs(request)[1]}
    assert {file: actions - called[file] for file, actions in granted.items()} == {
        ATTACH: BY_THE_PLATFORM,
        CONNECT: BY_THE_PLATFORM,
    }


def test_bound_sight_refuses_looks_into_other_clusters_only(tmp_path: Path) -> None:
    """With sight on bound clusters, the calls that RAM refuses are looks into clusters of no binding."""
    scenario = SCENARIOS["sweep"]
    policy = policies(scenario, sight="bound")[ATTACH]
    refused = {
        need
        for request in play(scenario, tmp_path)[ATTACH]
        for need in needs(request)[1]
        if decide([policy], *need) is not Decision.ALLOWED
    }
    assert refused
    assert {action for action, _ in refused} <= {"cs:DescribeClusterNodes", "cs:DescribeClusterTasks"}
    assert all(resource.endswith((UNBOUND, FAR, "c2pooled")) for _, resource in refused)


@pytest.mark.parametrize(("name", "idle"), [("edge only", CONNECT), ("search only", ATTACH)])
def test_a_function_without_bindings_may_do_nothing(name: str, idle: str, tmp_path: Path) -> None:
    """Without a binding of its kind a function calls nothing, and may only write its log and queue."""
    scenario = SCENARIOS[name]
    assert play(scenario, tmp_path)[idle] == []
    assert actions_in(policies(scenario)[idle]) == BY_THE_PLATFORM
