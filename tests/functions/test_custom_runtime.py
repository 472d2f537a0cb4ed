"""Functions on a custom runtime in the local FC runtime; those of s.custom.yaml beside those of s.yaml."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from fctoolkit.errors import ConfigurationError
from localcloud import LocalCloud
from localcloud.functions.deployment import Deployment
from localcloud.functions.spec import CustomRuntime, Hook, HttpTrigger
from localcloud.message import Request
from localcloud.runtime import Credentials, FunctionProcess
from localcloud.runtime import custom as custom_runtime
from localcloud.server import running_server
from localcloud.template.reading import Template
from tests.support.deployed import deployed
from tests.support.product import ENS_ID, ES_ID, EVENTS, ROOT, sample, seed
from tests.support.runtime_functions import PROBE, write_function

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

CALLER = {"PATH": os.environ["PATH"], "FC_REGION": "forged", "PYTHONPATH": "/nowhere"}
TOOLKIT = CustomRuntime(
    ("/opt/python3.12/bin/python3.12",), ("-m", "fctoolkit.customruntime", "index.handler")
)
CHANGING = {"requestId", "request_id", "duration", "durationMs", "time"}
FUNCTIONS = ("attach_instances", "add_connectable_cluster")
SAMPLES = sorted(str(path.relative_to(EVENTS)) for path in EVENTS.rglob("*.json"))


def custom(
    folder: Path,
    source: str,
    *options: str,
    credentials: Callable[[], Credentials] | None = None,
    **settings: Any,
) -> FunctionProcess:
    """A function on custom.debian12 that the toolkit's runtime serves."""
    runtime = CustomRuntime(TOOLKIT.command, (*TOOLKIT.args, *options))
    defaults: dict[str, Any] = {
        "runtime": "custom.debian12",
        "custom": runtime,
        "layers": (ROOT / "shared",),
        "environment": {"PYTHONPATH": "/opt/python"},
    }
    spec = write_function(folder, source, **(defaults | settings))
    return FunctionProcess(spec, CALLER, credentials=credentials)


def following() -> int:
    """How many threads wait for the output of custom runtimes."""
    return sum(thread.name == "function-output" for thread in threading.enumerate())


def starting(folder: Path, *command: str, source: str = "") -> FunctionProcess:
    """A function on custom.debian12 with a start command of its own."""
    return custom(folder, source, custom=CustomRuntime(command))


@pytest.fixture(scope="module")
def probe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FunctionProcess]:
    """A function that does what its event names, warm for all tests of this module."""
    with custom(tmp_path_factory.mktemp("probe"), PROBE) as process:
        yield process


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LocalCloud, list[Deployment]]]:
    """One served cloud, and the functions of s.yaml and of s.custom.yaml before it."""
    cloud = LocalCloud()
    with ExitStack() as stack:
        url = stack.enter_context(running_server(cloud))
        folder = tmp_path_factory.mktemp("deployed")
        yield (
            cloud,
            [stack.enter_context(deployed(url, folder, name)) for name in ("s.yaml", "s.custom.yaml")],
        )


def settled(payload: bytes) -> Any:
    """A result without what no two invocations have in common."""

    def without(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: without(one) for key, one in value.items() if key not in CHANGING}
        return [without(one) for one in value] if isinstance(value, list) else value

    result = without(json.loads(re.sub(rb"\bT-[0-9a-f]{24}\b", b"T", payload)))
    if isinstance(result, dict):
        result.pop("stackTrace", None)
        if "statusCode" in result:
            result["body"] = settled(result["body"].encode())
    return result


class TestTheProduct:
    """The same functions, on both kinds of runtime."""

    @pytest.mark.parametrize("name", SAMPLES)
    def test_a_sample_has_the_same_result(
        self, worlds: tuple[LocalCloud, list[Deployment]], name: str
    ) -> None:
        """Every sample event has the same result and the same calls with s.custom.yaml as with s.yaml.

        Looks are made together, so their order is not that of the calls.
        """
        cloud, deployments = worlds
        for function in FUNCTIONS:
            seen = []
            for deployment in deployments:
                cloud.reset()
                seed(cloud)
                invocation = deployment.invoke(function, sample(name))
                calls = sorted((call["action"], call["status"], call["code"]) for call in cloud.calls)
                seen.append((invocation.error_type, settled(invocation.payload), calls))
            assert seen[0] == seen[1]

    @pytest.mark.parametrize(
        ("function", "body"),
        [
            ("attach_instances", json.dumps({"instances": [ENS_ID]}).encode()),
            ("add_connectable_cluster", json.dumps({"instances": [ES_ID], "dryRun": True}).encode()),
            ("attach_instances", b'{"instances": "wrong"}'),
            ("attach_instances", b"\xff\xfe"),
        ],
    )
    def test_an_http_request_has_the_same_answer(
        self, worlds: tuple[LocalCloud, list[Deployment]], function: str, body: bytes
    ) -> None:
        """A request to the HTTP trigger is answered alike, though one runtime gets it as it is."""
        cloud, deployments = worlds
        seen = []
        for deployment in deployments:
            cloud.reset()
            seed(cloud)
            answer = deployment.http(function, "POST", "/", {"Content-Type": "application/json"}, body).answer
            headers = {name: value for name, value in answer.headers.items() if name != "X-Fc-Request-Id"}
            seen.append((answer.status, headers, settled(answer.body)))
        assert seen[0] == seen[1]


class TestAFunction:
    """What a function on a custom runtime sees, and what becomes of it."""

    def test_cold_then_warm(self, tmp_path: Path) -> None:
        """The first request starts and initializes an instance; later ones find it as it was left."""
        hook = Hook("index.initialize", 20)
        with custom(tmp_path, PROBE, "--initializer", hook.handler, initializer=hook) as process:
            first, second = process.invoke(b"state", request_id="one"), process.invoke(b"state")
        assert (first.cold, second.cold) == (True, False)
        assert json.loads(second.payload) == {"initialized": 1, "invoked": 2}
        assert [line for line in first.logs.splitlines() if line.startswith("FC")] == [
            "FC Initialize Start RequestId: one",
            "FC Initialize End RequestId: one",
            "FC Invoke Start RequestId: one",
            "FC Invoke End RequestId: one",
        ]

    def test_its_context(self, tmp_path: Path) -> None:
        """Its context says what the template says of the function, its time too."""
        source = """
            def handler(event, context):
                one = context.function
                return [one.name, one.handler, one.memory, one.timeout, context.region, context.account_id]
        """
        with custom(tmp_path, source, timeout=17) as process:
            seen = json.loads(process.invoke(b"").payload)
        assert seen == ["probe-function", "index.handler", 512, 17, "cn-hangzhou", process.spec.account_id]

    def test_its_variables(self, probe: FunctionProcess) -> None:
        """Its FC_* variables say what the template says, whatever the caller's say; so do its own."""
        seen = json.loads(probe.invoke(b"environment", request_id="r").payload)
        assert (seen["FC_REGION"], seen["FC_FUNCTION_VERSION"]) == ("cn-hangzhou", "LATEST")
        assert seen["PYTHONPATH"] == str(ROOT / "shared")
        assert seen["FC_CUSTOM_LISTEN_PORT"] == seen["FC_SERVER_PORT"]

    def test_prints_are_logs(self, probe: FunctionProcess) -> None:
        """Whatever a function and its children print goes to the logs of its request, in order."""
        invocation = probe.invoke(b"noise", request_id="r-2")
        assert invocation.payload == b"result"
        lines = invocation.logs.splitlines()
        assert lines.pop(3).endswith("r-2 [WARNING] logged")
        assert lines == [
            "FC Invoke Start RequestId: r-2",
            "printed",
            "to standard error",
            "written past Python",
            "from a child",
            "FC Invoke End RequestId: r-2",
        ]

    def test_an_exception(self, probe: FunctionProcess) -> None:
        """An exception is FC's error payload, frames of user code only, and keeps the instance."""
        invocation = probe.invoke(b"raises:boom")
        error = json.loads(invocation.payload)
        assert (invocation.error_type, error["errorMessage"]) == ("UnhandledInvocationError", "boom")
        assert [frame[2] for frame in error["stackTrace"]] == ["in handler", "in raises", "in deeper"]
        assert "ValueError: boom" in invocation.logs
        assert not probe.invoke(b"state").cold

    @pytest.mark.parametrize("runtime", ["custom.debian12", "python3.10"])
    def test_changed_credentials(self, tmp_path: Path, runtime: str) -> None:
        """When the role's key changes, the next invocation of the same instance has the new one."""
        current = ["one"]

        def role() -> Credentials:
            return Credentials(current[0], "secret", f"token-{current[0]}")

        settings: dict[str, Any] = {} if runtime.startswith("custom") else {"custom": None}
        seen: list[tuple[str, ...]] = []
        with custom(tmp_path, PROBE, credentials=role, runtime=runtime, **settings) as process:
            for key in ("one", "two"):
                current[0] = key
                variables = json.loads(process.invoke(b"environment").payload)
                invocation = process.invoke(b"attributes")
                told = json.loads(invocation.payload).get("credentials", {}).get("access_key_id", key)
                seen.append(
                    (
                        variables["ALIBABA_CLOUD_ACCESS_KEY_ID"],
                        variables["ALIBABA_CLOUD_SECURITY_TOKEN"],
                        told,
                    )
                )
        assert seen == [("one", "token-one", "one"), ("two", "token-two", "two")]
        assert not invocation.cold

    @pytest.mark.parametrize("runtime", ["custom.debian12", "python3.12"])
    def test_odd_results(self, tmp_path: Path, runtime: str) -> None:
        """A bytearray counts as bytes, and an exception without a text as one with an empty one."""
        source = """
            class Mute(Exception):
                def __str__(self): raise RuntimeError
            def handler(event, context):
                if event == b"raise":
                    raise Mute
                return bytearray(event)
        """
        settings: dict[str, Any] = {} if runtime.startswith("custom") else {"custom": None}
        with custom(tmp_path, source, runtime=runtime, **settings) as process:
            good, bad = process.invoke(b"\xff"), process.invoke(b"raise")
        assert good.payload == b"\xff"
        error = json.loads(bad.payload)
        assert (error["errorMessage"], error["errorType"]) == ("", "Mute")

    @pytest.mark.parametrize("event", [b"leaves", b"exits"])
    def test_a_crash(self, tmp_path: Path, event: bytes) -> None:
        """A process that ends in the middle of a request is FC's error; the next request starts another."""
        with custom(tmp_path, PROBE) as process:
            invocation = process.invoke(event)
            after = process.invoke(b"state")
        assert invocation.error_type == "UnhandledInvocationError"
        error = json.loads(invocation.payload)
        assert error["errorMessage"].startswith("Process exited unexpectedly before completing request")
        assert (after.cold, after.ok) == (True, True)
        assert event == b"exits" or "last words" in invocation.logs

    def test_a_crash_from_outside(self, tmp_path: Path) -> None:
        """Killed in the middle of a request, an instance answers no more; the next request finds another."""
        with custom(tmp_path, PROBE) as process:
            process.invoke(b"state")
            killer = threading.Timer(0.3, process.crash)
            killer.start()
            invocation = process.invoke(b"sleeps")
            after = process.invoke(b"state")
        assert b"Process exited unexpectedly" in invocation.payload
        assert invocation.duration < 10
        assert (after.cold, after.ok) == (True, True)

    def test_a_timeout(self, tmp_path: Path) -> None:
        """A request that takes too long is ended with its process, and the log says where it stood."""
        with custom(tmp_path, PROBE, timeout=1) as process:
            invocation = process.invoke(b"sleeps")
            after = process.invoke(b"state")
        assert json.loads(invocation.payload)["errorMessage"].startswith("Function time out after 1 seconds")
        assert invocation.duration < 10
        assert "going to sleep" in invocation.logs
        assert "in sleeps" in invocation.logs
        assert after.cold

    def test_a_failing_initializer(self, tmp_path: Path) -> None:
        """A request whose initializer fails fails with its error, and the next one gets a new instance."""
        source = """
            import os
            def initialize(context):
                if not os.path.exists("ready"):
                    open("ready", "w").close()
                    raise RuntimeError("not yet")
            def handler(event, context): return "served"
        """
        hook = Hook("index.initialize", 20)
        with custom(tmp_path, source, "--initializer", hook.handler, initializer=hook) as process:
            first, second = process.invoke(b""), process.invoke(b"")
        assert first.error_type == "InitializationError"
        assert json.loads(first.payload)["errorMessage"] == "not yet"
        assert (second.payload, second.cold) == (b"served", True)

    @pytest.mark.parametrize("runtime", ["custom.debian12", "python3.12"])
    def test_pre_stop(self, tmp_path: Path, runtime: str) -> None:
        """The pre-stop hook runs once when an instance is ended, on either kind of runtime."""
        source = """
            def handler(event, context): pass
            def pre_stop(context): print("stopped", context.function.name)
        """
        hook = Hook("index.pre_stop", 20)
        settings: dict[str, Any] = {} if runtime.startswith("custom") else {"custom": None}
        process = custom(
            tmp_path, source, "--pre-stop", hook.handler, runtime=runtime, pre_stop=hook, **settings
        )
        process.invoke(b"")
        assert "stopped probe-function\n" in process.close()
        assert process.close() == ""

    def test_it_has_what_its_layers_have(self, tmp_path: Path) -> None:
        """Without a layer the toolkit is not found, though it is installed here: as in the cloud."""
        with custom(tmp_path, PROBE, layers=()) as process:
            invocation = process.invoke(b"state")
        assert invocation.error_type == "CAExited"
        assert "No module named fctoolkit" in invocation.logs or "fctoolkit" in invocation.logs


class TestStarting:
    """Start commands of all sorts."""

    SERVER = """
        import http.server, os, sys
        class Answer(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(500)
                self.send_header("X-Code", sys.argv[1])
                seen = ("x-fc-control-path", "x-fc-account-id", "x-own", "host")
                self.send_header("X-Seen", " ".join(f"{self.headers[name]}" for name in seen))
                self.send_header("X-Target", self.path)
                if body == b"fail":
                    self.send_header("x-fc-status", "404")
                if body == b"odd":
                    self.send_header("x-fc-status", "9" * 5000)
                self.end_headers()
                self.wfile.write(body)
        http.server.HTTPServer(("0.0.0.0", int(os.environ["FC_CUSTOM_LISTEN_PORT"])), Answer).serve_forever()
    """

    def test_any_web_server(self, tmp_path: Path) -> None:
        """A server of one's own is a function: /code is its folder, only x-fc-status tells of failures."""
        with starting(tmp_path, "python3", "/code/index.py", "/code", source=self.SERVER) as process:
            good, bad, odd = (process.invoke(event) for event in (b"fine", b"fail", b"odd"))
        assert (good.payload, good.error_type) == (b"fine", "")
        assert (odd.payload, odd.error_type) == (b"odd", "UnhandledInvocationError")
        assert (bad.payload, bad.error_type) == (b"fail", "UnhandledInvocationError")

    def test_an_answer_that_does_not_end(self, tmp_path: Path) -> None:
        """A body that is still coming when the time is up is a timeout, not a shorter body."""
        source = """
            import os, socket, time
            with socket.create_server(("", int(os.environ["FC_CUSTOM_LISTEN_PORT"]))) as server:
                while True:
                    connection, _ = server.accept()
                    if connection.recv(65536):
                        connection.sendall(b"HTTP/1.1 200 OK\\r\\n\\r\\na part")
                        time.sleep(60)
        """
        runtime = CustomRuntime(("python3", "/code/index.py"))
        with custom(tmp_path, source, custom=runtime, timeout=1) as process:
            invocation = process.invoke(b"")
        assert invocation.error_type == "UnhandledInvocationError"
        assert json.loads(invocation.payload)["errorMessage"].startswith("Function time out after 1 seconds")

    def test_a_child_that_left_its_session(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A child that outlives the process and holds its output keeps no thread waiting for it here."""
        monkeypatch.setattr(custom_runtime, "LAST_WORDS_SECONDS", 0.1)
        source = """
            import subprocess
            def handler(event, context):
                return str(subprocess.Popen(["sleep", "60"], start_new_session=True).pid)
        """
        before = following()
        with custom(tmp_path, source) as process:
            child = int(process.invoke(b"").payload)
        try:
            assert following() == before
        finally:
            os.kill(child, signal.SIGKILL)

    def test_an_http_request_is_passed_through(self, tmp_path: Path) -> None:
        """A request to the HTTP trigger comes as it is, and so does the answer, without FC's own headers."""
        with starting(tmp_path, "python3", "/code/index.py", "/code", source=self.SERVER) as process:
            spec = process.spec
        trigger = HttpTrigger("http", ("POST",))
        with Deployment(Template(tmp_path / "s.yaml", (_with_trigger(spec, trigger),)), CALLER) as deployment:
            answer = deployment.http(
                "probe", "POST", "/a%20b?c=d", {"X-Fc-Account-Id": "forged", "X-Own": "own"}, b"x"
            ).answer
        assert (answer.status, answer.body) == (500, b"x")
        assert answer.headers["X-Seen"].startswith("/http-invoke 1234567890123456 own probe-function-")
        assert answer.headers["X-Target"] == "/a%20b?c=d"
        assert answer.headers["X-Code"] == str(tmp_path)
        assert not {"Server", "Date", "X-Fc-Status"} & set(answer.headers)

    def test_a_command_that_ends(self, tmp_path: Path) -> None:
        """A process that ends before it listens is FC's CAExited, with what it had printed."""
        with starting(tmp_path, "python3", "-c", "print('no luck'); raise SystemExit(3)") as process:
            invocation = process.invoke(b"")
        assert (invocation.error_type, invocation.cold) == ("CAExited", True)
        message = json.loads(invocation.payload)["errorMessage"]
        assert "ended with code 3 before it listened. Logs: no luck" in message

    def test_a_command_that_does_not_exist(self, tmp_path: Path) -> None:
        """A program that is not there is named."""
        with starting(tmp_path, "/code/bootstrap") as process:
            invocation = process.invoke(b"")
        assert invocation.error_type == "CAExited"
        assert f"{tmp_path}/bootstrap" in json.loads(invocation.payload)["errorMessage"]

    def test_a_process_that_does_not_listen(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A process that does not listen in time is FC's FunctionNotStarted, and is ended."""
        monkeypatch.setattr(custom_runtime, "START_SECONDS", 0.5)
        with starting(tmp_path, "python3", "-uc", "import time; print('asleep'); time.sleep(60)") as process:
            invocation = process.invoke(b"")
        assert invocation.error_type == "FunctionNotStarted"
        assert "Logs: asleep" in json.loads(invocation.payload)["errorMessage"]

    def test_a_built_in_runtime_takes_no_http_request(self, tmp_path: Path) -> None:
        """An HTTP request for a built-in runtime has to become an event first."""
        spec = write_function(tmp_path, "def handler(event, context): pass")
        with FunctionProcess(spec, CALLER) as process, pytest.raises(TypeError, match="takes events"):
            process.invoke(Request("GET", "/"))

    def test_a_runtime_that_is_not_custom(self, tmp_path: Path) -> None:
        """A start command on a built-in runtime is refused."""
        with pytest.raises(ConfigurationError, match="does not fit"):
            custom(tmp_path, "", runtime="python3.12")


def _with_trigger(spec: Any, trigger: HttpTrigger) -> Any:
    from dataclasses import replace

    return replace(spec, triggers=(trigger,))
