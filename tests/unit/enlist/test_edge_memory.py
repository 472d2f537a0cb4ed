"""The edge plan with a memory: what the store remembers decides last, and doing nothing is the default."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enlist.clients.cs import TaskPart
from enlist.edge.plan import Plan, plan
from enlist.memory import LISTS_LAG, Past
from enlist.outcomes import Result
from enlist.signals import Signal
from enlist.troubles import Trouble
from tests.support.edge_plans import BINDING, NOW, attached, only, task, view

LONG_AGO = NOW - timedelta(days=30)
ACCEPTED = Past(done=True, at=LONG_AGO, attempts=1, target="c1", region="cn-hangzhou", task_id="T-1")
FAILED = Past(done=False, at=LONG_AGO, attempts=3, reason="no disk")


def decide(past: Past, *, retry: bool = False, **changes: Any) -> Plan:
    """The plan for one instance of which this is remembered."""
    return plan(view(pasts={"i-1": past}, **changes), (BINDING,), [Signal("i-1", retry=retry)])


def test_what_was_taken_out_stays_out() -> None:
    """An instance that was accepted long ago and that neither nodes nor tasks show is held."""
    outcome = only(decide(ACCEPTED))
    assert outcome.result is Result.HELD
    assert "attached to cluster c1, accepted as task T-1, on 2026-10-23T12:00:00Z" in outcome.reason


def test_an_operator_brings_it_back_and_the_record_goes_first() -> None:
    """With retry it is attached, and the action says that what is remembered is to be forgotten."""
    (action,) = decide(ACCEPTED, retry=True).actions
    assert (action.instance_ids, action.retried, action.revoked) == (("i-1",), frozenset({"i-1"}), {})


@pytest.mark.parametrize("retry", [False, True])
def test_what_was_accepted_just_now_is_believed(retry: bool) -> None:
    """An attach of a moment ago is on its way, whoever asks: the lists lag behind."""
    past = ACCEPTED._replace(at=NOW - LISTS_LAG + timedelta(seconds=1))
    outcome = only(decide(past, retry=retry))
    assert (outcome.result, outcome.task_id) == (Result.ATTACHING, "T-1")


@pytest.mark.parametrize(
    ("after", "cluster", "result"), [(1, "c1", "attached"), (-1, "c1", "attaching"), (1, "c2", "attaching")]
)
def test_a_removal_since_then_is_believed_more(after: int, cluster: str, result: str) -> None:
    """What a later removal took out is on its way no more; one before, or elsewhere, says nothing of it."""
    accepted = NOW - timedelta(minutes=5)
    began = (accepted + timedelta(minutes=after)).isoformat()
    removal = task("success", "success", task_type="cluster_scalein", created=began, cluster_id=cluster)
    made = decide(ACCEPTED._replace(at=accepted), retry=True, tasks={"i-1": (removal,)})
    assert (["attached" for _ in attached(made)] or [only(made).result]) == [result]


def test_an_accepted_attach_that_failed_may_be_tried_again() -> None:
    """When its task has failed, the record is revoked with the reason, and the instance attached."""
    failed = task("failed", "failed", age=timedelta(days=30))
    (action,) = decide(ACCEPTED, accepted={"T-1": failed}).actions
    assert action.revoked == {"i-1": "task T-1 failed: no error given"}
    assert action.retried == frozenset()


def test_a_failed_task_that_names_nobody_failed_for_all() -> None:
    """A failed task without parts failed for the instance that was accepted as it."""
    failed = task("failed", "failed", age=timedelta(days=30)).model_copy(update={"parts": ()})
    assert attached(decide(ACCEPTED, accepted={"T-1": failed})) == ("i-1",)


@pytest.mark.parametrize("retry", [False, True])
@pytest.mark.parametrize(
    ("state", "age"),
    [("running", timedelta(hours=23)), ("failed", timedelta(minutes=14)), ("success", timedelta(minutes=14))],
)
def test_a_task_that_does_not_say_what_became_of_it_is_waited_for(
    state: str, age: timedelta, *, retry: bool
) -> None:
    """Accepted as a task that names others only, it may be a node that no list shows yet, whoever asks."""
    others = (TaskPart(data="i-9", status="failed"),)
    silent = task(state, "", age=age).model_copy(update={"parts": others})
    outcome = only(decide(ACCEPTED, retry=retry, accepted={"T-1": silent}))
    assert (outcome.result, outcome.task_id) == (Result.DEFERRED, "T-1")
    assert "does not say what became of it" in outcome.reason


def test_a_failed_task_that_names_nobody_keeps_it_out_for_a_day() -> None:
    """An attempt that reloads the machine is made once a day, also where its task does not say who failed."""
    failed = task("failed", "").model_copy(update={"parts": ()})
    hour_ago = {"updated": (NOW - timedelta(hours=1)).isoformat()}
    accepted = {"T-1": failed.model_copy(update=hour_ago)}
    outcome = only(decide(ACCEPTED, accepted=accepted))
    assert (outcome.result, outcome.standing) == (Result.FAILED, True)
    assert "not tried again by itself within 24 h" in outcome.reason
    assert attached(decide(ACCEPTED, accepted=accepted, retry=True)) == ("i-1",)


def test_a_removal_is_not_made_up() -> None:
    """When no task tells any more how an accepted attach ended, nobody is said to have taken it back."""
    done = task("success", "success", age=timedelta(days=30))
    assert "somebody took that back" in only(decide(ACCEPTED, accepted={"T-1": done})).reason
    assert "it failed since, which is not known, or was taken out" in only(decide(ACCEPTED)).reason


def test_too_many_attempts_end_in_quarantine() -> None:
    """After as many failed attempts as are allowed it is held, with their number and the last reason."""
    assert attached(decide(FAILED)) == ("i-1",)
    outcome = only(decide(FAILED._replace(exhausted=True)))
    assert (outcome.result, outcome.attempts, outcome.quarantined) == (Result.HELD, 3, True)
    assert "quarantined after 3 attempts, the last: no disk" in outcome.reason
    assert attached(decide(FAILED._replace(exhausted=True), retry=True)) == ("i-1",)


def test_the_last_attempt_is_no_quarantine_while_it_runs() -> None:
    """While another invocation is at the last attempt, nobody says that it has failed."""
    assert attached(decide(FAILED._replace(exhausted=True, busy=True))) == ("i-1",)


def test_without_its_memory_nothing_is_done() -> None:
    """When the store could not be asked, no instance is attached, with retry or without."""
    lost = Trouble(Result.FAILED, "the store is away")
    for retry in (False, True):
        made = decide(FAILED, retry=retry, forgotten=lost)
        assert (made.actions, only(made).reason) == ((), "the store is away")


@given(
    done=st.booleans(),
    age=st.timedeltas(timedelta(), timedelta(days=900)),
    attempts=st.integers(0, 9),
    exhausted=st.booleans(),
    busy=st.booleans(),
)
def test_memory_never_allows_what_it_did_not_see(
    done: bool, age: timedelta, attempts: int, exhausted: bool, busy: bool
) -> None:
    """Whatever is remembered, a plan with it attaches nothing that a plan without it does not attach."""
    past = Past(done=done, at=NOW - age, attempts=attempts, exhausted=exhausted, busy=busy, task_id="T-1")
    running = task("running", "running")
    assert attached(decide(past, tasks={"i-1": (running,)})) == ()
    assert attached(decide(past)) == (() if done or (exhausted and not busy) else ("i-1",))


def test_who_names_no_store_does_not_load_one() -> None:
    """Importing a function and what it needs for an event loads nothing of claims."""
    script = (
        "import enlist.function, enlist.edge.job, enlist.search.job, sys;"
        "print([name for name in sys.modules if 'idempotency' in name])"
    )
    said = subprocess.run(  # noqa: S603 -- our own interpreter and script
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == "[]"
