"""What is promised of every request, and how to look for one that breaks it.

./dev run python -m tests.cloud.promises --examples 20000   a longer hunt than the tests make
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
import traceback
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from localcloud import LocalCloud
from localcloud.admin import is_admin_path
from tests.cloud.scenarios import scenarios
from tests.support.cloud_modes import plain_request
from tests.support.cloud_scene import IN_PROCESS, Scene, scene
from tests.support.judging_answers import judge, judge_state
from tests.support.odd_requests import (
    SUPPORTED,
    claims,
    furnish,
    request_of,
    requests_of,
    spoilt,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hypothesis.strategies import DataObject, SearchStrategy

    from localcloud.message import Request, Response
    from tests.support.cloud_modes import Answer, Plain

LONGEST_SCENARIO = 12
"""Calls of a scenario before which somebody else may come."""

_ANY = st.sampled_from(SUPPORTED).flatmap(requests_of)


class WatchedCloud(LocalCloud):
    """A cloud whose every answer is judged. It looks at no signatures unless it is told to.

    Attributes:
        problems: what was wrong, in order; whoever called may have swallowed it.
    """

    def __init__(self, *, signed: bool = False) -> None:
        super().__init__(signed=signed)
        self.problems: list[BaseException] = []

    def handle(self, request: Request) -> Response:
        """Answers, and judges what it answers."""
        try:
            response = super().handle(request)
            if not is_admin_path(request.path):
                judge(self, request, response)
        except BaseException as error:
            self.problems.append(error)
            raise
        return response


class Meddled(Scene):
    """A scene in which somebody sends a spoilt copy of one call, directly before the call itself."""

    data: DataObject
    before: int

    def call(self, service: str, action: str, **parameters: Any) -> Answer:
        """The call, perhaps after somebody else's."""
        if self.before == 0:
            plain = self.data.draw(spoilt(plain_request(service, action, parameters)))
            self.cloud.handle(request_of(plain))
        self.before -= 1
        return super().call(service, action, **parameters)


def answered(requests: list[Plain]) -> None:
    """Whatever some requests hold, each is answered as the vendor could, and the state is a seed."""
    with WatchedCloud() as cloud:
        furnish(cloud)
        for plain in requests:
            cloud.handle(request_of(plain))
        judge_state(cloud)


def refused(plain: Plain) -> None:
    """Whatever stands in the place of a signature, the request is refused and changes nothing."""
    with WatchedCloud(signed=True) as cloud:
        furnish(cloud)
        before = cloud.state()
        assert cloud.handle(request_of(plain)).status >= 400
        assert cloud.state() == before


def meddled(data: DataObject) -> None:
    """The same holds in the middle of any scenario, for a call of it that is spoilt."""
    scenario = data.draw(st.sampled_from(_quick_scenarios()))[1]
    cloud = WatchedCloud()
    with scene(IN_PROCESS, cloud) as at:
        other = Meddled(at.mode, at.cloud, at.url, at._http)
        other.data, other.before = data, data.draw(st.integers(0, LONGEST_SCENARIO))
        # The scenario may well fail, for somebody else was there; what the cloud did is judged below.
        with contextlib.suppress(AssertionError, LookupError, TypeError, ValueError):
            scenario(other)
        for problem in cloud.problems:
            raise problem
        judge_state(cloud)


def _quick_scenarios() -> list[tuple[str, Callable[[Scene], None]]]:
    """Those that start no process, ask for no signature and for no trouble."""
    left_out = ("test_invoking", "test_keys", "test_official_clients", "test_promises", "test_trouble")
    return [(name, one) for name, one in scenarios(IN_PROCESS) if not name.startswith(left_out)]


PROMISES: dict[str, tuple[Callable[[Any], None], SearchStrategy[Any]]] = {
    "answered": (answered, st.lists(_ANY, min_size=1, max_size=3)),
    "refused": (refused, _ANY.flatmap(claims)),
    "meddled": (meddled, st.data()),
}


def hunt(name: str, examples: int) -> None:
    """Tries a promise with so many examples; raises what breaks it."""
    promise, examples_of = PROMISES[name]
    patient = settings(
        max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    patient(given(examples_of)(promise))()


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0 when nothing was found."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.cloud.promises", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("promise", nargs="*", choices=[[], *PROMISES], help="default: all", metavar="PROMISE")
    parser.add_argument("--examples", type=int, default=2000, metavar="N", help="of each promise")
    options = parser.parse_args(arguments)
    broken = 0
    for name in options.promise or PROMISES:
        began = time.monotonic()
        try:
            hunt(name, options.examples)
        except Exception:  # noqa: BLE001 - whatever is found is shown
            broken += 1
            traceback.print_exc()
        sys.stdout.write(f"{name}: {options.examples} examples, {time.monotonic() - began:.0f} s\n")
    return int(bool(broken))


if __name__ == "__main__":
    sys.exit(main())
