"""`./dev redrive`: what is in a file, what an answer means, and how a run goes on and ends."""

from __future__ import annotations

import base64
import io
import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fctoolkit.credentials import Credentials
from fctoolkit.mns.client import Queue
from fctoolkit.transport import open_http
from tests.support.dead_letters import record
from tests.support.queues import QUEUE, seed_queue
from tools.redrive.__main__ import FileSource, main
from tools.redrive.files import messages_in
from tools.redrive.queues import QueueSource
from tools.redrive.run import Display, redrive
from tools.redrive.targets import EveryTarget, Verdict, verdict_of
from tools.signed import Answer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from localcloud import LocalCloud

ONE = b'{"id": "1",  "n": 1.0}'
TWO = b'{"id":"\xc3\xa9"}'
PRETTY = json.dumps({"id": "1", "data": {"x": 1}}, indent=2).encode()
BASE64 = base64.b64encode(ONE)


@pytest.mark.parametrize(
    ("content", "messages"),
    [
        (b"", []),
        (b"\n \n", []),
        (ONE, [ONE]),
        (b"\xef\xbb\xbf" + ONE + b"\n", [ONE]),
        (ONE + b"\n\n" + TWO + b"\r\n", [ONE, TWO]),
        (ONE + b"\ntorn {", [ONE, b"torn {"]),
        (BASE64 + b"\n" + ONE, [BASE64, ONE]),
        (PRETTY, [PRETTY]),
        (PRETTY[:-5].strip(), [PRETTY[:-5].strip()]),
        (b" [ " + ONE + b" ,\n" + TWO + b"] ", [ONE, TWO]),
        (b"[]", []),
        (json.dumps([ONE.decode(), "x"]).encode(), [ONE, b"x"]),
        (b"[" + ONE + b", {", [b"[" + ONE + b", {"]),
        (b"[" + ONE + b" " + TWO + b"]", [b"[" + ONE + b" " + TWO + b"]"]),
        (b"[" + ONE + b"] " + TWO, [b"[" + ONE + b"] " + TWO]),
    ],
)
def test_messages_are_taken_as_they_stand(content: bytes, messages: list[bytes]) -> None:
    """Lines, an array or one message: not a byte of a message is changed, and a torn file is one message."""
    assert messages_in(content) == messages


@given(st.binary(max_size=60) | st.text('[]{},:" \n1a\\', max_size=40).map(str.encode))
def test_any_file_can_be_taken_apart(content: bytes) -> None:
    """No content of a file ends the program."""
    for message in messages_in(content):
        assert isinstance(message, bytes)


def answer(status: int, body: object = None, **headers: str) -> Answer:
    """An answer of a function or its gateway."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, content)


OUTCOMES = {"outcomes": [{"instanceId": "i-1", "result": "rejected", "reason": "no"}, {"result": "already"}]}


@pytest.mark.parametrize(
    ("given", "verdict"),
    [
        (answer(200, b"anything"), Verdict("settled")),
        (answer(204, b""), Verdict("settled")),
        (answer(200, {"outcomes": [{"instanceId": "i-1", "result": "ignored"}]}), Verdict("settled")),
        (
            answer(200, {"outcomes": [{"instanceId": "", "result": "ignored", "reason": "no signal"}]}),
            Verdict("ignored", "no signal"),
        ),
        (
            answer(
                200, {"errorMessage": "boom", "errorType": "X"}, x_fc_error_type="UnhandledInvocationError"
            ),
            Verdict("failed", "HTTP 200 UnhandledInvocationError boom"),
        ),
        (answer(422, OUTCOMES), Verdict("refused", "HTTP 422 i-1 rejected: no")),
        (answer(400, {"error": {"message": "bad"}}), Verdict("refused", "HTTP 400 bad")),
        (answer(502, {"outcomes": []}), Verdict("failed", "HTTP 502")),
        (answer(302, b""), Verdict("failed", "HTTP 302")),
        (answer(429, {"Message": "slow"}), Verdict("failed", "HTTP 429 slow")),
        (answer(403, {"Message": "key"}), Verdict("refused", "HTTP 403 key", hopeless=True)),
        (answer(404, b"<html>"), Verdict("refused", "HTTP 404 <html>", hopeless=True)),
        (answer(500, [1]), Verdict("failed", "HTTP 500")),
    ],
)
def test_only_2xx_without_an_error_settles(given: Answer, verdict: Verdict) -> None:
    """Everything else leaves the message where it is, and tells why."""
    assert verdict_of(given) == verdict


@pytest.mark.parametrize(
    ("verdicts", "worst"),
    [
        (["ignored", "settled"], "settled"),
        (["ignored", "ignored"], "ignored"),
        (["refused", "ignored"], "refused"),
        (["settled", "failed"], "failed"),
    ],
)
def test_functions_that_share_a_queue(verdicts: list[Any], worst: str) -> None:
    """An event is settled when one function wanted it and none has trouble with it."""
    targets = [Recorder(lambda _, verdict=verdict: Verdict(verdict)) for verdict in verdicts]
    assert EveryTarget(targets).send(ONE).outcome == worst
    assert [target.events for target in targets] == [[ONE], [ONE]]


class Recorder:
    """A target that answers as told and remembers."""

    name = "recorder"

    def __init__(self, say: Callable[[bytes], Verdict] = lambda _: Verdict("settled")) -> None:
        self.events: list[bytes] = []
        self._say = say

    def send(self, event: bytes) -> Verdict:
        """Remembers the event."""
        self.events.append(event)
        return self._say(event)


def run(target: Recorder, *bodies: bytes, most: int = 100, pauses: int = 100) -> tuple[Any, str]:
    """One run over these messages that is interrupted in the given pause; and what it told."""
    told, left = io.StringIO(), iter([False] * (pauses - 1) + [True] * 100)
    tally = redrive(
        FileSource(bodies), target, Display(told, io.StringIO()), most=most, pause=lambda: next(left)
    )
    return tally, told.getvalue()


def test_each_message_has_a_line_and_a_count() -> None:
    """What cannot be read is not sent; the others are, in order, as they were."""
    target = Recorder(lambda event: Verdict("refused", "no") if event == TWO else Verdict("settled"))
    tally, told = run(target, ONE, record(TWO), b"torn {", BASE64)
    assert target.events == [ONE, TWO, ONE]
    assert tally.outcomes == Counter(settled=2, refused=1, unreadable=1)
    assert [line.split(" ")[2] for line in told.splitlines()] == [
        "settled",
        "refused",
        "unreadable",
        "settled",
    ]
    assert str(tally) == "2 settled, 1 refused, 1 unreadable"


def test_a_wrong_address_ends_the_run() -> None:
    """The next message is not tried where this one could not arrive."""
    tally, _ = run(Recorder(lambda _: Verdict("failed", "HTTP 403", hopeless=True)), ONE, TWO)
    assert (tally.seen, tally.ended) == (1, "the next would fare no better at recorder")


def test_a_run_is_bounded_and_can_be_interrupted() -> None:
    """It ends after so many messages, or between two of them."""
    assert run(Recorder(), ONE, ONE, ONE, most=2)[0].seen == 2
    tally, _ = run(Recorder(), ONE, ONE, ONE, pauses=2)
    assert (tally.seen, tally.interrupted) == (2, True)


def test_a_terminal_has_a_counter_and_only_what_went_wrong() -> None:
    """On a terminal, lines of settled messages would hide the others."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    lines, counter = io.StringIO(), Terminal()
    redrive(FileSource([ONE, b"torn {"]), Recorder(), Display(lines, counter), most=9, pause=lambda: False)
    assert lines.getvalue().startswith("message 2: unreadable")
    assert "1 of about 2: 1 settled" in counter.getvalue()
    assert counter.getvalue().endswith("2 of about 2: 1 settled, 1 unreadable\n")


def test_nothing_is_sent_without_go(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without --go neither key nor network are needed; form, reason and event are shown."""
    file = tmp_path / "letters.jsonl"
    file.write_bytes(ONE + b"\n" + record(TWO, {"errorType": "NotSettledError", "errorMessage": "i-1"}))
    assert main([str(file), "--to", "http://127.0.0.1:9/"]) == 0
    shown = capsys.readouterr()
    assert "message 1: event of 22 bytes, id 1; would be sent to http://127.0.0.1:9/" in shown.out
    assert "failed with NotSettledError: i-1; about 3 attempts; request id r-1; would be sent" in shown.out
    assert shown.err == "dry run of 2 of 2 messages: 2 to send; --go sends\n"
    file.write_bytes(b"torn {")
    assert main([str(file)]) == 1
    assert "would stay" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["x", "--go"], "--go needs --to URL or --function NAME"),
        (["x", "--rate", "0"], "argument --rate"),
        (["x", "--rate", "nan"], "argument --rate"),
        (["x", "--most", "0"], "argument --most"),
        (["x", "--go", "--dry-run"], "not allowed with"),
        ([], "name a FILE or a --queue"),
        (["x", "--queue", "q"], "name a FILE or a --queue"),
    ],
)
def test_misuse_is_told(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each wrong use names the argument and ends with 2."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert words in capsys.readouterr().err


def test_what_is_missing_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that is not there, and a key that is not set, end with 2."""
    assert main([str(tmp_path / "none")]) == 2
    file = tmp_path / "one"
    file.write_bytes(ONE)
    assert main([str(file), "--go", "--to", "http://127.0.0.1:9/"]) == 2
    assert "ALIBABA_CLOUD_ACCESS_KEY_ID" in capsys.readouterr().err


def test_a_message_that_comes_back_in_a_run_is_not_sent_again(cloud: LocalCloud) -> None:
    """Functions that take longer than messages are out of sight do not make a run endless."""
    seed_queue(cloud, ONE, TWO, ONE)

    def refuse_late(_: bytes) -> Verdict:
        cloud.advance(1000)
        return Verdict("refused")

    target, told = Recorder(refuse_late), Display(io.StringIO(), io.StringIO())
    with open_http(transport=cloud.transport) as http:
        queue = Queue(http, Credentials("test", "test"), "http://127.0.0.1", QUEUE)
        tally = redrive(QueueSource(queue, 1), target, told, most=9, pause=lambda: False)
    assert sorted(target.events) == sorted([ONE, TWO, ONE])
    assert tally.outcomes == Counter(refused=3)
