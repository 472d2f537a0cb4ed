"""Where cold starts are made: programs in folders of their own, and a local cloud that each finds as it was.

Knows what each program must have done in the end, and takes no times.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from bench import trees
from bench.case import BenchError
from bench.page_servers import Prepared, send
from bench.processes import ROOT
from bench.starts import Program
from enlist.bindings.packed import load_bindings, pack
from enlist.settings import PACKED_BINDINGS
from localcloud.runtime.environment import TEST_CREDENTIALS, calling, function_environment
from localcloud.template.reading import read_template
from tools.demo import scene

if TYPE_CHECKING:
    from collections.abc import Mapping
    from http.client import HTTPConnection

    from bench.scene import Job
    from fctoolkit.jsontypes import JsonObject, JsonValue

Kind = Literal["ours", "sdk", "floor", "lowered", "bare"]
Bytecode = Literal["valid", "none", "deployed"]

EVENTS: Final[Mapping[Job, str]] = {
    "attach": "ens-cloudmonitor-eventbridge.json",
    "connect": "elasticsearch-custom.json",
}
FUNCTIONS: Final[Mapping[Job, str]] = {"attach": "attach_instances", "connect": "add_connectable_cluster"}
BINDINGS: Final = ROOT / "tools/demo/bindings.yaml"

PROGRAMS: Final = Path(__file__).with_name("programs")
_FLOORS: Final = ("floor", "lowered", "bare")
_PACKAGES: Final[Mapping[Kind, str]] = {
    "ours": "layer",
    "sdk": "sdk",
    "floor": "wheels",
    "lowered": "layer",
    "bare": "wheels",
}
"""What each program imports from. The floor is what somebody gets who installs both libraries."""

_ONE_CALL: Final = "one_call.py"


@dataclass(frozen=True, slots=True)
class Place:
    """A program that is ready, and its compiled files: how many there are, and how many are not stale."""

    program: Program
    compiled: int
    valid: int


class Account:
    """A local cloud over HTTP, put back before each start, and asked afterwards what was done."""

    def __init__(self, connection: HTTPConnection) -> None:
        self._connection = connection

    def reset(self) -> None:
        """The account of the demo, with the instance of either job ready."""
        self._post("reset", {})
        self._post("seed", scene.seed())
        self._post("seed", scene.a_minute_later())

    def check(self, job: Job, kind: Kind) -> int:
        """The number of calls since. Raises BenchError unless the program did its work, once."""
        calls: list[JsonObject] = json.loads(self._get("calls"))
        if any(call["code"] for call in calls) or (kind in _FLOORS and len(calls) != 1):
            raise BenchError(f"{kind} made other calls than it should: {calls}")
        if kind not in _FLOORS and not _is_done(job, self._get("state")):
            raise BenchError(
                f"{kind} did not {job} the instance; it called {[one['action'] for one in calls]}"
            )
        return len(calls)

    def _get(self, what: str) -> bytes:
        return send(self._connection, Prepared("GET", f"/_localcloud/{what}"))

    def _post(self, what: str, body: JsonValue) -> None:
        headers = {"content-type": "application/json"}
        send(self._connection, Prepared("POST", f"/_localcloud/{what}", headers, json.dumps(body).encode()))


class Stage:
    """All programs in all states of their bytecode, each in folders of its own.

    Args:
        folder: an empty one; everything is below it.
        interpreter: Python 3.12.
        url: of the local cloud.
        layer: the zip of the product's layer.
        wheels: what the floors are loaded from, `trees.whole_wheels`.
        sdk: the folder with the official SDKs, as pip has left it.
    """

    def __init__(
        self,
        folder: Path,
        interpreter: Path,
        url: str,
        *,
        layer: bytes,
        wheels: Mapping[str, bytes],
        sdk: Path,
    ) -> None:
        self._folder = folder
        self._interpreter = interpreter
        self._layer = trees.opened(layer)
        self._wheels = wheels
        self._sdk = sdk
        self._caller = {**calling(url), **TEST_CREDENTIALS}
        self._functions = read_template(ROOT / "s.yaml", environment={})

    def place(self, job: Job, kind: Kind, bytecode: Bytecode) -> Place:
        """Puts a program, and unless they are there its packages, where they are loaded from."""
        packages = self._folder / _PACKAGES[kind] / bytecode
        if not packages.exists():
            self._put_packages(packages, kind, bytecode)
        code = self._folder / "code" / f"{job}-{kind}-{bytecode}"
        self._put_code(code, job, kind, bytecode)
        compiled, valid = trees.count_bytecode(packages)
        return Place(self._program(job, code, packages), compiled, valid)

    def _put_packages(self, folder: Path, kind: Kind, bytecode: Bytecode) -> None:
        if kind == "sdk" and bytecode == "valid":
            shutil.copytree(self._sdk, folder)
            return
        built = {"layer": self._layer, "wheels": self._wheels}
        files = trees.read(self._sdk) if kind == "sdk" else built[_PACKAGES[kind]]
        if bytecode == "deployed":
            trees.deploy(files, folder)
        else:
            trees.write(files if bytecode == "valid" else trees.without_bytecode(files), folder)

    def _put_code(self, folder: Path, job: Job, kind: Kind, bytecode: Bytecode) -> None:
        """Code is deployed without bytecode; who has it valid elsewhere, has it valid here."""
        source = ROOT / "functions" / FUNCTIONS[job] if kind == "ours" else PROGRAMS / _name(job, kind)
        files = {"index.py": (source / "index.py").read_bytes()}
        if kind == "ours":
            packed = pack(load_bindings(BINDINGS), BINDINGS.name)
            files[PACKED_BINDINGS] = json.dumps(packed).encode()
        if kind in _FLOORS:
            files[_ONE_CALL] = (PROGRAMS / _ONE_CALL).read_bytes()
        (trees.deploy if bytecode == "deployed" else trees.write)(files, folder)
        if bytecode == "valid":
            command = (str(self._interpreter), "-m", "compileall", "-q", str(folder))
            subprocess.run(command, check=True)  # noqa: S603 - an interpreter of this machine

    def _program(self, job: Job, code: Path, packages: Path) -> Program:
        function = self._functions.function(FUNCTIONS[job])
        spec = replace(function, code=code, layers=(packages,))
        environment = {**function_environment(spec, self._caller), "PYTHONDONTWRITEBYTECODE": "1"}
        initializer = spec.initializer.handler if spec.initializer else ""
        return Program(self._interpreter, code, packages, spec.handler, initializer, environment)


def event_of(job: Job) -> Path:
    """The event that a cold start handles."""
    return ROOT / "events" / EVENTS[job]


def _name(job: Job, kind: Kind) -> str:
    """The folder of a program. Which call a floor makes is up to its event."""
    return kind if kind in _FLOORS else f"{kind}_{job}"


def _is_done(job: Job, told: bytes) -> bool:
    """Whether a state tells that the instance was attached once, or connected once."""
    state: Any = json.loads(told)
    if job == "attach":
        return any(
            one["InstanceId"] == scene.NEW and one["attachCount"] == 1 for one in state["ens"]["instances"]
        )
    return any(
        one["instanceId"] == scene.LOGS and one["connectCount"] == {scene.HUB: 1}
        for one in state["elasticsearch"]["instances"]
    )
