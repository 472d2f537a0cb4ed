"""A process that claims one piece of work again and again, and writes down when it was at it.

    python -m tests.support.claimant URL JOURNAL LEASE hammer SECONDS
    python -m tests.support.claimant URL JOURNAL LEASE hold

`hammer` fails each claim after a moment, so that attempts number the owners; now and then it is too late.
`hold` claims, waits for a line on standard input and completes. The journal has one JSON object a line.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time

from fctoolkit.errors import InProgressError, StaleOwnerError, StoreError
from fctoolkit.idempotency import Claim, Guard, open_store
from tests.support.claims import key


def note(journal: int, claim: Claim, what: str) -> None:
    """One line, written at once as a whole."""
    line = {
        "what": what,
        "at": time.time(),
        "attempt": claim.attempts,
        "since": claim.record.changed_at,
        "until": claim.record.lease_until,
        "pid": os.getpid(),
    }
    os.write(journal, json.dumps(line).encode() + b"\n")


def hammer(guard: Guard, journal: int, seconds: float) -> None:
    """Claim, work for a moment, fail; for so long."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        try:
            claim = guard.claim(key())
        except InProgressError:
            time.sleep(random.uniform(0, 0.002))  # noqa: S311  # no secret
            continue
        except StoreError as error:
            if not error.transient:
                raise
            continue
        note(journal, claim, "enter")
        late = random.random() < 0.02  # noqa: S311
        time.sleep(guard.lease * 1.2 if late else random.uniform(0, 0.003))  # noqa: S311
        note(journal, claim, "leave")
        try:
            claim.fail("again", maybe_done=False)
        except StaleOwnerError:
            note(journal, claim, "stale")


def hold(guard: Guard, journal: int) -> None:
    """Claim, wait to be told, complete."""
    claim = guard.claim(key())
    note(journal, claim, "enter")
    sys.stdin.readline()
    try:
        claim.complete("held")
        note(journal, claim, "completed")
    except StaleOwnerError:
        note(journal, claim, "stale")


def main() -> None:
    """What the arguments say."""
    url, file, lease, how, *rest = sys.argv[1:]
    guard = Guard(open_store(url, environ={}), timeout=float(lease) * 0.9, lease=float(lease))
    journal = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    if how == "hammer":
        hammer(guard, journal, float(rest[0]))
    else:
        hold(guard, journal)
    guard.store.close()


if __name__ == "__main__":
    main()
