"""`./dev bench`: it measures, writes down what it promises, and says when what it measured did not work."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench import __main__ as command
from bench import cloud, fleet
from bench.account import Account
from bench.case import BenchError, Case, Column, each
from bench.cases import CASES
from bench.medians import summary
from bench.page_servers import HOW_TO_GET_MOTO, MOTO_SERVER
from bench.processes import output_of
from tests.support import programs
from tests.support.bench_numbers import explained
from tests.support.product import ROOT, cluster, ens_instance
from tests.support.waiting import until

ACCOUNT = Account(machines=2, clusters=1, max_per_run=10, node_quota=10)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What a run over a hundred machines writes."""
    file = tmp_path_factory.mktemp("bench") / "results.json"
    assert command.main(["fleet", "--sizes", "100", "--stores", "none", "--output", str(file)]) == 0
    return json.loads(file.read_text())


def explained_of_servers(case: str) -> set[str]:
    """The numbers that bench/README.md explains; `<n>` stands for each size of a page."""
    return {name.replace("<n>", str(size)) for name in explained(case) for size in cloud.PAGES}


def running_below(process: int) -> set[int]:
    """All processes that a process has started, and these, and so on, that are still running."""
    try:
        told = Path(f"/proc/{process}/task/{process}/children").read_text(encoding="ascii")
    except OSError:
        return set()
    started = {int(one) for one in told.split()}
    return started.union(*map(running_below, started))


def is_running(process: int) -> bool:
    """Whether a process is there and has not ended."""
    try:
        return Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="processes are looked up in Linux's /proc")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_who_ends_the_bench_ends_all_that_it_started(tmp_path: Path, how: signal.Signals) -> None:
    """However it is ended, no process that measures, and no local cloud, lives on."""
    options = ["--sizes", "10000", "--stores", "none", "--output", str(tmp_path / "results.json")]
    bench = subprocess.Popen(  # noqa: S603 -- a module of our own
        [sys.executable, "-m", "bench", "fleet", *options], cwd=ROOT
    )
    try:
        # What measures, and the local cloud that it has in a process of its own.
        until(lambda: len(running_below(bench.pid)) > 1, 60)
        started = running_below(bench.pid)
    finally:
        bench.send_signal(how)
        bench.wait(30)
    until(lambda: not any(map(is_running, started)), 60)


def test_results_say_where_and_what(results: Any) -> None:
    """The file tells its format, the machine, and the case, setting and numbers of each measurement."""
    assert results["format"] == 1
    assert set(results["machine"]) == {"python", "system", "architecture", "processors"}
    assert [one["case"] for one in results["measurements"]] == ["fleet"] * len(fleet.WAYS)
    assert [one["setting"]["way"] for one in results["measurements"]] == [*fleet.WAYS]


def test_results_have_what_the_readme_lists(results: Any) -> None:
    """bench/README.md explains each number of a fleet, and none that is not measured."""
    for one in results["measurements"]:
        assert set(one["numbers"]) == explained("a fleet")


def test_a_sweep_makes_no_more_attaches_than_are_needed(results: Any) -> None:
    """A hundred machines of two clusters are attached by sweeps in as many calls as ids per call ask for."""
    numbers = results["measurements"][-1]["numbers"]
    assert numbers["attach_calls"] == numbers["attach_calls_needed"] == 6
    assert numbers["invocations"] == numbers["sweeps"] == 3
    assert numbers["idle_calls"] <= numbers["idle_calls_bound"] == 8
    assert numbers["calls"] == sum(numbers["calls_by_action"].values())
    assert 0 < numbers["before_mib"] <= numbers["peak_mib"]
    assert numbers["cpu_seconds"] > 0


@pytest.mark.parametrize(
    ("homes", "attached", "said"),
    [
        (["c" + "0" * 32], [1, 1], None),
        (["c" + "0" * 32], [1, 2], "i-0000001 is in .* attached 2 times"),
        (["c" + "0" * 32, "c-other"], [1, 1], "2 of 2 machines"),
        ([], [0, 0], "i-0000000 is in no cluster, attached 0 times"),
    ],
)
def test_numbers_of_a_fleet_that_is_not_in_place_are_refused(
    homes: list[str], attached: list[int], said: str | None
) -> None:
    """A machine that is nowhere, in two clusters, or was attached twice makes the measurement fail."""
    ids = [*ACCOUNT.homes]
    nodes = [{"instance_id": one} for one in ids]
    state: Any = {
        "ens": {
            "instances": [ens_instance(one, attachCount=n) for one, n in zip(ids, attached, strict=True)]
        },
        "cs": {"clusters": [cluster(home, nodes=nodes) for home in homes]},
    }
    if said is None:
        fleet.check(state, ACCOUNT)
        return
    with pytest.raises(BenchError, match=said):
        fleet.check(state, ACCOUNT)


def needs_moto() -> None:
    """Skips where moto_server is not installed."""
    if not MOTO_SERVER.exists():
        programs.missing("moto_server", HOW_TO_GET_MOTO)


def test_pages_do_not_wait_for_what_is_stored() -> None:
    """A page takes less than twice as long with a hundred instances as with ten, and less than moto's."""
    needs_moto()
    numbers: Any = command.measured(CASES["cloud"], [{"instances": 100, "rounds": 30}])[0]
    assert set(numbers) == explained_of_servers("`cloud`")
    for size in cloud.PAGES:
        # Medians: a busy machine disturbs the slowest of few.
        assert numbers[f"local_p50_{size}"] < cloud.MOST_GROWTH * numbers[f"few_p50_{size}"]
        assert numbers[f"local_p50_{size}"] < numbers[f"moto_p50_{size}"]
    assert numbers["local_a_second_1"] > numbers["moto_a_second_1"]


def test_the_local_cloud_starts_within_a_second() -> None:
    """Its process needs less than a second of processor time, however busy the machine is."""
    needs_moto()
    numbers: Any = command.measured(CASES["cloud-start"], [{"starts": 2}])[0]
    assert set(numbers) == explained_of_servers("`cloud-start`")
    assert 0 < numbers["local_ready_seconds"] < numbers["local_answered_seconds"]
    assert 0 < numbers["local_cpu_seconds"] < cloud.MOST_SECONDS_TO_START


def test_a_bound_that_is_not_kept_fails_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is shown, the numbers are kept all the same, and the exit code is 1."""

    def measured(_: object, __: object) -> list[dict[str, Any]]:
        keys = dict.fromkeys([column.key for column in CASES["cloud-start"].columns], 1)
        return [{**keys, "missed": ["the first answer came after 1.50 s"]}]

    monkeypatch.setattr(command, "measured", measured)
    file = tmp_path / "results.json"
    assert command.main(["cloud-start", "--output", str(file)]) == 1
    assert "MISSED the first answer came after 1.50 s" in capsys.readouterr().out
    assert len(json.loads(file.read_text())["measurements"]) == 1


def test_what_goes_wrong_in_the_other_process_is_told() -> None:
    """An error in the process of a measurement is the measurement's."""
    with pytest.raises(BenchError, match="way"):
        command.measured(CASES["fleet"], [{"way": "by hand", "machines": 1, "clusters": 1, "store": "none"}])


def test_a_failed_measurement_fails_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is shown and is not in the results, the others are made all the same, and the exit code is 1."""

    def measured(_: object, settings: list[dict[str, Any]]) -> list[dict[str, Any]]:
        [setting] = settings
        if setting["way"] == "sweep":
            raise BenchError("two machines are missing")
        return [dict.fromkeys([column.key for column in CASES["quota"].columns], 1)]

    monkeypatch.setattr(command, "measured", measured)
    file = tmp_path / "results.json"
    assert command.main(["quota", "--stores", "none", "--output", str(file)]) == 1
    assert "two machines are missing" in capsys.readouterr().out
    kept = json.loads(file.read_text())["measurements"]
    assert [one["setting"]["way"] for one in kept] == ["one batch", "one batch"]


def test_a_case_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """The command names those that there are."""
    with pytest.raises(SystemExit):
        command.main(["nonsense"])
    assert f"expected one of {', '.join(CASES)}, found 'nonsense'" in capsys.readouterr().err


def test_what_failed_together_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Settings that share a process fail with one short line that counts them, and the reason."""

    def measured(_: object, __: object) -> list[dict[str, Any]]:
        raise BenchError("no Python 3.12")

    monkeypatch.setattr(command, "measured", measured)
    assert command.main(["sizes", "--output", str(tmp_path / "results.json")]) == 1
    said = capsys.readouterr().out
    assert "\n  FAILED all 4 of sizes\nno Python 3.12\n" in said
    assert "0 measurements; 4 FAILED\n" in said


def test_settings_that_are_measured_together_share_a_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One process gets all of them; each has its own row, with the median of what is summed up."""
    given: list[list[dict[str, Any]]] = []

    def measured(_: object, settings: list[dict[str, Any]]) -> list[dict[str, Any]]:
        given.append(settings)
        return [{"ms": summary([1.0, 2.0, 9.0 + one["way"]])} for one in settings]

    case = Case(
        "both",
        "two ways",
        (Column("way", "way"), Column("ms", "ms", ".2f")),
        lambda asked: [{"way": way, "rounds": asked.rounds} for way in (1, 2)],
        each(lambda setting, _: setting),
        together=True,
    )
    monkeypatch.setattr(command, "measured", measured)
    monkeypatch.setitem(CASES, "both", case)  # type: ignore[arg-type]  # it is a dict
    file = tmp_path / "results.json"
    assert command.main(["both", "--rounds", "7", "--output", str(file)]) == 0
    assert given == [[{"way": 1, "rounds": 7}, {"way": 2, "rounds": 7}]]
    assert [line.split() for line in capsys.readouterr().out.splitlines()[2:5]] == [
        ["way", "ms"],
        ["1", "2.00"],
        ["2", "2.00"],
    ]
    kept = json.loads(file.read_text())["measurements"]
    assert [one["numbers"]["ms"]["most"] for one in kept] == [10.0, 11.0]


def test_a_summary_tells_median_and_spread() -> None:
    """Median, quartiles, least and most, of as many as there are; of none there is no summary."""
    told = {"median": 3.0, "least": 1.0, "lower": 2.0, "upper": 4.0, "most": 9.0, "count": 5}
    assert summary([9.0, 1.0, 2.0, 3.0, 4.0]) == told
    assert summary([2.0])["upper"] == 2.0
    with pytest.raises(ValueError, match="nothing to sum up"):
        summary([])


def test_a_process_that_hangs_is_an_error() -> None:
    """Nobody waits for ever, and the error says how long it was waited."""
    with pytest.raises(BenchError, match="it took more than 0"):
        output_of((sys.executable, "-c", "import time; time.sleep(60)"), 0.2)
