"""How the demo is shown: what came, who took it, which calls were made, what came of it. Only prints."""

from __future__ import annotations

import json
import sys
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fctoolkit.jsontypes import JsonObject
    from localcloud.delivery.bus import Receipt
    from localcloud.delivery.journal import DeliveryRecord
    from localcloud.runtime import Invocation

WRITES = frozenset({"AttachInstances", "AddConnectableCluster"})

_WIDTH = 78


class Timeline:
    """Writes the timeline to standard output, with emphasis when that is a terminal."""

    def __init__(self) -> None:
        self._emphasis = sys.stdout.isatty()

    def title(self, text: str) -> None:
        """A headline."""
        self._line(f"\n{self._strong(text)}\n{'─' * min(_WIDTH, len(text))}")

    def passes(self, text: str) -> None:
        """Time that passes, and what happens meanwhile by itself."""
        self._line(f"\n   … {text}")

    def event(self, name: str, receipt: Receipt) -> None:
        """An event, and the rules that take it."""
        rules = ", ".join(rule.name for rule in receipt.matched) or "none"
        self._line(f"\n● event     {self._strong(str(receipt.event['type']))}   ({name})")
        self._line(f"  rule      {rules}   ({len(receipt.missed)} others do not match)")

    def timer(self, record: DeliveryRecord) -> None:
        """A tick of a timer."""
        self._line(f"\n● timer     {self._strong(record.source)}")

    def again(self, record: DeliveryRecord) -> None:
        """A try after the first, which the platform makes by itself."""
        how = "raised" if record.invocation.error_type else "returned"
        self._line(f"\n● again     {self._strong(record.source)}, try {record.tries}: {how}; {record.then}")

    def request(self, method: str, path: str, body: str, status: int) -> None:
        """An HTTP request and the status of its answer."""
        self._line(f"\n● http      {self._strong(f'{method} {path}')} {body}")
        self._line(f"  answer    {status}")

    def invocation(self, function: str, invocation: Invocation, calls: Sequence[JsonObject]) -> None:
        """A function that ran: its calls in order, and the outcomes it returned or raised."""
        start = "cold" if invocation.cold else "warm"
        self._line(f"  function  {function} ({start}, {invocation.duration * 1000:.0f} ms)")
        self._line(f"  calls     {self._calls(calls)}")
        for line in _outcomes(invocation):
            self._line(f"  outcome   {line}")

    def ending(self, good: bool, instance_id: str, place: str, why: str) -> None:  # noqa: FBT001 -- a column
        """One line of the last table."""
        mark = "✔" if good else "✘"
        self._line(f"  {mark} {instance_id:<22} {place or '–':<34} {why}")

    def note(self, text: str) -> None:
        """A plain line."""
        self._line(text)

    def _calls(self, calls: Sequence[JsonObject]) -> str:
        names = [self._strong(name) if name in WRITES else name for name in (str(c["action"]) for c in calls)]
        runs = ((name, len(list(run))) for name, run in groupby(names))
        return ", ".join(f"{name} ×{count}" if count > 1 else name for name, count in runs) or "none"

    def _strong(self, text: str) -> str:
        return f"\033[1m{text}\033[0m" if self._emphasis else text

    @staticmethod
    def _line(text: str) -> None:
        sys.stdout.write(text + "\n")


def _outcomes(invocation: Invocation) -> list[str]:
    """What the function returned or raised, in lines."""
    answer = json.loads(invocation.payload)
    if invocation.error_type:
        return [f"raised, so the event would be delivered again: {answer['errorMessage']}"]
    if "statusCode" in answer:
        answer = json.loads(answer["body"])
    shown = [f"{one.get('instanceId', '')} {one['result']}: {one['reason']}" for one in answer["outcomes"]]
    quiet = {
        result: count - sum(one["result"] == result for one in answer["outcomes"])
        for result, count in answer["counts"].items()
    }
    rest = ", ".join(f"{count} {result}" for result, count in quiet.items() if count)
    return [*shown, *([f"and {rest}" if shown else rest] if rest else [])]
