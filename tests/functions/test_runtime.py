"""The local FC runtime, seen from outside: tiny functions, run in processes of their own."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fctoolkit.errors import ConfigurationError
from localcloud.functions.spec import Hook
from localcloud.runtime import Credentials, FunctionProcess
from tests.support.runtime_functions import PROBE, write_function
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

CALLER = {
    "PATH": os.environ["PATH"],
    "ENLIST_STORE": "sqlite:///caller",
    "ALIBABA_CLOUD_ACCESS_KEY_ID": "caller-key",
    "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "caller-secret",
    "LOG_LEVEL": "DEBUG",
    "PYTHONPATH": "/nowhere",
    "HTTPS_PROXY": "http://proxy.invalid",
    "FC_REGION": "forged",
}


needs_proc = pytest.mark.skipif(
    not Path("/proc/self/environ").exists(), reason="processes are told by /proc: run it on Linux"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Code and layers of the probe."""
    root = tmp_path_factory.mktemp("probe")
    versioned = f"python/lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
    for path in (f"layer/{versioned}", "packages", "code"):
        (root / path).mkdir(parents=True)
    return root


@pytest.fixture(scope="module")
def probe(folder: Path) -> Iterator[FunctionProcess]:
    """A function that does what its event names, warm for all tests of this module."""
    spec = write_function(
        folder / "code",
        PROBE,
        layers=(folder / "layer", folder / "packages"),
        initializer=Hook("index.initialize", 20),
        environment={"LOG_LEVEL": "INFO", "ONLY_HERE": "yes"},
        log_project="logs",
    )
    with FunctionProcess(spec, CALLER) as process:
        process.invoke(b"noise")
        yield process


def call(process: FunctionProcess, event: str) -> Any:
    """The decoded result of an invocation that must go well."""
    invocation = process.invoke(event.encode())
    assert invocation.ok, invocation
    return json.loads(invocation.payload)


class TestAWarmFunction:
    """What a function sees and returns, in one instance that lives on."""

    def test_the_event_is_bytes(self, tmp_path: Path) -> None:
        """A handler gets exactly the bytes that were sent, as bytes."""
        spec = write_function(
            tmp_path, "def handler(event, context): return event + repr(type(event)).encode()"
        )
        with FunctionProcess(spec, CALLER) as process:
            assert process.invoke(b"\x00\xff{").payload == b"\x00\xff{<class 'bytes'>"

    def test_one_megabyte(self, probe: FunctionProcess) -> None:
        """An event of 1 MB arrives whole, and a result of 1 MB comes back whole."""
        assert call(probe, "length:" + "x" * 1_000_000) == 1_000_000
        assert probe.invoke(b"text:" + b"x" * 1_000_000).payload == b"x" * 1_000_000

    def test_python_path(self, probe: FunctionProcess, folder: Path) -> None:
        """Code comes before the layers' versioned folders, these before the plain ones, then Python's own."""
        path = call(probe, "path")
        versioned = f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
        expected = ["code", f"layer/python/{versioned}", "layer/python", "packages"]
        assert path[:4] == [str(folder / one) for one in expected]
        assert not [one for one in path[4:] if "site-packages" in one or one == "/nowhere"]

    def test_another_python(self, tmp_path: Path) -> None:
        """A function runs on the interpreter it is given, and one that does not start is named."""
        python = tmp_path / "python"
        python.write_text(f'#!/bin/sh\nexec "{sys.executable}" -X dev "$@"\n')
        python.chmod(0o755)
        spec = write_function(
            tmp_path / "code", "import sys\ndef handler(event, context): return sys.flags.dev_mode"
        )
        with FunctionProcess(spec, CALLER, python=python) as process:
            assert call(process, "") is True
        with FunctionProcess(spec, CALLER, python=tmp_path / "none") as process:
            invocation = process.invoke(b"")
        assert invocation.error_type == "FunctionNotStarted"
        assert f"{tmp_path}/none does not start" in invocation.payload.decode()

    def test_environment(self, probe: FunctionProcess, folder: Path) -> None:
        """A function sees FC's variables, those of s.yaml, the caller's overrides, and nothing else."""
        seen = call(probe, "environment")
        assert re.fullmatch(r"c-[0-9a-f]{32}", seen.pop("FC_INSTANCE_ID"))
        seen.pop("LC_CTYPE", None)  # Python's own, where no locale is set
        assert seen == {
            "PATH": os.environ["PATH"],
            "ONLY_HERE": "yes",
            "ENLIST_STORE": "sqlite:///caller",
            "ALIBABA_CLOUD_ACCESS_KEY_ID": "caller-key",
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "caller-secret",
            "LOG_LEVEL": "DEBUG",
            "FC_ACCOUNT_ID": "1234567890123456",
            "FC_REGION": "cn-hangzhou",
            "FC_FUNCTION_NAME": "probe-function",
            "FC_FUNCTION_HANDLER": "index.handler",
            "FC_FUNCTION_MEMORY_SIZE": "512",
            "FC_FUNC_CODE_PATH": str(folder / "code"),
            "FC_FUNCTION_VERSION": "LATEST",
        }

    def test_working_folder(self, probe: FunctionProcess, folder: Path) -> None:
        """A function runs in its code folder."""
        assert probe.invoke(b"here").payload.decode() == str((folder / "code").resolve())

    def test_context_of_python_3_12(self, probe: FunctionProcess) -> None:
        """The context of python3.12 has neither credentials nor a service."""
        invocation = probe.invoke(b"attributes", request_id="request-1")
        assert json.loads(invocation.payload) == {
            "request_id": "request-1",
            "region": "cn-hangzhou",
            "account_id": "1234567890123456",
            "logger": None,
            "log_project": "logs",
            "log_store": "",
            "function": {
                "name": "probe-function",
                "handler": "index.handler",
                "memory": 512,
                "timeout": 20,
                "version_id": "",
                "qualifier": "LATEST",
            },
        }

    def test_prints_are_logs(self, probe: FunctionProcess) -> None:
        """Whatever a function and its children print goes to the logs in order, never into the result."""
        invocation = probe.invoke(b"noise", request_id="request-2")
        assert invocation.payload == b"result"
        lines = invocation.logs.splitlines()
        assert re.fullmatch(
            r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z request-2 \[WARNING\] logged", lines.pop(3)
        )
        assert lines == [
            "FC Invoke Start RequestId: request-2",
            "printed",
            "to standard error",
            "written past Python",
            "from a child",
            "FC Invoke End RequestId: request-2",
        ]

    @pytest.mark.parametrize(
        ("event", "payload"),
        [
            (b"text:plain", b"plain"),
            (b"raw", b"\x00\xff"),
            (b"nothing", b"null"),
            (b"values", b'{\n    "a": "2026-01-02",\n    "b": 1.5\n}'),
        ],
    )
    def test_results(self, probe: FunctionProcess, event: bytes, payload: bytes) -> None:
        """Texts and bytes come back as they are, anything else as sorted, indented JSON."""
        assert probe.invoke(event).payload == payload

    def test_a_result_that_is_no_json(self, probe: FunctionProcess) -> None:
        """A result that cannot be written as JSON is an error of the function."""
        invocation = probe.invoke(b"unserialisable")
        assert invocation.error_type == "UnhandledInvocationError"
        assert json.loads(invocation.payload)["errorType"] == "TypeError"

    def test_an_exception(self, probe: FunctionProcess, folder: Path) -> None:
        """An exception becomes FC's payload, one list a frame, none of them the runtime's own."""
        invocation = probe.invoke(b"raises:boom", request_id="request-3")
        assert invocation.error_type == "UnhandledInvocationError"
        payload = json.loads(invocation.payload)
        assert (payload["errorMessage"], payload["errorType"]) == ("boom", "ValueError")
        file = f'File "{folder / "code" / "index.py"}"'
        assert [(frame[0], frame[2]) for frame in payload["stackTrace"]] == [
            (file, "in handler"),
            (file, "in raises"),
            (file, "in deeper"),
        ]
        assert payload["stackTrace"][2][3] == "raise ValueError(argument)"
        assert "FC Invoke End RequestId: request-3, Error: Unhandled function error" in invocation.logs
        assert "ValueError: boom" in invocation.logs

    @pytest.mark.parametrize("how", ["sys.stdout.close()", "sys.stdout = None", "sys.stdout = io.StringIO()"])
    def test_no_standard_output(self, tmp_path: Path, how: str) -> None:
        """A function that does away with its standard output lives on, and FC's own lines are in its logs."""
        source = f"""
            import io, sys
            def handler(event, context):
                if event == b"1":
                    {how}
                return event
        """
        with FunctionProcess(write_function(tmp_path, source), CALLER) as process:
            first, second = process.invoke(b"1"), process.invoke(b"2")
        assert (first.payload, second.payload, second.cold) == (b"1", b"2", False)
        assert "FC Invoke End" in second.logs

    def test_an_exception_with_half_a_character(self, tmp_path: Path) -> None:
        """A message that UTF-8 cannot write is logged and returned in escapes, and the instance lives on."""
        spec = write_function(tmp_path, "def handler(event, context): raise ValueError(chr(0xD800))")
        with FunctionProcess(spec, CALLER) as process:
            invocation = process.invoke(b"")
            assert not process.invoke(b"").cold
        assert json.loads(invocation.payload)["errorMessage"] == "\ud800"
        assert "\\ud800" in invocation.logs

    def test_an_exception_keeps_the_instance(self, probe: FunctionProcess) -> None:
        """An exception does not end the instance: the next request finds it warm."""
        probe.invoke(b"raises:boom")
        assert not probe.invoke(b"state").cold


class TestColdStarts:
    """When instances start and end."""

    def test_cold_then_warm(self, tmp_path: Path) -> None:
        """The first request starts an instance and initializes it once; later ones find it as it was left."""
        spec = write_function(tmp_path, PROBE, initializer=Hook("index.initialize", 20))
        with FunctionProcess(spec, CALLER) as process:
            first, second = process.invoke(b"state", request_id="one"), process.invoke(b"state")
        assert (first.cold, second.cold) == (True, False)
        assert json.loads(second.payload) == {"initialized": 1, "invoked": 2}
        assert [line for line in first.logs.splitlines() if line.startswith("FC")] == [
            "FC Initialize Start RequestId: one",
            "FC Initialize End RequestId: one",
            "FC Invoke Start RequestId: one",
            "FC Invoke End RequestId: one",
        ]
        assert "Initialize" not in second.logs

    def test_a_failing_initializer(self, tmp_path: Path) -> None:
        """A request whose initializer fails fails with its error, and the next one gets a new instance."""
        source = """
            import os
            def initialize(context):
                if not os.path.exists("ready"):
                    open("ready", "w").close()
                    raise RuntimeError("not yet")
            def handler(event, context):
                return "handled"
        """
        spec = write_function(tmp_path, source, initializer=Hook("index.initialize", 20))
        with FunctionProcess(spec, CALLER) as process:
            first, second = process.invoke(b""), process.invoke(b"")
        assert first.error_type == "InitializationError"
        assert json.loads(first.payload)["errorMessage"] == "not yet"
        assert "FC Invoke" not in first.logs
        assert (second.payload, second.cold) == (b"handled", True)

    def test_an_initializer_has_its_own_timeout(self, tmp_path: Path) -> None:
        """An initializer is ended at its own timeout, not at the function's."""
        source = "import time\ndef initialize(context): time.sleep(60)\ndef handler(event, context): pass"
        spec = write_function(tmp_path, source, timeout=60, initializer=Hook("index.initialize", 1))
        with FunctionProcess(spec, CALLER) as process:
            invocation = process.invoke(b"")
        assert invocation.error_type == "InitializationError"
        assert b"time out after 1 seconds" in invocation.payload

    def test_timeout(self, tmp_path: Path) -> None:
        """A function is ended at its timeout, which the error names; the logs say where it stood."""
        with FunctionProcess(write_function(tmp_path, PROBE, timeout=1), CALLER) as process:
            invocation = process.invoke(b"sleeps")
            assert process.invoke(b"state").cold
        assert invocation.error_type == "UnhandledInvocationError"
        assert re.fullmatch(
            r"Function time out after 1 seconds \(maxMemoryUsage: [1-9]\d*MB\)",
            json.loads(invocation.payload)["errorMessage"],
        )
        assert "going to sleep" in invocation.logs
        assert "Dumping stack trace after function timeout" in invocation.logs
        assert "in sleeps\n    time.sleep(60)" in invocation.logs
        assert "bootstrap.py" not in invocation.logs

    def test_timeout_of_one_that_never_stops_printing(self, tmp_path: Path) -> None:
        """A flood of output holds up no timeout, and only the end of it is kept."""
        with FunctionProcess(write_function(tmp_path, PROBE, timeout=1), CALLER) as process:
            started = time.monotonic()
            invocation = process.invoke(b"floods")
            assert time.monotonic() - started < 5
        assert b"time out after 1 seconds" in invocation.payload
        assert len(invocation.logs) <= 1024 * 1024
        assert "in floods" in invocation.logs

    def test_timeout_of_one_that_will_not_stop(self, tmp_path: Path) -> None:
        """A function that ignores SIGTERM is killed, and so is a child that it has started."""
        source = """
            import signal, subprocess, time
            def handler(event, context):
                child = subprocess.Popen(["sleep", "60"])
                print(child.pid, flush=True)
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                while True:
                    time.sleep(60)
        """
        with FunctionProcess(write_function(tmp_path, source, timeout=1), CALLER) as process:
            invocation = process.invoke(b"")
        assert b"time out after 1 seconds" in invocation.payload
        child = int(invocation.logs.splitlines()[1])
        assert _ends(child)

    @needs_proc
    def test_timeout_of_one_that_reads_no_more(self, tmp_path: Path) -> None:
        """An instance that stopped after its last answer holds nobody longer than the timeout."""
        source = """
            import os, signal, threading
            def handler(event, context):
                stop = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGSTOP))
                stop.start()
                return os.getpid()
        """
        with FunctionProcess(write_function(tmp_path, source, timeout=2), CALLER) as process:
            pid = int(process.invoke(b"").payload)
            until(lambda: _is_stopped(pid))
            invocation = process.invoke(bytes(1024 * 1024))
            assert process.invoke(b"").cold
        assert b"time out after 2 seconds" in invocation.payload

    @needs_proc
    def test_what_a_function_leaves_behind(self, tmp_path: Path) -> None:
        """What an instance started ends with it, in a session of its own, too, and with another parent."""
        source = """
            import subprocess
            def handler(event, context):
                kept = subprocess.Popen(["sleep", "60"], start_new_session=True)
                left = subprocess.run(
                    ["sh", "-c", "sleep 60 >/dev/null & echo $!"],
                    start_new_session=True, stdout=subprocess.PIPE,
                )
                return [kept.pid, int(left.stdout)]
        """
        with FunctionProcess(write_function(tmp_path, source), CALLER) as process:
            children = json.loads(process.invoke(b"").payload)
        assert all(_ends(child) for child in children)

    @pytest.mark.parametrize("event", [b"leaves", b"exits"])
    def test_a_process_that_ends(self, probe: FunctionProcess, event: bytes) -> None:
        """A process that ends in the middle of a request gives FC's message; the next is a new one."""
        invocation = probe.invoke(event)
        assert invocation.error_type == "UnhandledInvocationError"
        payload = json.loads(invocation.payload)
        assert re.fullmatch(
            r"Process exited unexpectedly before completing request "
            r"\(duration: \d+ms, maxMemoryUsage: [1-9]\d*MB\)",
            payload["errorMessage"],
        )
        assert "errorType" not in payload
        assert ("last words" in invocation.logs) == (event == b"leaves")
        assert probe.invoke(b"state").cold

    def test_a_crash_from_outside(self, probe: FunctionProcess) -> None:
        """Killed in the middle of a request, an instance answers no more; the next request finds another."""
        probe.invoke(b"state")
        killer = threading.Timer(0.3, probe.crash)
        killer.start()
        invocation = probe.invoke(b"sleeps")
        assert invocation.duration < 10
        assert b"Process exited unexpectedly" in invocation.payload
        assert probe.invoke(b"state").cold
        probe.crash()
        assert b"Process exited unexpectedly" in probe.invoke(b"state").payload
        probe.crash()
        assert probe.invoke(b"state").cold

    def test_close_ends_the_process(self, tmp_path: Path) -> None:
        """A closed function leaves no process behind."""
        process = FunctionProcess(
            write_function(tmp_path, "import os\ndef handler(e, c): return os.getpid()"), {}
        )
        pid = int(process.invoke(b"").payload)
        process.close()
        assert _ends(pid)


class TestLoading:
    """What becomes of code that cannot be loaded."""

    @pytest.mark.parametrize(
        ("source", "handler", "error_type", "message"),
        [
            ("import missing", "index.handler", "ImportModuleError", "No module named 'missing'"),
            ("", "other.handler", "ImportModuleError", "No module named 'other'"),
            ("def (", "index.handler", "UserCodeSyntaxError", "Syntax error in module 'index'"),
            ("1 / 0", "index.handler", "UserCodeError", "ZeroDivisionError in module 'index'"),
            ("", "index.handler", "HandlerNotFound", "'handler' is missing on module 'index'"),
            ("", "index", "InvalidHandleName", "'index'"),
        ],
    )
    def test_load_errors(
        self, tmp_path: Path, source: str, handler: str, error_type: str, message: str
    ) -> None:
        """Code that cannot be loaded gives FC's type of error and a flat stack."""
        with FunctionProcess(write_function(tmp_path, source, handler=handler), CALLER) as process:
            invocation = process.invoke(b"")
        payload = json.loads(invocation.payload)
        assert invocation.error_type == "UnhandledInvocationError"
        assert payload["errorType"] == error_type
        assert message in payload["errorMessage"]
        assert all(isinstance(line, str) for line in payload["stackTrace"])
        assert "bootstrap.py" not in invocation.payload.decode()

    def test_handlers_in_folders(self, tmp_path: Path) -> None:
        """A handler string may name a file in a folder, with a slash."""
        write_function(tmp_path / "inner", "def handler(event, context): return 'inner'")
        spec = write_function(tmp_path, "", handler="inner/index.handler")
        with FunctionProcess(spec, CALLER) as process:
            assert process.invoke(b"").payload == b"inner"

    def test_layers(self, tmp_path: Path) -> None:
        """A module is taken from the first layer that has it."""
        for name in ("first", "second"):
            (tmp_path / name).mkdir()
            (tmp_path / name / "common.py").write_text(f"NAME = {name!r}")
        source = "import common\ndef handler(event, context): return common.NAME"
        spec = write_function(tmp_path / "code", source, layers=(tmp_path / "first", tmp_path / "second"))
        with FunctionProcess(spec, CALLER) as process:
            assert process.invoke(b"").payload == b"first"


class TestOlderRuntimes:
    """What differs up to python3.10."""

    def test_context(self, tmp_path: Path) -> None:
        """The context has a service, and by default the credentials of the environment."""
        spec = write_function(tmp_path, PROBE, runtime="python3.10")
        with FunctionProcess(spec, CALLER) as process:
            context = call(process, "attributes")
            environment = call(process, "environment")
        assert context["credentials"]["access_key_id"] == "caller-key"
        assert context["credentials"]["accessKeySecret"] == "caller-secret"
        assert context["service"]["qualifier"] == "LATEST"
        assert context["function"]["timeout"] == "20"
        assert "log_project" not in context
        assert environment["FC_VER_ID"] == "LATEST"
        assert "FC_FUNCTION_VERSION" not in environment

    def test_credentials_of_the_context_only(self, tmp_path: Path) -> None:
        """Credentials can be given to the context alone, and show in no repr."""
        spec = write_function(tmp_path, PROBE, runtime="python3.10")
        credentials = Credentials("key", "very-secret", "very-secret-token")
        with FunctionProcess(spec, {}, credentials=credentials) as process:
            context = call(process, "attributes")
            environment = call(process, "environment")
        assert context["credentials"]["security_token"] == "very-secret-token"
        assert not [name for name in environment if name.startswith("ALIBABA")]
        assert "very-secret" not in repr(credentials)

    def test_unknown_runtimes(self, tmp_path: Path) -> None:
        """A runtime that cannot be run is refused by name, before anything starts."""
        with pytest.raises(ConfigurationError, match=r"'nodejs20'.*python3\.12"):
            FunctionProcess(write_function(tmp_path, "", runtime="nodejs20"), {})


def _ends(pid: int) -> bool:
    """Whether a process is gone within two seconds; one that only waits to be reaped (Linux shows it) is."""
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].startswith("Z"):
                return True
        time.sleep(0.02)
    return False


def _is_stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].startswith("T")
