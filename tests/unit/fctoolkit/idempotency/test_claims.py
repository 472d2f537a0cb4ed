"""What claims promise, on every store that remembers."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import pytest

from fctoolkit.errors import (
    ConfigurationError,
    InProgressError,
    NotStorableError,
    PayloadMismatchError,
    StaleOwnerError,
    StoreError,
    UnsettledError,
)
from fctoolkit.idempotency import KEEP_SECONDS, Claim, Ending, Guard, MemoryStore, Status
from tests.support.claims import LEASE, TIMEOUT, Bench, Flaky, key

if TYPE_CHECKING:
    from collections.abc import Callable

    from fctoolkit.idempotency import OnError
    from fctoolkit.jsontypes import JsonValue

SETTLING: dict[str, Callable[[Claim], object]] = {
    "complete": lambda claim: claim.complete("mine"),
    "release": lambda claim: claim.release(),
    "fail": lambda claim: claim.fail("mine", maybe_done=False),
    "extend": lambda claim: claim.extend(),
}


def stored(bench: Bench) -> str | None:
    """What the store has, to the letter."""
    return bench.store.read(key().text).text


def test_completed_work_is_replayed(bench: Bench) -> None:
    """Whoever claims completed work gets its outcome and nothing to do."""
    outcome = {"taskId": "T-1", "ids": ["i-1", "é"], "n": 1.5, "none": None}
    assert bench.guard().claim(key()).complete(outcome) == outcome
    again = bench.guard().claim(key())
    assert (again.replayed, again.settled, again.outcome) == (True, True, outcome)
    assert again.outcome is not again.outcome


def test_one_owner_at_a_time(bench: Bench) -> None:
    """A second claim is refused while the first one's lease lasts, and told how long that is."""
    bench.guard().claim(key())
    bench.wait(LEASE - 20)
    with pytest.raises(InProgressError, match=r"for 20\.0 s more at most") as caught:
        bench.guard().claim(key())
    assert caught.value.seconds == pytest.approx(20)
    assert bench.guard().claim(key("i-2")).attempts == 1


def test_a_lapsed_claim_is_taken_over(bench: Bench) -> None:
    """After the lease anybody may claim; the attempt counts, and the next owner must look first."""
    first = bench.guard().claim(key())
    assert (first.attempts, first.must_look) == (1, False)
    bench.wait(LEASE)
    second = bench.guard().claim(key())
    assert (second.attempts, second.must_look) == (2, True)
    assert second.record.reason == "the lease ran out before the claim was settled"
    assert second.record.owner != first.record.owner


@pytest.mark.parametrize("settle", SETTLING)
@pytest.mark.parametrize("after", ["takeover", "completed", "failed", "released", "expired", "forgotten"])
def test_a_stale_owner_changes_nothing(bench: Bench, settle: str, after: str) -> None:
    """Once a claim is somebody else's, or gone, its first owner is told so and the store stays as it is."""
    stale = bench.guard().claim(key())
    bench.wait(LEASE)
    if after == "forgotten":
        bench.guard().forget(key())
    elif after == "expired":
        bench.wait(KEEP_SECONDS)
    else:
        owner = bench.guard().claim(key())
        if after != "takeover":
            SETTLING[{"completed": "complete", "failed": "fail", "released": "release"}[after]](owner)
    before = stored(bench)
    with pytest.raises(StaleOwnerError, match="nothing was changed"):
        SETTLING[settle](stale)
    assert stored(bench) == before


@pytest.mark.parametrize("first", ["complete", "release", "fail"])
@pytest.mark.parametrize("second", SETTLING)
def test_a_claim_is_settled_once(bench: Bench, first: str, second: str) -> None:
    """A settled claim cannot be settled otherwise; the same again is no error, for an answer may be lost."""
    claim = bench.guard().claim(key())
    SETTLING[first](claim)
    before = stored(bench)
    if first == second:
        SETTLING[second](claim)
    else:
        with pytest.raises(StaleOwnerError, match="already"):
            SETTLING[second](claim)
    assert stored(bench) == before


def test_an_outcome_is_not_replaced(bench: Bench) -> None:
    """An owner that completes twice with two outcomes is told, and the first one stays."""
    claim = bench.guard().claim(key())
    claim.complete(1)
    with pytest.raises(StaleOwnerError, match="completed already"):
        claim.complete(2)
    assert bench.guard().claim(key()).outcome == 1


def test_a_lapsed_owner_may_complete_until_taken_over(bench: Bench) -> None:
    """A late owner whom nobody replaced has done the work alone, and may say so."""
    claim = bench.guard().claim(key())
    bench.wait(LEASE + 10)
    claim.complete("late")
    assert bench.guard().claim(key()).outcome == "late"


def test_failures_are_counted_and_the_reason_is_kept(bench: Bench) -> None:
    """Attempts and the last reason outlive failures, lapses and releases: a product can quarantine."""
    guard = bench.guard()
    guard.claim(key()).fail("no route", maybe_done=False)
    guard.claim(key()).fail("full", maybe_done=True)
    third = guard.claim(key())
    assert (third.attempts, third.record.reason, third.must_look) == (3, "full", True)
    third.release()
    record = guard.look(key())
    assert record is not None
    assert (record.status, record.attempts, record.reason) == (Status.RELEASED, 2, "full")
    fourth = guard.claim(key())
    assert (fourth.attempts, fourth.must_look) == (3, True)
    fourth.fail("x" * 900, maybe_done=False)
    record = guard.look(key())
    assert record is not None
    assert (record.status, len(record.reason), record.maybe_done) == (Status.FAILED, 500, False)


@pytest.mark.parametrize("settle", ["nothing", *SETTLING])
def test_another_payload_is_an_error_in_every_state(bench: Bench, settle: str) -> None:
    """A key stands for one payload, whatever became of it; an identical one is welcome."""
    claim = bench.guard().claim(key(), {"cluster": "c1", "pool": "p1"})
    if settle != "nothing":
        SETTLING[settle](claim)
    bench.wait(LEASE * 2)
    before = stored(bench)
    with pytest.raises(PayloadMismatchError, match="another payload"):
        bench.guard().claim(key(), {"cluster": "c2", "pool": "p1"})
    assert stored(bench) == before
    again = bench.guard().claim(key(), {"pool": "p1", "cluster": "c1"})
    assert again.replayed is (settle == "complete")


def test_a_lease_can_be_extended(bench: Bench) -> None:
    """An owner that needs longer keeps others out, and never shortens what it has."""
    claim = bench.guard().claim(key())
    bench.wait(LEASE - 1)
    claim.extend(50)
    claim.extend(1)
    assert claim.seconds_left() == 50
    bench.wait(49)
    with pytest.raises(InProgressError):
        bench.guard().claim(key())
    bench.wait(1)
    assert claim.seconds_left() == 0
    assert bench.guard().claim(key()).attempts == 2


def test_records_expire(bench: Bench) -> None:
    """A record is kept for as long as was said, in every state, and then the work may be done anew."""
    guard = bench.guard(keep=100)
    guard.claim(key("done")).complete("x")
    guard.claim(key("long")).complete("x", keep=200)
    guard.claim(key("failed")).fail("x", maybe_done=False)
    guard.claim(key("left"))
    bench.wait(99)
    assert guard.claim(key("done")).replayed
    assert guard.look(key("failed")) is not None
    bench.wait(1)
    assert not guard.claim(key("done"), "another payload").replayed
    assert guard.look(key("failed")) is None
    assert guard.claim(key("long")).replayed
    assert guard.look(key("left")) is not None
    bench.wait(LEASE)
    assert guard.look(key("left")) is None


def test_records_are_kept_for_two_days(bench: Bench) -> None:
    """By default an outcome outlives the day for which EventBridge repeats an event."""
    guard = Guard(bench.store, timeout=TIMEOUT)
    guard.claim(key()).complete()
    bench.wait(47 * 3600)
    assert guard.claim(key()).replayed
    bench.wait(3600)
    assert not guard.claim(key()).replayed


class Stop(BaseException):
    """What no handler expects."""


@pytest.mark.parametrize("error", [ValueError("bad"), KeyboardInterrupt(), Stop("now")])
@pytest.mark.parametrize(
    ("on_error", "status", "attempts", "maybe_done"),
    [
        (Ending.FAILED_UNCLEAR, Status.FAILED, 1, True),
        (Ending.FAILED, Status.FAILED, 1, False),
        (Ending.RELEASED, Status.RELEASED, 0, False),
        (Ending.LEFT, Status.CLAIMED, 1, False),
        (lambda error: Ending.RELEASED, Status.RELEASED, 0, False),
        (lambda error: 1 / 0, Status.FAILED, 1, True),
    ],
)
def test_a_block_that_raises_ends_its_claim(
    bench: Bench,
    error: BaseException,
    on_error: OnError,
    status: Status,
    attempts: int,
    *,
    maybe_done: bool,
) -> None:
    """Any error, BaseException included, goes on to the caller and ends the claim as was chosen."""
    guard = bench.guard()
    with pytest.raises(type(error)) as caught, guard.claim(key(), on_error=on_error):
        raise error
    assert caught.value is error
    record = guard.look(key())
    assert record is not None
    assert (record.status, record.attempts, record.maybe_done) == (status, attempts, maybe_done)
    if status is Status.FAILED:
        assert record.reason == f"{type(error).__name__}: {error}".removesuffix(": ")


def test_a_block_must_say_how_it_ended(bench: Bench) -> None:
    """A block that ends without a word is a mistake, and counts as an unclear failure."""
    guard = bench.guard()
    with pytest.raises(UnsettledError), guard.claim(key()):
        pass
    assert guard.claim(key()).must_look
    bench.wait(LEASE)
    with guard.claim(key()) as claim:
        claim.complete()
    with guard.claim(key()) as claim:
        assert claim.replayed


def test_an_error_is_not_hidden_by_the_store(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """When the store fails, too, the caller sees the error of the block, and the log the store's."""
    flaky = Flaky(bench.store, "..bbb")
    with pytest.raises(ValueError, match="bad"), bench.guard(flaky).claim(key()):
        raise ValueError("bad")
    assert "could not be settled and ends with its lease" in caplog.text
    with pytest.raises(InProgressError):
        bench.guard().claim(key())


def test_what_cannot_be_kept_fails_the_claim(bench: Bench) -> None:
    """An outcome that is not JSON is an error; the work was done, so the next owner is told to look."""
    with pytest.raises(NotStorableError), bench.guard().claim(key()) as claim:
        claim.complete(object())
    assert bench.guard().claim(key()).must_look


def nested(levels: int) -> list[object]:
    """Lists within lists."""
    value: list[object] = []
    for _ in range(levels - 1):
        value = [value]
    return value


@pytest.mark.parametrize("outcome", ["\ud800", {"\ud800": 1}, nested(65)], ids=["value", "key", "deep"])
def test_what_could_not_be_read_back_is_not_kept(bench: Bench, outcome: JsonValue) -> None:
    """An outcome that JSON can write and a replay could not read is refused before anything is stored."""
    with pytest.raises(NotStorableError, match="could not be read back"), bench.guard().claim(key()) as claim:
        claim.complete(outcome)
    assert bench.guard().claim(key()).must_look


def test_a_reason_may_hold_anything(bench: Bench) -> None:
    """A reason with the name of a file that is no Unicode leaves a record that can be read."""
    with pytest.raises(OSError, match="gone"), bench.guard().claim(key()):
        raise OSError("gone: " + os.fsdecode(b"caf\xe9"))
    assert bench.guard().claim(key()).record.reason == "OSError: gone: caf\\udce9"


class SpeechlessError(Exception):
    """Cannot be told."""

    def __str__(self) -> str:
        raise RuntimeError


def test_an_error_that_cannot_be_told_ends_its_claim(bench: Bench) -> None:
    """An error whose text cannot be had is still what the caller sees, and the claim is settled."""
    with pytest.raises(SpeechlessError), bench.guard().claim(key()):
        raise SpeechlessError
    assert bench.guard().claim(key()).record.reason.startswith("SpeechlessError: ")


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("inf"), float("nan"), 1e12])
def test_a_time_is_a_number_of_seconds(bench: Bench, seconds: float) -> None:
    """A time that a record cannot hold, or that would forget at once, is refused and changes nothing."""
    claim = bench.guard().claim(key())
    before = stored(bench)
    for step in (
        lambda: claim.complete(1, keep=seconds),
        lambda: claim.fail("x", maybe_done=True, keep=seconds),
        lambda: claim.extend(seconds),
    ):
        with pytest.raises(ConfigurationError, match="no number of seconds above 0"):
            step()
    assert stored(bench) == before
    claim.complete(1)


def test_doubt_outlives_an_attempt_that_did_not_look(bench: Bench) -> None:
    """Who was told to look and failed before the look clears nobody's doubt; who looked may say so."""
    guard = bench.guard()
    guard.claim(key()).fail("no answer", maybe_done=True)
    for attempt in (2, 3):
        claim = guard.claim(key(), on_error=Ending.FAILED)
        assert (claim.attempts, claim.must_look) == (attempt, True)
        with pytest.raises(OSError, match="looking"), claim:
            raise OSError("looking")
    guard.claim(key()).fail("refused", maybe_done=False)
    assert not guard.claim(key()).must_look


def test_a_failure_does_not_lose_its_doubt(bench: Bench) -> None:
    """To fail again with the same reason and another word on the doubt is no repetition."""
    claim = bench.guard().claim(key())
    claim.fail("x", maybe_done=False)
    claim.fail("x", maybe_done=False)
    with pytest.raises(StaleOwnerError, match="failed already"):
        claim.fail("x", maybe_done=True)


@pytest.mark.parametrize("plan", ["b", "bb", ".a", ".b", ".bb", ".b.b", ".a.", "b.a"])
def test_a_lost_answer_is_no_second_attempt(bench: Bench, plan: str) -> None:
    """Where the line breaks in passing, each step looks before it repeats, and happens once."""
    flaky = Flaky(bench.store, plan)
    claim = bench.guard(flaky).claim(key())
    assert claim.attempts == 1
    for name, attempts in {"complete": 1, "release": 0, "fail": 1, "extend": 1}.items():
        held = bench.guard(flaky).claim(key(name))
        flaky.plan = plan
        SETTLING[name](held)
        record = bench.guard().look(key(name))
        assert record is not None
        assert record.attempts == attempts


@pytest.mark.parametrize(
    ("plan", "maybe_done"), [("bbb", False), (".abb", True), (".b.b.b", True), (".a" * 3, None)]
)
def test_a_store_that_stays_away(bench: Bench, plan: str, *, maybe_done: bool | None) -> None:
    """After three tries the caller is told, and whether the step may have been taken all the same."""
    guard = bench.guard(Flaky(bench.store, plan))
    if maybe_done is None:
        assert guard.claim(key()).attempts == 1
        return
    with pytest.raises(StoreError) as caught:
        guard.claim(key())
    assert caught.value.maybe_done is maybe_done
    assert bench.time.slept == [0.05, 0.25]


def test_a_full_store_is_not_tried_again() -> None:
    """What waiting does not mend is reported at once."""

    class Full(MemoryStore):
        def swap(self, key: str, old: str | None, new: str | None, seconds: float) -> bool:
            raise StoreError("full")

    bench = Bench(Full())
    with pytest.raises(StoreError, match="full"):
        bench.guard().claim(key())
    assert bench.time.slept == []


def test_what_somebody_else_wrote_is_left_alone(bench: Bench) -> None:
    """A text that is no record of this version is an error, and stays."""
    for text in ("hello", "[]", '{"v":2}', '{"v":1}', '{"v":1,"status":"lost"}'):
        assert bench.store.swap(key().text, stored(bench), text, 60)
        with pytest.raises(StoreError, match="no record of version 1"):
            bench.guard().claim(key())
        with pytest.raises(StoreError, match="no record of version 1"):
            bench.guard().forget(key())
        assert stored(bench) == text


def test_functions_share_a_store_and_nothing_else(bench: Bench) -> None:
    """Two functions that use one store in two threads never see each other's claims or outcomes."""
    rounds = 20
    wrong: list[object] = []

    def work(resource: str) -> None:
        guard = bench.guard()
        for number in range(rounds):
            with guard.claim(key(f"{resource}-{number}"), resource) as claim:
                claim.complete([resource, number])
            replay = guard.claim(key(f"{resource}-{number}"), resource)
            if replay.outcome != [resource, number]:
                wrong.append(replay.outcome)

    threads = [threading.Thread(target=work, args=(name,)) for name in ("one", "two", "three")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert sum(bench.guard().claim(key(f"one-{n}"), "one").replayed for n in range(rounds)) == rounds


def test_the_lease_is_counted_from_before_the_claim(bench: Bench) -> None:
    """However long the store takes to grant a claim, the owner never believes in more than is left."""
    flaky = Flaky(bench.store, "bb")
    claim = bench.guard(flaky).claim(key())
    assert claim.seconds_left() == pytest.approx(LEASE - 0.3)


@pytest.mark.parametrize(
    ("timeout", "lease", "keep", "named"),
    [(60, 60, 1, "lease"), (60, 59, 1, "lease"), (0, 9, 1, "timeout"), (60, 90, 0, "keep"),
     (60, float("inf"), 1, "lease"), (float("nan"), 9, 1, "timeout")],
)  # fmt: skip
def test_a_lease_outlasts_the_function(timeout: float, lease: float, keep: float, named: str) -> None:
    """A guard whose lease could end before the function does is refused when it is built."""
    with pytest.raises(ConfigurationError, match=f"^{named}: "):
        Guard(MemoryStore(), timeout=timeout, lease=lease, keep=keep)
    assert Guard(MemoryStore(), timeout=TIMEOUT).lease == LEASE
