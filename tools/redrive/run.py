"""The loop: reads each message, sends its event, takes it off when it is settled. Knows no command line.

One message at a time, at a bounded rate. A message is taken off only after the function answered that its
event is settled. Between that answer and the removal the process may die: the event is then sent again the
next time, which does nothing, because the functions do nothing twice.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol, TextIO

from fctoolkit.deadletters import read_dead_letter
from fctoolkit.errors import ApiError, EventError
from fctoolkit.strictjson import shorten
from tools.redrive.targets import REASON_LENGTH, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fctoolkit.deadletters import DeadLetter
    from fctoolkit.jsontypes import JsonValue
    from tools.redrive.targets import Target

_ORDER: Final = ("to send", "settled", "ignored", "refused", "failed", "unreadable")


@dataclass(frozen=True, slots=True)
class Message:
    """A message that may be a dead letter.

    Attributes:
        label: tells it from others: `message 3` of a file, the message id in a queue.
        body: as it came.
    """

    label: str
    body: bytes


class Source(Protocol):
    """Where messages are taken from."""

    @property
    def total(self) -> int:
        """About how many there are, those out of sight for now included."""
        ...

    def messages(self) -> Iterator[Message]:
        """Each message once; the next one is fetched only when it is asked for."""
        ...

    def shown(self) -> Iterator[Message]:
        """Messages to look at, without any change to where they are."""
        ...

    def remove(self, message: Message) -> None:
        """Takes off a message whose event is settled. Raises ApiError when that is not certain."""
        ...


@dataclass
class Tally:
    """What became of the messages.

    Attributes:
        outcomes: how many by outcome.
        kept: messages whose event was settled and that could not be removed.
        ended: why the run ended before all messages were seen; empty when it did not.
        interrupted: somebody asked it to stop.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    kept: int = 0
    ended: str = ""
    interrupted: bool = False

    @property
    def seen(self) -> int:
        """How many messages were looked at."""
        return self.outcomes.total()

    def __str__(self) -> str:
        return ", ".join(f"{self.outcomes[name]} {name}" for name in _ORDER if self.outcomes[name]) or "none"


class Display:
    """Tells what happens: on a terminal what did not go well and a counter line, elsewhere a line for each.

    Args:
        lines: takes the lines about messages; standard output by default.
        counter: takes the counter line, when it is a terminal; standard error by default.
    """

    def __init__(self, lines: TextIO | None = None, counter: TextIO | None = None) -> None:
        self._lines, self._counter = lines or sys.stdout, counter or sys.stderr
        self._live = self._counter.isatty()

    def result(self, message: Message, verdict: Verdict, note: str = "") -> None:
        """One message is through."""
        if self._live and verdict.outcome == "settled" and not note:
            return
        self.line(" ".join(f"{message.label}: {verdict.outcome} {verdict.reason} {note}".split()))

    def line(self, text: str) -> None:
        """One line of its own."""
        if self._live:
            self._counter.write("\r\033[K")
            self._counter.flush()
        print(text, file=self._lines, flush=True)

    def count(self, tally: Tally, total: int) -> None:
        """How far it is."""
        if self._live:
            self._counter.write(f"\r\033[K{tally.seen} of about {max(total, tally.seen)}: {tally}")
            self._counter.flush()

    def end(self) -> None:
        """Leaves the counter line as it is."""
        if self._live:
            self._counter.write("\n")


def redrive(
    source: Source,
    target: Target,
    display: Display,
    *,
    most: int,
    pause: Callable[[], bool],
) -> Tally:
    """Sends the event of each message and removes what is settled.

    Args:
        source: of messages.
        target: where events go.
        display: told what happens.
        most: how many messages are looked at.
        pause: waits between two messages; true when the run shall end.

    Raises:
        ApiError: not even one message could be read.
    """
    tally = Tally()
    try:
        _redrive_all(source, target, display, tally, most=most, pause=pause)
    except ApiError as error:
        if not tally.seen:
            raise
        tally.ended = str(error)
    finally:
        display.end()
    return tally


def _redrive_all(
    source: Source, target: Target, display: Display, tally: Tally, *, most: int, pause: Callable[[], bool]
) -> None:
    for message in source.messages():
        verdict, note = _redrive_one(source, target, message, tally)
        tally.outcomes[verdict.outcome] += 1
        display.result(message, verdict, note)
        display.count(tally, source.total)
        if verdict.hopeless:
            tally.ended = f"the next would fare no better at {target.name}"
            break
        if tally.seen >= most:
            tally.ended = f"{most} messages were asked for"
            break
        if pause():
            tally.interrupted, tally.ended = True, "interrupted"
            break


def _redrive_one(source: Source, target: Target, message: Message, tally: Tally) -> tuple[Verdict, str]:
    """What became of a message, and what else there is to say."""
    try:
        letter = read_dead_letter(message.body)
    except EventError as error:
        return Verdict("unreadable", shorten(str(error), REASON_LENGTH)), ""
    verdict = target.send(letter.event)
    if verdict.outcome == "settled":
        try:
            source.remove(message)
        except ApiError as error:
            tally.kept += 1
            return verdict, f"but it is still in the queue: {shorten(str(error), REASON_LENGTH)}"
    return verdict, ""


def preview(source: Source, where: str, display: Display, *, most: int) -> Tally:
    """Shows what each message is, why it failed and what would be sent. Sends nothing, changes nothing."""
    tally = Tally()
    for message in source.shown():
        try:
            letter = read_dead_letter(message.body)
        except EventError as error:
            tally.outcomes["unreadable"] += 1
            display.line(f"{message.label}: unreadable, would stay: {shorten(str(error), REASON_LENGTH)}")
        else:
            tally.outcomes["to send"] += 1
            display.line(f"{message.label}: {_described(letter)}; would be sent{where}")
        if tally.seen >= most:
            break
    return tally


def _described(letter: DeadLetter) -> str:
    parts = [f"{letter.form} of {len(letter.event)} bytes, {_event_name(letter.event)}"]
    if letter.error_type or letter.error_message:
        reason = ": ".join(text for text in (letter.error_type, letter.error_message) if text)
        parts.append(f"failed with {shorten(' '.join(reason.split()), REASON_LENGTH)}")
    if letter.attempts is not None:
        parts.append(f"about {letter.attempts} attempts")
    if letter.request_id:
        parts.append(f"request id {letter.request_id}")
    return "; ".join(parts)


def _event_name(event: bytes) -> str:
    value: JsonValue = json.loads(event)
    if isinstance(value, list):
        return f"a batch of {len(value)}"
    told = value if isinstance(value, dict) else {}
    names = [f"{key} {told[key]}" for key in ("source", "type", "id") if isinstance(told.get(key), str)]
    return shorten(", ".join(names) or f"keys {', '.join(sorted(told))}", REASON_LENGTH)
