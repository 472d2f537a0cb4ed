"""Outcomes: what is counted, listed and raised; and what an API error leads to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enlist.errors import NotSettledError
from enlist.outcomes import Outcome, Report, Result
from enlist.troubles import result_of, trouble_of
from fctoolkit.errors import (
    AccessDeniedError,
    AnswerError,
    ApiError,
    ApiFailure,
    PermanentError,
    SignatureError,
    ThrottledError,
    TransientError,
)

reports = st.lists(
    st.tuples(st.sampled_from(["", "i-1", "i-2"]), st.sampled_from(Result), st.just("because")).map(
        lambda values: Outcome(*values)
    )
).map(lambda outcomes: Report(tuple(outcomes)))


@given(report=reports)
def test_every_outcome_is_counted_once(report: Report) -> None:
    """The counts add up, name only results that occurred, and are the same quiet or not."""
    counts = report.counts()
    assert sum(counts.values()) == len(report.outcomes)
    assert all(counts.values())
    assert report.as_record()["counts"] == report.as_record(quiet=True)["counts"] == counts


@given(report=reports)
def test_a_quiet_report_leaves_out_only_what_needs_nobody(report: Report) -> None:
    """A sweep of a large account lists neither `ignored` nor `already`, and everything else, in order."""
    everything, shown = report.as_record()["outcomes"], report.as_record(quiet=True)["outcomes"]
    assert isinstance(everything, list)
    assert [one.as_record() for one in report.outcomes] == everything
    quiet = ("ignored", "already")
    assert shown == [one for one in everything if isinstance(one, dict) and one["result"] not in quiet]


@given(report=reports)
def test_an_invocation_raises_exactly_when_something_is_rejected_or_failed(report: Report) -> None:
    """Only these two are for the platform to deliver again; all others return."""
    bad = [one for one in report.outcomes if one.result in ("rejected", "failed")]
    if bad:
        with pytest.raises(NotSettledError, match=rf"^{len(bad)} of {len(report.outcomes)} not settled: "):
            report.raise_unsettled()
    else:
        report.raise_unsettled()


def test_the_error_names_each_unsettled_instance_and_its_reason() -> None:
    """The message is what the dead letter shows: each such instance, how it ended and why, no other."""
    report = Report(
        (
            Outcome("i-1", Result.FAILED, "the task failed"),
            Outcome("i-2", Result.ATTACHED, "its task has succeeded"),
            Outcome("", Result.REJECTED, "data: expected an id, found none"),
        )
    )
    with pytest.raises(NotSettledError) as caught:
        report.raise_unsettled()
    assert str(caught.value) == (
        "2 of 3 not settled: i-1 failed: the task failed; event rejected: data: expected an id, found none"
    )


def test_a_sweep_raises_for_what_failed_now() -> None:
    """Not for what it rejects again and again, and not for what failed before and was only found again."""
    old = (Outcome("i-1", Result.REJECTED, "no"), Outcome("i-3", Result.FAILED, "before", standing=True))
    Report(old).raise_new_failures()
    report = Report((*old, Outcome("i-2", Result.FAILED, "broken")))
    with pytest.raises(NotSettledError, match=r"^1 of 3 not settled: i-2 failed: broken$"):
        report.raise_new_failures()


def test_the_error_stays_small() -> None:
    """A thousand failures with long reasons still fit into a dead letter, and the count is right."""
    report = Report(tuple(Outcome(f"i-{n}", Result.FAILED, "because " * 200) for n in range(1000)))
    with pytest.raises(NotSettledError, match=r"^1000 of 1000 not settled: i-0 failed") as caught:
        report.raise_unsettled()
    assert len(str(caught.value)) <= 8_000


def test_a_record_is_flat_and_has_no_empty_values() -> None:
    """One line of a log: camelCase, and only what is known."""
    full = Outcome(
        "i-1",
        Result.ATTACHING,
        "accepted",
        binding="one",
        target="c1",
        task_id="T-1",
        request_id="R-1",
        field="data",
        duration_ms=12,
    )
    assert full.as_record() == {
        "instanceId": "i-1",
        "result": "attaching",
        "reason": "accepted",
        "binding": "one",
        "target": "c1",
        "taskId": "T-1",
        "requestId": "R-1",
        "field": "data",
        "durationMs": 12,
    }
    assert Outcome("i-1", Result.HELD, "tag").as_record() == {
        "instanceId": "i-1",
        "result": "held",
        "reason": "tag",
    }


@pytest.mark.parametrize(
    ("error", "code", "status", "result"),
    [
        (ThrottledError, "Throttling.User", 400, Result.DEFERRED),
        (TransientError, "ErrorClusterState", 400, Result.DEFERRED),
        (TransientError, "InstanceActivating", 400, Result.DEFERRED),
        (TransientError, "ServiceUnavailable", 503, Result.FAILED),
        (TransientError, "read_timeout", 0, Result.FAILED),
        (PermanentError, "InvalidParameter", 400, Result.REJECTED),
        (PermanentError, "ErrorClusterNotFound", 404, Result.REJECTED),
        (AccessDeniedError, "StatusForbidden", 403, Result.FAILED),
        (SignatureError, "InvalidSecurityToken.Expired", 400, Result.FAILED),
        (AnswerError, "unreadable", 200, Result.FAILED),
    ],
)
def test_an_error_leads_to_the_result_that_mends_it(
    error: type[ApiError], code: str, status: int, result: Result
) -> None:
    """Waiting mends what is busy, nothing mends what is refused, an operator mends all else."""
    assert result_of(error(ApiFailure("A", "h", status=status, code=code))) is result


def test_what_was_never_begun_is_deferred() -> None:
    """No time was left to begin: nothing was done, and the next run begins anew."""
    assert result_of(TransientError(ApiFailure("A", "h", code="deadline", attempts=0))) is Result.DEFERRED


def test_a_trouble_says_what_could_not_be_established() -> None:
    """The reason holds what was looked for and the service's own words; the request id is at hand."""
    failure = ApiFailure("DescribeInstances", "ens", 403, "NoPermission", "not allowed", request_id="R-1")
    trouble = trouble_of(AccessDeniedError(failure), "the facts")
    assert (trouble.result, trouble.request_id) == (Result.FAILED, "R-1")
    assert trouble.reason == (
        "the facts: DescribeInstances at ens: HTTP 403 NoPermission; not allowed; request id R-1"
    )
