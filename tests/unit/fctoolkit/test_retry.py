"""Repeating: the table of the vendor's codes, and the waits."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fctoolkit.retry import KINDS, FailedAttempt, FailureKind, RetryPolicy, classify, kind_of
from tests.support.vendor_codes import NAMED


@pytest.mark.parametrize("status", [400, 403, 404, 429, 500, 503])
@pytest.mark.parametrize(("name", "kind"), sorted({(code.name, code.kind) for code in NAMED}, key=str))
def test_the_code_decides_whatever_the_status(name: str, kind: FailureKind, status: int) -> None:
    """The same code comes with different statuses from different services and means the same."""
    assert classify(name, status) is kind


def test_every_code_that_was_seen_is_known_by_name() -> None:
    """No code of the vendor's pages is left to its status."""
    assert [code.name for code in NAMED if kind_of(code.name) is None] == []


def test_every_code_that_is_known_by_name_is_tried() -> None:
    """The table of the tests has what the product's table has."""
    assert set(KINDS) <= {code.name for code in NAMED}


@pytest.mark.parametrize("code", ["", "400", "SomethingNobodyListed"])
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (302, FailureKind.PERMANENT),
        (400, FailureKind.PERMANENT),
        (404, FailureKind.PERMANENT),
        (429, FailureKind.THROTTLED),
        (500, FailureKind.TRANSIENT),
        (502, FailureKind.TRANSIENT),
        (599, FailureKind.TRANSIENT),
    ],
)
def test_the_status_stands_in_for_an_unknown_code(code: str, status: int, kind: FailureKind) -> None:
    """Absent, numeric and unlisted codes are judged by the status."""
    assert kind is classify(code, status)


def test_a_bare_403_is_access_denied_and_a_named_one_is_not() -> None:
    """403 without a name means no permission; with a name nobody listed it may be a quota or a rule."""
    assert FailureKind.ACCESS_DENIED is classify("", 403)
    assert FailureKind.ACCESS_DENIED is classify("403", 403)
    assert FailureKind.PERMANENT is classify("OperationDenied.Something", 403)


def wait(
    kind: FailureKind,
    *,
    number: int = 1,
    repeatable: bool = True,
    never_sent: bool = False,
    redated: bool = False,
    retry_after: float = 0.0,
    remaining: float = 60.0,
    random: float = 0.5,
) -> float | None:
    """What the default policy says to a failed attempt."""
    failed = FailedAttempt(kind, number, repeatable, never_sent, redated, retry_after)
    return RetryPolicy().wait(failed, remaining=remaining, random=random)


@pytest.mark.parametrize("repeatable", [True, False])
def test_a_throttled_call_is_always_repeated(*, repeatable: bool) -> None:
    """It was refused before it had an effect."""
    assert wait(FailureKind.THROTTLED, repeatable=repeatable) is not None


def test_a_transient_failure_repeats_what_can_be_repeated() -> None:
    """A write without a token is repeated only when the service cannot have seen it."""
    assert wait(FailureKind.TRANSIENT, repeatable=True) is not None
    assert wait(FailureKind.TRANSIENT, repeatable=False) is None
    assert wait(FailureKind.TRANSIENT, repeatable=False, never_sent=True) is not None


def test_a_used_nonce_repeats_what_can_be_repeated() -> None:
    """The nonce may have been used by a first copy of this request."""
    assert wait(FailureKind.NONCE_USED, repeatable=True) is not None
    assert wait(FailureKind.NONCE_USED, repeatable=False) is None


def test_a_refused_date_is_repeated_once_and_at_once() -> None:
    """The second signature has the service's time; if that is refused too, time is not the trouble."""
    assert wait(FailureKind.EXPIRED_DATE, repeatable=False) == 0.0
    assert wait(FailureKind.EXPIRED_DATE, redated=True, number=2) is None


@pytest.mark.parametrize(
    "kind",
    [
        FailureKind.BUSY,
        FailureKind.UNDER_WAY,
        FailureKind.NO_ROOM,
        FailureKind.BAD_CREDENTIALS,
        FailureKind.ACCESS_DENIED,
        FailureKind.PERMANENT,
    ],
)
def test_the_rest_is_never_repeated(kind: FailureKind) -> None:
    """Seconds do not change a busy resource, a key, a permission or a wrong request."""
    assert wait(kind, never_sent=True) is None


def test_attempts_are_bounded() -> None:
    """The last attempt's failure is final."""
    assert wait(FailureKind.THROTTLED, number=3) is not None
    assert wait(FailureKind.THROTTLED, number=4) is None


def test_waits_double_up_to_the_cap() -> None:
    """With the largest random value the waits are the bounds of the jitter."""
    policy = RetryPolicy(attempts=20, base=1.0, cap=5.0)
    waits = [
        policy.wait(FailedAttempt(FailureKind.THROTTLED, number, repeatable=True), remaining=60.0, random=1.0)
        for number in range(1, 6)
    ]

    assert waits == [1.0, 2.0, 4.0, 5.0, 5.0]


@settings(max_examples=200)
@given(
    number=st.integers(1, 3),
    random=st.floats(0.0, 1.0),
    retry_after=st.floats(0.0, 100.0),
    remaining=st.floats(0.0, 100.0),
)
def test_a_wait_never_undercuts_the_service_nor_outlives_the_deadline(
    number: int, random: float, retry_after: float, remaining: float
) -> None:
    """A wait is at least what the service asked for and leaves time for an attempt, or there is none."""
    seconds = wait(
        FailureKind.THROTTLED, number=number, random=random, retry_after=retry_after, remaining=remaining
    )

    if seconds is None:
        assert retry_after + 0.25 * 2 ** (number - 1) + 0.5 > remaining
    else:
        assert retry_after <= seconds <= remaining - 0.5 + 1e-9
