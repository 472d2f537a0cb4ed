"""The pytest plug-in that the local cloud brings along: what it costs, its marks, functions that it runs."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import pytest

from localcloud import FunctionError
from localcloud.errors import LocalCloudError

if TYPE_CHECKING:
    from pathlib import Path

    from localcloud import LocalCloud
    from localcloud.functions.invoker import Invoker

MACHINE = {"InstanceId": "i-1"}
MOST_SECONDS = 0.1
"""For loading the plug-in, beside pytest itself: an import of anything heavy takes several times that."""


def write(folder: Path, text: str) -> Path:
    """A file `index.py` with a function's code."""
    file = folder / "index.py"
    file.write_text(textwrap.dedent(text), encoding="utf-8")
    return file


def pytest_run(folder: Path, text: str, *arguments: str) -> str:
    """What pytest says of a file of tests, in a process of its own."""
    (folder / "test_it.py").write_text(textwrap.dedent(text), encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    # Other plug-ins take ten times as long as the tests.
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    done = subprocess.run(  # noqa: S603 - our own interpreter and file
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
            *("-p", "localcloud.pytest_plugin", *arguments),
        ],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout + done.stderr


def shown(event: bytes, context: Any) -> dict[str, Any]:
    """A handler that a test hands over as it is."""
    return {"event": event.decode(), "pid": os.getpid(), "word": os.environ.get("WORD"), "handler": __name__}


def test_the_plug_in_imports_nothing_of_the_cloud() -> None:
    """Loading the plug-in, as every pytest run does, imports neither the cloud nor what it needs."""
    program = (
        "import sys, localcloud.pytest_plugin\n"
        "heavy = {'localcloud.cloud', 'localcloud.testing', 'httpx2', 'pydantic', 'starlette', 'uvicorn'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(  # noqa: S603 - our own interpreter and program
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True
    )
    assert done.stdout.strip() == "[]"


def test_the_plug_in_loads_in_no_time() -> None:
    """What a run of pytest pays for the plug-in that it does not use is a few milliseconds."""
    program = (
        "import time, pytest\n"
        "begun = time.process_time()\n"
        "import localcloud.pytest_plugin\n"
        "print(time.process_time() - begun)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(  # noqa: S603 - our own interpreter and program
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True
    )
    assert float(done.stdout) < MOST_SECONDS


@pytest.mark.localcloud(seed={"ens": {"instances": [MACHINE]}}, behaviour={"ens_tags": "separate"})
class TestMarked:
    """Tests whose cloud is filled by a mark of their class."""

    @pytest.mark.localcloud(seed={"ens": {"instances": [{"InstanceId": "i-2"}]}})
    def test_marks_add_up(self, cloud: LocalCloud) -> None:
        """The cloud holds what the class says and what the test says, and behaves as the class says."""
        state: Any = cloud.state()
        assert [one["InstanceId"] for one in state["ens"]["instances"]] == ["i-1", "i-2"]
        assert cloud.behaviour.ens_tags == "separate"


def test_a_mark_that_is_wrong_is_named(tmp_path: Path) -> None:
    """A mark with a mistake fails its test, and says what is wrong with what."""
    wrong = {
        "'s.yaml'": "takes template, seed, behaviour; found a value without a name",
        "seeds={}": "takes template, seed, behaviour; found seeds",
        "seed={'ens': {'machines': []}}": "ens.machines: not known; known are instances",
        "seed='nothing.json'": "nothing.json cannot be read: No such file or directory",
        "seed='test_it.py'": "test_it.py is no valid JSON",
        "behaviour={'ens_tag': 1}": "behaviour.ens_tag",
    }
    tests = (
        f"@pytest.mark.localcloud({mark})\ndef test_{number}(cloud):\n    pass\n"
        for number, mark in enumerate(wrong)
    )
    said = pytest_run(tmp_path, "\n".join(("import pytest\n", *tests)))
    assert [one for one in wrong.values() if one not in said] == []
    assert f"{len(wrong)} errors" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "no template is named: write `localcloud_template = s.yaml` into pytest's settings"),
        (("-o", "localcloud_template=none.yaml"), "none.yaml"),
    ],
)
def test_a_template_that_is_missing_is_told(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    """Without a template a name stands for nothing, and a file that is not there is named."""
    said_by_pytest = pytest_run(tmp_path, "def test_it(invoke):\n    invoke('tagger')\n", *arguments)
    assert said in said_by_pytest


def test_a_handler_runs_in_a_process_of_its_own(invoke: Invoker) -> None:
    """A handler is imported anew by its file, stays warm, and starts anew for other variables."""
    first: Any = invoke(shown, {"a": "ä"})
    assert (first["event"], first["handler"]) == ('{"a": "ä"}', "test_pytest_plugin")
    again: Any = invoke(shown, b"x")
    other: Any = invoke(shown, "x", environment={"WORD": "hello"})
    assert first["pid"] == again["pid"] != other["pid"]
    assert first["pid"] != os.getpid()
    assert (again["word"], other["word"]) == (None, "hello")


def test_functions_call_the_tests_cloud(invoke: Invoker, tmp_path: Path, cloud_url: str) -> None:
    """Address and keys of the test's cloud are in the function's environment, and cannot be others."""
    write(
        tmp_path,
        """
        import os

        def handler(event, context):
            return {name: os.environ[name] for name in os.environ if name.startswith(("ENLIST_", "ALIBABA_"))}
        """,
    )
    assert invoke(tmp_path) == {
        "ENLIST_ENDPOINT_URL": cloud_url,
        "ALIBABA_CLOUD_ACCESS_KEY_ID": "test",
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "test",
    }
    with pytest.raises(LocalCloudError, match="leave out ENLIST_ENDPOINT_URL"):
        invoke(tmp_path, environment={"ENLIST_ENDPOINT_URL": "http://127.0.0.1:1"})


def test_a_failure_tells_all(invoke: Invoker, tmp_path: Path) -> None:
    """FunctionError has FC's payload, and its message the error, the stack and the logs."""
    file = write(
        tmp_path,
        """
        def handler(event, context):
            print("looking")
            raise KeyError("data")
        """,
    )
    with pytest.raises(FunctionError) as raised:
        invoke(file)
    error = raised.value
    assert (error.error_type, error.error_message) == ("KeyError", "'data'")
    assert b'"stackTrace"' in error.payload
    for said in ("KeyError: 'data'", str(file), "looking"):
        assert said in str(error)


def test_what_is_no_json_is_a_text(invoke: Invoker, tmp_path: Path) -> None:
    """A result that is no JSON is given as the text that it is; the bytes are in `last`."""
    file = write(tmp_path, "def handler(event, context):\n    return 'plain'\n")
    assert invoke(file) == "plain"
    assert invoke.last is not None
    assert invoke.last.payload == b"plain"


def test_what_cannot_be_run_is_refused(invoke: Invoker, tmp_path: Path) -> None:
    """Neither a function inside another, nor one without a file, nor a file that is not there."""

    def inner(event: bytes, context: object) -> None: ...

    for handler in (inner, lambda event, context: None, len):
        with pytest.raises(LocalCloudError, match="a handler is a function at the top of a module"):
            invoke(handler)
    with pytest.raises(LocalCloudError, match=r"index\.py does not exist"):
        invoke(tmp_path)
