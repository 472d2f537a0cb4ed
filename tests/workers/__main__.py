"""A longer hunt: scene after scene, until one ends wrong.

./dev run python -m tests.workers --store redis --rounds 20 --events 5000 --kills 200
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests.workers.scene import STORES, Scene, opened, play


def main() -> int:
    """What the arguments say; 1 when a scene ended wrong."""
    words = argparse.ArgumentParser(
        prog="python -m tests.workers",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    words.add_argument("--store", choices=STORES, default="sqlite", help="where claims are kept")
    words.add_argument("--rounds", type=int, default=1, help="scenes, each with the next seed")
    words.add_argument("--seed", type=int, default=1, help="the first one's")
    words.add_argument(
        "--events", type=int, default=1000, help="of a scene, duplicates and batches among them"
    )
    words.add_argument("--machines", type=int, default=250, help="that are to be attached")
    words.add_argument("--workers", type=int, default=4, help="processes at once")
    words.add_argument("--kills", type=int, default=25, help="workers killed at most")
    words.add_argument("--seconds", type=float, default=600.0, help="when a scene is given up")
    given = vars(words.parse_args())
    store, rounds, first = given.pop("store"), given.pop("rounds"), given.pop("seed")
    for seed in range(first, first + rounds):
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            url = stack.enter_context(opened(store, folder))
            story = play(Scene(seed, url, **given), folder)
        sys.stdout.write(f"{store}, {story.summary}\n")
        if story.wrong:
            sys.stdout.write(f"{story}\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
