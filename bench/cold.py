"""Cold starts: from the start of a process until one event is handled to its outcome.

Ours, the same job on the official SDKs, and the least that one signed call costs; with valid bytecode,
without, and as deployed. All are started in turn, round after round.
"""

from __future__ import annotations

from contextlib import closing
from itertools import product
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final, get_args

from pydantic import BaseModel, ConfigDict

from bench import trees
from bench.case import Asked, BenchError, Case, Column
from bench.medians import summary
from bench.page_servers import LocalPages, running
from bench.processes import function_python
from bench.scene import Job
from bench.stage import Account, Bytecode, Kind, Stage, event_of
from bench.starts import Start, go_first, pin, processors, start

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.stage import Place
    from fctoolkit.jsontypes import JsonObject, JsonValue

ROUNDS: Final = 21
EVERY: Final[Mapping[Bytecode, int]] = {"valid": 1, "none": 3, "deployed": 3}
"""In which rounds a state has its turn: without bytecode a start takes long, and no bound is near."""


class Setting(BaseModel):
    """One program in one state, and in how many rounds it may have its turn."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    job: Job
    program: Kind
    bytecode: Bytecode
    rounds: int


class Bound(BaseModel):
    """A ratio of two medians that ours must not exceed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    job: Job
    bytecode: Bytecode
    number: str
    most: float


BOUNDS: Final = (
    Bound(job="attach", bytecode="valid", number="wall_by_sdk", most=0.50),
    Bound(job="connect", bytecode="valid", number="wall_by_sdk", most=0.60),
    Bound(job="attach", bytecode="valid", number="peak_by_sdk", most=0.60),
    Bound(job="connect", bytecode="valid", number="peak_by_sdk", most=0.60),
    Bound(job="attach", bytecode="deployed", number="wall_by_sdk", most=0.25),
    Bound(job="connect", bytecode="deployed", number="wall_by_sdk", most=0.25),
    Bound(job="attach", bytecode="valid", number="wall_by_floor", most=1.15),
    Bound(job="connect", bytecode="valid", number="wall_by_floor", most=1.15),
)


def settings(asked: Asked) -> Sequence[JsonObject]:
    """Every job with every program in every state."""
    return [
        Setting(job=job, program=kind, bytecode=state, rounds=asked.rounds or ROUNDS).model_dump()
        for job, state, kind in product(get_args(Job), get_args(Bytecode), get_args(Kind))
    ]


def measure(settings: Sequence[JsonObject], _: str) -> Sequence[JsonObject]:
    """Starts all programs in turn; gives what each took, and how that compares."""
    asked = [Setting.model_validate(setting) for setting in settings]
    interpreter = function_python()
    if not Path("/proc/self/status").exists():
        raise BenchError("cold starts are measured on Linux, which tells the most memory that a process had")
    layer, wheels, sdk = trees.build_layer(), trees.whole_wheels(interpreter), trees.sdk_folder()
    servers, measured = processors()
    go_first()
    pin(servers)
    with TemporaryDirectory() as folder, running(LocalPages()) as server:
        root = Path(folder)
        stage = Stage(
            root, interpreter, f"http://{server.host}:{server.port}", layer=layer, wheels=wheels, sdk=sdk
        )
        places = {one: stage.place(one.job, one.program, one.bytecode) for one in asked}
        trees.seal(root)
        before = trees.listing(root)
        pin(measured)
        with closing(server.connect()) as connection:
            runs = _runs(places, Account(connection))
        if trees.listing(root) != before:
            raise BenchError("a program wrote into its code or its packages")
    return numbers(runs, places)


class Runs:
    """The starts of one setting, and how many calls each made."""

    def __init__(self) -> None:
        self.starts: list[Start] = []
        self.calls: set[int] = set()


def _runs(places: Mapping[Setting, Place], account: Account) -> dict[Setting, Runs]:
    runs = {setting: Runs() for setting in places}
    for number in range(max(setting.rounds for setting in places) + 1):
        for setting, place in places.items():
            if number > setting.rounds or not has_turn(number, setting.bytecode):
                continue
            account.reset()
            took = start(place.program, event_of(setting.job))
            calls = account.check(setting.job, setting.program)
            # The first start of each reads its files from the disk.
            if number:
                runs[setting].starts.append(took)
                runs[setting].calls.add(calls)
    return runs


def has_turn(number: int, state: Bytecode) -> bool:
    """Whether programs in a state are started in a round; before the first one, all are."""
    return not number or (number - 1) % EVERY[state] == 0


def numbers(runs: Mapping[Setting, Runs], places: Mapping[Setting, Place]) -> list[JsonObject]:
    """A row for each setting. Ratios are of medians, with the same job and state."""
    walls = {one: median(start.wall for start in run.starts) for one, run in runs.items()}
    peaks = {one: median(start.peak for start in run.starts) for one, run in runs.items()}
    rows: list[JsonObject] = []
    for one, run in runs.items():
        sdk, floor = (one.model_copy(update={"program": kind}) for kind in ("sdk", "floor"))
        row: dict[str, JsonValue] = {
            "wall_ms": summary([start.wall for start in run.starts]),
            "cpu_ms": summary([start.cpu for start in run.starts]),
            "import_ms": summary([start.importing for start in run.starts]),
            "initialize_ms": summary([start.initializing for start in run.starts]),
            "handle_ms": summary([start.handling for start in run.starts]),
            "peak_mib": summary([start.peak for start in run.starts]),
            "modules": max(start.modules for start in run.starts),
            "calls": max(run.calls),
            "compiled_files": places[one].compiled,
            "compiled_valid": places[one].valid,
            "wall_by_sdk": round(walls[one] / walls[sdk], 3),
            "peak_by_sdk": round(peaks[one] / peaks[sdk], 3),
            "wall_by_floor": round(walls[one] / walls[floor], 3),
        }
        row["missed"] = list(missed(one, row))
        rows.append(row)
    return rows


def missed(setting: Setting, row: Mapping[str, JsonValue]) -> list[JsonValue]:
    """The bounds that a row of ours does not keep."""
    return [
        f"{bound.job}, {bound.bytecode}: {bound.number} is {row[bound.number]}, at most {bound.most:.2f}"
        for bound in BOUNDS
        if setting.program == "ours"
        and (setting.job, setting.bytecode) == (bound.job, bound.bytecode)
        and float(str(row[bound.number])) > bound.most
    ]


CASE: Final = Case(
    "cold",
    "from the start of a process until one event is handled to its outcome, ms; lower, upper: quartiles",
    (
        Column("job", "job"),
        Column("program", "program"),
        Column("bytecode", "bytecode"),
        Column(".pyc", "compiled_files", ","),
        Column("valid .pyc", "compiled_valid", ","),
        Column("starts", "wall_ms", part="count"),
        Column("wall", "wall_ms", ".0f"),
        Column("lower", "wall_ms", ".0f", part="lower"),
        Column("upper", "wall_ms", ".0f", part="upper"),
        Column("CPU", "cpu_ms", ".0f"),
        Column("import", "import_ms", ".0f"),
        Column("initialize", "initialize_ms", ".0f"),
        Column("handle", "handle_ms", ".0f"),
        Column("MiB", "peak_mib", ".1f"),
        Column("modules", "modules", ","),
        Column("calls", "calls"),
        Column("by sdk", "wall_by_sdk", ".2f"),
        Column("MiB by sdk", "peak_by_sdk", ".2f"),
        Column("by floor", "wall_by_floor", ".2f"),
    ),
    settings,
    measure,
    together=True,
)
