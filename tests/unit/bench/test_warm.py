"""Warm events: each ends as it did when it was recorded, and what it costs of its own is judged."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest

from bench import parts, warm
from bench.case import Asked, BenchError
from bench.onlayer import run_here
from bench.recording import Kind, record
from bench.scene import CONTEXT, Job, PreparedAnswers, Scene, warm_function
from tests.support.bench_numbers import explained

ASKED = Asked((100,), ("none",), (0.05,), rounds=1)


def handled(scene: Scene, exchanges: Any) -> Any:
    """What the function returns for the scene's event, when it gets these answers, and how often it asked."""
    answers = PreparedAnswers(exchanges)
    with warm_function(scene.job, scene.bindings, answers, scene.now) as function:
        report: Any = function.handle(scene.event.encode(), CONTEXT)
    return report["counts"], answers.asked


@pytest.mark.parametrize("kind", get_args(Kind))
@pytest.mark.parametrize("job", get_args(Job))
def test_a_recorded_event_plays_again(job: Job, kind: Kind) -> None:
    """With the answers it had, an event has the outcome it had, by as many calls; JSON in between or not."""
    scene = Scene.model_validate_json(record(job, kind).model_dump_json())
    assert handled(scene, scene.exchanges) == (scene.counts, len(scene.exchanges))
    assert sum(scene.counts.values()) == 1


def test_an_event_that_asks_for_more_is_no_replay() -> None:
    """A call that was not recorded has no answer: the event does not end as it did."""
    scene = record("attach", "new")
    with pytest.raises(KeyError):
        handled(scene, scene.exchanges[:3])


def test_every_number_of_warm_events_is_explained() -> None:
    """What is measured is what bench/README.md lists, for every kind of event of both functions."""
    settings = [{**one, "events": 1} for one in warm.settings(ASKED)]
    rows: Any = warm.measure(settings, "", run_here)
    assert len(rows) == len(get_args(Job)) * len(get_args(Kind))
    for setting, numbers in zip(settings, rows, strict=True):
        assert set(numbers) == explained("`warm`")
        assert numbers["cpu_ms"]["median"] > 0
        assert numbers["calls"] == len(record(setting["job"], setting["event"]).exchanges)


@pytest.mark.parametrize(("own", "said"), [([0.9, 1.0, 5.0], 0), ([0.9, 1.01, 1.02], 1)])
def test_the_bound_is_for_the_median(own: list[float], said: int) -> None:
    """A millisecond of its own keeps the bound, a little more does not; a slow round does not matter."""
    numbers: Any = warm.numbers("attach, new", [{"own_cpu": one} for one in own])
    assert len(numbers["missed"]) == said


def test_every_part_is_measured() -> None:
    """Each part that the case names has its times, and bench/README.md explains the number."""
    rows: Any = parts.measure(parts.settings(ASKED), "", run_here)
    assert len(rows) == len(parts.PARTS)
    for numbers in rows:
        assert set(numbers) == explained("`parts`")
        assert numbers["cpu_us"]["median"] > 0


def test_a_part_that_nobody_measures_is_an_error() -> None:
    """A name without a measurement is told, and has no numbers."""
    with pytest.raises(BenchError, match="plan: everything"):
        parts.measure([{"part": "plan: everything", "rounds": 1}], "", lambda _module, _asked: {})


def test_what_goes_wrong_in_the_measured_process_is_told() -> None:
    """An event that does not end as it did gives no numbers, and the reason."""
    scene = json.loads(record("attach", "ignored").model_dump_json())
    asked = {"scenes": [{**scene, "counts": {"attached": 1}}], "rounds": 1, "events": 1}
    with pytest.raises(BenchError, match=r"expected \{'attached': 1\}"):
        run_here("bench.warm_process", asked)
