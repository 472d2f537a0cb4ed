"""Cold starts: programs do their job, what is deployed keeps or loses its bytecode, ratios are right."""

from __future__ import annotations

import json
import os
import sys
import sysconfig
import zipfile
from contextlib import closing
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import pytest

from bench import cold, processes, sizes, starts, trees
from bench.case import Asked, BenchError
from bench.cold import Runs, Setting
from bench.page_servers import LocalPages, Prepared, running, send
from bench.scene import Job
from bench.stage import Account, Kind, Place, Stage, event_of
from bench.starts import Program, Start, start
from tests.support.bench_numbers import explained
from tests.support.product import ROOT
from tools.demo import scene
from tools.layer.build import zip_bytes
from tools.layer.bytecode import MAGIC

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.page_servers import Running

PLACE = Place(Program(Path(), Path(), Path(), "", "", {}), compiled=7, valid=6)
HEADER = MAGIC
SOURCE = b"answer = 42\n"


def compiled(flags: int, moment: int, size: int) -> bytes:
    """A compiled file, as far as Python reads it before it decides."""
    return HEADER + b"".join(number.to_bytes(4, "little") for number in (flags, moment, size)) + b"code"


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    """A local cloud over HTTP."""
    with running(LocalPages()) as one:
        yield one


@pytest.fixture
def account(server: Running) -> Iterator[Account]:
    """The account that programs work on."""
    with closing(server.connect()) as connection:
        found = Account(connection)
        found.reset()
        yield found


@pytest.mark.parametrize("kind", get_args(Kind))
@pytest.mark.parametrize("job", get_args(Job))
def test_each_program_does_its_job(
    server: Running, account: Account, tmp_path: Path, job: Job, kind: Kind
) -> None:
    """Started as it is measured, it handles its event: attached or connected once, or one call made."""
    took = start(ready(server, tmp_path, job, kind), event_of(job))
    assert account.check(job, kind) >= 1
    assert 0 < took.importing + took.initializing + took.handling < took.wall
    assert took.cpu > 0
    assert took.peak > 1
    assert took.modules > 50


@pytest.mark.parametrize("kind", ["ours", "sdk"])
@pytest.mark.parametrize("job", get_args(Job))
def test_who_does_the_same_job_leaves_the_same_alone(
    server: Running, account: Account, tmp_path: Path, job: Job, kind: Kind
) -> None:
    """An instance that is tagged to be left alone is neither attached nor connected by either."""
    tags = {"enlist:hold": "being repaired"}
    held: dict[Job, Any] = {
        "attach": {"ens": {"instances": [scene.machine(scene.NEW, tags={"enlist": "edge-worker", **tags})]}},
        "connect": {
            "elasticsearch": {"instances": [scene.search(scene.LOGS, tags={"enlist": "logs", **tags})]}
        },
    }
    with closing(server.connect()) as connection:
        send(connection, Prepared("POST", "/_localcloud/seed", body=json.dumps(held[job]).encode()))
    start(ready(server, tmp_path, job, kind), event_of(job))
    with pytest.raises(BenchError, match=f"{kind} did not {job} the instance; it called .'Describe"):
        account.check(job, kind)


def ready(server: Running, folder: Path, job: Job, kind: Kind) -> Program:
    """A program on the packages of this environment, which has those of the layer and the vendor's."""
    own = {f"python/{path}": data for path, data in trees.read(ROOT / "shared").items()}
    stage = Stage(
        folder,
        Path(sys.executable),
        f"http://{server.host}:{server.port}",
        layer=zip_bytes(trees.without_bytecode(own)),
        wheels=trees.without_bytecode(own),
        sdk=ROOT / "events",
    )
    program = stage.place(job, kind, "none").program
    packages = os.pathsep.join(sysconfig.get_path(name) for name in ("purelib", "platlib"))
    return replace(program, environment={**program.environment, "PYTHONPATH": packages})


@pytest.mark.parametrize("job", get_args(Job))
def test_a_program_that_did_nothing_is_found_out(account: Account, job: Job) -> None:
    """Without the attach, the connection or the one call there are no numbers."""
    with pytest.raises(BenchError, match=f"ours did not {job} the instance"):
        account.check(job, "ours")
    with pytest.raises(BenchError, match="floor made other calls"):
        account.check(job, "floor")


def test_a_program_that_fails_is_told_with_what_it_wrote(tmp_path: Path) -> None:
    """Its traceback is in the error."""
    (tmp_path / "index.py").write_text("raise LookupError('nothing here')\n", encoding="utf-8")
    program = Program(Path(sys.executable), tmp_path, tmp_path, "index.handler", "index.initialize", {})
    with pytest.raises(BenchError, match="LookupError: nothing here"):
        start(program, event_of("attach"))


def test_a_program_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told apart from one that fails, and does not live on."""
    monkeypatch.setattr(starts, "MOST_SECONDS", 3)
    text = "import os\nopen('pid', 'w').write(str(os.getpid()))\nwhile True: pass\n"
    (tmp_path / "index.py").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    program = Program(Path(sys.executable), tmp_path, tmp_path, "index.handler", "index.initialize", {})
    with pytest.raises(BenchError, match="did not handle its event within 3 s: it wrote nothing"):
        start(program, event_of("attach"))
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text(encoding="ascii")), 0)


def test_what_a_measurement_lacks_is_told_with_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without Python 3.12, or without the official SDKs, nothing is measured."""
    monkeypatch.setattr(trees, "SDK", tmp_path / "nothing")
    with pytest.raises(BenchError, match=r"run `\./dev bench cold`"):
        trees.sdk_folder()
    monkeypatch.setattr(processes, "find", lambda _: None)
    with pytest.raises(BenchError, match=r"Python 3\.12 on this machine"):
        cold.measure(cold.settings(Asked((), (), ())), "")


def test_what_a_program_writes_shows_in_the_listing(tmp_path: Path) -> None:
    """A file that is new, longer, or only newer makes another listing."""
    trees.write({"code/one.py": SOURCE}, tmp_path)
    before = trees.listing(tmp_path)
    assert trees.listing(tmp_path) == before
    os.utime(tmp_path / "code/one.py", (1, 1))
    newer = trees.listing(tmp_path)
    trees.write({"code/__pycache__/one.cpython-312.pyc": b""}, tmp_path)
    assert len({before, newer, trees.listing(tmp_path)}) == 3


def test_what_is_deployed_keeps_only_bytecode_that_looks_at_no_time(tmp_path: Path) -> None:
    """Bytecode that pip makes is stale after the way into the cloud; unchecked hashes survive it."""
    here, there = tmp_path / "here", tmp_path / "there"
    moment = 1_700_000_000
    files = {
        "timed.py": SOURCE,
        "__pycache__/timed.cpython-312.pyc": compiled(0, moment, len(SOURCE)),
        "hashed.py": SOURCE,
        "__pycache__/hashed.cpython-312.pyc": compiled(1, 0, 0),
    }
    trees.write(files, here)
    os.utime(here / "timed.py", (moment, moment))
    assert trees.count_bytecode(here) == (2, 2)
    trees.deploy(trees.read(here), there)
    assert trees.count_bytecode(there) == (2, 1)
    assert {(there / name).stat().st_mtime for name in files} == {(there / "timed.py").stat().st_mtime}
    assert trees.read(there) == files


@pytest.mark.parametrize(
    "wrong",
    [
        compiled(0, 1_700_000_000, len(SOURCE) + 1),
        compiled(0, 1_700_000_001, len(SOURCE)),
        compiled(3, 0, 0),
        b"\xa7\x0d\r\n" + compiled(1, 0, 0)[4:],
        HEADER,
    ],
    ids=["size", "time", "checked by hash", "Python 3.11", "cut"],
)
def test_bytecode_that_python_would_not_load_is_stale(tmp_path: Path, wrong: bytes) -> None:
    """Another size, another time, a hash to check, another Python, half a header."""
    trees.write({"one.py": SOURCE, "__pycache__/one.cpython-312.pyc": wrong}, tmp_path)
    os.utime(tmp_path / "one.py", (1_700_000_000, 1_700_000_000))
    assert trees.count_bytecode(tmp_path) == (1, 0)


def test_bytecode_without_its_source_is_stale(tmp_path: Path) -> None:
    """Python does not look into `__pycache__` for what has no source."""
    trees.write({"__pycache__/one.cpython-312.pyc": compiled(1, 0, 0)}, tmp_path)
    assert trees.count_bytecode(tmp_path) == (1, 0)


def test_a_layer_is_opened_where_python_finds_it() -> None:
    """What is below `python/` becomes what is on the path; the rest is no package."""
    target = BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("python/one.py", SOURCE)
        archive.writestr("NOTES", b"")
    assert trees.opened(target.getvalue()) == {"one.py": SOURCE}


def runs(wall: float, peak: float, calls: int = 1) -> Runs:
    """Starts whose medians are these."""
    found = Runs()
    for factor in (1.0, 0.5, 9.0):
        found.starts.append(Start(wall * factor, 1.0, 1.0, 1.0, 1.0, peak * factor, 100))
        found.calls.add(calls)
    return found


def test_ratios_are_of_medians_and_bounds_are_ours_alone() -> None:
    """Each row is compared with the clients and the floor of its own job and state; only ours can miss."""
    walls = {"ours": (60.0, 50.0), "sdk": (100.0, 100.0), "floor": (50.0, 40.0), "bare": (20.0, 30.0)}
    settings = {
        Setting(job="attach", program=kind, bytecode="valid", rounds=3): runs(*numbers)  # type: ignore[arg-type]
        for kind, numbers in walls.items()
    }
    rows: list[Any] = cold.numbers(settings, dict.fromkeys(settings, PLACE))
    ours, sdk, *_ = rows
    assert (ours["wall_by_sdk"], ours["peak_by_sdk"], ours["wall_by_floor"]) == (0.6, 0.5, 1.2)
    assert ours["missed"] == [
        "attach, valid: wall_by_sdk is 0.6, at most 0.50",
        "attach, valid: wall_by_floor is 1.2, at most 1.15",
    ]
    assert sdk["missed"] == []
    assert ours["wall_ms"]["median"] == 60.0
    assert (ours["compiled_files"], ours["compiled_valid"]) == (7, 6)


def test_slow_states_have_fewer_turns_and_each_has_one() -> None:
    """With one round everything is measured once; the number of rounds is that of `--rounds`."""
    for setting in cold.settings(Asked((), (), (), rounds=1)):
        assert setting["rounds"] == 1
    assert [state for state in ("valid", "none", "deployed") if cold.has_turn(1, state)] == [
        "valid",
        "none",
        "deployed",
    ]
    assert [number for number in range(1, 8) if cold.has_turn(number, "none")] == [1, 4, 7]


def test_the_readme_explains_every_number() -> None:
    """bench/README.md has each number of a cold start and of a size, and none that is not measured."""
    setting = Setting(job="attach", program="sdk", bytecode="valid", rounds=1)
    floor = setting.model_copy(update={"program": "floor"})
    measured = {one: runs(1.0, 1.0) for one in (setting, floor)}
    [row, _] = cold.numbers(measured, dict.fromkeys(measured, PLACE))
    assert set(row) == explained("`cold`")
    assert {*sizes.sizes_of({}), "zip_by_layer", "missed"} == explained("`sizes`")


def distribution(folder: Path, name: str, *requires: str) -> None:
    """An installed distribution of one module."""
    module = name.replace("-", "_")
    lines = [f"Name: {name}", "Version: 1", *(f"Requires-Dist: {one}" for one in requires)]
    trees.write(
        {
            f"{module}.py": SOURCE,
            f"{module}-1.dist-info/METADATA": "\n".join(lines).encode(),
            f"{module}-1.dist-info/RECORD": f"{module}.py,,\n../bin/{name},,\n".encode(),
        },
        folder,
    )


def test_a_set_of_clients_is_what_they_require_and_no_more(tmp_path: Path) -> None:
    """Requirements are followed in any spelling; extras, other systems and neighbours are left out."""
    distribution(
        tmp_path, "client", "Core_Parts>=1", 'windows-only; sys_platform == "win32"', 'x; extra == "x"'
    )
    distribution(tmp_path, "core-parts", "client")
    distribution(tmp_path, "neighbour")
    assert set(sizes.sdk_files(tmp_path, ["client"])) == {"client.py", "core_parts.py"}
    with pytest.raises(BenchError, match="absent is missing"):
        sizes.sdk_files(tmp_path, ["absent"])


def test_sizes_tell_bytecode_apart() -> None:
    """What is compiled is counted in the one and left out of the other."""
    found = sizes.sizes_of({"a.py": SOURCE, "__pycache__/a.cpython-312.pyc": bytes(100)})
    assert (found["files"], found["compiled_files"]) == (2, 1)
    assert found["unpacked_bytes"] - found["unpacked_bytes_without"] == 100
    assert found["zip_bytes"] > found["zip_bytes_without"]
